//! In: the `[[tools]]` of a tenant file. Out: its catalogue, and for each set the rule under which its own operations go.
//! May touch: the documents that the file names, by reading them.
//! Security boundary: yes; importing a set grants what its own operations reach, with its own credential, and nothing else.

use crate::fields::{At, Reading, Table};
use crate::patterns::Pattern;
use crate::tenants::{Credential, Rule, check_rule, credential_of};
use mayfly_catalogue::{Catalogue, HttpTool, Operation, Source, Tool};
use mayfly_schemas::limits::TOOL_DOCUMENT_BYTES_MAX;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::DeValue;

const KEYS: [&str; 9] =
    ["name", "openapi", "base", "operation", "mcp", "mcp_command", "credential", "private", "approve"];
const OPERATION_KEYS: [&str; 6] = ["name", "description", "method", "url", "input_schema", "output_schema"];

/// A tenant's tools.
#[derive(Default)]
pub struct Toolbox {
    pub catalogue: Catalogue,
    /// By the base of the operations, for each set.
    grants: BTreeMap<(String, String), Arc<Rule>>,
    /// What was left out of documents, and why.
    pub warnings: Vec<String>,
}

impl Toolbox {
    /// What the set of this tool grants to its own operations.
    pub fn grant(&self, tool: &Tool) -> Option<&Arc<Rule>> {
        let Operation::Http(operation) = &tool.operation else { return None };
        self.grants.get(&(tool.source().to_owned(), operation.base.to_string()))
    }
}

/// What sets of tools are read with.
pub struct Shelf<'a> {
    pub folder: &'a Path,
    pub credentials: &'a [Arc<Credential>],
    pub known: &'a HashSet<String>,
    /// Documents that were read: their change makes the tenant a new one.
    pub files: &'a mut Vec<PathBuf>,
}

pub fn read(reading: &mut Reading<'_>, root: Table<'_>, shelf: &mut Shelf<'_>) -> Toolbox {
    let mut toolbox = Toolbox::default();
    let mut sources = Vec::new();
    for table in reading.tables(root, "tools") {
        if let Some(source) = set(reading, table, shelf, &mut toolbox.grants) {
            toolbox
                .warnings
                .extend(source.warnings().iter().map(|text| format!("tools \"{}\": {text}", source.name())));
            sources.push(source);
        }
    }
    match Catalogue::new(sources) {
        Ok(catalogue) => toolbox.catalogue = catalogue,
        Err(error) => reading.mistake(root.at, error.to_string()),
    }
    toolbox
}

type Grants = BTreeMap<(String, String), Arc<Rule>>;

fn set(reading: &mut Reading<'_>, table: Table<'_>, shelf: &mut Shelf<'_>, grants: &mut Grants) -> Option<Source> {
    reading.only(table, &KEYS);
    for key in ["mcp", "mcp_command", "approve"] {
        if let Some(value) = table.map.get(key) {
            reading.hinted(
                value.span().start,
                format!("`{key}` comes in a later version"),
                "give `openapi`, or [[tools.operation]]",
            );
        }
    }
    let name = reading.required(table, "name", "this [[tools]]")?;
    let credential = credential_of(reading, table, shelf.credentials, shelf.known);
    let private = reading.flag(table, "private");
    let source = source(reading, table, &name, shelf)?;
    let bases: HashSet<String> = source.tools().iter().filter_map(base).collect();
    for base in bases {
        let Ok(pattern) = Pattern::parse(&format!("{base}/**")) else {
            reading.mistake(name.at, format!("no call can be sent to `{base}`"));
            continue;
        };
        check_rule(reading, table, true, &pattern, credential.is_some(), private);
        let rule = Rule {
            name: format!("tools {}", name.value),
            allow: true,
            pattern,
            methods: Vec::new(),
            credential: credential.clone().flatten(),
            private,
        };
        grants.insert((name.value.to_owned(), base), Arc::new(rule));
    }
    Some(source)
}

fn base(tool: &Tool) -> Option<String> {
    match &tool.operation {
        Operation::Http(operation) => Some(operation.base.to_string()),
        Operation::Mcp { .. } => None,
    }
}

/// From a document or from operations written here: exactly one.
fn source(reading: &mut Reading<'_>, table: Table<'_>, name: &At<&str>, shelf: &mut Shelf<'_>) -> Option<Source> {
    let (document, base) = (reading.text(table, "openapi"), reading.text(table, "base"));
    let operations = reading.tables(table, "operation");
    let made = match (document, operations.is_empty()) {
        (Some(file), true) => {
            let text = document_text(reading, &file, shelf)?;
            (file.at, Source::openapi(name.value, &text, base.map(|base| base.value)))
        }
        (None, false) => {
            let tools: Vec<HttpTool> = operations.into_iter().filter_map(|table| operation(reading, table)).collect();
            (table.at, Source::http(name.value, &tools))
        }
        (Some(file), false) => {
            let hint = "write two [[tools]] with names of their own";
            reading.hinted(file.at, "this [[tools]] has both `openapi` and operations", hint);
            return None;
        }
        (None, true) => {
            let hint = "`openapi = \"api.json\"`, or a [[tools.operation]] for each call";
            reading.hinted(table.at, "this [[tools]] has no operations", hint);
            return None;
        }
    };
    let (at, made) = made;
    made.map_err(|error| reading.mistake(at, error.to_string())).ok()
}

fn document_text(reading: &mut Reading<'_>, file: &At<&str>, shelf: &mut Shelf<'_>) -> Option<String> {
    if file.value.contains("://") {
        let hint = "download the document beside this file and give its path";
        reading.hinted(file.at, "documents are read from files, not from the network", hint);
        return None;
    }
    let path = shelf.folder.join(file.value);
    shelf.files.push(path.clone());
    let mut text = String::new();
    let read = std::fs::File::open(&path)
        .and_then(|opened| opened.take(TOOL_DOCUMENT_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 <= TOOL_DOCUMENT_BYTES_MAX => Some(text),
        Ok(_) => {
            reading.mistake(file.at, format!("{} is above {TOOL_DOCUMENT_BYTES_MAX} bytes", path.display()));
            None
        }
        Err(error) => {
            let hint = "paths are relative to the folder of this file";
            reading.hinted(file.at, format!("{} cannot be read: {}", path.display(), error.kind()), hint);
            None
        }
    }
}

fn operation(reading: &mut Reading<'_>, table: Table<'_>) -> Option<HttpTool> {
    reading.only(table, &OPERATION_KEYS);
    let name = reading.required(table, "name", "this [[tools.operation]]");
    let url = reading.required(table, "url", "this [[tools.operation]]");
    let (description, method) = (reading.text(table, "description"), reading.text(table, "method"));
    let schema = |key: &str| table.map.get(key).map(|value| json(value.get_ref()));
    Some(HttpTool {
        name: name?.value.to_owned(),
        description: description.map_or("", |text| text.value).to_owned(),
        method: method.map_or("GET", |text| text.value).to_owned(),
        url: url?.value.to_owned(),
        input_schema: schema("input_schema"),
        output_schema: schema("output_schema"),
    })
}

/// A schema written in TOML is the same in JSON.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())));
            Value::Object(fields.collect::<Map<String, Value>>())
        }
    }
}
