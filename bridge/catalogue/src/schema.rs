//! In: schemas as third parties write them: OpenAPI 3.0, 3.1, JSON Schema drafts. Out: one dialect, JSON Schema 2020-12,
//! with references only to `#/$defs/NAME`.
//! May touch: nothing.
//! Security boundary: yes; what this file does not know is left out. A reference that cannot be followed becomes a
//! schema that takes anything, with a warning: one bad corner must not take an API's other thousand operations away.

use crate::definitions::{Definitions, PREFIX, unique};
use crate::document::Document;
use crate::limits::{
    DEFINITIONS_MAX, FIELD_DESCRIPTION_BYTES_MAX, LITERAL_BYTES_MAX, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX, WARNINGS_MAX,
};
use crate::names::type_name;
use crate::text::{cut, quoted};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet, VecDeque};

/// The shared schemas of one source, while it is read.
#[derive(Default)]
pub struct Collector {
    definitions: Vec<(Box<str>, Box<str>)>,
    taken: HashSet<String>,
    bytes: usize,
    warnings: Vec<String>,
    unsaid: usize,
}

/// One document of the source: references are relative to it.
pub struct Scope<'c, 'd> {
    pub document: &'d Document<'d>,
    collector: &'c mut Collector,
    /// OpenAPI 3.0: what stands beside `$ref` has no meaning.
    lonely_refs: bool,
    /// For names of what is not under `#/components/schemas`.
    prefix: String,
    names: HashMap<String, String>,
    asked: HashSet<String>,
    waiting: VecDeque<(String, String)>,
}

impl Collector {
    pub fn warn(&mut self, about: &str, what: &str) {
        if self.warnings.len() >= WARNINGS_MAX {
            self.unsaid += 1;
            return;
        }
        self.warnings.push(format!("{about}: {what}"));
    }

    pub fn first_warning(&self) -> Option<&str> {
        self.warnings.first().map(String::as_str)
    }

    /// The text of a schema, counted against what a source may keep.
    pub fn text(&mut self, schema: &Value) -> Result<Box<str>, String> {
        let text = schema.to_string();
        self.bytes += text.len();
        if self.bytes > SCHEMA_BYTES_MAX {
            return Err(format!("the schemas of this source have more than {SCHEMA_BYTES_MAX} bytes"));
        }
        Ok(text.into())
    }

    pub fn finish(mut self) -> (Definitions, Vec<String>) {
        if self.unsaid > 0 {
            self.warnings.push(format!("and {} more warnings", self.unsaid));
        }
        let (definitions, unknown) =
            Definitions::new(std::mem::take(&mut self.definitions), std::mem::take(&mut self.taken));
        for name in unknown.iter().take(WARNINGS_MAX) {
            self.warnings
                .push(format!("{name}: refers to itself, or to too many others, about the same value; it is unknown"));
        }
        (definitions, self.warnings)
    }
}

impl<'c, 'd> Scope<'c, 'd> {
    pub fn new(collector: &'c mut Collector, document: &'d Document<'d>, prefix: &str, lonely_refs: bool) -> Self {
        let (names, asked, waiting) = (HashMap::new(), HashSet::new(), VecDeque::new());
        let mut scope = Scope { document, collector, lonely_refs, prefix: type_name(prefix), names, asked, waiting };
        // All at once and in their order, so that a name does not depend on who asks first.
        for name in document.names("schemas").into_iter().take(DEFINITIONS_MAX) {
            let free = unique(&type_name(&name), &mut scope.collector.taken);
            let pointer = format!("#/components/schemas/{}", name.replace('~', "~0").replace('/', "~1"));
            scope.names.insert(pointer, free);
        }
        scope
    }

    pub fn warn(&mut self, about: &str, what: &str) {
        self.collector.warn(about, what);
    }

    pub fn text(&mut self, schema: &Value) -> Result<Box<str>, String> {
        self.collector.text(schema)
    }

    /// The schema in our dialect. What it refers to is read by `finish`.
    pub fn schema(&mut self, about: &str, raw: &Value) -> Value {
        self.walk(about, raw, 0)
    }

