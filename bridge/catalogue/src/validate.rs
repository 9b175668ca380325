//! In: a tool and the arguments of a call. Out: nothing, or what is wrong with them, in words to repair them by.
//! May touch: nothing; a schema that refers to the outside was refused when it was read, and is refused here again.
//! Security boundary: yes; what passes here goes into a request with a credential on it.

use crate::cost::is_affordable;
use crate::explain::explain;
use crate::limits::{ARGUMENT_DEPTH_MAX, PATTERN_BACKTRACKS_MAX, PATTERN_PROGRAM_BYTES_MAX, PROBLEMS_MAX};
use crate::tool::Tool;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions};
use serde_json::Value;
use std::fmt;

/// Why a call cannot be made with these arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentError {
    /// Path of the tool.
    pub tool: String,
    /// One sentence each, at most `limits::PROBLEMS_MAX`: ``labels[0] must be a string, got 3``.
    pub problems: Vec<String>,
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tool, self.problems.join("; "))
    }
}

impl std::error::Error for ArgumentError {}

impl ArgumentError {
    pub(crate) fn new(tool: &Tool, problem: impl Into<String>) -> ArgumentError {
        ArgumentError { tool: tool.path.to_string(), problems: vec![problem.into()] }
    }
}

/// The compiled input schema of a tool; made by the first call.
pub enum Validator {
    Ready {
        validator: Box<jsonschema::Validator>,
        /// Kept where a check may cost more than the schema is long: where it refers to others.
        shared: Option<Box<Value>>,
    },
    Unusable(String),
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Validator::Ready { .. }) { "Ready" } else { "Unusable" })
    }
}

/// Holds the arguments against the tool's input schema. Formats are descriptions, not conditions.
pub fn check(tool: &Tool, args: &Value) -> Result<(), ArgumentError> {
    if is_deeper(args, ARGUMENT_DEPTH_MAX) {
        return Err(ArgumentError::new(tool, format!("the arguments are nested more than {ARGUMENT_DEPTH_MAX} deep")));
    }
    if !args.is_object() {
        let text = format!("takes one object with named arguments, got {}", crate::explain::shown(args));
        return Err(ArgumentError::new(tool, text));
    }
    let (validator, shared) = match tool.validator.get_or_init(|| compile(tool.input_schema())) {
        Validator::Ready { validator, shared } => (validator, shared),
        Validator::Unusable(why) => {
            return Err(ArgumentError::new(tool, format!("cannot be called, its input schema is broken: {why}")));
        }
    };
    if shared.as_ref().is_some_and(|schema| !is_affordable(schema, args)) {
        return Err(ArgumentError::new(
            tool,
            "the arguments are nested too deep for a schema with so many alternatives",
        ));
    }
    if validator.is_valid(args) {
        return Ok(());
    }
    let schema = tool.input_schema();
    let mut problems = Vec::new();
    let mut errors: Vec<_> = validator.iter_errors(args).take(PROBLEMS_MAX * 20).collect();
    // What is not known first: it is mostly what is missing, by another name.
    errors.sort_by_key(|error| !matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. }));
    for error in errors {
        let problem = explain(&error, &schema);
        if problems.len() < PROBLEMS_MAX && !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    Err(ArgumentError { tool: tool.path.to_string(), problems })
}

fn compile(mut schema: Value) -> Validator {
    relax(&mut schema, false);
    let ready = |validator, schema: Value| {
        let shared = schema.get("$defs").is_some().then(|| Box::new(schema));
        Validator::Ready { validator: Box::new(validator), shared }
    };
    if let Ok(validator) = build(&schema) {
        return ready(validator, schema);
    }
    // Mostly a pattern of another dialect than ours: the rest of the schema is worth having.
    relax(&mut schema, true);
    match build(&schema) {
        Ok(validator) => ready(validator, schema),
        Err(error) => Validator::Unusable(crate::text::quoted(&error)),
    }
}

fn build(schema: &Value) -> Result<jsonschema::Validator, String> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(PATTERN_BACKTRACKS_MAX)
        .size_limit(PATTERN_PROGRAM_BYTES_MAX)
        .dfa_size_limit(PATTERN_PROGRAM_BYTES_MAX);
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(false).offline();
    options.with_pattern_options(patterns).build(schema).map_err(|error| error.to_string())
}

/// Takes what a caller cannot give out of `required`, and patterns if asked.
fn relax(schema: &mut Value, drop_patterns: bool) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(|schema| relax(schema, drop_patterns)),
        Value::Object(object) => {
            let properties = object.get("properties").and_then(Value::as_object);
            let read_only = |name: &Value| {
                let property = name.as_str().and_then(|name| properties?.get(name));
                property.and_then(|property| property.get("readOnly")) == Some(&Value::Bool(true))
            };
            let required = object.get("required").and_then(Value::as_array);
            let kept: Option<Vec<Value>> =
                required.map(|names| names.iter().filter(|name| !read_only(name)).cloned().collect());
            if let Some(kept) = kept {
                object.insert("required".to_owned(), Value::Array(kept));
            }
            if drop_patterns {
                // A property may be called `pattern`; its schema is no string.
                if object.get("pattern").is_some_and(Value::is_string) {
                    object.remove("pattern");
                }
                object.remove("patternProperties");
            }
            object.values_mut().for_each(|schema| relax(schema, drop_patterns));
        }
        _ => {}
    }
}

/// Without recursion: what is asked here is whether recursion is safe.
fn is_deeper(value: &Value, depth_max: usize) -> bool {
    let mut waiting = vec![(value, 0)];
    while let Some((value, depth)) = waiting.pop() {
        if depth > depth_max {
            return true;
        }
        match value {
            Value::Array(items) => waiting.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(object) => waiting.extend(object.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    false
}
