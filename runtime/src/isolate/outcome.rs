//! In: how a run ended inside the isolate. Out: the words and numbers that its run object will show.
//! May touch: nothing.
//! Security boundary: no.

use super::effect::GuestError;
use super::guest::Stopped;
use super::logs::Logs;
use super::program::Program;
use mayfly_checker::Diagnostic;
use mayfly_schemas::limits::Limits;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Everything that is left of a run when its isolate is gone.
#[derive(Debug)]
pub struct Outcome {
    pub result: Result<Box<RawValue>, RunError>,
    pub logs: Logs,
    pub usage: Usage,
}

/// Counted by the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Sum of the turns; waiting is not counted.
    pub cpu_us: u64,
    pub wall_us: u64,
    pub memory_peak_bytes: u64,
    pub calls: u32,
    pub bytes_out: u64,
    pub bytes_in: u64,
}

/// The closed set of CONTRACT section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    Syntax,
    Type,
    Exception,
    CpuLimit,
    WallLimit,
    MemoryLimit,
    CallLimit,
    ResultLimit,
    SourceLimit,
    Deadlock,
    NotSerializable,
    Cancelled,
    Internal,
}

/// `the script made more than 256 calls`.
pub(super) fn over(does: &str, limit: u32, what: &str) -> RunError {
    RunError::limit(ErrorKind::CallLimit, format!("the script {does} {limit} {what}"))
}

/// Why a run failed, for the person or the model who wrote the script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunError {
    pub kind: ErrorKind,
    pub name: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stack: String,
    /// Place in the TypeScript, where there is one. Lines and columns count from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The offending line itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of a script that was checked and did not run.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Box<Findings>>,
}

/// What a check of types found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// What to write instead at the place of the error, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// Everything, in the order of the source; the error is the first of them.
    pub diagnostics: Vec<Diagnostic>,
}

impl RunError {
    pub fn new(kind: ErrorKind, name: &str, message: impl Into<String>) -> RunError {
        let message = message.into();
        let (module, line, column, source) = (None, None, None, None);
        let (stack, findings) = (String::new(), None);
        RunError { kind, name: name.into(), message, stack, module, line, column, source, findings }
    }

    /// A limit was reached: says which, and what it was.
    pub fn limit(kind: ErrorKind, message: impl Into<String>) -> RunError {
        RunError::new(kind, "LimitError", message)
    }
}

/// What stopped a turn, in the words of the run object.
pub(super) fn of_stop(stopped: &Stopped, limits: &Limits) -> RunError {
    use ErrorKind::*;
    match stopped {
        Stopped::Cpu => RunError::limit(CpuLimit, format!("the script used more than {} ms of CPU", limits.cpu_ms)),
        Stopped::Wall => RunError::limit(WallLimit, format!("the script took longer than {} ms", limits.wall_ms)),
        Stopped::Memory => out_of_memory(limits),
        Stopped::Stack => RunError::new(Exception, "RangeError", "Maximum call stack size exceeded"),
        Stopped::NoSlot => RunError::new(Internal, "InternalError", "no isolate was free"),
        Stopped::Trap(_) | Stopped::Malformed(_) => {
            RunError::new(Internal, "InternalError", "the isolate broke down and was thrown away")
        }
    }
}

/// What the guest says about an error, with positions in the TypeScript.
pub(super) fn of_guest(error: GuestError, program: &Program, limits: &Limits) -> RunError {
    let kind = match error.kind.as_str() {
        "memory_limit" => return out_of_memory(limits),
        "not_serializable" => ErrorKind::NotSerializable,
        "syntax" => ErrorKind::Syntax,
        _ => ErrorKind::Exception,
    };
    let mut message = cut(error.message, TEXT_BYTES_MAX);
    if !error.path.is_empty() && !message.contains(&error.path) {
        message = format!("{} at {}", message, cut(error.path, TEXT_BYTES_MAX));
    }
    let mut told = RunError::new(kind, &cut(error.name, 256), message);
    super::positions::locate(&mut told, &cut(error.stack, TEXT_BYTES_MAX), program);
    told
}

/// Bound of each text that a guest's error brings along.
const TEXT_BYTES_MAX: usize = 8 * 1024;

fn out_of_memory(limits: &Limits) -> RunError {
    RunError::limit(ErrorKind::MemoryLimit, format!("the script needs more than {} MiB of memory", limits.memory_mib))
}

fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
