//! In: the tools that the caller of a run answers itself, as it declares them. Out: whether a call is one of them, and
//! whether its arguments fit.
//! May touch: nothing.
//! Security boundary: yes. Names and schemas are the client's, arguments the guest's; `mayfly-catalogue` bounds what holding
//! the one against the other costs.

use mayfly_catalogue::{McpTool, Source, check};
use mayfly_schemas::limits::{EXTERNAL_BYTES_MAX, EXTERNAL_NAME_BYTES_MAX, EXTERNAL_TOOLS_MAX};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One entry of `external` in the body of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalAsked {
    name: String,
    #[serde(default)]
    description: String,
    input_schema: Option<Box<RawValue>>,
    output_schema: Option<Box<RawValue>>,
}

/// The external tools of one run.
#[derive(Debug, Default)]
pub struct Externals {
    /// By name; the place of its schema in `schemas`, where it has one.
    tools: BTreeMap<Box<str>, Option<usize>>,
    schemas: Option<Source>,
}

/// Names that the guest's `tools` answers itself, because the language asks every object for them.
const NOT_TOOLS: [&str; 8] =
    ["then", "toJSON", "constructor", "prototype", "__proto__", "inspect", "toString", "valueOf"];

impl Externals {
    /// `sets`: names of the tenant's own sets of tools, a blank between two. An error names the field.
    pub fn read(asked: Vec<ExternalAsked>, sets: &str) -> Result<Externals, String> {
        if asked.len() > EXTERNAL_TOOLS_MAX {
            return Err(format!("`external`: has {} tools; the limit is {EXTERNAL_TOOLS_MAX}", asked.len()));
        }
        let bytes: usize = asked.iter().map(ExternalAsked::bytes).sum();
        if bytes > EXTERNAL_BYTES_MAX {
            return Err(format!(
                "`external`: names, descriptions and schemas have {bytes} bytes; the limit is {EXTERNAL_BYTES_MAX}"
            ));
        }
        let (mut tools, mut schemas) = (BTreeMap::new(), Vec::new());
        for (at, tool) in asked.into_iter().enumerate() {
            check_name(&tool.name, sets).map_err(|why| format!("`external[{at}].name`: {why}"))?;
            let schema = tool.schema().map_err(|why| format!("`external[{at}].input_schema`: {why}"))?;
            let place = schema.map(|schema| {
                schemas.push(McpTool { name: numbered(schemas.len()), input_schema: schema, ..McpTool::default() });
                schemas.len() - 1
            });
            if tools.insert(Box::from(tool.name.as_str()), place).is_some() {
                return Err(format!("`external[{at}].name`: `{}` is there twice", tool.name));
            }
        }
        one_inside_the_other(&tools)?;
        let schemas = match schemas.is_empty() {
            true => None,
            false => Some(Source::mcp("external", &schemas).map_err(|error| format!("`external`: {error}"))?),
        };
        Ok(Externals { tools, schemas })
    }

    pub fn has(&self, name: &str) -> bool {
        self.tools.contains_key(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(AsRef::as_ref)
    }

    /// What stands first in the names, each once: scripts find it as a global too.
    pub fn globals(&self) -> BTreeSet<&str> {
        self.tools.keys().filter_map(|name| name.split('.').next()).collect()
    }

    /// What is wrong with the arguments of a call, in words to repair them by.
    pub fn check(&self, name: &str, args: &str) -> Result<(), String> {
        let Some(place) = self.tools.get(name).copied().flatten() else { return Ok(()) };
        let path = format!("external.{}", numbered(place));
        let tool = self.schemas.iter().flat_map(Source::tools).find(|tool| *tool.path == *path);
        let Some(tool) = tool else {
            return Err(format!("{name}: cannot be called, its input schema could not be read"));
        };
        let args: Value = serde_json::from_str(args).map_err(|error| format!("{name}: the arguments: {error}"))?;
        check(tool, &args).map_err(|error| format!("{name}: {}", error.problems.join("; ")))
    }
}

impl ExternalAsked {
    fn bytes(&self) -> usize {
        let schemas = [&self.input_schema, &self.output_schema];
        let schemas: usize = schemas.into_iter().flatten().map(|schema| schema.get().len()).sum();
        self.name.len() + self.description.len() + schemas
    }

