//! In: one HTTP request. Out: one response, from the room that the path names.
//! May touch: the request's body, up to its limit.
//! Security boundary: yes, towards clients.

use super::target::{self, Wanted};
use super::worker::Local;
use super::{mcp, metrics, runs, scripts, tools, trigger};
use crate::limits::HTTP_BODY_MS;
use crate::respond::{self, Health, Problem, ProblemKind, Reply};
use crate::trace;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming as Body;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A client's own request id is kept up to this length.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// How long a run waits for a free isolate before the client is told to come again.
const QUEUE_MS: u64 = 1_000;

pub(super) async fn answer(local: &Rc<Local>, request: Request<Body>, admin: bool) -> Reply {
    let (request_id, trace) = (request_id(&request), trace::of(request.headers()));
    let answering = route(local, request, admin, request_id.to_str().unwrap_or_default());
    let answered = trace::within(trace, answering).await;
    let mut reply = answered.unwrap_or_else(|problem| respond::problem(&problem));
    reply.headers_mut().insert(REQUEST_ID, request_id);
    local.shared.host.metrics.response(reply.status());
    reply
}

async fn route(local: &Rc<Local>, request: Request<Body>, admin: bool, request_id: &str) -> Result<Reply, Problem> {
    if !admin && let Wanted::Script(script) = target::wanted(&local.hosts, &request).await? {
        return trigger::answer(local, request, script, request_id).await;
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => {
            Ok(respond::health(&Health { status: "ok", reason: None, mistakes: Vec::new() }))
        }
        (&Method::GET | &Method::HEAD, "/readyz") => Ok(respond::health(&ready(local).await)),
        (&Method::GET | &Method::HEAD, "/metrics") if admin || !local.shared.has_admin => {
            Ok(metrics::answer(&local.shared, request.headers()).await)
        }
        (&Method::GET | &Method::HEAD, "/openapi.json") => Ok(respond::openapi()),
        (_, "/mcp") if !admin => mcp::answer(local, request, request_id).await,
        (&Method::GET | &Method::HEAD, "/v1/tools") if !admin => tools::search(local, &request, request_id).await,
        (&Method::GET | &Method::HEAD, "/v1/types") if !admin => tools::types(local, &request, request_id).await,
        (_, "/v1/tools" | "/v1/types") if !admin => Err(method_not_allowed("GET")),
        (_, "/healthz" | "/readyz" | "/openapi.json") => Err(method_not_allowed("GET")),
        (_, "/metrics") if admin || !local.shared.has_admin => Err(method_not_allowed("GET")),
        (_, path) if !admin && runs::at(path).is_some() => runs::answer(local, request, request_id).await,
        (_, path) if !admin && scripts::at(path).is_some() => scripts::answer(local, request, request_id).await,
        (_, path) => Err(Problem::new(ProblemKind::NotFound, format!("there is nothing at {path}"))),
    }
}

pub(super) fn method_not_allowed(allowed: &str) -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, format!("use {allowed} here"))
}

pub(super) fn still_serving(local: &Local) -> Result<(), Problem> {
    match local.shared.draining.load(Ordering::Relaxed) {
        true => Err(Problem::new(ProblemKind::Draining, "this server is about to stop").retry_after_ms(1_000)),
        false => Ok(()),
    }
}

/// A free isolate.
pub(super) async fn permit(local: &Local) -> Result<OwnedSemaphorePermit, Problem> {
    match tokio::time::timeout(Duration::from_millis(QUEUE_MS), local.shared.permits.clone().acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => {
            let detail = "all isolates of this server are in use";
            Err(Problem::new(ProblemKind::Overloaded, detail).retry_after_ms(1_000))
        }
    }
}

pub(super) fn token(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let unauthorized = || Problem::new(ProblemKind::Unauthorized, "send `Authorization: Bearer TOKEN`");
    let header = headers.get(AUTHORIZATION).ok_or_else(unauthorized)?;
    let text = header.to_str().map_err(|_| unauthorized())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(unauthorized());
    }
    HeaderValue::from_str(token.trim()).map_err(|_| unauthorized())
}

/// Whether the client wants server-sent events.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/event-stream"))
}

/// A whole body, in time.
pub(super) async fn read(body: Body, bytes_max: u64, within: Duration) -> Result<Bytes, Problem> {
    let limited = Limited::new(body, usize::try_from(bytes_max).unwrap_or(usize::MAX)).collect();
    let within = within.min(Duration::from_millis(HTTP_BODY_MS));
    match tokio::time::timeout(within, limited).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Problem::too_large(format!("the body is longer than {bytes_max} bytes")))
        }
        Ok(Err(_)) => Err(Problem::bad_request("the body broke off")),
        Err(_) => Err(Problem::bad_request(format!("the body did not arrive within {} ms", within.as_millis()))),
    }
}

/// Ready means: not draining, and the bridge answers. Tenant files that did not load are told, and are no reason to
/// send all other tenants away.
async fn ready(local: &Local) -> Health {
    if local.shared.draining.load(Ordering::Relaxed) {
        return Health { status: "draining", reason: None, mistakes: Vec::new() };
    }
    match local.bridge.status().await {
        Ok(status) => Health { status: "ok", reason: None, mistakes: status.mistakes },
        Err(error) => Health { status: "unavailable", reason: Some(error.to_string()), mistakes: Vec::new() },
    }
}

/// It goes back to the client, into the log and into the audit: printable characters alone.
fn is_request_id(given: &[u8]) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&given.len()) && given.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

fn request_id<B>(request: &Request<B>) -> HeaderValue {
    match request.headers().get(REQUEST_ID) {
        Some(given) if is_request_id(given.as_bytes()) => given.clone(),
        _ => HeaderValue::from_str(&ulid::Ulid::new().to_string()).unwrap_or(HeaderValue::from_static("none")),
    }
}
