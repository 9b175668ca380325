//! In: a connection, a run's place. Out: rows of `migrations/0002_parked.sql` as parked runs.
//! May touch: the database; the files that say which processes live.
//! Security boundary: yes; every statement names the tenant.

use super::holders::Holders;
use super::scripts::{int, uint};
use crate::store::StoreError;
use crate::store::parked::{Head, Place, Row, State};
use crate::store::scripts::Bounds;
use mayfly_schemas::limits::PARKED_SWEPT_AT_ONCE;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params, params};

type Result<T> = std::result::Result<T, StoreError>;

const PARKED: i64 = 0;
pub(super) const TAKEN: i64 = 1;
const LOST: i64 = 2;
pub(super) const COMPLETED: i64 = 3;
pub(super) const FAILED: i64 = 4;
pub(super) const CANCELLED: i64 = 5;

const COLUMNS: &str = "run, sequence, created_at_ms, expires_at_ms, engine, script, state, process, durable FROM parked_runs WHERE tenant = ?1";

/// What is kept of a run, and who has it.
pub(super) struct Standing {
    pub sequence: u64,
    pub expires_at_ms: u64,
    pub state: i64,
    pub process: String,
    pub holder: u64,
    pub durable: bool,
}

pub fn park(
    db: &mut Connection,
    run: &Row,
    holder: u64,
    now_ms: u64,
    holders: &Holders,
    bounds: &Bounds,
) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    sweep(&transaction, now_ms, holders)?;
    let standing = standing(&transaction, &run.place)?;
    let may = match &standing {
        None => run.sequence == 1,
        Some(now) => now.is_held(holder, holders)? && now.sequence.checked_add(1) == Some(run.sequence),
    };
    if !may {
        return Err(StoreError::Conflict { current: standing.map(|now| now.sequence) });
    }
    transaction.execute(
        "INSERT INTO parked_runs VALUES (:tenant, :run, :sequence, :created, :expires, :gone, :engine, :script,
             0, '', 0, :bytes, :head, :rest, :image, :durable)
         ON CONFLICT (tenant, run) DO UPDATE SET sequence = :sequence, created_at_ms = :created,
             expires_at_ms = :expires, gone_at_ms = :gone,
             engine = :engine, state = 0, process = '', holder = 0, bytes = :bytes, head = :head, rest = :rest,
             image = :image",
        named_params! {
            ":tenant": run.place.tenant, ":run": run.place.run, ":sequence": int(run.sequence),
            ":created": int(run.created_at_ms), ":expires": int(run.expires_at_ms), ":gone": int(run.gone_at_ms),
            ":engine": run.engine, ":script": run.script, ":bytes": int(run.bytes()),
            ":head": run.head, ":rest": run.rest, ":image": run.image, ":durable": run.durable,
        },
    )?;
    within_bounds(&transaction, &run.place.tenant, bounds)?;
    Ok(transaction.commit()?)
}

/// What a tenant may keep; looked at after a write, which is undone where it was too much.
pub(super) fn within_bounds(transaction: &Transaction<'_>, tenant: &str, bounds: &Bounds) -> Result<()> {
    let sums = "SELECT runs, bytes FROM parked_sums WHERE tenant = ?1";
    let (runs, bytes): (i64, i64) = transaction.query_row(sums, [tenant], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if uint(runs) > bounds.parked {
        return Err(StoreError::TooMuch { what: "parked runs of one tenant", max: bounds.parked });
    }
    if uint(bytes) > bounds.parked_bytes {
        return Err(StoreError::TooMuch { what: "bytes of parked runs of one tenant", max: bounds.parked_bytes });
    }
    Ok(())
}

pub fn look(db: &Connection, place: &Place, now_ms: u64, holders: &Holders) -> Result<Option<Head>> {
    let found = db
        .prepare(&format!("SELECT head, {COLUMNS} AND run = ?2 AND (gone_at_ms > ?3 OR state = 1)"))?
        .query_row(params![place.tenant, place.run, int(now_ms)], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, read(row, 1, &place.tenant)?))
        })
        .optional()?;
    Ok(found.map(|(bytes, raw)| Head { head: bytes, ..raw.told(now_ms, holders) }))
}

