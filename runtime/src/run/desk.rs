//! In: what happens in a run, and its calls of external tools. Out: the same for those who ask about the run; outcomes.
//! May touch: the run's handle.
//! Security boundary: no; `handle.rs` is.

mod leaving;

use super::external::Externals;
use super::handle::RunHandle;
use super::journal::{Journal, Line};
use super::object::{CALLS_SHOWN_MAX, CallRecord, RunObject, RunStatus, RunUsage, Verdict};
use super::parked::{Belongings, Kept};
use super::shelf::{Place, Runs};
use super::told::{Event, Said};
use crate::bridge::{DoorError, Held, Session, Told};
use crate::isolate::{Answer, Ask, AskKind, ErrorKind, Isolate, Logs, Rejection, RunError};
use crate::tape::Recorder;
use mayfly_schemas::limits::PAUSE_IN_MEMORY_MS;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Where a run that others can ask about speaks with them.
pub struct Desk {
    handle: Arc<RunHandle>,
    runs: Arc<Runs>,
    external: Arc<Externals>,
    /// Of a run that was parked: requests that waited for a yes, by their calls.
    held: RefCell<BTreeMap<u32, Held>>,
    belongings: RefCell<Belongings>,
    /// Log lines and calls that were told.
    told: Cell<(usize, usize)>,
    /// How often the run was parked.
    parked: Cell<u64>,
    /// The store was asked to keep it, and did not.
    unsure: Cell<bool>,
    /// The store has it.
    left: Cell<bool>,
    tape: Option<Rc<Recorder>>,
    /// Of a durable run.
    journal: Option<Journal>,
}

/// What became of a call of an external tool.
pub(super) enum Taken {
    Waits(oneshot::Receiver<Said>),
    /// For a yes.
    Held(oneshot::Receiver<Said>),
    Refused(Rejection),
}

/// A run that is paused, from when on, and until when at most.
pub(super) struct Pause {
    since: Instant,
    pub until: Instant,
    /// When it is to be parked; what becomes of it where it cannot be.
    pub park_at: Instant,
    otherwise: Otherwise,
    usage: RunUsage,
    /// Taken until the run goes on.
    _place: Option<Place>,
}

/// What becomes of a run that cannot be parked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Otherwise {
    Waits,
    /// There is no room for it in memory.
    Ends(String),
}

/// Between two attempts to park a run that waits.
const PARK_AGAIN: Duration = Duration::from_secs(30);

impl Desk {
    pub fn new(handle: Arc<RunHandle>, runs: Arc<Runs>, external: Arc<Externals>, belongings: Belongings) -> Desk {
        let belongings = RefCell::new(belongings);
        Desk {
            handle,
            runs,
            external,
            held: RefCell::default(),
            belongings,
            told: Cell::default(),
            parked: Cell::default(),
            unsure: Cell::default(),
            left: Cell::default(),
            tape: None,
            journal: None,
        }
    }

    /// Of a run that is recorded.
    pub fn with_tape(self, tape: Option<Rc<Recorder>>) -> Desk {
        Desk { tape, ..self }
    }

    /// Of a durable run, which is kept in the store from its beginning. `lines`: what happened in it since.
    pub fn durable(self, session: &Session, lines: usize) -> Desk {
        self.parked.set(self.parked.get().max(1));
        Desk { journal: Some(Journal::new(session.clone(), lines)), ..self }
    }

    pub(super) fn is_durable(&self) -> bool {
        self.journal.is_some()
    }

    /// Keeps what happened, before the script sees it.
    pub(super) async fn log(&self, line: &Line) -> Result<(), DoorError> {
        match &self.journal {
            Some(journal) => journal.write(line).await,
            None => Ok(()),
        }
    }

    /// Keeps how a durable run ended, before anybody is told. `None`: it is not known to be kept, and goes on elsewhere.
    pub async fn finish(&self, object: RunObject) -> Option<RunObject> {
        let Some(journal) = &self.journal else { return Some(object) };
        let object = self.handle.tagged(object);
        let tape = self.recorded().unwrap_or_default();
        match journal.finish(&object, &self.handle.last_head(&object), &tape).await {
            Ok(()) => Some(object),
            Err(error) => {
                tracing::warn!(run = self.handle.id, %error, "the end of a durable run could not be kept");
                self.goes_elsewhere();
                None
            }
        }
    }

