//! Descriptions that want to be more than text: each test fails when what it is about is taken away.

use crate::api;
use mayfly_catalogue::limits::{ENUM_VALUES_MAX, REFERENCES_ELSEWHERE_MAX, SCHEMA_DEPTH_MAX, WARNINGS_MAX};
use mayfly_catalogue::{Catalogue, McpTool, Source, check};
use serde_json::{Value, json};

/// What a reader of the declarations must never see from a third party.
fn assert_harmless(text: &str) {
    for letter in text.chars() {
        let hidden = matches!(u32::from(letter), 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe0000..=0xe007f);
        assert!(!hidden && (letter == '\n' || !letter.is_control()), "{:x} in {text}", u32::from(letter));
    }
    // Outside of comments and strings there is no word of the attacker.
    let mut code = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").expect("comments end").1;
        } else if let Some(line) = rest.strip_prefix("//") {
            rest = line.split_once('\n').expect("lines end").1;
        } else if let Some(string) = rest.strip_prefix('"') {
            let mut letters = string.char_indices();
            let end = loop {
                match letters.next().expect("strings end") {
                    (_, '\\') => drop(letters.next()),
                    (at, '"') => break at,
                    (_, letter) => assert_ne!(letter, '\n', "a string over two lines"),
                }
            };
            rest = &string[end + 1..];
        } else {
            code.push('/');
            rest = &rest[1..];
        }
    }
    code.push_str(rest);
    assert!(!code.contains("evil") && !code.contains('🕷'), "{code}\n~~~~\n{text}");
}

const TEXTS: [&str; 10] = [
    "*/ evil(); /*",
    "*\u{200b}/ evil()",
    "* /evil",
    "**/evil",
    "\"; evil(); \"",
    "\n*/\nevil\n",
    "\u{202e}live\u{202c} */evil",
    "\\\"; evil //",
    "`${evil}`",
    "[*](x)/ evil [a](*/) [b](http://x)*/ evil",
];

#[test]
fn no_text_leaves_its_comment_its_string_or_its_name() {
    for text in TEXTS {
        let schema = json!({"type": "object", "description": text, "required": [text], "properties": {
            text: {"type": "string", "description": text, "default": text, "format": text, "enum": [text, "b"]},
            "const": {"const": {text: text}}}, "patternProperties": {text: {}}});
        let operation = json!({"operationId": "x", "summary": text, "description": text,
            "parameters": [{"name": text, "in": "query", "description": text, "schema": schema}],
            "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}}}});
        let source = api(json!({"/x": {"get": operation}}), json!({"thing": schema})).expect("it loads");
        let catalogue = Catalogue::new(vec![source]).expect("one source");
        assert_harmless(&catalogue.declarations());
        for budget in [0, 100, 100_000] {
            assert_harmless(&catalogue.describe(&["api.x"], budget).expect("known"));
        }
        let hit = catalogue.search("x", 1).into_iter().next().expect("a hit");
        assert_harmless(&format!("// {}\n{}", hit.description, hit.signature.replace('…', "\"")));
    }
}

#[test]
fn names_of_third_parties_are_identifiers() {
    for text in TEXTS {
        let tool = McpTool { name: format!("a{text}"), input_schema: json!({"type": "object"}), ..McpTool::default() };
        let source = Source::mcp("t", &[tool]).expect("it loads");
        for tool in source.tools() {
            assert!(
                tool.path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')),
                "{}",
                tool.path
            );
        }
        source
            .warnings()
            .iter()
            .for_each(|warning| assert!(!warning.contains(['\n', '\u{202e}', '\u{200b}']), "{warning}"));
    }
}

fn deep(levels: usize) -> String {
    format!("{}{}", "{\"items\":".repeat(levels), "true".to_owned() + &"}".repeat(levels))
}

#[test]
fn a_schema_that_is_too_deep_ends_and_the_rest_stays() {
    for levels in [SCHEMA_DEPTH_MAX - 1, SCHEMA_DEPTH_MAX + 40, 500, 100_000] {
        let text = format!(
            r#"{{"openapi":"3.1.0","paths":{{"/a":{{"get":{{"operationId":"bomb","parameters":[{{"name":"p","in":"query","schema":{}}}]}}}},
               "/b":{{"get":{{"operationId":"good"}}}}}},"components":{{"schemas":{{"deep":{}}}}}}}"#,
            deep(levels),
            deep(levels)
        );
        let source = Source::openapi("api", &text, Some("https://x.example")).expect("it loads");
        assert!(source.tools().iter().any(|tool| &*tool.path == "api.good"), "{levels}");
        assert_eq!(source.warnings().is_empty(), levels < SCHEMA_DEPTH_MAX, "{:?}", source.warnings());
        let catalogue = Catalogue::new(vec![source]).expect("one source");
        assert!(catalogue.declarations().len() < 2_000);
    }
}

