//! In: a request to `/mcp`. Out: the answer to its message, or a stream of progress that ends with it.
//! May touch: the request's body; the bridge; isolates, for `execute`.
//! Security boundary: yes, towards browsers: a page of somebody else's must not drive a server on this machine.

use super::http::{accepts_events, method_not_allowed, read, still_serving, token};
use super::resume::go_on;
use super::runs;
use super::worker::Local;
use crate::bridge::{Asker, DoorError};
use crate::limits::{HTTP_BODY_BYTES_MAX, HTTP_BODY_MS, MCP_PROGRESS_MS};
use crate::mcp::{self, Call, Failure, Version};
use crate::respond::{self, Problem, ProblemKind, Reply};
use crate::run::ResponsePart;
use crate::trace;
use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use http::{Method, Request};
use hyper::body::Incoming as Body;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;
use url::Url;

/// Who asks, for the length of one request.
#[derive(Clone)]
struct Caller {
    token: HeaderValue,
    request_id: String,
}

pub(super) async fn answer(local: &Rc<Local>, request: Request<Body>, request_id: &str) -> Result<Reply, Problem> {
    same_site(request.headers())?;
    if *request.method() != Method::POST {
        return Err(method_not_allowed("POST"));
    }
    still_serving(local)?;
    let (head, body) = request.into_parts();
    let caller = Caller { token: token(&head.headers)?, request_id: request_id.to_owned() };
    let body = read(body, HTTP_BODY_BYTES_MAX, Duration::from_millis(HTTP_BODY_MS)).await?;
    let message = match mcp::read(&body) {
        Ok(message) => message,
        Err(failure) => return Ok(respond::message(mcp::respond(Version::Stateless, None, Err(failure)))),
    };
    drop(body);
    let version = match mcp::version_of(&message, &head.headers) {
        Ok(version) => version,
        Err(failure) => {
            return Ok(respond::message(mcp::respond(Version::Stateless, message.id.as_ref(), Err(failure))));
        }
    };
    let Some(id) = message.id.clone() else { return Ok(respond::accepted()) };
    let progress = progress_token(&message).filter(|_| accepts_events(&head.headers));
    let (local, asked) = (local.clone(), async move |local: &Rc<Local>| outcome(local, &caller, &message).await);
    match progress {
        None => Ok(respond::message(mcp::respond(version, Some(&id), asked(&local).await?))),
        Some(progress) => {
            let (sender, parts) = mpsc::channel(4);
            let trace = trace::current();
            tokio::task::spawn_local(async move {
                let work = trace::within(trace, async {
                    let outcome = asked(&local).await.unwrap_or_else(|problem| Err(in_band(&problem)));
                    mcp::respond(version, Some(&id), outcome).1
                });
                // Dropped with the work when the client goes away.
                tokio::select! {
                    message = tell_progress(&sender, &progress, work) => {
                        let _ = sender.send(event(&message)).await;
                        let _ = sender.send(ResponsePart::End).await;
                    }
                    () = sender.closed() => {}
                }
            });
            Ok(respond::events(parts))
        }
    }
}

/// Problems of the server itself are HTTP's; what is wrong with the message is JSON-RPC's; what is wrong with a tool's
/// arguments or its run is for the model.
async fn outcome(
    local: &Rc<Local>,
    caller: &Caller,
    message: &mcp::Incoming,
) -> Result<Result<Value, Failure>, Problem> {
    Ok(match message.method.as_str() {
        "initialize" => Ok(mcp::initialized(&message.params)),
        "server/discover" => Ok(mcp::discovered()),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(mcp::listed()),
        "tools/call" => match mcp::call(&message.params) {
            Err(failure) => Err(failure),
            Ok(Err(wrong)) => Ok(told(wrong, true)),
            Ok(Ok(call)) => Ok(perform(local, caller, call).await?),
        },
        other => Err(Failure::no_method(other)),
    })
}