    /// It may not go on here.
    pub(super) fn goes_elsewhere(&self) {
        self.left.set(true);
        self.handle.is_gone();
        self.runs.forget(&self.handle);
    }

    /// The request that this call waited with is about to be sent.
    pub(super) fn was_decided(&self, call: u32) {
        self.held.borrow_mut().remove(&call);
    }

    /// The tape as far as there is one that can be replayed.
    pub fn recorded(&self) -> Option<bytes::Bytes> {
        self.tape.as_ref()?.text().map(Into::into)
    }

    pub(super) fn tape(&self) -> Option<Rc<Recorder>> {
        self.tape.clone()
    }

    /// Of a run that was parked: what it told before, and how often it was parked.
    pub fn back_again(self, kept: &mut Kept) -> Desk {
        self.told.set((kept.image.log_lines().len(), kept.stand.calls.len().min(CALLS_SHOWN_MAX)));
        self.parked.set(kept.sequence);
        self.held.replace(std::mem::take(&mut kept.stand.held));
        let tape = kept.stand.tape.take().map(|reel| Rc::new(Recorder::again(reel)));
        self.with_tape(tape)
    }

    /// What the run object will say of the check of its types.
    pub(super) fn checked(&self, checked: Option<bool>, reason: Option<&str>) {
        let mut belongings = self.belongings.borrow_mut();
        (belongings.checked, belongings.not_checked) = (checked, reason.map(str::to_owned));
    }

    /// Whether the store may have something of this run that is to be forgotten when it ends.
    pub fn was_parked(&self) -> bool {
        self.journal.is_none() && (self.parked.get() > 0 || self.unsure.get())
    }

    /// How long the run was paused in all.
    pub fn paused(&self) -> Duration {
        self.handle.paused()
    }

    /// `work`, unless the run is cancelled before it is done.
    pub async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, RunError> {
        tokio::select! {
            biased;
            reason = self.handle.cancelled() => Err(RunError::new(ErrorKind::Cancelled, "CancelledError", reason)),
            done = work => Ok(done),
        }
    }

    /// A call of one of the caller's tools, or one that waited for a yes when the run was parked; with the CPU that looking at
    /// its arguments took. `None`: it is somebody else's.
    pub(super) fn take(&self, ask: &Ask) -> Option<(Taken, Duration)> {
        if let Some(held) = self.held.borrow_mut().remove(&ask.call) {
            return Some((self.hold(ask, held), Duration::ZERO));
        }
        let AskKind::Call { tool, args } = &ask.kind else { return None };
        if !self.external.has(tool) {
            return None;
        }
        let began = Instant::now();
        let checked = self.external.check(tool, args);
        let taken = match checked.and_then(|()| self.handle.hold(ask.call, tool, args, None)) {
            Ok(said) => Taken::Waits(said),
            Err(why) => Taken::Refused(tool_error(tool, why)),
        };
        Some((taken, began.elapsed()))
    }

    /// A call that the bridge has not sent: somebody has to say yes first.
    pub(super) fn hold(&self, ask: &Ask, held: Held) -> Taken {
        let (tool, args) = match &ask.kind {
            AskKind::Call { tool, args } => (tool.as_str(), args.clone()),
            _ => ("fetch", json!({ "method": held.method, "url": held.url, "body": held.body }).to_string()),
        };
        match self.handle.hold(ask.call, tool, &args, Some(held)) {
            Ok(said) => Taken::Held(said),
            Err(why) => Taken::Refused(tool_error(tool, why)),
        }
    }

    /// The call has its outcome: the answer for the script, and what the audit is told.
    pub(super) fn answer(&self, call: u32, tool: &str, said: Said, ms: f64) -> (Answer, Told) {
        self.handle.answered(call, ms);
        match said {
            Said::Value(value) => (Answer::json(value.get()), Told::Value),
            Said::Error(message) => (Answer::Rejected(tool_error(tool, message)), Told::Error),
            Said::Approved | Said::Rejected(_) => {
                (Answer::Rejected(tool_error(tool, "was decided about, and not answered".to_owned())), Told::Error)
            }
        }
    }

