//! In: work, a run's place. Out: rows of `migrations/0002_parked.sql` as parked runs.
//! May touch: the database; the object store.
//! Security boundary: yes; every statement names the tenant, but for what nobody is told of any more.
//!
//! Locks are taken in one order: the run's row, the node's, the tenant's sums. A transaction has one run's row, but for
//! `sweep`, which skips those that are locked and goes by tenant.

use super::desk::{Session, Work, commit};
use super::kept::{Kept, fetch, keep, remove};
use super::nodes::is_alive;
use super::statements::{all, change, get, get_uint, int, never_written, one};
use crate::store::StoreError;
use crate::store::parked::{Head, Place, Row, State};
use crate::store::scripts::Bounds;
use deadpool_postgres::{GenericClient, Transaction, tokio_postgres};
use mayfly_schemas::limits::PARKED_SWEPT_AT_ONCE;

type Result<T> = std::result::Result<T, StoreError>;

const PARKED: i16 = 0;
const TAKEN: i16 = 1;
const LOST: i16 = 2;

const COLUMNS: &str = "r.run, r.sequence, r.created_at_ms, r.expires_at_ms, r.engine, r.script, r.state,
        EXISTS (SELECT 1 FROM mayfly.nodes n WHERE n.node = r.node AND n.expires_at > clock_timestamp())";

/// What is kept of a run, and who has it.
struct Standing {
    sequence: u64,
    state: i16,
    node: String,
    holder: u64,
    objects: Vec<String>,
}

pub async fn park(work: &Work, run: Row, holder: u64, now_ms: u64) -> Result<()> {
    let bytes = run.bytes();
    let rest = keep(work, &run.place, run.rest).await?;
    let image = keep(work, &run.place, run.image).await?;
    let run = Row { rest: Vec::new(), image: Vec::new(), ..run };
    let parked = write(work, &run, bytes, (&rest, &image), holder, now_ms).await;
    if let Err(error) = &parked
        && !matches!(error, StoreError::Unavailable(_))
    {
        remove(work, [rest.object, image.object].into_iter().flatten().collect());
    }
    parked
}

async fn write(
    work: &Work,
    run: &Row,
    bytes: u64,
    (rest, image): (&Kept, &Kept),
    holder: u64,
    now_ms: u64,
) -> Result<()> {
    let mut session = work.session().await?;
    sweep(work, &mut session, now_ms).await?;
    let transaction = session.begin().await?;
    let standing = standing(&transaction, &run.place).await?;
    let statement = match &standing {
        None if run.sequence == 1 => {
            "INSERT INTO mayfly.parked_runs VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', 0, $9, $10, $11, $12, $13, $14)
             ON CONFLICT DO NOTHING"
        }
        Some(now)
            if now.sequence.checked_add(1) == Some(run.sequence) && now.is_held(work, &transaction, holder).await? =>
        {
            "UPDATE mayfly.parked_runs SET sequence = $3, created_at_ms = $4, expires_at_ms = $5, gone_at_ms = $6,
                 engine = $7, script = $8, state = 0, node = '', holder = 0, bytes = $9, head = $10, rest = $11,
                 image = $12, rest_object = $13, image_object = $14
             WHERE tenant = $1 AND run = $2"
        }
        _ => return Err(StoreError::Conflict { current: standing.map(|now| now.sequence) }),
    };
    let changed = change(
        &transaction,
        statement,
        &[
            &run.place.tenant,
            &run.place.run,
            &int(run.sequence),
            &int(run.created_at_ms),
            &int(run.expires_at_ms),
            &int(run.gone_at_ms),
            &run.engine,
            &run.script,
            &int(bytes),
            &run.head,
            &rest.bytes,
            &image.bytes,
            &rest.object,
            &image.object,
        ],
    )
    .await?;
    if changed == 0 {
        // Somebody else has begun it meanwhile.
        return Err(StoreError::Conflict { current: Some(1) });
    }
    within_bounds(&transaction, &run.place.tenant, &work.desk.bounds).await?;
    commit(transaction).await?;
    remove(work, standing.map(|now| now.objects).unwrap_or_default());
    Ok(())
}

