//! In: the tools of an MCP server, as `tools/list` gives them. Out: a source.
//! May touch: nothing.
//! Security boundary: yes; the server is a third party. A tool that makes no sense is left out with a warning.

use crate::document::Document;
use crate::limits::{DOCUMENT_BYTES_MAX, OPERATIONS_MAX, TOOL_DESCRIPTION_BYTES_MAX};
use crate::names::path_of;
use crate::schema::{Collector, Scope};
use crate::source::{Draft, LoadError, Source};
use crate::text::{cut, quoted};
use crate::tool::{Hints, Operation};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// One entry of `tools/list` (MCP 2025-06-18 and later; fields that are not known are ignored).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct McpTool {
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub input_schema: Value,
    pub output_schema: Option<Value>,
    pub annotations: Option<McpAnnotations>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct McpAnnotations {
    pub read_only_hint: Option<bool>,
    pub destructive_hint: Option<bool>,
    pub idempotent_hint: Option<bool>,
}

impl Source {
    /// Reads the tools of an MCP server.
    pub fn mcp(name: &str, tools: &[McpTool]) -> Result<Source, LoadError> {
        Source::check_name(name)?;
        if tools.len() > OPERATIONS_MAX {
            return Err(Source::unreadable(name, format!("{} tools; the limit is {OPERATIONS_MAX}", tools.len())));
        }
        let mut collector = Collector::default();
        let mut drafts: Vec<Draft> = Vec::new();
        let mut origins: HashMap<String, String> = HashMap::new();
        for tool in tools {
            let about = format!("tool `{}`", quoted(&tool.name));
            match draft(tool, &mut collector) {
                // The operator cannot give either of them another name.
                Ok(draft) if origins.contains_key(&draft.path) => {
                    let first = origins.get(&draft.path).map_or("", String::as_str);
                    collector.warn(&about, &format!("left out: {first} is `{}` already", draft.path));
                }
                Ok(draft) => {
                    origins.insert(draft.path.clone(), draft.origin.clone());
                    drafts.push(draft);
                }
                Err(why) => collector.warn(&about, &format!("left out: {why}")),
            }
        }
        Source::build(name, drafts, collector)
    }
}

fn draft(tool: &McpTool, collector: &mut Collector) -> Result<Draft, String> {
    let path = path_of(&tool.name).ok_or("no name can be made from its name")?;
    if !tool.input_schema.is_object() {
        return Err("it has no `inputSchema`".to_owned());
    }
    let last = path.rsplit('.').next().unwrap_or_default().to_owned();
    let input = schema(&tool.name, &format!("{last}Input"), &tool.input_schema, collector)?;
    let output = tool.output_schema.as_ref().filter(|schema| schema.is_object());
    let output = output.map(|output| schema(&tool.name, &format!("{last}Output"), output, collector)).transpose()?;
    let description = tool.description.as_deref().unwrap_or_default().trim();
    let summary = tool.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(description);
    Ok(Draft {
        path,
        origin: format!("tool `{}`", quoted(&tool.name)),
        summary: cut(summary, TOOL_DESCRIPTION_BYTES_MAX),
        description: cut(if description.is_empty() { summary } else { description }, TOOL_DESCRIPTION_BYTES_MAX),
        hints: hints(tool.annotations.unwrap_or_default()),
        operation: Operation::Mcp { tool: tool.name.as_str().into() },
        input,
        output,
    })
}

/// A schema is a document of its own: its references begin at its root.
pub(crate) fn schema(about: &str, name: &str, raw: &Value, collector: &mut Collector) -> Result<Box<str>, String> {
    let text = raw.to_string();
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("a schema of {} bytes; the limit is {DOCUMENT_BYTES_MAX}", text.len()));
    }
    let document = Document::new(&text)?;
    let mut scope = Scope::new(collector, &document, name, false);
    let schema = scope.schema(&quoted(about), raw);
    let text = scope.text(&schema)?;
    scope.finish();
    Ok(text)
}

/// The defaults are MCP's: what says nothing may write, and may destroy.
fn hints(annotations: McpAnnotations) -> Hints {
    let read_only = annotations.read_only_hint.unwrap_or(false);
    Hints {
        read_only,
        idempotent: read_only || annotations.idempotent_hint.unwrap_or(false),
        destructive: !read_only && annotations.destructive_hint.unwrap_or(true),
    }
}
