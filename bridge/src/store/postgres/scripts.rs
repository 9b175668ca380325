//! In: a connection, a script's place. Out: rows of `migrations/0001_scripts.sql` as versions of scripts.
//! May touch: the database.
//! Security boundary: yes; every statement names the tenant.

use super::desk::{Session, commit};
use super::statements::{all, change, get, get_uint, int, never_written, one, uint};
use crate::store::StoreError;
use crate::store::scripts::{Author, Bounds, Condition, Content, Digest, Info, Key, Written, first_to_go};
use deadpool_postgres::tokio_postgres::Row;
use deadpool_postgres::{GenericClient, Transaction};

type Result<T> = std::result::Result<T, StoreError>;

const COLUMNS: &str = "v.name, v.version, v.digest, c.source_bytes, v.created_at_ms, v.role, v.rollback_to
    FROM mayfly.script_versions v JOIN mayfly.script_contents c ON c.tenant = v.tenant AND c.digest = v.digest";

const CURRENT: &str =
    "JOIN mayfly.scripts s ON s.tenant = v.tenant AND s.name = v.name AND s.current = v.version WHERE v.tenant = $1";

pub async fn put(
    session: &mut Session,
    key: &Key,
    content: &Content,
    condition: &Condition,
    author: &Author,
    bounds: &Bounds,
) -> Result<Written> {
    let transaction = session.begin().await?;
    let current = checked(&transaction, key, condition).await?;
    let digest = content.digest();
    match current {
        Some(info) if info.digest == digest => Ok(Written { info, created: false, changed: false }),
        current => {
            if current.is_none() {
                count_scripts(&transaction, key, bounds).await?;
            }
            insert_content(&transaction, key, content, &digest).await?;
            let number = current.as_ref().map_or(1, |info| info.version + 1);
            add_version(&transaction, key, number, &digest, author, None, bounds).await?;
            finish(transaction, key, current.is_none()).await
        }
    }
}

pub async fn roll_back(
    session: &mut Session,
    key: &Key,
    version: u64,
    condition: &Condition,
    author: &Author,
    bounds: &Bounds,
) -> Result<Written> {
    let transaction = session.begin().await?;
    let current = checked(&transaction, key, condition).await?.ok_or(StoreError::NotFound)?;
    let target = info(&transaction, key, Some(version)).await?.ok_or(StoreError::NotFound)?;
    if current.digest == target.digest {
        return Ok(Written { info: current, created: false, changed: false });
    }
    let number = current.version + 1;
    add_version(&transaction, key, number, &target.digest, author, Some(target.version), bounds).await?;
    finish(transaction, key, false).await
}

pub async fn delete(session: &mut Session, key: &Key, condition: &Condition) -> Result<Written> {
    let transaction = session.begin().await?;
    let info = checked(&transaction, key, condition).await?.ok_or(StoreError::NotFound)?;
    let script = "DELETE FROM mayfly.scripts WHERE tenant = $1 AND name = $2";
    change(&transaction, script, &[&key.tenant, &key.name]).await?;
    forget(&transaction, key, info.version).await?;
    commit(transaction).await?;
    Ok(Written { info, created: false, changed: true })
}

pub async fn info(db: &impl GenericClient, key: &Key, version: Option<u64>) -> Result<Option<Info>> {
    if never_written(&key.tenant) || never_written(&key.name) {
        return Ok(None);
    }
    let found = match version {
        None => one(db, &format!("SELECT {COLUMNS} {CURRENT} AND v.name = $2"), &[&key.tenant, &key.name]).await?,
        Some(version) => {
            let text = format!("SELECT {COLUMNS} WHERE v.tenant = $1 AND v.name = $2 AND v.version = $3");
            one(db, &text, &[&key.tenant, &key.name, &int(version)]).await?
        }
    };
    found.as_ref().map(read).transpose()
}

pub async fn content(db: &impl GenericClient, tenant: &str, digest: &Digest) -> Result<Option<Content>> {
    let text = "SELECT main, modules FROM mayfly.script_contents WHERE tenant = $1 AND digest = $2";
    let Some(row) = one(db, text, &[&tenant, &&digest[..]]).await? else { return Ok(None) };
    let damaged = |error: &dyn std::fmt::Display| StoreError::Corrupt(format!("the text of a script: {error}"));
    let main = String::from_utf8(get(&row, 0)?).map_err(|error| damaged(&error))?;
    let modules = serde_json::from_slice(get(&row, 1)?).map_err(|error| damaged(&error))?;
    let content = Content { main, modules };
    // A text that is not the one its digest was made of is not run.
    match content.digest() == *digest {
        true => Ok(Some(content)),
        false => Err(StoreError::Corrupt("a script's text does not have its digest".into())),
    }
}

pub async fn list(db: &impl GenericClient, tenant: &str, after: &str, limit: u32) -> Result<Vec<Info>> {
    let text = format!("SELECT {COLUMNS} {CURRENT} AND v.name > $2 ORDER BY v.name LIMIT $3");
    all(db, &text, &[&tenant, &after, &i64::from(limit)]).await?.iter().map(read).collect()
}