#[test]
fn yaml_bombs_are_refused() {
    let mut text = String::from("openapi: 3.1.0\nb0: &b0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let all = format!("*b{}, ", level - 1).repeat(10);
        text.push_str(&format!("b{level}: &b{level} [{all}]\n"));
    }
    let start = std::time::Instant::now();
    let said = Source::openapi("api", &text, Some("https://x.example")).expect_err("a bomb").to_string();
    assert!(said.contains("not YAML"), "{said}");
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    // Few nodes, each long.
    let long = format!("openapi: 3.1.0\na: &a {}\nb: [{}]\n", "x".repeat(1_000_000), "*a, ".repeat(1_000));
    let said = Source::openapi("api", &long, Some("https://x.example")).expect_err("a bomb").to_string();
    assert!(said.contains("not YAML"), "{said}");
    let nested = format!("openapi: 3.1.0\nx: {}1{}\n", "[".repeat(50_000), "]".repeat(50_000));
    assert!(Source::openapi("api", &nested, Some("https://x.example")).is_err());
}

/// Nothing is fetched, whatever a reference says; the place is unknown, and there is a warning.
#[test]
fn references_to_the_outside_are_refused() {
    for reference in [
        "https://elsewhere.example/x.json",
        "file:///etc/passwd",
        "other.yaml#/a",
        "//x/y",
        "/etc/passwd",
        "#anchor",
        "#/nowhere",
        "#/components/schemas/none",
    ] {
        let parameters = json!([{"name": "p", "in": "query", "schema": {"$ref": reference}}]);
        let source =
            api(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!({})).expect("it loads");
        assert_eq!(source.warnings().len(), 1, "{reference}: {:?}", source.warnings());
        assert!(source.warnings()[0].contains("GET /x (x): `"), "{:?}", source.warnings());
        assert_eq!(check(&source.tools()[0], &json!({"p": {"any": "thing"}})), Ok(()), "{reference}");
    }
}

#[test]
fn references_may_go_in_circles_everywhere() {
    let to = |kind: &str, name: &str| json!({"$ref": format!("#/components/{kind}/{name}")});
    let document = json!({"openapi": "3.1.0", "paths": {
        "/a": {"get": {"operationId": "a", "parameters": [to("parameters", "one")]}},
        "/b": {"get": {"operationId": "b", "requestBody": to("requestBodies", "one")}},
        "/c": {"get": {"operationId": "c", "responses": {"200": to("responses", "one")}}},
        "/d": {"post": {"operationId": "d", "requestBody": {"content": {"application/json": {"schema": to("schemas", "one")}}}}}},
        "components": {
            "parameters": {"one": to("parameters", "two"), "two": to("parameters", "one")},
            "requestBodies": {"one": to("requestBodies", "one")}, "responses": {"one": to("responses", "one")},
            "schemas": {"one": to("schemas", "two"), "two": {"allOf": [to("schemas", "one")]}}}});
    let source = Source::openapi("api", &document.to_string(), Some("https://x.example")).expect("it loads");
    let names: Vec<&str> = source.tools().iter().map(|tool| &*tool.path).collect();
    assert_eq!(names, ["api.c", "api.d"]);
    assert_eq!(check(&source.tools()[1], &json!({"body": {"a": [1]}})), Ok(()), "validation ends");
    assert!(source.warnings().iter().any(|warning| warning.contains("references")), "{:?}", source.warnings());
}

