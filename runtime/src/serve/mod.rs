//! In: connections. Out: HTTP requests to the rooms behind, one worker thread for each core.
//! May touch: the listening sockets; nothing else of the machine.
//! Security boundary: yes, towards clients: everything about a connection has a bound.

mod adopt;
mod body;
mod conditions;
mod durable;
mod ending;
mod events;
mod follow;
mod fork;
mod going;
mod hosts;
mod http;
mod keyed;
mod keys;
mod listing;
mod mcp;
mod metrics;
mod moment;
mod parked;
mod query;
mod resume;
mod runs;
mod scripts;
mod target;
mod tools;
mod trigger;
mod worker;

pub use body::ReplyBody;
pub(crate) use resume::Said;

use crate::admit::Texts;
use crate::bridge::Door;
use crate::check::Access;
use crate::config::{Keeping, Pauses};
use crate::limits::{CONNECTIONS_MAX, DRAIN_MS};
use crate::run::{Host, Runs};
use crate::seldom::Seldom;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use worker::Worker;

/// What a server is started with.
pub struct Options {
    pub listener: TcpListener,
    /// Health and numbers, away from tenants.
    pub admin_listener: Option<TcpListener>,
    pub door: Door,
    pub checker: Access,
    pub workers: usize,
    pub pauses: Pauses,
    pub keeping: Keeping,
}

/// What all workers of a server share.
pub(crate) struct Shared {
    pub host: Host,
    pub door: Door,
    pub checker: Access,
    /// Of stored scripts.
    pub texts: Texts,
    pub runs: Arc<Runs>,
    /// Of requests that begin runs once.
    pub keys: Arc<keys::Keys>,
    pub draining: AtomicBool,
    pub connections: AtomicUsize,
    /// Numbers are for a listener of the operator's own, where there is one.
    pub has_admin: bool,
    /// One for each isolate that may exist at once.
    pub permits: Arc<Semaphore>,
}

/// A connection on its way to a worker.
pub(crate) struct Incoming {
    stream: TcpStream,
    admin: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    #[error("a worker thread could not be started: {0}")]
    Worker(std::io::Error),
    #[error("the listener broke: {0}")]
    Accept(std::io::Error),
}

pub fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|error| ServeError::Listen(address, error))?;
    listener.set_nonblocking(true).map_err(|error| ServeError::Listen(address, error))?;
    Ok(listener)
}

/// Worker threads that run and wait; nothing is accepted yet.
pub struct Server {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    listener: TcpListener,
    admin_listener: Option<TcpListener>,
}

impl Server {
    /// Starts every thread that serving takes. After this there is none to come.
    pub fn start(host: Host, options: Options) -> Result<Server, ServeError> {
        let shared = Arc::new(Shared {
            permits: Arc::new(Semaphore::new(host.engine.isolates_max() as usize)),
            host,
            door: options.door,
            checker: options.checker,
            texts: Texts::default(),
            runs: Runs::new(options.pauses, options.keeping),
            keys: Arc::default(),
            draining: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            has_admin: options.admin_listener.is_some(),
        });
        let workers = (0..options.workers.max(1))
            .map(|index| Worker::start(index, shared.clone()))
            .collect::<Result<_, _>>()
            .map_err(ServeError::Worker)?;
        Ok(Server { shared, workers, listener: options.listener, admin_listener: options.admin_listener })
    }

    /// Serves until `stop`, then lets runs in flight end, for `limits::DRAIN_MS` at most.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Server { shared, workers, listener, admin_listener } = self;
        let accepting = async {
            tokio::try_join!(
                accept(&shared, &workers, listener, false),
                accept_admin(&shared, &workers, admin_listener)
            )
        };
        tokio::select! {
            ended = accepting => { ended?; }
            () = stop => {}
        }
        drain(&shared, workers).await;
        Ok(())
    }
}

async fn accept_admin(shared: &Shared, workers: &[Worker], listener: Option<TcpListener>) -> Result<(), ServeError> {
    match listener {
        Some(listener) => accept(shared, workers, listener, true).await,
        None => Ok(()),
    }
}

/// What a crowd of clients can bring about at any rate.
static REFUSED: Seldom = Seldom::new();
static CROWDED: Seldom = Seldom::new();

/// Each connection goes to the worker that holds the fewest: with a shared queue one core could get most of a handful. Of
/// several, to the one with the fewest runs: who wants to cancel a loop need not wait for it.
async fn accept(shared: &Shared, workers: &[Worker], listener: TcpListener, admin: bool) -> Result<(), ServeError> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Accept)?;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Out of descriptors, or the client is gone already: neither ends the server.
            Err(error) => {
                if let Some(untold) = REFUSED.now() {
                    tracing::warn!(%error, untold, "a connection could not be accepted");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        if shared.connections.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            if let Some(untold) = CROWDED.now() {
                tracing::warn!(limit = CONNECTIONS_MAX, untold, "too many connections: one was closed");
            }
            continue;
        }
        let Ok(stream) = stream.into_std() else { continue };
        if let Some(worker) = workers.iter().min_by_key(|worker| (worker.connections(), worker.runs())) {
            worker.take(Incoming { stream, admin });
        }
    }
}

async fn drain(shared: &Shared, workers: Vec<Worker>) {
    shared.draining.store(true, Ordering::Relaxed);
    shared.runs.drain();
    tracing::info!(connections = shared.connections.load(Ordering::Relaxed), "draining");
    workers.iter().for_each(Worker::stop);
    let until = Instant::now() + Duration::from_millis(DRAIN_MS);
    // A run may outlive its connection, with what its script gave to `waitUntil`.
    let isolates = shared.host.engine.isolates_max() as usize;
    let busy = || shared.connections.load(Ordering::Relaxed) > 0 || shared.permits.available_permits() < isolates;
    while busy() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

type Sender = mpsc::UnboundedSender<Incoming>;
