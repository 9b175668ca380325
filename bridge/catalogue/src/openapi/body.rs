//! In: the `requestBody` of an operation. Out: arguments for it, and how they become a body.
//! May touch: nothing.
//! Security boundary: no.

use super::Reading;
use super::arguments::Arguments;
use crate::text::quoted;
use crate::tool::{Body, BodyFields, Content};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// What a media type means for us, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Media {
    Json,
    Form,
    Multipart,
    Text,
    Binary,
}

pub(super) fn media_of(text: &str) -> Media {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "text/json" | "*/*" | "application/*" => Media::Json,
        json if json.starts_with("application/") && json.ends_with("+json") => Media::Json,
        "application/x-www-form-urlencoded" => Media::Form,
        "multipart/form-data" => Media::Multipart,
        "application/xml" | "application/yaml" | "application/graphql" => Media::Text,
        text if text.starts_with("text/") || text.ends_with("+xml") => Media::Text,
        _ => Media::Binary,
    }
}

/// A file as an argument: text, or bytes in base64.
fn binary(schema: &Value) -> Value {
    let mut out = json!({"anyOf": [
        {"type": "string"},
        {"type": "object", "additionalProperties": false, "required": ["base64"], "properties": {
            "base64": {"type": "string"}, "filename": {"type": "string"}, "type": {"type": "string"}}},
    ]});
    if let (Some(text), Some(out)) = (schema.get("description"), out.as_object_mut()) {
        out.insert("description".to_owned(), text.clone());
    }
    out
}

impl Reading<'_, '_, '_> {
    pub(super) fn body(
        &mut self,
        about: &str,
        operation: &Value,
        arguments: &mut Arguments,
    ) -> Result<Option<Body>, String> {
        let Some(request) = operation.get("requestBody") else { return Ok(None) };
        let request = self.follow(request)?;
        let content = request.get("content").and_then(Value::as_object);
        let Some((name, media)) = content.into_iter().flatten().min_by_key(|(name, _)| media_of(name)) else {
            return Ok(None);
        };
        let required = request.get("required").and_then(Value::as_bool) == Some(true);
        let kind = media_of(name);
        if !name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(format!("`{}` is no media type", quoted(name)));
        }
        let raw = media.get("schema").cloned().unwrap_or_else(|| json!({}));
        let object = match kind {
            Media::Json | Media::Form | Media::Multipart => self.flat(&raw, arguments)?,
            Media::Text | Media::Binary => None,
        };
        let fields = match object {
            Some(object) => self.flatten(about, &object, (kind, required), arguments),
            None => {
                let schema = self.whole(about, &raw, kind, request.get("description"));
                let free = if arguments.properties.contains_key("body") { "requestBody" } else { "body" };
                let free = arguments.free(free, "body");
                arguments.add(&free, schema, required);
                BodyFields::Whole(free.into())
            }
        };
        let (content, content_type) = match kind {
            Media::Json if name.contains('*') => (Content::Json, "application/json"),
            Media::Json => (Content::Json, name.as_str()),
            Media::Form => (Content::FormUrlencoded, "application/x-www-form-urlencoded"),
            Media::Multipart => (Content::Multipart, "multipart/form-data"),
            Media::Text if name.contains('*') => (Content::Text, "text/plain"),
            Media::Text => (Content::Text, name.as_str()),
            Media::Binary if name.contains('*') => (Content::Binary, "application/octet-stream"),
            Media::Binary => (Content::Binary, name.as_str()),
        };
        let encoding = media.get("encoding").and_then(Value::as_object);
        let is_deep = |encoding: &Value| encoding.get("style") == Some(&"deepObject".into());
        let deep = encoding.into_iter().flatten().filter(|(_, one)| is_deep(one)).map(|(name, _)| name.as_str().into());
        Ok(Some(Body { fields, content, content_type: content_type.into(), deep: deep.collect(), required }))
    }

    fn whole(&mut self, about: &str, raw: &Value, kind: Media, description: Option<&Value>) -> Value {
        let mut schema = match kind {
            Media::Binary => binary(raw),
            Media::Text => json!({"type": "string"}),
            _ => self.scope.schema(about, raw),
        };
        if let (Some(text), Some(schema)) = (description.filter(|text| text.is_string()), schema.as_object_mut()) {
            schema.entry("description").or_insert(text.clone());
        }
        schema
    }

    /// The schema of a body whose properties can stand beside the parameters; `None` when they cannot.
    fn flat(&mut self, raw: &Value, arguments: &Arguments) -> Result<Option<Rc<Value>>, String> {
        let schema = match self.follow(raw) {
            Ok(schema) => schema,
            // A body that cannot be known is one unknown argument, and a warning.
            Err(_) => return Ok(None),
        };
        let Some(object) = schema.as_object() else { return Ok(None) };
        let is_object = match object.get("type") {
            None => true,
            Some(Value::Array(names)) => names.contains(&"object".into()),
            Some(name) => name == "object",
        };
        let properties = object.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty());
        let Some(properties) = properties.filter(|_| is_object) else { return Ok(None) };
        let closed = !matches!(object.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_)));
        let collides = properties.keys().any(|name| arguments.properties.contains_key(name));
        let simple = closed && !collides && is_further_open(object);
        let whole = ["patternProperties", "minProperties", "maxProperties", "propertyNames", "const", "enum"];
        let fits = simple && whole.iter().all(|keyword| !object.contains_key(*keyword));
        Ok(fits.then_some(schema))
    }

    fn flatten(
        &mut self,
        about: &str,
        raw: &Value,
        (kind, required): (Media, bool),
        arguments: &mut Arguments,
    ) -> BodyFields {
        let mut schema = self.scope.schema(about, raw);
        let Some(object) = schema.as_object_mut() else { return BodyFields::Flat(Box::default()) };
        let mut take = |keyword: &str| object.remove(keyword);
        let Some(Value::Object(properties)) = take("properties") else { return BodyFields::Flat(Box::default()) };
        let read_only = |schema: &Value| schema.get("readOnly") == Some(&Value::Bool(true));
        let properties: Vec<(String, Value)> =
            properties.into_iter().filter(|(_, schema)| !read_only(schema)).collect();
        let known = |name: &String| properties.iter().any(|(property, _)| property == name);
        let listed: Vec<String> = take("required").and_then(|all| serde_json::from_value(all).ok()).unwrap_or_default();
        let listed: Vec<String> = listed.into_iter().filter(known).collect();
        for keyword in FURTHER {
            take(keyword).into_iter().for_each(|value| drop(arguments.further.insert(keyword.to_owned(), value)));
        }
        if !required && !listed.is_empty() {
            // No body at all is allowed; one with a part of what it needs is not.
            let each = properties.iter().map(|(name, _)| (name.clone(), json!(listed)));
            let entry = arguments.further.entry("dependentRequired").or_insert_with(|| json!({}));
            if let Some(dependent) = entry.as_object_mut() {
                for (name, list) in each {
                    dependent.entry(name).or_insert(list);
                }
            }
        }
        let names: Vec<Box<str>> = properties.iter().map(|(name, _)| name.as_str().into()).collect();
        for (name, schema) in properties {
            let schema = if kind == Media::Multipart { file(schema) } else { schema };
            arguments.properties.insert(name, schema);
        }
        if required {
            arguments.required.extend(listed);
        }
        BodyFields::Flat(names.into())
    }
}

