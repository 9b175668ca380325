//! In: what a client calls a run by. Out: the same, within bounds; and whether a run is one of those that are looked for.
//! May touch: nothing.
//! Security boundary: no; they are the client's own words, and only its tenant is told them.

use mayfly_schemas::limits::{TAG_KEY_BYTES_MAX, TAG_VALUE_BYTES_MAX, TAGS_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tags of a run, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Arc<BTreeMap<String, String>>);

impl Tags {
    /// An error names the field.
    pub fn read(asked: BTreeMap<String, String>) -> Result<Tags, String> {
        if asked.len() > TAGS_MAX {
            return Err(format!("`tags`: has {}; the limit is {TAGS_MAX}", asked.len()));
        }
        for (key, value) in &asked {
            check_key(key).map_err(|why| format!("`tags`: {why}"))?;
            if value.len() > TAG_VALUE_BYTES_MAX {
                return Err(format!("`tags.{key}`: has {} bytes; the limit is {TAG_VALUE_BYTES_MAX}", value.len()));
            }
        }
        Ok(Tags(Arc::new(asked)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A tag that runs are looked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagWanted {
    key: String,
    /// `None`: whatever it is.
    value: Option<String>,
}

impl TagWanted {
    /// `key:value`, or `key` alone. No key has a colon in it.
    pub fn read(text: &str) -> Result<TagWanted, String> {
        let (key, value) = text.split_once(':').map_or((text, None), |(key, value)| (key, Some(value.to_owned())));
        check_key(key)?;
        Ok(TagWanted { key: key.to_owned(), value })
    }

    pub fn is_in(&self, tags: &Tags) -> bool {
        tags.0.get(&self.key).is_some_and(|value| self.value.as_ref().is_none_or(|wanted| wanted == value))
    }
}

fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.len() > TAG_KEY_BYTES_MAX {
        return Err(format!("a key has 1 to {TAG_KEY_BYTES_MAX} bytes, and not {}", key.len()));
    }
    match key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        true => Ok(()),
        false => Err(format!("{key:?} is no key: use letters, digits, `_`, `.` and `-`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Result<Tags, String> {
        Tags::read(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
    }

    #[test]
    fn tags_have_bounds_that_are_told_with_the_field() {
        assert!(tags(&[("a.b-c_D9", ""), ("user", &"x".repeat(TAG_VALUE_BYTES_MAX))]).is_ok());
        let many: Vec<(String, &str)> = (0..=TAGS_MAX).map(|number| (format!("t{number}"), "")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        for (pairs, words) in [
            (many.as_slice(), "`tags`: has 17; the limit is 16"),
            (&[("", "x")], "`tags`: a key has 1 to 64 bytes, and not 0"),
            (&[(&"k".repeat(65), "x")], "and not 65"),
            (&[("a b", "x")], "`tags`: \"a b\" is no key"),
            (&[("a:b", "x")], "is no key"),
            (&[("a", &"x".repeat(TAG_VALUE_BYTES_MAX + 1))], "`tags.a`: has 257 bytes; the limit is 256"),
        ] {
            let told = tags(pairs).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn a_tag_is_wanted_by_its_key_or_with_its_value() {
        let run = tags(&[("user", "ann"), ("url", "http://x"), ("empty", "")]).unwrap();
        for (wanted, found) in [
            ("user", true),
            ("user:ann", true),
            ("user:bob", false),
            ("user:", false),
            ("url:http://x", true),
            ("empty:", true),
            ("empty", true),
            ("other", false),
        ] {
            assert_eq!(TagWanted::read(wanted).unwrap().is_in(&run), found, "{wanted}");
        }
        assert!(TagWanted::read("").is_err() && TagWanted::read(":x").is_err() && TagWanted::read("a b:c").is_err());
    }
}
