//! In: one JSON-RPC message over HTTP. Out: what it asks, in which version of the protocol; answers as messages.
//! May touch: nothing.
//! Security boundary: no; what it asks for is admitted elsewhere.

use super::tools::INSTRUCTIONS;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Of the stateless generation.
const STATELESS: &str = "2026-07-28";
/// Of the generation that begins with `initialize`, newest first.
const INITIALIZED: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

const VERSION_HEADER: &str = "mcp-protocol-version";
const META: &str = "_meta";
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// Methods that the stateless generation has no more.
const REMOVED: [&str; 2] = ["initialize", "ping"];

/// How a request is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Initialized,
    Stateless,
}

/// One message from a client.
#[derive(Debug, Deserialize)]
pub(crate) struct Incoming {
    #[serde(default)]
    jsonrpc: String,
    /// Absent: a notification, which is not answered.
    #[serde(default)]
    pub id: Option<Value>,
    #[serde(default)]
    pub method: String,
    #[serde(default)]
    pub params: Map<String, Value>,
}

/// Why a message is answered with an error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub code: i32,
    pub message: String,
    pub data: Option<Value>,
    /// In the stateless generation; the other one answers 200 where the message itself was read.
    pub status: StatusCode,
}

impl Failure {
    pub fn new(code: i32, status: StatusCode, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), data: None, status }
    }

    pub fn unreadable(message: impl Into<String>) -> Failure {
        Failure::new(-32700, StatusCode::BAD_REQUEST, message)
    }

    pub fn invalid_request(message: impl Into<String>) -> Failure {
        Failure::new(-32600, StatusCode::BAD_REQUEST, message)
    }

    pub fn invalid_params(message: impl Into<String>) -> Failure {
        Failure::new(-32602, StatusCode::OK, message)
    }

    pub fn no_method(method: &str) -> Failure {
        Failure::new(-32601, StatusCode::NOT_FOUND, format!("there is no method `{method}`"))
    }

    fn mismatch(message: impl Into<String>) -> Failure {
        Failure::new(-32020, StatusCode::BAD_REQUEST, message)
    }

    fn unsupported(requested: &str) -> Failure {
        let supported: Vec<&str> = [STATELESS].into_iter().chain(INITIALIZED).collect();
        let data = Some(json!({ "requested": requested, "supported": supported }));
        Failure { data, ..Failure::new(-32022, StatusCode::BAD_REQUEST, "Unsupported protocol version") }
    }
}

pub(crate) fn read(body: &[u8]) -> Result<Incoming, Failure> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Failure::unreadable(format!("not JSON: {error}")))?;
    if value.is_array() {
        return Err(Failure::invalid_request("batches are not part of the protocol any more; send one message"));
    }
    let message: Incoming = serde_json::from_value(value)
        .map_err(|error| Failure::invalid_request(format!("not a JSON-RPC message: {error}")))?;
    let id_fits = matches!(message.id, None | Some(Value::String(_) | Value::Number(_)));
    if message.jsonrpc != "2.0" || !id_fits {
        return Err(Failure::invalid_request("not a JSON-RPC 2.0 message with a string or a number as its `id`"));
    }
    Ok(message)
}

/// Which generation a message belongs to; headers that say something else than the message are a mistake, because
/// balancers act on them.
pub(crate) fn version_of(message: &Incoming, headers: &HeaderMap) -> Result<Version, Failure> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let meta = message.params.get(META).and_then(|meta| meta.get(META_VERSION)).and_then(Value::as_str);
    let stated = header(VERSION_HEADER);
    let stateless = meta.is_some() || stated == Some(STATELESS) || message.method == "server/discover";
    if !stateless {
        return match stated {
            Some(version) if !INITIALIZED.contains(&version) => Err(Failure::unsupported(version)),
            _ => Ok(Version::Initialized),
        };
    }
    if let (Some(meta), Some(stated)) = (meta, stated)
        && meta != stated
    {
        return Err(Failure::mismatch(format!("the header says version {stated}, the message {meta}")));
    }
    let version = meta.or(stated).unwrap_or(STATELESS);
    if version != STATELESS {
        return Err(Failure::unsupported(version));
    }
    let is_request = message.id.is_some();
    if REMOVED.contains(&message.method.as_str()) {
        return Err(Failure::no_method(&message.method));
    }
    let capabilities = message.params.get(META).and_then(|meta| meta.get(META_CAPABILITIES));
    let missing = match (meta, capabilities) {
        (None, _) => Some(META_VERSION),
        (_, capabilities) if !capabilities.is_some_and(Value::is_object) => Some(META_CAPABILITIES),
        _ => None,
    };
    if let Some(missing) = missing.filter(|_| is_request) {
        let text = format!("`params._meta` has no `{missing}`");
        return Err(Failure { status: StatusCode::BAD_REQUEST, ..Failure::invalid_params(text) });
    }
    let name = message.params.get("name").and_then(Value::as_str).filter(|_| message.method == "tools/call");
    for (header_name, expected) in [("mcp-method", Some(message.method.as_str())), ("mcp-name", name)] {
        match (header(header_name), expected) {
            (Some(given), Some(expected)) if given != expected => {
                return Err(Failure::mismatch(format!(
                    "the header {header_name} says `{given}`, the message `{expected}`"
                )));
            }
            (None, Some(_)) if is_request => {
                return Err(Failure::mismatch(format!("the header {header_name} is missing")));
            }
            _ => {}
        }
    }
    Ok(Version::Stateless)
}

#[derive(Serialize)]
struct Answered<'a> {
    jsonrpc: &'static str,
    id: &'a Value,
    result: &'a Value,
}

/// The message and its HTTP status. The stateless generation wants every result to say that it is one.
pub(crate) fn respond(version: Version, id: Option<&Value>, outcome: Result<Value, Failure>) -> (StatusCode, Vec<u8>) {
    let id = id.unwrap_or(&Value::Null);
    match outcome {
        Ok(mut result) => {
            if let (Version::Stateless, Some(fields)) = (version, result.as_object_mut()) {
                fields.insert("resultType".into(), "complete".into());
            }
            (StatusCode::OK, written(&Answered { jsonrpc: "2.0", id, result: &result }))
        }
        Err(failure) => {
            let mut error = json!({ "code": failure.code, "message": failure.message });
            if let (Some(data), Some(fields)) = (failure.data, error.as_object_mut()) {
                fields.insert("data".into(), data);
            }
            let in_band = version == Version::Initialized && failure.status == StatusCode::NOT_FOUND;
            let status = if in_band { StatusCode::OK } else { failure.status };
            (status, written(&json!({ "jsonrpc": "2.0", "id": id, "error": error })))
        }
    }
}

fn written(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

/// Answer to `initialize`: the version that was asked for where it is known.
pub(crate) fn initialized(params: &Map<String, Value>) -> Value {
    let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    let version = INITIALIZED.into_iter().find(|known| *known == asked).unwrap_or(INITIALIZED[0]);
    json!({
        "protocolVersion": version, "capabilities": { "tools": {} }, "serverInfo": server(), "instructions": INSTRUCTIONS,
    })
}

/// Answer to `server/discover`.
pub(crate) fn discovered() -> Value {
    let supported: Vec<&str> = [STATELESS].into_iter().chain(INITIALIZED).collect();
    json!({
        "supportedVersions": supported, "capabilities": { "tools": {} }, "instructions": INSTRUCTIONS,
        "ttlMs": 3_600_000, "cacheScope": "public", META: { META_SERVER: server() },
    })
}

fn server() -> Value {
    json!({ "name": "mayfly", "title": "Mayfly", "version": env!("CARGO_PKG_VERSION") })
}
