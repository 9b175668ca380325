//! In: a configuration file. Out: a server, its bridge beside it, until a signal.
//! May touch: the listening sockets, the bridge's process.
//! Security boundary: no; it puts the pieces together.

use super::child::BridgeChild;
use super::failure::Failure;
use super::{executor, setup};
use mayfly::config::Config;
use mayfly::isolate::{Engine, EngineOptions};
use mayfly::run::Host;
use mayfly::serve::{Options, listen, serve};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Arguments {
    /// The server's configuration
    #[arg(long, value_name = "FILE", default_value = "mayfly.toml")]
    config: PathBuf,
    /// Where to listen, instead of what the file says
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// How often a bridge that died is looked for. Requests in between get 503 with `Retry-After`.
const REVIVE: Duration = Duration::from_millis(100);

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    super::log_to_stderr("warn,mayfly=info,mayfly_bridge=info");
    let config = Config::read(&arguments.config)?;
    let address = arguments.listen.unwrap_or(config.listen);
    let listener = listen(address).map_err(Failure::usage)?;
    let admin_listener = config.admin_listen.map(listen).transpose().map_err(Failure::usage)?;
    let local = listener.local_addr().map_err(|error| Failure::fault("listen", error))?;
    let bridge = match &config.bridge_socket {
        Some(_) => None,
        None => Some(BridgeChild::start(&setup::checked(setup::settings(&config))?, &[])?),
    };
    let socket = config.bridge_socket.clone().or_else(|| bridge.as_ref().map(BridgeChild::socket));
    let bridge_socket = socket.ok_or_else(|| Failure::fault("bridge", "no socket"))?;
    let engine = Engine::load(EngineOptions::default()).map_err(|error| Failure::fault("engine", error))?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options { listener, admin_listener, bridge_socket, workers };
    tracing::info!(
        address = %local,
        workers,
        bridge_pid = bridge.as_ref().map(BridgeChild::pid),
        ready_ms = began.elapsed().as_millis() as u64,
        "listening"
    );
    let serving = async {
        tokio::select! {
            served = serve(Host::new(engine), options, setup::stop_signal()) => served.map_err(|error| Failure::fault("serve", error)),
            failure = keep_alive(bridge) => Err(failure),
        }
    };
    executor()?.block_on(serving).map(|()| ExitCode::SUCCESS)
}

/// A bridge that dies comes back; one that cannot is the end of this server too.
async fn keep_alive(bridge: Option<BridgeChild>) -> Failure {
    let Some(mut bridge) = bridge else { return std::future::pending().await };
    loop {
        tokio::time::sleep(REVIVE).await;
        if let Err(failure) = bridge.revive() {
            return failure;
        }
    }
}
