//! In: wishes of the bridge. Out: what one SQLite file answers, from a thread that writes and a few that read.
//! May touch: that file and its folder.
//! Security boundary: no; the file's mode is set in `file.rs`.
//!
//! One thread writes, because SQLite lets one write at a time anyway: there a queue is fairer than its locks.

mod durable;
mod file;
mod holders;
mod parked;
mod scripts;
mod worker;

use super::durable::{Adopted, DurableRuns, Last, Orphan, Tape};
use super::parked::{Head, ParkedRuns, Place, Row};
use super::scripts::{Author, Bounds, Condition, Content, Digest, Info, Key, Scripts, Written};
use super::{Pending, Store, StoreError};
use file::File;
pub use file::make_folder;
use futures::FutureExt;
use holders::Holders;
use mayfly_schemas::limits::STORE_READERS;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use worker::{Access, Worker};

pub struct Options {
    pub folder: PathBuf,
    pub bounds: Bounds,
    /// Pages that the database may have; for tests of a full disk.
    pub pages_max: Option<u32>,
}

impl Options {
    pub fn new(folder: &Path) -> Options {
        Options { folder: folder.to_owned(), bounds: Bounds::default(), pages_max: None }
    }
}

/// Dropped, it finishes what waits, and leaves one file behind.
pub struct SqliteStore {
    writer: Worker,
    readers: Vec<Worker>,
    turn: AtomicUsize,
    bounds: Bounds,
    holders: Arc<Holders>,
}

impl SqliteStore {
    /// Starts its threads. The file is opened when it is first needed, and made when it is first written to.
    pub fn open(options: Options) -> std::io::Result<SqliteStore> {
        let file = Arc::new(File::new(&options.folder, options.pages_max));
        let reader = |number| Worker::start(format!("store-read-{number}"), file.clone(), Access::Read);
        let readers = (0..STORE_READERS).map(reader).collect::<Result<_, _>>()?;
        let writer = Worker::start("store-write".into(), file, Access::Write)?;
        let holders = Arc::new(Holders::new(&options.folder)?);
        Ok(SqliteStore { writer, readers, turn: AtomicUsize::new(0), bounds: options.bounds, holders })
    }

    async fn write<T: Default + Send + 'static>(&self, work: impl Work<T>) -> Result<T, StoreError> {
        self.writer.ask(work).await
    }

    /// What was never written is empty.
    async fn read<T: Default + Send + 'static>(&self, work: impl Work<T>) -> Result<T, StoreError> {
        let turn = self.turn.fetch_add(1, Relaxed) % self.readers.len().max(1);
        self.readers.get(turn).unwrap_or(&self.writer).ask(work).await
    }
}

trait Work<T>: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static {}
impl<T, F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static> Work<T> for F {}

impl Store for SqliteStore {}

impl ParkedRuns for SqliteStore {
    fn park(&self, run: Row, holder: u64, now_ms: u64) -> Pending<'_, ()> {
        let (holders, bounds) = (self.holders.clone(), self.bounds);
        self.write(move |db: &mut Connection| parked::park(db, &run, holder, now_ms, &holders, &bounds)).boxed()
    }

    fn look(&self, place: Place, now_ms: u64) -> Pending<'_, Option<Head>> {
        let holders = self.holders.clone();
        self.read(move |db: &mut Connection| parked::look(db, &place, now_ms, &holders)).boxed()
    }

    fn take(&self, place: Place, sequence: u64, holder: u64, now_ms: u64) -> Pending<'_, Row> {
        let holders = self.holders.clone();
        let take = move |db: &mut Connection| parked::take(db, &place, sequence, holder, now_ms, &holders).map(Some);
        self.write(take).map(present).boxed()
    }

    fn forget(&self, place: Place, sequence: u64) -> Pending<'_, ()> {
        let holders = self.holders.clone();
        self.write(move |db: &mut Connection| parked::forget(db, &place, sequence, &holders)).boxed()
    }

    fn end(&self, place: Place, holder: u64) -> Pending<'_, ()> {
        let holders = self.holders.clone();
        self.write(move |db: &mut Connection| parked::end(db, &place, holder, &holders)).boxed()
    }

    fn lose(&self, place: Place, holder: u64, gone_at_ms: u64) -> Pending<'_, ()> {
        let holders = self.holders.clone();
        self.write(move |db: &mut Connection| parked::lose(db, &place, holder, gone_at_ms, &holders)).boxed()
    }

    fn list_parked(&self, tenant: String, before: String, limit: u32, now_ms: u64) -> Pending<'_, Vec<Head>> {
        let holders = self.holders.clone();
        self.read(move |db: &mut Connection| parked::list(db, &tenant, &before, limit, now_ms, &holders)).boxed()
    }
}

