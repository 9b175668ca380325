//! In: a transaction, a run's place. Out: a row of `parked_runs` as it stands, as it is told, or all of it.
//! May touch: the database.
//! Security boundary: yes; every statement names the tenant.
//!
//! Locks are taken in one order: the run's row, the node's, the tenant's sums.

use super::desk::Work;
use super::kept::{Kept, fetch};
use super::statements::{change, get, get_uint, int, one};
use crate::store::StoreError;
use crate::store::parked::{Head, Place, Row, State};
use deadpool_postgres::{GenericClient, Transaction, tokio_postgres};

type Result<T> = std::result::Result<T, StoreError>;

pub const PARKED: i16 = 0;
pub const TAKEN: i16 = 1;
pub const LOST: i16 = 2;
pub const COMPLETED: i16 = 3;
pub const FAILED: i16 = 4;
pub const CANCELLED: i16 = 5;

/// What `told` reads. The last but one is whether the process that has it lives.
pub const COLUMNS: &str = "r.run, r.sequence, r.created_at_ms, r.expires_at_ms, r.engine, r.script, r.state,
        EXISTS (SELECT 1 FROM mayfly.nodes n WHERE n.node = r.node AND n.expires_at > clock_timestamp()), r.durable";

/// What is kept of a run, and who has it.
pub struct Standing {
    pub sequence: u64,
    pub state: i16,
    pub node: String,
    pub holder: u64,
    pub durable: bool,
    pub objects: Vec<String>,
}

/// From here to the end of the transaction nobody else writes to it.
pub async fn standing(transaction: &Transaction<'_>, place: &Place) -> Result<Option<Standing>> {
    let text = "SELECT sequence, state, node, holder, durable, rest_object, image_object
         FROM mayfly.parked_runs WHERE tenant = $1 AND run = $2 FOR UPDATE";
    let Some(row) = one(transaction, text, &[&place.tenant, &place.run]).await? else { return Ok(None) };
    let objects: [Option<String>; 2] = [get(&row, 5)?, get(&row, 6)?];
    Ok(Some(Standing {
        sequence: get_uint(&row, 0)?,
        state: get(&row, 1)?,
        node: get(&row, 2)?,
        holder: get_uint(&row, 3)?,
        durable: get(&row, 4)?,
        objects: objects.into_iter().flatten().collect(),
    }))
}

impl Standing {
    /// Whoever does not hold the run any more, or not in time, may write nothing.
    pub async fn is_held(&self, work: &Work, transaction: &Transaction<'_>, holder: u64) -> Result<bool> {
        Ok(self.state == TAKEN && self.holder == holder && work.desk.node.is_own(transaction, &self.node).await?)
    }
}

/// Who has a run from now on.
pub struct Holder<'a> {
    pub state: i16,
    pub node: &'a str,
    pub number: u64,
}

/// False where there is a run of this name.
pub async fn insert(
    transaction: &Transaction<'_>,
    run: &Row,
    bytes: u64,
    (rest, image): (&Kept, &Kept),
    holder: &Holder<'_>,
) -> Result<bool> {
    let insert = "INSERT INTO mayfly.parked_runs VALUES
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT DO NOTHING";
    let inserted = change(
        transaction,
        insert,
        &[
            &run.place.tenant,
            &run.place.run,
            &int(run.sequence),
            &int(run.created_at_ms),
            &int(run.expires_at_ms),
            &int(run.gone_at_ms),
            &run.engine,
            &run.script,
            &holder.state,
            &holder.node,
            &int(holder.number),
            &int(bytes),
            &run.head,
            &rest.bytes,
            &image.bytes,
            &rest.object,
            &image.object,
            &run.durable,
        ],
    )
    .await?;
    Ok(inserted == 1)
}

