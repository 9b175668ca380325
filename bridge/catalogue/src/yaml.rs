//! In: a text in YAML. Out: the same as JSON, written while it is read.
//! May touch: nothing.
//! Security boundary: yes; aliases multiply, so what is written is bounded, not what is read. There is no tree in between:
//! of GitHub's description it would take 200 MB, and leave 60 of them in pieces.

use crate::limits::{DOCUMENT_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The text as JSON, or the first line of what is wrong with it.
pub fn as_json(text: &str) -> Result<String, String> {
    // `no` is a word: Norway is a country (YAML 1.2).
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: YAML_DEPTH_MAX, max_nodes: YAML_NODES_MAX },
        strict_booleans: true,
    };
    let json: Json = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
    Ok(json.0)
}

struct Json(String);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        let mut out = String::new();
        Writer { out: &mut out, key: false }.deserialize(deserializer)?;
        Ok(Json(out))
    }
}

/// Writes one value behind what is there. A key is a string, whatever it was: `200:` among responses is a number.
struct Writer<'a> {
    out: &'a mut String,
    key: bool,
}

impl Writer<'_> {
    fn scalar<E: Error>(self, value: &Value) -> Result<(), E> {
        let text = value.to_string();
        match value {
            Value::String(_) => self.out.push_str(&text),
            _ if self.key => self.out.push_str(&Value::String(text).to_string()),
            _ => self.out.push_str(&text),
        }
        if self.out.len() > DOCUMENT_BYTES_MAX {
            return Err(E::custom(format!("more than {DOCUMENT_BYTES_MAX} bytes after aliases were followed")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what JSON has too")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(&value.into())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(&value.into())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(&value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(&value.into())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(&value.into())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(&Value::Null)
    }
    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.scalar(&Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.key {
            return Err(A::Error::custom("a key is a list"));
        }
        self.out.push('[');
        let start = self.out.len();
        loop {
            // The comma goes before the item, and back where there is none.
            let end = self.out.len();
            if end > start {
                self.out.push(',');
            }
            if items.next_element_seed(Writer { out: self.out, key: false })?.is_none() {
                self.out.truncate(end);
                break;
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if self.key {
            return Err(A::Error::custom("a key is a mapping"));
        }
        self.out.push('{');
        let start = self.out.len();
        loop {
            let end = self.out.len();
            if end > start {
                self.out.push(',');
            }
            if entries.next_key_seed(Writer { out: self.out, key: true })?.is_none() {
                self.out.truncate(end);
                break;
            }
            self.out.push(':');
            entries.next_value_seed(Writer { out: self.out, key: false })?;
        }
        self.out.push('}');
        Ok(())
    }
}
