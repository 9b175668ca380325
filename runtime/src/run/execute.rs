//! In: an admitted job. Out: its run object.
//! May touch: the program cache, one isolate, one session.
//! Security boundary: no.

use super::answers::Outside;
use super::desk::Desk;
use super::drive::{Left, drive, ended};
use super::exchange::Exchange;
use super::object::{CallRecord, RunObject, RunUsage};
use super::parked::Kept;
use super::report;
use crate::bridge::{DoorError, Session};
use crate::isolate::{Engine, ErrorKind, Given, Isolate, Logs, Origin, Outcome, RunError, Step, Turn, Usage};
use crate::metrics::{Metrics, verdicts};
use crate::prepare::{Programs, Script};
use crate::tape::Recorder;
use mayfly_schemas::limits::Limits;
use mayfly_schemas::trace::Trace;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::Instrument;

/// What all runs of a process share.
pub struct Host {
    pub engine: Arc<Engine>,
    pub programs: Programs,
    pub metrics: Arc<Metrics>,
}

/// One run, admitted.
pub struct Job {
    pub id: String,
    pub tenant: String,
    /// Names of the tenant's sets of tools.
    pub tools: Arc<str>,
    pub script: Script,
    /// Its size was admitted.
    pub asked: Asked,
    pub limits: Limits,
    /// When it was admitted: its wall clock runs from here.
    pub began: Instant,
    /// Where it is recorded.
    pub tape: Option<Rc<Recorder>>,
    /// Where its clock and randomness begin, if that is known already.
    pub origin: Option<Origin>,
}

/// What a run is asked to do.
pub enum Asked {
    /// To take this input, JSON text, and give a result.
    Input(String),
    /// To answer an HTTP request: its head as JSON (`mayfly_abi::Start`), the first bytes of its body, and the rest of the
    /// exchange with the client.
    Request { head: String, body: bytes::Bytes, exchange: Rc<Exchange> },
}

impl Asked {
    fn given(&self) -> Given<'_> {
        match self {
            Asked::Input(input) => Given::Input(input),
            Asked::Request { head, body, .. } => Given::Request { head, body },
        }
    }

    fn exchange(&self) -> Option<Rc<Exchange>> {
        match self {
            Asked::Input(_) => None,
            Asked::Request { exchange, .. } => Some(exchange.clone()),
        }
    }
}

/// Where a run's seed comes from.
pub struct Entropy;

impl Host {
    pub fn new(engine: Engine) -> Host {
        let engine = Arc::new(engine);
        Host { programs: Programs::new(engine.clone()), engine, metrics: Arc::default() }
    }
}

/// Prepares and runs. What goes wrong is told in the run object: also a bridge that died meanwhile. A run without a desk
/// is never parked.
pub async fn execute(host: &Host, job: Job, session: &Session) -> RunObject {
    let id = job.id.clone();
    execute_at(host, job, session, None).await.unwrap_or_else(|| {
        let error = RunError::new(ErrorKind::Internal, "InternalError", "the run broke down");
        RunObject::new(id, nothing(error), Vec::new(), RunUsage::default())
    })
}

/// The same, for a run that others can ask about, continue and cancel. `None`: it was parked.
pub async fn execute_at(host: &Host, job: Job, session: &Session, desk: Option<Rc<Desk>>) -> Option<RunObject> {
    let mut usage = RunUsage::default();
    let mut calls = Vec::new();
    let span = span(&job.id, &job.tenant, session);
    let left = attempt(host, &job, session, desk.clone(), &mut usage, &mut calls).instrument(span.clone()).await;
    let answers = job.asked.exchange().is_some();
    let of = Run { id: job.id, began: job.began, desk, tape: job.tape, answers };
    of.told(host, &span, left, calls, usage)
}

/// A run that was parked, from where it stood.
pub async fn execute_parked(
    host: &Host,
    id: String,
    tenant: &str,
    kept: Kept,
    began: Instant,
    session: &Session,
    desk: Rc<Desk>,
) -> Option<RunObject> {
    let (mut calls, usage) = (kept.stand.calls.clone(), kept.stand.usage);
    let span = span(&id, tenant, session);
    let left = restored(host, tenant, kept, began, session, desk.clone(), &mut calls).instrument(span.clone()).await;
    let tape = desk.tape();
    Run { id, began, desk: Some(desk), tape, answers: false }.told(host, &span, left, calls, usage)
}

pub(super) fn span(run: &str, tenant: &str, session: &Session) -> tracing::Span {
    tracing::info_span!("run", run, tenant, trace = session.trace().map(Trace::id))
}

async fn restored(
    host: &Host,
    tenant: &str,
    kept: Kept,
    began: Instant,
    session: &Session,
    desk: Rc<Desk>,
    calls: &mut Vec<CallRecord>,
) -> Result<Left, RunError> {
    let limits = *kept.image.limits();
    let program = host.programs.prepare(tenant, &kept.belongings.script(), limits.source_bytes).await?;
    let mut isolate = kept.isolate(&host.engine, &program)?;
    let step = Step::Waiting(Turn { asks: kept.stand.asks, cancelled: Vec::new() });
    let (engine, session, usage) = (host.engine.clone(), session.clone(), kept.stand.usage);
    let tape = desk.tape();
    let again = Rc::default();
    let outside = Outside { engine, session, exchange: None, desk: Some(desk), limits, usage, tape, again };
    driven(&mut isolate, step, outside, began, calls).await
}

