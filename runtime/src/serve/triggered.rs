//! In: an admitted HTTP request for a stored script. Out: the response that the script gives, as it gives it.
//! May touch: the request's body, one isolate.
//! Security boundary: no; who may call what was decided by `admit.rs`, what a response may hold is by `respond.rs`.

use super::worker::Local;
use crate::bridge::Session;
use crate::limits::{HTTP_BODY_MS, REQUEST_INLINE_BYTES_MAX, REQUEST_STREAM_BYTES_MAX};
use crate::respond::{self, Problem, Reply};
use crate::run::{self, Asked, Exchange, Job, RequestBody, RunObject};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Body as _, Incoming as Body};
use serde::Serialize;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A request that may be answered.
pub(super) struct Triggered {
    /// What it is asked is made here of the request.
    pub job: Job,
    pub session: Session,
    pub permit: OwnedSemaphorePermit,
    /// As the script is to see it.
    pub url: String,
    /// Whoever asks may be told why the script failed.
    pub tells_errors: bool,
}

/// What the guest is told of a request: `mayfly_abi::Start`.
#[derive(Serialize)]
struct Head<'a> {
    method: &'a str,
    url: &'a str,
    headers: Vec<(&'a str, String)>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

/// Answers when the script has chosen the head; the body follows as the script writes it.
pub(super) async fn answer(local: &Rc<Local>, triggered: Triggered, request: Request<Body>) -> Result<Reply, Problem> {
    let Triggered { job, session, permit, url, tells_errors } = triggered;
    let (parts, body) = request.into_parts();
    let (bytes, rest) = begin(body).await?;
    let head = head(&parts, &url, rest.is_some());
    let is_head = parts.method == Method::HEAD;
    let (exchange, response) =
        Exchange::new(rest.unwrap_or_else(|| Empty::new().map_err(|never| match never {}).boxed_unsync()));
    let job = Job { asked: Asked::Request { head, body: bytes, exchange }, ..job };
    let id = job.id.clone();
    let (ended, object) = oneshot::channel();
    let (shared, of_run) = (local.shared.clone(), session.clone());
    // A task of its own: it goes on when the response is whole, with what the script gave to `waitUntil`.
    tokio::task::spawn_local(async move {
        let object = run::execute(&shared.host, job, &of_run).await;
        tell(&object);
        let _ = ended.send(object);
        drop(permit);
    });
    let chosen = response.head.await;
    // Whatever the script says, it is told only to whom the bridge knows.
    session.admission().await?;
    let reply = match chosen {
        Ok(head) => respond::scripted(head, response.parts, is_head, &id),
        Err(_) => respond::unanswered(object.await.ok().as_ref(), tells_errors, &id),
    };
    Ok(reply)
}

/// A small body whole, of a larger one nothing yet and all of it to come.
async fn begin(body: Body) -> Result<(Bytes, Option<RequestBody>), Problem> {
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    if body.size_hint().exact().is_none_or(|bytes| bytes > REQUEST_INLINE_BYTES_MAX) {
        let limited = Limited::new(body, REQUEST_STREAM_BYTES_MAX as usize);
        return Ok((Bytes::new(), Some(limited.boxed_unsync())));
    }
    match tokio::time::timeout(Duration::from_millis(HTTP_BODY_MS), body.collect()).await {
        Ok(Ok(collected)) => Ok((collected.to_bytes(), None)),
        Ok(Err(_)) => Err(Problem::bad_request("the body broke off")),
        Err(_) => Err(Problem::bad_request(format!("the body did not arrive within {HTTP_BODY_MS} ms"))),
    }
}

fn head(parts: &Parts, url: &str, stream: bool) -> String {
    let head = Head { method: parts.method.as_str(), url, headers: for_script(&parts.headers), stream };
    // Strings in lists: there is nothing that could fail.
    serde_json::to_string(&head).unwrap_or_default()
}

/// Without what concerned only the connection. Values are byte strings, shown as one character a byte.
fn for_script(headers: &HeaderMap) -> Vec<(&str, String)> {
    let text = |value: &header::HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let kept = headers.iter().filter(|(name, _)| !respond::is_of_connection(name));
    kept.map(|(name, value)| (name.as_str(), text(value))).collect()
}

/// Nobody gets to see the run object of a triggered run: what went wrong in it goes to the log.
fn tell(object: &RunObject) {
    if let Some(error) = &object.error {
        tracing::info!(run = object.id, kind = ?error.kind, name = error.name, message = error.message, "a triggered run failed");
    }
    for line in &object.logs {
        tracing::debug!(run = object.id, level = line.level, text = line.text, "log");
    }
}
