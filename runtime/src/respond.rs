//! In: a run object or a problem. Out: an HTTP response. The only place that chooses status codes and client words.
//! May touch: nothing.
//! Security boundary: yes, towards clients: internal words go to the log, not to them.

use crate::bridge::{DoorError, RefusedKind};
use crate::run::RunObject;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

pub type Reply = Response<Full<Bytes>>;

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
    let mut reply = Response::new(Full::new(Bytes::from(bytes)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
