//! What declarations say, to the letter.

use crate::{JSON, YAML, api, catalogue, shop};
use mayfly_catalogue::{Catalogue, Source};
use serde_json::{Value, json};

#[test]
fn the_shop_is_declared_to_the_letter() {
    let expected = include_str!("fixtures/orders.d.ts");
    assert_eq!(shop().declarations(), expected);
}

/// Both descriptions say the same, each in the words of its version.
#[test]
fn both_versions_of_openapi_declare_the_same() {
    let of = |text| Catalogue::new(vec![Source::openapi("shop", text, None).expect("it loads")]).expect("one source");
    assert_eq!(of(JSON).declarations(), of(YAML).declarations());
}

/// The type of a result with this schema.
fn type_of(schema: Value) -> String {
    let schemas = json!({"node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/node"}}}});
    let response = json!({"200": {"content": {"application/json": {"schema": schema}}}});
    let catalogue = catalogue(json!({"/x": {"get": {"operationId": "x", "responses": response}}}), schemas);
    let text = catalogue.declarations();
    let line = text.split_once("x(): Promise<").map(|(_, rest)| rest).expect("the operation");
    line.rsplit_once(">;").map(|(kind, _)| kind.to_owned()).expect("the end of its type")
}

#[test]
fn schemas_become_types() {
    let table = [
        (json!({}), "unknown"),
        (json!(true), "unknown"),
        (json!(false), "never"),
        (json!({"type": "integer"}), "number"),
        (json!({"type": ["string", "null"]}), "string | null"),
        (json!({"type": "string", "nullable": true}), "string | null"),
        (json!({"type": "array"}), "unknown[]"),
        (json!({"type": "array", "items": {"type": ["string", "null"]}}), "(string | null)[]"),
        (json!({"items": {"enum": ["a", "b"]}}), "(\"a\" | \"b\")[]"),
        (json!({"prefixItems": [{"type": "string"}, {"type": "number"}]}), "[string, number]"),
        (json!({"prefixItems": [{"type": "string"}, {"type": "number"}], "minItems": 1}), "[string, number?]"),
        (
            json!({"type": "array", "items": [{"type": "string"}], "additionalItems": {"type": "number"}}),
            "[string, ...number[]]",
        ),
        (json!({"enum": ["a", 1, null, true, "it's \"q\""]}), "\"a\" | 1 | null | true | \"it's \\\"q\\\"\""),
        (json!({"enum": [{"a": [1]}]}), "{ a: [1] }"),
        (json!({"const": -1}), "-1"),
        (json!({"type": "object"}), "{ [key: string]: unknown }"),
        (json!({"type": "object", "additionalProperties": {"type": "number"}}), "{ [key: string]: number }"),
        (json!({"type": "object", "additionalProperties": false}), "{ [key: string]: never }"),
        (json!({"properties": {"b": {}, "a": {"type": "string"}}, "required": ["b"]}), "{ b: unknown; a?: string }"),
        (json!({"required": ["a"]}), "unknown"),
        (json!({"type": "object", "required": ["a"]}), "{ a: unknown }"),
        (json!({"properties": {"a b": {"type": "null"}, "2": {}}}), "{ \"2\"?: unknown; \"a b\"?: null }"),
        (
            json!({"patternProperties": {"^x-": {"type": "string"}}}),
            "{\n      /** Keys like ^x- */\n      [key: string]: string;\n    }",
        ),
        (
            json!({"properties": {"a": {"type": "number"}}, "additionalProperties": {"type": "string"}}),
            "{ a?: number; [key: string]: unknown }",
        ),
        (json!({"anyOf": [{"type": "string"}, {"type": "number"}]}), "string | number"),
        (json!({"oneOf": [{"type": "string"}, {"type": "string"}]}), "string"),
        (json!({"anyOf": [{"type": "string"}, {}]}), "unknown"),
        (json!({"anyOf": [{"$ref": "#/components/schemas/node"}, {"type": "null"}]}), "api.Node | null"),
        (
            json!({"allOf": [{"$ref": "#/components/schemas/node"}, {"properties": {"a": {"type": "null"}}}]}),
            "api.Node & { a?: null }",
        ),
        (
            json!({"type": "object", "oneOf": [{"$ref": "#/components/schemas/node"}, {"type": "null"}]}),
            "api.Node | null",
        ),
        (json!({"properties": {"a": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}), "{ a?: unknown }"),
        (
            json!({"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}, {"properties": {"c": {}}}]}),
            "{ a?: unknown } & ({ b?: unknown } | { c?: unknown })",
        ),
        (json!({"type": "string", "description": "d", "format": "date"}), "string"),
        (json!({"nullable": true, "allOf": [{"$ref": "#/components/schemas/node"}]}), "api.Node | null"),
        (json!({"type": "string", "enum": ["a"], "nullable": true}), "\"a\" | null"),
        (json!({"$ref": "#/components/schemas/node"}), "api.Node"),
        (json!({"type": "file"}), "unknown"),
        (json!({"type": []}), "unknown"),
    ];
    for (schema, expected) in table {
        assert_eq!(type_of(schema.clone()), expected, "{schema}");
    }
}

#[test]
fn comments_say_what_types_cannot() {
    let schema = json!({"required": ["a"], "properties": {
        "a": {"type": "integer", "description": "How\n many.", "default": 3, "minimum": 1, "maximum": 9, "deprecated": true},
        "b": {"type": "string", "format": "date-time"}}});
    let expected = "{\n      /** How many. @default 3 @minimum 1 @maximum 9 @deprecated */\n      a: number;\n      \
                    /** @format date-time */\n      b?: string;\n    }";
    assert_eq!(type_of(schema), expected);
}

/// A shared type that is only itself has no meaning and would be an error of TypeScript.
#[test]
fn circles_without_anything_in_them_are_unknown() {
    let same = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let schemas = json!({
        "a": same("b"), "b": {"anyOf": [same("a"), {"type": "null"}]},
        "list": {"type": "array", "items": same("list")},
        "uses": {"allOf": [same("a"), {"properties": {"x": same("list")}}]}});
    let response = json!({"200": {"content": {"application/json": {"schema": same("uses")}}}});
    let source = api(json!({"/x": {"get": {"operationId": "x", "responses": response}}}), schemas).expect("it loads");
    assert_eq!(source.warnings().len(), 2, "{:?}", source.warnings());
    let text = Catalogue::new(vec![source]).expect("one source").declarations();
    assert!(text.contains("  type A = unknown;\n"), "{text}");
    assert!(text.contains("  type List = List[];\n"), "{text}");
    assert!(text.contains("  type Uses = A & { x?: List };\n"), "{text}");
}

#[test]
fn names_of_shared_types_are_identifiers_hide_nothing_and_stay_apart() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let names = ["Promise", "simple-user", "SimpleUser", "2fa", "ünï", "__proto__", "a\"b\nc"];
    let schemas: serde_json::Map<String, Value> = names.iter().map(|name| (name.to_string(), schema.clone())).collect();
    let refs: Vec<Value> = names.iter().map(|name| json!({"$ref": format!("#/components/schemas/{name}")})).collect();
    let response = json!({"200": {"content": {"application/json": {"schema": {"prefixItems": refs}}}}});
    let catalogue = catalogue(json!({"/x": {"get": {"operationId": "x", "responses": response}}}), json!(schemas));
    let text = catalogue.declarations();
    assert!(
        text.contains(
            "Promise<[api.Promise_, api.SimpleUser2, api.SimpleUser, api._2fa, api.N, api.Proto__, api.ABC]>"
        ),
        "{text}"
    );
}
