//! In: a request that is for a tenant's script. Out: the script's response, or a problem.
//! May touch: the request's body, up to the tenant's limit.
//! Security boundary: yes, towards scripts: they see neither the caller's token nor what belongs to the connection.
//

use super::http::{self, permit, read};
use super::target::Script;
use super::worker::Local;
use crate::admit::{self, Admitted, TriggerAsk};
use crate::limits::{HTTP_BODY_MS, REQUEST_INLINE_BYTES_MAX, REQUEST_STREAM_BYTES_MAX};
use crate::respond::{self, Audience, Problem, ProblemKind, Reply, drop_hop_by_hop};
use crate::run::{self, Asked, Exchange, RequestBody, Response, RunObject};
use ::http::header::{AUTHORIZATION, EXPECT, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Body as _, Incoming as Body};
use serde::Serialize;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Where the script lies on this host. Ours to say, whatever the client sent.
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Answers when the script has chosen the head; the body follows as the script writes it.
pub(super) async fn answer(
    local: &Rc<Local>,
    request: Request<Body>,
    wanted: Script,
    request_id: &str,
) -> Result<Reply, Problem> {
    http::still_serving(local)?;
    let (head, body) = request.into_parts();
    if !sendable(&head.method) {
        return Err(Problem::new(ProblemKind::MethodNotAllowed, format!("no script is asked with {}", head.method)));
    }
    let token = http::token(&head.headers).ok();
    let token = token.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
    let ask = TriggerAsk { target: &wanted.target, token, request_id };
    let (first, mut rest) = begin(&head.method, body).await?;
    let streams = rest.is_some();
    // A body that can be read only once is given to no run that might have to begin again.
    for believe in if streams { &[false][..] } else { &[true, false] } {
        let triggered = admit::admit_trigger(&local.bridge, &local.scripts, &local.shared.texts, ask, *believe).await?;
        let permit = permit(local).await?;
        let audience = Audience { public: triggered.public, own_host: wanted.own_host };
        let asked = told(&head.method, &wanted, &head.headers, request_id, streams, triggered.public);
        let (exchange, response) = Exchange::new(rest.take().unwrap_or_else(nothing));
        let admitted = triggered.admit(Asked::Request { head: asked, body: first.clone(), exchange });
        let (run, session) = (admitted.job.id.clone(), admitted.session.clone());
        let ended = start(local, admitted, permit);
        let Response { head: chosen, parts } = response;
        let chosen = chosen.await;
        // Whatever the script says, it is told only to whom the bridge lets.
        match session.admission().await {
            Ok(_) => {
                let is_head = head.method == Method::HEAD;
                return match chosen {
                    Ok(chosen) => respond::scripted(chosen, parts, is_head, run, audience),
                    Err(_) => Err(respond::unanswered(ended.await.ok(), run, audience)),
                };
            }
            // What the run began on does not hold any more. None of its calls has reached anything: it is run again.
            Err(refused) => local.scripts.changed(ask, refused)?,
        }
    }
    Err(Problem::new(ProblemKind::Overloaded, "the script is being changed; try again").retry_after_ms(1_000))
}

/// Runs it in a task of its own: it goes on when its response is whole, with what the script gave to `waitUntil`.
fn start(local: &Rc<Local>, admitted: Admitted, permit: OwnedSemaphorePermit) -> oneshot::Receiver<RunObject> {
    let (ended, object) = oneshot::channel();
    let shared = local.shared.clone();
    tokio::task::spawn_local(async move {
        let Admitted { job, session, .. } = admitted;
        let object = run::execute(&shared.host, job, &session).await;
        drop(permit);
        tell(&object);
        // Nobody may wait for it any more.
        let _ = ended.send(object);
    });
    object
}

/// Nobody gets to see the run object of a triggered run that answered: what it wrote goes to the log.
fn tell(object: &RunObject) {
    for line in &object.logs {
        tracing::debug!(run = object.id, level = line.level, text = line.text, "log");
    }
}

fn nothing() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A small body whole; of a larger one nothing yet, and all of it to come. A GET has none, whatever is sent with it:
/// `Request` allows none.
async fn begin(method: &Method, body: Body) -> Result<(Bytes, Option<RequestBody>), Problem> {
    if body.is_end_stream() || matches!(*method, Method::GET | Method::HEAD) {
        return Ok((Bytes::new(), None));
    }
    let told = body.size_hint().exact();
    if told.is_some_and(|bytes| bytes > REQUEST_STREAM_BYTES_MAX) {
        return Err(Problem::too_large(format!("the body of a request may have {REQUEST_STREAM_BYTES_MAX} bytes")));
    }
    if told.is_none_or(|bytes| bytes > REQUEST_INLINE_BYTES_MAX) {
        let limited = Limited::new(body, usize::try_from(REQUEST_STREAM_BYTES_MAX).unwrap_or(usize::MAX));
        return Ok((Bytes::new(), Some(limited.boxed_unsync())));
    }
    let bytes = read(body, REQUEST_INLINE_BYTES_MAX, Duration::from_millis(HTTP_BODY_MS)).await?;
    Ok((bytes, None))
}

/// What `fetch` refuses to send, no script is asked with.
fn sendable(method: &Method) -> bool {
    !["CONNECT", "TRACE", "TRACK"].iter().any(|word| method.as_str().eq_ignore_ascii_case(word))
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

fn told(method: &Method, wanted: &Script, headers: &HeaderMap, request_id: &str, stream: bool, public: bool) -> String {
    let mut headers = headers.clone();
    drop_hop_by_hop(&mut headers);
    headers.remove(EXPECT);
    if !public {
        headers.remove(AUTHORIZATION);
    }
    headers.remove(PREFIX);
    if let Some(prefix) = wanted.prefix.as_deref().and_then(|prefix| HeaderValue::from_str(prefix).ok()) {
        headers.insert(PREFIX, prefix);
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(http::REQUEST_ID, id);
    }
    // Values are byte strings, which scripts see as one character a byte.
    let latin1 = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), latin1(value))).collect();
    let head = Head { method: method.as_str(), url: wanted.url.as_str(), headers, stream };
    // Strings in lists: nothing of it can fail.
    serde_json::to_string(&head).unwrap_or_default()
}
