//! In: a tool that is an HTTP operation, and arguments. Out: the request, without any credential.
//! May touch: nothing.
//! Security boundary: yes; arguments are a guest's. They choose values, never the method, the host, the number of path
//! segments, the names of headers or a second query parameter.

mod body;
mod style;
mod url;

use crate::limits::REQUEST_BODY_BYTES_MAX;
use crate::tool::{HttpOperation, Operation, Place, Tool};
use crate::validate::{ArgumentError, check};
use ::url::Url;
use serde_json::{Map, Value};

/// A request as the bridge sends it, after its rules have been asked and a credential has been added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Upper case.
    pub method: String,
    pub url: Url,
    /// Names in the case of the description; no `authorization`, `host` or `content-length`.
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// Checks the arguments and makes the request of them. `null` is no arguments.
pub fn prepare(tool: &Tool, args: &Value) -> Result<HttpRequest, ArgumentError> {
    let none = Value::Object(Map::new());
    let args = if args.is_null() { &none } else { args };
    check(tool, args)?;
    let Operation::Http(operation) = &tool.operation else {
        return Err(ArgumentError::new(tool, "is performed by its MCP server, not over HTTP"));
    };
    let empty = Map::new();
    let args = args.as_object().unwrap_or(&empty);
    request(operation, args).map_err(|problem| ArgumentError::new(tool, problem))
}

fn request(operation: &HttpOperation, args: &Map<String, Value>) -> Result<HttpRequest, String> {
    let url = url::url(operation, args)?;
    let mut headers = vec![("accept".to_owned(), operation.accept.to_string())];
    let mut cookies = Vec::new();
    for parameter in &operation.parameters {
        let Some(value) = args.get(&*parameter.argument).filter(|value| !value.is_null()) else { continue };
        match parameter.place {
            Place::Header => {
                headers.push((
                    parameter.wire.to_string(),
                    header_value(&parameter.argument, &style::plain(parameter, value))?,
                ));
            }
            Place::Cookie => cookies.extend(style::pairs(parameter, value)),
            Place::Path | Place::Query => {}
        }
    }
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    let made = operation.body.as_ref().map(|body| body::body(body, args)).transpose()?.flatten();
    let body = made.map(|(content_type, bytes)| {
        headers.push(("content-type".to_owned(), content_type));
        bytes
    });
    if let Some(bytes) = body.as_ref().filter(|bytes| bytes.len() > REQUEST_BODY_BYTES_MAX) {
        return Err(format!("the request's body has {} bytes; the limit is {REQUEST_BODY_BYTES_MAX}", bytes.len()));
    }
    Ok(HttpRequest { method: operation.method.to_string(), url, headers, body })
}

/// Visible ASCII, blanks and tabs: a line break would begin another header.
fn header_value(argument: &str, text: &str) -> Result<String, String> {
    match text.chars().find(|letter| !matches!(letter, '\t' | ' '..='~')) {
        None => Ok(text.to_owned()),
        Some(letter) if letter.is_control() => {
            Err(format!("{argument} goes into a header and must have no line breaks"))
        }
        Some(_) => Err(format!("{argument} goes into a header and must be ASCII text")),
    }
}
