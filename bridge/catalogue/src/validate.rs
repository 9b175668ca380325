//! In: a tool and the arguments of a call. Out: nothing, or what is wrong with them, in words to repair them by.
//! May touch: nothing; a schema that refers to the outside was refused when it was read, and is refused here again.
//! Security boundary: yes; what passes here goes into a request with a credential on it.
//!
//! Shared schemas are compiled one by one, when a check comes to them: the library compiles whatever a reference leads to
//! in one recursion, and a description of ten thousand schemas in a row would end the stack of the process.

use crate::cost::is_affordable;
use crate::definitions::{Definitions, PREFIX};
use crate::explain::Explanation;
use crate::limits::{ARGUMENT_DEPTH_MAX, PATTERN_BACKTRACKS_MAX, PATTERN_PROGRAM_BYTES_MAX, PROBLEMS_MAX};
use crate::tool::Tool;
use jsonschema::{Draft, Keyword, PatternOptions, ValidationError};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

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

/// One compiled schema, without those it refers to.
pub enum Validator {
    Ready(Box<jsonschema::Validator>),
    Unusable(String),
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Validator::Ready(_)) { "Ready" } else { "Unusable" })
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
    held(tool, (&tool.input, &tool.validator), "the object of arguments", args).map_err(|why| match why {
        Unheld::Problems(problems) => ArgumentError { tool: tool.path.to_string(), problems },
        Unheld::TooDeep => {
            ArgumentError::new(tool, "the arguments are nested too deep for a schema with so many alternatives")
        }
        Unheld::Broken(why) => ArgumentError::new(tool, format!("cannot be called, its input schema is broken: {why}")),
    })
}

/// Holds a result against the tool's output schema, where it has one that can be used: any JSON may be a result.
pub fn check_result(tool: &Tool, result: &Value) -> Result<(), ArgumentError> {
    let Some(output) = &tool.output else { return Ok(()) };
    if is_deeper(result, ARGUMENT_DEPTH_MAX) {
        return Err(ArgumentError::new(tool, format!("the result is nested more than {ARGUMENT_DEPTH_MAX} deep")));
    }
    held(tool, (output, &tool.output_validator), "the result", result).map_err(|why| match why {
        Unheld::Problems(problems) => ArgumentError { tool: tool.path.to_string(), problems },
        Unheld::TooDeep => {
            ArgumentError::new(tool, "the result is nested too deep for a schema with so many alternatives")
        }
        Unheld::Broken(why) => ArgumentError::new(tool, format!("its output schema is broken: {why}")),
    })
}

enum Unheld {
    Problems(Vec<String>),
    TooDeep,
    Broken(String),
}

/// `whole`: what the value is called in sentences.
fn held(
    tool: &Tool,
    (schema, validator): (&str, &OnceLock<Validator>),
    whole: &'static str,
    value: &Value,
) -> Result<(), Unheld> {
    let schema = crate::definitions::parsed(schema);
    if !is_affordable(&tool.definitions, &schema, value) {
        return Err(Unheld::TooDeep);
    }
    let validator = match validator.get_or_init(|| compile(schema.clone(), &tool.definitions)) {
        Validator::Ready(validator) => validator,
        Validator::Unusable(why) => return Err(Unheld::Broken(why.clone())),
    };
    if validator.is_valid(value) {
        return Ok(());
    }
    let mut problems = Explanation::new(&tool.definitions, whole).of(validator, &schema, value);
    problems.truncate(PROBLEMS_MAX);
    Err(Unheld::Problems(problems))
}

/// What stands in for `$ref` in a compiled schema.
const REFERENCE: &str = "x-mayfly-ref";

/// A reference: the schema it leads to is compiled when a value comes to it.
struct Reference {
    name: String,
    /// Weak, because the definitions own the validators that this is a part of.
    definitions: Weak<Definitions>,
}

impl Reference {
    fn holds(&self, value: &Value) -> bool {
        let Some(definitions) = self.definitions.upgrade() else { return false };
        match definition_validator(&definitions, &self.name) {
            Some(validator) => validator.is_valid(value),
            // A shared schema that cannot be compiled says nothing.
            None => true,
        }
    }
}

impl<'i> Keyword<'i> for Reference {
    /// The error is the name: `explain.rs` looks into it.
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.holds(instance) { Ok(()) } else { Err(ValidationError::custom(self.name.clone())) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.holds(instance)
    }
}

/// The compiled shared schema; `None` where there is none, or it cannot be compiled.
pub fn definition_validator<'a>(definitions: &'a Arc<Definitions>, name: &str) -> Option<&'a jsonschema::Validator> {
    let definition = definitions.find(name)?;
    match definition.validator.get_or_init(|| compile(definition.schema(), definitions)) {
        Validator::Ready(validator) => Some(validator),
        Validator::Unusable(_) => None,
    }
}

fn compile(mut schema: Value, definitions: &Arc<Definitions>) -> Validator {
    relax(&mut schema, false);
    if let Ok(validator) = build(&schema, definitions) {
        return Validator::Ready(Box::new(validator));
    }
    // Mostly a pattern of another dialect than ours: the rest of the schema is worth having.
    relax(&mut schema, true);
    match build(&schema, definitions) {
        Ok(validator) => Validator::Ready(Box::new(validator)),
        Err(error) => Validator::Unusable(crate::text::quoted(&error)),
    }
}

fn build(schema: &Value, definitions: &Arc<Definitions>) -> Result<jsonschema::Validator, String> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(PATTERN_BACKTRACKS_MAX)
        .size_limit(PATTERN_PROGRAM_BYTES_MAX)
        .dfa_size_limit(PATTERN_PROGRAM_BYTES_MAX);
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(false).offline();
    let definitions = Arc::downgrade(definitions);
    let options = options.with_pattern_options(patterns).with_keyword(REFERENCE, move |_, value, _| {
        let name = value.as_str().unwrap_or_default().to_owned();
        Ok(Box::new(Reference { name, definitions: definitions.clone() }))
    });
    options.build(schema).map_err(|error| error.to_string())
}

/// Makes of a schema what is compiled: references by our own keyword; without what a caller cannot give in `required`;
/// without patterns if asked.
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
            let name = object.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix(PREFIX));
            if let Some(name) = name.map(str::to_owned) {
                object.remove("$ref");
                object.insert(REFERENCE.to_owned(), name.into());
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
