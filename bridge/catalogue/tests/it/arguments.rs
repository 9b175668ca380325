//! Arguments that do not fit, and what a model is told about them.

use crate::{catalogue, shop};
use mayfly_catalogue::check;
use serde_json::{Value, json};

fn said(path: &str, args: Value) -> String {
    check(shop().find(path).expect("a tool"), &args).expect_err("arguments that do not fit").to_string()
}

#[test]
fn what_fits_passes() {
    let shop = shop();
    let table = [
        ("shop.orders.list", json!({})),
        ("shop.orders.list", json!({"status": ["open"], "per_page": 100, "created": {"after": "not a date"}})),
        (
            "shop.orders.create",
            json!({"customer": "c", "lines": [{"sku": "s", "quantity": 1, "part_of": null}], "comment": null}),
        ),
        (
            "shop.orders.create",
            json!({"customer": "c", "lines": [{"sku": "s", "quantity": 1, "part_of": {"sku": "t", "quantity": 2}}]}),
        ),
        (
            "shop.orders.replace",
            json!({"order_id": 1, "body": {"customer": "c", "lines": [{"sku": "s", "quantity": 1}], "status": "open"}}),
        ),
        ("shop.payments.start", json!({"body": {"kind": "card", "number": "4"}})),
        ("shop.orders.attachReceipt", json!({"order_id": 1, "file": {"base64": "AA==", "filename": "a.png"}})),
        ("shop.import", json!({})),
    ];
    for (path, args) in table {
        let path = if path == "shop.import" { "shop.import.upload" } else { path };
        assert_eq!(check(shop.find(path).expect("a tool"), &args), Ok(()), "{path} {args}");
    }
}

#[test]
fn a_refusal_names_the_place_what_was_expected_and_what_came() {
    let line = |line: Value| json!({"customer": "c", "lines": [line]});
    let table = [
        ("shop.orders.get", json!({"order_id": "seven"}), "order_id must be a whole number, got \"seven\""),
        ("shop.orders.get", json!({"order_id": 0}), "order_id must be at least 1, got 0"),
        ("shop.orders.get", json!({}), "order_id is missing; it is a whole number"),
        (
            "shop.orders.get",
            json!({"order_id": null}),
            "order_id must be a whole number, got null; leave it out instead",
        ),
        ("shop.orders.get", json!({"orderId": 7, "order_id": 7}), "orderId is not known; did you mean order_id?"),
        ("shop.orders.get", json!({"order_id": 7, "zzz": 1}), "zzz is not known; known: order_id"),
        ("shop.orders.get", json!([7]), "takes one object with named arguments, got an array of 1"),
        (
            "shop.orders.list",
            json!({"status": ["open", "opened"]}),
            "status[1] must be one of \"open\", \"paid\", \"sent\", got \"opened\"",
        ),
        ("shop.orders.list", json!({"created": {"from": "x"}}), ""),
        ("shop.orders.create", line(json!({"sku": 3, "quantity": 1})), "lines[0].sku must be a string, got 3"),
        ("shop.orders.create", line(json!({"sku": "s"})), "lines[0].quantity is missing; it is a whole number"),
        (
            "shop.orders.create",
            line(json!({"sku": "s", "quantity": 1, "part_of": {"sku": "t"}})),
            "lines[0].part_of.quantity is missing; it is a whole number",
        ),
        (
            "shop.orders.create",
            json!({"customer": "c", "lines": []}),
            "lines must have at least 1 items, got an empty array",
        ),
        ("shop.payments.start", json!({"body": 7}), "body must be an object, got 7"),
        ("shop.payments.start", json!({"body": {"kind": "cash"}}), "body must be"),
        (
            "shop.orders.attachReceipt",
            json!({"order_id": 1, "file": "x", "note": "é".repeat(201)}),
            "note must have at most 200 characters, got \"é",
        ),
    ];
    for (path, args, expected) in table {
        if expected.is_empty() {
            continue;
        }
        let said = said(path, args);
        assert!(said.contains(&format!("{path}: {expected}")), "{said}");
    }
}

#[test]
fn several_mistakes_are_told_at_once_and_unknown_names_first() {
    let said = said("shop.orders.create", json!({"costumer": "c", "lines": [{"sku": 3, "quantity": 0}]}));
    let expected = "shop.orders.create: costumer is not known; did you mean customer?";
    assert!(said.starts_with(expected), "{said}");
    for part in
        ["customer is missing", "lines[0].sku must be a string, got 3", "lines[0].quantity must be at least 1, got 0"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn what_the_caller_wrote_is_quoted_short_and_visible() {
    let said = said("shop.orders.get", json!({"order_id": format!("{}\u{202e}\n", "x".repeat(10_000))}));
    assert!(said.len() < 200, "{said}");
    let said = self::said("shop.orders.get", json!({"order_id": 1, "a\u{202e}\nb": 1}));
    assert!(!said.contains(['\n', '\u{202e}']), "{said}");
}

#[test]
fn a_pattern_of_another_dialect_costs_the_pattern_and_not_the_tool() {
    let parameters = json!([{"name": "a", "in": "query", "schema": {"type": "string", "pattern": "(?<=\\K"}},
                            {"name": "b", "in": "query", "schema": {"type": "integer"}}]);
    let catalogue = catalogue(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!({}));
    let tool = catalogue.find("api.x").expect("a tool");
    assert_eq!(check(tool, &json!({"a": "anything"})), Ok(()));
    let said = check(tool, &json!({"b": "x"})).expect_err("the rest holds").to_string();
    assert_eq!(said, "api.x: b must be a whole number, got \"x\"");
}

/// A pattern that backtracks for ever ends, and the call is refused.
#[test]
fn a_pattern_that_never_ends_is_refused_soon() {
    let parameters = json!([{"name": "a", "in": "query", "schema": {"type": "string", "pattern": "^(a|aa)+\\1?b$"}}]);
    let catalogue = catalogue(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!({}));
    let start = std::time::Instant::now();
    let refused = check(catalogue.find("api.x").expect("a tool"), &json!({"a": "a".repeat(60)}));
    assert!(refused.is_err());
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn arguments_nested_too_deep_are_refused_before_anything_walks_them() {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let said = said("shop.orders.list", json!({"status": deep}));
    assert!(said.contains("nested more than 64 deep"), "{said}");
}
