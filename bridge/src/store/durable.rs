//! In: runs that are to outlive their process, and what happens in them. Out: the same again, for whoever goes on with one.
//! May touch: nothing; back ends do.
//! Security boundary: no; what is kept is sealed before, in `parked/`.

use super::Pending;
use super::parked::{Place, Row, State};

/// Durable runs. One has a row in [`super::parked::ParkedRuns`] from its beginning, held by the process that runs it, and an
/// entry for each thing that happened since that row was written. When its holder is gone, it waits for another one.
pub trait DurableRuns: Send + Sync {
    /// Keeps a run that begins, with sequence 1, in the hands of `holder`. `Conflict` where there is one of its name.
    fn begin(&self, run: Row, holder: u64, now_ms: u64) -> Pending<'_, ()>;

    /// Adds what happened to a run that `holder` holds in this sequence; numbers count from 1. `Conflict` when it holds no such
    /// run any more: then it may not go on.
    fn append(&self, place: Place, sequence: u64, number: u64, entry: Vec<u8>, holder: u64) -> Pending<'_, ()>;

    /// The run has ended so in the hands of `holder`: `head` is what is told of it and `rest` its tape, until `gone_at_ms`. The
    /// rest is kept no longer. `Conflict` as for `append`.
    fn finish(&self, place: Place, last: Last, holder: u64) -> Pending<'_, ()>;

    /// Durable runs that nobody holds any more, whoever's they are, the oldest first, at most `limit`.
    fn orphans(&self, limit: u32) -> Pending<'_, Vec<Orphan>>;

    /// Gives one of these all that is kept of it, and nobody else from then on. `Conflict` when it is none in this sequence.
    fn adopt(&self, place: Place, sequence: u64, holder: u64) -> Pending<'_, Adopted>;

    /// Removes durable runs of a tenant that have ended, the oldest first, at most `count`. Gives how many.
    fn make_room(&self, tenant: String, count: u32) -> Pending<'_, u64>;

    /// The tape of a durable run that has ended, sealed as `finish` was given it.
    fn tape(&self, place: Place, now_ms: u64) -> Pending<'_, Option<Tape>>;
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    pub sequence: u64,
    /// `Completed`, `Failed` or `Cancelled`.
    pub state: State,
    pub head: Vec<u8>,
    pub tape: Vec<u8>,
    pub gone_at_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    pub place: Place,
    pub sequence: u64,
    pub engine: String,
}

/// All of a run: as it was when its row was written, and what happened since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    pub row: Row,
    /// Number and entry, in their order.
    pub entries: Vec<(u64, Vec<u8>)>,
}

/// With what it was sealed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    pub sequence: u64,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    pub engine: String,
    pub bytes: Vec<u8>,
}
