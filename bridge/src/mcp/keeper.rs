//! In: one server that a tenant's file names. Out: the same, connected, with its tools listed, for as long as the file names it.
//! May touch: what `errand.rs` and `child.rs` may.
//! Security boundary: yes; a server that fails is tried again at a pace of ours, and what it asks of us is declined.

use super::child::Child;
use super::client::Client;
use super::document;
use super::errand::Errand;
use super::listing::list;
use super::server::{Command, Life, Place, Server};
use crate::lane::Shared;
use mayfly_catalogue::Source;
use mayfly_schemas::limits::{
    MCP_BRIDGE_CHILDREN_MAX, MCP_CHILD_END_AT_STOP_MS, MCP_RELIST_GAP_MS, MCP_RELIST_MS, MCP_REQUESTS_AT_ONCE,
    MCP_RETRY_MS, MCP_RETRY_MS_MAX, MCP_START_MS, MCP_STARTS_MS,
};
use rmcp::handler::client::ClientHandler;
use rmcp::model::ErrorData;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion, SubscriptionFilter};
// Only to decline it, for servers of the older generation.
#[allow(deprecated)]
use rmcp::model::{ListRootsRequestMethod, ListRootsResult};
use rmcp::service::{ClientInitializeError, NotificationContext, RequestContext, RunningService};
use rmcp::transport::IntoTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransport, StreamableHttpClientTransportConfig};
use rmcp::{ClientLifecycleMode, Peer, RoleClient, serve_client_with_lifecycle};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Dispatch;

/// A server that was there for as long as this starts again from the shortest pause.
const SETTLED: Duration = Duration::from_secs(10);

/// What all servers of a bridge share.
pub struct Common {
    pub shared: Arc<Shared>,
    pub errands: mpsc::UnboundedSender<Errand>,
    pub starts: Arc<Semaphore>,
    pub children: Arc<Semaphore>,
    /// rmcp logs what it receives, which nobody has searched. So its thread has no log but this, for our own words.
    pub log: Dispatch,
    /// The bridge ends.
    pub stop: CancellationToken,
}

impl Common {
    /// How long something at the end of a server may take.
    pub fn moment(&self, ms: u64, at_stop_ms: u64) -> Duration {
        Duration::from_millis(if self.stop.is_cancelled() { at_stop_ms } else { ms })
    }

    pub fn tell(&self, words: impl FnOnce()) {
        tracing::dispatcher::with_default(&self.log, words);
    }
}

/// Keeps a server until `end`.
pub async fn keep(common: Arc<Common>, server: Arc<Server>, end: CancellationToken) {
    let (mut failures, mut attempt) = (0, 0);
    loop {
        let begun = Instant::now();
        let Some(why) = live(&common, &server, attempt, &end).await else { return };
        attempt += 1;
        failures = if begun.elapsed() > SETTLED { 0 } else { failures + 1_u32 };
        let again = Duration::from_millis((MCP_RETRY_MS << failures.min(16)).min(MCP_RETRY_MS_MAX));
        common.tell(|| {
            tracing::warn!(tenant = server.tenant, tools = server.name, why, "a server of tools is not there")
        });
        server.is(Life::Down { why, since: Instant::now(), again });
        let pause = async {
            sleep(Duration::from_millis(MCP_RETRY_MS)).await;
            tokio::select! {
                () = sleep(again.saturating_sub(Duration::from_millis(MCP_RETRY_MS))) => {}
                () = server.wanted.notified() => {}
            }
        };
        tokio::select! {
            () = pause => server.is(Life::Starting { first: false }),
            () = end.cancelled() => return,
        }
    }
}

/// Why the server is not there any more; `None` when it is not to be.
async fn live(common: &Common, server: &Arc<Server>, attempt: u32, end: &CancellationToken) -> Option<String> {
    match &server.place {
        Place::Http { url, .. } => {
            let client = Client::new(server.clone(), common.errands.clone());
            let transport = StreamableHttpClientTransport::with_client(client.clone(), config(url));
            // rmcp knows that something failed, the client what it was.
            let trouble = || client.take_trouble().map(|failure| failure.text);
            serve(common, server, transport, lifecycle(attempt.is_multiple_of(2)), trouble, end).await
        }
        Place::Document { base, .. } => document::follow(common, server, base, end).await,
        Place::Command(command) => child(common, server, command, attempt, end).await,
    }
}

