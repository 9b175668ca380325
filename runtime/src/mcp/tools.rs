//! In: nothing, then a call of one of our tools. Out: what the model is told about them; what the call asks for.
//! May touch: nothing.
//! Security boundary: no.

use super::message::Failure;
use crate::bridge::ToolsFound;
use crate::serve::Said;
use mayfly_schemas::limits::{TOOL_DESCRIBE_PATHS_MAX, TOOL_HITS, TOOL_HITS_MAX, TOOL_QUERY_CHARS_MAX};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Once for each conversation, in as few words as teach the rules.
pub(crate) const INSTRUCTIONS: &str = "Do work by writing TypeScript. 1. `search` finds tools by what they do. 2. `describe` \
    gives their exact types. 3. `execute` runs a script that calls them: `const issue = await tools.github.issues.create({ ... })`. \
    One script may make many calls: loop, filter, and batch independent calls with Promise.all. Return only what you need. A failed \
    call throws a ToolError (tool, status, body) and a refused one a PolicyError (reason, rule); both can be caught. `fetch` and the \
    web platform are there; Node, files and npm packages are not. Nothing is kept between scripts.";

const DESCRIBE_TOKENS: u32 = 4_000;

/// Answer to `tools/list`.
pub(crate) fn listed() -> Value {
    let read_only = json!({ "readOnlyHint": true, "openWorldHint": false });
    json!({
        "tools": [
            {
                "name": "search", "title": "Search tools", "annotations": read_only,
                "description": "Finds tools by what they do. Gives path, purpose and signature of each, best first.",
                "inputSchema": {
                    "type": "object", "required": ["query"], "additionalProperties": false,
                    "properties": {
                        "query": { "type": "string", "description": "plain words, such as: create an issue" },
                        "limit": { "type": "integer", "minimum": 1, "maximum": TOOL_HITS_MAX, "default": TOOL_HITS },
                    },
                },
            },
            {
                "name": "describe", "title": "Describe tools", "annotations": read_only,
                "description": "TypeScript declarations of tools, groups of tools, or types that a declaration names.",
                "inputSchema": {
                    "type": "object", "required": ["names"], "additionalProperties": false,
                    "properties": {
                        "names": {
                            "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": TOOL_DESCRIBE_PATHS_MAX,
                            "description": "paths from search, such as github.issues.create",
                        },
                        "max_tokens": { "type": "integer", "minimum": 100, "maximum": 100_000, "default": DESCRIBE_TOKENS },
                    },
                },
            },
            {
                "name": "execute", "title": "Run TypeScript",
                "annotations": { "readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true },
                "description": "Runs TypeScript in a fresh sandbox. Call tools as `await tools.<path>({ ... })`, several at once with \
                                Promise.all, and return a small result: the last expression, or `return`. Errors can be caught; an \
                                uncaught one comes back with its line. Gives { result, error, logs, denied }; or { status: \"paused\", \
                                run, pending } when it waits for you: see `continue`.",
                "inputSchema": {
                    "type": "object", "required": ["code"], "additionalProperties": false,
                    "properties": {
                        "code": { "type": "string", "description": "statements with top-level await, or a function of `input`" },
                        "input": { "description": "any JSON, given to the function" },
                        "external": {
                            "type": "array",
                            "description": "functions that you answer yourself, such as ask_user: the script calls them as \
                                            `await tools.ask_user({ ... })` and pauses until you `continue` it",
                            "items": {
                                "type": "object", "required": ["name"], "additionalProperties": false,
                                "properties": {
                                    "name": { "type": "string" }, "description": { "type": "string" },
                                    "input_schema": { "type": "object" }, "output_schema": { "type": "object" },
                                },
                            },
                        },
                    },
                },
            },
            {
                "name": "continue", "title": "Continue a paused run",
                "annotations": { "readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true },
                "description": "Answers calls that a paused run waits for, and lets it go on. Answer all of `pending`, or some. \
                                Gives what `execute` gives.",
                "inputSchema": {
                    "type": "object", "required": ["run"], "additionalProperties": false,
                    "properties": {
                        "run": { "type": "string", "description": "the `run` of the paused run" },
                        "outcomes": {
                            "type": "array",
                            "items": {
                                "type": "object", "required": ["call"], "additionalProperties": false,
                                "properties": {
                                    "call": { "type": "integer", "description": "its number in `pending`" },
                                    "value": { "description": "any JSON: what the call returns" },
                                    "error": { "type": "string", "description": "instead of a value: the call throws it" },
                                },
                            },
                        },
                        "decisions": {
                            "type": "array", "description": "for calls whose reason is approval",
                            "items": {
                                "type": "object", "required": ["call", "approve"], "additionalProperties": false,
                                "properties": { "call": { "type": "integer" }, "approve": { "type": "boolean" } },
                            },
                        },
                    },
                },
            },
        ],
        "ttlMs": 3_600_000, "cacheScope": "public",
    })
}

/// A call of one of our tools, its arguments read.
#[derive(Debug)]
pub(crate) enum Call {
    Search {
        query: String,
        limit: u32,
    },
    Describe {
        names: Vec<String>,
        max_tokens: u32,
    },
    /// The body of `POST /v1/runs`, but for `check`.
    Execute {
        body: Map<String, Value>,
    },
    Continue {
        run: String,
        said: Said,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchArguments {
    query: String,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribeArguments {
    names: Vec<String>,
    max_tokens: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecuteArguments {
    code: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    external: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContinueArguments {
    run: String,
    #[serde(default)]
    outcomes: Vec<Value>,
    #[serde(default)]
    decisions: Vec<Value>,
}

/// What is wrong with arguments is for the model, which can repair them; an unknown tool is for the client.
pub(crate) fn call(params: &Map<String, Value>) -> Result<Result<Call, String>, Failure> {
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
    let arguments = params.get("arguments").cloned().unwrap_or_else(|| json!({}));
    Ok(match name {
        "search" => search(arguments),
        "describe" => describe(arguments),
        "execute" => execute(arguments),
        "continue" => resume(arguments),
        _ => {
            return Err(Failure::invalid_params(format!(
                "there is no tool `{name}`; there are search, describe, execute and continue"
            )));
        }
    })
}

fn search(arguments: Value) -> Result<Call, String> {
    let SearchArguments { query, limit } = read(arguments)?;
    if query.chars().count() > TOOL_QUERY_CHARS_MAX {
        return Err(format!("query: has more than {TOOL_QUERY_CHARS_MAX} characters"));
    }
    Ok(Call::Search { query, limit: limit.unwrap_or(TOOL_HITS as u32).clamp(1, TOOL_HITS_MAX as u32) })
}

fn describe(arguments: Value) -> Result<Call, String> {
    let DescribeArguments { names, max_tokens } = read(arguments)?;
    if names.is_empty() || names.len() > TOOL_DESCRIBE_PATHS_MAX {
        return Err(format!("names: give 1 to {TOOL_DESCRIBE_PATHS_MAX}"));
    }
    Ok(Call::Describe { names, max_tokens: max_tokens.unwrap_or(DESCRIBE_TOKENS) })
}

fn execute(arguments: Value) -> Result<Call, String> {
    let ExecuteArguments { code, input, external } = read(arguments)?;
    let fields = [("code", code.into()), ("input", input), ("external", external.into())];
    Ok(Call::Execute { body: fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect() })
}

fn resume(arguments: Value) -> Result<Call, String> {
    let ContinueArguments { run, outcomes, decisions } = read(arguments)?;
    let said = json!({ "outcomes": outcomes, "decisions": decisions }).to_string();
    // By way of text, because a value stays as it was written.
    let said = serde_json::from_str(&said).map_err(|error| format!("the arguments do not fit: {error}"))?;
    Ok(Call::Continue { run, said })
}

fn read<T: for<'de> Deserialize<'de>>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| format!("the arguments do not fit: {error}"))
}

/// What `search` tells the model.
pub(crate) fn found(query: &str, found: &ToolsFound) -> String {
    if found.hits.is_empty() {
        return match found.tools {
            0 => "This tenant has no tools. `fetch` reaches what its rules allow.".to_owned(),
            count => format!("None of {count} tools fits `{query}`; use other words, or fewer."),
        };
    }
    let mut text = String::new();
    for hit in &found.hits {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "tools.{}\n  {}", hit.signature, hit.description);
    }
    let _ = write!(text, "({} of {} tools)", found.hits.len(), found.tools);
    text
}
