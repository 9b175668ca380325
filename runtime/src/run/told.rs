//! In: nothing. Out: what is told of a run, and to a run, in types.
//! May touch: nothing.
//! Security boundary: no.

use super::object::{CallRecord, RunObject, RunStatus};
use crate::isolate::LogLine;
use bytes::Bytes;
use serde_json::value::RawValue;
use std::sync::Arc;

/// What is known of a run when it begins.
pub struct New<'a> {
    pub id: &'a str,
    pub tenant: &'a str,
    pub script: Option<String>,
    /// It goes on when nobody waits for it.
    pub detached: bool,
    /// What the caller may say to one call, as JSON.
    pub outcome_bytes_max: u64,
}

/// What a caller says to one of its calls: the result as JSON, or what went wrong.
pub type Said = Result<Box<RawValue>, String>;

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

/// One list of a request to go on, read: `call`, and what is said to it.
pub type Outcomes = Vec<(u32, Said)>;

/// Why a run does not go on; `place` counts decisions, then outcomes.
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
