//! In: the tools that the caller of a run answers itself, as it declares them. Out: whether a call is one of them, whether its
//! arguments and its outcome fit, and its types.
//! May touch: nothing.
//! Security boundary: yes. Names, schemas and outcomes are the client's, arguments the guest's; `mayfly-catalogue` bounds what holding
//! the one against the other costs.

use mayfly_catalogue::{ArgumentError, McpTool, Source, Tool, check, check_result, members};
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
    /// By name; places are those of their schemas in `schemas`.
    tools: BTreeMap<Box<str>, Place>,
    schemas: Option<Source>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    /// Whether its arguments are described: otherwise any will do.
    has_input: bool,
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
            let input = schema(&tool.input_schema).map_err(|why| format!("`external[{at}].input_schema`: {why}"))?;
            let output_schema =
                schema(&tool.output_schema).map_err(|why| format!("`external[{at}].output_schema`: {why}"))?;
            let has_input = input.is_some();
            schemas.push(McpTool {
                name: numbered(at),
                description: Some(tool.description),
                input_schema: input.unwrap_or_else(|| json!({})),
                output_schema,
                ..McpTool::default()
            });
            if tools.insert(Box::from(tool.name.as_str()), Place { at, has_input }).is_some() {
                return Err(format!("`external[{at}].name`: `{}` is there twice", tool.name));
            }
        }
        one_inside_the_other(&tools)?;
        let schemas = match schemas.is_empty() {
            true => None,
            false => Some(Source::mcp(source_name(sets), &schemas).map_err(|error| format!("`external`: {error}"))?),
        };
        let externals = Externals { tools, schemas };
        let lost = externals.tools.values().find(|place| externals.tool(**place).is_none());
        match lost {
            None => Ok(externals),
            Some(Place { at, .. }) => {
                let why = externals.schemas.iter().flat_map(Source::warnings).next();
                let why = why.map_or("its schemas cannot be used", String::as_str);
                Err(format!("`external[{at}]`: {why}"))
            }
        }
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
        let Some(place) = self.tools.get(name).filter(|place| place.has_input) else { return Ok(()) };
        let Some(tool) = self.tool(*place) else { return Ok(()) };
        let args: Value = serde_json::from_str(args).map_err(|error| format!("{name}: the arguments: {error}"))?;
        check(tool, &args).map_err(|error| format!("{name}: {}", problems(&error)))
    }

    /// What is wrong with the outcome that the caller gives a call, likewise.
    pub fn check_outcome(&self, name: &str, value: &str) -> Result<(), String> {
        let Some(tool) = self.tools.get(name).and_then(|place| self.tool(*place)) else { return Ok(()) };
        if tool.output_schema().is_none() {
            return Ok(());
        }
        let value: Value = serde_json::from_str(value).map_err(|error| error.to_string())?;
        check_result(tool, &value).map_err(|error| problems(&error))
    }

    /// TypeScript for a checker that has an interface `Tools`: its further members, and the globals that lead to them.
    pub fn declarations(&self) -> String {
        let Some(source) = &self.schemas else { return String::new() };
        let named = self.tools.iter().filter_map(|(name, place)| Some((&**name, self.tool(*place)?)));
        let mut text = members(source, "Tools", &named.collect::<Vec<_>>());
        for global in self.globals() {
            text.push_str(&format!("declare const {global}: typeof tools.{global};\n"));
        }
        text
    }

    fn tool(&self, place: Place) -> Option<&Tool> {
        let name = numbered(place.at);
        self.schemas.iter().flat_map(Source::tools).find(|tool| tool.path.rsplit('.').next() == Some(&name))
    }
}

fn problems(error: &ArgumentError) -> String {
    error.problems.join("; ")
}

/// `true` says nothing, `false` that nothing fits.
fn schema(asked: &Option<Box<RawValue>>) -> Result<Option<Value>, String> {
    let Some(schema) = asked else { return Ok(None) };
    match serde_json::from_str(schema.get()) {
        Ok(Value::Bool(true)) => Ok(None),
        Ok(Value::Bool(false)) => Ok(Some(json!({ "not": {} }))),
        Ok(schema @ Value::Object(_)) => Ok(Some(schema)),
        Ok(_) => Err("is no JSON schema: give an object, or leave it out".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The namespace of types that the schemas share: none that a set of the tenant's has.
fn source_name(sets: &str) -> &'static str {
    match sets.split_ascii_whitespace().any(|set| set == "external") {
        true => "external_",
        false => "external",
    }
}

impl ExternalAsked {
    fn bytes(&self) -> usize {
        let schemas = [&self.input_schema, &self.output_schema];
        let schemas: usize = schemas.into_iter().flatten().map(|schema| schema.get().len()).sum();
        self.name.len() + self.description.len() + schemas
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
fn one_inside_the_other(tools: &BTreeMap<Box<str>, Place>) -> Result<(), String> {
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

    #[test]
    fn outcomes_are_held_against_their_schema() {
        let order = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } });
        let tools = read(json!([
            { "name": "free" }, { "name": "none", "output_schema": false },
            { "name": "list", "output_schema": { "type": "array", "items": order } },
        ]))
        .unwrap();
        assert_eq!(tools.check_outcome("free", "5"), Ok(()));
        assert!(tools.check_outcome("none", "5").is_err());
        assert_eq!(tools.check_outcome("list", r#"[{"id":1}]"#), Ok(()));
        assert_eq!(
            tools.check_outcome("list", r#"[{"id":1},{"id":"x"}]"#),
            Err(r#"[1].id must be a whole number, got "x""#.into())
        );
        assert_eq!(tools.check_outcome("list", "5"), Err("the result must be an array, got 5".into()));
    }

    #[test]
    fn types_are_members_of_the_tools_and_globals() {
        let input = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } });
        let tools = read(json!([
            { "name": "crm.find_one", "description": "Finds */ one", "input_schema": input,
              "output_schema": { "type": "object", "properties": { "name": { "type": "string" } } } },
            { "name": "ask" },
        ]))
        .unwrap();
        let text = tools.declarations();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "interface Tools {",
                "ask(input?: unknown): Promise<unknown>;",
                "crm: {",
                r"/** Finds *\/ one */",
                "find_one(input: { id: number }): Promise<{ name?: string }>;",
                "};",
                "}",
                "declare const ask: typeof tools.ask;",
                "declare const crm: typeof tools.crm;",
            ],
            "{text}"
        );
        assert_eq!(Externals::default().declarations(), "");
    }
}
