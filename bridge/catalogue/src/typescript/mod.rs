//! In: schemas. Out: types of TypeScript.
//! May touch: nothing.
//! Security boundary: yes; every text of a third party goes through `text.rs`, every name is an identifier or a literal.

mod object;

use crate::definitions::{Definitions, PREFIX};
use crate::limits::ENUM_VALUES_MAX;
use crate::text::{comment, fits_literal, literal};
use serde_json::{Map, Value};

pub use object::property_name;

/// Which way values of a type go: what is only read is no argument, what is only written no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    Input,
    Output,
}

/// Writes types, and keeps the shared ones that it named.
pub struct Writer<'a> {
    definitions: &'a Definitions,
    /// `github.` outside the namespace of the source, nothing inside.
    qualifier: String,
    pub direction: Direction,
    /// On one line and without comments, for signatures.
    pub compact: bool,
    /// Without comments on properties.
    pub bare: bool,
    pub named: Vec<(&'a str, Direction)>,
}

impl<'a> Writer<'a> {
    pub fn new(definitions: &'a Definitions, qualifier: &str, direction: Direction) -> Writer<'a> {
        let (qualifier, named) = (qualifier.to_owned(), Vec::new());
        Writer { definitions, qualifier, direction, compact: false, bare: false, named }
    }

    /// A type; its first line is not indented, the others by `indent` levels more than what is around it.
    pub fn type_of(&mut self, schema: &Value, indent: usize) -> String {
        let Value::Object(schema) = schema else {
            return if schema == &Value::Bool(false) { "never" } else { "unknown" }.to_owned();
        };
        let mut all = Vec::new();
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix(PREFIX)) {
            all.push(self.shared(name));
        }
        let combined = ["$ref", "anyOf", "oneOf", "allOf"].iter().any(|keyword| schema.contains_key(*keyword));
        if let Some(value) = schema.get("const") {
            all.push(value_type(value, 0));
        } else if let Some(Value::Array(values)) = schema.get("enum") {
            all.push(enumeration(values));
        } else {
            all.push(self.own(schema, combined, indent));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = schema.get(keyword) {
                all.push(union(branches.iter().map(|branch| self.type_of(branch, indent)).collect()));
            }
        }
        if let Some(Value::Array(parts)) = schema.get("allOf") {
            all.extend(parts.iter().map(|part| self.type_of(part, indent)));
        }
        intersection(all)
    }

    /// What `type` and the keywords of that type say; `unknown` when they say nothing.
    fn own(&mut self, schema: &Map<String, Value>, combined: bool, indent: usize) -> String {
        let has = |keywords: &[&str]| keywords.iter().any(|keyword| schema.contains_key(*keyword));
        let shaped = has(&["properties", "patternProperties", "additionalProperties"]);
        let names: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ if shaped => vec!["object"],
            _ if has(&["items", "prefixItems"]) => vec!["array"],
            _ => return "unknown".to_owned(),
        };
        let each = names.into_iter().map(|name| match name {
            "object" if combined && !shaped => "unknown".to_owned(),
            "object" => self.object(schema, indent),
            "array" => self.array(schema, indent),
            "integer" | "number" => "number".to_owned(),
            "string" | "boolean" | "null" => name.to_owned(),
            _ => "unknown".to_owned(),
        });
        union(each.collect())
    }

    fn array(&mut self, schema: &Map<String, Value>, indent: usize) -> String {
        let rest = schema.get("items").map(|items| self.type_of(items, indent));
        let Some(Value::Array(first)) = schema.get("prefixItems") else {
            return format!("{}[]", grouped(&rest.unwrap_or_else(|| "unknown".to_owned())));
        };
        let needed =
            schema.get("minItems").and_then(Value::as_u64).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let mut items: Vec<String> = Vec::new();
        for (at, item) in first.iter().enumerate() {
            let item = self.type_of(item, indent);
            let optional = needed.is_some_and(|needed| at >= needed);
            items.push(if optional { format!("{}?", grouped(&item)) } else { item });
        }
        if let Some(rest) = rest.filter(|rest| rest != "never") {
            items.push(format!("...{}[]", grouped(&rest)));
        }
        format!("[{}]", items.join(", "))
    }

    fn shared(&mut self, name: &str) -> String {
        let Some(definition) = self.definitions.find(name) else { return "unknown".to_owned() };
        let direction = if definition.input_name.is_some() { self.direction } else { Direction::Output };
        if !self.named.contains(&(&*definition.name, direction)) {
            self.named.push((&definition.name, direction));
        }
        let input_name = definition.input_name.as_ref().filter(|_| direction == Direction::Input);
        format!("{}{}", self.qualifier, input_name.unwrap_or(&definition.name))
    }
}

