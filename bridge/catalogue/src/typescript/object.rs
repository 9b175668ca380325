//! In: a schema of objects. Out: an object type.
//! May touch: nothing.
//! Security boundary: yes; names of properties are a third party's.

use super::{Direction, Writer, doc};
use crate::limits::{FIELD_DESCRIPTION_BYTES_MAX, PROPERTIES_MAX};
use crate::names::is_identifier;
use crate::text::{fits_literal, literal};
use serde_json::{Map, Value};

/// Width up to which an object without comments stays on one line.
const LINE_BYTES_MAX: usize = 90;

/// A property as it is written in a type: bare where that is possible.
pub fn property_name(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { literal(name) }
}

impl Writer<'_> {
    pub(super) fn object(&mut self, schema: &Map<String, Value>, indent: usize) -> String {
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let members = self.members(schema, &required, indent + 1);
        if members.is_empty() {
            return "{}".to_owned();
        }
        let line = format!("{{ {} }}", members.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; "));
        let plain =
            members.iter().all(|(doc, _)| doc.is_none()) && !line.contains('\n') && line.len() <= LINE_BYTES_MAX;
        if self.compact || plain {
            return line;
        }
        let margin = "  ".repeat(indent + 1);
        let mut out = String::from("{\n");
        for (doc, text) in members {
            doc.into_iter().for_each(|doc| out.push_str(&format!("{margin}{doc}\n")));
            out.push_str(&format!("{margin}{text};\n"));
        }
        out.push_str(&"  ".repeat(indent));
        out.push('}');
        out
    }

    /// Required ones in the order of `required`, then the others by name: the same text, whatever order a map has.
    fn members(
        &mut self,
        schema: &Map<String, Value>,
        required: &[&str],
        indent: usize,
    ) -> Vec<(Option<String>, String)> {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let mut optional: Vec<&str> =
            properties.keys().map(String::as_str).filter(|name| !required.contains(name)).collect();
        optional.sort_unstable();
        let mut members = Vec::new();
        for name in required.iter().copied().chain(optional) {
            // Required and not described: still something that is there.
            let unknown = Value::Bool(true);
            let described = properties.get(name);
            let schema = described.unwrap_or(&unknown);
            let flag = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(true));
            let hidden = match self.direction {
                Direction::Input => flag("readOnly"),
                Direction::Output => flag("writeOnly"),
            };
            if hidden || !fits_literal(name) || members.len() >= PROPERTIES_MAX {
                continue;
            }
            let optional = if required.contains(&name) { "" } else { "?" };
            let text = format!("{}{optional}: {}", property_name(name), self.type_of(schema, indent));
            members.push((self.comment(schema), text));
        }
        members.extend(self.index(schema, !members.is_empty(), indent));
        members
    }

    /// `[key: string]: T`. Beside properties it must fit them too, and is `unknown`.
    fn index(&mut self, schema: &Map<String, Value>, beside: bool, indent: usize) -> Option<(Option<String>, String)> {
        let further = schema.get("additionalProperties");
        let patterns = schema.get("patternProperties").and_then(Value::as_object).filter(|all| !all.is_empty());
        let open = match further {
            None => !beside && patterns.is_none(),
            Some(further) => further != &Value::Bool(false),
        };
        let mut kinds: Vec<String> = Vec::new();
        kinds.extend(open.then(|| further.map_or("unknown".to_owned(), |further| self.type_of(further, indent))));
        kinds.extend(patterns.into_iter().flatten().map(|(_, schema)| self.type_of(schema, indent)));
        let empty = kinds.is_empty() && !beside && further == Some(&Value::Bool(false));
        if kinds.is_empty() && !empty {
            return None;
        }
        let kind = match () {
            () if empty => "never".to_owned(),
            () if beside => "unknown".to_owned(),
            () => super::union(kinds),
        };
        let patterns: Vec<String> = patterns.into_iter().flatten().map(|(pattern, _)| pattern.clone()).collect();
        let doc = (!patterns.is_empty() && !self.compact && !self.bare)
            .then(|| format!("/** Keys like {} */", crate::text::comment(&patterns.join(", "), 120)));
        Some((doc, format!("[key: string]: {kind}")))
    }

    fn comment(&self, schema: &Value) -> Option<String> {
        if self.compact || self.bare { None } else { doc(schema, FIELD_DESCRIPTION_BYTES_MAX) }
    }
}
