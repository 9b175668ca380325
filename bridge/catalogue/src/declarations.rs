//! In: tools and shared schemas. Out: declarations of TypeScript: `declare const tools: {...}` and the types it needs.
//! May touch: nothing.
//! Security boundary: no; `typescript/` and `text.rs` make what is written here.

use crate::definitions::{Definition, Definitions, parsed};
use crate::limits::{FIELD_DESCRIPTION_BYTES_MAX, SIGNATURE_BYTES_MAX, TOOL_DESCRIPTION_BYTES_MAX};
use crate::source::Source;
use crate::text::{comment, cut};
use crate::tool::Tool;
use crate::typescript::{Direction, Writer, doc, is_object};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

/// A shared type, as one of a source and one way: `github.Issue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shared<'a> {
    pub source: &'a str,
    pub name: &'a str,
    pub direction: Direction,
}

/// A declaration, and the shared types in it.
pub struct Declared<'a> {
    pub text: String,
    pub needs: Vec<Shared<'a>>,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Full,
    /// Without comments on properties.
    Bare,
    /// The summary of the tool, and `unknown` in place of its types.
    Name,
}

/// `create(input: {...}): Promise<github.Issue>` behind its comment; lines after the first are indented.
pub fn tool<'a>(tool: &'a Tool, indent: usize, detail: Detail) -> Declared<'a> {
    let name = tool.path.rsplit('.').next().unwrap_or_default();
    called(name, tool, indent, detail, false)
}

fn called<'a>(name: &str, tool: &'a Tool, indent: usize, detail: Detail, open: bool) -> Declared<'a> {
    let margin = "  ".repeat(indent);
    let mut text = String::new();
    let description = match detail {
        Detail::Name => comment(&tool.summary, FIELD_DESCRIPTION_BYTES_MAX),
        Detail::Full | Detail::Bare => comment(&tool.description, TOOL_DESCRIPTION_BYTES_MAX),
    };
    if !description.is_empty() {
        text.push_str(&format!("{margin}/** {description} */\n"));
    }
    let (signature, needs) = signature(tool, indent, detail, open);
    text.push_str(&format!("{margin}{name}{signature};\n"));
    Declared { text, needs }
}

/// One line for a list of hits: cut, without comments.
pub fn one_line(tool: &Tool) -> String {
    let mut writer = Writer::new(&tool.definitions, &format!("{}.", tool.source()), Direction::Input);
    writer.compact = true;
    let input = parsed(&tool.input);
    let arguments = arguments(&input, &mut writer, 0);
    writer.direction = Direction::Output;
    let result = result(tool, &mut writer, 0);
    let (head, tail) = (format!("{}({arguments})", tool.path), format!(": Promise<{result}>"));
    if head.len() + tail.len() <= SIGNATURE_BYTES_MAX {
        return format!("{head}{tail}");
    }
    let tail = if tail.len() > SIGNATURE_BYTES_MAX / 3 { cut(&tail, SIGNATURE_BYTES_MAX / 3) } else { tail };
    format!("{}{tail}", cut(&head, SIGNATURE_BYTES_MAX.saturating_sub(tail.len())))
}

/// `open`: a schema that says nothing of arguments takes any, where others take none.
fn signature<'a>(tool: &'a Tool, indent: usize, detail: Detail, open: bool) -> (String, Vec<Shared<'a>>) {
    if detail == Detail::Name {
        return (format!("(input?: unknown /* cut: describe {} */): Promise<unknown>", tool.path), Vec::new());
    }
    let mut writer = Writer::new(&tool.definitions, &format!("{}.", tool.source()), Direction::Input);
    writer.bare = detail == Detail::Bare;
    let schema = parsed(&tool.input);
    let mut arguments = arguments(&schema, &mut writer, indent);
    if open && arguments.is_empty() && schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        arguments.push_str("input?: unknown");
    }
    writer.direction = Direction::Output;
    let result = result(tool, &mut writer, indent);
    let shared =
        |(name, direction): &(&'a str, Direction)| Shared { source: tool.source(), name, direction: *direction };
    (format!("({arguments}): Promise<{result}>"), writer.named.iter().map(shared).collect())
}

/// `input: {...}`, `input?: {...}` where nothing in it is needed, nothing where there are no arguments.
fn arguments(schema: &Value, writer: &mut Writer<'_>, indent: usize) -> String {
    let count = |keyword: &str| schema.get(keyword).and_then(Value::as_object).map_or(0, serde_json::Map::len);
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let combined = ["$ref", "anyOf", "oneOf", "allOf"].iter().any(|keyword| schema.get(*keyword).is_some());
    if count("properties") == 0 && !combined && (closed || schema.as_object().is_some_and(|object| object.len() <= 2)) {
        return String::new();
    }
    let required = schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    let optional = if required || combined { "" } else { "?" };
    format!("input{optional}: {}", writer.type_of(schema, indent))
}

fn result(tool: &Tool, writer: &mut Writer<'_>, indent: usize) -> String {
    tool.output.as_deref().map_or("unknown".to_owned(), |text| writer.type_of(&parsed(text), indent))
}

