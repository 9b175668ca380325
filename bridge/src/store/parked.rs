//! In: runs that left memory. Out: the same again, to one who takes them up.
//! May touch: nothing; back ends do.
//! Security boundary: no; who may ask for what is decided before, in `parked.rs`, and what is kept is sealed there.

use super::Pending;

/// Parked runs by tenant. A run has a row from when it is parked first until it has ended. Whoever takes it up holds it, under
/// a number that this process uses once; a run whose holder is gone is lost.
pub trait ParkedRuns: Send + Sync {
    /// Keeps a run: with sequence 1 one that has no row, later one that `holder` holds with the sequence before. `Conflict`
    /// otherwise.
    fn park(&self, run: Row, holder: u64, now_ms: u64) -> Pending<'_, ()>;

    /// About one, its sealed head included.
    fn look(&self, place: Place, now_ms: u64) -> Pending<'_, Option<Head>>;

    /// Gives all of a run that is parked in this sequence, and nobody else from then on. `Conflict` when it is not; what it
    /// takes to go on is not kept any longer, so that nothing of it happens twice, unless the run is durable.
    fn take(&self, place: Place, sequence: u64, holder: u64, now_ms: u64) -> Pending<'_, Row>;

    /// Removes what nobody holds. `Conflict` when its sequence is another or somebody holds it.
    fn forget(&self, place: Place, sequence: u64) -> Pending<'_, ()>;

    /// The run has ended in the hands of `holder`: nothing is kept of it. Nothing happens when it holds no such run.
    fn end(&self, place: Place, holder: u64) -> Pending<'_, ()>;

    /// `holder` is gone without a word. Told until `gone_at_ms`.
    fn lose(&self, place: Place, holder: u64, gone_at_ms: u64) -> Pending<'_, ()>;

    /// A tenant's, newest first, at most `limit` whose identifiers sort below `before` (empty: all); heads are left out.
    fn list_parked(&self, tenant: String, before: String, limit: u32, now_ms: u64) -> Pending<'_, Vec<Head>>;
}

/// A run's place. Identifiers of runs sort by the time when they began.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub tenant: String,
    pub run: String,
}

/// All of a parked run; the last three are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub place: Place,
    /// From 1; one more each time it is parked.
    pub sequence: u64,
    pub created_at_ms: u64,
    /// Later, nobody can take it up.
    pub expires_at_ms: u64,
    /// Later, nobody is told of it.
    pub gone_at_ms: u64,
    /// It is kept while somebody has it, and waits for another holder when that one is gone.
    pub durable: bool,
    pub engine: String,
    pub script: String,
    pub head: Vec<u8>,
    pub rest: Vec<u8>,
    pub image: Vec<u8>,
}

/// What is told of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub place: Place,
    pub sequence: u64,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    pub engine: String,
    pub script: String,
    pub head: Vec<u8>,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Parked,
    Taken,
    Lost,
    Expired,
    /// Of a durable run: nobody has it, and somebody will.
    Orphan,
    /// Of a durable run: it has ended so.
    Completed,
    Failed,
    Cancelled,
}

impl Row {
    pub fn bytes(&self) -> u64 {
        (self.head.len() + self.rest.len() + self.image.len()) as u64
    }
}
