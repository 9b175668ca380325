//! In: an isolate after its first turn. Out: its outcome and the records of its calls.
//! May touch: the clock, the bridge through a session, the HTTP exchange that the run answers, if any, and the desk where its
//! caller answers calls.
//! Security boundary: no. It waits; limits of waiting are held here, all others in the isolate.

use super::desk::{Desk, Taken};
use super::exchange::Exchange;
use super::object::{CallRecord, RunUsage, Verdict};
use crate::bridge::{DoorError, Part, Session};
use crate::isolate::{Answer, Ask, AskKind, EXCHANGE, Isolate, Outcome, Rejection, Step};
use futures::future::{AbortHandle, Abortable, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt};
use mayfly_schemas::limits::Limits;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What one ask came to: its answer, and what the list of calls learns from it.
type Done = Result<(Answer, Note), DoorError>;

enum Note {
    Nothing,
    Call(CallRecord),
    /// Bytes of a body, after the call's record was made: received in all, and sent now.
    Moved {
        call: u32,
        bytes_in: Option<u64>,
        bytes_out: u64,
    },
    /// The caller has answered, this long after it was asked.
    Said {
        call: u32,
        ms: f64,
    },
}

/// Everything outside that answers asks.
#[derive(Clone)]
pub(super) struct Outside {
    pub session: Session,
    pub exchange: Option<Rc<Exchange>>,
    pub desk: Option<Rc<Desk>>,
    pub limits: Limits,
    /// Of the run's beginning.
    pub usage: RunUsage,
}

struct Waiting {
    asks: FuturesUnordered<LocalBoxFuture<'static, (u32, Option<Done>)>>,
    /// One for each ask that still waits, with the number of its call.
    handles: HashMap<u32, (u32, AbortHandle)>,
    outside: Outside,
}

/// Drives a run to its end. An error means that the bridge is gone or refused the session.
pub(super) async fn drive(
    isolate: &mut Isolate,
    mut step: Step,
    outside: Outside,
    began: Instant,
    calls: &mut Vec<CallRecord>,
) -> Result<Outcome, DoorError> {
    let mut until = began + Duration::from_millis(outside.limits.wall_ms);
    let (exchange, desk, usage) = (outside.exchange.clone(), outside.desk.clone(), outside.usage);
    let mut waiting = Waiting { asks: FuturesUnordered::new(), handles: HashMap::new(), outside };
    loop {
        if let (Some(head), Some(exchange)) = (isolate.take_response(), &exchange) {
            exchange.respond(head);
        }
        match step {
            Step::Done(outcome) => return Ok(outcome),
            Step::Waiting(turn) => {
                tell(desk.as_deref(), isolate, calls);
                turn.cancelled.iter().for_each(|number| waiting.cancel(*number));
                turn.asks.into_iter().for_each(|ask| isolate.charge(waiting.add(ask, calls)));
            }
        }
        tell(desk.as_deref(), isolate, calls);
        let live = waiting.handles.len();
        let pause = match desk.as_deref().map(|desk| desk.pause(live, isolate, calls, usage, began)).transpose() {
            Ok(pause) => pause.flatten(),
            Err(reason) => return Ok(isolate.cancel(&reason)),
        };
        let wait_until = tokio::time::Instant::from_std(pause.as_ref().map_or(until, |pause| pause.until));
        let next = tokio::select! {
            next = tokio::time::timeout_at(wait_until, waiting.next()) => next,
            () = gone(exchange.as_deref()) => return Ok(isolate.cancel("the client went away")),
        };
        let was_paused = pause.is_some();
        if let (Some(pause), Some(desk)) = (pause, desk.as_deref()) {
            until += desk.resumed(pause);
            isolate.set_wall_until(until);
        }
        let Ok(Some((number, done))) = next else {
            return Ok(match desk.as_deref().filter(|_| was_paused) {
                Some(desk) => isolate.cancel(&desk.gave_up()),
                None => isolate.out_of_time(),
            });
        };
        let (answer, note) = done?;
        note.enter(calls);
        tell(desk.as_deref(), isolate, calls);
        step = isolate.deliver(number, &answer, began.elapsed().as_secs_f64() * 1000.0).await;
    }
}

fn tell(desk: Option<&Desk>, isolate: &Isolate, calls: &[CallRecord]) {
    if let Some(desk) = desk {
        desk.tell(isolate.logs(), calls);
    }
}

async fn gone(exchange: Option<&Exchange>) {
    match exchange {
        Some(exchange) => exchange.gone().await,
        None => std::future::pending().await,
    }
}

