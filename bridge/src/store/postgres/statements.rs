//! In: a statement and what belongs to it. Out: its rows.
//! May touch: the database.
//! Security boundary: no.

use crate::store::StoreError;
use deadpool_postgres::GenericClient;
use deadpool_postgres::tokio_postgres::Row;
use deadpool_postgres::tokio_postgres::types::{FromSql, ToSql};

type Result<T> = std::result::Result<T, StoreError>;

pub type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

pub async fn all(db: &impl GenericClient, text: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
    let statement = db.prepare_cached(text).await?;
    Ok(db.query(&statement, parameters).await?)
}

pub async fn one(db: &impl GenericClient, text: &str, parameters: Parameters<'_>) -> Result<Option<Row>> {
    let statement = db.prepare_cached(text).await?;
    Ok(db.query_opt(&statement, parameters).await?)
}

/// How many rows it changed.
pub async fn change(db: &impl GenericClient, text: &str, parameters: Parameters<'_>) -> Result<u64> {
    let statement = db.prepare_cached(text).await?;
    Ok(db.execute(&statement, parameters).await?)
}

/// A column, whose kind is looked at: what stands in a database may have been written by anybody.
pub fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    Ok(row.try_get(column)?)
}

pub fn get_uint(row: &Row, column: usize) -> Result<u64> {
    get::<i64>(row, column).map(uint)
}

/// Numbers of ours never come near the sign; what a client asks for may.
pub fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Text that no TEXT can hold: no row has such a name.
pub fn never_written(text: &str) -> bool {
    text.contains('\0')
}
