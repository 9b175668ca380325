//! In: a parameter and its value. Out: its text in the request (OpenAPI 3.1, 4.8.12.2.2 and 4.8.12.4).
//! May touch: nothing.
//! Security boundary: yes; everything but letters, digits and `-._~` is percent-encoded, unless the description says
//! otherwise, and then still what separates one parameter from the next.

use crate::tool::{Parameter, Place, Style};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Not encoded: RFC 3986, 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// `allowReserved`: without `&`, `=`, `#`, `+`, `%` and brackets.
const RESERVED: &AsciiSet = &UNRESERVED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// A value as text: strings as they are, anything with structure as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// For a path: `simple`, `label` or `matrix`, encoded.
pub fn path(parameter: &Parameter, value: &Value) -> String {
    let name = encoded(&parameter.wire);
    let one = |value: &Value| encoded(&text(value));
    let (before, between) = match parameter.style {
        Style::Label => (".", if parameter.explode { "." } else { "," }),
        Style::Matrix => (";", if parameter.explode { ";" } else { "," }),
        _ => ("", ","),
    };
    let matrix = parameter.style == Style::Matrix;
    // A matrix that is not exploded is named once, before its values; an exploded one at each of them.
    let named = |text: String| if matrix { format!("{name}={text}") } else { text };
    let joined = match value {
        Value::Array(items) if parameter.explode => {
            items.iter().map(|item| named(one(item))).collect::<Vec<_>>().join(between)
        }
        Value::Array(items) => named(items.iter().map(one).collect::<Vec<_>>().join(between)),
        Value::Object(object) if parameter.explode => {
            let pair = |(key, value): (&String, &Value)| format!("{}={}", encoded(key), one(value));
            object.iter().map(pair).collect::<Vec<_>>().join(between)
        }
        Value::Object(object) => {
            let pair = |(key, value): (&String, &Value)| format!("{},{}", encoded(key), one(value));
            named(object.iter().map(pair).collect::<Vec<_>>().join(between))
        }
        one_value => named(one(one_value)),
    };
    format!("{before}{joined}")
}

/// For a header: not encoded.
pub fn plain(parameter: &Parameter, value: &Value) -> String {
    let between = if parameter.explode { "=" } else { "," };
    match value {
        _ if parameter.style == Style::Json => value.to_string(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        Value::Object(object) => {
            let pair = |(key, value): (&String, &Value)| format!("{key}{between}{}", text(value));
            object.iter().map(pair).collect::<Vec<_>>().join(",")
        }
        one => text(one),
    }
}

/// For a query or cookies: `name=value` pairs, encoded. None for an empty array.
pub fn pairs(parameter: &Parameter, value: &Value) -> Vec<String> {
    let name = encoded(&parameter.wire);
    let reserved = parameter.allow_reserved && parameter.place == Place::Query;
    let one =
        |value: &Value| utf8_percent_encode(&text(value), if reserved { RESERVED } else { UNRESERVED }).to_string();
    let delimiter = match parameter.style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    match value {
        _ if parameter.style == Style::Json => vec![format!("{name}={}", encoded(&value.to_string()))],
        Value::Array(items) if items.is_empty() => Vec::new(),
        Value::Array(_) | Value::Object(_) if parameter.style == Style::DeepObject => {
            brackets(&parameter.wire, value, true)
        }
        Value::Array(items) if parameter.explode => items.iter().map(|item| format!("{name}={}", one(item))).collect(),
        Value::Array(items) => vec![format!("{name}={}", items.iter().map(one).collect::<Vec<_>>().join(delimiter))],
        Value::Object(object) if parameter.explode && parameter.style == Style::Form => {
            object.iter().map(|(key, value)| format!("{}={}", encoded(key), one(value))).collect()
        }
        Value::Object(object) => {
            let flat = object.iter().map(|(key, value)| format!("{}{delimiter}{}", encoded(key), one(value)));
            vec![format!("{name}={}", flat.collect::<Vec<_>>().join(delimiter))]
        }
        single => vec![format!("{name}={}", one(single))],
    }
}

/// `name[key][0]=value` for whatever is inside; an array of the first level is `name=a&name=b` unless it is `deep`.
pub fn brackets(name: &str, value: &Value, deep: bool) -> Vec<String> {
    let mut pairs = Vec::new();
    let mut waiting = vec![(name.to_owned(), value, deep)];
    while let Some((name, value, deep)) = waiting.pop() {
        match value {
            Value::Null => {}
            Value::Object(object) => {
                waiting.extend(object.iter().rev().map(|(key, value)| (format!("{name}[{key}]"), value, true)));
            }
            Value::Array(items) => {
                let inner = |at: usize| if deep { format!("{name}[{at}]") } else { name.clone() };
                waiting.extend(items.iter().enumerate().rev().map(|(at, item)| (inner(at), item, true)));
            }
            one => pairs.push(format!("{}={}", encoded(&name), encoded(&text(one)))),
        }
    }
    pairs
}