impl Note {
    fn enter(self, calls: &mut Vec<CallRecord>) {
        match self {
            Note::Nothing => {}
            Note::Call(record) => calls.push(record),
            Note::Moved { call, bytes_in, bytes_out } => {
                if let Some(record) = calls.iter_mut().rev().find(|record| record.call == call) {
                    record.bytes_in = bytes_in.unwrap_or(record.bytes_in);
                    record.bytes_out += bytes_out;
                }
            }
            Note::Said { call, ms } => {
                if let Some(record) = calls.iter_mut().rev().find(|record| record.call == call) {
                    (record.verdict, record.ms) = (Verdict::Allow, ms);
                }
            }
        }
    }
}

impl Waiting {
    /// Gives the CPU that the host spent on it.
    fn add(&mut self, ask: Ask, calls: &mut Vec<CallRecord>) -> Duration {
        let number = ask.number;
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert(number, (ask.call, handle));
        if let Some(desk) = self.outside.desk.clone()
            && let Some((taken, spent)) = desk.take(&ask)
        {
            calls.push(taken.record(&ask));
            let abortable = Abortable::new(external(ask, taken, desk), registration);
            self.asks.push(Box::pin(async move { (number, abortable.await.ok()) }));
            return spent;
        }
        if matches!(ask.kind, AskKind::Fetch { upload: true, .. }) {
            self.outside.session.announce_upload(number, ask.call);
        }
        let abortable = Abortable::new(answer(ask, self.outside.clone()), registration);
        self.asks.push(Box::pin(async move { (number, abortable.await.ok()) }));
        Duration::ZERO
    }

    /// Drops the future, and with it the call in the bridge; or the stream of an answered call.
    fn cancel(&mut self, number: u32) {
        if let Some((call, handle)) = self.handles.remove(&number) {
            handle.abort();
            self.outside.desk.iter().for_each(|desk| desk.let_go(call));
        }
        self.outside.session.let_go(number);
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

/// A call that the run's caller answers.
async fn external(ask: Ask, taken: Taken, desk: Rc<Desk>) -> Done {
    let (began, call) = (Instant::now(), ask.call);
    let AskKind::Call { tool, .. } = ask.kind else { return Ok((refused("no call of a tool"), Note::Nothing)) };
    match taken {
        Taken::Refused(rejection) => Ok((Answer::Rejected(rejection), Note::Nothing)),
        Taken::Waits(said) => {
            // Whoever held the other end has ended the run.
            let said = said.await.unwrap_or_else(|_| Err("the run has ended".to_owned()));
            let ms = began.elapsed().as_secs_f64() * 1000.0;
            Ok((desk.answer(call, &tool, said, ms), Note::Said { call, ms }))
        }
    }
}

async fn answer(ask: Ask, outside: Outside) -> Done {
    let Outside { session, exchange, limits, .. } = outside;
    match ask.kind {
        AskKind::Timer { delay_ms } => {
            let delay = Duration::try_from_secs_f64(delay_ms.max(0.0) / 1000.0).unwrap_or(Duration::MAX / 4);
            tokio::time::sleep(delay).await;
            Ok((Answer::nothing(), Note::Nothing))
        }
        AskKind::Read { stream: EXCHANGE } => {
            Ok((of_exchange(exchange, |exchange| exchange.read()).await, Note::Nothing))
        }
        AskKind::Write { stream: EXCHANGE, end, bytes } => {
            Ok((of_exchange(exchange, |exchange| exchange.write(bytes, end)).await, Note::Nothing))
        }
        AskKind::Read { stream } => Ok(match session.read(stream).await? {
            Part::Bytes { call, bytes, end, bytes_in } => {
                (Answer::part(bytes, end), Note::Moved { call, bytes_in: Some(bytes_in), bytes_out: 0 })
            }
            Part::Broken(rejection) => (Answer::Rejected(rejection), Note::Nothing),
        }),
        AskKind::Write { stream, end, bytes } => {
            let bytes_out = bytes.len() as u64;
            Ok(match session.upload(stream, &bytes, end).await? {
                Some(call) => (Answer::nothing(), Note::Moved { call, bytes_in: None, bytes_out }),
                None => (refused("the call takes no more of its body"), Note::Nothing),
            })
        }
        AskKind::Fetch { .. } | AskKind::Call { .. } => {
            let (answer, record) = session.perform(&ask, &limits).await?;
            Ok((answer, Note::Call(record)))
        }
    }
}

async fn of_exchange<F: Future<Output = Answer>>(
    exchange: Option<Rc<Exchange>>,
    work: impl FnOnce(Rc<Exchange>) -> F,
) -> Answer {
    match exchange {
        Some(exchange) => work(exchange).await,
        None => refused("this run answers no HTTP request"),
    }
}

fn refused(message: &str) -> Answer {
    Answer::Rejected(Rejection { name: "TypeError", message: message.to_owned(), ..Rejection::default() })
}
