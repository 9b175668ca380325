//! In: connections. Out: served ones. One thread, one executor, one connection to the bridge.
//! May touch: the sockets it was given.
//! Security boundary: no. A thread of its own for each core, because Cap'n Proto clients stay on theirs.

use super::hosts::Hosts;
use super::{Incoming, Sender, Shared, adopt, http};
use crate::admit::{Remembered, RememberedScripts};
use crate::bridge::Bridge;
use crate::check::CheckDesk;
use crate::limits::HTTP_HEAD_MS;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

pub(super) struct Worker {
    incoming: Sender,
    connections: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
}

/// What the requests of one worker share.
pub(super) struct Local {
    pub shared: Arc<Shared>,
    pub bridge: Rc<Bridge>,
    pub remembered: Remembered,
    pub scripts: RememberedScripts,
    pub hosts: Hosts,
    pub checks: CheckDesk,
    runs: Arc<AtomicUsize>,
}

/// A run of this worker that others can ask about, as long as it lasts.
pub(super) struct UnderWay(Arc<AtomicUsize>);

impl Local {
    pub fn under_way(&self) -> UnderWay {
        self.runs.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.runs.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// HTTP/2 as hostile clients use it: streams, header lists and resets are bounded.
const STREAMS_MAX: u32 = 100;
const HEADER_LIST_BYTES_MAX: u32 = 32 * 1024;

impl Worker {
    pub fn start(index: usize, shared: Arc<Shared>) -> std::io::Result<Worker> {
        let (incoming, receiver) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let connections = Arc::new(AtomicUsize::new(0));
        let runs_under_way = Arc::new(AtomicUsize::new(0));
        let (counter, run_counter) = (connections.clone(), runs_under_way.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (running, runs) = std::sync::mpsc::channel();
        std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            let local = tokio::task::LocalSet::new();
            // What a thread asks of the kernel when it starts is asked by now.
            let _ = running.send(());
            local.block_on(&runtime, work(index, shared, receiver, stopped, counter, run_counter));
        })?;
        runs.recv().map_err(std::io::Error::other)?;
        Ok(Worker { incoming, connections, runs: runs_under_way, stop })
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    pub fn take(&self, incoming: Incoming) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        if self.incoming.send(incoming).is_err() {
            tracing::error!("a worker thread is gone");
        }
    }

    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

async fn work(
    index: usize,
    shared: Arc<Shared>,
    mut incoming: mpsc::UnboundedReceiver<Incoming>,
    stopped: watch::Receiver<bool>,
    counter: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
) {
    let bridge = Rc::new(Bridge::counted(shared.door.clone(), shared.host.metrics.clone()));
    let (remembered, scripts, hosts) =
        (Remembered::default(), RememberedScripts::default(), Hosts::new(bridge.clone()));
    let checks = CheckDesk::new(shared.checker.clone(), shared.host.programs.clone());
    let local = Rc::new(Local { shared, bridge, remembered, scripts, hosts, checks, runs });
    if index == 0 {
        tokio::task::spawn_local(adopt::look(local.clone()));
    }
    while let Some(connection) = incoming.recv().await {
        let counted = Counted::new(counter.clone(), local.shared.clone());
        let (local, stopped) = (local.clone(), stopped.clone());
        tokio::task::spawn_local(async move {
            serve_connection(local, connection, stopped).await;
            drop(counted);
        });
    }
}

async fn serve_connection(local: Rc<Local>, incoming: Incoming, mut stopped: watch::Receiver<bool>) {
    let Ok(stream) = tokio::net::TcpStream::from_std(incoming.stream) else { return };
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| {
        let local = local.clone();
        async move { Ok::<_, std::convert::Infallible>(http::answer(&local, request, incoming.admin).await) }
    });
    let builder = connection_builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.wait_for(|stopped| *stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn connection_builder() -> auto::Builder<LocalExecutor> {
    let mut builder = auto::Builder::new(LocalExecutor);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HTTP_HEAD_MS))
        .max_headers(100)
        .max_buf_size(64 * 1024)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .max_pending_accept_reset_streams(Some(20))
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}

#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// A connection as long as it lasts, also when its task panics. The worker's own count began when it was chosen.
struct Counted(Arc<AtomicUsize>, Arc<Shared>);

impl Counted {
    fn new(worker: Arc<AtomicUsize>, shared: Arc<Shared>) -> Counted {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        Counted(worker, shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        self.1.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
