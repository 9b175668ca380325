//! Intl from a script's side: the same text as ICU 78 writes for the same locale, options and value.
//!
//! `intl/expected.tsv` is a random part of 150,000 cases that were compared with Node.js 26: kind, arguments, text.

use crate::harness::script::{ORIGIN, error, json, result, run_with};
use mayfly::limits::{DEFAULTS, Limits};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EXPECTED: &str = include_str!("intl/expected.tsv");
const CASES: &str = include_str!("intl/cases.ts");

#[test]
fn texts_are_those_of_icu() {
    let mut kinds: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for line in EXPECTED.lines() {
        let mut columns = line.splitn(3, '\t');
        let (kind, args, text) = (columns.next().unwrap(), columns.next().unwrap(), columns.next().unwrap());
        let args: Value = serde_json::from_str(args).unwrap();
        kinds.entry(kind).or_default().push(json!([args, text]));
    }
    assert_eq!(kinds.len(), 19);
    let limits = Limits { cpu_ms: 60_000, ..DEFAULTS };
    for (kind, cases) in kinds {
        let (expected, input) = (cases.len(), json!({ "kind": kind, "cases": cases }).to_string());
        let told: Value = serde_json::from_str(&json(run_with(CASES, &input, &limits, ORIGIN))).unwrap();
        assert_eq!((&told["count"], &told["differing"]), (&json!(expected), &json!([])), "{kind}");
    }
}

#[test]
fn methods_of_numbers_dates_and_strings_follow_locales() {
    let source = r#"return [
        (1234567.891).toLocaleString(), (1234.5).toLocaleString("de-DE", { style: "currency", currency: "EUR" }),
        new Date(0).toLocaleDateString("en-GB", { timeZone: "UTC", dateStyle: "long" }), new Date(0).toLocaleString("en-US"),
        ["z", "ä", "a"].sort((a, b) => a.localeCompare(b, "de")).join(), "I".toLocaleLowerCase("tr"), [1234.5, 2].toLocaleString("de"),
    ]"#;
    let expected = json!([
        "1,234,567.891",
        "1.234,50\u{a0}€",
        "1 January 1970",
        "1/1/1970, 12:00:00 AM",
        "a,ä,z",
        "ı",
        "1.234,5,2"
    ]);
    assert_eq!(serde_json::from_str::<Value>(&result(source)).unwrap(), expected);
}

#[test]
fn a_locale_without_data_is_an_error_and_not_english() {
    let found = error("return new Intl.NumberFormat('sw').format(1)");
    assert_eq!(found.name, "RangeError");
    assert!(found.message.contains("'sw'"), "{}", found.message);
}