async fn child(
    common: &Common,
    server: &Arc<Server>,
    command: &Command,
    attempt: u32,
    end: &CancellationToken,
) -> Option<String> {
    let Ok(_place) = common.children.clone().try_acquire_owned() else {
        return Some(format!("this bridge has {MCP_BRIDGE_CHILDREN_MAX} children already"));
    };
    tokio::select! {
        () = turn(common) => {}
        () = end.cancelled() => return None,
    }
    let (mut child, stdout, stdin) = match Child::spawn(command, server, common) {
        Ok(spawned) => spawned,
        Err(error) => {
            let guard = common.shared.guard.as_ref().map(|guard| guard.display().to_string());
            let program = guard.as_ref().unwrap_or(&command.program);
            return Some(format!("`{program}` cannot be started: {}", error.kind()));
        }
    };
    // Our own bound on lines ends the child; rmcp's would leave the call waiting.
    let transport = AsyncRwTransport::new(stdout, stdin).with_max_line_length(usize::MAX);
    // Hardly any command knows the newer generation, and some of them end at a question before `initialize`.
    let served = serve(common, server, transport, lifecycle(!attempt.is_multiple_of(2)), || None, end);
    let ended = tokio::select! {
        ended = served => ended,
        // Something that it started may hold its standard output open.
        () = child.ended() => Some("its process ended".to_owned()),
    };
    let status = child.end(common).await;
    ended.map(|why| format!("{why}; {status}"))
}

/// Not all commands of all tenants in the same moment. One that hangs is in nobody's way.
async fn turn(common: &Common) {
    let turn = common.starts.clone().acquire_owned().await;
    tokio::spawn(async move {
        sleep(Duration::from_millis(MCP_STARTS_MS)).await;
        drop(turn);
    });
}

fn config(url: &str) -> StreamableHttpClientTransportConfig {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url).max_concurrent_requests(MCP_REQUESTS_AT_ONCE);
    let mut retry = ExponentialBackoff::default();
    (retry.base_duration, retry.max_delay) =
        (Duration::from_millis(MCP_RETRY_MS), Some(Duration::from_millis(MCP_RETRY_MS_MAX)));
    config.retry_config = Arc::new(retry);
    (config.allow_stateless, config.reinit_on_expired_session) = (true, true);
    config
}

/// `newer`: asks for the stateless generation first and takes the other one where there is only that.
fn lifecycle(newer: bool) -> ClientLifecycleMode {
    if !newer {
        return ClientLifecycleMode::Initialize;
    }
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::V_2025_11_25),
    }
}

async fn serve<T, E, A>(
    common: &Common,
    server: &Arc<Server>,
    transport: T,
    lifecycle: ClientLifecycleMode,
    trouble: impl Fn() -> Option<String>,
    end: &CancellationToken,
) -> Option<String>
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let start = async {
        let handshake = serve_client_with_lifecycle(Handler { server: server.clone() }, transport, lifecycle);
        let service = timeout(Duration::from_millis(MCP_START_MS), handshake).await;
        let service = service
            .map_err(|_| format!("no handshake within {MCP_START_MS} ms"))?
            .map_err(|error| trouble().unwrap_or_else(|| no_handshake(&error)))?;
        relist(common, server, service.peer()).await?;
        Ok(service)
    };
    let service: Result<_, String> = tokio::select! {
        service = start => service,
        () = end.cancelled() => return None,
    };
    match service {
        Ok(service) => stay(common, server, service, end).await,
        Err(why) => Some(why),
    }
}

fn no_handshake(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => no_handshake(fallback),
        ClientInitializeError::JsonRpcError(said) => format!("it refused the handshake ({})", said.code.0),
        ClientInitializeError::ConnectionClosed(_) => "it ended before the handshake did".to_owned(),
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
            "it speaks no version of the protocol that is known here".to_owned()
        }
        _ => "there was no handshake; is this an MCP server?".to_owned(),
    }
}

