//! In: a connection, a script's place. Out: rows of `migrations/0001_scripts.sql` as versions of scripts.
//! May touch: the database.
//! Security boundary: yes; every statement names the tenant.

use crate::store::StoreError;
use crate::store::scripts::{Author, Bounds, Condition, Content, Digest, Info, Key, Written, first_to_go};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params, params};

type Result<T> = std::result::Result<T, StoreError>;

const COLUMNS: &str = "v.name, v.version, v.digest, c.source_bytes, v.created_at_ms, v.role, v.rollback_to
    FROM script_versions v JOIN script_contents c ON c.tenant = v.tenant AND c.digest = v.digest";

pub fn put(
    db: &mut Connection,
    key: &Key,
    content: &Content,
    condition: &Condition,
    author: &Author,
    bounds: &Bounds,
) -> Result<Written> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let current = checked(&transaction, key, condition)?;
    let digest = content.digest();
    match current {
        Some(info) if info.digest == digest => Ok(Written { info, created: false, changed: false }),
        current => {
            if current.is_none() {
                count_scripts(&transaction, key, bounds)?;
            }
            insert_content(&transaction, key, content, &digest)?;
            let number = current.as_ref().map_or(1, |info| info.version + 1);
            add_version(&transaction, key, number, &digest, author, None, bounds)?;
            finish(transaction, key, current.is_none())
        }
    }
}

pub fn roll_back(
    db: &mut Connection,
    key: &Key,
    version: u64,
    condition: &Condition,
    author: &Author,
    bounds: &Bounds,
) -> Result<Written> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let current = checked(&transaction, key, condition)?.ok_or(StoreError::NotFound)?;
    let target = info(&transaction, key, Some(version))?.ok_or(StoreError::NotFound)?;
    if current.digest == target.digest {
        return Ok(Written { info: current, created: false, changed: false });
    }
    let number = current.version + 1;
    add_version(&transaction, key, number, &target.digest, author, Some(target.version), bounds)?;
    finish(transaction, key, false)
}

pub fn delete(db: &mut Connection, key: &Key, condition: &Condition) -> Result<Written> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let info = checked(&transaction, key, condition)?.ok_or(StoreError::NotFound)?;
    transaction.execute("DELETE FROM scripts WHERE tenant = ?1 AND name = ?2", (&key.tenant, &key.name))?;
    forget(&transaction, key, info.version)?;
    transaction.commit()?;
    Ok(Written { info, created: false, changed: true })
}

pub fn info(db: &Connection, key: &Key, version: Option<u64>) -> Result<Option<Info>> {
    let found = match version {
        None => db
            .prepare(&format!(
                "SELECT {COLUMNS} JOIN scripts s ON s.tenant = v.tenant AND s.name = v.name AND s.current = v.version
             WHERE v.tenant = ?1 AND v.name = ?2"
            ))?
            .query_row(params![key.tenant, key.name], read)
            .optional(),
        Some(version) => db
            .prepare(&format!("SELECT {COLUMNS} WHERE v.tenant = ?1 AND v.name = ?2 AND v.version = ?3"))?
            .query_row(params![key.tenant, key.name, int(version)], read)
            .optional(),
    };
    Ok(found?)
}

