//! In: listening sockets, the bridge's socket. Out: a runtime process that serves, started again when it dies.
//! May touch: child processes; connects to the bridge for a child that may not.
//! Security boundary: yes: what the runtime inherits is decided here. No variable but those named, no descriptor but its
//! end of the channel and the standard output streams.

use super::channel::{self, Channel, ToRuntime, ToSupervisor};
use super::checker::CheckerProcess;
use super::failure::Failure;
use mayfly::config::{Keeping, Pauses};
use mayfly::limits::{RUNTIME_EARLY_ENDS_MAX, RUNTIME_SETTLED_MS};
use mayfly::lockdown::Mode;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// All that a runtime gets of our environment: how it logs, and where the cache of native code is. Credentials stay out
/// by not being named.
const ENVIRONMENT: [&str; 7] =
    ["MAYFLY_LOG", "NO_COLOR", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "MAYFLY_CACHE_DIR", "XDG_CACHE_HOME", "HOME"];

/// What every runtime of a server is started with.
pub struct Plan {
    pub lockdown: Mode,
    pub pauses: Pauses,
    pub keeping: Keeping,
    pub listener: TcpListener,
    pub admin_listener: Option<TcpListener>,
    /// Why types are not checked, where they are not.
    pub no_checker: Option<String>,
}

/// What a runtime is connected to by its supervisor.
pub struct Doors {
    pub bridge_socket: PathBuf,
    pub checker: Option<CheckerProcess>,
}

/// A runtime process. Dropping it ends it.
pub struct Runtime {
    child: Child,
    channel: Channel,
    ready: bool,
}

/// It accepts connections.
pub struct Ready {
    pub workers: usize,
    pub lockdown: String,
}

impl Runtime {
    /// Starts it; it loads the engine by itself.
    pub fn spawn(plan: &Plan) -> Result<Runtime, Failure> {
        let fault = |error: std::io::Error| Failure::fault("the runtime could not be started", error);
        let (channel, theirs) = channel::pair().map_err(fault)?;
        let kept = ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let child = Command::new(std::env::current_exe().map_err(fault)?)
            .arg("runtime")
            .env_clear()
            .envs(kept)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(fault)?;
        let listeners: Vec<BorrowedFd> =
            [Some(&plan.listener), plan.admin_listener.as_ref()].into_iter().flatten().map(AsFd::as_fd).collect();
        let (admin, no_checker) = (plan.admin_listener.is_some(), plan.no_checker.clone());
        let start =
            ToRuntime::Start { lockdown: plan.lockdown, admin, pauses: plan.pauses, keeping: plan.keeping, no_checker };
        channel.send(&start, &listeners).map_err(fault)?;
        Ok(Runtime { child, channel, ready: false })
    }

    /// 0 when it has ended.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Waits until it accepts. One that ends instead has said why on standard error.
    pub async fn ready(&mut self) -> Result<Ready, Failure> {
        if let Ok(Some(ToSupervisor::Ready { workers, lockdown })) = self.channel.receive().await {
            self.ready = true;
            return Ok(Ready { workers, lockdown });
        }
        let status = self.end().await?;
        Err(match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(code) if code != 0 => Failure::Told(code),
            _ => Failure::fault("the runtime did not start", status),
        })
    }

    /// Hands in the connections that it asks for, until it ends.
    pub async fn attend(&mut self, doors: &mut Doors) -> Result<ExitStatus, Failure> {
        loop {
            let answer = match self.channel.receive().await {
                Ok(Some(ToSupervisor::Connect)) => {
                    UnixStream::connect(&doors.bridge_socket).await.and_then(UnixStream::into_std).map(OwnedFd::from)
                }
                Ok(Some(ToSupervisor::ConnectChecker)) => match &mut doors.checker {
                    Some(checker) => checker.connect(),
                    None => Err(std::io::Error::other("there is no type checker")),
                },
                Ok(Some(ToSupervisor::Ready { .. })) if !self.ready => {
                    self.ready = true;
                    continue;
                }
                Ok(None) => return self.end().await,
                // No runtime of ours says anything else.
                Ok(Some(message)) => return self.distrust(format!("{message:?}")).await,
                Err(error) => return self.distrust(error.to_string()).await,
            };
            let sent = match &answer {
                Ok(stream) => self.channel.send(&ToRuntime::Connection, &[stream.as_fd()]),
                Err(error) => self.channel.send(&ToRuntime::NoConnection { reason: error.to_string() }, &[]),
            };
            if let Err(error) = sent {
                return self.distrust(error.to_string()).await;
            }
        }
    }

    /// Asks it to finish what it has begun, and to end.
    pub fn drain(&self) {
        if let Err(error) = self.channel.send(&ToRuntime::Drain, &[]) {
            tracing::error!(%error, "the runtime cannot be asked to stop");
        }
    }

    async fn distrust(&mut self, said: String) -> Result<ExitStatus, Failure> {
        tracing::error!(said, "the runtime is not itself any more: ending it");
        self.end().await
    }

    /// It has closed its channel or is to be ended: it gets no time.
    async fn end(&mut self) -> Result<ExitStatus, Failure> {
        tokio::select! {
            biased;
            status = self.child.wait() => status,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let _ = self.child.start_kill();
                self.child.wait().await
            }
        }
        .map_err(|error| Failure::fault("the runtime", error))
    }
}

/// Starts the runtime again whenever it ends, until it does nothing else.
pub async fn keep_alive(runtime: &mut Runtime, plan: &Plan, doors: &mut Doors, pause: Duration) -> Failure {
    let (mut began, mut early) = (Instant::now(), 0);
    loop {
        let status = match runtime.attend(doors).await {
            Ok(status) => status,
            Err(failure) => return failure,
        };
        early = if began.elapsed() < Duration::from_millis(RUNTIME_SETTLED_MS) { early + 1 } else { 0 };
        tell(status);
        if early >= RUNTIME_EARLY_ENDS_MAX {
            return Failure::Fault(format!("the runtime ended {early} times in a row, each soon after its start"));
        }
        tokio::time::sleep(pause).await;
        *runtime = match Runtime::spawn(plan) {
            Ok(runtime) => runtime,
            Err(failure) => return failure,
        };
        // One that does not come so far is found ended above.
        if let Ok(ready) = runtime.ready().await {
            tracing::info!(runtime_pid = runtime.pid(), lockdown = ready.lockdown, "the runtime serves again");
        }
        began = Instant::now();
    }
}

fn tell(status: ExitStatus) {
    match status.signal() {
        Some(libc::SIGSYS) => tracing::error!(
            "the runtime was killed for a system call that it never makes: somebody may have escaped the guest. \
             Starting it again"
        ),
        _ => tracing::error!(%status, "the runtime ended: starting it again"),
    }
}