pub async fn versions(db: &impl GenericClient, key: &Key, before: Option<u64>, limit: u32) -> Result<Vec<Info>> {
    let text = format!(
        "SELECT {COLUMNS} WHERE v.tenant = $1 AND v.name = $2 AND v.version < $3 ORDER BY v.version DESC LIMIT $4"
    );
    let before = int(before.unwrap_or(u64::MAX));
    all(db, &text, &[&key.tenant, &key.name, &before, &i64::from(limit)]).await?.iter().map(read).collect()
}

/// The current version, if the condition holds of it. From here to the end of the transaction nobody else writes to this
/// tenant's scripts, so what a tenant keeps can be counted.
async fn checked(transaction: &Transaction<'_>, key: &Key, condition: &Condition) -> Result<Option<Info>> {
    let lock =
        "INSERT INTO mayfly.script_tenants VALUES ($1) ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant";
    change(transaction, lock, &[&key.tenant]).await?;
    let current = info(transaction, key, None).await?;
    match condition.holds(current.as_ref()) {
        true => Ok(current),
        false => Err(StoreError::Conflict { current: current.map(|info| info.version) }),
    }
}

async fn count_scripts(transaction: &Transaction<'_>, key: &Key, bounds: &Bounds) -> Result<()> {
    let count = "SELECT count(*) FROM mayfly.scripts WHERE tenant = $1";
    match number(transaction, count, &key.tenant).await? < bounds.scripts {
        true => Ok(()),
        false => Err(StoreError::TooMuch { what: "stored scripts of one tenant", max: bounds.scripts }),
    }
}

async fn number(transaction: &Transaction<'_>, text: &str, tenant: &str) -> Result<u64> {
    one(transaction, text, &[&tenant]).await?.map_or(Ok(0), |row| get_uint(&row, 0))
}

async fn insert_content(transaction: &Transaction<'_>, key: &Key, content: &Content, digest: &Digest) -> Result<()> {
    let modules = serde_json::to_vec(&content.modules).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let insert = "INSERT INTO mayfly.script_contents (tenant, digest, source_bytes, main, modules)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let main = content.main.as_bytes();
    change(transaction, insert, &[&key.tenant, &&digest[..], &int(content.bytes()), &main, &modules]).await?;
    Ok(())
}

/// Makes it the current one, lets the oldest go, and holds what is left against what a tenant may keep.
async fn add_version(
    transaction: &Transaction<'_>,
    key: &Key,
    version: u64,
    digest: &Digest,
    author: &Author,
    rollback_to: Option<u64>,
    bounds: &Bounds,
) -> Result<()> {
    let insert = "INSERT INTO mayfly.script_versions (tenant, name, version, digest, created_at_ms, role, rollback_to)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (digest, at_ms, rollback_to) = (&digest[..], int(author.at_ms), rollback_to.map(int));
    let version = int(version);
    change(transaction, insert, &[&key.tenant, &key.name, &version, &digest, &at_ms, &author.role, &rollback_to])
        .await?;
    let current = "INSERT INTO mayfly.scripts (tenant, name, current) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, name) DO UPDATE SET current = excluded.current";
    change(transaction, current, &[&key.tenant, &key.name, &version]).await?;
    let kept: Vec<_> = versions(transaction, key, None, u32::MAX)
        .await?
        .into_iter()
        .map(|info| (info.version, info.digest, info.source_bytes))
        .collect();
    if let Some(version) = first_to_go(&kept, bounds) {
        forget(transaction, key, version).await?;
    }
    let bytes = "SELECT coalesce(sum(source_bytes), 0)::BIGINT FROM mayfly.script_contents WHERE tenant = $1";
    match number(transaction, bytes, &key.tenant).await? <= bounds.scripts_bytes {
        true => Ok(()),
        false => {
            Err(StoreError::TooMuch { what: "bytes of all versions of a tenant's scripts", max: bounds.scripts_bytes })
        }
    }
}

/// Versions up to this one, and the contents that nothing refers to then.
async fn forget(transaction: &Transaction<'_>, key: &Key, up_to: u64) -> Result<()> {
    let versions =
        "DELETE FROM mayfly.script_versions WHERE tenant = $1 AND name = $2 AND version <= $3 RETURNING digest";
    let gone = all(transaction, versions, &[&key.tenant, &key.name, &int(up_to)]).await?;
    let digests: Vec<Vec<u8>> = gone.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
    let orphans = "DELETE FROM mayfly.script_contents c WHERE c.tenant = $1 AND c.digest = ANY($2)
         AND NOT EXISTS (SELECT 1 FROM mayfly.script_versions v WHERE v.tenant = $1 AND v.digest = c.digest)";
    change(transaction, orphans, &[&key.tenant, &digests]).await?;
    Ok(())
}

async fn finish(transaction: Transaction<'_>, key: &Key, created: bool) -> Result<Written> {
    let info =
        info(&transaction, key, None).await?.ok_or_else(|| StoreError::Corrupt("a script has no version".into()))?;
    commit(transaction).await?;
    Ok(Written { info, created, changed: true })
}

fn read(row: &Row) -> Result<Info> {
    let digest: &[u8] = get(row, 2)?;
    Ok(Info {
        name: get(row, 0)?,
        version: get_uint(row, 1)?,
        digest: digest.try_into().map_err(|_| StoreError::Corrupt("a digest has another length".into()))?,
        source_bytes: get_uint(row, 3)?,
        created_at_ms: get_uint(row, 4)?,
        role: get(row, 5)?,
        rollback_to: get::<Option<i64>>(row, 6)?.map(uint),
    })
}
