//! In: one error of the validator. Out: one sentence for the model that wrote the call: where, what was expected, what came.
//! May touch: nothing.
//! Security boundary: no; values of the caller are quoted back to the caller, cut.

use crate::limits::QUOTED_BYTES_MAX;
use crate::names::is_identifier;
use crate::nearest::nearest;
use crate::text::{cut, literal, quoted};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

pub fn explain(error: &ValidationError<'_>, schema: &Value) -> String {
    let at = place(error.instance_path(), None);
    let got = || shown(error.instance());
    let must = |what: String| format!("{at} must {what}, got {}", got());
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let whole = place(error.instance_path(), Some(name));
            let kind = beside(error, schema).and_then(|owner| owner.get("properties")?.get(name)).and_then(kind_of);
            format!("{whole} is missing{}", kind.map(|kind| format!("; it is {kind}")).unwrap_or_default())
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known: Vec<&str> = match beside(error, schema).and_then(|owner| owner.get("properties")) {
                Some(Value::Object(properties)) => properties.keys().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            let each = unexpected.iter().map(|name| unknown(&place(error.instance_path(), Some(name)), name, &known));
            each.take(4).collect::<Vec<_>>().join("; ")
        }
        Kind::Type { kind } => match error.instance().as_ref() {
            Value::Null => format!("{at} must be {}, got null; leave it out instead", types(kind)),
            _ => must(format!("be {}", types(kind))),
        },
        Kind::Enum { options } => must(format!("be one of {}", options_of(options, error.instance()))),
        Kind::Constant { expected_value } => must(format!("be {}", shown(expected_value))),
        Kind::Minimum { limit } => must(format!("be at least {limit}")),
        Kind::Maximum { limit } => must(format!("be at most {limit}")),
        Kind::ExclusiveMinimum { limit } => must(format!("be more than {limit}")),
        Kind::ExclusiveMaximum { limit } => must(format!("be less than {limit}")),
        Kind::MinLength { limit } => must(format!("have at least {limit} characters")),
        Kind::MaxLength { limit } => must(format!("have at most {limit} characters")),
        Kind::MinItems { limit } => must(format!("have at least {limit} items")),
        Kind::MaxItems { limit } => must(format!("have at most {limit} items")),
        Kind::MinProperties { limit } => must(format!("have at least {limit} properties")),
        Kind::MaxProperties { limit } => must(format!("have at most {limit} properties")),
        Kind::MultipleOf { multiple_of } => must(format!("be a multiple of {multiple_of}")),
        Kind::Pattern { pattern } => must(format!("match the pattern {}", quoted(pattern))),
        Kind::UniqueItems => must("have no item twice".to_owned()),
        Kind::OneOfMultipleValid { .. } => {
            format!("{at} fits more than one of the forms that exclude each other; leave one of them out")
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => branches(error, context, schema, &at),
        Kind::FalseSchema => format!("{at} must not be there"),
        Kind::Not { .. } => format!("{at} has a form that is excluded, got {}", got()),
        other => format!("{at} does not meet `{}` of its schema, got {}", other.keyword(), got()),
    }
}

