//! In: an outcome and the records of its calls. Out: the run object of CONTRACT section 4.
//! May touch: nothing.
//! Security boundary: no.

use super::tags::Tags;
use crate::bridge::Held;
use crate::isolate::{Ask, AskKind, LogLine, Logs, Outcome, RunError, Usage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Entries of `calls` in a run object; the audit has them all.
pub const CALLS_SHOWN_MAX: usize = 1_000;

#[derive(Debug, Serialize)]
pub struct RunObject {
    pub id: String,
    pub status: RunStatus,
    /// What its caller calls it by.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// What a paused run waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingCall>,
    pub logs: Vec<LogLine>,
    pub calls: Vec<CallRecord>,
    pub usage: RunUsage,
    /// Whether its types were checked before it ran, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<bool>,
    /// Why they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_checked: Option<String>,
    /// Lists that were cut to their limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub truncated: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

/// A call that waits for somebody outside.
#[derive(Clone, Debug, Serialize)]
pub struct PendingCall {
    pub call: u32,
    pub tool: String,
    pub args: Box<RawValue>,
    pub reason: PendingReason,
    /// The request as it will be sent, where somebody has to say yes to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Held>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingReason {
    /// The caller itself answers it.
    External,
    /// Somebody has to say yes before it is sent.
    Approval,
}

/// What a run used, and how long its beginning took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RunUsage {
    #[serde(flatten)]
    pub usage: Usage,
    /// From source to program; near nothing when it was cached.
    pub prepare_us: u64,
    /// The check of its types, where that was asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub check_us: u64,
    /// A fresh isolate and the script's first turn, up to its first wait.
    pub start_us: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One call as the run object lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    pub call: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    pub method: String,
    pub url: String,
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    pub ms: f64,
    pub bytes_out: u64,
    pub bytes_in: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    Deny,
    /// It waits for somebody outside.
    Hold,
}

impl CallRecord {
    pub fn new(ask: &Ask) -> CallRecord {
        let tool = match &ask.kind {
            AskKind::Call { tool, .. } => Some(tool.clone()),
            _ => None,
        };
        CallRecord {
            call: ask.call,
            tool,
            method: String::new(),
            url: String::new(),
            verdict: Verdict::Deny,
            rule: None,
            status: None,
            ms: 0.0,
            bytes_out: 0,
            bytes_in: 0,
        }
    }
}

impl RunObject {
    pub fn new(id: String, outcome: Outcome, calls: Vec<CallRecord>, mut usage: RunUsage) -> RunObject {
        let wall_us = usage.usage.wall_us;
        usage.usage = Usage { wall_us, ..outcome.usage };
        let (status, result, error) = match outcome.result {
            Ok(result) => (RunStatus::Completed, Some(result), None),
            Err(error) if error.kind == crate::isolate::ErrorKind::Cancelled => {
                (RunStatus::Cancelled, None, Some(error))
            }
            Err(error) => (RunStatus::Failed, None, Some(error)),
        };
        RunObject { result, error, ..RunObject::standing(id, status, outcome.logs, calls, usage) }
    }

    /// A run that has not ended, as it stands.
    pub fn standing(
        id: String,
        status: RunStatus,
        logs: Logs,
        mut calls: Vec<CallRecord>,
        mut usage: RunUsage,
    ) -> RunObject {
        calls.sort_by_key(|record| record.call);
        usage.usage.bytes_out = calls.iter().map(|record| record.bytes_out).sum();
        usage.usage.bytes_in = calls.iter().map(|record| record.bytes_in).sum();
        let mut truncated = Vec::new();
        if logs.dropped > 0 {
            truncated.push("logs");
        }
        if calls.len() > CALLS_SHOWN_MAX {
            calls.truncate(CALLS_SHOWN_MAX);
            truncated.push("calls");
        }
        let logs = logs.lines;
        RunObject {
            id,
            status,
            tags: Tags::default(),
            result: None,
            error: None,
            pending: Vec::new(),
            logs,
            calls,
            usage,
            checked: None,
            not_checked: None,
            truncated,
        }
    }
}
