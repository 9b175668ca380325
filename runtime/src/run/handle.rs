//! In: what a run says of itself on its worker thread; what requests want of it, on any thread. Out: each to the other.
//! May touch: nothing.
//! Security boundary: yes. An outcome is taken once, for a call that waits, and only while the run is paused.

mod copies;
pub(super) mod follow;
pub(super) mod parking;
mod resuming;

use super::external::Externals;
use super::marks::{MARK_BYTES, Marks};
use super::object::{CallRecord, PendingCall, PendingReason, RunObject, RunStatus, RunUsage, Verdict};
use super::tags::Tags;
use super::told::{Event, New, NotResumed, Said, Stop};
use crate::bridge::Held;
use crate::isolate::{Logs, Usage};
use bytes::Bytes;
use mayfly_schemas::limits::EXTERNAL_ARGS_BYTES_MAX;
use parking::Whereabouts;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// A run, for everybody who asks about it.
pub struct RunHandle {
    pub id: String,
    pub tenant: String,
    /// The stored script that it runs, as it was asked for.
    pub script: Option<String>,
    pub tags: Tags,
    pub created_at_ms: u64,
    detached: bool,
    outcome_bytes_max: u64,
    external: Arc<Externals>,
    began: Instant,
    ending: CancellationToken,
    sent_away: CancellationToken,
    news: watch::Sender<()>,
    /// Requests that wait for its next stop.
    waiters: AtomicUsize,
    whereabouts: watch::Sender<Whereabouts>,
    state: Mutex<State>,
    copies: copies::Copies,
}

struct State {
    status: RunStatus,
    /// Calls that wait for the caller, by their number.
    waiting: BTreeMap<u32, Waiting>,
    args_bytes: usize,
    /// Everything that happened, until the run has ended.
    events: Arc<Vec<Event>>,
    /// Their order, once it has.
    marks: Marks,
    watchers: Vec<oneshot::Sender<Stop>>,
    /// The run object, unless it runs.
    json: Option<Bytes>,
    /// Everything that it was given and asked for, where that was to be recorded.
    tape: Option<Bytes>,
    /// What it says went wrong.
    error: Option<Box<RawValue>>,
    /// Why it is to end.
    reason: Option<String>,
    /// How long it was paused, up to the pause that it is in now.
    paused: Duration,
    paused_since: Option<Instant>,
}

struct Waiting {
    tool: String,
    args: Box<RawValue>,
    /// The request that somebody has to say yes to; otherwise the caller answers itself.
    held: Option<Held>,
    since: Instant,
    answer: oneshot::Sender<Said>,
}

impl RunHandle {
    pub(super) fn new(new: New<'_>) -> RunHandle {
        let New { id, tenant, script, tags, detached, outcome_bytes_max, external } = new;
        let state = State {
            status: RunStatus::Running,
            waiting: BTreeMap::new(),
            args_bytes: 0,
            events: Arc::default(),
            marks: Marks::default(),
            watchers: Vec::new(),
            json: None,
            tape: None,
            error: None,
            reason: None,
            paused: Duration::ZERO,
            paused_since: None,
        };
        RunHandle {
            id: id.to_owned(),
            tenant: tenant.to_owned(),
            script,
            tags,
            created_at_ms: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64,
            detached,
            outcome_bytes_max,
            external,
            began: Instant::now(),
            ending: CancellationToken::new(),
            sent_away: CancellationToken::new(),
            news: watch::Sender::new(()),
            waiters: AtomicUsize::new(0),
            whereabouts: watch::Sender::default(),
            state: Mutex::new(state),
            copies: copies::Copies::default(),
        }
    }

    /// A panic elsewhere leaves a state that is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn status(&self) -> RunStatus {
        self.state().status
    }
}