impl DurableRuns for SqliteStore {
    fn begin(&self, run: Row, holder: u64, now_ms: u64) -> Pending<'_, ()> {
        let (holders, bounds) = (self.holders.clone(), self.bounds);
        self.write(move |db: &mut Connection| durable::begin(db, &run, holder, now_ms, &holders, &bounds)).boxed()
    }

    fn append(&self, place: Place, sequence: u64, number: u64, entry: Vec<u8>, holder: u64) -> Pending<'_, ()> {
        let (holders, bounds) = (self.holders.clone(), self.bounds);
        let at = (sequence, number);
        self.write(move |db: &mut Connection| durable::append(db, &place, at, &entry, holder, &holders, &bounds))
            .boxed()
    }

    fn finish(&self, place: Place, last: Last, holder: u64) -> Pending<'_, ()> {
        let holders = self.holders.clone();
        self.write(move |db: &mut Connection| durable::finish(db, &place, &last, holder, &holders)).boxed()
    }

    fn orphans(&self, limit: u32) -> Pending<'_, Vec<Orphan>> {
        let holders = self.holders.clone();
        self.read(move |db: &mut Connection| durable::orphans(db, limit, &holders)).boxed()
    }

    fn adopt(&self, place: Place, sequence: u64, holder: u64) -> Pending<'_, Adopted> {
        let holders = self.holders.clone();
        let adopt = move |db: &mut Connection| durable::adopt(db, &place, sequence, holder, &holders).map(Some);
        self.write(adopt).map(present).boxed()
    }

    fn make_room(&self, tenant: String, count: u32) -> Pending<'_, u64> {
        self.write(move |db: &mut Connection| durable::make_room(db, &tenant, count)).boxed()
    }

    fn tape(&self, place: Place, now_ms: u64) -> Pending<'_, Option<Tape>> {
        self.read(move |db: &mut Connection| durable::tape(db, &place, now_ms)).boxed()
    }
}

impl Scripts for SqliteStore {
    fn put(&self, key: Key, content: Arc<Content>, condition: Condition, author: Author) -> Pending<'_, Written> {
        let bounds = self.bounds;
        let put = move |db: &mut Connection| scripts::put(db, &key, &content, &condition, &author, &bounds).map(Some);
        self.write(put).map(present).boxed()
    }

    fn roll_back(&self, key: Key, version: u64, condition: Condition, author: Author) -> Pending<'_, Written> {
        let bounds = self.bounds;
        let back =
            move |db: &mut Connection| scripts::roll_back(db, &key, version, &condition, &author, &bounds).map(Some);
        self.write(back).map(present).boxed()
    }

    fn delete(&self, key: Key, condition: Condition) -> Pending<'_, Written> {
        self.write(move |db: &mut Connection| scripts::delete(db, &key, &condition).map(Some)).map(present).boxed()
    }

    fn info(&self, key: Key, version: Option<u64>) -> Pending<'_, Option<Info>> {
        self.read(move |db: &mut Connection| scripts::info(db, &key, version)).boxed()
    }

    fn content(&self, tenant: String, digest: Digest) -> Pending<'_, Option<Content>> {
        self.read(move |db: &mut Connection| scripts::content(db, &tenant, &digest)).boxed()
    }

    fn list(&self, tenant: String, after: String, limit: u32) -> Pending<'_, Vec<Info>> {
        self.read(move |db: &mut Connection| scripts::list(db, &tenant, &after, limit)).boxed()
    }

    fn versions(&self, key: Key, before: Option<u64>, limit: u32) -> Pending<'_, Vec<Info>> {
        self.read(move |db: &mut Connection| scripts::versions(db, &key, before, limit)).boxed()
    }
}

/// A writer makes the database it does not find, so there always is an answer.
fn present<T>(answer: Result<Option<T>, StoreError>) -> Result<T, StoreError> {
    answer?.ok_or_else(|| StoreError::Unavailable("the database was not made".into()))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode as Code;
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => StoreError::Full(text),
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => StoreError::Corrupt(text),
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
                StoreError::Unavailable(format!("another process holds it: {text}"))
            }
            Some(_) => StoreError::Unavailable(text),
            // A column that holds what no version of ours wrote.
            None => StoreError::Corrupt(text),
        }
    }
}
