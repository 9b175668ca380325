//! In: a run object or a problem. Out: an HTTP response. The only place that chooses status codes and client words.
//! May touch: nothing.
//! Security boundary: yes, towards clients: internal words go to the log, not to them.

use crate::bridge::{DoorError, RefusedKind};
use crate::isolate::{ErrorKind, ResponseHead};
use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX};
use crate::run::ResponsePart;
use crate::run::RunObject;
use crate::serve::ReplyBody;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

pub type Reply = Response<ReplyBody>;

/// The run that a response came from.
const RUN: HeaderName = HeaderName::from_static("x-mayfly-run");

/// Why a request got no run: the problem kinds of CONTRACT section 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    retry_after_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    #[serde(rename = "bad_request")]
    MethodNotAllowed,
    TooLarge,
    Quota,
    Overloaded,
    Draining,
    BridgeUnavailable,
    Internal,
}

impl Problem {
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), retry_after_ms: None }
    }

    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemKind::BadRequest, detail)
    }

    pub fn too_large(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemKind::TooLarge, detail)
    }

    pub fn retry_after_ms(mut self, retry_after_ms: u64) -> Problem {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }
}

impl From<DoorError> for Problem {
    fn from(error: DoorError) -> Problem {
        match error {
            DoorError::Unavailable(reason) => {
                tracing::error!(%reason, "no bridge");
                Problem::new(ProblemKind::BridgeUnavailable, "the bridge does not answer").retry_after_ms(1_000)
            }
            DoorError::Refused { kind, detail, retry_after_ms } => {
                let kind = match kind {
                    RefusedKind::Unauthorized => ProblemKind::Unauthorized,
                    RefusedKind::Forbidden => ProblemKind::Forbidden,
                    RefusedKind::Quota => ProblemKind::Quota,
                    RefusedKind::Internal => ProblemKind::Internal,
                };
                let problem = Problem::new(kind, detail);
                if kind == ProblemKind::Quota { problem.retry_after_ms(retry_after_ms.max(1)) } else { problem }
            }
        }
    }
}

/// RFC 9457, with `kind` for programs.
#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    kind: ProblemKind,
}

pub fn run(object: &RunObject) -> Reply {
    json(StatusCode::OK, object)
}

pub fn problem(problem: &Problem) -> Reply {
    let (status, title) = status(problem.kind);
    let body = ProblemBody {
        r#type: "about:blank",
        title,
        status: status.as_u16(),
        detail: &problem.detail,
        kind: problem.kind,
    };
    let mut reply = json(status, &body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(after_ms) = problem.retry_after_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(after_ms.div_ceil(1_000)));
    }
    if problem.kind == ProblemKind::Unauthorized {
        headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    reply
}

/// What a script answers. Its status and headers are arbitrary until they are looked at here.
pub fn scripted(head: ResponseHead, parts: mpsc::Receiver<ResponsePart>, is_head: bool, run: &str) -> Reply {
    let Some((status, mut headers)) = checked(&head) else {
        let detail = format!(
            "the script's response has an invalid status, header name or value, or more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
        );
        return failed(StatusCode::BAD_GATEWAY, &detail, run);
    };
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    // To HEAD a script may tell the length of what it does not send; any other length is counted here.
    if !(is_head && head.body.is_empty()) {
        headers.remove(CONTENT_LENGTH);
    }
    let body = match head.stream {
        _ if bodiless => ReplyBody::from(Bytes::new()),
        true => ReplyBody::Parts(Some(Bytes::from(head.body)).filter(|first| !first.is_empty()), parts),
        false => ReplyBody::from(Bytes::from(head.body)),
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    with_run(reply, run)
}

/// The script of a request ended without an answer. Why is told only where the client is known.
pub fn unanswered(object: Option<&RunObject>, tells_errors: bool, run: &str) -> Reply {
    let error = object.and_then(|object| object.error.as_ref());
    let status = match error.map(|error| error.kind) {
        Some(ErrorKind::WallLimit) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let detail = match error {
        Some(error) if tells_errors => {
            let place = error
                .module
                .as_ref()
                .zip(error.line)
                .map_or_else(String::new, |(module, line)| format!(" ({module}:{line})"));
            format!("the script failed: {}: {}{place}", error.name, error.message)
        }
        _ => "the script failed".to_owned(),
    };
    failed(status, &detail, run)
}

fn failed(status: StatusCode, detail: &str, run: &str) -> Reply {
    let body = ProblemBody {
        r#type: "about:blank",
        title: "Script failed",
        status: status.as_u16(),
        detail,
        kind: ProblemKind::Internal,
    };
    let mut reply = json(status, &body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    with_run(reply, run)
}

fn with_run(mut reply: Reply, run: &str) -> Reply {
    if let Ok(run) = HeaderValue::from_str(run) {
        reply.headers_mut().insert(RUN, run);
    }
    reply
}

/// Status and headers that HTTP can carry; nothing where they are none.
fn checked(head: &ResponseHead) -> Option<(StatusCode, HeaderMap)> {
    let status = StatusCode::from_u16(head.status).ok().filter(|status| (200..600).contains(&status.as_u16()))?;
    let bytes: usize = head.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if head.headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(head.headers.len() + 2);
    for (name, value) in &head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value: Option<Vec<u8>> = value.chars().map(|letter| u8::try_from(letter).ok()).collect();
        let value = HeaderValue::from_bytes(&value?).ok()?;
        if !is_of_connection(&name) {
            headers.append(name, value);
        }
    }
    Some((status, headers))
}

/// Headers that concern one connection and are not passed on (RFC 9110, 7.6.1).
pub fn is_of_connection(name: &HeaderName) -> bool {
    use http::header::{CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].contains(name)
        || ["keep-alive", "proxy-connection"].contains(&name.as_str())
}

/// `/healthz` and `/readyz`.
#[derive(Serialize)]
pub struct Health {
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<String>,
}

pub fn health(health: &Health) -> Reply {
    let ready = health.status == "ok";
    json(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, health)
}

fn status(kind: ProblemKind) -> (StatusCode, &'static str) {
    match kind {
        ProblemKind::BadRequest => (StatusCode::BAD_REQUEST, "Bad request"),
        ProblemKind::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        ProblemKind::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
        ProblemKind::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        ProblemKind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        ProblemKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        ProblemKind::Quota => (StatusCode::TOO_MANY_REQUESTS, "Quota used up"),
        ProblemKind::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
        ProblemKind::Draining => (StatusCode::SERVICE_UNAVAILABLE, "Draining"),
        ProblemKind::BridgeUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Bridge unavailable"),
        ProblemKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let bytes = serde_json::to_vec(body).unwrap_or_else(|error| {
        tracing::error!(%error, "a response could not be written as JSON");
        b"{}".to_vec()
    });
    let mut reply = Response::new(ReplyBody::from(Bytes::from(bytes)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
