//! In: what happens in a durable run. Out: it kept, before the script sees it.
//! May touch: the bridge, through the run's session.
//! Security boundary: no; the bridge seals what is kept.

use super::object::{CallRecord, RunObject};
use crate::bridge::{DoorError, RefusedKind, Session};
use crate::isolate::Delivered;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// An ask has its answer; `record` is what the list of calls says of it then.
    Event {
        number: u32,
        at_ms: f64,
        answer: Delivered,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<CallRecord>,
    },
    /// This ask was not sent: somebody has to say yes first.
    Held { number: u32 },
    /// Somebody has, and it is about to be sent.
    Decided { number: u32 },
}

/// What a durable run writes to.
pub struct Journal {
    session: Session,
    /// Of the next line.
    number: Cell<u64>,
}

/// How long a store may be away before its run goes on elsewhere, and how long until it is asked again.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Journal {
    /// `lines`: how many there are since the run began or was parked.
    pub fn new(session: Session, lines: usize) -> Journal {
        Journal { session, number: Cell::new(lines as u64 + 1) }
    }

    /// An error is `Unavailable` where the run may not go on here: it is somebody else's, or nobody keeps anything.
    pub async fn write(&self, line: &Line) -> Result<(), DoorError> {
        // Plain records: nothing of it can fail.
        let entry = serde_json::to_vec(line).unwrap_or_default();
        let number = self.number.get();
        patiently(async || self.session.log(number, &entry).await).await?;
        self.number.set(number + 1);
        Ok(())
    }

    /// The run has ended so.
    pub async fn finish(&self, object: &RunObject, head: &[u8], tape: &[u8]) -> Result<(), DoorError> {
        patiently(async || self.session.finish(object.status, head, tape).await).await
    }
}

/// A store that is full, busy or away may be back in a moment.
async fn patiently(work: impl AsyncFn() -> Result<(), DoorError>) -> Result<(), DoorError> {
    let (began, mut pause) = (Instant::now(), PAUSE_MIN);
    loop {
        let (kind, detail, retry_after_ms) = match work().await {
            Err(DoorError::Refused { kind, detail, retry_after_ms }) => (kind, detail, retry_after_ms),
            done => return done,
        };
        match kind {
            RefusedKind::StoreFull | RefusedKind::StoreUnavailable | RefusedKind::Overloaded
                if began.elapsed() < PATIENCE =>
            {
                tracing::warn!(detail, "a durable run waits for the store");
            }
            RefusedKind::TooLarge => return Err(DoorError::Refused { kind, detail, retry_after_ms }),
            _ => return Err(DoorError::Unavailable(detail)),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