pub fn content(db: &Connection, tenant: &str, digest: &Digest) -> Result<Option<Content>> {
    let found: Option<(String, String)> = db
        .prepare("SELECT main, modules FROM script_contents WHERE tenant = ?1 AND digest = ?2")?
        .query_row(params![tenant, digest], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((main, modules)) = found else { return Ok(None) };
    let modules = serde_json::from_str(&modules)
        .map_err(|error| StoreError::Corrupt(format!("the modules of a script: {error}")))?;
    let content = Content { main, modules };
    // A text that is not the one its digest was made of is not run.
    match content.digest() == *digest {
        true => Ok(Some(content)),
        false => Err(StoreError::Corrupt("a script's text does not have its digest".into())),
    }
}

pub fn list(db: &Connection, tenant: &str, after: &str, limit: u32) -> Result<Vec<Info>> {
    let mut statement = db.prepare(&format!(
        "SELECT {COLUMNS} JOIN scripts s ON s.tenant = v.tenant AND s.name = v.name AND s.current = v.version
         WHERE v.tenant = ?1 AND v.name > ?2 ORDER BY v.name LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![tenant, after, limit], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn versions(db: &Connection, key: &Key, before: Option<u64>, limit: u32) -> Result<Vec<Info>> {
    let mut statement = db.prepare(&format!(
        "SELECT {COLUMNS} WHERE v.tenant = ?1 AND v.name = ?2 AND v.version < ?3 ORDER BY v.version DESC LIMIT ?4"
    ))?;
    let before = int(before.unwrap_or(u64::MAX));
    let rows = statement.query_map(params![key.tenant, key.name, before, limit], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The current version, if the condition holds of it.
fn checked(transaction: &Transaction<'_>, key: &Key, condition: &Condition) -> Result<Option<Info>> {
    let current = info(transaction, key, None)?;
    match condition.holds(current.as_ref()) {
        true => Ok(current),
        false => Err(StoreError::Conflict { current: current.map(|info| info.version) }),
    }
}

fn count_scripts(transaction: &Transaction<'_>, key: &Key, bounds: &Bounds) -> Result<()> {
    let count = "SELECT count(*) FROM scripts WHERE tenant = ?1";
    let count: i64 = transaction.query_row(count, [&key.tenant], |row| row.get(0))?;
    match uint(count) < bounds.scripts {
        true => Ok(()),
        false => Err(StoreError::TooMuch { what: "stored scripts of one tenant", max: bounds.scripts }),
    }
}

fn insert_content(transaction: &Transaction<'_>, key: &Key, content: &Content, digest: &Digest) -> Result<()> {
    let modules =
        serde_json::to_string(&content.modules).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    transaction.execute(
        "INSERT INTO script_contents (tenant, digest, source_bytes, main, modules) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![key.tenant, digest, int(content.bytes()), content.main, modules],
    )?;
    Ok(())
}

/// Makes it the current one, lets the oldest go, and holds what is left against what a tenant may keep.
fn add_version(
    transaction: &Transaction<'_>,
    key: &Key,
    number: u64,
    digest: &Digest,
    author: &Author,
    rollback_to: Option<u64>,
    bounds: &Bounds,
) -> Result<()> {
    transaction.execute(
        "INSERT INTO script_versions (tenant, name, version, digest, created_at_ms, role, rollback_to)
         VALUES (:tenant, :name, :version, :digest, :at_ms, :role, :rollback_to)",
        named_params! {
            ":tenant": key.tenant, ":name": key.name, ":version": int(number), ":digest": digest,
            ":at_ms": int(author.at_ms), ":role": author.role, ":rollback_to": rollback_to.map(int),
        },
    )?;
    transaction.execute(
        "INSERT INTO scripts (tenant, name, current) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, name) DO UPDATE SET current = excluded.current",
        params![key.tenant, key.name, int(number)],
    )?;
    let kept: Vec<_> = versions(transaction, key, None, u32::MAX)?
        .into_iter()
        .map(|info| (info.version, info.digest, info.source_bytes))
        .collect();
    if let Some(version) = first_to_go(&kept, bounds) {
        forget(transaction, key, version)?;
    }
    let bytes = "SELECT coalesce(sum(source_bytes), 0) FROM script_contents WHERE tenant = ?1";
    let bytes: i64 = transaction.query_row(bytes, [&key.tenant], |row| row.get(0))?;
    match uint(bytes) <= bounds.scripts_bytes {
        true => Ok(()),
        false => {
            Err(StoreError::TooMuch { what: "bytes of all versions of a tenant's scripts", max: bounds.scripts_bytes })
        }
    }
}

/// Versions up to this one, and the contents that nothing refers to then.
fn forget(transaction: &Transaction<'_>, key: &Key, up_to: u64) -> Result<()> {
    let place = params![key.tenant, key.name, int(up_to)];
    let digests: Vec<Vec<u8>> = transaction
        .prepare("SELECT DISTINCT digest FROM script_versions WHERE tenant = ?1 AND name = ?2 AND version <= ?3")?
        .query_map(place, |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    transaction.execute("DELETE FROM script_versions WHERE tenant = ?1 AND name = ?2 AND version <= ?3", place)?;
    let mut orphan = transaction.prepare(
        "DELETE FROM script_contents WHERE tenant = ?1 AND digest = ?2
         AND NOT EXISTS (SELECT 1 FROM script_versions WHERE tenant = ?1 AND digest = ?2)",
    )?;
    for digest in digests {
        orphan.execute(params![key.tenant, digest])?;
    }
    Ok(())
}

fn finish(transaction: Transaction<'_>, key: &Key, created: bool) -> Result<Written> {
    let info = info(&transaction, key, None)?.ok_or_else(|| StoreError::Corrupt("a script has no version".into()))?;
    transaction.commit()?;
    Ok(Written { info, created, changed: true })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Info> {
    Ok(Info {
        name: row.get(0)?,
        version: uint(row.get(1)?),
        digest: row.get(2)?,
        source_bytes: uint(row.get(3)?),
        created_at_ms: uint(row.get(4)?),
        role: row.get(5)?,
        rollback_to: row.get::<_, Option<i64>>(6)?.map(uint),
    })
}

/// SQLite's integers have a sign. Numbers of ours never come near it; what a client asks for may.
pub fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