pub fn list(
    db: &Connection,
    tenant: &str,
    before: &str,
    limit: u32,
    now_ms: u64,
    holders: &Holders,
) -> Result<Vec<Head>> {
    let mut statement = db.prepare(&format!(
        "SELECT {COLUMNS} AND (?2 = '' OR run < ?2) AND (gone_at_ms > ?3 OR state = 1) ORDER BY run DESC LIMIT ?4"
    ))?;
    let rows = statement.query_map(params![tenant, before, int(now_ms), limit], |row| read(row, 0, tenant))?;
    rows.map(|row| Ok(row?.told(now_ms, holders))).collect()
}

pub fn take(
    db: &mut Connection,
    place: &Place,
    sequence: u64,
    holder: u64,
    now_ms: u64,
    holders: &Holders,
) -> Result<Row> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = standing(&transaction, place)?.ok_or(StoreError::NotFound)?;
    if now.state != PARKED || now.sequence != sequence || now.expires_at_ms <= now_ms {
        return Err(StoreError::Conflict { current: Some(now.sequence) });
    }
    let row = whole(&transaction, place)?;
    if row.durable {
        hold(&transaction, place, holder, holders)?;
    } else {
        transaction.execute(
            "UPDATE parked_runs SET state = 1, process = ?3, holder = ?4, bytes = ?5, rest = x'', image = x''
             WHERE tenant = ?1 AND run = ?2",
            params![place.tenant, place.run, holders.own()?, int(holder), int(row.head.len() as u64)],
        )?;
    }
    transaction.commit()?;
    Ok(row)
}

/// Somebody has it from now on.
pub(super) fn hold(transaction: &Transaction<'_>, place: &Place, holder: u64, holders: &Holders) -> Result<()> {
    transaction.execute(
        "UPDATE parked_runs SET state = 1, process = ?3, holder = ?4 WHERE tenant = ?1 AND run = ?2",
        params![place.tenant, place.run, holders.own()?, int(holder)],
    )?;
    Ok(())
}

pub(super) fn whole(db: &Connection, place: &Place) -> Result<Row> {
    let row = db.query_row(
        "SELECT sequence, created_at_ms, expires_at_ms, gone_at_ms, engine, script, head, rest, image, durable
         FROM parked_runs WHERE tenant = ?1 AND run = ?2",
        (&place.tenant, &place.run),
        |row| {
            Ok(Row {
                place: place.clone(),
                sequence: uint(row.get(0)?),
                created_at_ms: uint(row.get(1)?),
                expires_at_ms: uint(row.get(2)?),
                gone_at_ms: uint(row.get(3)?),
                engine: row.get(4)?,
                script: row.get(5)?,
                head: row.get(6)?,
                rest: row.get(7)?,
                image: row.get(8)?,
                durable: row.get(9)?,
            })
        },
    )?;
    Ok(row)
}

pub fn forget(db: &mut Connection, place: &Place, sequence: u64, holders: &Holders) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = standing(&transaction, place)?.ok_or(StoreError::NotFound)?;
    if now.sequence != sequence || now.state == TAKEN && (now.durable || holders.is_alive(&now.process)) {
        return Err(StoreError::Conflict { current: Some(now.sequence) });
    }
    remove(&transaction, place)?;
    Ok(transaction.commit()?)
}

pub fn end(db: &mut Connection, place: &Place, holder: u64, holders: &Holders) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(now) = standing(&transaction, place)?
        && now.is_held(holder, holders)?
    {
        remove(&transaction, place)?;
    }
    Ok(transaction.commit()?)
}

