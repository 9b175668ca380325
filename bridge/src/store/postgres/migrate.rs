//! In: a connection. Out: the schema `mayfly` of its database, in its newest form.
//! May touch: that schema.
//! Security boundary: no; a schema of that name that is not ours is left alone.

use super::desk::Session;
use super::errors::of_commit;
use crate::store::StoreError;
use deadpool_postgres::GenericClient;

/// Each brings a database of the version before, which is its place in this list, to its own. Never changed, only added to.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_scripts.sql"),
    include_str!("migrations/0002_parked.sql"),
    include_str!("migrations/0003_durable.sql"),
];

/// Of the lock that nodes take which begin at the same time: "mayfly" in bytes.
const LOCK: i64 = 0x006d_6179_666c_7900;

/// In one transaction. A database of a newer Mayfly, or of something else, is refused.
pub async fn migrate(session: &mut Session) -> Result<(), StoreError> {
    let encoding: String = session.client()?.query_one("SHOW server_encoding", &[]).await?.get(0);
    if encoding != "UTF8" {
        return Err(StoreError::Unavailable(format!("the database's encoding is {encoding}; make one with UTF8")));
    }
    if version(session.client()?).await? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = session.begin().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // Another process may have been quicker.
    let have = version(&transaction).await?;
    if have > MIGRATIONS.len() {
        let known = MIGRATIONS.len();
        let text = format!("it has schema {have}, made by a newer Mayfly; this one knows up to {known}");
        return Err(StoreError::Unavailable(text));
    }
    if have == 0 {
        // `IF NOT EXISTS` wants the right to create schemas even where there is one that the operator made.
        let there: bool = transaction.query_one("SELECT to_regnamespace('mayfly') IS NOT NULL", &[]).await?.get(0);
        if !there {
            transaction.batch_execute("CREATE SCHEMA mayfly").await?;
        }
        let table = "CREATE TABLE mayfly.schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)";
        transaction.batch_execute(table).await?;
    }
    for (number, migration) in (1_i32..).zip(MIGRATIONS).skip(have) {
        transaction.batch_execute(migration).await?;
        transaction.execute("INSERT INTO mayfly.schema_version VALUES ($1, clock_timestamp())", &[&number]).await?;
    }
    transaction.commit().await.map_err(of_commit)
}

/// 0 where there is no schema, or an empty one.
async fn version(db: &impl GenericClient) -> Result<usize, StoreError> {
    let tables = "SELECT count(*), count(*) FILTER (WHERE tablename = 'schema_version') FROM pg_catalog.pg_tables
         WHERE schemaname = 'mayfly'";
    let found = db.query_one(tables, &[]).await?;
    match (found.try_get::<_, i64>(0)?, found.try_get::<_, i64>(1)?) {
        (0, _) => Ok(0),
        (_, 0) => Err(StoreError::Unavailable("its schema `mayfly` is that of something else".into())),
        _ => {
            let highest = "SELECT coalesce(max(version), 0) FROM mayfly.schema_version";
            let version: i32 = db.query_one(highest, &[]).await?.try_get(0)?;
            usize::try_from(version).map_err(|_| StoreError::Corrupt(format!("its schema is {version}")))
        }
    }
}