/// What a tenant may keep; looked at after a write, which is undone where it was too much.
async fn within_bounds(transaction: &Transaction<'_>, tenant: &str, bounds: &Bounds) -> Result<()> {
    let sums = one(transaction, "SELECT runs, bytes FROM mayfly.parked_sums WHERE tenant = $1", &[&tenant]).await?;
    let Some(sums) = sums else { return Err(StoreError::Corrupt("a tenant's sums are not there".into())) };
    if get_uint(&sums, 0)? > bounds.parked {
        return Err(StoreError::TooMuch { what: "parked runs of one tenant", max: bounds.parked });
    }
    if get_uint(&sums, 1)? > bounds.parked_bytes {
        return Err(StoreError::TooMuch { what: "bytes of parked runs of one tenant", max: bounds.parked_bytes });
    }
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
    Ok(Some(Head { head: get(&row, 8)?, ..told(&row, &place.tenant, now_ms)? }))
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
    let whole = {
        let session = work.session().await?;
        whole(session.client()?, place).await?.ok_or(StoreError::NotFound)?
    };
    if whole.row.sequence != sequence || whole.state != PARKED || whole.row.expires_at_ms <= now_ms {
        return Err(StoreError::Conflict { current: Some(whole.row.sequence) });
    }
    let objects: Vec<String> = [&whole.rest.object, &whole.image.object].into_iter().flatten().cloned().collect();
    let (rest, image) = (fetch(work, whole.rest).await?, fetch(work, whole.image).await?);
    let row = Row { rest, image, ..whole.row };
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
        let taken =
            "UPDATE mayfly.parked_runs SET state = 1, node = $3, holder = $4, bytes = $5, rest = '', image = '',
                 rest_object = NULL, image_object = NULL WHERE tenant = $1 AND run = $2";
        let bytes = int(row.head.len() as u64);
        change(&transaction, taken, &[&place.tenant, &place.run, &node, &int(holder), &bytes]).await?;
        commit(transaction).await?;
        remove(work, objects);
        return Ok(row);
    }
    Err(StoreError::Unavailable("the lease of this process ends as soon as it begins".into()))
}

