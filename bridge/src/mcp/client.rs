//! In: messages of rmcp to a server at a URL. Out: its answers, as JSON or as a stream of events.
//! May touch: the queue of errands; the requests themselves are sent by `errand.rs`.
//! Security boundary: yes; sizes are bounded here and there, and no text of the server becomes a text of ours.
//!
//! rmcp's own clients are reqwest and a Unix socket. What an answer means follows the second: 202 and 204 are `accepted`, 404
//! with a session is a session that the server forgot, and a refusal of `server/discover` is a server of the older
//! generation.

use super::errand::{Errand, Reply};
use super::server::Server;
use super::trail::Trail;
use crate::failure::Failure;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mayfly_schemas::limits::{MCP_LIST_BYTES_MAX, MCP_STREAM_RETRY_MS, TOOL_ERROR_BODY_BYTES_MAX};
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, GetExtensions, JsonRpcMessage, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

const SESSION: &str = "mcp-session-id";
const LAST_EVENT: &str = "last-event-id";
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";
/// The longest pause before a stream is opened again.
const STREAM_RETRY_MS_MAX: u64 = 2_000;
/// A stream that lasted for this long is no sign of trouble.
const STREAM_SETTLED: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub struct Client {
    pub server: Arc<Server>,
    pub errands: mpsc::UnboundedSender<Errand>,
    /// What went wrong last outside of a call: rmcp has fewer words for it.
    pub trouble: Arc<Mutex<Option<Failure>>>,
    /// When a stream was opened last, and how many of them in a row ended at once.
    streams: Arc<Mutex<(Option<Instant>, u32)>>,
}

/// A failure, as rmcp carries it.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.text)]
pub struct Failed(Failure);

type Error = StreamableHttpError<Failed>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

impl Client {
    pub fn new(server: Arc<Server>, errands: mpsc::UnboundedSender<Errand>) -> Client {
        Client { server, errands, trouble: Arc::default(), streams: Arc::default() }
    }

    /// What went wrong since it was asked last.
    pub fn take_trouble(&self) -> Option<Failure> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) async fn send(
        &self,
        method: &'static str,
        headers: Vec<(String, Vec<u8>)>,
        body: Bytes,
        trail: &Trail,
    ) -> Result<Reply, Error> {
        let (reply, answer) = oneshot::channel();
        let (server, trail_of) = (self.server.clone(), trail.clone());
        let errand = Errand { server, method, headers, body, trail: trail_of, reply };
        self.errands.send(errand).map_err(|_| Error::TransportChannelClosed)?;
        let sent = answer.await.map_err(|_| Error::TransportChannelClosed)?;
        sent.map_err(|failure| self.fails(trail, failure))
    }

    fn fails(&self, trail: &Trail, failure: Failure) -> Error {
        trail.fails(&failure);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
        StreamableHttpError::Client(Failed(failure))
    }

    /// All of a body, which `dial.rs` has bounded.
    pub(super) async fn whole(&self, reply: &mut Reply, trail: &Trail) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(part) = reply.parts.recv().await {
            let part = part.map_err(|failure| self.fails(trail, failure))?;
            whole.extend_from_slice(&part.bytes);
            trail.holds(part.held);
        }
        Ok(whole)
    }

    /// The beginning of what a server says with a refusal.
    async fn beginning(&self, reply: &mut Reply, trail: &Trail) -> Result<Vec<u8>, Error> {
        let mut begun = Vec::new();
        while begun.len() < TOOL_ERROR_BODY_BYTES_MAX
            && let Some(part) = reply.parts.recv().await
        {
            begun.extend_from_slice(&part.map_err(|failure| self.fails(trail, failure))?.bytes);
        }
        begun.truncate(TOOL_ERROR_BODY_BYTES_MAX);
        Ok(begun)
    }

    fn events(&self, reply: Reply, trail: Trail) -> Events {
        let client = self.clone();
        let parts = futures::stream::unfold((reply.parts, client, trail), |(mut parts, client, trail)| async move {
            let part = parts.recv().await?;
            let bytes = part.map(|part| part.bytes).map_err(|failure| {
                let text = failure.text.clone();
                drop(client.fails(&trail, failure));
                std::io::Error::other(text)
            });
            Some((bytes, (parts, client, trail)))
        });
        let slower = |event: Result<Sse, SseError>| {
            event.map(|event| Sse { retry: event.retry.map(|ms| ms.max(MCP_STREAM_RETRY_MS)), ..event })
        };
        SseStream::from_bytes_stream(parts).map(slower).boxed()
    }

    /// rmcp opens a stream that broke off anew, at once. A server that breaks off each one would be asked without end.
    async fn pause(&self) {
        let wait = {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            let soon = streams.0.is_some_and(|last| last.elapsed() < STREAM_SETTLED);
            streams.1 = if soon { streams.1.saturating_add(1) } else { 0 };
            let wait = if soon { MCP_STREAM_RETRY_MS << streams.1.min(8) } else { 0 };
            streams.0 = Some(Instant::now());
            Duration::from_millis(wait.min(STREAM_RETRY_MS_MAX))
        };
        tokio::time::sleep(wait).await;
    }

    /// What an answer that is no success means.
    async fn refused(
        &self,
        message: &ClientJsonRpcMessage,
        in_session: bool,
        mut reply: Reply,
        trail: &Trail,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let status = reply.head.status;
        let client_error = (400..500).contains(&status) && !matches!(status, 401 | 403);
        let is_json = essence(&reply.head.headers).as_deref() == Some(JSON);
        let body = self.beginning(&mut reply, trail).await?;
        let said = serde_json::from_slice::<ServerJsonRpcMessage>(&body).ok();
        if let (JsonRpcMessage::Request(request), true) = (message, client_error && !in_session)
            && matches!(request.request, ClientRequest::DiscoverRequest(_))
        {
            let error = match said {
                Some(JsonRpcMessage::Error(error)) => error.error,
                _ => ErrorData::invalid_request("server/discover was refused", None),
            };
            let answer = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
            return Ok(StreamableHttpPostResponse::Json(answer, None));
        }
        if let (Some(error @ JsonRpcMessage::Error(_)), true) = (said, is_json && !matches!(status, 401 | 403)) {
            return Ok(StreamableHttpPostResponse::Json(error, session(&reply.head.headers)));
        }
        let failure = self.server.failed(&named(status));
        let body = super::content::as_json(&String::from_utf8_lossy(&body));
        Err(self.fails(trail, Failure { status, body, ..failure }))
    }
}