async fn perform(local: &Rc<Local>, caller: &Caller, call: Call) -> Result<Value, Problem> {
    let asker = Asker { token: caller.token.as_bytes(), request_id: &caller.request_id };
    match call {
        Call::Search { query, limit } => {
            let found = local.bridge.search_tools(asker, &query, limit).await?;
            Ok(told(mcp::found(&query, &found), false))
        }
        Call::Describe { names, max_tokens } => match local.bridge.describe_tools(asker, &names, max_tokens).await {
            Ok(text) => Ok(told(text, false)),
            Err(DoorError::Refused { kind: crate::bridge::RefusedKind::Invalid, detail, .. }) => Ok(told(detail, true)),
            Err(other) => Err(other.into()),
        },
        Call::Execute { mut body } => {
            let caller = runs_caller(local, caller);
            body.insert("check".into(), local.checks.is_installed().into());
            let begun = match runs::begin(&caller, Value::from(body).to_string().as_bytes()).await {
                Ok(begun) => begun,
                Err(problem) => return repairable(problem),
            };
            let (text, failed) = mcp::report(&begun.stopped(&caller).await?.object);
            Ok(told(text, failed))
        }
        Call::Continue { run, said } => {
            let caller = runs_caller(local, caller);
            match go_on(&caller, &run, || Ok(said)).await {
                Ok(going) => {
                    let (text, failed) = mcp::report(&going.stopped().await?.object);
                    Ok(told(text, failed))
                }
                Err(problem) => repairable(problem),
            }
        }
    }
}

fn runs_caller<'a>(local: &'a Rc<Local>, caller: &'a Caller) -> runs::Caller<'a> {
    runs::Caller { local, token: caller.token.clone(), request_id: &caller.request_id, by_model: true }
}

/// What the model itself can do better, it is told; everything else is for its client.
fn repairable(problem: Problem) -> Result<Value, Problem> {
    match problem.is_about_the_request() {
        true => Ok(told(problem.detail().to_owned(), true)),
        false => Err(problem),
    }
}

fn told(text: String, is_error: bool) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": is_error })
}

/// A page that a browser shows may be anybody's, and a name can be made to lead to this machine (DNS rebinding). Programs
/// send no `Origin`.
fn same_site(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().ok().and_then(|text| Url::parse(text).ok());
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| Url::parse(&format!("http://{host}")).ok());
    let is_here = |url: &Url| {
        let name = url.host_str().unwrap_or_default();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    match (origin, host) {
        (Some(origin), Some(host)) if is_here(&origin) && is_here(&host) => Ok(()),
        _ => Err(Problem::new(
            ProblemKind::Forbidden,
            "pages of browsers may ask here only from this machine (`Origin`)",
        )),
    }
}

fn progress_token(message: &mcp::Incoming) -> Option<Value> {
    let token = message.params.get("_meta")?.get("progressToken")?;
    (message.method == "tools/call" && (token.is_string() || token.is_number())).then(|| token.clone())
}

async fn tell_progress(
    sender: &mpsc::Sender<ResponsePart>,
    token: &Value,
    work: impl Future<Output = Vec<u8>>,
) -> Vec<u8> {
    let mut work = std::pin::pin!(work);
    let mut seconds = 0;
    loop {
        let params = json!({ "progressToken": token, "progress": seconds, "message": "running" });
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
        // A client that does not read is told less.
        let _ = sender.try_send(event(message.to_string().as_bytes()));
        tokio::select! {
            message = &mut work => return message,
            () = tokio::time::sleep(Duration::from_millis(MCP_PROGRESS_MS)) => seconds += MCP_PROGRESS_MS / 1_000,
        }
    }
}

fn event(message: &[u8]) -> ResponsePart {
    ResponsePart::Bytes(Bytes::from([b"event: message\ndata: ", message, b"\n\n"].concat()))
}

fn in_band(problem: &Problem) -> Failure {
    Failure::new(-32603, http::StatusCode::OK, problem.detail())
}