    /// Reads what was referred to, and what that refers to.
    pub fn finish(mut self) {
        while let Some((pointer, name)) = self.waiting.pop_front() {
            let raw = self.document.resolve(&pointer).and_then(|raw| {
                serde_json::from_str::<Value>(raw.get()).map_err(|error| format!("{}: {error}", quoted(&pointer)))
            });
            let schema = match raw {
                Ok(raw) => self.walk(&name, &raw, 0),
                Err(why) => {
                    self.warn(&name, &why);
                    json!({})
                }
            };
            match self.collector.text(&schema) {
                Ok(text) => self.collector.definitions.push((name.into(), text)),
                Err(why) => {
                    self.warn(&name, &why);
                    self.collector.definitions.push((name.into(), "{}".into()));
                }
            }
        }
    }

    fn walk(&mut self, about: &str, raw: &Value, depth: usize) -> Value {
        let raw = match raw {
            Value::Bool(_) => return raw.clone(),
            Value::Object(raw) if depth <= SCHEMA_DEPTH_MAX => raw,
            Value::Object(_) => {
                self.warn(about, &format!("a schema is nested more than {SCHEMA_DEPTH_MAX} deep; the rest is unknown"));
                return json!({});
            }
            _ => {
                self.warn(about, "a schema is no object; it is read as unknown");
                return json!({});
            }
        };
        let mut out = Map::new();
        if let Some(Value::String(text)) = raw.get("description") {
            out.insert("description".to_owned(), cut(text.trim(), FIELD_DESCRIPTION_BYTES_MAX).into());
        }
        if let Some(Value::String(reference)) = raw.get("$ref") {
            match self.name(reference) {
                Ok(name) => drop(out.insert("$ref".to_owned(), format!("{PREFIX}{name}").into())),
                Err(why) => self.warn(about, &why),
            }
            if self.lonely_refs {
                return Value::Object(out);
            }
        }
        plain(raw, &mut out);
        self.nested(about, raw, &mut out, depth + 1);
        if raw.get("nullable") == Some(&Value::Bool(true)) {
            return nullable(out);
        }
        Value::Object(out)
    }

    /// The name of what a reference leads to; it is read later.
    fn name(&mut self, reference: &str) -> Result<String, String> {
        let known = self.names.get(reference).cloned();
        let name = match known {
            Some(name) => name,
            None => {
                self.document.resolve(reference)?;
                if self.names.len() >= DEFINITIONS_MAX {
                    return Err(format!("more than {DEFINITIONS_MAX} shared schemas"));
                }
                let steps: Vec<&str> = reference.split('/').collect();
                let name = match steps.as_slice() {
                    ["#", "$defs" | "definitions", name] => type_name(name),
                    [.., last] if steps.len() > 1 => format!("{}{}", self.prefix, type_name(last)),
                    _ => self.prefix.clone(),
                };
                let name = unique(&name, &mut self.collector.taken);
                self.names.insert(reference.to_owned(), name.clone());
                name
            }
        };
        if self.asked.insert(name.clone()) {
            self.waiting.push_back((reference.to_owned(), name.clone()));
        }
        Ok(name)
    }

    fn nested(&mut self, about: &str, raw: &Map<String, Value>, out: &mut Map<String, Value>, depth: usize) {
        for (keyword, value) in raw {
            let read = match (keyword.as_str(), value) {
                ("items", Value::Array(items)) => {
                    let items = items.iter().map(|item| self.walk(about, item, depth)).collect();
                    if let Some(rest) = raw.get("additionalItems") {
                        out.insert("items".to_owned(), self.walk(about, rest, depth));
                    }
                    out.insert("prefixItems".to_owned(), Value::Array(items));
                    continue;
                }
                (
                    "items"
                    | "additionalProperties"
                    | "not"
                    | "if"
                    | "then"
                    | "else"
                    | "contains"
                    | "propertyNames"
                    | "unevaluatedProperties"
                    | "unevaluatedItems",
                    schema,
                ) => self.walk(about, schema, depth),
                ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(all)) if !all.is_empty() => {
                    all.iter().map(|schema| self.walk(about, schema, depth)).collect()
                }
                ("properties" | "patternProperties" | "dependentSchemas", Value::Object(all)) => {
                    let each = |(name, schema): (&String, &Value)| (name.clone(), self.walk(about, schema, depth));
                    Value::Object(all.iter().map(each).collect())
                }
                ("dependencies", Value::Object(all)) => {
                    let lists = all.iter().filter(|(_, value)| value.is_array());
                    let lists = lists.map(|(name, list)| (name.clone(), strings(list))).collect();
                    out.insert("dependentRequired".to_owned(), Value::Object(lists));
                    let schemas = all.iter().filter(|(_, value)| !value.is_array());
                    let schemas = schemas.map(|(name, schema)| (name.clone(), self.walk(about, schema, depth)));
                    let schemas = Value::Object(schemas.collect());
                    out.insert("dependentSchemas".to_owned(), schemas);
                    continue;
                }
                ("dependentRequired", Value::Object(all)) => {
                    all.iter().map(|(name, list)| (name.clone(), strings(list))).collect()
                }
                _ => continue,
            };
            out.insert(keyword.clone(), read);
        }
    }
}