/// Fields of fields of fields: what a type refers to is named, never written out.
#[test]
fn references_do_not_multiply() {
    let level = |at: usize| {
        let next = json!({"$ref": format!("#/components/schemas/l{}", at + 1)});
        let fields: serde_json::Map<String, Value> = (0..10).map(|field| (format!("f{field}"), next.clone())).collect();
        json!({"type": "object", "properties": fields})
    };
    let schemas: serde_json::Map<String, Value> =
        (0..40).map(|at| (format!("l{at}"), level(at))).chain([("l40".to_owned(), json!({}))]).collect();
    let response = json!({"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/l0"}}}}});
    let source =
        api(json!({"/x": {"get": {"operationId": "x", "responses": response}}}), json!(schemas)).expect("it loads");
    let catalogue = Catalogue::new(vec![source]).expect("one source");
    assert!(catalogue.declarations().len() < 20_000);
    assert!(catalogue.describe(&["api.x"], 500).expect("known").len() <= 2_000);
}

#[test]
fn huge_enums_are_cut_where_they_are_shown_and_hold_where_they_count() {
    let values: Vec<String> = (0..100_000).map(|number| format!("value-{number}")).collect();
    let parameters = json!([{"name": "p", "in": "query", "schema": {"type": "string", "enum": values}}]);
    let source =
        api(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!({})).expect("it loads");
    let catalogue = Catalogue::new(vec![source]).expect("one source");
    let text = catalogue.declarations();
    assert!(text.len() < 4_000, "{}", text.len());
    assert!(text.contains(&format!("string /* {} more values */", 100_000 - ENUM_VALUES_MAX)), "{text}");
    let tool = catalogue.find("api.x").expect("a tool");
    assert_eq!(check(tool, &json!({"p": "value-99999"})), Ok(()));
    let said = check(tool, &json!({"p": "value-x"})).expect_err("none of them").to_string();
    assert!(said.len() < 300, "{said}");
}

#[test]
fn warnings_are_counted_rather_than_kept() {
    let paths =
        (0..WARNINGS_MAX + 50).map(|at| (format!("/p{at}/{{x}}"), json!({"get": {"operationId": format!("o{at}")}})));
    let good = ("/good".to_owned(), json!({"get": {"operationId": "good"}}));
    let source = api(Value::Object(paths.chain([good]).collect()), json!({})).expect("it loads");
    assert_eq!(source.warnings().len(), WARNINGS_MAX + 1);
    assert_eq!(source.warnings().last().map(String::as_str), Some("and 50 more warnings"));
}

/// Each reference into the middle of a document walks it again; so they are counted.
#[test]
fn references_into_the_middle_are_counted() {
    let of = |count: usize| {
        let operation = |at: usize| {
            let parameter = json!({"name": "p", "in": "query", "schema": {"$ref": format!("#/x/{at}")}});
            (format!("/p{at}"), json!({"get": {"operationId": format!("o{at}"), "parameters": [parameter]}}))
        };
        let x: Vec<Value> = (0..count).map(|_| json!({"type": "string"})).collect();
        let paths = Value::Object((0..count).map(operation).collect());
        let document = json!({"openapi": "3.1.0", "paths": paths, "x": x});
        Source::openapi("api", &document.to_string(), Some("https://x.example")).expect("it loads")
    };
    assert_eq!(of(REFERENCES_ELSEWHERE_MAX / 2).warnings(), [] as [&str; 0]);
    let warnings = of(REFERENCES_ELSEWHERE_MAX + 1).warnings().join("\n");
    assert!(warnings.contains("more than 500 references to places other than #/components"), "{warnings}");
}

