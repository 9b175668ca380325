//! In: HTTP operations as an operator writes them: a method, a URL with names in braces. Out: a source.
//! May touch: nothing.
//! Security boundary: yes; a name in braces stands for a part of the path or a value of the query, never for a host.

use crate::limits::TOOL_DESCRIPTION_BYTES_MAX;
use crate::mcp::schema;
use crate::names::path_of;
use crate::openapi::servers::checked;
use crate::schema::Collector;
use crate::source::{Draft, LoadError, Source};
use crate::template::{self, placeholders};
use crate::text::{cut, quoted};
use crate::tool::{Body, BodyFields, Content, Hints, HttpOperation, Operation, Parameter, Place, Style};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One operation. Arguments that the URL names go there; of the others, `GET`, `HEAD` and `DELETE` put each in the query,
/// other methods all of them in a JSON body.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTool {
    /// `orders.get` or `getOrder`.
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub method: String,
    /// `https://api.example.com/orders/{id}?expand={expand}&v=2`
    pub url: String,
    /// JSON Schema of one object. Without it: the names of the URL, and `body` where the method has one.
    #[serde(default)]
    pub input_schema: Option<Value>,
    #[serde(default)]
    pub output_schema: Option<Value>,
}

const METHODS: [&str; 6] = ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"];

impl Source {
    /// Reads operations of a tenant's file. The operator can repair them, so one mistake is an error, not a warning.
    pub fn http(name: &str, tools: &[HttpTool]) -> Result<Source, LoadError> {
        Source::check_name(name)?;
        let mut collector = Collector::default();
        let mut drafts = Vec::new();
        for tool in tools {
            let draft = draft(tool, &mut collector);
            drafts.push(draft.map_err(|why| Source::unreadable(name, format!("`{}`: {why}", quoted(&tool.name))))?);
        }
        Source::build(name, drafts, collector)
    }
}

fn draft(tool: &HttpTool, collector: &mut Collector) -> Result<Draft, String> {
    let path = path_of(&tool.name).ok_or("no name can be made from its name")?;
    let method = tool.method.to_ascii_uppercase();
    if !METHODS.contains(&method.as_str()) {
        return Err(format!("the method `{}` is none of {}", quoted(&tool.method), METHODS.join(", ")));
    }
    let in_query = matches!(method.as_str(), "GET" | "HEAD" | "DELETE");
    let url = UrlTemplate::parse(&tool.url)?;
    let (input, fields) = match &tool.input_schema {
        Some(input) => declared(&tool.name, input, &url, collector)?,
        None => undeclared(&url, in_query),
    };
    let mut parameters = url.parameters;
    let mut body = None;
    if in_query {
        parameters.extend(fields.iter().map(|name| parameter(name, name, Place::Query)));
    } else if !fields.is_empty() {
        let fields = match &tool.input_schema {
            Some(_) => BodyFields::Flat(fields.iter().map(|name| name.as_str().into()).collect()),
            None => BodyFields::Whole("body".into()),
        };
        let content_type = "application/json".into();
        body = Some(Body { fields, content: Content::Json, content_type, deep: Box::default(), required: false });
    }
    let input = collector.text(&input)?;
    let output = tool.output_schema.as_ref();
    let output = output.map(|raw| schema(&tool.name, &format!("{path}Output"), raw, collector)).transpose()?;
    let description = cut(tool.description.trim(), TOOL_DESCRIPTION_BYTES_MAX);
    let read_only = matches!(method.as_str(), "GET" | "HEAD");
    Ok(Draft {
        path,
        origin: format!("`{}`", quoted(&tool.name)),
        summary: description.clone(),
        description,
        hints: Hints {
            read_only,
            idempotent: read_only || matches!(method.as_str(), "PUT" | "DELETE"),
            destructive: method == "DELETE",
        },
        operation: Operation::Http(HttpOperation {
            method: method.into(),
            base: url.base,
            path: url.path.into(),
            query: url.query.into(),
            parameters: parameters.into(),
            body,
            accept: "application/json, */*;q=0.5".into(),
        }),
        input,
        output,
    })
}

