//! In: work, a run's place. Out: rows of `migrations/0002_parked.sql` as parked runs.
//! May touch: the database; the object store.
//! Security boundary: yes; every statement names the tenant, but for what nobody is told of any more.

use super::desk::{Session, Work, commit};
use super::kept::{Kept, keep, remove, remove_unless_unknown};
use super::nodes::{LEASE_TOO_SHORT, is_alive};
use super::rows::{
    COLUMNS, Holder, LOST, PARKED, TAKEN, delete, hold, insert, replace, standing, told, whole, within_bounds,
};
use super::statements::{all, change, get, int, never_written, one};
use crate::store::StoreError;
use crate::store::parked::{Head, Place, Row};
use mayfly_schemas::limits::PARKED_SWEPT_AT_ONCE;

type Result<T> = std::result::Result<T, StoreError>;

pub async fn park(work: &Work, run: Row, holder: u64, now_ms: u64) -> Result<()> {
    let (run, bytes, rest, image) = apart(work, run).await?;
    let parked = write(work, &run, bytes, (&rest, &image), holder, now_ms).await;
    remove_unless_unknown(work, &parked, [rest.object, image.object]);
    parked
}

/// A run without its large parts, how large it is with them, and these.
pub async fn apart(work: &Work, run: Row) -> Result<(Row, u64, Kept, Kept)> {
    let bytes = run.bytes();
    let rest = keep(work, &run.place, run.rest).await?;
    let image = keep(work, &run.place, run.image).await?;
    Ok((Row { rest: Vec::new(), image: Vec::new(), ..run }, bytes, rest, image))
}

async fn write(work: &Work, run: &Row, bytes: u64, parts: (&Kept, &Kept), holder: u64, now_ms: u64) -> Result<()> {
    let mut session = work.session().await?;
    sweep(work, &mut session, now_ms).await?;
    let transaction = session.begin().await?;
    let standing = standing(&transaction, &run.place).await?;
    let is_written = match &standing {
        None if run.sequence == 1 => {
            insert(&transaction, run, bytes, parts, &Holder { state: PARKED, node: "", number: 0 }).await?
        }
        Some(now) if now.sequence.checked_add(1) == Some(run.sequence) => {
            let is_held = now.is_held(work, &transaction, holder).await?;
            if is_held {
                replace(&transaction, run, bytes, parts).await?;
            }
            is_held
        }
        _ => false,
    };
    if !is_written {
        return Err(StoreError::Conflict { current: standing.map(|now| now.sequence) });
    }
    within_bounds(work, &transaction, &run.place.tenant).await?;
    commit(transaction).await?;
    remove(work, standing.map(|now| now.objects).unwrap_or_default());
    Ok(())
}

pub async fn look(work: &Work, place: &Place, now_ms: u64) -> Result<Option<Head>> {
    if never_written(&place.run) {
        return Ok(None);
    }
    let text = format!(
        "SELECT {COLUMNS}, r.head FROM mayfly.parked_runs r
         WHERE r.tenant = $1 AND r.run = $2 AND (r.gone_at_ms > $3 OR r.state = 1)"
    );
    let session = work.session().await?;
    let found = one(session.client()?, &text, &[&place.tenant, &place.run, &int(now_ms)]).await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Head { head: get(&row, 9)?, ..told(&row, &place.tenant, now_ms)? }))
}

pub async fn list(work: &Work, tenant: &str, before: &str, limit: u32, now_ms: u64) -> Result<Vec<Head>> {
    let text = format!(
        "SELECT {COLUMNS} FROM mayfly.parked_runs r
         WHERE r.tenant = $1 AND ($2 = '' OR r.run < $2) AND (r.gone_at_ms > $3 OR r.state = 1)
         ORDER BY r.run DESC LIMIT $4"
    );
    let session = work.session().await?;
    let rows = all(session.client()?, &text, &[&tenant, &before, &int(now_ms), &i64::from(limit)]).await?;
    rows.iter().map(|row| told(row, tenant, now_ms)).collect()
}

