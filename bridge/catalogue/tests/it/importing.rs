//! What an OpenAPI description becomes: names, hints, warnings, errors.

use crate::{JSON, YAML, api, shop};
use mayfly_catalogue::{Catalogue, LoadError, Operation, Source};
use serde_json::{Value, json};

fn paths(source: &Source) -> Vec<&str> {
    source.tools().iter().map(|tool| &*tool.path).collect()
}

/// An API with operations of these ids.
fn with_ids(ids: &[&str]) -> Result<Source, LoadError> {
    let paths = ids.iter().enumerate().map(|(at, id)| (format!("/p{at}"), json!({"get": {"operationId": id}})));
    api(Value::Object(paths.collect()), json!({}))
}

#[test]
fn every_operation_of_the_shop_is_a_tool() {
    for text in [JSON, YAML] {
        let source = Source::openapi("shop", text, None).expect("it loads");
        assert_eq!(source.warnings(), [] as [&str; 0]);
        let mut found = paths(&source);
        found.sort_unstable();
        let expected = [
            "shop.import_.upload",
            "shop.listCategories",
            "shop.orders.attachReceipt",
            "shop.orders.create",
            "shop.orders.delete_",
            "shop.orders.get",
            "shop.orders.list",
            "shop.orders.replace",
            "shop.payments.start",
            "shop.putOrdersByOrderIdLinesByLine",
        ];
        let mut expected = expected.map(str::to_owned);
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

#[test]
fn operation_ids_become_paths() {
    let table = [
        ("issues/create", "issues.create"),
        ("repos.get", "repos.get"),
        ("listPets", "listPets"),
        ("get_user-by-id", "get_userById"),
        ("a/b/c", "a.b.c"),
        ("//a..b/", "a.b"),
        ("2fa/enable", "_2fa.enable"),
        ("then", "then_"),
        ("x/toJSON", "x.toJSON_"),
        ("constructor/__proto__", "constructor_.__proto___"),
        ("repos/delete", "repos.delete_"),
        ("weird \u{202e}\"; drop()/näme", "weirdDrop.nMe"),
    ];
    for (id, expected) in table {
        let source = with_ids(&[id]).expect("it loads");
        assert_eq!(paths(&source), [format!("api.{expected}")], "{id}");
    }
}

#[test]
fn an_operation_without_a_usable_id_is_named_by_its_request() {
    let source = api(
        json!({"/pets/{pet-id}/toys": {"get": {"operationId": "!!!", "parameters": [{"name": "pet-id", "in": "path"}]}}, "/": {"post": {}}}),
        json!({}),
    );
    let source = source.expect("it loads");
    let mut found = paths(&source);
    found.sort_unstable();
    assert_eq!(found, ["api.getPetsByPetIdToys", "api.post"]);
}

/// The model may write what it knows from JavaScript libraries, where `repos.delete` is a method like any other.
#[test]
fn a_tool_is_found_with_and_without_its_trailing_underscore() {
    let shop = shop();
    for path in ["shop.orders.delete", "shop.orders.delete_", "tools.shop.orders.delete"] {
        assert_eq!(&*shop.find(path).expect("a tool").path, "shop.orders.delete_");
    }
    let unknown = shop.find("shop.orders.creat").expect_err("no tool");
    assert_eq!(unknown.nearest.first().map(String::as_str), Some("shop.orders.create"));
    assert!(unknown.to_string().contains("did you mean shop.orders.create"), "{unknown}");
}

#[test]
fn two_operations_of_one_name_are_an_error_that_names_both() {
    let error = with_ids(&["issues/create", "issues.create"]).expect_err("a collision");
    let said = error.to_string();
    assert!(matches!(error, LoadError::Collision { .. }));
    for part in ["`api.issues.create`", "GET /p0 (issues/create)", "GET /p1 (issues.create)"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let twice = Catalogue::new(vec![with_ids(&["a"]).expect("loads"), with_ids(&["b"]).expect("loads")]);
    assert_eq!(twice.expect_err("one name"), LoadError::SourceTwice("api".to_owned()));
}

#[test]
fn names_of_sources_are_checked() {
    for name in ["", "tools", "fetch", "Github", "git-hub", "then", "delete", "2fa", "git hub", "a.b"] {
        let refused = Source::openapi(name, YAML, None);
        assert!(matches!(refused, Err(LoadError::Name(_))), "{name}");
    }
}

#[test]
fn one_broken_operation_is_a_warning_and_the_others_stay() {
    let broken = [
        (json!({"get": {"operationId": "bad", "parameters": [{"in": "query"}]}}), "no `name`"),
        (json!({"get": {"operationId": "bad", "parameters": [{"name": "a", "in": "body"}]}}), "not known"),
        (
            json!({"get": {"operationId": "bad", "parameters": [{"$ref": "#/components/parameters/none"}]}}),
            "not in the document",
        ),
        (json!({"get": {"operationId": "bad", "parameters": "all"}, "parameters": 7}), ""),
        (json!({"get": {"operationId": "bad", "servers": [{"url": "ftp://x"}]}}), ""),
        (
            json!({"get": {"operationId": "bad", "requestBody": {"$ref": "https://elsewhere.example/x.json"}}}),
            "nothing is fetched",
        ),
        (json!({"get": 7}), ""),
        (json!({"$ref": "#/paths/other"}), "a path that is a reference"),
    ];
    for (item, why) in broken {
        let source =
            api(json!({"/good": {"get": {"operationId": "good"}}, "/bad": item}), json!({})).expect("it loads");
        assert!(paths(&source).contains(&"api.good"), "{item}");
        if why.is_empty() {
            continue;
        }
        let warnings = source.warnings().join("\n");
        assert!(warnings.contains("/bad") && warnings.contains(why), "{item}: {warnings}");
    }
}

#[test]
fn a_path_that_names_what_no_parameter_is_loses_its_operation() {
    let source = api(json!({"/a/{id}": {"get": {"operationId": "a"}}, "/a": {"get": {"operationId": "b"}}}), json!({}));
    let source = source.expect("it loads");
    assert_eq!(paths(&source), ["api.b"]);
    assert_eq!(source.warnings(), ["GET /a/{id} (a): left out: the path names {id}, and no parameter does"]);
}

#[test]
fn bases_come_from_the_operator_then_the_operation_then_the_path_then_the_document() {
    let server = |url: &str| json!([{"url": url}]);
    let document = json!({"openapi": "3.0.0", "servers": server("https://root.example/"), "paths": {
        "/a": {"get": {"operationId": "a"}},
        "/b": {"servers": server("https://path.example"), "get": {"operationId": "b"},
               "post": {"operationId": "c", "servers": server("https://operation.example/x/")}}}});
    let bases = |base| {
        let source = Source::openapi("api", &document.to_string(), base).expect("it loads");
        let base = |tool: &mayfly_catalogue::Tool| match &tool.operation {
            Operation::Http(http) => format!("{}={}", tool.path, http.base),
            Operation::Mcp { .. } => String::new(),
        };
        let mut bases: Vec<String> = source.tools().iter().map(base).collect();
        bases.sort();
        bases
    };
    assert_eq!(
        bases(None),
        ["api.a=https://root.example", "api.b=https://path.example", "api.c=https://operation.example/x"]
    );
    assert!(bases(Some("http://127.0.0.1:9/")).iter().all(|base| base.ends_with("=http://127.0.0.1:9")));
    for base in ["ftp://x", "https://u:p@x", "https://x/?q", "https://x/#f", "/v1", "https://{host}"] {
        assert!(Source::openapi("api", &document.to_string(), Some(base)).is_err(), "{base}");
    }
}

#[test]
fn what_is_no_openapi_says_what_it_is() {
    let table = [
        ("{\"swagger\": \"2.0\", \"paths\": {}}", "Swagger 2.0 is not read; convert it"),
        ("{\"openapi\": \"4.0.0\"}", "OpenAPI 4.0.0 is not read"),
        ("{}", "the key `openapi` is missing"),
        ("{\"openapi\": ", "not JSON"),
        ("a: [b", "not YAML"),
    ];
    for (text, expected) in table {
        let said = Source::openapi("api", text, None).expect_err(text).to_string();
        assert!(said.starts_with("tools \"api\": ") && said.contains(expected), "{said}");
    }
}

/// A server that is relative breaks every operation: an empty source would hide it.
#[test]
fn a_description_of_which_nothing_is_left_is_an_error() {
    let document =
        json!({"openapi": "3.0.0", "servers": [{"url": "/v1"}], "paths": {"/a": {"get": {"operationId": "a"}}}});
    let said = Source::openapi("api", &document.to_string(), None).expect_err("nothing left").to_string();
    assert!(
        said.contains(
            "no operation can be used; GET /a (a): left out: the server `/v1` is no absolute URL; give a base"
        ),
        "{said}"
    );
    assert!(Source::openapi("api", &document.to_string(), Some("https://x.example/v1")).is_ok());
}

#[test]
fn methods_say_what_a_tool_does() {
    let shop = shop();
    let hints = |path: &str| {
        let hints = shop.find(path).expect("a tool").hints;
        (hints.read_only, hints.idempotent, hints.destructive)
    };
    assert_eq!(hints("shop.orders.list"), (true, true, false));
    assert_eq!(hints("shop.orders.create"), (false, false, false));
    assert_eq!(hints("shop.orders.replace"), (false, true, false));
    assert_eq!(hints("shop.orders.delete"), (false, true, true));
}

#[test]
fn a_body_that_cannot_be_flat_is_one_argument() {
    let post = |schema: Value, parameters: Value| {
        let body = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        let source = api(
            json!({"/x": {"post": {"operationId": "x", "parameters": parameters, "requestBody": body}}}),
            json!({}),
        );
        let source = source.expect("it loads");
        let schema = source.tools()[0].input_schema();
        schema["properties"].as_object().expect("properties").keys().cloned().collect::<Vec<_>>()
    };
    let object = json!({"type": "object", "properties": {"a": {}, "b": {}}});
    assert_eq!(post(object.clone(), json!([])), ["a", "b"]);
    assert_eq!(post(object, json!([{"name": "a", "in": "query"}])), ["a", "body"], "a collision");
    assert_eq!(post(json!({"type": "array"}), json!([])), ["body"]);
    assert_eq!(post(json!({"type": "object", "additionalProperties": {"type": "string"}}), json!([])), ["body"]);
    assert_eq!(post(json!({"type": "array"}), json!([{"name": "body", "in": "query"}])), ["body", "requestBody"]);
    let choice = json!({"properties": {"a": {}}, "oneOf": [{"properties": {"b": {}}, "additionalProperties": false}]});
    assert_eq!(post(choice, json!([])), ["body"], "a branch that would refuse parameters");
}

#[test]
fn names_in_several_places_get_the_place_behind_them() {
    let parameters = json!([{"name": "id", "in": "query"}, {"name": "id", "in": "path", "required": true}, {"name": "id", "in": "header"}]);
    let source =
        api(json!({"/{id}": {"get": {"operationId": "x", "parameters": parameters}}}), json!({})).expect("it loads");
    let schema = source.tools()[0].input_schema();
    let names: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
    assert_eq!(names, ["id", "id_header", "id_query"]);
}

/// YAML 1.2: `no` is a word and not a boolean, a status may be a number, a date is a text, and anchors are followed.
#[test]
fn yaml_is_read_as_openapi_means_it() {
    let text = "
openapi: 3.0.3
servers: [{url: https://x.example}]
paths:
  /a:
    get:
      operationId: a
      description: >-
        Two lines,
        folded.
      parameters:
        - &shared {name: country, in: query, schema: {type: string, enum: [no, yes, on, 2020-01-01], default: no}}
        - {name: flag, in: query, schema: {type: boolean, default: true}}
      responses: {200: {description: ok, content: {application/json: {schema: {type: string}}}}}
  /b:
    get:
      operationId: b
      parameters: [*shared]
";
    let source = Source::openapi("api", text, None).expect("it loads");
    assert_eq!(source.warnings(), [] as [&str; 0]);
    let catalogue = Catalogue::new(vec![source]).expect("one source");
    let declarations = catalogue.declarations();
    for part in [
        "/** Two lines, folded. */",
        "country?: \"no\" | \"yes\" | \"on\" | \"2020-01-01\"",
        "@default true",
        "Promise<string>",
        "b(input?: {",
    ] {
        assert!(declarations.contains(part), "{part}: {declarations}");
    }
}
