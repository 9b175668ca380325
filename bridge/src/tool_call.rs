//! In: a call of a tool, then the reply to it. Out: the request that performs it; its result, or why it failed.
//! May touch: nothing.
//! Security boundary: no; what comes out is only an ask, which goes through every room like a script's own fetch.

use crate::approvals::Held;
use crate::ask::{Body, Words};
use crate::failure::Failure;
use crate::messages::{Fetch, ToolCall};
use crate::redirect::Mode;
use crate::scrub::CleanHead;
use crate::toolbox::Toolbox;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use mayfly_catalogue::{Operation, prepare as prepare_http};
use mayfly_schemas::limits::TOOL_ERROR_BODY_BYTES_MAX;
use serde_json::Value;
use serde_json::value::RawValue;

/// What a tool gave.
pub enum Outcome {
    /// Empty for nothing at all.
    Json(String),
    Bytes(Bytes),
    /// Nothing was sent: somebody has to say yes first.
    Held(Held),
}

pub fn prepare(toolbox: &Toolbox, asked: &ToolCall) -> Result<Fetch, Failure> {
    let catalogue = toolbox.catalogue();
    let tool = catalogue.find(&asked.tool).map_err(|unknown| Failure::tool(unknown.to_string()))?;
    let args: Value = serde_json::from_str(&asked.args).map_err(|_| Failure::usage("the arguments are no JSON"))?;
    let Operation::Http(_) = &tool.operation else {
        return Err(Failure::tool(format!("{}: is performed by an MCP server", asked.tool)));
    };
    let request = prepare_http(tool, &args).map_err(|error| Failure::tool(error.to_string()))?;
    let headers = request.headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    let body = Body::Whole(request.body.map_or_else(Bytes::new, Bytes::from));
    Ok(Fetch {
        words: Words { method: request.method, url: request.url.to_string(), headers, body },
        mode: Mode::Follow,
        call_ms: asked.call_ms,
        response_bytes: asked.response_bytes,
        stream: false,
        grant: toolbox.grant(tool).cloned(),
        hold: toolbox.needs_approval(&tool.path),
        approved: asked.approved,
        idempotent: tool.hints.idempotent || tool.hints.read_only,
        durable: asked.durable,
        again: asked.again,
    })
}

pub fn read(tool: &str, head: &CleanHead, body: &[u8]) -> Result<Outcome, Failure> {
    if !(200..300).contains(&head.status) {
        return Err(refused(tool, head, body));
    }
    let essence = essence(head);
    if body.is_empty() {
        return Ok(Outcome::Json(String::new()));
    }
    if is_json(&essence) {
        let text = std::str::from_utf8(body).ok().filter(|text| serde_json::from_str::<&RawValue>(text).is_ok());
        let wrong = || Failure::tool(format!("{tool}: the reply says that it is JSON, and is not"));
        return text.map(|text| Outcome::Json(text.to_owned())).ok_or_else(wrong);
    }
    let text = if is_text(&essence) { std::str::from_utf8(body).ok() } else { None };
    Ok(match text {
        Some(text) => Outcome::Json(Value::from(text).to_string()),
        None => Outcome::Bytes(Bytes::copy_from_slice(body)),
    })
}

fn refused(tool: &str, head: &CleanHead, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let whole = text.len() <= TOOL_ERROR_BODY_BYTES_MAX;
    let said = match serde_json::from_str::<&RawValue>(&text) {
        Ok(_) if whole => text.into_owned(),
        _ if text.is_empty() => String::new(),
        _ => {
            let end = text.floor_char_boundary(TOOL_ERROR_BODY_BYTES_MAX);
            Value::from(text.get(..end).unwrap_or_default()).to_string()
        }
    };
    let reason = if head.status_text.is_empty() { String::new() } else { format!(" {}", head.status_text) };
    let text = format!("{tool}: the service answered {}{reason}; `body` of this error is what it said", head.status);
    Failure { status: head.status, body: said, ..Failure::tool(text) }
}

fn essence(head: &CleanHead) -> String {
    let value = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

/// What says nothing of itself is text where it can be.
fn is_text(essence: &str) -> bool {
    let forms =
        ["application/xml", "application/javascript", "application/x-www-form-urlencoded", "application/x-ndjson"];
    essence.is_empty() || essence.starts_with("text/") || essence.ends_with("+xml") || forms.contains(&essence)
}
