//! In: a listening Unix socket. Out: nothing; serves connections until told to stop.
//! May touch: the socket, and what the rooms behind it may.
//! Security boundary: yes; whoever can connect can try tokens, so the socket's permissions matter too (the caller sets them).
//!
//! Cap'n Proto's connections cannot move between threads: each thread has its own event loop, and connections go round.

use crate::approvals::Approvals;
use crate::audit::Audit;
use crate::door;
use crate::lane::{Lane, Shared};
use crate::master_key::{KeyError, KeySource};
use crate::mcp::Hub;
use crate::parked::{self, Holds};
use crate::reload::Directory;
use crate::resolve::{self, Lookup};
use crate::settings::Settings;
use crate::shelf::Shelf;
use crate::store;
use crate::tls::Roots;
use mayfly_schemas::limits::{BODY_IDLE_MS, BRIDGE_CONNECTIONS_MAX, BRIDGE_THREADS_MAX, POOL_IDLE_MS, TENANTS_POLL_MS};
use rustls::pki_types::CertificateDer;
use std::future::Future;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the bridge's socket cannot be used: {0}")]
    Socket(std::io::Error),
    #[error("the audit cannot be opened: {0}")]
    Audit(std::io::Error),
    #[error("the store cannot be started: {0}")]
    Store(std::io::Error),
    #[error(transparent)]
    MasterKey(#[from] KeyError),
    #[error("a thread of the bridge cannot start: {0}")]
    Thread(std::io::Error),
}

/// What tests put in the place of the world.
#[derive(Default)]
pub struct World {
    /// Instead of the system's resolver.
    pub lookup: Option<Lookup>,
    /// Certificate authorities believed besides the system's.
    pub roots: Vec<CertificateDer<'static>>,
    /// Instead of `BODY_IDLE_MS`.
    pub body_idle: Option<Duration>,
}

/// Serves `listener` until `stop`; then calls in flight end, and the audit is written.
pub async fn serve(settings: Settings, listener: UnixListener, stop: impl Future<Output = ()>) -> Result<(), Error> {
    serve_in(World::default(), settings, listener, stop).await
}

pub async fn serve_in(
    world: World,
    settings: Settings,
    listener: UnixListener,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    listener.set_nonblocking(true).map_err(Error::Socket)?;
    let listener = tokio::net::UnixListener::from_std(listener).map_err(Error::Socket)?;
    let (audit, writer) = Audit::start(settings.state.as_deref()).map_err(Error::Audit)?;
    let store = store::open(settings.state.as_deref(), settings.database.as_ref()).map_err(Error::Store)?;
    let master_key = KeySource::new(settings.master_key.as_deref(), settings.state.as_deref())?;
    let (holds, mut losing) = Holds::new();
    let shared = Arc::new(Shared {
        approvals: Approvals::default(),
        master_key,
        holds,
        shelf: Shelf::new(store).map_err(Error::Store)?,
        trace_upstreams: settings.trace_upstreams,
        guard: settings.guard.clone(),
        directory: Directory::load(settings),
        audit,
        lookup: world.lookup.unwrap_or_else(resolve::system),
        roots: Arc::new(Roots::with(world.roots)),
        budget: Arc::default(),
        body_idle: world.body_idle.unwrap_or(Duration::from_millis(BODY_IDLE_MS)),
        sessions: Arc::default(),
    });
    shared.directory.tell();
    let threads = threads(&shared)?;
    let hub = Hub::start(&shared).map_err(Error::Thread)?;
    tokio::select! {
        never = accept(&listener, &threads) => match never {},
        never = reload(shared.clone(), &hub) => match never {},
        () = parked::lose(&shared, &mut losing) => {}
        () = stop => {}
    }
    hub.stop();
    for Thread { connections, ended } in threads {
        drop(connections);
        // An error says that the thread is gone, which is what we wait for.
        let _ = ended.await;
    }
    shared.audit.end().await;
    hub.ended().await;
    // The last one lets go of the store, which finishes what waits.
    drop(shared);
    let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    Ok(())
}

struct Thread {
    connections: mpsc::Sender<UnixStreamParts>,
    ended: oneshot::Receiver<()>,
}

fn threads(shared: &Arc<Shared>) -> Result<Vec<Thread>, Error> {
    let count = std::thread::available_parallelism().map_or(1, usize::from).min(BRIDGE_THREADS_MAX);
    let mut threads = Vec::with_capacity(count);
    for number in 0..count {
        let (connections, incoming) = mpsc::channel(BRIDGE_CONNECTIONS_MAX);
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()
            .map_err(Error::Thread)?;
        let shared = shared.clone();
        let work = move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, lane(Rc::new(Lane::new(shared)), incoming));
            // Ends every task that is left, and with them calls and connections.
            drop(local);
            drop(runtime);
            let _ = end.send(());
        };
        std::thread::Builder::new().name(format!("bridge-{number}")).spawn(work).map_err(Error::Thread)?;
        threads.push(Thread { connections, ended });
    }
    Ok(threads)
}

async fn accept(listener: &tokio::net::UnixListener, threads: &[Thread]) -> std::convert::Infallible {
    let places = Arc::new(Semaphore::new(BRIDGE_CONNECTIONS_MAX));
    let mut turn = threads.iter().cycle();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { continue };
        match listener.accept().await {
            Ok((stream, _)) => hand_over(stream, place, turn.next()),
            Err(error) => {
                // Out of file descriptors: those in use must end first.
                tracing::error!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn hand_over(stream: UnixStream, place: OwnedSemaphorePermit, thread: Option<&Thread>) {
    // A stream is tied to the event loop it was made on.
    let moved = stream.into_std().map(|stream| UnixStreamParts { stream, place });
    let Ok(parts) = moved else { return };
    let _ = thread.map(|thread| thread.connections.try_send(parts));
}

async fn lane(lane: Rc<Lane>, mut incoming: mpsc::Receiver<UnixStreamParts>) {
    let mut sweep = tokio::time::interval(Duration::from_millis(POOL_IDLE_MS / 6));
    loop {
        tokio::select! {
            connection = incoming.recv() => match connection {
                None => return,
                Some(parts) => {
                    tokio::task::spawn_local(connection_of(lane.clone(), parts));
                }
            },
            _ = sweep.tick() => lane.sweep(),
        }
    }
}

/// A panic in here ends this task and so this connection, no other: tokio catches it.
async fn connection_of(lane: Rc<Lane>, UnixStreamParts { stream, place }: UnixStreamParts) {
    let _place = place;
    let Ok(stream) = UnixStream::from_std(stream) else { return };
    if let Err(error) = door::serve(lane, stream).await {
        tracing::debug!(%error, "a connection ended");
    }
}

struct UnixStreamParts {
    stream: std::os::unix::net::UnixStream,
    place: OwnedSemaphorePermit,
}

async fn reload(shared: Arc<Shared>, hub: &Hub) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(Duration::from_millis(TENANTS_POLL_MS)).await;
        let shared = shared.clone();
        // Reads files: not on the event loop.
        let look = move || {
            let changed = shared.directory.look();
            if changed {
                shared.directory.tell();
            }
            changed
        };
        if tokio::task::spawn_blocking(look).await.unwrap_or(true) {
            hub.look();
        }
    }
}
