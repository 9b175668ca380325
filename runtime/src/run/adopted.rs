//! In: a durable run whose process is gone: how it began or stood, and what happened since. Out: it, going on.
//! May touch: what `execute` may.
//! Security boundary: no. Nothing of it is done twice: what has an answer gets that answer, and what may have been sent is sent
//! again only where the bridge finds that harmless.

use super::answers::Outside;
use super::desk::Desk;
use super::drive::{Left, ended};
use super::execute::{Host, Run, driven, span};
use super::external::Externals;
use super::handle::RunHandle;
use super::handle::parking::Before;
use super::journal::Line;
use super::object::{CallRecord, RunObject, RunUsage};
use super::parked::{Begun, Start, now_ms};
use super::shelf::Runs;
use super::told::{Event, New};
use crate::bridge::{ParkedRun, Session};
use crate::isolate::{Ask, AskKind, ErrorKind, Isolate, RunError, Step, Turn};
use crate::tape::Recorder;
use mayfly_schemas::limits::Limits;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// One that was taken up.
pub struct Life {
    start: Start,
    lines: Vec<Line>,
    id: String,
    script: Option<String>,
    created_at_ms: u64,
    /// When its clocks began, on the clock of this process.
    began: Instant,
    /// How long nothing happened in it, in all.
    paused: Duration,
}

impl Life {
    pub fn read(run: ParkedRun, entries: &[Vec<u8>]) -> Result<Life, RunError> {
        let damaged = || RunError::new(ErrorKind::Internal, "InternalError", "what was kept of the run cannot be read");
        let lines = entries.iter().map(|entry| serde_json::from_slice(entry)).collect::<Result<Vec<Line>, _>>();
        let lines = lines.map_err(|error| {
            tracing::error!(run = run.run, %error, "an entry of a run cannot be read");
            damaged()
        })?;
        let (id, created_at_ms) = (run.run.clone(), run.created_at_ms);
        let script = Some(run.script.clone()).filter(|script| !script.is_empty());
        let start = Start::read(run)?;
        let (started_ms, before) = match &start {
            Start::Begun(begun) => (begun.1.origin.started_ms, None),
            Start::Parked(kept) => (kept.image.started_ms(), Some((kept.stand.paused_ms, kept.stand.since_ms))),
        };
        let now_ms = (now_ms() - started_ms).max(0.0);
        let times =
            || lines.iter().filter_map(|line| if let Line::Event { at_ms, .. } = line { Some(*at_ms) } else { None });
        // Nobody had it since the last thing that happened; before the first, its caller had it.
        let idle = now_ms - times().next_back().unwrap_or(if before.is_some() { now_ms } else { 0.0 });
        let waited = before.map_or(0.0, |(paused_ms, since_ms)| {
            paused_ms + (times().next().unwrap_or(now_ms) - (since_ms - started_ms)).max(0.0)
        });
        let span = |ms: f64| Duration::try_from_secs_f64(ms.max(0.0) / 1_000.0).unwrap_or_default();
        let began = Instant::now().checked_sub(span(now_ms)).unwrap_or_else(Instant::now);
        Ok(Life { start, lines, id, script, created_at_ms, began, paused: span(idle + waited) })
    }

    pub fn externals(&self) -> Result<Externals, String> {
        self.start.belongings().externals()
    }

    /// The run as it is looked up by those who ask about it, and where it speaks with them.
    pub fn desk(
        &mut self,
        runs: &Arc<Runs>,
        tenant: &str,
        external: Arc<Externals>,
        session: &Session,
    ) -> (Arc<RunHandle>, Desk) {
        let belongings = self.start.belongings().clone();
        let outcome_bytes_max = belongings.outcome_bytes_max;
        let (id, script, handed) = (self.id.as_str(), self.script.clone(), external.clone());
        let tags = belongings.tags.clone();
        let new = New { id, tenant, script, tags, detached: true, outcome_bytes_max, external: handed };
        // What happened to it after that is told again, as it happens again.
        let events = match &self.start {
            Start::Begun(_) => Vec::new(),
            Start::Parked(kept) => kept.events().into_iter().chain([Event::Stop]).collect(),
        };
        let (created_at_ms, began, paused) = (self.created_at_ms, self.began, self.paused);
        let handle = runs.put(RunHandle::again(new, Before { created_at_ms, began, paused, events }));
        let desk = Desk::new(handle.clone(), runs.clone(), external, belongings);
        let desk = match &mut self.start {
            Start::Begun(_) => desk.with_tape(Some(Rc::default())),
            Start::Parked(kept) => desk.back_again(kept),
        };
        (handle, desk.durable(session, self.lines.len()))
    }
}

/// From where it was, to its end or to where it is parked.
pub async fn execute_adopted(
    host: &Host,
    tenant: &str,
    life: Life,
    session: &Session,
    desk: Rc<Desk>,
) -> Option<RunObject> {
    let (id, began, tape) = (life.id.clone(), life.began, desk.tape());
    let (mut calls, mut usage) = (Vec::new(), RunUsage::default());
    let span = span(&id, tenant, session);
    let left = went_on(host, tenant, life, session, desk.clone(), (&mut calls, &mut usage));
    let left = left.instrument(span.clone()).await;
    Run { id, began, desk: Some(desk), tape, answers: false }.told(host, &span, left, calls, usage)
}

