//! In: work for the database. Out: its result, in time.
//! May touch: one thread, and connections to the database that it was told of.
//! Security boundary: no.
//!
//! A thread with an event loop of its own, because connections stay on the loop they were made on, and those of the bridge
//! end one by one. What was begun there is finished, though nobody listens any more.

use super::address::Server;
use super::errors::{of_commit, of_pool, unknown};
use super::migrate::migrate;
use super::nodes::Node;
use super::objects::Objects;
use crate::store::StoreError;
use crate::store::scripts::Bounds;
use deadpool_postgres::tokio_postgres::IsolationLevel;
use deadpool_postgres::{Client, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction};
use mayfly_schemas::limits::{STORE_BUSY_MS, STORE_CONNECTIONS_MAX, STORE_QUEUE_MAX, STORE_WAIT_MS};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

/// How long a lock is waited for, a statement takes, and nothing is said in a transaction: the database ends what this process
/// left behind. Commits are on the disk, unless the operator wants more than that.
const SESSION: &str = "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false),
        set_config('idle_in_transaction_session_timeout', $2, false),
        CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END";

/// What all work shares.
pub struct Desk {
    /// For messages: host and database, no more.
    pub shown: String,
    pool: Pool,
    /// Connections for work. One more is for the lease, which must not wait behind it.
    free: Arc<Semaphore>,
    schema: OnceCell<()>,
    pub node: Node,
    pub objects: Option<Objects>,
    pub bounds: Bounds,
    /// What goes on after its answer was given.
    pub after: TaskTracker,
}

/// The thread. Dropped, it finishes what waits.
pub struct Engine {
    pub desk: Arc<Desk>,
    handle: Handle,
    places: Arc<Semaphore>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Work of one request, which is given up at its time.
#[derive(Clone)]
pub struct Work {
    pub desk: Arc<Desk>,
    given_up: Arc<AtomicBool>,
}

/// A connection while it is used. One whose work was given up is closed: it may wait in it for ever.
pub struct Session {
    client: Option<Client>,
    given_up: Arc<AtomicBool>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Desk {
    pub fn new(server: Server, node: Node, objects: Option<Objects>, bounds: Bounds) -> std::io::Result<Desk> {
        let tls = MakeRustlsConnect::new(server.tls);
        let manager =
            Manager::from_config(server.config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let settle = Hook::async_fn(|client, _| {
            Box::pin(async move {
                let (busy, wait) = (STORE_BUSY_MS.to_string(), STORE_WAIT_MS.to_string());
                let settled = client.query(SESSION, &[&busy, &wait]).await;
                settled.map(drop).map_err(HookError::Backend)
            })
        });
        let pool = Pool::builder(manager)
            .max_size(STORE_CONNECTIONS_MAX + 1)
            .create_timeout(Some(Duration::from_millis(STORE_BUSY_MS)))
            .runtime(Runtime::Tokio1)
            .post_create(settle)
            .build()
            .map_err(std::io::Error::other)?;
        let free = Arc::new(Semaphore::new(STORE_CONNECTIONS_MAX));
        let (schema, after) = (OnceCell::new(), TaskTracker::new());
        Ok(Desk { shown: server.shown, pool, free, schema, node, objects, bounds, after })
    }
}

impl Engine {
    /// `idle` runs beside the work for as long as there is any.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        desk: Desk,
        idle: impl FnOnce(Work) -> F,
    ) -> std::io::Result<Engine> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
        let (handle, desk) = (runtime.handle().clone(), Arc::new(desk));
        let (stop, stopped) = oneshot::channel();
        handle.spawn(idle(Work::of(&desk)));
        let last = Work::of(&desk);
        let work = move || {
            runtime.block_on(async {
                let _ = stopped.await;
                last.desk.after.close();
                let end = async {
                    last.desk.after.wait().await;
                    last.desk.node.leave(&last).await;
                };
                let _ = tokio::time::timeout(Duration::from_millis(STORE_WAIT_MS), end).await;
            });
            drop(last);
            runtime.shutdown_timeout(Duration::from_millis(STORE_BUSY_MS));
        };
        let thread = std::thread::Builder::new().name("store-postgres".into()).spawn(work)?;
        let places = Arc::new(Semaphore::new(STORE_QUEUE_MAX));
        Ok(Engine { desk, handle, places, stop: Some(stop), thread: Some(thread) })
    }

    pub async fn ask<T, F>(&self, work: impl FnOnce(Work) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let place = self.places.clone().try_acquire_owned().map_err(|_| StoreError::Overloaded)?;
        let (tell, told) = oneshot::channel();
        let asked = Work::of(&self.desk);
        let work = asked.in_time(STORE_WAIT_MS, work(asked.clone()));
        let task = async move {
            let result = work.await;
            drop(place);
            // Nobody may listen any more.
            let _ = tell.send(result);
        };
        self.handle.spawn(self.desk.after.track_future(task));
        told.await.unwrap_or_else(|_| Err(StoreError::Unavailable("its thread is gone".into())))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Work {
    fn of(desk: &Arc<Desk>) -> Work {
        Work { desk: desk.clone(), given_up: Arc::default() }
    }

    /// The same once more, with a time of its own.
    pub fn again(&self) -> Work {
        Work::of(&self.desk)
    }

    /// Says what is wrong with the store in the log, whoever asked.
    pub fn in_time<T, F>(
        &self,
        limit_ms: u64,
        work: F,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let Work { desk, given_up } = self.clone();
        async move {
            let mut work = Box::pin(work);
            let result = match tokio::time::timeout(Duration::from_millis(limit_ms), &mut work).await {
                Ok(result) => result,
                Err(_) => {
                    given_up.store(true, Relaxed);
                    drop(work);
                    Err(unknown(&format!("no answer within {limit_ms} ms")))
                }
            };
            if let Err(error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_) | StoreError::Full(_))) = &result {
                tracing::error!(database = %desk.shown, %error, "store");
            }
            result
        }
    }

    /// A connection to a database in the newest schema.
    pub async fn session(&self) -> Result<Session, StoreError> {
        let place = self.desk.free.clone().acquire_owned().await.map_err(|_| gone())?;
        self.desk.schema.get_or_try_init(async || migrate(&mut self.connect(None).await?).await).await?;
        self.connect(Some(place)).await
    }

    /// The one that is kept free for the lease.
    pub async fn session_of_lease(&self) -> Result<Session, StoreError> {
        self.connect(None).await
    }

    async fn connect(&self, place: Option<OwnedSemaphorePermit>) -> Result<Session, StoreError> {
        let client = self.desk.pool.get().await.map_err(of_pool)?;
        Ok(Session { client: Some(client), given_up: self.given_up.clone(), _place: place })
    }
}

impl Session {
    pub fn client(&self) -> Result<&Client, StoreError> {
        self.client.as_ref().ok_or_else(gone)
    }

    /// Each statement sees what was committed before it: conditions are looked at behind a row's lock.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        let client = self.client.as_mut().ok_or_else(gone)?;
        Ok(client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.given_up.load(Relaxed)
        {
            drop(Client::take(client));
        }
    }
}

pub async fn commit(transaction: Transaction<'_>) -> Result<(), StoreError> {
    transaction.commit().await.map_err(of_commit)
}

fn gone() -> StoreError {
    StoreError::Unavailable("its connection is gone".into())
}
