//! In: an HTTP operation and arguments. Out: the URL.
//! May touch: nothing.
//! Security boundary: yes; the URL is parsed again at the end, and must be what was put together.

use super::style::{encoded, pairs, path, text};
use crate::limits::URL_BYTES_MAX;
use crate::template;
use crate::tool::{HttpOperation, Parameter, Place};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

pub fn url(operation: &HttpOperation, args: &Map<String, Value>) -> Result<Url, String> {
    let mut problem = None;
    let filled = template::filled(&operation.path, |wire| {
        segment(operation, wire, args).unwrap_or_else(|why| {
            problem.get_or_insert(why);
            String::new()
        })
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    let place = format!("{}{filled}", operation.base);
    let mut query: Vec<String> = Vec::new();
    query.extend((!operation.query.is_empty()).then(|| operation.query.to_string()));
    for parameter in operation.parameters.iter().filter(|parameter| parameter.place == Place::Query) {
        if let Some(value) = args.get(&*parameter.argument).filter(|value| !value.is_null()) {
            query.extend(pairs(parameter, value));
        }
    }
    let query = query.join("&");
    let whole = if query.is_empty() { place.clone() } else { format!("{place}?{query}") };
    if whole.len() > URL_BYTES_MAX {
        return Err(format!("the URL of this call would have {} bytes; the limit is {URL_BYTES_MAX}", whole.len()));
    }
    let url = Url::parse(&whole).map_err(|error| format!("these arguments make no URL: {error}"))?;
    let same_place = url.as_str().split('?').next() == Some(&place);
    if !same_place || url.fragment().is_some() {
        return Err("an argument would change the path of the request: `.` and `..` are no values there".to_owned());
    }
    Ok(url)
}

fn segment(operation: &HttpOperation, wire: &str, args: &Map<String, Value>) -> Result<String, String> {
    let is_it = |parameter: &&Parameter| parameter.place == Place::Path && &*parameter.wire == wire;
    let parameter = operation.parameters.iter().find(is_it).ok_or("an argument of the path is missing")?;
    let name = &parameter.argument;
    let value = args.get(&**name).filter(|value| !value.is_null());
    let value = value.ok_or_else(|| format!("{name} is missing; it is a part of the path"))?;
    let empty = match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    };
    if empty {
        return Err(format!("{name} must not be empty; it is a part of the path"));
    }
    if !parameter.allow_reserved {
        let segment = path(parameter, value);
        // An encoded slash is no slash to us; to a server that decodes first, `..%2F..` climbs.
        let plain = percent_decode_str(&segment).decode_utf8_lossy();
        return if plain.split(['/', '\\']).any(is_dots) { Err(dots(name)) } else { Ok(segment) };
    }
    let text = text(value);
    let segments: Vec<&str> = text.strip_prefix('/').unwrap_or(&text).split('/').collect();
    if segments.iter().any(|segment| segment.is_empty() || is_dots(segment)) {
        return Err(dots(name));
    }
    Ok(segments.into_iter().map(encoded).collect::<Vec<_>>().join("/"))
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

fn dots(name: &str) -> String {
    format!("{name} is a part of the path and must not be `.`, `..` or have empty parts")
}
