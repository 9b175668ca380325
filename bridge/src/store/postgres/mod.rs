//! In: wishes of the bridge. Out: what a PostgreSQL database answers, that any number of bridges share.
//! May touch: that database; a folder or bucket for what is large.
//! Security boundary: no; passwords are in `address.rs`.

mod address;
mod desk;
mod durable;
mod errors;
mod kept;
mod migrate;
mod nodes;
mod objects;
mod parked;
mod rows;
mod s3;
mod scripts;
mod statements;

use super::durable::{Adopted, DurableRuns, Last, Orphan, Tape};
use super::parked::{Head, ParkedRuns, Place, Row};
use super::scripts::{Author, Bounds, Condition, Content, Digest, Info, Key, Scripts, Written};
use super::{Pending, Store, StoreError};
use desk::{Desk, Engine, Work};
use futures::FutureExt;
use mayfly_schemas::limits::{
    STORE_LEASE_MS, STORE_LEASE_RENEW_MS, STORE_OBJECT_ORPHAN_MS, STORE_OBJECTS_SWEEP_MS, STORE_WAIT_MS,
};
use nodes::Node;
use objects::Objects;
use rustls::pki_types::CertificateDer;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

pub struct Options {
    /// `postgres://...`, or `env:NAME` of the variable that has it.
    pub address: String,
    /// `file:///...` or `s3://...`; without it everything is in rows.
    pub objects: Option<String>,
    /// `AWS_*`: where a bucket is, and who asks for it.
    pub environment: Vec<(String, String)>,
    /// Certificate authorities that the database is believed by, besides the system's.
    pub roots: Vec<CertificateDer<'static>>,
    pub bounds: Bounds,
    /// How long this process is believed to live when nothing is heard of it, and how often it is heard.
    pub lease_ms: u64,
    pub renew_ms: u64,
}

impl Options {
    pub fn new(address: &str, objects: Option<&str>) -> Options {
        Options {
            address: address.to_owned(),
            objects: objects.map(str::to_owned),
            environment: std::env::vars_os().filter_map(variable).collect(),
            roots: Vec::new(),
            bounds: Bounds::default(),
            lease_ms: STORE_LEASE_MS,
            renew_ms: STORE_LEASE_RENEW_MS,
        }
    }
}

/// Dropped, it finishes what waits, and lets go of the runs that it holds.
pub struct PostgresStore(Engine);

impl PostgresStore {
    /// Starts its thread. A database that is not there now is an error of whoever needs it until it is.
    pub fn open(options: Options) -> std::io::Result<PostgresStore> {
        let server = address::server(&options.address, &options.roots)?;
        let objects = options.objects.as_deref();
        let objects = objects.map(|address| Objects::open(address, &options.environment)).transpose()?;
        let desk = Desk::new(server, Node::new(options.lease_ms), objects, options.bounds)?;
        Ok(PostgresStore(Engine::start(desk, move |work| idle(work, options.renew_ms))?))
    }

    /// Removes objects that were written longer ago and that no row names; says how many.
    pub async fn sweep_objects(&self, age: Duration) -> Result<usize, StoreError> {
        self.0.ask(async move |work| kept::sweep_objects(&work, age).await).await
    }
}

fn variable((name, value): (OsString, OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

/// The newest schema, the lease, and objects that are left over.
async fn idle(work: Work, renew_ms: u64) {
    let first = work.clone();
    let _ = work.in_time(STORE_WAIT_MS, async move { first.session().await.map(drop) }).await;
    let sweep = async {
        loop {
            tokio::time::sleep(Duration::from_millis(STORE_OBJECTS_SWEEP_MS)).await;
            let (now, age) = (work.again(), Duration::from_millis(STORE_OBJECT_ORPHAN_MS));
            let sweep = async move { kept::sweep_objects(&now, age).await };
            let _ = work.again().in_time(STORE_OBJECTS_SWEEP_MS, sweep).await;
        }
    };
    let renew = async {
        loop {
            tokio::time::sleep(Duration::from_millis(renew_ms)).await;
            let now = work.again();
            let in_time = now.clone();
            // Whatever holds one up, the next one may come through in time.
            let _ = in_time.in_time(renew_ms, async move { now.desk.node.renew(&now).await }).await;
        }
    };
    let _: ((), ()) = futures::future::join(sweep, renew).await;
}

impl Store for PostgresStore {}

impl ParkedRuns for PostgresStore {
    fn park(&self, run: Row, holder: u64, now_ms: u64) -> Pending<'_, ()> {
        self.0.ask(async move |work| parked::park(&work, run, holder, now_ms).await).boxed()
    }

    fn look(&self, place: Place, now_ms: u64) -> Pending<'_, Option<Head>> {
        self.0.ask(async move |work| parked::look(&work, &place, now_ms).await).boxed()
    }

    fn take(&self, place: Place, sequence: u64, holder: u64, now_ms: u64) -> Pending<'_, Row> {
        self.0.ask(async move |work| parked::take(&work, &place, sequence, holder, now_ms).await).boxed()
    }

    fn forget(&self, place: Place, sequence: u64) -> Pending<'_, ()> {
        self.0.ask(async move |work| parked::forget(&work, &place, sequence).await).boxed()
    }

    fn end(&self, place: Place, holder: u64) -> Pending<'_, ()> {
        self.0.ask(async move |work| parked::end(&work, &place, holder).await).boxed()
    }

    fn lose(&self, place: Place, holder: u64, gone_at_ms: u64) -> Pending<'_, ()> {
        self.0.ask(async move |work| parked::lose(&work, &place, holder, gone_at_ms).await).boxed()
    }

    fn list_parked(&self, tenant: String, before: String, limit: u32, now_ms: u64) -> Pending<'_, Vec<Head>> {
        self.0.ask(async move |work| parked::list(&work, &tenant, &before, limit, now_ms).await).boxed()
    }
}