/// For requests.
impl RunHandle {
    /// The next time that the run pauses or ends; nothing when it has ended already, or left.
    pub fn next_stop(&self) -> oneshot::Receiver<Stop> {
        let (watcher, stop) = oneshot::channel();
        let mut state = self.state();
        if !state.has_ended() && *self.whereabouts.borrow() != Whereabouts::Gone {
            state.watchers.push(watcher);
        }
        stop
    }

    /// Ends the run where it stands. The first reason counts.
    pub fn cancel(&self, reason: &str) {
        self.state().reason.get_or_insert_with(|| reason.to_owned());
        self.ending.cancel();
    }

    /// Whoever waited for it has gone away. A run that is paused, or that nobody has to wait for, is left alone.
    pub fn abandon(&self) {
        if !self.detached && self.status() == RunStatus::Running {
            self.cancel("the client went away");
        }
    }

    /// The run object as JSON, as far as it is known.
    pub fn json(&self) -> Bytes {
        let (events, id) = {
            let state = self.state();
            if let Some(json) = &state.json {
                return json.clone();
            }
            (state.events.clone(), self.id.clone())
        };
        let (mut logs, mut calls) = (Logs::default(), Vec::new());
        for event in events.iter().cloned() {
            match event {
                Event::Log(line) => logs.lines.push(line),
                Event::Call(record) => calls.push(record),
                Event::Stop => {}
            }
        }
        let usage = Usage {
            wall_us: self.began.elapsed().saturating_sub(self.paused()).as_micros() as u64,
            calls: u32::try_from(calls.len()).unwrap_or(u32::MAX),
            ..Usage::default()
        };
        let usage = RunUsage { usage, ..RunUsage::default() };
        written(&self.tagged(RunObject::standing(id, RunStatus::Running, logs, calls, usage)))
    }

    pub fn tape(&self) -> Option<Bytes> {
        self.state().tape.clone()
    }

    /// To be called before the run ends.
    pub fn keep_tape(&self, tape: Option<Bytes>) {
        self.state().tape = tape;
    }

    /// For lists: the status, and why it failed.
    pub fn summary(&self) -> (RunStatus, Option<Box<RawValue>>) {
        let state = self.state();
        (state.status, state.error.clone())
    }

    /// What happened after the first `seen` events.
    pub fn events_after(&self, seen: usize) -> Vec<Event> {
        self.state().events.get(seen..).unwrap_or_default().to_vec()
    }

    /// Changes whenever there are more events.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }
}

/// For the run itself.
impl RunHandle {
    /// Comes back when the run is to end, with the reason. What has left is not ended here.
    pub(super) async fn cancelled(&self) -> String {
        self.ending.cancelled().await;
        if !self.is_here().await {
            std::future::pending::<()>().await;
        }
        self.state().reason.clone().unwrap_or_default()
    }

    pub(super) fn tell(&self, events: impl Iterator<Item = Event>) {
        let mut events = events.peekable();
        if events.peek().is_some() {
            Arc::make_mut(&mut self.state().events).extend(events);
            self.news.send_replace(());
        }
    }