/// What is left of a run to tell it by.
pub(super) struct Run {
    pub id: String,
    pub began: Instant,
    pub desk: Option<Rc<Desk>>,
    pub tape: Option<Rc<Recorder>>,
    /// Whether it answers an HTTP request.
    pub answers: bool,
}

impl Run {
    pub fn told(
        self,
        host: &Host,
        span: &tracing::Span,
        left: Result<Left, RunError>,
        calls: Vec<CallRecord>,
        mut usage: RunUsage,
    ) -> Option<RunObject> {
        let paused = self.desk.as_ref().map_or(Duration::ZERO, |desk| desk.paused());
        usage.usage.wall_us = self.began.elapsed().saturating_sub(paused).as_micros() as u64;
        let outcome = match left {
            Ok(Left::Ended(outcome)) => *outcome,
            Ok(Left::Parked | Left::Elsewhere) => return None,
            Err(error) => nothing(error),
        };
        self.tape.iter().for_each(|tape| tape.end(&outcome));
        // What the last turn said.
        self.desk.iter().for_each(|desk| desk.tell(&outcome.logs, &calls));
        let verdicts = verdicts(&calls);
        let object = RunObject::new(self.id, outcome, calls, usage);
        host.metrics.run(&object, verdicts);
        span.in_scope(|| report::tell(&object, self.answers));
        Some(object)
    }
}

/// Of a run that came to nothing.
fn nothing(error: RunError) -> Outcome {
    Outcome { result: Err(error), logs: Logs::default(), usage: Usage::default() }
}

async fn attempt(
    host: &Host,
    job: &Job,
    session: &Session,
    desk: Option<Rc<Desk>>,
    usage: &mut RunUsage,
    calls: &mut Vec<CallRecord>,
) -> Result<Left, RunError> {
    let limits = &job.limits;
    let origin = job.origin.map_or_else(Entropy::origin, Ok)?;
    if let (Some(tape), Asked::Input(input)) = (&job.tape, &job.asked) {
        tape.begin(host.engine.digest(), job, input, origin);
    }
    let prepared =
        unless_cancelled(desk.as_deref(), host.programs.prepare(&job.tenant, &job.script, limits.source_bytes)).await?;
    usage.prepare_us = job.began.elapsed().as_micros() as u64;
    let program = prepared?;
    let starting = Instant::now();
    let until = Some(job.began + Duration::from_millis(limits.wall_ms));
    let given = job.asked.given();
    let starting_isolate = Isolate::start_with_tools(&host.engine, &program, given, &job.tools, limits, origin, until);
    let started = unless_cancelled(desk.as_deref(), starting_isolate).await?;
    let (mut isolate, step) = started.map_err(|stopped| {
        RunError::new(ErrorKind::Internal, "InternalError", format!("the isolate did not start: {stopped}"))
    })?;
    usage.start_us = starting.elapsed().as_micros() as u64;
    job.tape.iter().for_each(|tape| tape.turn(&step, &isolate.logs().lines));
    let (session, exchange, limits) = (session.clone(), job.asked.exchange(), *limits);
    let engine = host.engine.clone();
    let outside = Outside {
        engine,
        session,
        exchange,
        desk,
        limits,
        usage: *usage,
        tape: job.tape.clone(),
        again: Rc::default(),
    };
    driven(&mut isolate, step, outside, job.began, calls).await
}

pub(super) async fn driven(
    isolate: &mut Isolate,
    step: Step,
    outside: Outside,
    began: Instant,
    calls: &mut Vec<CallRecord>,
) -> Result<Left, RunError> {
    let desk = outside.desk.clone();
    let driving = drive(isolate, step, outside, began, calls);
    let driven = match unless_cancelled(desk.as_deref(), driving).await {
        Ok(driven) => driven,
        Err(cancelled) => return Ok(ended(isolate.end(cancelled))),
    };
    match driven {
        Ok(left) => Ok(left),
        Err(DoorError::Refused { detail, .. }) => Ok(ended(isolate.cancel(&detail))),
        Err(DoorError::Unavailable(reason)) if desk.as_ref().is_some_and(|desk| desk.is_durable()) => {
            tracing::warn!(reason, "a durable run does not go on here");
            desk.iter().for_each(|desk| desk.goes_elsewhere());
            Ok(Left::Elsewhere)
        }
        Err(DoorError::Unavailable(reason)) => {
            tracing::debug!(%reason, "the bridge went away under a run");
            let error = RunError::new(ErrorKind::Internal, "InternalError", "the bridge went away during the run");
            Ok(ended(isolate.end(error)))
        }
    }
}

async fn unless_cancelled<T>(desk: Option<&Desk>, work: impl Future<Output = T>) -> Result<T, RunError> {
    match desk {
        Some(desk) => desk.unless_cancelled(work).await,
        None => Ok(work.await),
    }
}

impl Entropy {
    pub fn origin() -> Result<Origin, RunError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|_| RunError::new(ErrorKind::Internal, "InternalError", "the machine gave no randomness"))?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Origin { started_ms: since_1970.as_secs_f64() * 1000.0, seed })
    }
}
