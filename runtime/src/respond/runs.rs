//! In: runs as they stand, and what came of continuing them. Out: HTTP responses of `/v1/runs`.
//! May touch: nothing.
//! Security boundary: no.

use super::{Problem, ProblemKind, RUN, Reply, json, tools};
use crate::run::{NotResumed, ResponsePart, RunHandle, RunStatus};
use crate::serve::ReplyBody;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A run object as JSON.
pub fn run(object: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody::from(object));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// A run that nobody waits for.
pub fn begun(id: &str, object: Bytes) -> Reply {
    let mut reply = named(run(object), id);
    *reply.status_mut() = StatusCode::ACCEPTED;
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/runs/{id}")) {
        reply.headers_mut().insert(LOCATION, place);
    }
    reply
}

/// What happens in a run, as server-sent events.
pub fn run_events(id: &str, parts: mpsc::Receiver<ResponsePart>) -> Reply {
    named(tools::events(parts), id)
}

fn named(mut reply: Reply, id: &str) -> Reply {
    if let Ok(id) = HeaderValue::from_str(id) {
        reply.headers_mut().insert(RUN, id);
    }
    reply
}

/// One line of the list: the run without what is large.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    status: RunStatus,
    created_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<&'a str>,
    /// Why it failed, as in the run object.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct RunList<'a> {
    runs: Vec<Line<'a>>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

/// `found` has one more than `limit` when there are more.
pub fn listed_runs(found: &[Arc<RunHandle>], limit: usize) -> Reply {
    let (truncated, shown) = (found.len() > limit, found.iter().take(limit));
    let cursor = shown.clone().next_back().filter(|_| truncated).map(|last| last.id.as_str());
    json(StatusCode::OK, &RunList { runs: shown.map(|handle| line(handle)).collect(), truncated, cursor })
}

fn line(handle: &RunHandle) -> Line<'_> {
    let (status, error) = handle.summary();
    let RunHandle { id, script, created_at_ms, .. } = handle;
    Line { id, status, created_at_ms: *created_at_ms, script: script.as_deref(), error }
}

/// Why a run does not go on. `places` are the fields of the request: its decisions, then its outcomes.
pub fn not_resumed(why: NotResumed, places: &[String]) -> Problem {
    let field = |place: usize| places.get(place).map_or("outcomes", String::as_str);
    match why {
        NotResumed::Is(status) => {
            let word = serde_json::to_value(status).unwrap_or_default();
            let word = word.as_str().unwrap_or("running");
            Problem::new(ProblemKind::Conflict, format!("the run is {word}; only a paused run can be continued"))
        }
        NotResumed::Nothing => Problem::bad_request("`outcomes`: is empty; say something to a call that waits"),
        NotResumed::NoDecision { place, call } => Problem::bad_request(format!(
            "`{}.call`: call {call} waits for no decision; give its result in `outcomes`",
            field(place)
        )),
        NotResumed::Unknown { place, call, waiting } => {
            let waiting: Vec<String> = waiting.iter().map(u32::to_string).collect();
            let waiting = waiting.join(", ");
            Problem::bad_request(format!(
                "`{}.call`: no call {call} waits in this run; waiting: {waiting}",
                field(place)
            ))
        }
        NotResumed::Twice { place, call } => {
            Problem::bad_request(format!("`{}.call`: call {call} is there twice", field(place)))
        }
        NotResumed::TooLarge { place, bytes, limit } => {
            Problem::too_large(format!("`{}.value`: is {bytes} bytes of JSON; the limit is {limit}", field(place)))
        }
    }
}