/// Forty lines of schema, and 2^40 comparisons: refused before the first. What a recursive schema is for still passes.
#[test]
fn unions_that_multiply_are_refused_in_time() {
    let to = |name: String| json!({"$ref": format!("#/components/schemas/{name}")});
    let half = |next: Value| json!({"type": "object", "required": ["n"], "properties": {"n": next}});
    let level = |at: usize| json!({"anyOf": [half(to(format!("l{}", at + 1))), half(to(format!("l{}", at + 1)))]});
    let mut schemas: serde_json::Map<String, Value> = (0..40).map(|at| (format!("l{at}"), level(at))).collect();
    schemas.insert("l40".to_owned(), json!({"type": "string"}));
    schemas.insert(
        "tree".to_owned(),
        json!({"anyOf": [half(to("tree".to_owned())), half(to("tree".to_owned())), {"type": "null"}]}),
    );
    let list = json!({"type": "object", "properties": {"all": {"type": "array", "items": to("list".to_owned())}, "n": {"type": "integer"}}});
    schemas.insert("list".to_owned(), list);
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": to(name.to_owned())});
    let parameters = json!([parameter("l0"), parameter("tree"), parameter("list")]);
    let source =
        api(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!(schemas)).expect("it loads");
    let tool = &source.tools()[0];
    let nested = |levels: usize, inner: Value| (0..levels).fold(inner, |inner, _| json!({"n": inner}));
    let start = std::time::Instant::now();
    for args in [json!({"l0": nested(40, json!(1))}), json!({"tree": nested(50, json!(1))})] {
        let said = check(tool, &args).expect_err("too much").to_string();
        assert!(said.contains("nested too deep for a schema with so many alternatives"), "{said}");
    }
    assert_eq!(check(tool, &json!({"tree": nested(8, Value::Null)})), Ok(()));
    let wide = (0..20).fold(json!({"n": 1}), |inner, _| json!({"all": [inner, {"n": 2}, {"n": 3}]}));
    assert_eq!(check(tool, &json!({"list": wide})), Ok(()));
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

/// A chain of so many shared schemas, each `schema(next)`.
fn chain(length: usize, schema: impl Fn(Value) -> Value) -> Source {
    let name = |at: usize| json!({"$ref": format!("#/components/schemas/l{at}")});
    let mut schemas: serde_json::Map<String, Value> =
        (0..length).map(|at| (format!("l{at}"), schema(name(at + 1)))).collect();
    schemas.insert(format!("l{length}"), json!({"type": "string"}));
    let parameters = json!([{"name": "p", "in": "query", "schema": name(0)}]);
    api(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!(schemas)).expect("it loads")
}

/// Neither compiling nor checking nor declaring goes as deep as a description says.
#[test]
fn long_chains_of_references_end_on_a_small_stack() {
    for length in [10, 100, 5_000] {
        let same = chain(length, |next| next);
        let all_of = chain(length, |next| json!({"allOf": [{"anyOf": [next, {"type": "null"}]}]}));
        let inside = chain(length, |next| json!({"type": "object", "properties": {"n": next}}));
        for source in [same, all_of, inside] {
            let deep = (0..60).fold(json!(1), |inner, _| json!({"n": inner}));
            let _ = check(&source.tools()[0], &json!({"p": deep}));
            let catalogue = Catalogue::new(vec![source]).expect("one source");
            assert!(catalogue.declarations().contains("x("));
            assert!(catalogue.describe(&["api.x"], 1_000).expect("known").len() < 4_000);
        }
    }
}

/// The deepest that is let through, in a schema and in arguments at once, ends on the 2 MiB that a thread has.
#[test]
fn the_deepest_schema_takes_the_deepest_arguments_on_a_small_stack() {
    let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    for levels in [10, 22, 23, 24, 25, 40] {
        let object = json!({"type": "object", "required": ["n"], "properties": {"n": to("tree")}});
        let tree = (0..levels).fold(object, |inner, _| json!({"allOf": [inner]}));
        let parameters = json!([{"name": "p", "in": "query", "schema": to("tree")}]);
        let source = api(json!({"/x": {"get": {"operationId": "x", "parameters": parameters}}}), json!({"tree": tree}));
        let source = source.expect("it loads");
        let deep = (0..62).fold(json!(1), |inner, _| json!({"n": inner}));
        let checked = check(&source.tools()[0], &json!({"p": deep}));
        // Beyond the bound the schema is unknown, and takes anything.
        assert_eq!(checked.is_err(), source.warnings().is_empty(), "{levels}: {checked:?} {:?}", source.warnings());
    }
}

/// Numbers that are the same at each run (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// Puts something else somewhere into `value`.
    fn spoil(&mut self, value: &mut Value) {
        let strange = [
            json!(null),
            json!(-1),
            json!(1e300),
            json!(""),
            json!("*/ 🕷"),
            json!("#/components/schemas/order"),
            json!([]),
            json!({}),
            json!(true),
            json!({"$ref": "#/components/schemas/line"}),
            json!({"$ref": "#"}),
            json!([[], {}, null]),
            json!({"type": "array", "items": [{"$ref": "#/components/schemas/category"}]}),
            json!("../{x}"),
            json!(["object", 7]),
        ];
        match value {
            Value::Object(object) if !object.is_empty() && self.below(8) > 0 => {
                let at = self.below(object.len());
                object.values_mut().nth(at).into_iter().for_each(|inner| self.spoil(inner));
            }
            Value::Array(items) if !items.is_empty() && self.below(8) > 0 => {
                let at = self.below(items.len());
                items.get_mut(at).into_iter().for_each(|inner| self.spoil(inner));
            }
            other => *other = strange[self.below(strange.len())].clone(),
        }
    }
}