pub fn lose(db: &mut Connection, place: &Place, holder: u64, gone_at_ms: u64, holders: &Holders) -> Result<()> {
    // A durable run stays taken, by nobody.
    db.execute(
        "UPDATE parked_runs SET state = CASE durable WHEN 1 THEN 1 ELSE ?6 END, process = '', holder = 0,
             gone_at_ms = CASE durable WHEN 1 THEN gone_at_ms ELSE ?5 END
         WHERE tenant = ?1 AND run = ?2 AND state = 1 AND process = ?3 AND holder = ?4",
        params![place.tenant, place.run, holders.own()?, int(holder), int(gone_at_ms), LOST],
    )?;
    Ok(())
}

fn remove(transaction: &Transaction<'_>, place: &Place) -> Result<()> {
    transaction
        .execute("DELETE FROM parked_runs WHERE tenant = ?1 AND run = ?2", (&place.tenant, &place.run))
        .map(drop)
        .map_err(StoreError::from)
}

pub(super) fn standing(db: &Connection, place: &Place) -> Result<Option<Standing>> {
    let found = db
        .prepare(
            "SELECT sequence, expires_at_ms, state, process, holder, durable FROM parked_runs WHERE tenant = ?1 AND run = ?2",
        )?
        .query_row((&place.tenant, &place.run), |row| {
            Ok(Standing {
                sequence: uint(row.get(0)?),
                expires_at_ms: uint(row.get(1)?),
                state: row.get(2)?,
                process: row.get(3)?,
                holder: uint(row.get(4)?),
                durable: row.get(5)?,
            })
        })
        .optional()?;
    Ok(found)
}

impl Standing {
    /// Durable, and nobody has it.
    pub(super) fn is_orphan(&self, holders: &Holders) -> bool {
        self.durable && self.state == TAKEN && !holders.is_alive(&self.process)
    }

    pub(super) fn is_held(&self, holder: u64, holders: &Holders) -> Result<bool> {
        Ok(self.state == TAKEN && self.holder == holder && self.process == holders.own()?)
    }
}

/// A row, before it is known whether the process that has it lives.
struct Raw {
    head: Head,
    state: i64,
    process: String,
    durable: bool,
}

impl Raw {
    fn told(self, now_ms: u64, holders: &Holders) -> Head {
        let state = match self.state {
            PARKED if self.head.expires_at_ms > now_ms => State::Parked,
            PARKED => State::Expired,
            TAKEN if holders.is_alive(&self.process) => State::Taken,
            TAKEN if self.durable => State::Orphan,
            COMPLETED => State::Completed,
            FAILED => State::Failed,
            CANCELLED => State::Cancelled,
            _ => State::Lost,
        };
        Head { state, ..self.head }
    }
}

/// `COLUMNS`, from the one numbered `first`.
fn read(row: &rusqlite::Row<'_>, first: usize, tenant: &str) -> rusqlite::Result<Raw> {
    let head = Head {
        place: Place { tenant: tenant.to_owned(), run: row.get(first)? },
        sequence: uint(row.get(first + 1)?),
        created_at_ms: uint(row.get(first + 2)?),
        expires_at_ms: uint(row.get(first + 3)?),
        engine: row.get(first + 4)?,
        script: row.get(first + 5)?,
        head: Vec::new(),
        state: State::Parked,
    };
    Ok(Raw { head, state: row.get(first + 6)?, process: row.get(first + 7)?, durable: row.get(first + 8)? })
}

/// Removes some of those that nobody is told of any more, whoever's they are.
pub(super) fn sweep(transaction: &Transaction<'_>, now_ms: u64, holders: &Holders) -> Result<()> {
    let gone =
        "SELECT tenant, run, state, process FROM parked_runs WHERE gone_at_ms <= ?1 AND (durable = 0 OR state <> 1)
         ORDER BY gone_at_ms LIMIT ?2";
    let mut statement = transaction.prepare(gone)?;
    let rows = statement.query_map(params![int(now_ms), PARKED_SWEPT_AT_ONCE], |row| {
        let place = Place { tenant: row.get(0)?, run: row.get(1)? };
        Ok((place, row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
    })?;
    for row in rows {
        let (place, state, process) = row?;
        if state != TAKEN || !holders.is_alive(&process) {
            remove(transaction, &place)?;
        }
    }
    Ok(())
}