async fn stay(
    common: &Common,
    server: &Arc<Server>,
    service: RunningService<RoleClient, Handler>,
    end: &CancellationToken,
) -> Option<String> {
    let peer = service.peer().clone();
    server.is(Life::Up(peer.clone()));
    let (tenant, tools, url) = (&server.tenant, &server.name, server.shown());
    common.tell(|| tracing::info!(tenant, tools, url, "an MCP server is there"));
    let _subscribed = subscribe(server, &peer);
    let stop = service.cancellation_token();
    let mut ended = std::pin::pin!(service.waiting());
    loop {
        let wanted = async {
            tokio::select! {
                () = server.wanted.notified() => sleep(Duration::from_millis(MCP_RELIST_GAP_MS)).await,
                () = sleep(Duration::from_millis(MCP_RELIST_MS)) => {}
            }
        };
        let listed = tokio::select! {
            () = end.cancelled() => break,
            _ = &mut ended => return Some("the connection to it ended".to_owned()),
            listed = async { wanted.await; relist(common, server, &peer).await } => listed,
        };
        if let Err(why) = listed {
            return Some(why);
        }
    }
    // A session is given back, and a child's standard input closed.
    stop.cancel();
    let _ = timeout(common.moment(MCP_RETRY_MS, MCP_CHILD_END_AT_STOP_MS), ended).await;
    None
}

/// What the server lists now takes the place of what it listed before, all at once.
async fn relist(common: &Common, server: &Arc<Server>, peer: &Peer<RoleClient>) -> Result<(), String> {
    let gone = || "its tenant has no file any more".to_owned();
    let tenant = common.shared.directory.tenant(&server.tenant).ok_or_else(gone)?;
    let tools = list(peer, server, &tenant.scrubber).await?;
    replace(common, server, tools).await
}

/// Puts a set's tools in the place of those before them.
pub async fn replace(common: &Common, server: &Arc<Server>, tools: Source) -> Result<(), String> {
    let gone = || "its tenant has no file any more".to_owned();
    let tenant = common.shared.directory.tenant(&server.tenant).ok_or_else(gone)?;
    if tools.warnings() != server.tools().warnings() {
        for warning in tools.warnings() {
            common.tell(|| tracing::warn!(tenant = server.tenant, "tools \"{}\": {warning}", server.name));
        }
    }
    server.lists(tools);
    // Made here, so that no call has to.
    let _ = tokio::task::spawn_blocking(move || drop(tenant.toolbox.catalogue())).await;
    Ok(())
}

/// In the newer generation a change of the list is told only to those who asked for it.
fn subscribe(server: &Arc<Server>, peer: &Peer<RoleClient>) -> Option<AbortOnDropHandle<()>> {
    let info = peer.peer_info()?;
    let tells = info.capabilities.tools.as_ref().and_then(|tools| tools.list_changed) == Some(true);
    if info.protocol_version.has_initialize() || !tells {
        return None;
    }
    let (server, peer) = (server.clone(), peer.clone());
    let listen = async move {
        let mut failures: u32 = 0;
        loop {
            let begun = Instant::now();
            if let Ok(mut changes) = peer.listen(SubscriptionFilter::builder().tools_list_changed().build()).await {
                // What changed while nobody listened is not told again.
                if failures > 0 {
                    server.wanted.notify_one();
                }
                while let Ok(Some(_)) = changes.next().await {
                    server.wanted.notify_one();
                }
            }
            failures = if begun.elapsed() > SETTLED { 1 } else { failures.saturating_add(1) };
            sleep(Duration::from_millis((MCP_RETRY_MS << failures.min(16)).min(MCP_RETRY_MS_MAX))).await;
        }
    };
    Some(AbortOnDropHandle::new(tokio::spawn(listen)))
}

/// Our side of the protocol: able to do nothing.
struct Handler {
    server: Arc<Server>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("mayfly", env!("CARGO_PKG_VERSION")))
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.server.wanted.notify_one();
    }

    /// Sampling and elicitation are declined by default; rmcp would answer this one with an empty list.
    #[allow(deprecated)]
    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListRootsRequestMethod>())
    }
}
