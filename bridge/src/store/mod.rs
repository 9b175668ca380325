//! In: what tenants want kept. Out: the same again, after a crash too.
//! May touch: the folder `state` or a database, through a back end.
//! Security boundary: yes; each method is told whose things it is about, and gives nobody else's.
//!
//! Rules for every back end, held by one test suite (`bridge/tests/it/store`):
//! - A write that is answered with `Ok` is durable. One that is answered with an error is not there, unless the error says
//!   that this is unknown.
//! - Who wants to write on a condition says it in the same call: it is looked at in the transaction that writes.
//! - A back end that cannot work now says so, and works again when it can, without a restart.
//! - Every wait ends (`limits::STORE_WAIT_MS`), and every queue is bounded.

mod absent;
pub mod durable;
pub mod parked;
pub mod postgres;
pub mod scripts;
pub mod sqlite;

use durable::DurableRuns;
use futures::future::BoxFuture;
use mayfly_schemas::database::Database;
use parked::ParkedRuns;
use scripts::Scripts;
use std::path::Path;
use std::sync::Arc;

pub use sqlite::make_folder;

/// Everything durable. What else a back end comes to keep is another trait beside these.
pub trait Store: Scripts + ParkedRuns + DurableRuns {}

pub type Pending<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Why something was not stored, or not found out. The texts are for the log: they name files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the store is not available: {0}")]
    Unavailable(String),
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    #[error("the store has no room: {0}")]
    Full(String),
    #[error("too much waits for the store")]
    Overloaded,
    /// The condition that came with a write does not hold; `current` is what it was held against.
    #[error("the current version is {current:?}")]
    Conflict { current: Option<u64> },
    #[error("there is no such thing")]
    NotFound,
    /// More than one tenant may keep.
    #[error("{what}: the limit is {max}")]
    TooMuch { what: &'static str, max: u64 },
}

/// The store in this database, or in this folder, where nothing is made before the first write. Without either there is none.
pub fn open(folder: Option<&Path>, database: Option<&Database>) -> std::io::Result<Arc<dyn Store>> {
    Ok(match (database, folder) {
        (Some(Database { address, objects }), _) => {
            Arc::new(postgres::PostgresStore::open(postgres::Options::new(&address.0, objects.as_deref()))?)
        }
        (None, Some(folder)) => Arc::new(sqlite::SqliteStore::open(sqlite::Options::new(folder))?),
        (None, None) => Arc::new(absent::Absent),
    })
}
