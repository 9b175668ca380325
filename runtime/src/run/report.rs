//! In: a run that has ended. Out: a line of the log, where there is something to look at.
//! May touch: the log.
//! Security boundary: yes, a small one: what a script says is its tenant's. It is in the log only where nobody else is told,
//! and its names and numbers are ours.

use super::object::{RunObject, RunStatus};
use crate::isolate::ErrorKind;
use mayfly_schemas::limits::SLOW_RUN_MS;

/// Written inside the run's span, which has its id, its tenant and its trace. `answers`: whether it answered an HTTP request,
/// so that its run object is told to nobody.
pub fn tell(object: &RunObject, answers: bool) {
    let usage = &object.usage;
    let (wall_ms, cpu_ms) = (usage.usage.wall_us / 1_000, usage.usage.cpu_us / 1_000);
    let calls = usage.usage.calls;
    match &object.error {
        Some(error) if error.kind == ErrorKind::Internal => {
            tracing::error!(kind = word(error.kind), said = error.message, wall_ms, cpu_ms, calls, "a run broke down");
        }
        Some(error) if object.status == RunStatus::Failed => {
            let (kind, line) = (word(error.kind), error.line);
            // Whoever began it has its run object.
            let said = answers.then_some(error.message.as_str());
            tracing::info!(kind, name = error.name, line, said, wall_ms, cpu_ms, calls, "a run failed");
        }
        Some(error) => tracing::debug!(kind = word(error.kind), wall_ms, cpu_ms, calls, "a run was cancelled"),
        None if wall_ms >= SLOW_RUN_MS => tracing::info!(wall_ms, cpu_ms, calls, "a run was slow"),
        None => tracing::debug!(wall_ms, cpu_ms, calls, "a run has completed"),
    }
}

/// As clients see it.
fn word(kind: ErrorKind) -> String {
    let word = serde_json::to_value(kind).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