/// The schema of the operator, and the names in it that the URL does not have.
fn declared(
    about: &str,
    input: &Value,
    url: &UrlTemplate,
    collector: &mut Collector,
) -> Result<(Value, Vec<String>), String> {
    let text = schema(about, &format!("{about}Input"), input, collector)?;
    let mut schema: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let object = schema.as_object_mut().ok_or("`input_schema` is no object")?;
    object.insert("type".to_owned(), "object".into());
    object.insert("additionalProperties".to_owned(), false.into());
    let names: Vec<String> = match object.get("properties") {
        Some(Value::Object(properties)) => properties.keys().cloned().collect(),
        _ => Vec::new(),
    };
    if let Some(name) = url.names().find(|name| !names.iter().any(|known| known == name)) {
        return Err(format!("the URL names {{{}}}, and `input_schema` has no such property", quoted(name)));
    }
    let mut required: Vec<String> =
        object.get("required").and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default();
    required.extend(url.in_path().filter(|name| !required.iter().any(|known| known == name)).collect::<Vec<_>>());
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    let fields = names.into_iter().filter(|name| !url.names().any(|known| known == name)).collect();
    Ok((schema, fields))
}

fn undeclared(url: &UrlTemplate, in_query: bool) -> (Value, Vec<String>) {
    let one = || json!({"type": ["string", "number", "boolean"]});
    let mut properties: Map<String, Value> = url.names().map(|name| (name.to_owned(), one())).collect();
    let body = if in_query { Vec::new() } else { vec!["body".to_owned()] };
    body.iter().for_each(|name| drop(properties.insert(name.clone(), json!({}))));
    let required: Vec<String> = url.in_path().collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let (false, Some(schema)) = (required.is_empty(), schema.as_object_mut()) {
        schema.insert("required".to_owned(), json!(required));
    }
    (schema, body)
}

struct UrlTemplate {
    base: std::sync::Arc<str>,
    path: String,
    /// Pairs without names in braces.
    query: String,
    parameters: Vec<Parameter>,
}

impl UrlTemplate {
    fn parse(text: &str) -> Result<UrlTemplate, String> {
        let (scheme, rest) = text.split_once("://").ok_or("its URL has no scheme; write https://host/path")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains(['{', '}']) {
            return Err("its host has names in braces; write it in full".to_owned());
        }
        let base = checked(&format!("{scheme}://{authority}"))?;
        let path = if path.is_empty() { "/" } else { path };
        let mut parameters: Vec<Parameter> =
            placeholders(path)?.into_iter().map(|name| parameter(name, name, Place::Path)).collect();
        template::check(&base, path)?;
        let mut fixed = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (wire, value) = pair.split_once('=').unwrap_or((pair, ""));
            match value.strip_prefix('{').and_then(|value| value.strip_suffix('}')) {
                Some(name) => parameters.push(parameter(name, wire, Place::Query)),
                None if pair.contains(['{', '}', '#', ' ']) => {
                    return Err(format!(
                        "`{}` in its query is neither `name=text` nor `name={{argument}}`",
                        quoted(pair)
                    ));
                }
                None => fixed.push(pair),
            }
        }
        let query = fixed.join("&");
        Ok(UrlTemplate { base, path: path.to_owned(), query, parameters })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| &*parameter.argument)
    }

    fn in_path(&self) -> impl Iterator<Item = String> {
        let in_path = self.parameters.iter().filter(|parameter| parameter.place == Place::Path);
        in_path.map(|parameter| parameter.argument.to_string())
    }
}

fn parameter(argument: &str, wire: &str, place: Place) -> Parameter {
    let style = if place == Place::Path { Style::Simple } else { Style::Form };
    let explode = style == Style::Form;
    Parameter { argument: argument.into(), wire: wire.into(), place, style, explode, allow_reserved: false }
}