/// What a body asks beyond its properties; it says the same of an object that has parameters besides.
const FURTHER: [&str; 9] =
    ["anyOf", "oneOf", "allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"];

/// Whether these keywords say nothing about properties that they do not name.
fn is_further_open(schema: &Map<String, Value>) -> bool {
    FURTHER.iter().filter_map(|keyword| Some((*keyword, schema.get(*keyword)?))).all(|(keyword, value)| {
        match (keyword, value) {
            ("dependentRequired", _) => true,
            ("dependentSchemas", Value::Object(all)) => all.values().all(is_open),
            (_, Value::Array(all)) => all.iter().all(is_open),
            (_, schema) => is_open(schema),
        }
    })
}

fn is_open(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return false };
    let closing = ["$ref", "minProperties", "maxProperties", "propertyNames", "patternProperties", "const", "enum"];
    let extra = ["additionalProperties", "unevaluatedProperties"];
    schema.get("type").is_none_or(|name| name == "object")
        && closing.iter().all(|keyword| !schema.contains_key(*keyword))
        && extra.iter().all(|keyword| schema.get(*keyword).is_none_or(|value| value == &Value::Bool(true)))
        && is_further_open(schema)
}

/// In a multipart body, what is binary is a file.
fn file(schema: Value) -> Value {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    // OpenAPI 3.1 writes a file as a schema that says nothing.
    let says_nothing = |object: &Map<String, Value>| object.keys().all(|keyword| keyword == "description");
    if text("format") == Some("binary") || schema.as_object().is_some_and(says_nothing) {
        return binary(&schema);
    }
    if let Some(items) = schema.get("items").filter(|items| items.get("format") == Some(&"binary".into())) {
        let mut list = schema.clone();
        if let Some(list) = list.as_object_mut() {
            list.insert("items".to_owned(), binary(items));
        }
        return list;
    }
    schema
}
