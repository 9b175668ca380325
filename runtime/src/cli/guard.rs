//! In: a command of a tenant's file, from the bridge. Out: the command, with our standard streams, and its end when the bridge
//! ends in whatever way: with it ends all of its process group, of which we are the leader.
//! May touch: that group.
//! Security boundary: no; the command is the operator's own. It has the environment that the bridge gave us, and of descriptors
//! only the standard ones.
//!
//! The bridge ends the group itself as long as it lives; the same number stands for it, with us or without. We are for the
//! bridge that is killed. Who kills us instead has killed the command, and is seen by the bridge, which ends the rest.

use super::failure::Failure;
use mayfly_schemas::limits::MCP_CHILD_END_MS;
use rustix::process::{Pid, Signal, getpid, getppid, kill_process_group, set_parent_process_death_signal, setpgid};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::time::timeout;

#[derive(clap::Args)]
pub struct Arguments {
    /// The process whose end is the command's
    #[arg(long, value_name = "PID")]
    parent: i32,
    /// Become the command
    #[arg(long = "become")]
    becomes: bool,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// As shells have it; the bridge knows the first one.
const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;

pub fn run(arguments: Arguments) -> std::result::Result<ExitCode, Failure> {
    if arguments.becomes {
        return Ok(become_command(&arguments));
    }
    // On this thread alone: the kernel tells a child that the thread which started it has ended, not the process.
    super::executor()?.block_on(guard(&arguments)).map_err(|error| Failure::fault("guard", error))
}

async fn guard(arguments: &Arguments) -> Result<ExitCode> {
    setpgid(None, None)?;
    // Before anybody sends them: unhandled, each would end us. The command has them all at their defaults again.
    let mut told = signal(SignalKind::user_defined1())?;
    let _for_the_command = signals_of_the_group()?;
    set_parent_process_death_signal(Some(Signal::USR1))?;
    if !is_parent(arguments.parent) {
        return Err(Error::other("the process that wanted this has ended"));
    }
    let mut child = Command::new(std::env::current_exe()?)
        .args(["guard", "--become", "--parent", &getpid().as_raw_pid().to_string(), "--"])
        .args(&arguments.command)
        .spawn()?;
    let let_go = let_go_of_streams();
    let ended = tokio::select! {
        ended = child.wait() => Some(ended),
        () = parent_ends(arguments.parent, &mut told) => None,
    };
    match (let_go, ended) {
        (Ok(()), Some(Ok(status))) if is_parent(arguments.parent) => Ok(exit_code(status)),
        _ => end_all(child).await,
    }
}

/// What is sent to all of a group, by a script to its own children or by the bridge, is for the command.
fn signals_of_the_group() -> Result<Vec<Stream>> {
    let kinds = [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::terminate(),
        SignalKind::user_defined2(),
        SignalKind::alarm(),
    ];
    kinds.into_iter().map(signal).collect()
}

/// Once started, they are the command's alone: the bridge sees the end of each when the command closes it.
fn let_go_of_streams() -> Result<()> {
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}

fn is_parent(expected: i32) -> bool {
    getppid().map(Pid::as_raw_pid) == Some(expected)
}

/// The signal alone says nothing: anybody may send it, and it comes at the end of a thread of the parent's as well.
async fn parent_ends(parent: i32, told: &mut Stream) {
    while is_parent(parent) {
        told.recv().await;
    }
}

/// As the bridge would have: its standard input has ended, then less politely, then all that is left of the group, and we.
async fn end_all(mut child: Child) -> Result<ExitCode> {
    let moment = Duration::from_millis(MCP_CHILD_END_MS);
    if timeout(moment, child.wait()).await.is_err() {
        kill_process_group(getpid(), Signal::TERM)?;
        let _ = timeout(moment, child.wait()).await;
    }
    kill_process_group(getpid(), Signal::KILL)?;
    Ok(ExitCode::FAILURE)
}

/// In a process of its own. That it ends with the guard is for who kills everything that is called `mayfly`.
fn become_command(arguments: &Arguments) -> ExitCode {
    let [program, words @ ..] = arguments.command.as_slice() else { return ExitCode::from(NOT_STARTED) };
    let error = match set_parent_process_death_signal(Some(Signal::KILL)) {
        Ok(()) if is_parent(arguments.parent) => std::process::Command::new(program).args(words).exec(),
        Ok(()) => Error::other("its guard has ended"),
        Err(error) => error.into(),
    };
    eprintln!("mayfly: `{}` cannot be started: {error}", program.display());
    ExitCode::from(if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED })
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
