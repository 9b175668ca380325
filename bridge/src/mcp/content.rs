//! In: what an MCP server answered to a call. Out: the value that a script gets, or the error.
//! May touch: nothing.
//! Security boundary: no; `call.rs` has the value searched for credentials.
//!
//! `structuredContent` first. Else the content: texts, joined by line ends, as JSON where that is an object or an array, or
//! anything where the tool declares what it gives, and as text otherwise; one image, sound or blob as its bytes; one link or
//! text of a resource as its object; several of different kinds as the list of them, as the server wrote it.

use crate::failure::Failure;
use crate::tool_call::Outcome;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use mayfly_catalogue::Tool;
use mayfly_schemas::limits::TOOL_ERROR_BODY_BYTES_MAX;
use serde_json::Value;

pub fn outcome(tool: &Tool, result: &Value) -> Result<Outcome, Failure> {
    let none = Vec::new();
    let content = result.get("content").and_then(Value::as_array).unwrap_or(&none);
    let structured = result.get("structuredContent").filter(|value| !value.is_null());
    if result.get("isError").and_then(Value::as_bool) == Some(true) {
        return Err(error(tool, content, structured));
    }
    if let Some(value) = structured {
        return Ok(Outcome::Json(value.to_string()));
    }
    if let Some(texts) = texts(content) {
        return Ok(Outcome::Json(text(tool, texts)));
    }
    match content.as_slice() {
        [one] => single(tool, one),
        several => Ok(Outcome::Json(Value::from(several.to_vec()).to_string())),
    }
}

/// All of it, when all of it is text. Nothing at all is `undefined`.
fn texts(content: &[Value]) -> Option<Option<String>> {
    let texts: Option<Vec<&str>> =
        content.iter().map(|part| (kind(part) == "text").then(|| field(part, "text"))).collect();
    texts.map(|texts| (!texts.is_empty()).then(|| texts.join("\n")))
}

fn text(tool: &Tool, text: Option<String>) -> String {
    let Some(text) = text else { return String::new() };
    let any = || tool.output_schema().is_some();
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if value.is_object() || value.is_array() || any() => value.to_string(),
        _ => Value::from(text).to_string(),
    }
}

fn single(tool: &Tool, part: &Value) -> Result<Outcome, Failure> {
    match kind(part) {
        "image" | "audio" => bytes(tool, part, "data"),
        "resource" => match part.get("resource") {
            Some(resource) if resource.get("blob").is_some() => bytes(tool, resource, "blob"),
            Some(resource) => Ok(Outcome::Json(resource.to_string())),
            None => Ok(Outcome::Json(part.to_string())),
        },
        _ => Ok(Outcome::Json(part.to_string())),
    }
}

fn bytes(tool: &Tool, part: &Value, key: &str) -> Result<Outcome, Failure> {
    let decoded = BASE64_STANDARD.decode(field(part, key));
    let wrong = |_| Failure::tool(format!("{}: the server sent bytes that are not in base64", tool.path));
    decoded.map(|bytes| Outcome::Bytes(Bytes::from(bytes))).map_err(wrong)
}

/// The server's own words are the message, so that a script that catches it can show it to its model.
fn error(tool: &Tool, content: &[Value], structured: Option<&Value>) -> Failure {
    let said: Vec<&str> = content.iter().map(|part| field(part, "text")).filter(|text| !text.is_empty()).collect();
    let said = said.join("\n");
    let message = match said.is_empty() {
        true => format!("{}: the tool failed and did not say why", tool.path),
        false => cut(&said).to_owned(),
    };
    let body = structured.map_or_else(String::new, Value::to_string);
    let body = if body.len() <= TOOL_ERROR_BODY_BYTES_MAX { body } else { String::new() };
    Failure { body, ..Failure::tool(message) }
}

/// What somebody said, as `body` of an error: JSON as it is, text as a string, too much of it not at all.
pub fn as_json(text: &str) -> String {
    match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        _ if text.is_empty() => String::new(),
        Ok(_) if text.len() <= TOOL_ERROR_BODY_BYTES_MAX => text.to_owned(),
        _ => Value::from(cut(text)).to_string(),
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TOOL_ERROR_BODY_BYTES_MAX)).unwrap_or_default()
}

fn kind(part: &Value) -> &str {
    field(part, "type")
}

fn field<'a>(part: &'a Value, key: &str) -> &'a str {
    part.get(key).and_then(Value::as_str).unwrap_or_default()
}