async fn went_on(
    host: &Host,
    tenant: &str,
    life: Life,
    session: &Session,
    desk: Rc<Desk>,
    (calls, usage): (&mut Vec<CallRecord>, &mut RunUsage),
) -> Result<Left, RunError> {
    let Life { start, lines, began, paused, id, .. } = life;
    let tape = desk.tape();
    let limits = match &start {
        Start::Begun(begun) => begun.1.limits,
        Start::Parked(kept) => *kept.image.limits(),
    };
    let program = host.programs.prepare(tenant, &start.belongings().script(), limits.source_bytes).await?;
    let (mut isolate, step) = match start {
        Start::Begun(begun) => {
            let (belongings, begun) = *begun;
            tape.iter().for_each(|tape| tape.began(host.engine.digest(), &id, &belongings, &begun));
            let Begun { input, limits, origin } = begun;
            let input = input.get();
            let starting =
                Isolate::start_with_tools(&host.engine, &program, input, &belongings.tools, &limits, origin, None);
            let (isolate, step) = starting.await.map_err(|stopped| {
                RunError::new(ErrorKind::Internal, "InternalError", format!("the isolate did not start: {stopped}"))
            })?;
            tape.iter().for_each(|tape| tape.turn(&step, &isolate.logs().lines));
            (isolate, step)
        }
        Start::Parked(kept) => {
            (*calls, *usage) = (kept.stand.calls.clone(), kept.stand.usage);
            let isolate = kept.isolate(&host.engine, &program)?;
            (isolate, Step::Waiting(Turn { asks: kept.stand.asks, cancelled: Vec::new() }))
        }
    };
    let mut fold = Fold::default();
    let step = fold.over(&mut isolate, step, lines, &desk, tape.as_deref(), calls).await;
    let waiting = match step {
        Step::Done(outcome) => return Ok(ended(outcome)),
        Step::Waiting(_) => fold,
    };
    isolate.set_wall_until(began + Duration::from_millis(limits.wall_ms) + paused);
    let elapsed_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let (asks, again) = waiting.left(elapsed_ms);
    let outside = outside(host, session, desk, limits, *usage, tape, again);
    let step = Step::Waiting(Turn { asks, cancelled: Vec::new() });
    driven(&mut isolate, step, outside, began, calls).await
}

fn outside(
    host: &Host,
    session: &Session,
    desk: Rc<Desk>,
    limits: Limits,
    usage: RunUsage,
    tape: Option<Rc<Recorder>>,
    again: HashSet<u32>,
) -> Outside {
    let (engine, session, again) = (host.engine.clone(), session.clone(), Rc::new(again));
    Outside { engine, session, exchange: None, desk: Some(desk), limits, usage, tape, again }
}

/// What a run waits for, while what happened happens to it again.
#[derive(Default)]
struct Fold {
    /// With the time when they were asked.
    waiting: BTreeMap<u32, (Ask, f64)>,
    /// Asks that nobody had said yes to.
    held: HashSet<u32>,
}

impl Fold {
    async fn over(
        &mut self,
        isolate: &mut Isolate,
        mut step: Step,
        lines: Vec<Line>,
        desk: &Desk,
        tape: Option<&Recorder>,
        calls: &mut Vec<CallRecord>,
    ) -> Step {
        self.asked(&mut step, 0.0);
        for line in lines {
            match line {
                Line::Event { number, at_ms, answer, record } => {
                    self.waiting.remove(&number);
                    if let Some(record) = record {
                        match calls.iter_mut().rev().find(|known| known.call == record.call) {
                            Some(known) => *known = record,
                            None => calls.push(record),
                        }
                    }
                    desk.tell(isolate.logs(), calls);
                    step = isolate.deliver_again(number, &answer, at_ms).await;
                    tape.iter().for_each(|tape| tape.event_again(number, at_ms, answer.clone()));
                    tape.iter().for_each(|tape| tape.turn(&step, &isolate.logs().lines));
                    self.asked(&mut step, at_ms);
                }
                Line::Held { number } => {
                    self.held.insert(number);
                }
                Line::Decided { number } => {
                    self.held.remove(&number);
                    self.waiting.get(&number).iter().for_each(|(ask, _)| desk.was_decided(ask.call));
                }
            }
        }
        step
    }

    fn asked(&mut self, step: &mut Step, at_ms: f64) {
        if let Step::Waiting(turn) = step {
            turn.cancelled.iter().for_each(|number| drop(self.waiting.remove(number)));
            let asks = std::mem::take(&mut turn.asks).into_iter();
            self.waiting.extend(asks.map(|ask| (ask.number, (ask, at_ms))));
        }
    }

    /// What is still to be answered, and what of it may have been sent. A timer has what is left of its time.
    fn left(self, now_ms: f64) -> (Vec<Ask>, HashSet<u32>) {
        let Fold { waiting, held } = self;
        let sent =
            |ask: &Ask| matches!(ask.kind, AskKind::Fetch { .. } | AskKind::Call { .. }) && !held.contains(&ask.number);
        let again = waiting.values().filter(|(ask, _)| sent(ask)).map(|(ask, _)| ask.number).collect();
        let asks = waiting.into_values().map(|(mut ask, at_ms)| {
            if let AskKind::Timer { delay_ms } = &mut ask.kind {
                *delay_ms = (*delay_ms - (now_ms - at_ms)).max(0.0);
            }
            ask
        });
        (asks.collect(), again)
    }
}
