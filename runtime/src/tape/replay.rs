//! In: a tape. Out: whether its run, given the same again, does the same again; or the first thing that is different.
//! May touch: isolates. No network, no credential, no clock: everything comes from the tape.
//! Security boundary: yes. A tape is a client's text: it is read strictly, and its script runs like any other.

use super::{Entry, Header, VERSION};
use crate::isolate::{Ask, ErrorKind, Isolate, LogLine, Outcome, RunError, Step};
use crate::prepare::{ModuleText, Script};
use crate::run::Host;
use mayfly_schemas::limits::{CEILINGS, Limits, MEMORY_MIB_MIN, SCRIPT_MODULES_MAX, TAPE_BYTES_MAX};
use serde::Serialize;
use serde_json::Value;

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Compared {
    pub equal: bool,
    /// The entry that is different, from 1; the header is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Value>,
}

/// Why a tape cannot be replayed. The texts are for who brought it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayed {
    #[error("line {line}: {why}")]
    Line { line: usize, why: String },
    #[error("the tape has {0} bytes; the limit is {TAPE_BYTES_MAX}")]
    TooLarge(usize),
    #[error("the tape is of engine {made_by}, this is {this}: only the engine that made it does the same again")]
    Engine { made_by: String, this: String },
    #[error("{0}")]
    NoIsolate(String),
}

struct Tape {
    header: Header,
    entries: Vec<Entry>,
}

/// `tenant`: whose programs it finds, and leaves, in the cache.
pub async fn replay(host: &Host, tenant: &str, text: &str) -> Result<Compared, NotReplayed> {
    let Tape { header, entries } = read(text)?;
    let this = host.engine.digest();
    if header.engine != this {
        return Err(NotReplayed::Engine { made_by: header.engine, this: this.to_owned() });
    }
    let modules = header.modules.iter().map(|(name, source)| ModuleText { name: name.clone(), source: source.clone() });
    let limits = limits(&header.limits, &entries);
    let prepared = host.programs.prepare(tenant, &Script::new(modules.collect()), limits.source_bytes).await;
    let mut player = Player { at: 0, logs: 0 };
    let program = match prepared {
        Ok(program) => program,
        Err(error) => return Ok(player.ended_with(&entries, &outcome_of(error))),
    };
    let input = header.input.get();
    let begun =
        Isolate::start_with_tools(&host.engine, &program, input, &header.tools, &limits, header.origin, None).await;
    let (mut isolate, mut step) = begun.map_err(|stopped| NotReplayed::NoIsolate(stopped.to_string()))?;
    for entry in &entries {
        player.at += 1;
        match (entry, &mut step) {
            (Entry::Event { number, at_ms, answer }, Step::Waiting(_)) => {
                step = isolate.deliver_again(*number, answer, *at_ms).await;
            }
            (Entry::Turn { .. }, Step::Waiting(turn)) => {
                let logs = player.news(&isolate.logs().lines);
                let replayed =
                    Entry::Turn { asks: std::mem::take(&mut turn.asks), cancelled: turn.cancelled.clone(), logs };
                if let Some(different) = player.compare(entry, &replayed) {
                    return Ok(different);
                }
            }
            (Entry::Result { .. } | Entry::Error { .. }, Step::Done(outcome)) => {
                return Ok(player.last(entry, outcome));
            }
            // What ended the run from outside is no doing of its own.
            (Entry::Error { error, .. }, Step::Waiting(_)) if from_outside(error.kind) => return Ok(Compared::equal()),
            (Entry::Turn { .. } | Entry::Event { .. }, Step::Done(outcome)) => {
                let replayed = player.end(outcome);
                return Ok(player.differs(entry, &replayed));
            }
            (Entry::Result { .. } | Entry::Error { .. }, Step::Waiting(turn)) => {
                let (asks, cancelled) = (std::mem::take(&mut turn.asks), turn.cancelled.clone());
                let logs = player.news(&isolate.logs().lines);
                return Ok(player.differs(entry, &Entry::Turn { asks, cancelled, logs }));
            }
        }
    }
    // A tape of a run that has not ended yet.
    Ok(Compared::equal())
}

