//! In: a run object as the server tells it. Out: its result on standard output, the rest on standard error; its exit status.
//! May touch: standard streams.
//! Security boundary: yes, towards the terminal: what a script or a client wrote is shown without its control characters.

use crate::cli::failure::Failure;
use crate::cli::paint::Paint;
use crate::cli::report::{self, paint_for_stderr, plain};
use mayfly::run::RunStatus;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(Deserialize)]
pub struct Told {
    id: String,
    pub status: RunStatus,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    result: Option<Box<RawValue>>,
    error: Option<Wrong>,
    #[serde(default)]
    pending: Vec<Pending>,
    #[serde(default)]
    logs: Vec<Line>,
}

#[derive(Deserialize)]
pub struct Wrong {
    kind: String,
    name: String,
    message: String,
    module: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

#[derive(Deserialize)]
struct Pending {
    call: u32,
    tool: String,
    args: Box<RawValue>,
    reason: String,
}

#[derive(Deserialize)]
pub struct Line {
    level: String,
    text: String,
}

/// Prints it: whole, or for people. Gives it read.
pub fn report(object: &[u8], json: bool) -> Result<Told, Failure> {
    let read = |what: &str| Failure::Fault(format!("server: the run object cannot be read: {what}"));
    let told: Told = serde_json::from_slice(object).map_err(|error| read(&error.to_string()))?;
    match json {
        true => report::json(std::str::from_utf8(object).map_err(|error| read(&error.to_string()))?),
        false => {
            let paint = paint_for_stderr();
            told.logs.iter().for_each(|line| eprintln!("{}", line.shown(paint)));
            told.rest(paint);
        }
    }
    Ok(told)
}

impl Told {
    /// All but its log.
    pub fn rest(&self, paint: Paint) {
        for Pending { call, tool, args, reason } in &self.pending {
            eprintln!(
                "{} call {call} waits ({}): {}({})",
                paint.yellow("held "),
                plain(reason),
                plain(tool),
                plain(args.get())
            );
        }
        if let Some(wrong) = &self.error {
            eprintln!("{}", wrong.shown(paint));
        }
        let tags = match self.tags.is_empty() {
            true => String::new(),
            false => format!(" [{}]", tags(&self.tags)),
        };
        eprintln!("{} {}{}", word(self.status, paint), plain(&self.id), paint.dim(&tags));
        self.result.iter().for_each(|result| report::json(result.get()));
    }

    /// As that of `mayfly run`: 0 result, 1 failed, 3 a limit ended it, 4 paused, 5 our fault.
    pub fn exit(&self) -> ExitCode {
        let kind = self.error.as_ref().map_or("", |wrong| wrong.kind.as_str());
        ExitCode::from(match self.status {
            RunStatus::Completed | RunStatus::Running => 0,
            RunStatus::Paused => 4,
            RunStatus::Cancelled => 1,
            RunStatus::Failed if kind == "internal" => 5,
            RunStatus::Failed if kind.ends_with("_limit") => 3,
            RunStatus::Failed => 1,
        })
    }
}

impl Wrong {
    pub fn shown(&self, paint: Paint) -> String {
        let place = match (&self.module, self.line) {
            (Some(module), Some(line)) => format!(" at {module}:{line}:{}", self.column.unwrap_or(1)),
            _ => String::new(),
        };
        let text = plain(&format!("{}: {}{place}", self.name, self.message));
        format!("{} {text}", paint.red(&format!("{}:", plain(&self.kind))))
    }
}

impl Line {
    pub fn shown(&self, paint: Paint) -> String {
        let level = match self.level.as_str() {
            "error" => paint.red("error"),
            "warn" => paint.yellow("warn "),
            level => paint.dim(&format!("{:5}", plain(level))),
        };
        format!("{level} {}", plain(&self.text))
    }
}

pub fn word(status: RunStatus, paint: Paint) -> String {
    match status {
        RunStatus::Completed => paint.green("completed"),
        RunStatus::Failed => paint.red("failed   "),
        RunStatus::Cancelled => paint.yellow("cancelled"),
        RunStatus::Paused => paint.yellow("paused   "),
        RunStatus::Running => paint.bold("running  "),
    }
}

/// In one line, whatever stands in them.
pub fn tags(tags: &BTreeMap<String, String>) -> String {
    let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    one_line(&tags.join(" "))
}

pub fn one_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}
