//! Arguments become a request: every place, every style, and nothing that was not asked for.

use crate::{catalogue, shop};
use mayfly_catalogue::{Catalogue, HttpRequest, prepare};
use serde_json::{Value, json};

fn of(catalogue: &Catalogue, path: &str, args: Value) -> HttpRequest {
    prepare(catalogue.find(path).expect("a tool"), &args).expect("arguments that fit")
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn text(request: &HttpRequest) -> String {
    String::from_utf8(request.body.clone().unwrap_or_default()).expect("text")
}

/// One parameter `p` at `/x`, or at `/x/{p}` when it is in the path.
fn one(parameter: Value) -> Catalogue {
    let path = if parameter["in"] == "path" { "/x/{p}" } else { "/x" };
    catalogue(json!({path: {"get": {"operationId": "x", "parameters": [parameter]}}}), json!({}))
}

#[test]
fn a_list_asks_in_its_query_and_headers() {
    let args = json!({"status": ["open", "paid"], "ids": [1, 2], "created": {"after": "2026-01-01", "before": "x&y"}, "per_page": 5, "X-Trace": "t"});
    let request = of(&shop(), "shop.orders.list", args);
    assert_eq!(request.method, "GET");
    assert_eq!(
        request.url.as_str(),
        "https://eu.orders.example/v1/orders?status=open&status=paid&ids=1%7C2\
         &created%5Bafter%5D=2026-01-01&created%5Bbefore%5D=x%26y&per_page=5"
    );
    assert_eq!(header(&request, "x-trace"), Some("t"));
    assert_eq!(header(&request, "accept"), Some("application/json"));
    assert_eq!(request.body, None);
}

#[test]
fn a_flat_body_is_put_together_again() {
    let args = json!({"customer": "c", "lines": [{"sku": "s", "quantity": 1}]});
    let request = of(&shop(), "shop.orders.create", args.clone());
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://eu.orders.example/v1/orders"));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(serde_json::from_str::<Value>(&text(&request)).expect("JSON"), args);
    let whole = of(&shop(), "shop.payments.start", json!({"body": {"kind": "card", "number": "4"}}));
    assert_eq!(text(&whole), r#"{"kind":"card","number":"4"}"#);
    assert_eq!(header(&whole, "accept"), Some("application/vnd.orders+json"));
}

#[test]
fn forms_and_files_and_bytes() {
    let form = of(
        &shop(),
        "shop.putOrdersByOrderIdLinesByLine",
        json!({"order_id": 7, "line": "a/b", "quantity": 2, "options": ["x y", "ü&"]}),
    );
    assert_eq!(form.url.as_str(), "https://eu.orders.example/v1/orders/7/lines/a%2Fb");
    assert_eq!(header(&form, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(text(&form), "options=x%20y&options=%C3%BC%26&quantity=2");

    let args = json!({"order_id": 7, "file": {"base64": "aGk=", "filename": "a\"b\r\nc.txt", "type": "text/plain"}, "note": "n", "tags": ["a", "b"]});
    let parts = of(&shop(), "shop.orders.attachReceipt", args.clone());
    let boundary = header(&parts, "content-type")
        .and_then(|value| value.strip_prefix("multipart/form-data; boundary="))
        .expect("a boundary");
    let part =
        |head: &str, body: &str| format!("--{boundary}\r\ncontent-disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let expected = part("name=\"file\"; filename=\"a%22b%0D%0Ac.txt\"\r\ncontent-type: text/plain", "hi")
        + &part("name=\"note\"", "n")
        + &part("name=\"tags\"", "a")
        + &part("name=\"tags\"", "b")
        + &format!("--{boundary}--\r\n");
    assert_eq!(text(&parts), expected);
    assert_eq!(of(&shop(), "shop.orders.attachReceipt", args), parts, "the same call is the same bytes");

    let bytes = of(&shop(), "shop.import.upload", json!({"body": {"base64": "AP8="}}));
    assert_eq!(bytes.body, Some(vec![0, 255]));
    assert_eq!(header(&bytes, "content-type"), Some("application/octet-stream"));
    assert_eq!(of(&shop(), "shop.import.upload", json!({})).body, None);
    let refused = prepare(shop().find("shop.import.upload").expect("a tool"), &json!({"body": {"base64": "?"}}));
    assert!(refused.expect_err("no base64").to_string().contains("body.base64 is not base64"));
}

/// The table of OpenAPI 3.1, section 4.8.12.4.
#[test]
fn styles_are_those_of_the_standard() {
    let (array, object) = (json!(["blue", "black"]), json!({"B": 150, "R": 100}));
    let table = [
        ("path", "simple", false, "/blue,black", "/B,150,R,100"),
        ("path", "simple", true, "/blue,black", "/B=150,R=100"),
        ("path", "label", false, "/.blue,black", "/.B,150,R,100"),
        ("path", "label", true, "/.blue.black", "/.B=150.R=100"),
        ("path", "matrix", false, "/;p=blue,black", "/;p=B,150,R,100"),
        ("path", "matrix", true, "/;p=blue;p=black", "/;B=150;R=100"),
        ("query", "form", false, "?p=blue,black", "?p=B,150,R,100"),
        ("query", "form", true, "?p=blue&p=black", "?B=150&R=100"),
        ("query", "spaceDelimited", false, "?p=blue%20black", "?p=B%20150%20R%20100"),
        ("query", "pipeDelimited", false, "?p=blue%7Cblack", "?p=B%7C150%7CR%7C100"),
        ("query", "deepObject", true, "?p%5B0%5D=blue&p%5B1%5D=black", "?p%5BB%5D=150&p%5BR%5D=100"),
    ];
    for (place, style, explode, of_array, of_object) in table {
        let catalogue =
            one(json!({"name": "p", "in": place, "required": true, "style": style, "explode": explode, "schema": {}}));
        for (value, expected) in [(&array, of_array), (&object, of_object)] {
            let request = of(&catalogue, "api.x", json!({"p": value}));
            assert_eq!(
                request.url.as_str(),
                format!("https://api.example/v1/x{expected}"),
                "{place} {style} {explode}"
            );
        }
    }
    let header_of = |explode: bool, value: &Value| {
        let catalogue = one(json!({"name": "p", "in": "header", "explode": explode, "schema": {}}));
        header(&of(&catalogue, "api.x", json!({"p": value})), "p").map(str::to_owned)
    };
    assert_eq!(header_of(false, &object).as_deref(), Some("B,150,R,100"));
    assert_eq!(header_of(true, &object).as_deref(), Some("B=150,R=100"));
    assert_eq!(header_of(false, &array).as_deref(), Some("blue,black"));
    let json_query = one(json!({"name": "p", "in": "query", "content": {"application/json": {"schema": {}}}}));
    assert_eq!(of(&json_query, "api.x", json!({"p": {"a": 1}})).url.query(), Some("p=%7B%22a%22%3A1%7D"));
    let cookie = one(json!({"name": "p", "in": "cookie", "schema": {}}));
    assert_eq!(header(&of(&cookie, "api.x", json!({"p": "a; b=c"})), "cookie"), Some("p=a%3B%20b%3Dc"));
}

/// Where arrays of a form are marked `deepObject`, they carry their indices; objects always do.
#[test]
fn deep_forms_carry_brackets() {
    let schema = json!({"type": "object", "properties": {"expand": {"type": "array"}, "meta": {"type": "object"}, "x": {"type": "array"}}});
    let content = json!({"application/x-www-form-urlencoded": {"schema": schema, "encoding": {"expand": {"style": "deepObject", "explode": true}}}});
    let catalogue =
        catalogue(json!({"/x": {"post": {"operationId": "x", "requestBody": {"content": content}}}}), json!({}));
    let request = of(&catalogue, "api.x", json!({"expand": ["a", "b"], "meta": {"k": {"l": [1]}}, "x": [1, 2]}));
    assert_eq!(text(&request), "expand%5B0%5D=a&expand%5B1%5D=b&meta%5Bk%5D%5Bl%5D%5B0%5D=1&x=1&x=2");
}

#[test]
fn a_value_in_the_path_stays_one_segment() {
    let catalogue = one(json!({"name": "p", "in": "path", "required": true, "schema": {}}));
    let table = [
        ("a/b", "a%2Fb"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("@evil.example", "%40evil.example"),
        ("..%2f", "..%252f"),
        ("%2e%2e", "%252e%252e"),
        ("a\\b", "a%5Cb"),
        ("a\r\nb", "a%0D%0Ab"),
        ("//evil.example", "%2F%2Fevil.example"),
        ("...", "..."),
        ("ü", "%C3%BC"),
        ("a;b", "a%3Bb"),
        (" ", "%20"),
    ];
    for (value, expected) in table {
        let request = of(&catalogue, "api.x", json!({"p": value}));
        assert_eq!(request.url.as_str(), format!("https://api.example/v1/x/{expected}"), "{value}");
    }
    for value in [
        json!("."),
        json!(".."),
        json!(""),
        json!([]),
        json!(["."]),
        json!([".."]),
        json!(null),
        json!("../.."),
        json!("a/../b"),
        json!("..\\x"),
        json!("./x"),
    ] {
        assert!(prepare(catalogue.find("api.x").expect("a tool"), &json!({"p": value})).is_err(), "{value}");
    }
}

/// Two values, or a value and a literal, can make `..` together.
#[test]
fn values_cannot_make_dots_together() {
    let parameter = |name: &str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    let paths = json!({"/x/{a}{b}/y": {"get": {"operationId": "x", "parameters": [parameter("a"), parameter("b")]}},
                       "/z/.{a}": {"get": {"operationId": "z", "parameters": [parameter("a")]}}});
    let catalogue = catalogue(paths, json!({}));
    let refused = |path: &str, args: Value| prepare(catalogue.find(path).expect("a tool"), &args).is_err();
    assert!(refused("api.z", json!({"a": "."})));
    // `.` alone is refused already; what is left are two halves that are no dots themselves.
    assert!(refused("api.x", json!({"a": ".", "b": "."})));
    assert!(!refused("api.z", json!({"a": "git"})));
}

/// GitHub's `x-multi-segment` and OpenAPI 3.2's `allowReserved`: the description itself says that there may be slashes.
#[test]
fn several_segments_only_where_the_description_says_so_and_never_dots() {
    for mark in ["x-multi-segment", "allowReserved"] {
        let catalogue =
            one(json!({"name": "p", "in": "path", "required": true, mark: true, "schema": {"type": "string"}}));
        let request = of(&catalogue, "api.x", json!({"p": "src/a b?.rs"}));
        assert_eq!(request.url.as_str(), "https://api.example/v1/x/src/a%20b%3F.rs");
        for value in ["../../admin", "a/../b", "a//b", "a/./b", "a/..", "/", "a/"] {
            assert!(prepare(catalogue.find("api.x").expect("a tool"), &json!({"p": value})).is_err(), "{value}");
        }
    }
}

#[test]
fn a_value_in_the_query_stays_one_value() {
    for reserved in [false, true] {
        let catalogue = one(json!({"name": "p", "in": "query", "allowReserved": reserved, "schema": {}}));
        for value in ["a&admin=1", "a=b", "a#b", "a+b", "a%26b", "a\r\nb", "[x]", "a;b:/?"] {
            let request = of(&catalogue, "api.x", json!({"p": value}));
            let pairs: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
            assert_eq!(pairs, [("p".to_owned(), value.to_owned())], "{reserved}");
            assert_eq!(request.url.fragment(), None);
        }
    }
}

#[test]
fn header_values_have_no_line_breaks() {
    let catalogue = one(json!({"name": "p", "in": "header", "schema": {}}));
    for value in
        [json!("a\r\nauthorization: x"), json!("a\nb"), json!("a\u{0}b"), json!(["a", "b\n"]), json!({"a\n": 1})]
    {
        let refused = prepare(catalogue.find("api.x").expect("a tool"), &json!({"p": value})).expect_err("refused");
        assert!(refused.to_string().contains("must have no line breaks"), "{refused}");
    }
    assert!(prepare(catalogue.find("api.x").expect("a tool"), &json!({"p": "é"})).is_err());
}

/// Whatever the description declares: credentials, and what is the connection's, are not a script's to choose.
#[test]
fn no_argument_is_a_credential_or_the_connections() {
    let names = [
        "Authorization",
        "authorization",
        "Host",
        "Content-Length",
        "Cookie",
        "Proxy-Authorization",
        "Transfer-Encoding",
        "Accept",
        "Content-Type",
        "a b",
        "x\r\ny",
    ];
    let parameters: Vec<Value> = names.iter().map(|name| json!({"name": name, "in": "header", "schema": {}})).collect();
    let source = crate::api(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!({}))
        .expect("it loads");
    let tool = &source.tools()[0];
    assert_eq!(tool.input_schema()["properties"], json!({}));
    let request = prepare(tool, &Value::Null).expect("no arguments");
    assert_eq!(request.headers, [("accept".to_owned(), "*/*".to_owned())]);
    for name in names {
        assert!(prepare(tool, &json!({name: "x"})).is_err(), "{name}");
    }
}

#[test]
fn a_url_that_grows_without_bound_is_refused() {
    let catalogue = one(json!({"name": "p", "in": "query", "schema": {}}));
    let refused =
        prepare(catalogue.find("api.x").expect("a tool"), &json!({"p": "x".repeat(20_000)})).expect_err("refused");
    assert!(refused.to_string().contains("the limit is 16384"), "{refused}");
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let text = "x".repeat(mayfly_catalogue::limits::REQUEST_BODY_BYTES_MAX + 1);
    let refused =
        prepare(shop().find("shop.import.upload").expect("a tool"), &json!({"body": text})).expect_err("refused");
    assert!(refused.to_string().ends_with("bytes; the limit is 67108864"), "{refused}");
}

/// No body, or the whole of one: what a body needs is asked for as soon as a part of it is there.
#[test]
fn a_body_that_is_optional_is_whole_or_absent() {
    let schema = json!({"type": "object", "required": ["a", "b"], "properties": {"a": {}, "b": {}, "c": {}}});
    let body = json!({"content": {"application/json": {"schema": schema}}});
    let catalogue = catalogue(json!({"/x": {"post": {"operationId": "x", "requestBody": body}}}), json!({}));
    assert_eq!(of(&catalogue, "api.x", json!({})).body, None);
    assert_eq!(text(&of(&catalogue, "api.x", json!({"a": 1, "b": 2}))), r#"{"a":1,"b":2}"#);
    assert!(prepare(catalogue.find("api.x").expect("a tool"), &json!({"c": 1})).is_err());
}