    /// How long it was paused in all.
    pub(super) fn paused(&self) -> Duration {
        let state = self.state();
        state.paused + state.paused_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Its pause is over.
    pub(super) fn goes_on(&self) {
        let mut state = self.state();
        if let Some(since) = state.paused_since.take() {
            state.paused += since.elapsed();
        }
    }

    /// A call waits for the caller from now on; with `held`, for somebody who says yes.
    pub(super) fn hold(
        &self,
        call: u32,
        tool: &str,
        args: &str,
        held: Option<Held>,
    ) -> Result<oneshot::Receiver<Said>, String> {
        let args = RawValue::from_string(args.to_owned()).map_err(|_| "the arguments are no JSON".to_owned())?;
        let mut state = self.state();
        let bytes = state.args_bytes.saturating_add(args.get().len());
        if bytes > EXTERNAL_ARGS_BYTES_MAX {
            return Err(format!(
                "the arguments of the calls that wait have {bytes} bytes; the limit is {EXTERNAL_ARGS_BYTES_MAX}"
            ));
        }
        state.args_bytes = bytes;
        let (answer, said) = oneshot::channel();
        state.waiting.insert(call, Waiting { tool: tool.to_owned(), args, held, since: Instant::now(), answer });
        Ok(said)
    }

    /// The script does not wait for this call any more.
    pub(super) fn let_go(&self, call: u32) {
        self.state().release(call);
    }

    /// A call that was held has been sent, or never will be: this is what is told of it.
    pub(super) fn replaced(&self, record: &CallRecord) {
        let mut state = self.state();
        for event in Arc::make_mut(&mut state.events) {
            if let Event::Call(known) = event
                && known.call == record.call
            {
                *known = record.clone();
            }
        }
    }

    /// A call has its outcome.
    pub(super) fn answered(&self, call: u32, ms: f64) {
        let mut state = self.state();
        let told = Arc::make_mut(&mut state.events).iter_mut().rev();
        let record = told.filter_map(|event| match event {
            Event::Call(record) if record.call == call => Some(record),
            _ => None,
        });
        if let Some(record) = record.into_iter().next() {
            (record.verdict, record.ms) = (Verdict::Allow, ms);
        }
    }

    /// What waits for the caller, in the order of the calls, with how long it has waited.
    pub(super) fn pending(&self) -> Vec<(PendingCall, f64)> {
        let state = self.state();
        let pending = state.waiting.iter().map(|(call, waiting)| {
            let ms = waiting.since.elapsed().as_secs_f64() * 1000.0;
            let (tool, args) = (waiting.tool.clone(), waiting.args.clone());
            let (reason, request) = match &waiting.held {
                None => (PendingReason::External, None),
                Some(held) => (PendingReason::Approval, Some(held.clone())),
            };
            (PendingCall { call: *call, tool, args, reason, request }, ms)
        });
        pending.collect()
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// The run has paused or ended: everybody who waited for that is told. Gives the size of its object.
    pub(super) fn stop(&self, object: RunObject) -> usize {
        let object = self.tagged(object);
        let (status, json, object) = (object.status, written(&object), Arc::new(object));
        let error = object.error.as_ref().and_then(|error| serde_json::value::to_raw_value(error).ok());
        let mut state = self.state();
        let bytes = json.len()
            + error.as_ref().map_or(0, |error| error.get().len())
            + state.tape.as_ref().map_or(0, |tape| tape.len())
            + state.events.len() * MARK_BYTES;
        (state.status, state.error) = (status, error);
        state.json = Some(json.clone());
        Arc::make_mut(&mut state.events).push(Event::Stop);
        let events = match status {
            RunStatus::Paused => {
                state.paused_since = Some(Instant::now());
                state.events.clone()
            }
            // Streams that lag behind keep them; nobody else needs them.
            _ => {
                state.waiting.clear();
                state.marks = Marks::of(&state.events);
                std::mem::take(&mut state.events)
            }
        };
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        self.news.send_replace(());
        let stop = Stop { object, json, events };
        for watcher in watchers {
            // It may have gone away.
            let _ = watcher.send(stop.clone());
        }
        bytes
    }
}

impl State {
    fn unknown(&self, place: usize, call: u32) -> NotResumed {
        NotResumed::Unknown { place, call, waiting: self.waiting.keys().copied().collect() }
    }

    fn has_ended(&self) -> bool {
        !matches!(self.status, RunStatus::Running | RunStatus::Paused)
    }

    fn release(&mut self, call: u32) -> Option<Waiting> {
        let waiting = self.waiting.remove(&call)?;
        self.args_bytes = self.args_bytes.saturating_sub(waiting.args.get().len());
        Some(waiting)
    }
}

fn written(object: &RunObject) -> Bytes {
    let json = serde_json::to_vec(object).unwrap_or_else(|error| {
        tracing::error!(%error, "a run object could not be written as JSON");
        b"{}".to_vec()
    });
    json.into()
}