impl DurableRuns for PostgresStore {
    fn begin(&self, run: Row, holder: u64, now_ms: u64) -> Pending<'_, ()> {
        self.0.ask(async move |work| durable::begin(&work, run, holder, now_ms).await).boxed()
    }

    fn append(&self, place: Place, sequence: u64, number: u64, entry: Vec<u8>, holder: u64) -> Pending<'_, ()> {
        let at = (sequence, number);
        self.0.ask(async move |work| durable::append(&work, &place, at, &entry, holder).await).boxed()
    }

    fn finish(&self, place: Place, last: Last, holder: u64) -> Pending<'_, ()> {
        self.0.ask(async move |work| durable::finish(&work, &place, last, holder).await).boxed()
    }

    fn orphans(&self, limit: u32) -> Pending<'_, Vec<Orphan>> {
        self.0.ask(async move |work| durable::orphans(&work, limit).await).boxed()
    }

    fn adopt(&self, place: Place, sequence: u64, holder: u64) -> Pending<'_, Adopted> {
        self.0.ask(async move |work| durable::adopt(&work, &place, sequence, holder).await).boxed()
    }

    fn make_room(&self, tenant: String, count: u32) -> Pending<'_, u64> {
        self.0.ask(async move |work| durable::make_room(&work, &tenant, count).await).boxed()
    }

    fn tape(&self, place: Place, now_ms: u64) -> Pending<'_, Option<Tape>> {
        self.0.ask(async move |work| durable::tape(&work, &place, now_ms).await).boxed()
    }
}

impl Scripts for PostgresStore {
    fn put(&self, key: Key, content: Arc<Content>, condition: Condition, author: Author) -> Pending<'_, Written> {
        let put = async move |work: Work| {
            let bounds = work.desk.bounds;
            scripts::put(&mut work.session().await?, &key, &content, &condition, &author, &bounds).await
        };
        self.0.ask(put).boxed()
    }

    fn roll_back(&self, key: Key, version: u64, condition: Condition, author: Author) -> Pending<'_, Written> {
        let back = async move |work: Work| {
            let bounds = work.desk.bounds;
            scripts::roll_back(&mut work.session().await?, &key, version, &condition, &author, &bounds).await
        };
        self.0.ask(back).boxed()
    }

    fn delete(&self, key: Key, condition: Condition) -> Pending<'_, Written> {
        let delete = async move |work: Work| scripts::delete(&mut work.session().await?, &key, &condition).await;
        self.0.ask(delete).boxed()
    }

    fn info(&self, key: Key, version: Option<u64>) -> Pending<'_, Option<Info>> {
        self.0.ask(async move |work: Work| scripts::info(work.session().await?.client()?, &key, version).await).boxed()
    }

    fn content(&self, tenant: String, digest: Digest) -> Pending<'_, Option<Content>> {
        let content = async move |work: Work| scripts::content(work.session().await?.client()?, &tenant, &digest).await;
        self.0.ask(content).boxed()
    }

    fn list(&self, tenant: String, after: String, limit: u32) -> Pending<'_, Vec<Info>> {
        let list = async move |work: Work| scripts::list(work.session().await?.client()?, &tenant, &after, limit).await;
        self.0.ask(list).boxed()
    }

    fn versions(&self, key: Key, before: Option<u64>, limit: u32) -> Pending<'_, Vec<Info>> {
        let versions =
            async move |work: Work| scripts::versions(work.session().await?.client()?, &key, before, limit).await;
        self.0.ask(versions).boxed()
    }
}
