//! In: any wish. Out: the same refusal.
//! May touch: nothing.
//! Security boundary: no. `mayfly run` has no folder of its own, and makes none.

use super::durable::{Adopted, DurableRuns, Last, Orphan, Tape};
use super::parked::{Head, ParkedRuns, Place, Row};
use super::scripts::{Author, Condition, Content, Digest, Info, Key, Scripts, Written};
use super::{Pending, Store, StoreError};
use futures::FutureExt;
use std::future::ready;
use std::sync::Arc;

pub struct Absent;

impl Store for Absent {}

fn refuse<T: Send + 'static>() -> Pending<'static, T> {
    ready(Err(StoreError::Unavailable("this bridge was started without a `state` folder".into()))).boxed()
}

impl ParkedRuns for Absent {
    fn park(&self, _: Row, _: u64, _: u64) -> Pending<'_, ()> {
        refuse()
    }

    fn look(&self, _: Place, _: u64) -> Pending<'_, Option<Head>> {
        ready(Ok(None)).boxed()
    }

    fn take(&self, _: Place, _: u64, _: u64, _: u64) -> Pending<'_, Row> {
        refuse()
    }

    fn forget(&self, _: Place, _: u64) -> Pending<'_, ()> {
        refuse()
    }

    fn end(&self, _: Place, _: u64) -> Pending<'_, ()> {
        ready(Ok(())).boxed()
    }

    fn lose(&self, _: Place, _: u64, _: u64) -> Pending<'_, ()> {
        ready(Ok(())).boxed()
    }

    fn list_parked(&self, _: String, _: String, _: u32, _: u64) -> Pending<'_, Vec<Head>> {
        ready(Ok(Vec::new())).boxed()
    }
}

impl DurableRuns for Absent {
    fn begin(&self, _: Row, _: u64, _: u64) -> Pending<'_, ()> {
        refuse()
    }

    fn append(&self, _: Place, _: u64, _: u64, _: Vec<u8>, _: u64) -> Pending<'_, ()> {
        refuse()
    }

    fn finish(&self, _: Place, _: Last, _: u64) -> Pending<'_, ()> {
        refuse()
    }

    fn orphans(&self, _: u32) -> Pending<'_, Vec<Orphan>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn adopt(&self, _: Place, _: u64, _: u64) -> Pending<'_, Adopted> {
        refuse()
    }

    fn make_room(&self, _: String, _: u32) -> Pending<'_, u64> {
        ready(Ok(0)).boxed()
    }

    fn tape(&self, _: Place, _: u64) -> Pending<'_, Option<Tape>> {
        ready(Ok(None)).boxed()
    }
}

impl Scripts for Absent {
    fn put(&self, _: Key, _: Arc<Content>, _: Condition, _: Author) -> Pending<'_, Written> {
        refuse()
    }

    fn roll_back(&self, _: Key, _: u64, _: Condition, _: Author) -> Pending<'_, Written> {
        refuse()
    }

    fn delete(&self, _: Key, _: Condition) -> Pending<'_, Written> {
        refuse()
    }

    fn info(&self, _: Key, _: Option<u64>) -> Pending<'_, Option<Info>> {
        refuse()
    }

    fn content(&self, _: String, _: Digest) -> Pending<'_, Option<Content>> {
        refuse()
    }

    fn list(&self, _: String, _: String, _: u32) -> Pending<'_, Vec<Info>> {
        refuse()
    }

    fn versions(&self, _: Key, _: Option<u64>, _: u32) -> Pending<'_, Vec<Info>> {
        refuse()
    }
}
