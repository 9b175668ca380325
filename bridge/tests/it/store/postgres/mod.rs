//! In: a PostgreSQL store. Out: what every store does, and what is this one's own.
//! May touch: PostgreSQL servers of the tests' own, temporary folders.
//! Security boundary: no; holds the tests of `store/postgres`.

mod database;
mod nodes;
mod objects;
mod s3;

use super::{BOUNDS, always, author, content, key, suite};
use crate::harness::postgres::shared;
use mayfly_bridge::store::postgres::{Options, PostgresStore};
use mayfly_bridge::store::{Store, StoreError};
use std::sync::Arc;

suite!(fresh);

fn fresh() -> Option<(Arc<dyn Store>, ())> {
    let store = open(&shared()?.database());
    Some((Arc::new(store), ()))
}

fn options(address: &str) -> Options {
    Options { bounds: BOUNDS, ..Options::new(address, None) }
}

fn open(address: &str) -> PostgresStore {
    PostgresStore::open(options(address)).unwrap()
}

async fn put(store: &dyn Store, name: &str, text: &str) -> Result<u64, StoreError> {
    store.put(key("acme", name), content(text), always(), author()).await.map(|written| written.info.version)
}

async fn current(store: &dyn Store, name: &str) -> Result<Option<u64>, StoreError> {
    store.info(key("acme", name), None).await.map(|info| info.map(|info| info.version))
}
