//! In: runs as they stand, and what came of continuing them. Out: HTTP responses of `/v1/runs`.
//! May touch: nothing.
//! Security boundary: no.

use super::{Problem, ProblemKind, RUN, Reply, json, tools};
use crate::run::{NotResumed, ResponsePart, RunHandle, RunStatus, Tags};
use crate::serve::ReplyBody;
use crate::tape::Compared;
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A run object as JSON.
pub fn run(object: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody::from(object));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// A tape, to be kept as a file.
pub fn tape(id: &str, text: Bytes) -> Reply {
    let mut reply = run(text);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.tape\"")) {
        reply.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    reply
}

/// What a replay came to.
pub fn compared(compared: &Compared) -> Reply {
    json(StatusCode::OK, compared)
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

/// Runs that wait where another one waits.
pub fn forked(children: &[String]) -> Reply {
    let runs: Vec<_> = children.iter().map(|id| serde_json::json!({ "id": id, "status": RunStatus::Paused })).collect();
    let mut reply = run(serde_json::json!({ "runs": runs }).to_string().into());
    *reply.status_mut() = StatusCode::CREATED;
    reply
}

/// What happens in a run, as server-sent events.
pub fn run_events(id: &str, parts: mpsc::Receiver<ResponsePart>) -> Reply {
    named(tools::events(parts), id)
}

/// All of them were told: a client that comes back by itself comes no more.
pub fn no_more_events() -> Reply {
    let mut reply = Response::new(ReplyBody::from(Bytes::new()));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Told before, to a request with the same key.
pub fn replayed(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    reply
}

fn named(mut reply: Reply, id: &str) -> Reply {
    if let Ok(id) = HeaderValue::from_str(id) {
        reply.headers_mut().insert(RUN, id);
    }
    reply
}

/// One line of the list: the run without what is large.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    pub id: String,
    pub status: RunStatus,
    pub created_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Why it failed, as in the run object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct RunList {
    runs: Vec<RunLine>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `found` has more than `limit` when there are more. `cut`: nothing behind this run was looked at.
pub fn listed_runs(mut found: Vec<RunLine>, limit: usize, cut: Option<String>) -> Reply {
    let more = found.len() > limit;
    found.truncate(limit);
    let cursor = found.last().filter(|_| more).map(|last| last.id.clone()).or(cut);
    json(StatusCode::OK, &RunList { runs: found, truncated: cursor.is_some(), cursor })
}

impl RunLine {
    pub fn of(handle: &RunHandle) -> RunLine {
        let (status, error) = handle.summary();
        let RunHandle { id, script, tags, created_at_ms, .. } = handle;
        let (id, script, tags) = (id.clone(), script.clone(), tags.clone());
        RunLine { id, status, created_at_ms: *created_at_ms, script, tags, error }
    }
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
        NotResumed::Leaving => {
            Problem::new(ProblemKind::Conflict, "the run is being stored; try again").retry_after_ms(100)
        }
        NotResumed::Nothing => {
            Problem::bad_request("`outcomes`: is empty, and so is `decisions`; say something to a call that waits")
        }
        NotResumed::NoDecision { place, call } => Problem::bad_request(format!(
            "`{}.call`: call {call} waits for no decision; give its result in `outcomes`",
            field(place)
        )),
        NotResumed::NoOutcome { place, call } => Problem::bad_request(format!(
            "`{}.call`: call {call} waits for approval; say so in `decisions`",
            field(place)
        )),
        NotResumed::Unfit { place, why } => Problem::bad_request(format!("`{}.value`: {why}", field(place))),
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
