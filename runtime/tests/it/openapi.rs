//! The description of our own API, held to what the server does.

use crate::harness::server::{Response, Server};
use crate::harness::tenants::{Tokens, two_tenants};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn document() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/respond/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(file).expect("the document")).expect("JSON")
}

/// Everything wrong with `value` as the schema of this name.
fn against(name: &str, value: &Value) {
    let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": document()["components"] });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{value:#}");
}

fn problem(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.text);
    against("Problem", &response.json());
}

#[test]
fn it_is_served_to_everybody_and_says_which_version_it_is_of() {
    let server = Server::start("");
    let response = server.request("GET", "/openapi.json", "", "");
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.json(), document());
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document()["openapi"], "3.1.0");
}

#[test]
fn every_route_is_described_and_everything_described_is_there() {
    let server = Server::start("");
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    for (path, item) in paths {
        let described: BTreeSet<String> =
            item.as_object().unwrap().keys().filter(|key| *key != "parameters").map(|key| key.to_uppercase()).collect();
        let filled = path
            .replace("{id}", "run_x")
            .replace("{name}", "x")
            .replace("{tenant}", "t")
            .replace("{script}", "x")
            .replace("{path}", "p");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let response = server.request(method, &filled, "", "");
            let open = item[method.to_lowercase()]["security"].as_array();
            match (described.contains(method), path.starts_with("/run/")) {
                // Whether there is such a script is told to nobody without a token.
                (true, true) => assert_eq!(response.status, 401, "{method} {path}"),
                (true, false) if open.is_some_and(Vec::is_empty) => assert_eq!(response.status, 200, "{method} {path}"),
                (true, false) => assert_eq!(response.status, 401, "{method} {path}"),
                (false, _) => {
                    assert_eq!(response.status, 405, "{method} {path}: {}", response.text);
                    let detail = response.json()["detail"].as_str().unwrap().to_owned();
                    let words =
                        detail.strip_prefix("use ").and_then(|words| words.strip_suffix(" here")).expect("methods");
                    let allowed: BTreeSet<String> =
                        words.replace(" or ", ", ").split(", ").map(str::to_owned).collect();
                    assert_eq!(allowed, described, "{path}");
                }
            }
        }
    }
    // What the code matches paths with.
    let described: Vec<&str> = paths.keys().flat_map(|path| path.split('/')).filter(|part| !part.is_empty()).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve");
    let mut found = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let literals = code.split('"').skip(1).step_by(2).filter(|literal| literal.starts_with('/'));
        let actions = code.match_indices("Some(\"").filter_map(|(at, _)| {
            let line = code[at..].lines().next()?;
            line.contains("None)").then(|| line.split('"').nth(1))?
        });
        for part in literals.flat_map(|literal| literal.split('/')).chain(actions).filter(|part| !part.is_empty()) {
            if part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte.is_ascii_digit()) {
                found += 1;
                assert!(described.contains(&part), "`{part}` is matched in src/serve and not described");
            }
        }
    }
    assert!(found > 15, "the routes are matched elsewhere: {found}");
}

fn create(server: &Server, tokens: &Tokens, body: Value) -> Value {
    let response = server.as_(tokens.of("runner"), "POST", "/v1/runs", "", &body.to_string());
    assert!([200, 202].contains(&response.status), "{}", response.text);
    against("RunRequest", &body);
    against("Run", &response.json());
    response.json()
}

