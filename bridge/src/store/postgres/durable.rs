//! In: work, a durable run's place. Out: rows of `migrations/0003_durable.sql` as what happened in it.
//! May touch: the database; the object store.
//! Security boundary: yes; every statement names the tenant but the one that looks for runs without a holder.

use super::desk::{Work, commit};
use super::kept::{Kept, fetch, keep, remove, remove_unless_unknown};
use super::nodes::{LEASE_TOO_SHORT, is_alive};
use super::parked::{apart, sweep};
use super::rows::{
    CANCELLED, COMPLETED, FAILED, Holder, Standing, TAKEN, hold, insert, standing, whole, within_bounds,
};
use super::statements::{all, change, get, get_uint, int, never_written, one};
use crate::store::StoreError;
use crate::store::durable::{Adopted, Last, Orphan, Tape};
use crate::store::parked::{Place, Row, State};
use deadpool_postgres::Transaction;

type Result<T> = std::result::Result<T, StoreError>;

pub async fn begin(work: &Work, run: Row, holder: u64, now_ms: u64) -> Result<()> {
    let (run, bytes, rest, image) = apart(work, Row { sequence: 1, durable: true, ..run }).await?;
    let begun = write(work, &run, bytes, (&rest, &image), holder, now_ms).await;
    remove_unless_unknown(work, &begun, [rest.object, image.object]);
    begun
}

async fn write(work: &Work, run: &Row, bytes: u64, parts: (&Kept, &Kept), holder: u64, now_ms: u64) -> Result<()> {
    let mut session = work.session().await?;
    sweep(work, &mut session, now_ms).await?;
    // Once more where this process turns out to be dead: under another name it lives.
    for _ in 0..2 {
        let node = work.desk.node.name(session.client()?).await?;
        let transaction = session.begin().await?;
        if !work.desk.node.is_own(&transaction, &node).await? {
            continue;
        }
        let taken = Holder { state: TAKEN, node: &node, number: holder };
        if !insert(&transaction, run, bytes, parts, &taken).await? {
            let now = standing(&transaction, &run.place).await?;
            return Err(StoreError::Conflict { current: now.map(|now| now.sequence) });
        }
        within_bounds(work, &transaction, &run.place.tenant).await?;
        return commit(transaction).await;
    }
    Err(StoreError::Unavailable(LEASE_TOO_SHORT.into()))
}

pub async fn append(
    work: &Work,
    place: &Place,
    (sequence, number): (u64, u64),
    entry: &[u8],
    holder: u64,
) -> Result<()> {
    let mut session = work.session().await?;
    let transaction = session.begin().await?;
    held(work, &transaction, place, sequence, holder).await?;
    // Who does not know whether it was kept keeps the same once more.
    let insert = "INSERT INTO mayfly.run_entries VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, run, sequence, number) DO UPDATE SET entry = excluded.entry";
    change(&transaction, insert, &[&place.tenant, &place.run, &int(sequence), &int(number), &entry]).await?;
    let bytes = "UPDATE mayfly.parked_runs SET bytes = bytes + $3 WHERE tenant = $1 AND run = $2";
    change(&transaction, bytes, &[&place.tenant, &place.run, &int(entry.len() as u64)]).await?;
    within_bounds(work, &transaction, &place.tenant).await?;
    commit(transaction).await
}

pub async fn finish(work: &Work, place: &Place, last: Last, holder: u64) -> Result<()> {
    let bytes = (last.head.len() + last.tape.len()) as u64;
    let tape = keep(work, place, last.tape).await?;
    let last = Last { tape: Vec::new(), ..last };
    let finished = ended(work, place, &last, &tape, bytes, holder).await;
    remove_unless_unknown(work, &finished, [tape.object, None]);
    finished
}

async fn ended(work: &Work, place: &Place, last: &Last, tape: &Kept, bytes: u64, holder: u64) -> Result<()> {
    let mut session = work.session().await?;
    let transaction = session.begin().await?;
    let now = held(work, &transaction, place, last.sequence, holder).await?;
    let state = match last.state {
        State::Completed => COMPLETED,
        State::Cancelled => CANCELLED,
        _ => FAILED,
    };
    let end = "UPDATE mayfly.parked_runs SET state = $3, node = '', holder = 0, gone_at_ms = $4, bytes = $5, head = $6,
             rest = $7, rest_object = $8, image = '', image_object = NULL WHERE tenant = $1 AND run = $2";
    change(
        &transaction,
        end,
        &[&place.tenant, &place.run, &state, &int(last.gone_at_ms), &int(bytes), &last.head, &tape.bytes, &tape.object],
    )
    .await?;
    let entries = "DELETE FROM mayfly.run_entries WHERE tenant = $1 AND run = $2";
    change(&transaction, entries, &[&place.tenant, &place.run]).await?;
    commit(transaction).await?;
    remove(work, now.objects);
    Ok(())
}

