//! In: arguments that do not hold against a schema. Out: a sentence for each problem, for the model that wrote the call:
//! where it is, what was expected, what came.
//! May touch: nothing.
//! Security boundary: no; values of the caller are quoted back to the caller, cut.

use crate::definitions::Definitions;
use crate::limits::{EXPLANATION_STEPS_MAX, PROBLEMS_MAX, QUOTED_BYTES_MAX};
use crate::names::is_identifier;
use crate::nearest::nearest;
use crate::text::{cut, literal, quoted};
use crate::validate::definition_validator;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;
use std::sync::Arc;

pub struct Explanation<'a> {
    definitions: &'a Arc<Definitions>,
    /// What the whole value is called.
    whole: &'static str,
    steps: usize,
}

/// Something that does not hold.
struct Problem {
    text: String,
    /// `labels[0].name`; empty for the whole.
    at: String,
    /// What would have held there: `a string`, `an object with kind`.
    expected: Option<String>,
    kind: Rank,
}

/// What is told first. Of a name that is not known and one that is missing, the first is mostly the second, misspelt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Unknown,
    Other,
    Mistyped,
}

impl<'a> Explanation<'a> {
    pub fn new(definitions: &'a Arc<Definitions>, whole: &'static str) -> Explanation<'a> {
        Explanation { definitions, whole, steps: 0 }
    }

    fn named(&self, at: &str) -> String {
        if at.is_empty() { self.whole.to_owned() } else { at.to_owned() }
    }

    pub fn of(mut self, validator: &jsonschema::Validator, schema: &Value, args: &Value) -> Vec<String> {
        let mut problems = self.all(validator, schema, args, "");
        problems.sort_by_key(|problem| problem.kind != Rank::Unknown);
        let mut texts: Vec<String> = Vec::new();
        for problem in problems {
            if !texts.contains(&problem.text) {
                texts.push(problem.text);
            }
        }
        texts
    }

    fn all(&mut self, validator: &jsonschema::Validator, schema: &Value, value: &Value, before: &str) -> Vec<Problem> {
        let errors = validator.iter_errors(value).take(PROBLEMS_MAX * 20);
        errors.flat_map(|error| self.one(&error, schema, before)).collect()
    }

    fn one(&mut self, error: &ValidationError<'_>, schema: &Value, before: &str) -> Vec<Problem> {
        self.steps += 1;
        let at = place(before, error.instance_path());
        if self.steps > EXPLANATION_STEPS_MAX {
            return vec![problem(format!("{} does not fit", self.named(&at)), at, None, Rank::Other)];
        }
        match error.kind() {
            // A shared schema: its errors are told as if it stood here.
            Kind::Custom { message, .. } => {
                let definitions = self.definitions;
                let found = definition_validator(definitions, message).zip(definitions.find(message));
                found.map_or_else(Vec::new, |(validator, definition)| {
                    self.all(validator, &definition.schema(), error.instance(), &at)
                })
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                let branches = context.iter().map(|branch| {
                    branch.iter().flat_map(|inner| self.one(inner, schema, before)).collect::<Vec<Problem>>()
                });
                let branches = branches.collect();
                chosen(branches, &at, &self.named(&at), error.instance())
            }
            Kind::AdditionalProperties { unexpected } => {
                let known: Vec<&str> = match beside(error, schema).and_then(|owner| owner.get("properties")) {
                    Some(Value::Object(properties)) => properties.keys().map(String::as_str).collect(),
                    _ => Vec::new(),
                };
                let each = unexpected.iter().take(PROBLEMS_MAX).map(|name| {
                    let at = inside(&at, name);
                    problem(unknown(&at, name, &known), at, None, Rank::Unknown)
                });
                each.collect()
            }
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let kind = beside(error, schema).and_then(|owner| owner.get("properties")?.get(name)).and_then(kind_of);
                let kind = kind.map(|kind| format!("; it is {kind}")).unwrap_or_default();
                let text = format!("{} is missing{kind}", inside(&at, name));
                vec![problem(text, at, Some(format!("an object with {}", quoted(name))), Rank::Other)]
            }
            Kind::Type { kind } => {
                let expected = types(kind);
                let hint = match (error.instance().is_null(), at.is_empty()) {
                    (true, false) => "; leave it out instead",
                    _ => "",
                };
                let text = format!("{} must be {expected}, got {}{hint}", self.named(&at), shown(error.instance()));
                vec![problem(text, at, Some(expected), Rank::Mistyped)]
            }
            other => {
                let (text, expected) = plain(other, &self.named(&at), error.instance());
                vec![problem(text, at, expected, Rank::Other)]
            }
        }
    }
}

