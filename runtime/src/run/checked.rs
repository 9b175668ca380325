//! In: an admitted job, and what the checker said about its script. Out: its run object.
//! May touch: what `execute` may.
//! Security boundary: no; a check helps who writes a script, it protects nobody.

use super::desk::Desk;
use super::execute::{Host, Job, execute_at};
use super::object::{RunObject, RunUsage};
use crate::bridge::{DoorError, Session};
use crate::isolate::{ErrorKind, Findings, Logs, Outcome, RunError, Usage};
use mayfly_checker::{Diagnostic, Verdict};
use std::rc::Rc;
use std::time::Duration;

/// A verdict, and how long it took.
#[derive(Debug)]
pub struct Told {
    pub verdict: Verdict,
    pub took: Duration,
}

impl Told {
    /// The bridge did not say what there is to check against.
    pub fn unknown(error: DoorError) -> Option<Told> {
        tracing::debug!(%error, "types are not checked");
        let reason = "the declarations of the tenant's tools could not be had".to_owned();
        Some(Told { verdict: Verdict::NotChecked(reason), took: Duration::ZERO })
    }
}

/// Runs what is right or what nobody knows better about; what is wrong fails before its first call. Without a verdict nobody
/// asked for a check, or the run itself tells why there was nothing to check.
pub async fn execute_checked(
    host: &Host,
    job: Job,
    session: &Session,
    desk: Option<Rc<Desk>>,
    told: Option<Told>,
) -> Option<RunObject> {
    let check_us = told.as_ref().map_or(0, |told| told.took.as_micros() as u64);
    let (checked, reason) = match told.map(|told| told.verdict) {
        Some(Verdict::Wrong { diagnostics, more }) => return Some(refused(host, job, diagnostics, more, check_us)),
        Some(Verdict::NotChecked(reason)) => (Some(false), Some(reason)),
        Some(Verdict::Clean) => (Some(true), None),
        None => (None, None),
    };
    desk.iter().for_each(|desk| desk.checked(checked, reason.as_deref()));
    let mut object = execute_at(host, job, session, desk).await?;
    // What is told of the way from source to program is told from the run's beginning.
    object.usage.prepare_us = object.usage.prepare_us.saturating_sub(check_us);
    object.usage.check_us = check_us;
    Some(RunObject { checked, not_checked: reason, ..object })
}

fn refused(host: &Host, job: Job, diagnostics: Vec<Diagnostic>, more: u32, check_us: u64) -> RunObject {
    let mut usage = RunUsage { check_us, ..RunUsage::default() };
    usage.usage.wall_us = job.began.elapsed().as_micros() as u64;
    let (logs, used) = (Logs::default(), Usage::default());
    let outcome = Outcome { result: Err(type_error(diagnostics)), logs, usage: used };
    let mut object = RunObject { checked: Some(true), ..RunObject::new(job.id, outcome, Vec::new(), usage) };
    if more > 0 {
        object.truncated.push("error.diagnostics");
    }
    host.metrics.run(&object, [0; 3]);
    object
}

/// The first finding is the error; all of them are its diagnostics.
pub fn type_error(diagnostics: Vec<Diagnostic>) -> RunError {
    let mut error = RunError::new(ErrorKind::Type, "TypeCheckError", "the script does not fit its types");
    if let Some(first) = diagnostics.first() {
        error.message = first.message.clone();
        error.module = Some(first.module.clone());
        (error.line, error.column) = (Some(first.line), Some(first.column));
        error.source = Some(first.source.clone());
    }
    let suggestion = diagnostics.first().and_then(|first| first.suggestion.clone());
    error.findings = Some(Box::new(Findings { suggestion, diagnostics }));
    error
}