    /// `true` says nothing, `false` that nothing fits.
    fn schema(&self) -> Result<Option<Value>, String> {
        let Some(schema) = &self.input_schema else { return Ok(None) };
        match serde_json::from_str(schema.get()) {
            Ok(Value::Bool(true)) => Ok(None),
            Ok(Value::Bool(false)) => Ok(Some(json!({ "not": {} }))),
            Ok(schema @ Value::Object(_)) => Ok(Some(schema)),
            Ok(_) => Err("is no JSON schema: give an object, or leave it out".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A name that the catalogue leaves as it is.
fn numbered(place: usize) -> String {
    format!("t{place}")
}

fn check_name(name: &str, sets: &str) -> Result<(), String> {
    if name.len() > EXTERNAL_NAME_BYTES_MAX {
        return Err(format!("has {} bytes; the limit is {EXTERNAL_NAME_BYTES_MAX}", name.len()));
    }
    if let Some(wrong) = name.split('.').find(|segment| !is_identifier(segment)) {
        return Err(format!(
            "{wrong:?} in {name:?} is no name: use letters, digits, `_` and `$`, with dots between groups"
        ));
    }
    if let Some(taken) = name.split('.').find(|segment| NOT_TOOLS.contains(segment)) {
        return Err(format!("`{taken}` is what the language asks every object for; use another name"));
    }
    let first = name.split('.').next().unwrap_or_default();
    match sets.split_ascii_whitespace().any(|set| set == first) {
        true => Err(format!("`{first}` is a set of tools of this tenant already; use another name")),
        false => Ok(()),
    }
}

fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'_' | b'$'))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
}

/// A tool that is a group as well has no declaration, and is mostly a slip.
fn one_inside_the_other(tools: &BTreeMap<Box<str>, Option<usize>>) -> Result<(), String> {
    for name in tools.keys() {
        let groups = name.match_indices('.').filter_map(|(at, _)| name.get(..at));
        if let Some(group) = groups.into_iter().find(|group| tools.contains_key(*group)) {
            return Err(format!("`external`: `{group}` is a tool, and the group of `{name}`; give one another name"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(asked: Value) -> Result<Externals, String> {
        Externals::read(serde_json::from_value(asked).unwrap(), "github shop")
    }

    #[test]
    fn names_are_those_that_a_script_can_write_and_nobody_has() {
        let long = "x".repeat(EXTERNAL_NAME_BYTES_MAX + 1);
        let many: Vec<Value> = (0..=EXTERNAL_TOOLS_MAX).map(|number| json!({ "name": format!("t{number}") })).collect();
        for (asked, words) in [
            (json!([{ "name": "" }]), "external[0].name"),
            (json!([{ "name": "a" }, { "name": "2fa" }]), "external[1].name"),
            (json!([{ "name": "a..b" }]), "is no name"),
            (json!([{ "name": "a b" }]), "is no name"),
            (json!([{ "name": "crm.then" }]), "asks every object"),
            (json!([{ "name": "github.mine" }]), "already"),
            (json!([{ "name": "shop" }]), "already"),
            (json!([{ "name": "a" }, { "name": "a" }]), "twice"),
            (json!([{ "name": "a.b" }, { "name": "a" }]), "the group of `a.b`"),
            (json!([{ "name": long }]), "129 bytes"),
            (json!(many), "has 129 tools"),
            (json!([{ "name": "a", "description": "x".repeat(EXTERNAL_BYTES_MAX) }]), "the limit is 262144"),
            (json!([{ "name": "a", "input_schema": 5 }]), "external[0].input_schema"),
        ] {
            let told = read(asked).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
        let good = read(json!([{ "name": "crm.lookup" }, { "name": "crm.find_all" }, { "name": "$add" }])).unwrap();
        assert_eq!(good.globals().into_iter().collect::<Vec<_>>(), ["$add", "crm"]);
        assert!(good.has("crm.lookup") && !good.has("crm") && !good.has("crm.other"));
    }

    #[test]
    fn arguments_are_held_against_their_schema() {
        let schema = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } });
        let tools = read(json!([
            { "name": "free" }, { "name": "any", "input_schema": true }, { "name": "none", "input_schema": false },
            { "name": "get_one", "input_schema": schema },
        ]))
        .unwrap();
        assert_eq!(tools.check("free", r#"{"x":1}"#), Ok(()));
        assert_eq!(tools.check("any", r#"{"x":1}"#), Ok(()));
        assert_eq!(tools.check("get_one", r#"{"id":1}"#), Ok(()));
        assert!(tools.check("none", "{}").is_err());
        assert_eq!(
            tools.check("get_one", r#"{"id":"x"}"#),
            Err(r#"get_one: id must be a whole number, got "x""#.into())
        );
        let deep = format!("{}1{}", r#"{"id":"#.repeat(500), "}".repeat(500));
        assert!(tools.check("get_one", &deep).unwrap_err().starts_with("get_one: "));
    }
}