fn problem(text: String, at: String, expected: Option<String>, kind: Rank) -> Problem {
    Problem { text, at, expected, kind }
}

/// Keywords whose value says all there is to say.
fn plain(kind: &Kind, at: &str, value: &Value) -> (String, Option<String>) {
    let must = |what: String| format!("{at} must {what}, got {}", shown(value));
    let be = |what: String| (must(format!("be {what}")), Some(what));
    let other = |text: String| (text, None);
    match kind {
        Kind::Enum { options } => be(format!("one of {}", options_of(options, value))),
        Kind::Constant { expected_value } => be(shown(expected_value)),
        Kind::Minimum { limit } => other(must(format!("be at least {limit}"))),
        Kind::Maximum { limit } => other(must(format!("be at most {limit}"))),
        Kind::ExclusiveMinimum { limit } => other(must(format!("be more than {limit}"))),
        Kind::ExclusiveMaximum { limit } => other(must(format!("be less than {limit}"))),
        Kind::MinLength { limit } => other(must(format!("have at least {limit} characters"))),
        Kind::MaxLength { limit } => other(must(format!("have at most {limit} characters"))),
        Kind::MinItems { limit } => other(must(format!("have at least {limit} items"))),
        Kind::MaxItems { limit } => other(must(format!("have at most {limit} items"))),
        Kind::MinProperties { limit } => other(must(format!("have at least {limit} properties"))),
        Kind::MaxProperties { limit } => other(must(format!("have at most {limit} properties"))),
        Kind::MultipleOf { multiple_of } => other(must(format!("be a multiple of {multiple_of}"))),
        Kind::Pattern { pattern } => other(must(format!("match the pattern {}", quoted(pattern)))),
        Kind::UniqueItems => other(must("have no item twice".to_owned())),
        Kind::OneOfMultipleValid { .. } => {
            other(format!("{at} fits more than one of the forms that exclude each other; leave one of them out"))
        }
        Kind::FalseSchema => other(format!("{at} must not be there")),
        Kind::Not { .. } => other(format!("{at} has a form that is excluded, got {}", shown(value))),
        kind => other(format!("{at} does not meet `{}` of its schema, got {}", kind.keyword(), shown(value))),
    }
}

/// Of a union, the branch that is meant: the only one that takes a value of this type, or what all of them expect.
fn chosen(branches: Vec<Vec<Problem>>, at: &str, name: &str, value: &Value) -> Vec<Problem> {
    let fits = |branch: &Vec<Problem>| !branch.iter().any(|one| one.kind == Rank::Mistyped && one.at == at);
    let mut expected: Vec<String> = Vec::new();
    for text in branches.iter().filter_map(|branch| branch.iter().find(|one| one.at == at)?.expected.clone()) {
        if !expected.contains(&text) && expected.len() < PROBLEMS_MAX {
            expected.push(text);
        }
    }
    let all = branches.len();
    let mut fitting: Vec<Vec<Problem>> = branches.into_iter().filter(fits).collect();
    fitting.sort_by_key(Vec::len);
    let count = fitting.len();
    match fitting.into_iter().next() {
        Some(only) if count == 1 || all == 1 || expected.is_empty() => only,
        _ if expected.is_empty() => {
            let text = format!("{name} has none of the allowed forms, got {}", shown(value));
            vec![problem(text, at.to_owned(), None, Rank::Other)]
        }
        left => {
            let expected = expected.join(", or ");
            let text = format!("{name} must be {expected}, got {}", shown(value));
            // A union none of whose branches takes the type is itself of the wrong type.
            let kind = if left.is_none() { Rank::Mistyped } else { Rank::Other };
            vec![problem(text, at.to_owned(), Some(expected), kind)]
        }
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

/// `labels[0].name`
fn place(before: &str, path: &Location) -> String {
    let mut out = before.to_owned();
    for segment in path.iter() {
        match segment {
            LocationSegment::Index(at) => out.push_str(&format!("[{at}]")),
            LocationSegment::Property(name) => out = inside(&out, &name),
        }
    }
    out
}

fn inside(at: &str, name: &str) -> String {
    match (is_identifier(name), at.is_empty()) {
        (false, _) => format!("{at}[{}]", literal(&quoted(name))),
        (true, true) => quoted(name),
        (true, false) => format!("{at}.{}", quoted(name)),
    }
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
    let (owner, _) = error.schema_path().as_str().rsplit_once('/')?;
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