/// `interface Issue {...}` or `type Issue = ...;`, in the namespace of its source.
pub fn definition<'a>(definitions: &'a Definitions, shared: Shared<'a>, bare: bool) -> Declared<'a> {
    let Some(definition) = definitions.find(shared.name) else {
        return Declared { text: String::new(), needs: Vec::new() };
    };
    let mut writer = Writer::new(definitions, "", shared.direction);
    writer.bare = bare;
    let schema = definition.schema();
    let name = name_of(definition, shared.direction);
    let body = writer.type_of(&schema, 1);
    let doc = doc(&schema, FIELD_DESCRIPTION_BYTES_MAX).filter(|_| !bare).map(|doc| format!("  {doc}\n"));
    let text = match is_object(&body) {
        true => format!("{}  interface {name} {body}\n", doc.unwrap_or_default()),
        false => format!("{}  type {name} = {body};\n", doc.unwrap_or_default()),
    };
    let of_source =
        |(name, direction): &(&'a str, Direction)| Shared { source: shared.source, name, direction: *direction };
    Declared { text, needs: writer.named.iter().map(of_source).collect() }
}

pub fn name_of(definition: &Definition, direction: Direction) -> &str {
    let input_name = definition.input_name.as_deref().filter(|_| direction == Direction::Input);
    input_name.unwrap_or(&definition.name)
}

/// The declarations of all tools of all sources that are `wanted`, with the shared types that they lead to, each once.
pub fn everything(sources: &[Arc<Source>], wanted: impl Fn(&Tool) -> bool) -> String {
    let mut out = String::new();
    let mut tree = Tree::default();
    for source in sources {
        let mut waiting: VecDeque<Shared<'_>> = VecDeque::new();
        for each in source.tools.iter().filter(|tool| wanted(tool)) {
            waiting.extend(signature(each, 0, Detail::Bare, false).1);
            tree.insert(each, Detail::Full);
        }
        out.push_str(&shared_types(source, waiting));
    }
    out.push_str(&tree.declaration());
    out
}

/// Members of the interface `name` for tools of one source that go by other names than their own, dots between groups,
/// with the shared types that they lead to.
pub fn members(source: &Source, name: &str, tools: &[(&str, &Tool)]) -> String {
    let mut tree = Tree::default();
    let mut waiting: VecDeque<Shared<'_>> = VecDeque::new();
    for (path, tool) in tools {
        waiting.extend(signature(tool, 0, Detail::Bare, true).1);
        tree.insert_at(path, tool, Detail::Full);
    }
    let mut out = shared_types(source, waiting);
    out.push_str(&format!("interface {name} {{\n"));
    tree.write(1, true, &mut out);
    out.push_str("}\n");
    out
}

fn shared_types<'a>(source: &'a Source, mut waiting: VecDeque<Shared<'a>>) -> String {
    let (mut seen, mut types) = (HashSet::new(), Vec::new());
    while let Some(shared) = waiting.pop_front() {
        if seen.insert(shared) {
            let declared = definition(&source.definitions, shared, false);
            waiting.extend(declared.needs);
            types.push(declared.text);
        }
    }
    types.sort_unstable_by(|one, other| key(one).cmp(key(other)));
    namespace(&source.name, &types.concat())
}

/// Types are sorted by their names, not by their comments.
fn key(text: &str) -> &str {
    text.lines()
        .find(|line| !line.trim_start().starts_with("/**"))
        .unwrap_or_default()
        .trim_start_matches("  interface ")
        .trim_start_matches("  type ")
}

pub fn namespace(source: &str, types: &str) -> String {
    if types.is_empty() { String::new() } else { format!("declare namespace {source} {{\n{types}}}\n") }
}

/// Tools by the segments of their paths.
#[derive(Default)]
pub struct Tree<'a> {
    tool: Option<(&'a Tool, Detail)>,
    groups: BTreeMap<&'a str, Tree<'a>>,
}

impl<'a> Tree<'a> {
    pub fn insert(&mut self, tool: &'a Tool, detail: Detail) {
        self.insert_at(&tool.path, tool, detail);
    }

    fn insert_at(&mut self, path: &'a str, tool: &'a Tool, detail: Detail) {
        let mut at = self;
        for segment in path.split('.') {
            at = at.groups.entry(segment).or_default();
        }
        at.tool = Some((tool, detail));
    }

    pub fn declaration(&self) -> String {
        let mut out = String::from("declare const tools: {\n");
        self.write(1, false, &mut out);
        out.push_str("};\n");
        out
    }

    fn write(&self, indent: usize, open: bool, out: &mut String) {
        let margin = "  ".repeat(indent);
        for (name, node) in &self.groups {
            match node.tool {
                Some((each, detail)) if node.groups.is_empty() => {
                    out.push_str(&called(name, each, indent, detail, open).text);
                }
                of_its_own => {
                    out.push_str(&format!("{margin}{name}: {{\n"));
                    if let Some((each, detail)) = of_its_own {
                        // A tool that is a group too: an object that can be called.
                        out.push_str(&format!("{}  {};\n", margin, signature(each, indent + 1, detail, open).0));
                    }
                    node.write(indent + 1, open, out);
                    out.push_str(&format!("{margin}}};\n"));
                }
            }
        }
    }
}
