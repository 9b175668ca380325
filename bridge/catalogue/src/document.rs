//! In: the text of a description, JSON or YAML. Out: its parts by JSON pointer, as slices of the text.
//! May touch: nothing; a reference that leaves the document is refused, never fetched.
//! Security boundary: yes; every size is bounded, and a document is never a tree in memory as a whole: of 13 MB that
//! would be 200.

use crate::limits::{DOCUMENT_BYTES_MAX, REFERENCES_ELSEWHERE_MAX};
use crate::yaml;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;

/// A description, and its parts.
pub struct Document<'a> {
    root: &'a RawValue,
    /// Of `#/components/KIND`: its entries.
    components: RefCell<HashMap<String, HashMap<String, &'a RawValue>>>,
    elsewhere: Cell<usize>,
}

/// Keys and values in the order of the text.
pub type Entries<'a> = Vec<(String, &'a RawValue)>;

/// The text as JSON: YAML is translated, JSON is what it is.
pub fn as_json(text: &str) -> Result<Cow<'_, str>, String> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("the description has {} bytes; the limit is {DOCUMENT_BYTES_MAX}", text.len()));
    }
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(text).is_ok() {
        return Ok(Cow::Borrowed(text));
    }
    // JSON is YAML too, almost: what is neither gets the words of the parser that fits.
    if text.trim_start().starts_with('{') {
        let why = serde_json::from_str::<&RawValue>(text).err().map(|error| error.to_string()).unwrap_or_default();
        return yaml::as_json(text).map(Cow::Owned).map_err(|_| format!("not JSON: {why}"));
    }
    yaml::as_json(text).map(Cow::Owned).map_err(|error| format!("not YAML: {error}"))
}

impl<'a> Document<'a> {
    pub fn new(json: &'a str) -> Result<Document<'a>, String> {
        let root = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(Document { root, components: RefCell::default(), elsewhere: Cell::new(0) })
    }

    pub fn root(&self) -> &'a RawValue {
        self.root
    }

    /// Names below `#/components/KIND`, in order.
    pub fn names(&self, kind: &str) -> Vec<String> {
        let components = member(self.root, "components").and_then(|components| member(components, kind));
        components.map(entries).unwrap_or_default().into_iter().map(|(name, _)| name).collect()
    }

    /// What `#/a/b` points to.
    pub fn resolve(&self, reference: &str) -> Result<&'a RawValue, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!("`{}` is outside the document; nothing is fetched", shown(reference)));
        };
        let missing = || format!("`{}` is not in the document", shown(reference));
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!("`{}` is no JSON pointer", shown(reference)));
        }
        let steps: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
        if let [first, kind, name] = steps.as_slice()
            && first == "components"
        {
            return self.component(kind, name).ok_or_else(missing);
        }
        if self.elsewhere.replace(self.elsewhere.get() + 1) >= REFERENCES_ELSEWHERE_MAX {
            return Err(format!("more than {REFERENCES_ELSEWHERE_MAX} references to places other than #/components"));
        }
        steps.iter().try_fold(self.root, |at, step| step_into(at, step)).ok_or_else(missing)
    }

    fn component(&self, kind: &str, name: &str) -> Option<&'a RawValue> {
        let mut components = self.components.borrow_mut();
        if !components.contains_key(kind) {
            let found = member(self.root, "components").and_then(|all| member(all, kind));
            components.insert(kind.to_owned(), found.map(entries).unwrap_or_default().into_iter().collect());
        }
        components.get(kind)?.get(name).copied()
    }
}

/// Keys and values of an object; none of anything else.
pub fn entries(raw: &RawValue) -> Entries<'_> {
    serde_json::from_str::<Object<'_>>(raw.get()).map(|object| object.0).unwrap_or_default()
}

pub fn member<'a>(raw: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    entries(raw).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn step_into<'a>(raw: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    if raw.get().starts_with('[') {
        let items: Items<'a> = serde_json::from_str(raw.get()).ok()?;
        return items.0.get(step.parse::<usize>().ok()?).copied();
    }
    member(raw, step)
}

fn unescaped(step: &str) -> String {
    let plain = percent_encoding::percent_decode_str(step).decode_utf8_lossy();
    plain.replace("~1", "/").replace("~0", "~")
}

fn shown(reference: &str) -> String {
    crate::text::quoted(reference)
}

struct Object<'a>(Entries<'a>);
struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    entries.push((key, map.next_value::<&RawValue>()?));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<&RawValue>()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}