/// Whether a type is one object type and nothing beside it: then it can be an interface.
pub fn is_object(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}') && !is_union(text) && !has_outside(text, " & ")
}

/// `/** ... */` with what a schema says about itself beyond its type, or nothing.
pub fn doc(schema: &Value, bytes_max: usize) -> Option<String> {
    let schema = schema.as_object()?;
    let mut said = Vec::new();
    said.extend(schema.get("description").and_then(Value::as_str).map(|text| comment(text, bytes_max)));
    if let Some(default) = schema.get("default").filter(|value| !value.is_null()) {
        said.push(format!("@default {}", comment(&default.to_string(), bytes_max)));
    }
    if let Some(format) = schema.get("format").and_then(Value::as_str).filter(|format| !QUIET.contains(format)) {
        said.push(format!("@format {}", comment(format, bytes_max)));
    }
    for keyword in ["minimum", "maximum"] {
        said.extend(schema.get(keyword).map(|limit| format!("@{keyword} {limit}")));
    }
    said.extend(schema.get("deprecated").map(|_| "@deprecated".to_owned()));
    said.retain(|text| !text.is_empty());
    (!said.is_empty()).then(|| format!("/** {} */", said.join(" ")))
}

/// Formats that a type says already, or that nobody can act upon.
const QUIET: [&str; 6] = ["int32", "int64", "float", "double", "string", "binary"];

fn enumeration(values: &[Value]) -> String {
    let mut listed: Vec<String> = values.iter().take(ENUM_VALUES_MAX).map(|value| value_type(value, 0)).collect();
    let more = values.len().saturating_sub(ENUM_VALUES_MAX);
    if more > 0 {
        let rest = values.iter().skip(ENUM_VALUES_MAX);
        let kind = union(rest.take(ENUM_VALUES_MAX).map(kind_of).collect());
        listed.push(format!("{kind} /* {more} more values */"));
    }
    union(listed)
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
        _ => "unknown",
    }
    .to_owned()
}

/// The type that has this value alone.
fn value_type(value: &Value, depth: usize) -> String {
    match value {
        Value::String(text) if fits_literal(text) => literal(text),
        Value::Array(items) if depth < 4 && items.len() <= ENUM_VALUES_MAX => {
            format!("[{}]", items.iter().map(|item| value_type(item, depth + 1)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(object) if depth < 4 && object.len() <= ENUM_VALUES_MAX => {
            let pair =
                |(name, value): (&String, &Value)| format!("{}: {}", property_name(name), value_type(value, depth + 1));
            format!("{{ {} }}", object.iter().map(pair).collect::<Vec<_>>().join("; "))
        }
        Value::Array(_) | Value::Object(_) => "unknown".to_owned(),
        Value::String(_) => "string".to_owned(),
        other => other.to_string(),
    }
}

fn union(all: Vec<String>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in all {
        if part == "unknown" {
            return part;
        }
        if part != "never" && !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.is_empty() { "never".to_owned() } else { parts.join(" | ") }
}

fn intersection(all: Vec<String>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in all {
        if part == "never" {
            return part;
        }
        if part != "unknown" && !parts.contains(&part) {
            parts.push(part);
        }
    }
    match parts.as_slice() {
        [] => "unknown".to_owned(),
        [one] => one.clone(),
        many => many
            .iter()
            .map(|part| if is_union(part) { format!("({part})") } else { part.clone() })
            .collect::<Vec<_>>()
            .join(" & "),
    }
}

/// In parentheses where `[]` or `?` would bind to its last part alone.
fn grouped(text: &str) -> String {
    if is_union(text) || has_outside(text, " & ") || text.ends_with("*/") {
        format!("({text})")
    } else {
        text.to_owned()
    }
}

fn is_union(text: &str) -> bool {
    has_outside(text, " | ")
}

/// Whether `operator` stands in `text` outside of brackets, strings and comments.
fn has_outside(text: &str, operator: &str) -> bool {
    let (mut depth, mut at) = (0i32, 0);
    let (mut in_string, mut in_comment) = (false, false);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let here = bytes.get(at..).unwrap_or_default();
        if in_comment {
            in_comment = !here.starts_with(b"*/");
        } else if in_string {
            match byte {
                b'\\' => at += 1,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'/' if here.starts_with(b"/*") => in_comment = true,
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' => depth -= 1,
                _ if depth == 0 && here.starts_with(operator.as_bytes()) => return true,
                _ => {}
            }
        }
        at += 1;
    }
    false
}
