//! In: a request that is for a tenant's script. Out: the script's response, or a problem.
//! May touch: the request's body, up to the tenant's limit.
//! Security boundary: yes, towards scripts: they see neither the caller's token nor what belongs to the connection.
//!
//! Bodies are collected here, and are text in both directions, until the isolate takes them in parts.

use super::http::{self, permit, read};
use super::target::Script;
use super::worker::Local;
use crate::admit::{self, TriggerAsk, Triggered};
use crate::respond::{self, Audience, Problem, ProblemKind, Reply, drop_hop_by_hop};
use crate::run;
use ::http::header::{AUTHORIZATION, EXPECT, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request};
use bytes::Bytes;
use hyper::body::Incoming as Body;
use serde::Serialize;
use std::time::Duration;

/// Where the script lies on this host. Ours to say, whatever the client sent.
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

pub(super) async fn answer(
    local: &Local,
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
    let (mut unread, mut read_already) = (Some(body), Bytes::new());
    for believe in [true, false] {
        let triggered = admit::admit_trigger(&local.bridge, &local.scripts, &local.shared.texts, ask, believe).await?;
        if let Some(body) = unread.take() {
            read_already = collect(&head.method, body, &triggered).await?;
        }
        let _permit = permit(local).await?;
        let audience = Audience { public: triggered.public, own_host: wanted.own_host };
        let input = input(&head.method, &wanted, &head.headers, request_id, &read_already, triggered.public)?;
        let admitted = triggered.admit(input);
        let object = run::execute(&local.shared.host, admitted.job, &admitted.session).await;
        // Whatever came out of it, it is told only to whom the bridge lets.
        match admitted.session.admission().await {
            Ok(_) => return respond::triggered(object, audience),
            // What the run began on does not hold any more. None of its calls has reached anything: it is run again.
            Err(refused) => local.scripts.changed(ask, refused)?,
        }
    }
    Err(Problem::new(ProblemKind::Overloaded, "the script is being changed; try again").retry_after_ms(1_000))
}

/// What `fetch` refuses to send, no script is asked with.
fn sendable(method: &Method) -> bool {
    !["CONNECT", "TRACE", "TRACK"].iter().any(|word| method.as_str().eq_ignore_ascii_case(word))
}

/// A GET has no body, whatever is sent with it: `Request` allows none.
async fn collect(method: &Method, body: Body, triggered: &Triggered) -> Result<Bytes, Problem> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(Bytes::new());
    }
    read(body, triggered.limits.input_bytes, Duration::from_millis(triggered.limits.wall_ms)).await
}

/// What the prelude makes a `Request` of.
#[derive(Serialize)]
struct Input<'a> {
    url: &'a str,
    method: &'a str,
    headers: Vec<(&'a str, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

fn input(
    method: &Method,
    wanted: &Script,
    headers: &HeaderMap,
    request_id: &str,
    body: &[u8],
    public: bool,
) -> Result<String, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Problem::bad_request("the body is not text (UTF-8); this version hands scripts nothing else"))?;
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
    let input = Input {
        url: wanted.url.as_str(),
        method: method.as_str(),
        headers: headers.iter().map(|(name, value)| (name.as_str(), latin1(value))).collect(),
        body: Some(text).filter(|text| !text.is_empty()),
    };
    serde_json::to_string(&input).map_err(|error| {
        tracing::error!(%error, "a request could not be written as JSON");
        Problem::new(ProblemKind::Internal, "the request could not be handed on")
    })
}
