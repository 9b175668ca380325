//! In: `If-Match` and `If-None-Match` of a request. Out: what they demand, with entity tags as we write them.
//! May touch: nothing.
//! Security boundary: no; the store holds them.

use crate::bridge::{Condition, Tags};
use crate::limits::CONDITION_TAGS_MAX;
use crate::respond::Problem;
use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};

/// RFC 9110, section 13.1. To write, a tag must be the current one, strongly: a weak one is none of ours.
pub(super) fn for_write(headers: &HeaderMap) -> Result<Condition, Problem> {
    let strong = |tags: Parsed| match tags {
        Parsed::Absent => Tags::Absent,
        Parsed::Any => Tags::Any,
        Parsed::List(list) => Tags::List(list.into_iter().filter(|(_, weak)| !weak).map(|(tag, _)| tag).collect()),
    };
    Ok(Condition { if_match: strong(parse(headers, IF_MATCH)?), if_none_match: strong(parse(headers, IF_NONE_MATCH)?) })
}

/// Whether a reader has this one already; here weak tags count.
pub(super) fn has_already(headers: &HeaderMap, current: &str) -> Result<bool, Problem> {
    Ok(match parse(headers, IF_NONE_MATCH)? {
        Parsed::Absent => false,
        Parsed::Any => true,
        Parsed::List(list) => list.iter().any(|(tag, _)| tag == current),
    })
}

enum Parsed {
    Absent,
    Any,
    /// Without quotes, and whether each is weak.
    List(Vec<(String, bool)>),
}

fn parse(headers: &HeaderMap, name: HeaderName) -> Result<Parsed, Problem> {
    let wrong = || Problem::bad_request(format!("`{name}`: write `*`, or entity tags in quotes as `etag` gives them"));
    let mut list = Vec::new();
    let values: Vec<&str> =
        headers.get_all(&name).iter().map(|value| value.to_str().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    match values.as_slice() {
        [] => return Ok(Parsed::Absent),
        [only] if only.trim() == "*" => return Ok(Parsed::Any),
        _ => {}
    }
    // A comma may stand in a tag of somebody else; ours have none, so such a list is refused and not misread.
    for tag in values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|tag| !tag.is_empty()) {
        let (tag, weak) = tag.strip_prefix("W/").map_or((tag, false), |tag| (tag, true));
        let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).filter(|tag| !tag.contains('"'));
        list.push((bare.ok_or_else(wrong)?.to_owned(), weak));
    }
    match list.len() {
        0 => Err(wrong()),
        1..=CONDITION_TAGS_MAX => Ok(Parsed::List(list)),
        _ => Err(Problem::bad_request(format!("`{name}`: more than {CONDITION_TAGS_MAX} entity tags"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn tags_are_read_as_rfc_9110_writes_them() {
        let list = |tags: &[&str]| Tags::List(tags.iter().map(|tag| (*tag).to_owned()).collect());
        for (values, expected) in [
            (&[][..], Tags::Absent),
            (&["*"], Tags::Any),
            (&[" * "], Tags::Any),
            (&["\"v1-a\""], list(&["v1-a"])),
            (&["\"v1-a\" , \"v2-b\"", "\"v3-c\","], list(&["v1-a", "v2-b", "v3-c"])),
            (&["W/\"v1-a\""], list(&[])),
            (&["\"\""], list(&[""])),
        ] {
            assert_eq!(for_write(&headers("if-match", values)).unwrap().if_match, expected, "{values:?}");
            assert_eq!(for_write(&headers("if-none-match", values)).unwrap().if_none_match, expected, "{values:?}");
        }
        let too_many = "\"a\",".repeat(CONDITION_TAGS_MAX + 1);
        for wrong in ["", "v1", "\"a", "a\"", "*, \"a\"", "\"a\"b\"", "w/\"a\"", "\"a,b\"", &too_many] {
            assert!(for_write(&headers("if-match", &[wrong])).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reader_has_it_already_also_by_a_weak_tag() {
        for (value, has) in
            [("\"v1\"", true), ("W/\"v1\"", true), ("*", true), ("\"v2\"", false), ("\"v2\", \"v1\"", true)]
        {
            assert_eq!(has_already(&headers("if-none-match", &[value]), "v1"), Ok(has), "{value}");
        }
    }
}
