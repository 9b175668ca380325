//! In: an OpenAPI description, 3.0 or 3.1, JSON or YAML. Out: a source with a tool for each operation.
//! May touch: nothing.
//! Security boundary: yes; the text is a third party's. An operation that makes no sense is left out with a warning.

mod arguments;
mod body;
mod parameters;
mod response;
pub mod servers;

use crate::document::{Document, Entries, as_json, entries, member};
use crate::limits::{OPERATIONS_MAX, REFERENCE_CHAIN_MAX, TOOL_DESCRIPTION_BYTES_MAX};
use crate::names::{path_of, path_of_request};
use crate::schema::{Collector, Scope};
use crate::source::{Draft, LoadError, Source};
use crate::template;
use crate::text::{cut, quoted};
use crate::tool::{Hints, HttpOperation, Operation};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// What operations of one description are read with.
pub(crate) struct Reading<'s, 'c, 'd> {
    scope: &'s mut Scope<'c, 'd>,
    /// Parameters, bodies and responses that are referred to.
    parsed: HashMap<String, Rc<Value>>,
    /// Of the operator, before every `servers`.
    base: Option<Arc<str>>,
    bases: HashMap<String, Arc<str>>,
}

/// Where an operation stands.
struct Place<'a> {
    method: &'a str,
    path: &'a str,
    /// Of the path, for all its methods.
    parameters: &'a [Value],
    servers: [Option<&'a RawValue>; 2],
}

impl Source {
    /// Reads an OpenAPI 3.0 or 3.1 description. `base` is used in place of its `servers`, and is needed where they are
    /// relative or not there.
    pub fn openapi(name: &str, text: &str, base: Option<&str>) -> Result<Source, LoadError> {
        Source::check_name(name)?;
        let unreadable = |why: String| Source::unreadable(name, why);
        let json = as_json(text).map_err(unreadable)?;
        let document = Document::new(&json).map_err(unreadable)?;
        let root = entries(document.root());
        let version = version(&root).map_err(unreadable)?;
        let base = base.map(servers::checked).transpose().map_err(unreadable)?;
        let mut collector = Collector::default();
        let mut scope = Scope::new(&mut collector, &document, name, version.starts_with("3.0"));
        let mut reading = Reading { scope: &mut scope, parsed: HashMap::new(), base, bases: HashMap::new() };
        let drafts = reading.paths(&root).map_err(unreadable)?;
        scope.finish();
        Source::build(name, drafts, collector)
    }
}

fn version(root: &Entries<'_>) -> Result<String, String> {
    let text = |key: &str| find(root, key).map(|raw| raw.get().trim_matches('"').to_owned());
    match (text("openapi"), text("swagger")) {
        (Some(version), _) if version.starts_with("3.") => Ok(version),
        (Some(version), _) => Err(format!("OpenAPI {} is not read; 3.0 and 3.1 are", quoted(&version))),
        (None, Some(version)) => Err(format!("Swagger {} is not read; convert it to OpenAPI 3", quoted(&version))),
        (None, None) => Err("no OpenAPI description: the key `openapi` is missing".to_owned()),
    }
}

fn find<'a>(entries: &Entries<'a>, key: &str) -> Option<&'a RawValue> {
    entries.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
}

