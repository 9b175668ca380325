//! In: the tenants, whenever they have changed. Out: their MCP servers, each with a task that keeps it.
//! May touch: a thread of its own, and what its servers may.
//! Security boundary: yes; a server that no file names any more is ended, and a panic of one is not the end of the others.

use super::errand;
use super::keeper::{Common, keep};
use super::server::Server;
use crate::lane::{Lane, Shared};
use mayfly_schemas::limits::{MCP_BRIDGE_CHILDREN_MAX, MCP_STARTS_AT_ONCE, MCP_STOP_MS, POOL_IDLE_MS};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet};
use tokio_util::sync::CancellationToken;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

/// The thread of the servers.
pub struct Hub {
    look: Arc<Notify>,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl Hub {
    pub fn start(shared: &Arc<Shared>) -> std::io::Result<Hub> {
        let (look, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
        let (shared, looked, stopped) = (shared.clone(), look.clone(), stop.clone());
        let log = tracing::dispatcher::get_default(Clone::clone);
        let work = move || {
            let _quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
            let local = LocalSet::new();
            local.block_on(&runtime, serve(shared, log, &looked, &stopped));
            drop(local);
            drop(runtime);
            let _ = end.send(());
        };
        std::thread::Builder::new().name("bridge-mcp".into()).spawn(work)?;
        look.notify_one();
        Ok(Hub { look, stop, ended })
    }

    /// Tenants have changed.
    pub fn look(&self) {
        self.look.notify_one();
    }

    /// Begins to end all servers: sessions are given back, children killed.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub async fn ended(self) {
        // An error says that the thread is gone, which is what we wait for.
        let _ = self.ended.await;
    }
}

struct Kept {
    server: Arc<Server>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

async fn serve(shared: Arc<Shared>, log: Dispatch, look: &Notify, stop: &CancellationToken) {
    let (errands, mut incoming) = mpsc::unbounded_channel();
    let (starts, children) =
        (Arc::new(Semaphore::new(MCP_STARTS_AT_ONCE)), Arc::new(Semaphore::new(MCP_BRIDGE_CHILDREN_MAX)));
    let common = Arc::new(Common { shared: shared.clone(), errands, starts, children, log, stop: stop.clone() });
    let lane = Rc::new(Lane::new(shared));
    let (runner, log) = (lane.clone(), common.log.clone());
    let runs = tokio::task::spawn_local(async move {
        while let Some(next) = incoming.recv().await {
            tokio::task::spawn_local(errand::run(runner.clone(), next).with_subscriber(log.clone()));
        }
    });
    let mut kept = HashMap::new();
    let mut sweep = tokio::time::interval(Duration::from_millis(POOL_IDLE_MS / 6));
    loop {
        tokio::select! {
            () = look.notified() => {}
            _ = sweep.tick() => lane.sweep(),
            () = stop.cancelled() => break,
        }
        settle(&common, &mut kept);
    }
    // Together: each may take its time, and none takes that of another.
    kept.values().for_each(|kept| kept.end.cancel());
    let all = futures::future::join_all(kept.into_values().map(|kept| kept.task));
    let _ = tokio::time::timeout(Duration::from_millis(MCP_STOP_MS), all).await;
    runs.abort();
}

/// One task for each server that a file names, and no other.
fn settle(common: &Arc<Common>, kept: &mut HashMap<usize, Kept>) {
    let now = common.shared.directory.current();
    let named: HashMap<usize, &Arc<Server>> = now
        .tenants
        .values()
        .flat_map(|tenant| tenant.toolbox.servers())
        .map(|server| (Arc::as_ptr(server) as usize, server))
        .collect();
    kept.retain(|key, kept| {
        let stays = named.contains_key(key) && !kept.task.is_finished();
        if !stays {
            kept.end.cancel();
            let (tenant, tools) = (&kept.server.tenant, &kept.server.name);
            common.tell(|| tracing::debug!(tenant, tools, "an MCP server is let go"));
        }
        stays
    });
    for (key, server) in named {
        kept.entry(key).or_insert_with(|| {
            let (server, end) = (server.clone(), CancellationToken::new());
            let task = tokio::task::spawn_local(keep(common.clone(), server.clone(), end.clone()));
            Kept { server, end, task }
        });
    }
}