#[test]
fn what_the_server_says_is_what_is_described() {
    let tools = "[[tools]]\nname = \"notes\"\n[[tools.operation]]\nname = \"add\"\ndescription = \"Adds a note\"\nurl = \"https://x.test/{a}\"\n\
                 input_schema = { type = \"object\", required = [\"a\"], properties = { a = { type = \"string\" } } }\n";
    let (server, tokens, _) = two_tenants("", tools);
    for code in [
        "console.warn('hi', { a: 1 }); return { n: input }",
        "throw new TypeError('no')",
        "const a = ;",
        "for (;;);",
        "await new Promise(() => {})",
        "await fetch('https://denied.test/a').catch((error) => error.message)",
        "await notes.add({})",
        "return 1n",
        "for (let n = 0; n < 300; n++) console.log(n)",
    ] {
        create(&server, &tokens, json!({ "code": code, "input": { "a": [1] }, "limits": { "cpu_ms": 200 } }));
    }
    create(&server, &tokens, json!({ "code": "const a: number = 'x'", "check": true }));
    create(
        &server,
        &tokens,
        json!({ "modules": { "a.ts": "import { b } from './b.ts'; export default () => b", "b.ts": "export const b = 1" }, "main": "a.ts", "wait": false }),
    );
    let paused = create(
        &server,
        &tokens,
        json!({ "code": "return await crm.ask({ a: 1 })", "external": [{ "name": "crm.ask", "input_schema": { "type": "object" } }] }),
    );
    let recorded = create(&server, &tokens, json!({ "code": "return Math.random()", "record": true }));
    let path = format!("/v1/runs/{}/replay", recorded["id"].as_str().unwrap());
    against("Comparison", &server.as_(tokens.of("runner"), "POST", &path, "", "").json());
    assert_eq!(paused["status"], "paused");
    let at = format!("/v1/runs/{}", paused["id"].as_str().unwrap());
    let ask = |role: &str, method: &str, path: &str, body: &Value| {
        server.as_(tokens.of(role), method, path, "", &body.to_string())
    };
    let said = json!({ "outcomes": [{ "call": 1, "value": 2 }] });
    against("ContinueRequest", &said);
    against("Run", &ask("runner", "POST", &format!("{at}/continue"), &said).json());
    against("Run", &ask("runner", "GET", &at, &Value::Null).json());
    against("RunList", &ask("runner", "GET", "/v1/runs?limit=3", &Value::Null).json());
    against("ToolList", &ask("runner", "GET", "/v1/tools?query=note", &Value::Null).json());

    let script = json!({ "code": "export default { async fetch() { return new Response('x') } }" });
    against("ScriptRequest", &script);
    against("ScriptWritten", &ask("deployer", "PUT", "/v1/scripts/a", &script).json());
    against("ScriptWritten", &ask("deployer", "PUT", "/v1/scripts/a", &json!({ "code": "return 2" })).json());
    against("ScriptWritten", &ask("deployer", "POST", "/v1/scripts/a/rollback", &json!({ "version": 1 })).json());
    against("ScriptWithSource", &ask("deployer", "GET", "/v1/scripts/a", &Value::Null).json());
    against("ScriptList", &ask("deployer", "GET", "/v1/scripts", &Value::Null).json());
    against("VersionList", &ask("deployer", "GET", "/v1/scripts/a/versions", &Value::Null).json());
    against("Health", &server.request("GET", "/readyz", "", "").json());
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    against("Message", &ping);
    against("Message", &ask("runner", "POST", "/mcp", &ping).json());

    problem(&server.request("GET", "/v1/runs", "", ""), 401);
    problem(&ask("runner", "POST", "/v1/runs", &json!({ "code": 1 })), 400);
    problem(&ask("runner", "PUT", "/v1/scripts/b", &script), 403);
    problem(&ask("deployer", "PUT", "/v1/scripts/b", &json!({ "code": "const a = ;" })), 400);
    problem(&ask("runner", "GET", "/v1/runs/run_none", &Value::Null), 404);
    problem(&ask("runner", "POST", &format!("{at}/continue"), &said), 409);
    let stale = server.as_(tokens.of("deployer"), "DELETE", "/v1/scripts/a", "if-match: \"v9-00\"\r\n", "");
    problem(&stale, 412);
    problem(&server.request("PATCH", "/v1/runs", "", ""), 405);
}

#[test]
fn it_makes_tools_of_our_own_server() {
    let source = mayfly_catalogue::Source::openapi("mayfly", &document().to_string(), None).expect("it imports");
    let paths: Vec<&str> = source.tools().iter().map(|tool| &*tool.path).collect();
    for path in [
        "mayfly.runs.create",
        "mayfly.runs.continue_",
        "mayfly.scripts.put",
        "mayfly.tools.search",
        "mayfly.health.ready",
    ] {
        assert!(paths.contains(&path), "{path} is not among {paths:?}");
    }
    let create = source.tools().iter().find(|tool| &*tool.path == "mayfly.runs.create").unwrap();
    assert!(mayfly_catalogue::check(create, &json!({ "code": "return 1", "input": 2 })).is_ok());
    assert!(mayfly_catalogue::check(create, &json!({ "code": 1 })).is_err());
}