impl Reading<'_, '_, '_> {
    fn paths(&mut self, root: &Entries<'_>) -> Result<Vec<Draft>, String> {
        let mut drafts = Vec::new();
        let root_servers = find(root, "servers");
        let paths = find(root, "paths").map(entries).unwrap_or_default();
        for (path, item) in &paths {
            let item = match self.path_item(item) {
                Ok(item) => item,
                Err(why) => {
                    self.scope.warn(&quoted(path), &why);
                    continue;
                }
            };
            let parameters: Vec<Value> =
                find(&item, "parameters").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            let servers = [find(&item, "servers"), root_servers];
            for (method, raw) in item.iter().filter(|(key, _)| METHODS.contains(&key.as_str())) {
                let place = Place { method, path, parameters: &parameters, servers };
                match self.operation(&place, raw) {
                    Ok(draft) => drafts.push(draft),
                    Err((origin, why)) => self.scope.warn(&origin, &format!("left out: {why}")),
                }
                if drafts.len() > OPERATIONS_MAX {
                    return Err(format!("more than {OPERATIONS_MAX} operations"));
                }
            }
        }
        Ok(drafts)
    }

    fn path_item<'r>(&self, raw: &'r RawValue) -> Result<Entries<'r>, String>
    where
        Self: Sized,
    {
        match member(raw, "$ref") {
            None => Ok(entries(raw)),
            Some(_) => Err("a path that is a reference is not read".to_owned()),
        }
    }

    fn operation(&mut self, place: &Place<'_>, raw: &RawValue) -> Result<Draft, (String, String)> {
        let mut origin = quoted(&format!("{} {}", place.method.to_ascii_uppercase(), place.path));
        let value: Value = serde_json::from_str(raw.get()).map_err(|error| (origin.clone(), error.to_string()))?;
        let id = value.get("operationId").and_then(Value::as_str);
        if let Some(id) = id {
            origin = format!("{origin} ({})", quoted(id));
        }
        let path = id.and_then(path_of).or_else(|| path_of_request(place.method, place.path));
        self.draft(place, &value, &origin, path).map_err(|why| (origin, why))
    }

    fn draft(&mut self, place: &Place<'_>, value: &Value, origin: &str, path: Option<String>) -> Result<Draft, String> {
        let path = path.ok_or("no name can be made from its operationId or path")?;
        let base = self.base_of(value, place)?;
        template::check(&base, place.path)?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        let (summary, long) = (text("summary"), text("description"));
        let old = if value.get("deprecated") == Some(&Value::Bool(true)) { "Deprecated. " } else { "" };
        let mut arguments = self.parameters(origin, place, value)?;
        let body = self.body(origin, value, &mut arguments)?;
        let (output, accept) = self.response(origin, value)?;
        let input = self.scope.text(&arguments.schema())?;
        let output = output.map(|schema| self.scope.text(&schema)).transpose()?;
        let operation = HttpOperation {
            method: place.method.to_ascii_uppercase().into(),
            base,
            path: place.path.into(),
            query: "".into(),
            parameters: arguments.parameters.into(),
            body,
            accept: accept.into(),
        };
        Ok(Draft {
            path,
            origin: origin.to_owned(),
            summary: cut(if summary.is_empty() { long } else { summary }, TOOL_DESCRIPTION_BYTES_MAX),
            description: cut(&format!("{old}{}", described(summary, long)), TOOL_DESCRIPTION_BYTES_MAX),
            hints: hints(place.method),
            operation: Operation::Http(operation),
            input,
            output,
        })
    }

    /// The value, or what it refers to.
    fn follow(&mut self, value: &Value) -> Result<Rc<Value>, String> {
        let Some(mut reference) = value.get("$ref").and_then(Value::as_str).map(str::to_owned) else {
            return Ok(Rc::new(value.clone()));
        };
        for _ in 0..REFERENCE_CHAIN_MAX {
            let found = match self.parsed.get(&reference) {
                Some(found) => found.clone(),
                None => {
                    let raw = self.scope.document.resolve(&reference)?;
                    let found: Rc<Value> = Rc::new(serde_json::from_str(raw.get()).map_err(|error| error.to_string())?);
                    self.parsed.insert(reference.clone(), found.clone());
                    found
                }
            };
            match found.get("$ref").and_then(Value::as_str) {
                None => return Ok(found),
                Some(next) => reference = next.to_owned(),
            }
        }
        Err(format!("`{}` leads through more than {REFERENCE_CHAIN_MAX} references", quoted(&reference)))
    }
}

fn described(summary: &str, long: &str) -> String {
    if summary.is_empty() || long.starts_with(summary) {
        return long.to_owned();
    }
    let stop = if summary.ends_with(['.', '!', '?']) { "" } else { "." };
    if long.is_empty() { summary.to_owned() } else { format!("{summary}{stop} {long}") }
}

/// What the method promises (RFC 9110, 9.2). `DELETE` alone is called destructive: it is what removes.
fn hints(method: &str) -> Hints {
    let read_only = matches!(method, "get" | "head" | "options");
    Hints { read_only, idempotent: read_only || matches!(method, "put" | "delete"), destructive: method == "delete" }
}