/// Its objects are read before anything is locked, and the row is given away only as it was then.
pub async fn take(work: &Work, place: &Place, sequence: u64, holder: u64, now_ms: u64) -> Result<Row> {
    let found = whole(work.session().await?.client()?, place).await?.ok_or(StoreError::NotFound)?;
    let row = found.row();
    if row.sequence != sequence || found.state != PARKED || row.expires_at_ms <= now_ms {
        return Err(StoreError::Conflict { current: Some(row.sequence) });
    }
    let (row, objects) = found.fetch(work).await?;
    let mut session = work.session().await?;
    // Once more where this process turns out to be dead: under another name it lives.
    for _ in 0..2 {
        let node = work.desk.node.name(session.client()?).await?;
        let transaction = session.begin().await?;
        let now = standing(&transaction, place).await?.ok_or(StoreError::NotFound)?;
        if now.state != PARKED || now.sequence != sequence || now.objects != objects {
            return Err(StoreError::Conflict { current: Some(now.sequence) });
        }
        if !work.desk.node.is_own(&transaction, &node).await? {
            continue;
        }
        hold(&transaction, place, &node, holder).await?;
        if row.durable {
            commit(transaction).await?;
            return Ok(row);
        }
        let empty = "UPDATE mayfly.parked_runs SET bytes = $3, rest = '', image = '', rest_object = NULL,
                 image_object = NULL WHERE tenant = $1 AND run = $2";
        change(&transaction, empty, &[&place.tenant, &place.run, &int(row.head.len() as u64)]).await?;
        commit(transaction).await?;
        remove(work, objects);
        return Ok(row);
    }
    Err(StoreError::Unavailable(LEASE_TOO_SHORT.into()))
}

pub async fn forget(work: &Work, place: &Place, sequence: u64) -> Result<()> {
    let mut session = work.session().await?;
    let transaction = session.begin().await?;
    let now = standing(&transaction, place).await?.ok_or(StoreError::NotFound)?;
    let is_held = now.state == TAKEN && (now.durable || is_alive(&transaction, &now.node).await?);
    if now.sequence != sequence || is_held {
        return Err(StoreError::Conflict { current: Some(now.sequence) });
    }
    delete(&transaction, place).await?;
    commit(transaction).await?;
    remove(work, now.objects);
    Ok(())
}

pub async fn end(work: &Work, place: &Place, holder: u64) -> Result<()> {
    let mut session = work.session().await?;
    let transaction = session.begin().await?;
    let Some(now) = standing(&transaction, place).await? else { return Ok(()) };
    if now.is_held(work, &transaction, holder).await? {
        delete(&transaction, place).await?;
        commit(transaction).await?;
        remove(work, now.objects);
    }
    Ok(())
}

/// A durable run stays taken, by nobody.
pub async fn lose(work: &Work, place: &Place, holder: u64, gone_at_ms: u64) -> Result<()> {
    let mut session = work.session().await?;
    let transaction = session.begin().await?;
    let Some(now) = standing(&transaction, place).await? else { return Ok(()) };
    if now.is_held(work, &transaction, holder).await? {
        let lost =
            "UPDATE mayfly.parked_runs SET state = CASE WHEN durable THEN state ELSE $3 END, node = '', holder = 0,
                 gone_at_ms = CASE WHEN durable THEN gone_at_ms ELSE $4 END
             WHERE tenant = $1 AND run = $2";
        change(&transaction, lost, &[&place.tenant, &place.run, &LOST, &int(gone_at_ms)]).await?;
        commit(transaction).await?;
    }
    Ok(())
}

/// Removes some of those that nobody is told of any more, whoever's they are. Several rows at once, so it skips those that are
/// locked and goes by tenant, whose sums it locks.
pub async fn sweep(work: &Work, session: &mut Session, now_ms: u64) -> Result<()> {
    let any = "SELECT 1 FROM mayfly.parked_runs WHERE gone_at_ms <= $1 AND NOT (durable AND state = 1) LIMIT 1";
    if one(session.client()?, any, &[&int(now_ms)]).await?.is_none() {
        return Ok(());
    }
    let transaction = session.begin().await?;
    let gone = "SELECT tenant, run, state, node, rest_object, image_object FROM mayfly.parked_runs
         WHERE gone_at_ms <= $1 AND NOT (durable AND state = 1)
         ORDER BY gone_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED";
    let mut rows = Vec::new();
    for row in all(&transaction, gone, &[&int(now_ms), &i64::from(PARKED_SWEPT_AT_ONCE)]).await? {
        let place = Place { tenant: get(&row, 0)?, run: get(&row, 1)? };
        if get::<i16>(&row, 2)? != TAKEN || !is_alive(&transaction, get(&row, 3)?).await? {
            let objects: [Option<String>; 2] = [get(&row, 4)?, get(&row, 5)?];
            rows.push((place, objects));
        }
    }
    rows.sort_by(|(one, _), (other, _)| one.tenant.cmp(&other.tenant));
    for (place, _) in &rows {
        delete(&transaction, place).await?;
    }
    commit(transaction).await?;
    remove(work, rows.into_iter().flat_map(|(_, objects)| objects).flatten().collect());
    Ok(())
}
