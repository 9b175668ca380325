//! In: the parameters of a path and of its operation. Out: arguments, and where each goes in the request.
//! May touch: nothing.
//! Security boundary: yes; headers that are the connection's or the bridge's are never a parameter.

use super::arguments::Arguments;
use super::{Place, Reading};
use crate::limits::{FIELD_DESCRIPTION_BYTES_MAX, PARAMETERS_MAX};
use crate::template;
use crate::text::{cut, quoted};
use crate::tool::{self, Parameter, Style};
use serde_json::{Value, json};
use std::rc::Rc;

/// Described elsewhere in the description (OpenAPI 3.1, 4.8.12.2.1), so they are no parameters.
const IGNORED: [&str; 3] = ["accept", "content-type", "authorization"];
const FORBIDDEN: [&str; 11] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "cookie",
    "accept-encoding",
    "keep-alive",
];

impl Reading<'_, '_, '_> {
    pub(super) fn parameters(
        &mut self,
        about: &str,
        place: &Place<'_>,
        operation: &Value,
    ) -> Result<Arguments, String> {
        let own = operation.get("parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut merged: Vec<(String, String, Rc<Value>)> = Vec::new();
        for parameter in place.parameters.iter().chain(own) {
            let parameter = self.follow(parameter)?;
            let text = |key: &str| parameter.get(key).and_then(Value::as_str).map(str::to_owned);
            let (Some(name), Some(at)) = (text("name"), text("in")) else {
                return Err("a parameter has no `name` or no `in`".to_owned());
            };
            match merged.iter_mut().find(|(known, place, _)| *known == name && *place == at) {
                Some(known) => known.2 = parameter,
                None => merged.push((name, at, parameter)),
            }
        }
        if merged.len() > PARAMETERS_MAX {
            return Err(format!("{} parameters; the limit is {PARAMETERS_MAX}", merged.len()));
        }
        let mut arguments = Arguments::default();
        let placeholders = template::placeholders(place.path)?;
        // Those of the path first: they keep their names where another place has the same.
        merged.sort_by_key(|(_, at, _)| at != "path");
        for (name, at, parameter) in &merged {
            if at == "path" && !placeholders.contains(&name.as_str()) {
                self.scope.warn(about, &format!("the parameter `{}` is not in the path", quoted(name)));
                continue;
            }
            self.parameter(about, name, at, parameter, &mut arguments)?;
        }
        let in_path =
            |wire: &str| arguments.parameters.iter().any(|p| p.place == tool::Place::Path && &*p.wire == wire);
        match placeholders.iter().find(|name| !in_path(name)) {
            Some(name) => Err(format!("the path names {{{}}}, and no parameter does", quoted(name))),
            None => Ok(arguments),
        }
    }

    fn parameter(
        &mut self,
        about: &str,
        name: &str,
        at: &str,
        parameter: &Value,
        arguments: &mut Arguments,
    ) -> Result<(), String> {
        let Some(place) = place(at) else {
            return Err(format!("the parameter `{}` is in `{}`, which is not known", quoted(name), quoted(at)));
        };
        if place == tool::Place::Header {
            let lower = name.to_ascii_lowercase();
            if IGNORED.contains(&lower.as_str()) {
                return Ok(());
            }
            if FORBIDDEN.contains(&lower.as_str()) || lower.starts_with("proxy-") || !is_token(name) {
                self.scope.warn(about, &format!("the header `{}` cannot be an argument", quoted(name)));
                return Ok(());
            }
        }
        if place == tool::Place::Cookie && !is_token(name) {
            self.scope.warn(about, &format!("the cookie `{}` cannot be an argument", quoted(name)));
            return Ok(());
        }
        let flag = |key: &str| parameter.get(key).and_then(Value::as_bool);
        let content = parameter.get("content").and_then(Value::as_object).and_then(|all| all.values().next());
        let raw = content.and_then(|media| media.get("schema")).or_else(|| parameter.get("schema"));
        let mut schema = match raw {
            Some(raw) => self.scope.schema(about, raw),
            None => json!({"type": "string"}),
        };
        if let (Some(text), Some(schema)) =
            (parameter.get("description").and_then(Value::as_str), schema.as_object_mut())
        {
            schema.insert("description".to_owned(), cut(text.trim(), FIELD_DESCRIPTION_BYTES_MAX).into());
        }
        let style = match (content, parameter.get("style").and_then(Value::as_str)) {
            (Some(_), _) => Style::Json,
            (None, word) => style(place, word).ok_or_else(|| format!("`{}` has an unknown style", quoted(name)))?,
        };
        let argument = arguments.free(name, at);
        let required = place == tool::Place::Path || flag("required") == Some(true);
        arguments.add(&argument, schema, required);
        arguments.parameters.push(Parameter {
            argument: argument.into(),
            wire: name.into(),
            place,
            style,
            explode: flag("explode").unwrap_or(matches!(style, Style::Form | Style::DeepObject)),
            // GitHub marks what spans segments with an extension; OpenAPI 3.2 has `allowReserved` for it.
            allow_reserved: flag("allowReserved").or_else(|| flag("x-multi-segment")) == Some(true)
                && matches!(place, tool::Place::Path | tool::Place::Query),
        });
        Ok(())
    }
}

fn place(at: &str) -> Option<tool::Place> {
    Some(match at {
        "path" => tool::Place::Path,
        "query" => tool::Place::Query,
        "header" => tool::Place::Header,
        "cookie" => tool::Place::Cookie,
        _ => return None,
    })
}

fn style(place: tool::Place, word: Option<&str>) -> Option<Style> {
    Some(match (place, word) {
        (tool::Place::Path | tool::Place::Header, None | Some("simple")) => Style::Simple,
        (tool::Place::Path, Some("label")) => Style::Label,
        (tool::Place::Path, Some("matrix")) => Style::Matrix,
        (tool::Place::Query | tool::Place::Cookie, None | Some("form")) => Style::Form,
        (tool::Place::Query, Some("spaceDelimited")) => Style::SpaceDelimited,
        (tool::Place::Query, Some("pipeDelimited")) => Style::PipeDelimited,
        (tool::Place::Query, Some("deepObject")) => Style::DeepObject,
        _ => return None,
    })
}

/// A field name of HTTP (RFC 9110, 5.6.2).
fn is_token(name: &str) -> bool {
    let odd = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || odd(byte))
}
