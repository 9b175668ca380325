//! In: an isolate after its first turn. Out: its outcome and the records of its calls.
//! May touch: the clock, and the bridge through a session.
//! Security boundary: no. It waits; limits of waiting are held here, all others in the isolate.

use super::object::CallRecord;
use crate::bridge::{DoorError, Session};
use crate::isolate::{Answer, Ask, AskKind, Isolate, Outcome, Step};
use futures::future::{AbortHandle, Abortable, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt};
use mayfly_schemas::limits::Limits;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What one ask came to: its answer, and its record when it was a call.
type Done = Result<(Answer, Option<CallRecord>), DoorError>;

struct Waiting {
    asks: FuturesUnordered<LocalBoxFuture<'static, (u32, Option<Done>)>>,
    handles: HashMap<u32, AbortHandle>,
}

/// Drives a run to its end. An error means that the bridge is gone or refused the session.
pub(super) async fn drive(
    isolate: &mut Isolate,
    mut step: Step,
    session: &Session,
    limits: &Limits,
    began: Instant,
    calls: &mut Vec<CallRecord>,
) -> Result<Outcome, DoorError> {
    let until = tokio::time::Instant::from_std(began + Duration::from_millis(limits.wall_ms));
    let mut waiting = Waiting { asks: FuturesUnordered::new(), handles: HashMap::new() };
    loop {
        match step {
            Step::Done(outcome) => return Ok(outcome),
            Step::Waiting(turn) => {
                turn.cancelled.iter().for_each(|number| waiting.cancel(*number));
                turn.asks.into_iter().for_each(|ask| waiting.add(ask, session, limits));
            }
        }
        let next = tokio::time::timeout_at(until, waiting.next()).await;
        let Ok(Some((number, done))) = next else { return Ok(isolate.out_of_time()) };
        let (answer, record) = done?;
        calls.extend(record);
        step = isolate.deliver(number, &answer, began.elapsed().as_secs_f64() * 1000.0).await;
    }
}

impl Waiting {
    fn add(&mut self, ask: Ask, session: &Session, limits: &Limits) {
        let number = ask.number;
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert(number, handle);
        let answered = answer(ask, session.clone(), *limits);
        let abortable = Abortable::new(answered, registration);
        self.asks.push(Box::pin(async move { (number, abortable.await.ok()) }));
    }

    /// Drops the future, and with it the call in the bridge.
    fn cancel(&mut self, number: u32) {
        if let Some(handle) = self.handles.remove(&number) {
            handle.abort();
        }
    }

    /// The next ask that was answered and not cancelled.
    async fn next(&mut self) -> Option<(u32, Done)> {
        loop {
            let (number, done) = self.asks.next().await?;
            if let Some(done) = done {
                self.handles.remove(&number);
                return Some((number, done));
            }
        }
    }
}

async fn answer(ask: Ask, session: Session, limits: Limits) -> Done {
    if let AskKind::Timer { delay_ms } = ask.kind {
        tokio::time::sleep(Duration::try_from_secs_f64(delay_ms.max(0.0) / 1000.0).unwrap_or(Duration::MAX / 4)).await;
        return Ok((Answer::Fulfilled { meta: String::new(), body: Vec::new() }, None));
    }
    let (answer, record) = session.perform(&ask, &limits).await?;
    Ok((answer, Some(record)))
}
