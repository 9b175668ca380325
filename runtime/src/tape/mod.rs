//! In: a run as it happens. Out: its tape: everything that it was given, and everything that it asked for.
//! May touch: nothing.
//! Security boundary: no. A tape holds what the script saw, which is never a credential; who may have it, others decide.
//!
//! A tape is text, one JSON object a line, so that it can be kept, sent and compared by any tool: a `Header`, then an
//! `Entry` for each turn and each event in their order, the last of them the end. The same program, given the same events,
//! asks for the same effects.

mod replay;

pub use replay::{Compared, NotReplayed, asks, replay};

use crate::isolate::{Answer, Ask, Delivered, LogLine, Origin, Outcome, RunError, Step};
use crate::run::{Begun, Belongings, Job};
use mayfly_schemas::limits::{Limits, TAPE_BYTES_MAX};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::cell::RefCell;

/// What this version writes, and the only one it reads.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub mayfly_tape: u32,
    pub run: String,
    /// Digest of the engine; another one may do other things.
    pub engine: String,
    /// The main module first.
    pub modules: Vec<(String, String)>,
    /// Names that the script found as globals.
    pub tools: String,
    pub input: Box<RawValue>,
    pub limits: Limits,
    pub origin: Origin,
}

/// Every further line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// What a turn asked for, and what it said.
    Turn {
        asks: Vec<Ask>,
        cancelled: Vec<u32>,
        logs: Vec<LogLine>,
    },
    /// The answer to an ask.
    Event {
        number: u32,
        /// Since the run began.
        at_ms: f64,
        answer: Delivered,
    },
    Result {
        value: Box<RawValue>,
        logs: Vec<LogLine>,
    },
    Error {
        error: Box<RunError>,
        logs: Vec<LogLine>,
    },
}

/// Writes a tape while its run is under way.
#[derive(Debug, Default)]
pub struct Recorder(RefCell<Recording>);

#[derive(Debug, Default)]
struct Recording {
    lines: Vec<String>,
    bytes: usize,
    /// Log lines that stand in it already.
    logs: usize,
    /// There was more than a tape may have.
    cut: bool,
}

/// A tape as it was while its run was parked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Reel {
    lines: Vec<String>,
    logs: usize,
    cut: bool,
}

impl Recorder {
    pub fn begin(&self, engine: &str, job: &Job, input: &str, origin: Origin) {
        let Job { id, tools, script, limits, .. } = job;
        let modules = script.modules.iter().map(|module| (module.name.clone(), module.source.clone())).collect();
        let input = RawValue::from_string(input.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned());
        let (run, engine, tools, limits) = (id.clone(), engine.to_owned(), tools.to_string(), *limits);
        self.write(&Header { mayfly_tape: VERSION, run, engine, modules, tools, input, limits, origin });
    }

    /// The same of a run that begins again, since its process is gone.
    pub fn began(&self, engine: &str, id: &str, belongings: &Belongings, begun: &Begun) {
        let (run, engine, tools) = (id.to_owned(), engine.to_owned(), belongings.tools.clone());
        let Begun { input, limits, origin } = begun;
        let (modules, input, limits, origin) = (belongings.modules().to_vec(), input.clone(), *limits, *origin);
        self.write(&Header { mayfly_tape: VERSION, run, engine, modules, tools, input, limits, origin });
    }

    /// What a turn came to, unless that is the end.
    pub fn turn(&self, step: &Step, logs: &[LogLine]) {
        let Step::Waiting(turn) = step else { return };
        let (asks, cancelled) = (turn.asks.clone(), turn.cancelled.clone());
        self.write(&Entry::Turn { asks, cancelled, logs: self.news(logs) });
    }

    pub fn event(&self, number: u32, at_ms: f64, answer: &Answer) {
        self.write(&Entry::Event { number, at_ms, answer: answer.delivered() });
    }

    /// The same of an answer that the run was given before.
    pub fn event_again(&self, number: u32, at_ms: f64, answer: Delivered) {
        self.write(&Entry::Event { number, at_ms, answer });
    }

    pub fn end(&self, outcome: &Outcome) {
        let logs = self.news(&outcome.logs.lines);
        self.write(&match &outcome.result {
            Ok(value) => Entry::Result { value: value.clone(), logs },
            Err(error) => Entry::Error { error: Box::new(error.clone()), logs },
        });
    }

    /// The whole tape; or nothing where it is longer than a tape may be.
    pub fn text(&self) -> Option<String> {
        let recording = self.0.borrow();
        (!recording.cut).then(|| recording.lines.concat())
    }

    pub fn reel(&self) -> Reel {
        let Recording { lines, logs, cut, .. } = &*self.0.borrow();
        Reel { lines: lines.clone(), logs: *logs, cut: *cut }
    }

    pub fn again(reel: Reel) -> Recorder {
        let Reel { lines, logs, cut } = reel;
        let bytes = lines.iter().map(String::len).sum();
        Recorder(RefCell::new(Recording { lines, bytes, logs, cut }))
    }

    fn news(&self, logs: &[LogLine]) -> Vec<LogLine> {
        let mut recording = self.0.borrow_mut();
        let news = logs.get(recording.logs..).unwrap_or_default().to_vec();
        recording.logs = logs.len().max(recording.logs);
        news
    }

    fn write(&self, line: &impl Serialize) {
        let mut recording = self.0.borrow_mut();
        if recording.cut {
            return;
        }
        // Plain records: nothing of it can fail.
        let mut line = serde_json::to_string(line).unwrap_or_default();
        line.push('\n');
        recording.bytes += line.len();
        if recording.bytes > TAPE_BYTES_MAX {
            recording.cut = true;
            recording.lines.clear();
            return;
        }
        recording.lines.push(line);
    }
}
