//! In: nothing. Out: what is told of a run, and to a run, in types.
//! May touch: nothing.
//! Security boundary: no.

use super::external::Externals;
use super::object::{CallRecord, RunObject, RunStatus};
use super::tags::Tags;
use crate::isolate::LogLine;
use bytes::Bytes;
use serde_json::value::RawValue;
use std::sync::Arc;

/// What is known of a run when it begins.
pub struct New<'a> {
    /// Tools that the caller answers.
    pub external: Arc<Externals>,
    pub id: &'a str,
    pub tenant: &'a str,
    pub script: Option<String>,
    /// What the caller calls it by.
    pub tags: Tags,
    /// It goes on when nobody waits for it.
    pub detached: bool,
    /// What the caller may say to one call, as JSON.
    pub outcome_bytes_max: u64,
}

/// What is said to a call that waits.
#[derive(Clone, Debug)]
pub enum Said {
    /// Of a caller's own tool: its result, as JSON.
    Value(Box<RawValue>),
    /// Likewise: what went wrong.
    Error(String),
    /// Of a call that was held: it may be sent.
    Approved,
    /// It may not, perhaps for this reason.
    Rejected(Option<String>),
}

impl Said {
    /// Whether this is a decision, and not an outcome.
    pub fn decides(&self) -> bool {
        matches!(self, Said::Approved | Said::Rejected(_))
    }
}

/// What a stream of events tells.
#[derive(Clone, Debug)]
pub enum Event {
    Log(LogLine),
    Call(CallRecord),
    /// The run paused or ended.
    Stop,
}

/// A run that paused or ended.
#[derive(Clone)]
pub struct Stop {
    pub object: Arc<RunObject>,
    /// The same as JSON.
    pub json: Bytes,
    /// From the beginning up to this stop.
    pub events: Arc<Vec<Event>>,
}

/// What a request to go on says, decisions before outcomes: `call`, and what is said to it.
pub type Sayings = Vec<(u32, Said)>;

/// Why a run does not go on; `place` is one in `Sayings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotResumed {
    Is(RunStatus),
    /// It is on its way to the store: ask again when it `is_here`, or there.
    Leaving,
    Nothing,
    /// The call waits for an outcome.
    NoDecision {
        place: usize,
        call: u32,
    },
    /// The call waits for a decision.
    NoOutcome {
        place: usize,
        call: u32,
    },
    /// The outcome is not what its tool gives.
    Unfit {
        place: usize,
        why: String,
    },
    /// No such call waits; these do.
    Unknown {
        place: usize,
        call: u32,
        waiting: Vec<u32>,
    },
    Twice {
        place: usize,
        call: u32,
    },
    TooLarge {
        place: usize,
        bytes: usize,
        limit: u64,
    },
}
