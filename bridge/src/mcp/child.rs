//! In: a command of a tenant's file. Out: the process, with its standard input and output for the protocol.
//! May touch: that process and its group.
//! Security boundary: yes; it has the rights of the bridge's user, but nothing of the bridge's environment and none of its
//! descriptors. What Rust opens closes when another program is executed; what we were started with is told to, too.
//!
//! Not rmcp's own child process: its lines have no bound that can be set, and it kills one process of the group.

use super::keeper::Common;
use super::server::{Command, Server};
use crate::lane::Shared;
use mayfly_schemas::limits::{
    MCP_CHILD_END_AT_STOP_MS, MCP_CHILD_END_MS, MCP_LINE_BYTES_MAX, MCP_STDERR_LINE_BYTES_MAX, MCP_STDERR_LINES_MAX,
};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{sleep, timeout};
use tracing::instrument::WithSubscriber;

/// A running child. Dropped, all of its group is killed.
pub struct Child {
    process: Process,
    group: Option<Pid>,
}

impl Child {
    pub fn spawn(
        command: &Command,
        server: &Arc<Server>,
        common: &Common,
    ) -> io::Result<(Child, Lines<ChildStdout>, ChildStdin)> {
        close_fds::set_fds_cloexec(3, &[]);
        let mut made = match &common.shared.guard {
            None => tokio::process::Command::new(&command.program),
            Some(guard) => guarded(guard, &command.program),
        };
        made.args(&command.arguments).current_dir(&command.folder).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            made.env("PATH", path);
        }
        for (name, value) in &command.environment {
            made.env(name, std::ffi::OsStr::from_bytes(value.bytes()));
        }
        made.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts ends with it.
        let mut process = made.process_group(0).kill_on_drop(true).spawn()?;
        let group = process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let child = Child { process, group };
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(io::Error::other("it has no standard input or output"));
        };
        tokio::spawn(tell(stderr, server.clone(), common.shared.clone()).with_subscriber(common.log.clone()));
        Ok((child, Lines { inner: stdout, bytes: 0 }, stdin))
    }

    /// When its process has ended, and what it wrote before had time to be read.
    pub async fn ended(&mut self) {
        let _ = self.process.wait().await;
        sleep(Duration::from_millis(MCP_CHILD_END_MS)).await;
    }

    /// After its standard input was closed: gives it time, then less politely. Says how it ended.
    pub async fn end(mut self, common: &Common) -> String {
        let moment = common.moment(MCP_CHILD_END_MS, MCP_CHILD_END_AT_STOP_MS);
        for signal in [None, Some(Signal::TERM)] {
            if let Some(signal) = signal {
                self.signal(signal);
            }
            if let Ok(Ok(status)) = timeout(moment, self.process.wait()).await {
                return match (status.code(), &common.shared.guard) {
                    (Some(NOT_FOUND), Some(_)) => format!("it ended with {status} (no such command)"),
                    _ => format!("it ended with {status}"),
                };
            }
        }
        self.signal(Signal::KILL);
        let _ = timeout(moment, self.process.wait()).await;
        "it did not end by itself and was killed".to_owned()
    }

    fn signal(&self, signal: Signal) {
        // It fails when nobody of the group is left.
        let _ = self.group.map(|group| kill_process_group(group, signal));
    }
}

/// With `PR_SET_PDEATHSIG` set by the guard, not by us: between fork and exec that would be `unsafe` code, and it reaches one
/// process, where commands like `npx` start others. The guard is the leader of the group, so that what holds for a command
/// without one holds here: the group is known by the number of the process we started.
fn guarded(guard: &Path, program: &str) -> tokio::process::Command {
    let mut made = tokio::process::Command::new(guard);
    made.args(["guard", "--parent", &std::process::id().to_string(), "--", program]);
    made
}

/// How a guard, like a shell, tells that there is no such program.
const NOT_FOUND: i32 = 127;

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// What a child writes. A line that is too long ends it, because rmcp would pass over it and leave its call waiting.
pub struct Lines<R> {
    inner: R,
    bytes: usize,
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        self.bytes = match new.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => new.len() - at - 1,
            None => self.bytes + new.len(),
        };
        if self.bytes > MCP_LINE_BYTES_MAX {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a line that is too long")));
        }
        Poll::Ready(Ok(()))
    }
}

/// What a child says beside the protocol goes to the log, within bounds, and never with a credential in it.
async fn tell(mut stderr: ChildStderr, server: Arc<Server>, shared: Arc<Shared>) {
    let (mut line, mut buffer) = (Vec::new(), [0; 4096]);
    let mut pace = Pace { since: Instant::now(), lines: 0 };
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        for byte in buffer.get(..count).unwrap_or_default() {
            match byte {
                b'\n' => say(&server, &shared, &mut pace, &std::mem::take(&mut line)),
                // More than is shown: a credential that is cut must be found too.
                byte if line.len() <= LINE_SEARCHED_BYTES => line.push(*byte),
                _ => {}
            }
        }
    }
    if !line.is_empty() {
        say(&server, &shared, &mut pace, &line);
    }
}

/// Of a line on standard error, what is searched. A longer one is left out.
const LINE_SEARCHED_BYTES: usize = 64 * 1024;

struct Pace {
    since: Instant,
    lines: u32,
}

fn say(server: &Server, shared: &Shared, pace: &mut Pace, line: &[u8]) {
    if pace.since.elapsed() >= Duration::from_secs(1) {
        *pace = Pace { since: Instant::now(), lines: 0 };
    }
    pace.lines += 1;
    if pace.lines > MCP_STDERR_LINES_MAX {
        return;
    }
    // Who has no tenant any more has nobody who reads this.
    let Some(tenant) = shared.directory.tenant(&server.tenant) else { return };
    if line.len() > LINE_SEARCHED_BYTES || tenant.scrubber.finds(line) {
        tracing::warn!(
            tenant = server.tenant,
            tools = server.name,
            "a long line, or one with a credential, is left out"
        );
        return;
    }
    let text = String::from_utf8_lossy(line.get(..MCP_STDERR_LINE_BYTES_MAX).unwrap_or(line));
    let cut = if line.len() > MCP_STDERR_LINE_BYTES_MAX { "..." } else { "" };
    let more = if pace.lines == MCP_STDERR_LINES_MAX { " (more in this second is left out)" } else { "" };
    tracing::info!(tenant = server.tenant, tools = server.name, "{}{cut}{more}", text.escape_debug());
}
