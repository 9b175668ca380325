//! Operations that an operator writes into a tenant's file.

use mayfly_catalogue::{Catalogue, HttpTool, Source, prepare};
use serde_json::{Value, json};

fn source(tool: Value) -> Result<Source, String> {
    let tool: HttpTool = serde_json::from_value(tool).map_err(|error| error.to_string())?;
    Source::http("my", &[tool]).map_err(|error| error.to_string())
}

fn call(tool: Value, args: Value) -> Result<(String, String, String), String> {
    let catalogue = Catalogue::new(vec![source(tool)?]).map_err(|error| error.to_string())?;
    let tool = catalogue.tools().next().ok_or("no tool")?;
    let request = prepare(tool, &args).map_err(|error| error.to_string())?;
    Ok((request.method, request.url.to_string(), String::from_utf8(request.body.unwrap_or_default()).expect("text")))
}

#[test]
fn names_in_braces_are_arguments() {
    let get =
        json!({"name": "orders.get", "method": "get", "url": "https://api.example/v1/orders/{id}?expand={expand}&v=2"});
    let request = |url: &str| Ok(("GET".to_owned(), url.to_owned(), String::new()));
    assert_eq!(call(get.clone(), json!({"id": "a/b"})), request("https://api.example/v1/orders/a%2Fb?v=2"));
    assert_eq!(
        call(get.clone(), json!({"id": 7, "expand": "a&b"})),
        request("https://api.example/v1/orders/7?v=2&expand=a%26b")
    );
    assert_eq!(call(get.clone(), json!({})), Err("my.orders.get: id is missing".to_owned()));
    assert_eq!(
        call(get, json!({"id": 1, "expnd": 1})),
        Err("my.orders.get: expnd is not known; did you mean expand?".to_owned())
    );
}

#[test]
fn other_arguments_go_into_the_query_or_a_json_body() {
    let schema = json!({"type": "object", "properties": {"id": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}});
    let tool = |method: &str| json!({"name": "x", "method": method, "url": "https://api.example/{id}", "input_schema": schema});
    let args = json!({"id": 1, "tags": ["a", "b"]});
    let expected = |method: &str, url: &str, body: &str| Ok((method.to_owned(), url.to_owned(), body.to_owned()));
    assert_eq!(call(tool("GET"), args.clone()), expected("GET", "https://api.example/1?tags=a&tags=b", ""));
    assert_eq!(call(tool("PUT"), args), expected("PUT", "https://api.example/1", r#"{"tags":["a","b"]}"#));
    assert_eq!(call(tool("PUT"), json!({})), Err("my.x: id is missing; it is a whole number".to_owned()));
    let free = json!({"name": "x", "method": "POST", "url": "https://api.example"});
    assert_eq!(call(free, json!({"body": [1]})), expected("POST", "https://api.example/", "[1]"));
}

#[test]
fn a_mistake_is_an_error_that_names_the_operation() {
    let table = [
        (json!({"name": "x", "method": "GET", "url": "https://{host}/a"}), "its host has names in braces"),
        (json!({"name": "x", "method": "GET", "url": "/a"}), "its URL has no scheme"),
        (json!({"name": "x", "method": "GET", "url": "file:///etc/passwd"}), "file://"),
        (json!({"name": "x", "method": "GET", "url": "https://u:p@api.example/"}), "user or password"),
        (json!({"name": "x", "method": "GET", "url": "https://api.example/../a"}), "not in its plain form"),
        (json!({"name": "x", "method": "GET", "url": "https://api.example/{a"}), "a brace of its path is not closed"),
        (json!({"name": "x", "method": "GET", "url": "https://api.example/?a=x{b}"}), "is neither"),
        (json!({"name": "x", "method": "TRACE", "url": "https://api.example/"}), "the method `TRACE`"),
        (json!({"name": "???", "method": "GET", "url": "https://api.example/"}), "no name"),
        (
            json!({"name": "x", "method": "GET", "url": "https://api.example/{a}", "input_schema": {"type": "object"}}),
            "{a}",
        ),
        (json!({"name": "x", "method": "GET", "url": "https://api.example/", "inputSchema": {}}), "unknown field"),
    ];
    for (tool, expected) in table {
        let said = source(tool.clone()).expect_err("a mistake");
        assert!(said.contains(expected), "{tool}: {said}");
    }
}