/// Everything that the run on a tape asked for.
pub fn asks(text: &str) -> Result<Vec<Ask>, NotReplayed> {
    let asks = read(text)?.entries.into_iter().flat_map(|entry| match entry {
        Entry::Turn { asks, .. } => asks,
        _ => Vec::new(),
    });
    Ok(asks.collect())
}

fn read(text: &str) -> Result<Tape, NotReplayed> {
    if text.len() > TAPE_BYTES_MAX {
        return Err(NotReplayed::TooLarge(text.len()));
    }
    let at = |line: usize| move |error: serde_json::Error| NotReplayed::Line { line, why: error.to_string() };
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap_or_default()).map_err(at(1))?;
    let wrong = |why: String| NotReplayed::Line { line: 1, why };
    if header.mayfly_tape != VERSION {
        return Err(wrong(format!("is a tape of version {}; this reads version {VERSION}", header.mayfly_tape)));
    }
    if header.modules.is_empty() || header.modules.len() > SCRIPT_MODULES_MAX {
        return Err(wrong(format!("`modules`: a script has 1 to {SCRIPT_MODULES_MAX}")));
    }
    let entries = lines.zip(2..).map(|(line, number)| serde_json::from_str(line).map_err(at(number)));
    Ok(Tape { header, entries: entries.collect::<Result<_, _>>()? })
}

/// As the run had them, but for time, which another machine has another measure of: where the CPU did not end the run, it
/// is not to end the replay.
fn limits(recorded: &Limits, entries: &[Entry]) -> Limits {
    let by_cpu = matches!(entries.last(), Some(Entry::Error { error, .. }) if error.kind == ErrorKind::CpuLimit);
    let lowered = recorded.at_most(&CEILINGS);
    let cpu_ms = if by_cpu { lowered.cpu_ms } else { lowered.cpu_ms.saturating_mul(4).min(CEILINGS.cpu_ms) };
    Limits { cpu_ms, memory_mib: lowered.memory_mib.max(MEMORY_MIB_MIN), ..lowered }
}

fn from_outside(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Cancelled | ErrorKind::WallLimit | ErrorKind::Internal)
}

fn outcome_of(error: RunError) -> Outcome {
    Outcome { result: Err(error), logs: Default::default(), usage: Default::default() }
}

struct Player {
    at: usize,
    logs: usize,
}

impl Player {
    fn news(&mut self, logs: &[LogLine]) -> Vec<LogLine> {
        let news = logs.get(self.logs..).unwrap_or_default().to_vec();
        self.logs = logs.len().max(self.logs);
        news
    }

    fn end(&mut self, outcome: &Outcome) -> Entry {
        let logs = self.news(&outcome.logs.lines);
        match &outcome.result {
            Ok(value) => Entry::Result { value: value.clone(), logs },
            Err(error) => Entry::Error { error: Box::new(error.clone()), logs },
        }
    }

    /// A run that ended before its first turn.
    fn ended_with(&mut self, entries: &[Entry], outcome: &Outcome) -> Compared {
        self.at = 1;
        match entries.first() {
            Some(entry) => self.last(entry, outcome),
            None => Compared::equal(),
        }
    }

    fn last(&mut self, recorded: &Entry, outcome: &Outcome) -> Compared {
        let replayed = self.end(outcome);
        // How far a loop came in its time is nobody's doing.
        if let (Entry::Error { error: one, .. }, Entry::Error { error: other, .. }) = (recorded, &replayed)
            && (one.kind, other.kind) == (ErrorKind::CpuLimit, ErrorKind::CpuLimit)
        {
            return Compared::equal();
        }
        self.compare(recorded, &replayed).unwrap_or_else(Compared::equal)
    }

    fn compare(&self, recorded: &Entry, replayed: &Entry) -> Option<Compared> {
        (value(recorded) != value(replayed)).then(|| self.differs(recorded, replayed))
    }

    fn differs(&self, recorded: &Entry, replayed: &Entry) -> Compared {
        Compared { equal: false, at: Some(self.at), recorded: Some(value(recorded)), replayed: Some(value(replayed)) }
    }
}

impl Compared {
    fn equal() -> Compared {
        Compared { equal: true, at: None, recorded: None, replayed: None }
    }
}

fn value(entry: &Entry) -> Value {
    // Plain records: nothing of it can fail.
    serde_json::to_value(entry).unwrap_or_default()
}
