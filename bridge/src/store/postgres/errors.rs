//! In: what PostgreSQL or the way to it says. Out: an error of the store, in words for the log.
//! May touch: nothing.
//! Security boundary: yes: of what the database says the message is told, never the detail, which quotes rows.

use crate::store::StoreError;
use deadpool_postgres::PoolError;
use deadpool_postgres::tokio_postgres::Error;
use deadpool_postgres::tokio_postgres::error::SqlState;
use std::error::Error as _;

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        let Some(code) = error.code() else { return without_code(&error) };
        let message = error.as_db_error().map_or("", |error| error.message());
        let text = format!("{message} (SQLSTATE {})", code.code());
        match code.code() {
            // A text that no TEXT can hold was never written, so there is no such thing.
            code if code == SqlState::CHARACTER_NOT_IN_REPERTOIRE.code() => StoreError::NotFound,
            code if code == SqlState::DISK_FULL.code() => StoreError::Full(text),
            code if code.starts_with("XX") && code != SqlState::INTERNAL_ERROR.code() => StoreError::Corrupt(text),
            code if code == SqlState::LOCK_NOT_AVAILABLE.code() => {
                StoreError::Unavailable(format!("another process holds it: {text}"))
            }
            _ => StoreError::Unavailable(text),
        }
    }
}

/// Not said by the database: either the way to it broke, or a column holds what no version of ours wrote.
fn without_code(error: &Error) -> StoreError {
    let text = chain(error);
    match text.starts_with("error deserializing column") {
        true => StoreError::Corrupt(text),
        false => StoreError::Unavailable(text),
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

pub fn of_pool(error: PoolError) -> StoreError {
    match error {
        PoolError::Timeout(_) => StoreError::Unavailable("the database does not answer".into()),
        PoolError::Backend(error) => error.into(),
        other => StoreError::Unavailable(other.to_string()),
    }
}

/// Of a commit: the database may have done it before the way to it broke.
pub fn of_commit(error: Error) -> StoreError {
    let is_told = error.code().is_some();
    match StoreError::from(error) {
        StoreError::Unavailable(text) if !is_told => unknown(&text),
        told => told,
    }
}

pub fn unknown(why: &str) -> StoreError {
    StoreError::Unavailable(format!("{why}; whether a write took place is not known"))
}
