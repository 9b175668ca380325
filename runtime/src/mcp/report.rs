//! In: a run object. Out: what a model needs of it, within the room that there is.
//! May touch: nothing.
//! Security boundary: no.

use super::cut::cut;
use crate::run::{PendingCall, RunObject, RunStatus, Verdict};
use mayfly_checker::Diagnostic;
use serde_json::{Map, Value, json};

/// Result, log and all, in bytes of JSON; about 6,000 tokens.
const REPORT_BYTES_MAX: usize = 24_000;
const LOG_BYTES_MAX: usize = 4_000;
const PENDING_BYTES_MAX: usize = 16_000;
const DENIED_MAX: usize = 20;

/// The text, and whether it tells of a failure. Long results are cut in their structure, so that the text stays JSON.
pub(crate) fn report(object: &RunObject) -> (String, bool) {
    let failed = !matches!(object.status, RunStatus::Completed | RunStatus::Paused);
    let mut told = Map::new();
    if object.status == RunStatus::Paused {
        told.insert("status".into(), "paused".into());
        told.insert("pending".into(), pending(object));
        let text = "the script waits for you: do what each pending call asks, then call the tool `continue` with this `run` \
                    and an outcome for it: { call, value } or { call, error }";
        told.insert("note".into(), text.into());
    }
    if let Some(error) = &object.error {
        let findings = error.findings.as_ref().map(|findings| findings.diagnostics.iter().map(finding).collect());
        match findings {
            Some::<Vec<Value>>(findings) => {
                told.insert("error".into(), json!({ "kind": error.kind, "diagnostics": findings }));
                told.insert("note".into(), "nothing was run: the script does not fit the types of its tools".into());
            }
            None => drop(told.insert("error".into(), serde_json::to_value(error).unwrap_or_default())),
        }
    }
    let denied: Vec<Value> = object
        .calls
        .iter()
        .filter(|call| call.verdict == Verdict::Deny)
        .take(DENIED_MAX)
        .map(|call| json!({ "call": call.tool.as_deref().map_or_else(|| format!("{} {}", call.method, call.url), str::to_owned), "rule": call.rule }))
        .collect();
    if !denied.is_empty() {
        told.insert("denied".into(), denied.into());
    }
    let lines: Vec<Value> = object.logs.iter().map(|line| format!("{}: {}", line.level, line.text).into()).collect();
    if !lines.is_empty() {
        let (lines, _) = cut(Value::from(lines), LOG_BYTES_MAX);
        told.insert("logs".into(), lines);
    }
    let result = object.result.as_ref().and_then(|result| serde_json::from_str(result.get()).ok());
    let used = Value::from(told.clone()).to_string().len();
    if let Some(result) = result {
        let (result, was_cut) = cut(result, REPORT_BYTES_MAX.saturating_sub(used));
        told.insert("result".into(), result);
        if was_cut {
            let text = format!(
                "the result was too long and is cut; return less, or only the part that you need (GET /v1/runs/{} has it whole, \
                 for a while)",
                object.id
            );
            told.insert("note".into(), text.into());
        }
    } else if object.status == RunStatus::Completed {
        told.insert("result".into(), Value::Null);
    }
    told.insert("run".into(), object.id.as_str().into());
    (Value::from(told).to_string(), failed)
}

/// All of them, with their arguments as far as there is room: without its number no call could be answered.
fn pending(object: &RunObject) -> Value {
    let room = PENDING_BYTES_MAX / object.pending.len().max(1);
    let one = |waiting: &PendingCall| {
        let (args, _) = cut(serde_json::from_str(waiting.args.get()).unwrap_or_default(), room);
        json!({ "call": waiting.call, "tool": waiting.tool, "args": args, "reason": waiting.reason })
    };
    object.pending.iter().map(one).collect()
}

/// One line for each, because a model pays for every word.
fn finding(one: &Diagnostic) -> Value {
    let hint = one.suggestion.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}:{}:{} {}{hint}", one.module, one.line, one.column, one.message).into()
}
