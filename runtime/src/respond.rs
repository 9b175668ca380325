//! In: a run object or a problem. Out: an HTTP response. The only place that chooses status codes and client words.
//! May touch: nothing.
//! Security boundary: yes, towards clients: internal words go to the log, not to them.

mod runs;
mod scripts;
mod tools;
mod triggered;

pub use runs::{
    RunLine, begun, compared, forked, listed_runs, no_more_events, not_resumed, replayed, run, run_events, tape,
};
pub use scripts::{listed_scripts, listed_versions, not_modified, removed, stored, written};
pub use tools::{accepted, events, found_tools, message, types};
pub use triggered::{Audience, drop_hop_by_hop, scripted, unanswered};

use crate::bridge::{DoorError, RefusedKind};
use crate::isolate::{ErrorKind, RunError};
use crate::seldom::Seldom;
use crate::serve::ReplyBody;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde::Serialize;

pub type Reply = Response<ReplyBody>;

/// Why a request got no run: the problem kinds of CONTRACT section 4.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    retry_after_ms: Option<u64>,
    /// What is wrong in a script, for its author.
    error: Option<Box<RunError>>,
    /// The run that it is about.
    run: Option<String>,
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
    /// A condition of the request (`If-Match`, `If-None-Match`) does not hold.
    #[serde(rename = "conflict")]
    PreconditionFailed,
    /// What is asked for is not in the state for it.
    Conflict,
    TooLarge,
    Quota,
    Overloaded,
    Draining,
    BridgeUnavailable,
    StoreUnavailable,
    StoreFull,
    Internal,
    /// A script that answers HTTP took longer than its wall clock limit.
    #[serde(rename = "internal")]
    GatewayTimeout,
}

/// While there is none, every request finds that out.
static NO_BRIDGE: Seldom = Seldom::new();

/// Which run answered a request to a stored script.
pub const RUN: HeaderName = HeaderName::from_static("x-mayfly-run");

impl Problem {
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), retry_after_ms: None, error: None, run: None }
    }

    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemKind::BadRequest, detail)
    }

    pub fn too_large(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemKind::TooLarge, detail)
    }

    /// A script that is to be stored does not compile.
    pub fn not_a_program(error: RunError) -> Problem {
        let kind = match error.kind {
            ErrorKind::SourceLimit => ProblemKind::TooLarge,
            ErrorKind::Internal => return Problem::new(ProblemKind::Overloaded, error.message).retry_after_ms(1_000),
            _ => ProblemKind::BadRequest,
        };
        let place = match (&error.module, error.line, error.column) {
            (Some(module), Some(line), Some(column)) => format!("{module}:{line}:{column}: "),
            (Some(module), ..) => format!("{module}: "),
            _ => String::new(),
        };
        let detail = format!("{place}{}: {}", error.name, error.message);
        Problem { error: Some(Box::new(error)), ..Problem::new(kind, detail) }
    }

    /// Another request would fare better, without anybody else doing anything.
    pub fn is_about_the_request(&self) -> bool {
        use ProblemKind::{BadRequest, Conflict, NotFound, TooLarge};
        matches!(self.kind, BadRequest | Conflict | NotFound | TooLarge)
    }

    /// What had happened before it.
    pub fn after(mut self, what: &str) -> Problem {
        self.detail = format!("{}; {what}", self.detail);
        self
    }

    pub fn is(&self, kind: ProblemKind) -> bool {
        self.kind == kind
    }

    pub fn detail(&self) -> &str {
        &self.detail
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
                if let Some(untold) = NO_BRIDGE.now() {
                    tracing::error!(%reason, untold, "no bridge");
                }
                Problem::new(ProblemKind::BridgeUnavailable, "the bridge does not answer").retry_after_ms(1_000)
            }
            DoorError::Refused { kind, detail, retry_after_ms } => {
                let kind = match kind {
                    RefusedKind::Unauthorized => ProblemKind::Unauthorized,
                    RefusedKind::Forbidden => ProblemKind::Forbidden,
                    RefusedKind::Quota => ProblemKind::Quota,
                    RefusedKind::Internal => ProblemKind::Internal,
                    RefusedKind::NotFound => ProblemKind::NotFound,
                    RefusedKind::Condition => ProblemKind::PreconditionFailed,
                    RefusedKind::TooLarge => ProblemKind::TooLarge,
                    RefusedKind::Invalid => ProblemKind::BadRequest,
                    RefusedKind::Changed | RefusedKind::Overloaded => ProblemKind::Overloaded,
                    RefusedKind::StoreFull => ProblemKind::StoreFull,
                    RefusedKind::StoreUnavailable => ProblemKind::StoreUnavailable,
                };
                let problem = Problem::new(kind, detail);
                match kind {
                    ProblemKind::Quota | ProblemKind::Overloaded | ProblemKind::StoreUnavailable => {
                        problem.retry_after_ms(retry_after_ms.max(1))
                    }
                    _ => problem,
                }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RunError>,
}

pub fn problem(problem: &Problem) -> Reply {
    let (status, title) = status(problem.kind);
    let body = ProblemBody {
        r#type: "about:blank",
        title,
        status: status.as_u16(),
        detail: &problem.detail,
        kind: problem.kind,
        run: problem.run.as_deref(),
        error: problem.error.as_deref(),
    };
    let mut reply = json(status, &body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(after_ms) = problem.retry_after_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(after_ms.div_ceil(1_000)));
    }
    if let Some(run) = problem.run.as_ref().and_then(|run| HeaderValue::from_str(run).ok()) {
        headers.insert(RUN, run);
    }
    if problem.kind == ProblemKind::Unauthorized {
        headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    reply
}

/// What this server answers to, as OpenAPI 3.1.
pub fn openapi() -> Reply {
    text("application/json", Bytes::from_static(include_bytes!("respond/openapi.json")))
}

/// `/metrics`.
pub fn numbers(content_type: &'static str, page: String) -> Reply {
    text(content_type, Bytes::from(page))
}

fn text(content_type: &'static str, bytes: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody::from(bytes));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
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
        ProblemKind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "Precondition failed"),
        ProblemKind::Conflict => (StatusCode::CONFLICT, "Conflict"),
        ProblemKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        ProblemKind::Quota => (StatusCode::TOO_MANY_REQUESTS, "Quota used up"),
        ProblemKind::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
        ProblemKind::Draining => (StatusCode::SERVICE_UNAVAILABLE, "Draining"),
        ProblemKind::BridgeUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Bridge unavailable"),
        ProblemKind::StoreUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Store unavailable"),
        ProblemKind::StoreFull => (StatusCode::INSUFFICIENT_STORAGE, "Store full"),
        ProblemKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        ProblemKind::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, "Timeout"),
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
