//! In: requests in the compiler's protocol. Out: its results.
//! May touch: one child process, which ends with this value.
//! Security boundary: no; `confine.rs` is the one around the process, `files.rs` the one around what it sees.

use crate::files::{CALLBACKS, Files};
use crate::limits::{COMPILER_ASKS_MAX, COMPILER_HEAP_BYTES};
use crate::wire;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ffi::OsString;
use std::process::Stdio;
use tokio::io::BufReader;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// `tsc --api --async`: JSON-RPC over its standard streams, in which it asks us for files.
pub struct Compiler {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
}

/// It cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("it sent no message of its protocol: {0}")]
    Protocol(#[from] serde_json::Error),
    #[error("it answered with an error: {0}")]
    Refused(String),
    #[error("it asked too much")]
    Asking,
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: &'a Value,
}

#[derive(Serialize)]
struct Response<'a> {
    jsonrpc: &'static str,
    id: &'a Value,
    result: Value,
}

#[derive(Deserialize)]
struct Incoming {
    #[serde(default)]
    id: Value,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    error: Option<Value>,
}

impl Compiler {
    /// `command` leads to the compiler, as `Launch` says.
    pub fn spawn(command: &[OsString]) -> std::io::Result<Compiler> {
        let (program, arguments) = command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(arguments)
            .args(["--api", "--async", "--cwd", "/"])
            .arg(format!("--callbacks={CALLBACKS}"))
            .env_clear()
            .env("GOMEMLIMIT", COMPILER_HEAP_BYTES.to_string())
            .env("GOMAXPROCS", "2")
            .env("GOTRACEBACK", "none")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Its last words may repeat the script, and are no log line of ours.
            .stderr(Stdio::null())
            // Signals of a terminal to the group are for who started us.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        Ok(Compiler { child, to, from: BufReader::new(from), last: 0 })
    }

    /// One request; what it asks of its file system meanwhile is answered from `files`.
    pub async fn request(&mut self, method: &str, params: Value, files: &mut Files) -> Result<Value, Broken> {
        self.last += 1;
        let id = self.last;
        wire::write(&mut self.to, &Request { jsonrpc: "2.0", id, method, params: &params }).await?;
        for _ in 0..COMPILER_ASKS_MAX {
            let message: Incoming = serde_json::from_slice(&wire::read(&mut self.from).await?)?;
            let Some(method) = &message.method else {
                return match message.error {
                    Some(error) => Err(Broken::Refused(error.to_string())),
                    None if message.id == id => Ok(message.result),
                    None => Err(Broken::Refused("an answer to nothing".into())),
                };
            };
            // A notification has no id and wants no answer.
            if !message.id.is_null() {
                let result = files.answer(method, &message.params).unwrap_or_default();
                wire::write(&mut self.to, &Response { jsonrpc: "2.0", id: &message.id, result }).await?;
            }
        }
        Err(Broken::Asking)
    }

    /// What it holds of the machine's memory; 0 where that is not told.
    pub fn resident_bytes(&self) -> u64 {
        const PAGE: u64 = 4096;
        let pages = || {
            let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()?)).ok()?;
            statm.split(' ').nth(1)?.parse::<u64>().ok()
        };
        pages().unwrap_or(0) * PAGE
    }
}
