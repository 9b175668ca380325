//! In: what happens in a run, and its calls of external tools. Out: the same for those who ask about the run; outcomes.
//! May touch: the run's handle.
//! Security boundary: no; `handle.rs` is.

use super::external::Externals;
use super::handle::RunHandle;
use super::object::{CALLS_SHOWN_MAX, CallRecord, RunObject, RunStatus, RunUsage, Verdict};
use super::shelf::{Place, Runs};
use super::told::{Event, Said};
use crate::isolate::{Answer, Ask, AskKind, ErrorKind, Isolate, Logs, Rejection, RunError};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Where a run that others can ask about speaks with them.
pub struct Desk {
    handle: Arc<RunHandle>,
    runs: Arc<Runs>,
    external: Externals,
    /// Log lines and calls that were told.
    told: Cell<(usize, usize)>,
}

/// What became of a call of an external tool.
pub(super) enum Taken {
    Waits(oneshot::Receiver<Said>),
    Refused(Rejection),
}

/// A run that is paused, from when on, and until when at most.
pub(super) struct Pause {
    since: Instant,
    pub until: Instant,
    /// Taken until the run goes on.
    _place: Place,
}

impl Desk {
    pub fn new(handle: Arc<RunHandle>, runs: Arc<Runs>, external: Externals) -> Desk {
        Desk { handle, runs, external, told: Cell::default() }
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

    /// A call of one of the caller's tools, with the CPU that looking at its arguments took. `None`: it is somebody else's.
    pub(super) fn take(&self, ask: &Ask) -> Option<(Taken, Duration)> {
        let AskKind::Call { tool, args } = &ask.kind else { return None };
        if !self.external.has(tool) {
            return None;
        }
        let began = Instant::now();
        let checked = self.external.check(tool, args);
        let taken = match checked.and_then(|()| self.handle.hold(ask.call, tool, args)) {
            Ok(said) => Taken::Waits(said),
            Err(why) => Taken::Refused(tool_error(tool, why)),
        };
        Some((taken, began.elapsed()))
    }

    /// The call has its outcome: the answer for the script.
    pub(super) fn answer(&self, call: u32, tool: &str, said: Said, ms: f64) -> Answer {
        self.handle.answered(call, ms);
        match said {
            Ok(value) => Answer::json(value.get()),
            Err(message) => Answer::Rejected(tool_error(tool, message)),
        }
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

    /// Pauses the run if everything that it waits for, `asks` in number, is the caller's to answer. An error says why it
    /// cannot wait.
    pub(super) fn pause(
        &self,
        asks: usize,
        isolate: &Isolate,
        calls: &[CallRecord],
        mut usage: RunUsage,
        began: Instant,
    ) -> Result<Option<Pause>, String> {
        if asks == 0 || asks != self.handle.waiting() {
            return Ok(None);
        }
        let place = self.runs.pause(&self.handle.tenant, isolate.memory().len() as u64)?;
        let since = Instant::now();
        usage.usage = isolate.usage();
        usage.usage.wall_us = began.elapsed().saturating_sub(self.paused()).as_micros() as u64;
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
        self.handle.stop(RunObject { pending, ..object });
        Ok(Some(Pause { since, until: since + self.runs.pause_max(), _place: place }))
    }

    /// The run goes on. Gives how long it waited, until it was its turn again.
    pub(super) fn resumed(&self, pause: Pause) -> Duration {
        self.handle.goes_on();
        pause.since.elapsed()
    }

    /// Nobody came.
    pub(super) fn gave_up(&self) -> String {
        let minutes = self.runs.pause_max().as_secs_f64() / 60.0;
        format!("the run was paused for {minutes:.1} minutes, and nobody continued it")
    }
}

impl Taken {
    /// As with the tenant's own tools, arguments that do not fit are no matter of who may call what.
    pub(super) fn record(&self, ask: &Ask) -> CallRecord {
        let verdict = match self {
            Taken::Waits(_) => Verdict::Hold,
            Taken::Refused(_) => Verdict::Allow,
        };
        CallRecord { verdict, ..CallRecord::new(ask) }
    }
}

fn tool_error(tool: &str, message: String) -> Rejection {
    Rejection { name: "ToolError", message, tool: Some(tool.to_owned()), ..Rejection::default() }
}
