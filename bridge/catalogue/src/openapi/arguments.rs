//! In: parameters and properties of a body. Out: one flat object of arguments, and its schema.
//! May touch: nothing.
//! Security boundary: no.

use crate::tool::Parameter;
use serde_json::{Map, Value, json};

/// The arguments of one operation.
#[derive(Default)]
pub(crate) struct Arguments {
    pub properties: Map<String, Value>,
    /// In the order in which they were declared: signatures keep it.
    pub required: Vec<String>,
    pub parameters: Vec<Parameter>,
    /// Other keywords of the schema: what a flattened body asks beyond its properties.
    pub further: Map<String, Value>,
}

impl Arguments {
    /// A name for an argument: its own, or with where it goes behind it.
    pub fn free(&self, name: &str, place: &str) -> String {
        let mut free = name.to_owned();
        while self.properties.contains_key(&free) {
            free = format!("{free}_{place}");
        }
        free
    }

    pub fn add(&mut self, name: &str, schema: Value, required: bool) {
        self.properties.insert(name.to_owned(), schema);
        if required {
            self.required.push(name.to_owned());
        }
    }

    /// Arguments that nobody declared are refused: a model that guesses a name must be told.
    pub fn schema(&self) -> Value {
        let mut schema = self.further.clone();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), Value::Object(self.properties.clone()));
        schema.insert("additionalProperties".to_owned(), false.into());
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        Value::Object(schema)
    }
}
