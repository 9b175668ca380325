//! In: a connection, a durable run's place. Out: rows of `migrations/0003_durable.sql` as what happened in it.
//! May touch: the database; the files that say which processes live.
//! Security boundary: yes; every statement names the tenant but the one that looks for runs without a holder.

use super::holders::Holders;
use super::parked::{CANCELLED, COMPLETED, FAILED, Standing, hold, standing, sweep, whole, within_bounds};
use super::scripts::{int, uint};
use crate::store::StoreError;
use crate::store::durable::{Adopted, Last, Orphan, Tape};
use crate::store::parked::{Place, Row, State};
use crate::store::scripts::Bounds;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params, params};

type Result<T> = std::result::Result<T, StoreError>;

pub fn begin(
    db: &mut Connection,
    run: &Row,
    holder: u64,
    now_ms: u64,
    holders: &Holders,
    bounds: &Bounds,
) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    sweep(&transaction, now_ms, holders)?;
    if let Some(now) = standing(&transaction, &run.place)? {
        return Err(StoreError::Conflict { current: Some(now.sequence) });
    }
    transaction.execute(
        "INSERT INTO parked_runs VALUES (:tenant, :run, 1, :created, :expires, :gone, :engine, :script,
             1, :process, :holder, :bytes, :head, :rest, :image, 1)",
        named_params! {
            ":tenant": run.place.tenant, ":run": run.place.run, ":created": int(run.created_at_ms),
            ":expires": int(run.expires_at_ms), ":gone": int(run.gone_at_ms), ":engine": run.engine,
            ":script": run.script, ":process": holders.own()?, ":holder": int(holder), ":bytes": int(run.bytes()),
            ":head": run.head, ":rest": run.rest, ":image": run.image,
        },
    )?;
    within_bounds(&transaction, &run.place.tenant, bounds)?;
    Ok(transaction.commit()?)
}

pub fn append(
    db: &mut Connection,
    place: &Place,
    (sequence, number): (u64, u64),
    entry: &[u8],
    holder: u64,
    holders: &Holders,
    bounds: &Bounds,
) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    held(&transaction, place, sequence, holder, holders)?;
    // Who does not know whether it was kept keeps the same once more.
    transaction.execute(
        "INSERT OR REPLACE INTO run_entries VALUES (?1, ?2, ?3, ?4, ?5)",
        params![place.tenant, place.run, int(sequence), int(number), entry],
    )?;
    transaction.execute(
        "UPDATE parked_runs SET bytes = bytes + ?3 WHERE tenant = ?1 AND run = ?2",
        params![place.tenant, place.run, int(entry.len() as u64)],
    )?;
    within_bounds(&transaction, &place.tenant, bounds)?;
    Ok(transaction.commit()?)
}

pub fn finish(db: &mut Connection, place: &Place, last: &Last, holder: u64, holders: &Holders) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    held(&transaction, place, last.sequence, holder, holders)?;
    let state = match last.state {
        State::Completed => COMPLETED,
        State::Cancelled => CANCELLED,
        _ => FAILED,
    };
    let bytes = (last.head.len() + last.tape.len()) as u64;
    transaction.execute(
        "UPDATE parked_runs SET state = :state, process = '', holder = 0, gone_at_ms = :gone, bytes = :bytes, head = :head,
             rest = :tape, image = x'' WHERE tenant = :tenant AND run = :run",
        named_params! {
            ":tenant": place.tenant, ":run": place.run, ":state": state, ":gone": int(last.gone_at_ms),
            ":bytes": int(bytes), ":head": last.head, ":tape": last.tape,
        },
    )?;
    transaction.execute("DELETE FROM run_entries WHERE tenant = ?1 AND run = ?2", (&place.tenant, &place.run))?;
    Ok(transaction.commit()?)
}

pub fn orphans(db: &Connection, limit: u32, holders: &Holders) -> Result<Vec<Orphan>> {
    let mut statement = db.prepare(
        "SELECT tenant, run, sequence, engine, process FROM parked_runs WHERE durable = 1 AND state = 1
         ORDER BY created_at_ms",
    )?;
    let rows = statement.query_map([], |row| {
        let place = Place { tenant: row.get(0)?, run: row.get(1)? };
        Ok((Orphan { place, sequence: uint(row.get(2)?), engine: row.get(3)? }, row.get::<_, String>(4)?))
    })?;
    let mut found = Vec::new();
    // Few processes hold many runs each.
    let mut known: std::collections::HashMap<String, bool> = std::collections::HashMap::new();
    for row in rows {
        let (orphan, process) = row?;
        if !*known.entry(process).or_insert_with_key(|process| holders.is_alive(process)) {
            found.push(orphan);
        }
        if found.len() >= limit as usize {
            break;
        }
    }
    Ok(found)
}

pub fn adopt(db: &mut Connection, place: &Place, sequence: u64, holder: u64, holders: &Holders) -> Result<Adopted> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = standing(&transaction, place)?.ok_or(StoreError::NotFound)?;
    if now.sequence != sequence || !now.is_orphan(holders) {
        return Err(StoreError::Conflict { current: Some(now.sequence) });
    }
    let row = whole(&transaction, place)?;
    let entries = {
        let mut statement = transaction.prepare(
            "SELECT number, entry FROM run_entries WHERE tenant = ?1 AND run = ?2 AND sequence = ?3 ORDER BY number",
        )?;
        let rows = statement
            .query_map(params![place.tenant, place.run, int(sequence)], |row| Ok((uint(row.get(0)?), row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()?
    };
    hold(&transaction, place, holder, holders)?;
    transaction.commit()?;
    Ok(Adopted { row, entries })
}

pub fn make_room(db: &mut Connection, tenant: &str, count: u32) -> Result<u64> {
    let removed = db.execute(
        "DELETE FROM parked_runs WHERE tenant = ?1 AND run IN (SELECT run FROM parked_runs
             WHERE tenant = ?1 AND durable = 1 AND state >= 3 ORDER BY run LIMIT ?2)",
        params![tenant, count],
    )?;
    Ok(removed as u64)
}

pub fn tape(db: &Connection, place: &Place, now_ms: u64) -> Result<Option<Tape>> {
    let found = db
        .prepare(
            "SELECT sequence, created_at_ms, expires_at_ms, engine, rest FROM parked_runs
             WHERE tenant = ?1 AND run = ?2 AND durable = 1 AND state >= 3 AND gone_at_ms > ?3",
        )?
        .query_row(params![place.tenant, place.run, int(now_ms)], |row| {
            Ok(Tape {
                sequence: uint(row.get(0)?),
                created_at_ms: uint(row.get(1)?),
                expires_at_ms: uint(row.get(2)?),
                engine: row.get(3)?,
                bytes: row.get(4)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Whoever does not hold the run any more may write nothing.
fn held(transaction: &Transaction<'_>, place: &Place, sequence: u64, holder: u64, holders: &Holders) -> Result<()> {
    let now: Option<Standing> = standing(transaction, place)?;
    match now {
        Some(now) if now.durable && now.sequence == sequence && now.is_held(holder, holders)? => Ok(()),
        now => Err(StoreError::Conflict { current: now.map(|now| now.sequence) }),
    }
}