pub async fn forget(work: &Work, place: &Place, sequence: u64) -> Result<()> {
    let mut session = work.session().await?;
    let transaction = session.begin().await?;
    let now = standing(&transaction, place).await?.ok_or(StoreError::NotFound)?;
    if now.sequence != sequence || now.state == TAKEN && is_alive(&transaction, &now.node).await? {
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

pub async fn lose(work: &Work, place: &Place, holder: u64, gone_at_ms: u64) -> Result<()> {
    let mut session = work.session().await?;
    let transaction = session.begin().await?;
    let Some(now) = standing(&transaction, place).await? else { return Ok(()) };
    if now.is_held(work, &transaction, holder).await? {
        let lost = "UPDATE mayfly.parked_runs SET state = $3, node = '', holder = 0, gone_at_ms = $4
             WHERE tenant = $1 AND run = $2";
        change(&transaction, lost, &[&place.tenant, &place.run, &LOST, &int(gone_at_ms)]).await?;
        commit(transaction).await?;
    }
    Ok(())
}

async fn delete(transaction: &Transaction<'_>, place: &Place) -> Result<()> {
    let delete = "DELETE FROM mayfly.parked_runs WHERE tenant = $1 AND run = $2";
    change(transaction, delete, &[&place.tenant, &place.run]).await.map(drop)
}

/// From here to the end of the transaction nobody else writes to it.
async fn standing(transaction: &Transaction<'_>, place: &Place) -> Result<Option<Standing>> {
    let text = "SELECT sequence, state, node, holder, rest_object, image_object
         FROM mayfly.parked_runs WHERE tenant = $1 AND run = $2 FOR UPDATE";
    let Some(row) = one(transaction, text, &[&place.tenant, &place.run]).await? else { return Ok(None) };
    let objects: [Option<String>; 2] = [get(&row, 4)?, get(&row, 5)?];
    Ok(Some(Standing {
        sequence: get_uint(&row, 0)?,
        state: get(&row, 1)?,
        node: get(&row, 2)?,
        holder: get_uint(&row, 3)?,
        objects: objects.into_iter().flatten().collect(),
    }))
}

impl Standing {
    /// Whoever does not hold the run any more, or not in time, may write nothing.
    async fn is_held(&self, work: &Work, transaction: &Transaction<'_>, holder: u64) -> Result<bool> {
        Ok(self.state == TAKEN && self.holder == holder && work.desk.node.is_own(transaction, &self.node).await?)
    }
}

/// A row without what is elsewhere.
struct Whole {
    row: Row,
    state: i16,
    rest: Kept,
    image: Kept,
}

async fn whole(db: &impl GenericClient, place: &Place) -> Result<Option<Whole>> {
    let text = "SELECT sequence, created_at_ms, expires_at_ms, gone_at_ms, engine, script, head, rest, image,
             rest_object, image_object, state
         FROM mayfly.parked_runs WHERE tenant = $1 AND run = $2";
    let Some(row) = one(db, text, &[&place.tenant, &place.run]).await? else { return Ok(None) };
    Ok(Some(Whole {
        rest: Kept { bytes: get(&row, 7)?, object: get(&row, 9)? },
        image: Kept { bytes: get(&row, 8)?, object: get(&row, 10)? },
        state: get(&row, 11)?,
        row: Row {
            place: place.clone(),
            sequence: get_uint(&row, 0)?,
            created_at_ms: get_uint(&row, 1)?,
            expires_at_ms: get_uint(&row, 2)?,
            gone_at_ms: get_uint(&row, 3)?,
            engine: get(&row, 4)?,
            script: get(&row, 5)?,
            head: get(&row, 6)?,
            rest: Vec::new(),
            image: Vec::new(),
        },
    }))
}

/// `COLUMNS`, without the head.
fn told(row: &tokio_postgres::Row, tenant: &str, now_ms: u64) -> Result<Head> {
    let expires_at_ms = get_uint(row, 3)?;
    let state = match (get(row, 6)?, get(row, 7)?) {
        (PARKED, _) if expires_at_ms > now_ms => State::Parked,
        (PARKED, _) => State::Expired,
        (TAKEN, true) => State::Taken,
        _ => State::Lost,
    };
    Ok(Head {
        place: Place { tenant: tenant.to_owned(), run: get(row, 0)? },
        sequence: get_uint(row, 1)?,
        created_at_ms: get_uint(row, 2)?,
        expires_at_ms,
        engine: get(row, 4)?,
        script: get(row, 5)?,
        head: Vec::new(),
        state,
    })
}

/// Removes some of those that nobody is told of any more, whoever's they are.
async fn sweep(work: &Work, session: &mut Session, now_ms: u64) -> Result<()> {
    let any = "SELECT 1 FROM mayfly.parked_runs WHERE gone_at_ms <= $1 LIMIT 1";
    if one(session.client()?, any, &[&int(now_ms)]).await?.is_none() {
        return Ok(());
    }
    let transaction = session.begin().await?;
    let gone = "SELECT tenant, run, state, node, rest_object, image_object FROM mayfly.parked_runs
         WHERE gone_at_ms <= $1 ORDER BY gone_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED";
    let mut rows = Vec::new();
    for row in all(&transaction, gone, &[&int(now_ms), &i64::from(PARKED_SWEPT_AT_ONCE)]).await? {
        let place = Place { tenant: get(&row, 0)?, run: get(&row, 1)? };
        if get::<i16>(&row, 2)? != TAKEN || !is_alive(&transaction, get(&row, 3)?).await? {
            let objects: [Option<String>; 2] = [get(&row, 4)?, get(&row, 5)?];
            rows.push((place, objects));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_by(|(one, _), (other, _)| one.tenant.cmp(&other.tenant));
    for (place, _) in &rows {
        delete(&transaction, place).await?;
    }
    commit(transaction).await?;
    remove(work, rows.into_iter().flat_map(|(_, objects)| objects).flatten().collect());
    Ok(())
}
