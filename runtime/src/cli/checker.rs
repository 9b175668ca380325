//! In: the type checker that is installed. Out: a process that owns compilers, and answers on connections that it is given.
//! May touch: child processes, which confine themselves before they become the compiler.
//! Security boundary: yes: of our environment the process gets how it logs, and of descriptors its end of a channel. It holds
//! no secret, and neither the runtime nor the bridge ever runs another program.

use super::channel::{self, Channel, ToChecker};
use super::failure::Failure;
use super::{executor, setup};
use mayfly::lockdown::Mode;
use mayfly_checker::limits::{COMPILER_IDLE_MS, CONNECTIONS_MAX};
use mayfly_checker::{Checker, Installed, Launch, confine};
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::Signal;
use std::cell::Cell;
use std::ffi::OsString;
use std::io::{Error, Result};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

#[derive(clap::Args)]
pub struct Arguments {
    /// The native compiler
    program: PathBuf,
    /// No check without every layer of its confinement
    #[arg(long)]
    strict: bool,
    /// Confine this process and become the compiler
    #[arg(long = "become")]
    becomes: bool,
    /// The compiler's own
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

const ENVIRONMENT: [&str; 3] = ["MAYFLY_LOG", "NO_COLOR", "RUST_BACKTRACE"];

pub fn run(arguments: Arguments) -> std::result::Result<ExitCode, Failure> {
    let Arguments { program, strict, becomes, arguments } = arguments;
    if becomes {
        let failed = confine::become_compiler(&program, &arguments, strict);
        return Err(Failure::fault("the compiler", failed));
    }
    // The kernel sees to it: no check outlives its supervisor.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    mayfly_bridge::harden_process();
    super::log_to_stderr("warn,mayfly=info,mayfly_checker=info");
    let launch = launch(Installed { program }, strict).map_err(|error| Failure::fault("checker", error))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&executor()?, serve(Rc::new(Checker::new(launch))))
}

/// How compilers are started: this binary confines itself first.
pub fn launch(installed: Installed, strict: bool) -> Result<Launch> {
    let mut command: Vec<OsString> = vec![std::env::current_exe()?.into(), "checker".into(), "--become".into()];
    command.extend(strict.then(|| "--strict".into()));
    command.extend([installed.program.clone().into(), "--".into()]);
    Ok(Launch { command, installed })
}

/// Until the supervisor is gone.
async fn serve(checker: Rc<Checker>) -> std::result::Result<ExitCode, Failure> {
    let _ignored = setup::leave_signals_to_parent();
    let by_hand = |error: Error| Failure::usage(format!("`mayfly serve` starts the checker ({error})"));
    let channel = Channel::to_parent().map_err(by_hand)?;
    let open = Rc::new(Cell::new(0usize));
    let mut idle = tokio::time::interval(Duration::from_millis(COMPILER_IDLE_MS / 10));
    loop {
        let message = tokio::select! {
            message = channel.receive_with_descriptors() => message.map_err(|error| Failure::fault("supervisor", error))?,
            _ = idle.tick() => {
                checker.end_idle();
                continue;
            }
        };
        let Some((ToChecker::Connection, descriptors)) = message else { return Ok(ExitCode::SUCCESS) };
        for descriptor in descriptors {
            let stream = std::os::unix::net::UnixStream::from(descriptor);
            if open.get() >= CONNECTIONS_MAX {
                continue;
            }
            let Ok(stream) = UnixStream::from_std(stream) else { continue };
            let (checker, open) = (checker.clone(), open.clone());
            open.set(open.get() + 1);
            tokio::task::spawn_local(async move {
                if let Err(error) = mayfly_checker::serve::connection(&checker, stream).await {
                    tracing::warn!(%error, "a connection of a runtime ended");
                }
                open.set(open.get() - 1);
            });
        }
    }
}

/// The process, as its supervisor sees it: started when somebody first wants a check, and again when it died.
pub struct CheckerProcess {
    installed: Installed,
    strict: bool,
    running: Option<(Child, Channel)>,
}

impl CheckerProcess {
    pub fn new(installed: Installed, mode: Mode) -> CheckerProcess {
        CheckerProcess { installed, strict: mode == Mode::Required, running: None }
    }

    /// One end of a new connection; the checker has the other one.
    pub fn connect(&mut self) -> Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        if let Some((child, channel)) = &mut self.running
            && matches!(child.try_wait(), Ok(None))
            && channel.send(&ToChecker::Connection, &[theirs.as_fd()]).is_ok()
        {
            return Ok(ours);
        }
        let (child, channel) = self.start()?;
        channel.send(&ToChecker::Connection, &[theirs.as_fd()])?;
        self.running = Some((child, channel));
        Ok(ours)
    }

    fn start(&self) -> Result<(Child, Channel)> {
        let (channel, theirs) = channel::pair()?;
        let kept = ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let child = Command::new(std::env::current_exe()?)
            .arg("checker")
            .args(self.strict.then_some("--strict"))
            .arg(&self.installed.program)
            .env_clear()
            .envs(kept)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        tracing::info!(checker_pid = child.id(), "the type checker starts");
        Ok((child, channel))
    }
}
