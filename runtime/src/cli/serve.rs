//! In: a configuration file. Out: a server until a signal: a runtime that holds no secret, and its bridge, which does.
//! May touch: the listening sockets, both processes. It reads no request and runs no script.
//! Security boundary: no; it puts the pieces together, and `supervised.rs` says what the runtime gets.

use super::checker::CheckerProcess;
use super::child::BridgeChild;
use super::failure::Failure;
use super::supervised::{self, Doors, Plan, Ready, Runtime};
use super::{executor, setup};
use mayfly::config::Config;
use mayfly::limits::{DRAIN_GRACE_MS, DRAIN_MS};
use mayfly::serve::listen;
use mayfly_bridge::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
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

/// How often a bridge that died is looked for, and how long a runtime that died stays away. Requests in between get 503
/// with `Retry-After`, or wait in the listening socket, which stays open.
const REVIVE: Duration = Duration::from_millis(100);
/// The runtime ends its drain by itself; this is for one that hangs.
const DRAIN: Duration = Duration::from_millis(DRAIN_MS + DRAIN_GRACE_MS);

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    // Whatever we were started with open is nothing for those that we start.
    close_fds::set_fds_cloexec(3, &[]);
    super::log_to_stderr("warn,mayfly=info,mayfly_bridge=info");
    // Our environment is the bridge's, credentials included.
    mayfly_bridge::harden_process();
    let config = Config::read(&arguments.config)?;
    let address = arguments.listen.unwrap_or(config.listen);
    let listener = listen(address).map_err(Failure::usage)?;
    let admin_listener = config.admin_listen.map(listen).transpose().map_err(Failure::usage)?;
    let settings = match &config.bridge_socket {
        Some(_) => None,
        None => Some(setup::checked(setup::settings(&config))?),
    };
    let checker = setup::checker(config.checker_command.as_deref());
    let no_checker = checker.as_ref().err().map(ToString::to_string);
    let plan = Plan {
        lockdown: config.lockdown,
        pauses: config.pauses,
        keeping: config.keeping,
        listener,
        admin_listener,
        no_checker,
    };
    let checker = checker.ok().map(|installed| CheckerProcess::new(installed, config.lockdown));
    executor()?.block_on(supervise(plan, config.bridge_socket, settings, checker, began)).map(|()| ExitCode::SUCCESS)
}

async fn supervise(
    plan: Plan,
    bridge_socket: Option<PathBuf>,
    settings: Option<Settings>,
    checker: Option<CheckerProcess>,
    began: Instant,
) -> Result<(), Failure> {
    let address = plan.listener.local_addr().map_err(|error| Failure::fault("listen", error))?;
    let admin = plan.admin_listener.as_ref().and_then(|listener| listener.local_addr().ok()).map(|at| at.to_string());
    let mut stop = pin!(setup::stop_signal());
    // It loads its engine while the bridge starts.
    let mut runtime = Runtime::spawn(&plan)?;
    let bridge = settings.map(|settings| BridgeChild::start(&settings, &[])).transpose()?;
    let bridge_pid = bridge.as_ref().map(BridgeChild::pid);
    let bridge_socket = bridge_socket.or_else(|| bridge.as_ref().map(BridgeChild::socket));
    let bridge_socket = bridge_socket.ok_or_else(|| Failure::fault("bridge", "no socket"))?;
    let mut doors = Doors { bridge_socket, checker };
    let mut bridge = pin!(keep_bridge(bridge));
    let Ready { workers, lockdown } = tokio::select! {
        biased;
        () = &mut stop => return Ok(()),
        ready = runtime.ready() => ready?,
    };
    let (runtime_pid, ready_ms) = (runtime.pid(), began.elapsed().as_millis() as u64);
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(%address, admin, version, workers, runtime_pid, bridge_pid, lockdown, ready_ms, "listening");
    tokio::select! {
        biased;
        () = &mut stop => {}
        failure = &mut bridge => return Err(failure),
        failure = supervised::keep_alive(&mut runtime, &plan, &mut doors, REVIVE) => return Err(failure),
    }
    // Ours are copies of its sockets: clients who come now must be refused, not kept waiting.
    drop(plan);
    runtime.drain();
    tokio::select! {
        failure = &mut bridge => Err(failure),
        ended = tokio::time::timeout(DRAIN, runtime.attend(&mut doors)) => match ended {
            Ok(ended) => ended.and_then(|status| match status.success() {
                true => Ok(()),
                false => Err(Failure::fault("the runtime, while it was stopping", status)),
            }),
            Err(_) => Err(Failure::Fault("the runtime did not stop in time and was ended".into())),
        },
    }
}

/// A bridge that dies comes back; one that cannot is the end of this server too. Dropping this ends the bridge.
async fn keep_bridge(bridge: Option<BridgeChild>) -> Failure {
    let Some(mut bridge) = bridge else { return std::future::pending().await };
    loop {
        tokio::time::sleep(REVIVE).await;
        if let Err(failure) = bridge.revive() {
            return failure;
        }
    }
}