pub async fn orphans(work: &Work, limit: u32) -> Result<Vec<Orphan>> {
    let text = "SELECT r.tenant, r.run, r.sequence, r.engine FROM mayfly.parked_runs r
         WHERE r.durable AND r.state = 1 AND NOT EXISTS
             (SELECT 1 FROM mayfly.nodes n WHERE n.node = r.node AND n.expires_at > clock_timestamp())
         ORDER BY r.created_at_ms LIMIT $1";
    let session = work.session().await?;
    let rows = all(session.client()?, text, &[&i64::from(limit)]).await?;
    let orphan = |row| {
        let place = Place { tenant: get(row, 0)?, run: get(row, 1)? };
        Ok(Orphan { place, sequence: get_uint(row, 2)?, engine: get(row, 3)? })
    };
    rows.iter().map(orphan).collect()
}

/// Its objects are read before anything is locked, and the row is given away only as it was then.
pub async fn adopt(work: &Work, place: &Place, sequence: u64, holder: u64) -> Result<Adopted> {
    let found = whole(work.session().await?.client()?, place).await?.ok_or(StoreError::NotFound)?;
    let row = found.row();
    if row.sequence != sequence || !row.durable || found.state != TAKEN || found.is_alive {
        return Err(StoreError::Conflict { current: Some(row.sequence) });
    }
    let (row, objects) = found.fetch(work).await?;
    let mut session = work.session().await?;
    for _ in 0..2 {
        let node = work.desk.node.name(session.client()?).await?;
        let transaction = session.begin().await?;
        let now = standing(&transaction, place).await?.ok_or(StoreError::NotFound)?;
        let is_same = now.durable && now.state == TAKEN && now.sequence == sequence && now.objects == objects;
        if !is_same || is_alive(&transaction, &now.node).await? {
            return Err(StoreError::Conflict { current: Some(now.sequence) });
        }
        if !work.desk.node.is_own(&transaction, &node).await? {
            continue;
        }
        let text = "SELECT number, entry FROM mayfly.run_entries WHERE tenant = $1 AND run = $2 AND sequence = $3
             ORDER BY number";
        let entries = all(&transaction, text, &[&place.tenant, &place.run, &int(sequence)]).await?;
        let entries = entries.iter().map(|row| Ok((get_uint(row, 0)?, get(row, 1)?))).collect::<Result<_>>()?;
        hold(&transaction, place, &node, holder).await?;
        commit(transaction).await?;
        return Ok(Adopted { row, entries });
    }
    Err(StoreError::Unavailable(LEASE_TOO_SHORT.into()))
}

pub async fn make_room(work: &Work, tenant: &str, count: u32) -> Result<u64> {
    let text = "DELETE FROM mayfly.parked_runs WHERE tenant = $1 AND run = ANY(ARRAY(SELECT run FROM mayfly.parked_runs
             WHERE tenant = $1 AND durable AND state >= 3 ORDER BY run LIMIT $2 FOR UPDATE SKIP LOCKED))
         RETURNING rest_object";
    let removed = {
        let session = work.session().await?;
        all(session.client()?, text, &[&tenant, &i64::from(count)]).await?
    };
    let objects = removed.iter().map(|row| get::<Option<String>>(row, 0)).collect::<Result<Vec<_>>>()?;
    remove(work, objects.into_iter().flatten().collect());
    Ok(removed.len() as u64)
}

pub async fn tape(work: &Work, place: &Place, now_ms: u64) -> Result<Option<Tape>> {
    if never_written(&place.run) {
        return Ok(None);
    }
    let text = "SELECT sequence, created_at_ms, expires_at_ms, engine, rest, rest_object FROM mayfly.parked_runs
         WHERE tenant = $1 AND run = $2 AND durable AND state >= 3 AND gone_at_ms > $3";
    let found = {
        let session = work.session().await?;
        one(session.client()?, text, &[&place.tenant, &place.run, &int(now_ms)]).await?
    };
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Tape {
        sequence: get_uint(&row, 0)?,
        created_at_ms: get_uint(&row, 1)?,
        expires_at_ms: get_uint(&row, 2)?,
        engine: get(&row, 3)?,
        bytes: fetch(work, Kept { bytes: get(&row, 4)?, object: get(&row, 5)? }).await?,
    }))
}

/// Whoever does not hold the run any more may write nothing.
async fn held(
    work: &Work,
    transaction: &Transaction<'_>,
    place: &Place,
    sequence: u64,
    holder: u64,
) -> Result<Standing> {
    match standing(transaction, place).await? {
        Some(now) if now.durable && now.sequence == sequence && now.is_held(work, transaction, holder).await? => {
            Ok(now)
        }
        now => Err(StoreError::Conflict { current: now.map(|now| now.sequence) }),
    }
}