    /// A call that waited for a yes is over, one way or the other.
    pub(super) fn replaced(&self, record: &CallRecord) {
        self.handle.replaced(record);
    }

    /// The store has it: calls that wait wait there.
    pub(super) fn has_left(&self) -> bool {
        self.left.get()
    }

    pub(super) fn let_go(&self, call: u32) {
        self.handle.let_go(call);
    }

    /// Tells what has happened since the last time.
    pub(super) fn tell(&self, log: &Logs, calls: &[CallRecord]) {
        let (lines, records) = self.told.get();
        let known = &log.lines;
        let logs = known.get(lines..).unwrap_or_default().iter().cloned().map(Event::Log);
        let shown = calls.get(records..calls.len().min(CALLS_SHOWN_MAX)).unwrap_or_default();
        self.handle.tell(logs.chain(shown.iter().cloned().map(Event::Call)));
        self.told.set((known.len(), calls.len().min(CALLS_SHOWN_MAX).max(records)));
    }

    /// Pauses the run if everything that it waits for, `asks` in number, is the caller's to answer.
    pub(super) fn pause(
        &self,
        asks: usize,
        isolate: &Isolate,
        calls: &[CallRecord],
        mut usage: RunUsage,
        began: Instant,
    ) -> Option<Pause> {
        if asks == 0 || asks != self.handle.waiting() {
            return None;
        }
        let (place, otherwise) = match self.runs.pause(&self.handle.tenant, isolate.memory().len() as u64) {
            Ok(place) => (Some(place), Otherwise::Waits),
            Err(why) => (None, Otherwise::Ends(why)),
        };
        let since = Instant::now();
        usage.usage = isolate.usage();
        usage.usage.wall_us = began.elapsed().saturating_sub(self.paused()).as_micros() as u64;
        self.handle.stop(self.standing(isolate, calls, usage));
        let until = since + self.in_memory_max();
        let park_at = if place.is_some() { since + self.runs.park_after() } else { since };
        Some(Pause { since, until, park_at, otherwise, usage, _place: place })
    }

    /// How long a run waits that is not parked.
    fn in_memory_max(&self) -> Duration {
        self.runs.pause_max().min(Duration::from_millis(PAUSE_IN_MEMORY_MS))
    }

    /// The paused run, as it is told.
    fn standing(&self, isolate: &Isolate, calls: &[CallRecord], usage: RunUsage) -> RunObject {
        let (id, mut calls) = (self.handle.id.clone(), calls.to_vec());
        let pending: Vec<_> = self.handle.pending();
        for (waiting, ms) in &pending {
            calls
                .iter_mut()
                .rev()
                .find(|record| record.call == waiting.call)
                .into_iter()
                .for_each(|record| record.ms = *ms);
        }
        let object = RunObject::standing(id, RunStatus::Paused, isolate.logs().clone(), calls, usage);
        let pending = pending.into_iter().map(|(waiting, _)| waiting).collect();
        let belongings = self.belongings.borrow();
        let (checked, not_checked) = (belongings.checked, belongings.not_checked.clone());
        self.handle.tagged(RunObject { pending, checked, not_checked, ..object })
    }

    /// Comes back when the server is about to stop.
    pub(super) async fn is_sent_away(&self) {
        self.handle.is_sent_away().await;
    }

    /// The run goes on. Gives how long it waited, until it was its turn again.
    pub(super) fn resumed(&self, pause: Pause) -> Duration {
        self.handle.goes_on();
        pause.since.elapsed()
    }

    /// Nobody came.
    pub(super) fn gave_up(&self) -> String {
        let minutes = self.in_memory_max().as_secs_f64() / 60.0;
        format!("the run was paused for {minutes:.1} minutes, and nobody continued it")
    }
}

impl Taken {
    /// As with the tenant's own tools, arguments that do not fit are no matter of who may call what.
    pub(super) fn record(&self, ask: &Ask) -> CallRecord {
        let verdict = match self {
            Taken::Waits(_) | Taken::Held(_) => Verdict::Hold,
            Taken::Refused(_) => Verdict::Allow,
        };
        CallRecord { verdict, ..CallRecord::new(ask) }
    }
}

fn tool_error(tool: &str, message: String) -> Rejection {
    Rejection { name: "ToolError", message, tool: Some(tool.to_owned()), ..Rejection::default() }
}