/// Keywords without schemas in them, where their values are of the right type.
fn plain(raw: &Map<String, Value>, out: &mut Map<String, Value>) {
    for (keyword, value) in raw {
        let taken = match keyword.as_str() {
            "minimum" | "maximum" => value.is_number(),
            "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
            "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains"
            | "maxContains" => value.is_u64(),
            "uniqueItems" | "readOnly" | "writeOnly" | "deprecated" => value == &Value::Bool(true),
            "format" | "pattern" => value.is_string(),
            "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
            "const" => true,
            "default" => value.to_string().len() <= LITERAL_BYTES_MAX,
            _ => false,
        };
        if taken {
            out.insert(keyword.clone(), value.clone());
        }
    }
    // OpenAPI 3.1 says `contentMediaType` where 3.0 said `format: binary`.
    if raw.contains_key("contentMediaType") && !raw.contains_key("contentEncoding") && !raw.contains_key("format") {
        out.insert("format".to_owned(), "binary".into());
    }
    // OpenAPI 3.0 and draft 4: whether the limit itself is outside.
    for (limit, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if raw.get(exclusive) == Some(&Value::Bool(true))
            && let Some(value) = out.remove(limit)
        {
            out.insert(exclusive.to_owned(), value);
        }
    }
    if let Some(required) = raw.get("required").filter(|required| required.is_array()) {
        out.insert("required".to_owned(), strings(required));
    }
    match raw.get("type") {
        Some(Value::String(name)) if is_type(name) => drop(out.insert("type".to_owned(), name.clone().into())),
        Some(Value::Array(names)) => {
            let names = strings(&Value::Array(names.clone()));
            let all = names.as_array().is_some_and(|names| !names.is_empty() && names.iter().all(known_type));
            all.then(|| out.insert("type".to_owned(), names));
        }
        _ => {}
    }
}

fn known_type(name: &Value) -> bool {
    name.as_str().is_some_and(is_type)
}

fn is_type(name: &str) -> bool {
    matches!(name, "null" | "boolean" | "object" | "array" | "number" | "string" | "integer")
}

/// The strings of a list, each once.
fn strings(list: &Value) -> Value {
    let mut seen = HashSet::new();
    let strings = list.as_array().into_iter().flatten().filter(|value| value.is_string());
    strings.filter(|value| seen.insert(value.as_str())).cloned().collect()
}

/// OpenAPI 3.0: the same, or null.
fn nullable(mut schema: Map<String, Value>) -> Value {
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    let elsewhere = ["$ref", "const", "anyOf", "oneOf", "allOf", "not", "if"];
    if elsewhere.iter().any(|keyword| schema.contains_key(*keyword)) {
        let description = schema.remove("description");
        let mut out = Map::new();
        description.into_iter().for_each(|text| drop(out.insert("description".to_owned(), text)));
        for keyword in ["readOnly", "writeOnly", "deprecated", "default"] {
            schema.remove(keyword).into_iter().for_each(|value| drop(out.insert(keyword.to_owned(), value)));
        }
        out.insert("anyOf".to_owned(), json!([schema, {"type": "null"}]));
        return Value::Object(out);
    }
    match schema.get_mut("type") {
        Some(Value::Array(names)) if !names.contains(&"null".into()) => names.push("null".into()),
        Some(name @ Value::String(_)) if name != "null" => *name = json!([name.take(), "null"]),
        _ => {}
    }
    Value::Object(schema)
}
