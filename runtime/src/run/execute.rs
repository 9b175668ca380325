//! In: an admitted job. Out: its run object.
//! May touch: the program cache, one isolate, one session.
//! Security boundary: no.

use super::desk::Desk;
use super::drive::{Outside, drive};
use super::exchange::Exchange;
use super::object::{RunObject, RunUsage};
use super::report;
use crate::bridge::{DoorError, Session};
use crate::isolate::{Engine, ErrorKind, Given, Isolate, Logs, Origin, Outcome, RunError, Usage};
use crate::metrics::{Metrics, verdicts};
use crate::prepare::{Programs, Script};
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

/// Prepares and runs. What goes wrong is told in the run object: also a bridge that died meanwhile.
pub async fn execute(host: &Host, job: Job, session: &Session) -> RunObject {
    execute_at(host, job, session, None).await
}

/// The same, for a run that others can ask about, continue and cancel.
pub async fn execute_at(host: &Host, job: Job, session: &Session, desk: Option<Rc<Desk>>) -> RunObject {
    let mut usage = RunUsage::default();
    let mut calls = Vec::new();
    let span = tracing::info_span!("run", run = job.id, tenant = job.tenant, trace = session.trace().map(Trace::id));
    let ended = attempt(host, &job, session, desk.clone(), &mut usage, &mut calls).instrument(span.clone()).await;
    let paused = desk.as_ref().map_or(Duration::ZERO, |desk| desk.paused());
    usage.usage.wall_us = job.began.elapsed().saturating_sub(paused).as_micros() as u64;
    let outcome =
        ended.unwrap_or_else(|error| Outcome { result: Err(error), logs: Logs::default(), usage: Usage::default() });
    // What the last turn said.
    desk.iter().for_each(|desk| desk.tell(&outcome.logs, &calls));
    let (answers, verdicts) = (job.asked.exchange().is_some(), verdicts(&calls));
    let object = RunObject::new(job.id, outcome, calls, usage);
    host.metrics.run(&object, verdicts);
    span.in_scope(|| report::tell(&object, answers));
    object
}

async fn attempt(
    host: &Host,
    job: &Job,
    session: &Session,
    desk: Option<Rc<Desk>>,
    usage: &mut RunUsage,
    calls: &mut Vec<super::CallRecord>,
) -> Result<Outcome, RunError> {
    let limits = &job.limits;
    let prepared =
        unless_cancelled(desk.as_deref(), host.programs.prepare(&job.tenant, &job.script, limits.source_bytes)).await?;
    usage.prepare_us = job.began.elapsed().as_micros() as u64;
    let program = prepared?;
    let starting = Instant::now();
    let until = Some(job.began + Duration::from_millis(limits.wall_ms));
    let (given, origin) = (job.asked.given(), Entropy::origin()?);
    let starting_isolate = Isolate::start_with_tools(&host.engine, &program, given, &job.tools, limits, origin, until);
    let started = unless_cancelled(desk.as_deref(), starting_isolate).await?;
    let (mut isolate, step) = started.map_err(|stopped| {
        RunError::new(ErrorKind::Internal, "InternalError", format!("the isolate did not start: {stopped}"))
    })?;
    usage.start_us = starting.elapsed().as_micros() as u64;
    let (session, exchange, limits) = (session.clone(), job.asked.exchange(), *limits);
    let outside = Outside { session, exchange, desk: desk.clone(), limits, usage: *usage };
    let driving = drive(&mut isolate, step, outside, job.began, calls);
    let driven = match unless_cancelled(desk.as_deref(), driving).await {
        Ok(driven) => driven,
        Err(cancelled) => return Ok(isolate.end(cancelled)),
    };
    match driven {
        Ok(outcome) => Ok(outcome),
        Err(DoorError::Refused { detail, .. }) => Ok(isolate.cancel(&detail)),
        Err(DoorError::Unavailable(reason)) => {
            tracing::debug!(%reason, "the bridge went away under a run");
            let error = RunError::new(ErrorKind::Internal, "InternalError", "the bridge went away during the run");
            Ok(isolate.end(error))
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
    fn origin() -> Result<Origin, RunError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|_| RunError::new(ErrorKind::Internal, "InternalError", "the machine gave no randomness"))?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Origin { started_ms: since_1970.as_secs_f64() * 1000.0, seed })
    }
}
