//! In: what the bridge said about tools. Out: HTTP responses of `/v1/tools`, `/v1/types` and `/mcp`.
//! May touch: nothing.
//! Security boundary: no.

use super::{Reply, json};
use crate::bridge::{ToolHit, ToolsFound};
use crate::run::ResponsePart;
use crate::serve::ReplyBody;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

#[derive(Serialize)]
struct ToolList<'a> {
    results: &'a [ToolHit],
    /// How many the tenant has.
    total: u32,
    truncated: bool,
}

/// `limit`: how many were asked for. Fewer are all that fit.
pub fn found_tools(found: &ToolsFound, limit: u32) -> Reply {
    let count = found.hits.len() as u64;
    let truncated = count >= u64::from(limit) && count < u64::from(found.tools);
    json(StatusCode::OK, &ToolList { results: &found.hits, total: found.tools, truncated })
}

pub fn types(text: &str) -> Reply {
    let mut reply = Response::new(ReplyBody::from(Bytes::from(text.to_owned())));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/typescript; charset=utf-8"));
    reply
}

/// A JSON-RPC message.
pub fn message((status, body): (StatusCode, Vec<u8>)) -> Reply {
    let mut reply = Response::new(ReplyBody::from(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// A notification, which has no answer.
pub fn accepted() -> Reply {
    let mut reply = Response::new(ReplyBody::from(Bytes::new()));
    *reply.status_mut() = StatusCode::ACCEPTED;
    reply
}

/// Messages as server-sent events.
pub fn events(parts: mpsc::Receiver<ResponsePart>) -> Reply {
    let mut reply = Response::new(ReplyBody::Parts(None, parts));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
