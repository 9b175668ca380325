//! In: a schema and arguments. Out: whether holding the one against the other is cheap enough to do.
//! May touch: nothing.
//! Security boundary: yes; unions of references multiply: forty levels of `anyOf: [next, next]` are a short description,
//! and 2^40 comparisons. This counts them without making them, because it counts each pair of schema and value once.

use crate::definitions::{Definitions, PREFIX, references};
use crate::limits::VALIDATION_STEPS_MAX;
use serde_json::Value;
use std::collections::HashMap;

/// Whether a validator that tries every branch would end within `limits::VALIDATION_STEPS_MAX` steps. Values are nested
/// less than `limits::ARGUMENT_DEPTH_MAX`, and no reference leads back to itself at once: `definitions.rs` saw to it.
pub fn is_affordable(definitions: &Definitions, schema: &Value, args: &Value) -> bool {
    if references(schema).is_empty() {
        // Then every schema meets every value at most once.
        return true;
    }
    let all: HashMap<&str, Value> = definitions.needed(schema).map(|shared| (&*shared.name, shared.schema())).collect();
    Count { definitions: &all, known: HashMap::new() }.of(schema, args) <= VALIDATION_STEPS_MAX
}

struct Count<'a> {
    definitions: &'a HashMap<&'a str, Value>,
    /// By the addresses of schema and value.
    known: HashMap<(*const Value, *const Value), u64>,
}

impl<'a> Count<'a> {
    fn of(&mut self, schema: &'a Value, value: &'a Value) -> u64 {
        let Value::Object(keywords) = schema else { return 1 };
        let pair = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
        if let Some(known) = self.known.get(&pair) {
            return *known;
        }
        if self.known.len() as u64 >= VALIDATION_STEPS_MAX {
            return u64::MAX;
        }
        let mut sum: u64 = 1;
        for (keyword, inner) in keywords {
            let steps = match (keyword.as_str(), inner) {
                ("$ref", Value::String(reference)) => {
                    let target = reference.strip_prefix(PREFIX).and_then(|name| self.definitions.get(name));
                    target.map_or(0, |target| self.of(target, value))
                }
                ("anyOf" | "oneOf" | "allOf", Value::Array(all)) => self.sum(all.iter().map(|one| (one, value))),
                ("not" | "if" | "then" | "else", one) => self.of(one, value),
                ("dependentSchemas", Value::Object(all)) => self.sum(all.values().map(|one| (one, value))),
                (keyword, inner) => self.parts(keyword, inner, value),
            };
            sum = sum.saturating_add(steps);
        }
        self.known.insert(pair, sum);
        sum
    }

    /// Keywords that speak about what is inside of a value.
    fn parts(&mut self, keyword: &str, inner: &'a Value, value: &'a Value) -> u64 {
        match (keyword, inner, value) {
            ("properties", Value::Object(all), Value::Object(value)) => {
                self.sum(all.iter().filter_map(|(name, one)| Some((one, value.get(name)?))))
            }
            // Every pattern may match every name.
            ("patternProperties", Value::Object(all), Value::Object(value)) => {
                self.sum(all.values().flat_map(|one| value.values().map(move |part| (one, part))))
            }
            ("additionalProperties", one, Value::Object(value)) => self.sum(value.values().map(|part| (one, part))),
            ("items" | "contains", one, Value::Array(value)) => self.sum(value.iter().map(|part| (one, part))),
            ("prefixItems", Value::Array(all), Value::Array(value)) => self.sum(all.iter().zip(value)),
            _ => 0,
        }
    }

    fn sum(&mut self, pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> u64 {
        pairs.fold(0, |sum, (schema, value)| sum.saturating_add(self.of(schema, value)))
    }
}