impl StreamableHttpClient for Client {
    type Error = Failed;

    async fn post_message(
        &self,
        _: Arc<str>,
        message: ClientJsonRpcMessage,
        in_session: Option<Arc<str>>,
        _: Option<String>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let trail = trail_of(&message);
        let body = serde_json::to_vec(&message)?;
        let mut headers = headers(custom, in_session.as_deref());
        headers.push((CONTENT_TYPE.as_str().to_owned(), JSON.into()));
        headers.push((ACCEPT.as_str().to_owned(), format!("{JSON}, {EVENTS}").into_bytes()));
        let mut reply = self.send("POST", headers, body.into(), &trail).await?;
        let status = reply.head.status;
        match status {
            202 | 204 => return Ok(StreamableHttpPostResponse::Accepted),
            404 if in_session.is_some() => {
                // What it lists may be new too.
                self.server.wanted.notify_one();
                return Err(StreamableHttpError::SessionExpired);
            }
            200..300 => {}
            _ => return self.refused(&message, in_session.is_some(), reply, &trail).await,
        }
        let session = session(&reply.head.headers);
        let awaits = matches!(message, JsonRpcMessage::Request(_));
        match essence(&reply.head.headers).as_deref() {
            Some(EVENTS) => Ok(StreamableHttpPostResponse::Sse(self.events(reply, trail), session)),
            _ if !awaits => Ok(StreamableHttpPostResponse::Accepted),
            Some(JSON) => {
                let body = self.whole(&mut reply, &trail).await?;
                let parsed = serde_json::from_slice::<ServerJsonRpcMessage>(&body);
                let wrong = |_| self.fails(&trail, self.server.failed("its answer is no message of JSON-RPC"));
                Ok(StreamableHttpPostResponse::Json(parsed.map_err(wrong)?, session))
            }
            _ => {
                let why = format!("its answer is neither {JSON} nor {EVENTS}; is this the URL of an MCP server?");
                Err(self.fails(&trail, self.server.failed(&why)))
            }
        }
    }

    async fn delete_session(
        &self,
        _: Arc<str>,
        session: Arc<str>,
        _: Option<String>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Error> {
        let trail = Trail::new(TOOL_ERROR_BODY_BYTES_MAX as u64);
        // Whatever it says: nothing follows from it.
        let _ = self.send("DELETE", headers(custom, Some(&session)), Bytes::new(), &trail).await;
        Ok(())
    }

    async fn get_stream(
        &self,
        _: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _: Option<String>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Error> {
        self.pause().await;
        let trail = Trail::new(MCP_LIST_BYTES_MAX);
        let mut headers = headers(custom, session.as_deref());
        headers.push((ACCEPT.as_str().to_owned(), EVENTS.into()));
        headers.extend(last_event.map(|id| (LAST_EVENT.to_owned(), id.into_bytes())));
        let reply = self.send("GET", headers, Bytes::new(), &trail).await?;
        match reply.head.status {
            200..300 if essence(&reply.head.headers).as_deref() == Some(EVENTS) => Ok(self.events(reply, trail)),
            // Whatever it says instead, it has no stream.
            200..500 => Err(StreamableHttpError::ServerDoesNotSupportSse),
            status => Err(self.fails(&trail, self.server.failed(&format!("it answered {status}")))),
        }
    }
}

/// Of a call, its own; of anything else, one that nobody reads.
fn trail_of(message: &ClientJsonRpcMessage) -> Trail {
    let own = match message {
        JsonRpcMessage::Request(request) => request.request.extensions().get::<Trail>().cloned(),
        _ => None,
    };
    own.unwrap_or_else(|| Trail::new(MCP_LIST_BYTES_MAX))
}

fn headers(custom: HashMap<HeaderName, HeaderValue>, session: Option<&str>) -> Vec<(String, Vec<u8>)> {
    let custom = custom.into_iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    custom.chain(session.map(|session| (SESSION.to_owned(), session.as_bytes().to_vec()))).collect()
}

/// A status that is no success, and what to do about it.
pub fn named(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let reason = reason.map_or_else(String::new, |reason| format!(" {reason}"));
    let hint = match status {
        300..=399 => "; redirects are not followed: write the URL that it leads to",
        401 | 403 => "; look at the `credential` of this set of tools",
        404 => "; look at the URL of this set of tools",
        _ => "",
    };
    format!("it answered {status}{reason}{hint}")
}

fn session(headers: &HeaderMap) -> Option<String> {
    headers.get(SESSION).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