/// Descriptions with something odd in any place: whatever it is, there is an answer, and nothing leaves its quotes.
#[test]
fn spoilt_descriptions_have_an_answer() {
    let whole: Value = serde_json::from_str(crate::JSON).expect("the fixture");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut loaded, mut refused, mut asked) = (0, 0, 0);
    for _ in 0..1_500 {
        let mut document = whole.clone();
        (0..=dice.below(4)).for_each(|_| dice.spoil(&mut document));
        let Ok(source) = Source::openapi("shop", &document.to_string(), None) else {
            refused += 1;
            continue;
        };
        loaded += 1;
        let catalogue = Catalogue::new(vec![source]).expect("one source");
        assert_harmless(&catalogue.declarations());
        let all = json!({"order_id": 7, "customer": "c", "lines": [{"sku": "s", "quantity": 1, "part_of": {"sku": "t", "quantity": 2}}],
            "status": ["open"], "body": {"kind": "card", "number": "1"}, "file": {"base64": "AA=="}, "line": "x", "quantity": 1});
        for tool in catalogue.tools() {
            let mut args = all.clone();
            let schema = tool.input_schema();
            args.as_object_mut().expect("an object").retain(|name, _| schema["properties"].get(name).is_some());
            if dice.below(3) == 0 {
                dice.spoil(&mut args);
            }
            if let Ok(request) = mayfly_catalogue::prepare(tool, &args) {
                asked += 1;
                let path = request.url.path().replace("%2F", "/").replace("%5C", "/");
                assert!(path.split('/').all(|part| part != ".."), "{}", request.url);
                let mayfly_catalogue::Operation::Http(http) = &tool.operation else { panic!("not HTTP") };
                assert!(request.url.as_str().starts_with(&*http.base), "{} is not below {}", request.url, http.base);
                assert!(
                    request.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])),
                    "{:?}",
                    request.headers
                );
            }
            catalogue.describe(&[&tool.path], dice.below(400)).expect("its own path");
        }
        catalogue.search("create an order", 5);
    }
    assert!(loaded > 400 && refused > 400 && asked > 1_000, "{loaded} {refused} {asked}");
}
