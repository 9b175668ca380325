//! In: a run under way, and a request that waits for it. Out: how it pauses or ends; its end, where the client goes away.
//! May touch: the run's handle.
//! Security boundary: no.

use crate::respond::{Problem, ProblemKind};
use crate::run::{RunHandle, Stop};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A run under way for which somebody waits. Dropped before it stops, it is abandoned.
pub(super) struct Going {
    pub handle: Arc<RunHandle>,
    pub stop: oneshot::Receiver<Stop>,
    /// Events that are nobody's news any more.
    pub seen: usize,
    waiting: bool,
    /// How long the run waits for its client to come back.
    grace: Duration,
}

impl Going {
    pub fn new(handle: Arc<RunHandle>, stop: oneshot::Receiver<Stop>, seen: usize) -> Going {
        handle.waits();
        Going { handle, stop, seen, waiting: true, grace: Duration::ZERO }
    }

    pub fn with_grace(mut self, grace: Duration) -> Going {
        self.grace = grace;
        self
    }

    /// How it pauses or ends.
    pub async fn stopped(mut self) -> Result<Stop, Problem> {
        let stop = (&mut self.stop).await;
        self.waiting = false;
        stop.map_err(|_| match self.handle.has_left() {
            true => {
                let detail = format!("the run goes on when its server is back: GET /v1/runs/{}", self.handle.id);
                Problem::new(ProblemKind::BridgeUnavailable, detail).retry_after_ms(1_000)
            }
            false => Problem::new(ProblemKind::Internal, "the run broke down"),
        })
    }

    /// It has stopped, or is not waited for.
    pub fn let_go(&mut self) {
        self.waiting = false;
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // One that has stopped already is somebody else's to continue.
        self.handle.waits_no_more();
        if !self.waiting || self.stop.try_recv().is_ok() {
            return;
        }
        let (handle, grace) = (self.handle.clone(), self.grace);
        match tokio::runtime::Handle::try_current() {
            Ok(here) if !grace.is_zero() => drop(here.spawn(async move {
                tokio::time::sleep(grace).await;
                handle.abandon_unless_waited_for();
            })),
            _ => handle.abandon_unless_waited_for(),
        }
    }
}