/// A value of the caller, short.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => literal(&cut(text, QUOTED_BYTES_MAX)),
        Value::Array(items) if items.is_empty() => "an empty array".to_owned(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(object) if object.is_empty() => "an empty object".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// Of a union, the branch that is meant: the one whose errors are only further inside, or the one with the fewest.
fn branches(error: &ValidationError<'_>, all: &[Vec<ValidationError<'static>>], schema: &Value, at: &str) -> String {
    let here = error.instance_path().as_str().len();
    let mistyped = |branch: &&Vec<ValidationError<'_>>| {
        let typed = |error: &&ValidationError<'_>| matches!(error.kind(), Kind::Type { .. });
        branch.iter().filter(typed).any(|error| error.instance_path().as_str().len() == here)
    };
    let meant: Vec<&Vec<ValidationError<'_>>> = all.iter().filter(|branch| !mistyped(branch)).collect();
    let closest = meant.iter().min_by_key(|branch| branch.len()).and_then(|branch| branch.first());
    if let (Some(inner), true) = (closest, meant.len() == 1 || all.len() == 1) {
        return explain(inner, schema);
    }
    let mut expected: Vec<String> = Vec::new();
    for inner in all.iter().filter_map(|branch| branch.first()) {
        let text = match inner.kind() {
            Kind::Type { kind } if inner.instance_path().as_str().len() == here => types(kind),
            Kind::Required { property } => {
                format!("an object with {}", quoted(property.as_str().unwrap_or_default()))
            }
            Kind::Constant { expected_value } => shown(expected_value),
            Kind::Enum { options } => format!("one of {}", options_of(options, error.instance())),
            _ => continue,
        };
        if !expected.contains(&text) && expected.len() < 6 {
            expected.push(text);
        }
    }
    match (expected.is_empty(), closest) {
        (true, Some(inner)) => explain(inner, schema),
        (true, None) => format!("{at} has none of the allowed forms, got {}", shown(error.instance())),
        (false, _) => format!("{at} must be {}, got {}", expected.join(", or "), shown(error.instance())),
    }
}

fn unknown(at: &str, name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("{at} is not known; there are no arguments");
    }
    let near = nearest(name, known.iter().copied(), 3);
    if near.is_empty() {
        let all: Vec<String> = known.iter().take(20).map(|name| quoted(name)).collect();
        let more = if known.len() > 20 { ", ..." } else { "" };
        return format!("{at} is not known; known: {}{more}", all.join(", "));
    }
    format!("{at} is not known; did you mean {}?", near.join(" or "))
}

/// `labels[0].name`; `the arguments` for the whole.
fn place(path: &Location, last: Option<&str>) -> String {
    let mut out = String::new();
    for segment in path.iter() {
        match segment {
            LocationSegment::Index(at) => out.push_str(&format!("[{at}]")),
            LocationSegment::Property(name) => push_name(&mut out, &name),
        }
    }
    last.into_iter().for_each(|name| push_name(&mut out, name));
    if out.is_empty() { "the object of arguments".to_owned() } else { out }
}

fn push_name(out: &mut String, name: &str) {
    if !is_identifier(name) {
        out.push_str(&format!("[{}]", literal(&quoted(name))));
        return;
    }
    if !out.is_empty() {
        out.push('.');
    }
    out.push_str(&quoted(name));
}

fn types(kind: &TypeKind) -> String {
    let words: Vec<&str> = match kind {
        TypeKind::Single(one) => vec![word(*one)],
        TypeKind::Multiple(set) => set.iter().map(word).collect(),
    };
    words.join(" or ")
}

fn word(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}

/// What a schema says its value is, where it says so simply.
fn kind_of(schema: &Value) -> Option<&'static str> {
    Some(match schema.get("type")?.as_str()? {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a string",
        "array" => "an array",
        "object" => "an object",
        _ => return None,
    })
}

/// The schema that the failing keyword stands in.
fn beside<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Option<&'a Value> {
    let pointer = error.schema_path().as_str();
    let (owner, _) = pointer.rsplit_once('/')?;
    // Through `$ref` the path goes on behind the place of the reference.
    let owner = owner.rsplit_once("/$ref").map_or(owner, |(_, _)| owner);
    schema.pointer(owner)
}

fn options_of(options: &Value, got: &Value) -> String {
    let all = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
    let near = nearest(got.as_str().unwrap_or_default(), texts.iter().copied(), 3);
    if all.len() > 12 && !near.is_empty() {
        let near: Vec<String> = near.into_iter().map(literal).collect();
        return format!("{} (and {} more)", near.join(", "), all.len().saturating_sub(near.len()));
    }
    let listed: Vec<String> = all.iter().take(12).map(shown).collect();
    let more = all.len().saturating_sub(12);
    if more > 0 { format!("{} (and {more} more)", listed.join(", ")) } else { listed.join(", ") }
}
