//! In: an isolate after its first turn. Out: its outcome and the records of its calls.
//! May touch: the clock, the bridge through a session, the HTTP exchange that the run answers, if any, and the desk where its
//! caller answers calls.
//! Security boundary: no. It waits; limits of waiting are held here, all others in the isolate.

use super::answers::{Came, Done, Note, Outside, answer, external};
use super::desk::{Desk, Pause};
use super::exchange::Exchange;
use super::journal::Line;
use super::object::CallRecord;
use crate::bridge::{DoorError, Held};
use crate::isolate::{Ask, AskKind, Isolate, Outcome, Step, Turn};
use futures::future::{AbortHandle, Abortable, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::HashMap;
use std::time::{Duration, Instant};

struct Waiting {
    asks: FuturesUnordered<LocalBoxFuture<'static, (u32, Option<Done>)>>,
    /// One for each ask that still waits, with the number of its call.
    handles: HashMap<u32, (u32, AbortHandle)>,
    /// Asks that the caller answers, for as long as they may wait.
    external: HashMap<u32, Ask>,
    outside: Outside,
}

/// How a run leaves this process.
pub(super) enum Left {
    Ended(Box<Outcome>),
    /// The store has it.
    Parked,
    /// It goes on where somebody takes it up: here it may not.
    Elsewhere,
}

/// What comes next.
enum Next {
    Done(u32, Box<Done>),
    /// Nothing is left to wait for, or no time.
    Nothing,
    ClientGone,
    Parked,
    CannotPark(String),
}

/// Drives a run to its end, or to where it is parked. An error means that the bridge is gone or refused the session.
pub(super) async fn drive(
    isolate: &mut Isolate,
    mut step: Step,
    outside: Outside,
    began: Instant,
    calls: &mut Vec<CallRecord>,
) -> Result<Left, DoorError> {
    let (exchange, desk, usage) = (outside.exchange.clone(), outside.desk.clone(), outside.usage);
    let paused = desk.as_ref().map_or(Duration::ZERO, |desk| desk.paused());
    let mut until = began + Duration::from_millis(outside.limits.wall_ms) + paused;
    let (asks, handles, external) = (FuturesUnordered::new(), HashMap::new(), HashMap::new());
    let mut waiting = Waiting { asks, handles, external, outside };
    loop {
        if let (Some(head), Some(exchange)) = (isolate.take_response(), &exchange) {
            exchange.respond(head);
        }
        match step {
            Step::Done(outcome) => return Ok(ended(outcome)),
            Step::Waiting(turn) => {
                tell(desk.as_deref(), isolate, calls);
                turn.cancelled.iter().for_each(|number| waiting.cancel(*number));
                turn.asks.into_iter().for_each(|ask| isolate.charge(waiting.add(ask, calls)));
            }
        }
        tell(desk.as_deref(), isolate, calls);
        let live = waiting.handles.len();
        let mut pause = desk.as_deref().and_then(|desk| desk.pause(live, isolate, calls, usage, began));
        let next = match pause.as_mut().zip(desk.as_deref()) {
            Some((pause, desk)) => waiting.paused(pause, desk, isolate, calls).await,
            None => waiting.within(until).await,
        };
        let was_paused = pause.is_some();
        if let (Some(pause), Some(desk), false) = (pause, desk.as_deref(), matches!(next, Next::Parked)) {
            until += desk.resumed(pause);
            isolate.set_wall_until(until);
        }
        let (number, done) = match next {
            Next::Done(number, done) => (number, done),
            Next::Parked => return Ok(Left::Parked),
            Next::CannotPark(reason) => return Ok(ended(isolate.cancel(&reason))),
            Next::ClientGone => return Ok(ended(isolate.cancel("the client went away"))),
            Next::Nothing => {
                return Ok(ended(match desk.as_deref().filter(|_| was_paused) {
                    Some(desk) => isolate.cancel(&desk.gave_up()),
                    None => isolate.out_of_time(),
                }));
            }
        };
        let (answer, note) = match (*done)? {
            Came::Answered(answer, note) => (answer, note),
            Came::Held(ask, held, record) => {
                if let Some(desk) = &desk {
                    desk.log(&Line::Held { number }).await?;
                }
                waiting.hold(ask, held, record, calls);
                step = Step::Waiting(Turn { asks: Vec::new(), cancelled: Vec::new() });
                continue;
            }
        };
        let call = note.call();
        note.enter(calls);
        tell(desk.as_deref(), isolate, calls);
        let at_ms = began.elapsed().as_secs_f64() * 1000.0;
        if let Some(desk) = desk.as_deref().filter(|desk| desk.is_durable()) {
            let record = call.and_then(|call| calls.iter().rev().find(|record| record.call == call).cloned());
            desk.log(&Line::Event { number, at_ms, answer: answer.delivered(), record }).await?;
        }
        step = isolate.deliver(number, &answer, at_ms).await;
        if let Some(tape) = &waiting.outside.tape {
            tape.event(number, at_ms, &answer);
            tape.turn(&step, &isolate.logs().lines);
        }
    }
}

pub(super) fn ended(outcome: Outcome) -> Left {
    Left::Ended(Box::new(outcome))
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

impl Waiting {
    /// Gives the CPU that the host spent on it.
    fn add(&mut self, ask: Ask, calls: &mut Vec<CallRecord>) -> Duration {
        let number = ask.number;
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert(number, (ask.call, handle));
        if let Some(desk) = self.outside.desk.clone()
            && let Some((taken, spent)) = desk.take(&ask)
        {
            // One that was parked has its record already.
            if !calls.iter().rev().any(|record| record.call == ask.call) {
                calls.push(taken.record(&ask));
            }
            self.external.insert(number, ask.clone());
            let abortable = Abortable::new(external(ask, taken, desk, self.outside.clone()), registration);
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

    /// A call that the bridge has not sent waits for somebody who says yes.
    fn hold(&mut self, ask: Ask, held: Held, record: CallRecord, calls: &mut Vec<CallRecord>) {
        let Some(desk) = self.outside.desk.clone() else { return };
        let (number, taken) = (ask.number, desk.hold(&ask, held));
        Note::Call(record).enter(calls);
        let (handle, registration) = AbortHandle::new_pair();
        self.handles.insert(number, (ask.call, handle));
        self.external.insert(number, ask.clone());
        let abortable = Abortable::new(external(ask, taken, desk, self.outside.clone()), registration);
        self.asks.push(Box::pin(async move { (number, abortable.await.ok()) }));
    }

    /// Drops the future, and with it the call in the bridge; or the stream of an answered call.
    fn cancel(&mut self, number: u32) {
        self.external.remove(&number);
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
                self.external.remove(&number);
                return Some((number, done));
            }
        }
    }

    /// The next one of a run that runs.
    async fn within(&mut self, until: Instant) -> Next {
        let exchange = self.outside.exchange.clone();
        tokio::select! {
            next = tokio::time::timeout_at(until.into(), self.next()) => match next {
                Ok(Some((number, done))) => Next::Done(number, Box::new(done)),
                _ => Next::Nothing,
            },
            () = gone(exchange.as_deref()) => Next::ClientGone,
        }
    }

    /// The next one of a run that waits for its caller: after a while it is parked.
    async fn paused(&mut self, pause: &mut Pause, desk: &Desk, isolate: &Isolate, calls: &[CallRecord]) -> Next {
        let exchange = self.outside.exchange.clone();
        let mut sent_away = false;
        loop {
            let wake = tokio::time::Instant::from_std(pause.until.min(pause.park_at));
            tokio::select! {
                biased;
                next = tokio::time::timeout_at(wake, self.next()) => match next {
                    Ok(Some((number, done))) => return Next::Done(number, Box::new(done)),
                    Ok(None) => return Next::Nothing,
                    Err(_) if Instant::now() >= pause.until => return Next::Nothing,
                    Err(_) => {
                        let (engine, session) = (&self.outside.engine, &self.outside.session);
                        let mut asks: Vec<Ask> = self.external.values().cloned().collect();
                        asks.sort_by_key(|ask| ask.number);
                        match desk.park(pause, engine, isolate, asks, calls, session).await {
                            Ok(true) => return Next::Parked,
                            Ok(false) => {}
                            Err(reason) => return Next::CannotPark(reason),
                        }
                    }
                },
                () = gone(exchange.as_deref()) => return Next::ClientGone,
                () = desk.is_copied() => {
                    let mut asks: Vec<Ask> = self.external.values().cloned().collect();
                    asks.sort_by_key(|ask| ask.number);
                    desk.copy(pause, &self.outside.engine, isolate, asks, calls, &self.outside.session);
                },
                () = desk.is_sent_away(), if !sent_away => {
                    sent_away = true;
                    Desk::now_or_never(pause);
                }
            }
        }
    }
}