/// Parked again, in its next sequence.
pub async fn replace(
    transaction: &Transaction<'_>,
    run: &Row,
    bytes: u64,
    (rest, image): (&Kept, &Kept),
) -> Result<()> {
    let replace = "UPDATE mayfly.parked_runs SET sequence = $3, created_at_ms = $4, expires_at_ms = $5, gone_at_ms = $6,
             engine = $7, script = $8, state = 0, node = '', holder = 0, bytes = $9, head = $10, rest = $11, image = $12,
             rest_object = $13, image_object = $14
         WHERE tenant = $1 AND run = $2";
    change(
        transaction,
        replace,
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
    .await
    .map(drop)
}

pub async fn hold(transaction: &Transaction<'_>, place: &Place, node: &str, holder: u64) -> Result<()> {
    let hold = "UPDATE mayfly.parked_runs SET state = 1, node = $3, holder = $4 WHERE tenant = $1 AND run = $2";
    change(transaction, hold, &[&place.tenant, &place.run, &node, &int(holder)]).await.map(drop)
}

pub async fn delete(transaction: &Transaction<'_>, place: &Place) -> Result<()> {
    let delete = "DELETE FROM mayfly.parked_runs WHERE tenant = $1 AND run = $2";
    change(transaction, delete, &[&place.tenant, &place.run]).await.map(drop)
}

/// What a tenant may keep; looked at after a write, which is undone where it was too much.
pub async fn within_bounds(work: &Work, transaction: &Transaction<'_>, tenant: &str) -> Result<()> {
    let bounds = &work.desk.bounds;
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

/// A row, before what is elsewhere was fetched.
pub struct Whole {
    row: Row,
    pub state: i16,
    /// The process that has it lives.
    pub is_alive: bool,
    rest: Kept,
    image: Kept,
}

/// Nothing is locked: who gives the row away looks again whether it is as it was.
pub async fn whole(db: &impl GenericClient, place: &Place) -> Result<Option<Whole>> {
    let text = format!(
        "SELECT {COLUMNS}, r.gone_at_ms, r.head, r.rest, r.image, r.rest_object, r.image_object
         FROM mayfly.parked_runs r WHERE r.tenant = $1 AND r.run = $2"
    );
    let Some(row) = one(db, &text, &[&place.tenant, &place.run]).await? else { return Ok(None) };
    Ok(Some(Whole {
        state: get(&row, 6)?,
        is_alive: get(&row, 7)?,
        rest: Kept { bytes: get(&row, 11)?, object: get(&row, 13)? },
        image: Kept { bytes: get(&row, 12)?, object: get(&row, 14)? },
        row: Row {
            place: place.clone(),
            sequence: get_uint(&row, 1)?,
            created_at_ms: get_uint(&row, 2)?,
            expires_at_ms: get_uint(&row, 3)?,
            gone_at_ms: get_uint(&row, 9)?,
            durable: get(&row, 8)?,
            engine: get(&row, 4)?,
            script: get(&row, 5)?,
            head: get(&row, 10)?,
            rest: Vec::new(),
            image: Vec::new(),
        },
    }))
}

impl Whole {
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// With what is elsewhere, and the names of that.
    pub async fn fetch(self, work: &Work) -> Result<(Row, Vec<String>)> {
        let objects = [&self.rest.object, &self.image.object].into_iter().flatten().cloned().collect();
        let (rest, image) = (fetch(work, self.rest).await?, fetch(work, self.image).await?);
        Ok((Row { rest, image, ..self.row }, objects))
    }
}

/// `COLUMNS`, without the head.
pub fn told(row: &tokio_postgres::Row, tenant: &str, now_ms: u64) -> Result<Head> {
    let expires_at_ms = get_uint(row, 3)?;
    let state = match (get(row, 6)?, get(row, 7)?, get(row, 8)?) {
        (PARKED, ..) if expires_at_ms > now_ms => State::Parked,
        (PARKED, ..) => State::Expired,
        (TAKEN, true, _) => State::Taken,
        (TAKEN, _, true) => State::Orphan,
        (COMPLETED, ..) => State::Completed,
        (FAILED, ..) => State::Failed,
        (CANCELLED, ..) => State::Cancelled,
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
