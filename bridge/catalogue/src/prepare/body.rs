//! In: how an operation wants its body, and arguments. Out: the body and its content type.
//! May touch: nothing; the boundary of multipart bodies comes from their content, so that the same call is the same bytes.
//! Security boundary: yes; names and file names of parts are quoted, and no part can end itself.

use super::style::{brackets, text};
use crate::tool::{Body, BodyFields, Content};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::hash::{DefaultHasher, Hash, Hasher};

/// `None` where no argument of the body was given and none is needed.
pub fn body(body: &Body, args: &Map<String, Value>) -> Result<Option<(String, Vec<u8>)>, String> {
    let value = match &body.fields {
        BodyFields::Whole(name) => match args.get(&**name) {
            Some(value) => value.clone(),
            None => return Ok(None),
        },
        BodyFields::Flat(names) => {
            let given = names.iter().filter_map(|name| Some((name.to_string(), args.get(&**name)?.clone())));
            let object: Map<String, Value> = given.collect();
            if object.is_empty() && !body.required {
                return Ok(None);
            }
            Value::Object(object)
        }
    };
    let content_type = body.content_type.to_string();
    Ok(Some(match body.content {
        Content::Json => (content_type, value.to_string().into_bytes()),
        Content::FormUrlencoded => (content_type, form(body, &value).into_bytes()),
        Content::Multipart => multipart(&value)?,
        Content::Text => (content_type, text(&value).into_bytes()),
        Content::Binary => (content_type, bytes("body", &value)?),
    }))
}

fn form(body: &Body, value: &Value) -> String {
    let is_deep = |name: &str| body.deep.iter().any(|deep| &**deep == name);
    let fields = value.as_object().into_iter().flatten();
    fields.flat_map(|(name, value)| brackets(name, value, is_deep(name))).collect::<Vec<_>>().join("&")
}

struct Part {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    bytes: Vec<u8>,
}

fn multipart(value: &Value) -> Result<(String, Vec<u8>), String> {
    let mut parts = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(items) => items.iter().try_for_each(|item| part(name, item).map(|part| parts.push(part)))?,
            one => parts.push(part(name, one)?),
        }
    }
    let boundary = boundary(&parts);
    let mut out = Vec::new();
    for part in &parts {
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", in_quotes(&part.name));
        if let Some(filename) = &part.filename {
            head.push_str(&format!("; filename=\"{}\"", in_quotes(filename)));
        }
        if let Some(content_type) = &part.content_type {
            head.push_str(&format!("\r\ncontent-type: {content_type}"));
        }
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&part.bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), out))
}

fn part(name: &str, value: &Value) -> Result<Part, String> {
    let (name, member) = (name.to_owned(), |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned));
    if member("base64").is_some() {
        let content_type = member("type").unwrap_or_else(|| "application/octet-stream".to_owned());
        if !content_type.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(format!("{name}.type must be a media type such as image/png"));
        }
        let filename = member("filename").unwrap_or_else(|| "file".to_owned());
        let bytes = bytes(&name, value)?;
        return Ok(Part { name, filename: Some(filename), content_type: Some(content_type), bytes });
    }
    let content_type = (value.is_object() || value.is_array()).then(|| "application/json".to_owned());
    Ok(Part { name, filename: None, content_type, bytes: text(value).into_bytes() })
}

/// A string is its UTF-8, `{base64}` the bytes it stands for.
fn bytes(name: &str, value: &Value) -> Result<Vec<u8>, String> {
    match value.get("base64").and_then(Value::as_str) {
        Some(text) => STANDARD.decode(text).map_err(|error| format!("{name}.base64 is not base64: {error}")),
        None => Ok(text(value).into_bytes()),
    }
}

/// As browsers do (HTML, multipart/form-data encoding algorithm).
fn in_quotes(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// One that stands in no part.
fn boundary(parts: &[Part]) -> String {
    let mut hasher = DefaultHasher::new();
    parts.iter().for_each(|part| (&part.name, &part.filename, &part.bytes).hash(&mut hasher));
    loop {
        let boundary = format!("mayfly-{:016x}", hasher.finish());
        let holds = |part: &Part| part.bytes.windows(boundary.len()).any(|window| window == boundary.as_bytes());
        if !parts.iter().any(holds) {
            return boundary;
        }
        1u8.hash(&mut hasher);
    }
}
