//! Tools of a tenant: called by a script, found, described, and used over MCP.

use crate::harness::server::{Response, Server, TOKEN, folder, mayfly, write};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};

const KEY: &str = "sk-tools-canary-1234567890";

/// Answers with what it was asked, or as the path says.
fn upstream() -> Upstream {
    Upstream::start(|request, stream| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        let line = head.lines().next().unwrap_or_default().to_owned();
        let keyed = head.contains(&format!("Bearer {KEY}"));
        let json = |stream: &mut _, value: Value| {
            respond(stream, "200 OK", "content-type: application/json\r\n", &value.to_string());
        };
        match line.split(' ').nth(1).unwrap_or_default() {
            "/v1/refused" => respond(
                stream,
                "422 Unprocessable Entity",
                "content-type: application/json\r\n",
                r#"{"reason":"no such sku"}"#,
            ),
            "/v1/text" => respond(stream, "200 OK", "content-type: text/plain\r\n", "plain words"),
            "/v1/nothing" => respond(stream, "204 No Content", "", ""),
            "/v1/bytes" => respond(stream, "200 OK", "content-type: application/octet-stream\r\n", "\u{1}\u{2}\u{3}"),
            _ => json(stream, json!({ "line": line, "keyed": keyed, "body": body })),
        }
    })
}

fn document(upstream: &Upstream) -> String {
    let operation = |id: &str, extra: Value| {
        let mut operation = json!({ "operationId": id, "summary": format!("The {id} of the shop"), "responses": { "200": {
            "description": "ok", "content": { "application/json": { "schema": { "type": "object", "properties": { "line": { "type": "string" } } } } } } } });
        operation.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        operation
    };
    let id =
        json!({ "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } }] });
    json!({
        "openapi": "3.1.0", "info": { "title": "shop", "version": "1" }, "servers": [{ "url": upstream.url("/v1") }],
        "paths": {
            "/orders/{id}": { "get": operation("orders/get", id.clone()), "delete": operation("orders/delete", id) },
            "/orders": { "post": operation("orders/create", json!({ "requestBody": { "required": true, "content": { "application/json": {
                "schema": { "type": "object", "required": ["sku"], "properties": { "sku": { "type": "string" }, "count": { "type": "integer" } } } } } } })) },
            "/refused": { "get": operation("refused", json!({})) }, "/text": { "get": operation("text", json!({})) },
            "/nothing": { "get": operation("nothing", json!({})) }, "/bytes": { "get": operation("bytes", json!({})) },
        },
    })
    .to_string()
}

fn server(upstream: &Upstream) -> Server {
    let tenant = format!(
        "[[credential]]\nname = \"shop\"\nfrom = \"env:SHOP_KEY\"\nheader = \"authorization\"\nformat = \"Bearer {{}}\"\n\
         [[rule]]\nname = \"nothing is deleted\"\ndeny = \"http://{address}/**\"\nmethods = [\"DELETE\"]\n\
         [[tools]]\nname = \"shop\"\nopenapi = \"shop.json\"\ncredential = \"shop\"\nprivate = true\n\
         [[tools]]\nname = \"plain\"\nprivate = true\n\
         [[tools.operation]]\nname = \"echo\"\ndescription = \"Says what it was asked\"\nmethod = \"POST\"\nurl = \"http://{address}/echo/{{word}}\"\n\
         input_schema = {{ type = \"object\", required = [\"word\"], properties = {{ word = {{ type = \"string\" }}, loud = {{ type = \"boolean\" }} }} }}\n",
        address = upstream.address,
    );
    let folder = folder("", &tenant);
    write(folder.path(), "tenants/shop.json", &document(upstream));
    let mut command = mayfly();
    command.env("SHOP_KEY", KEY);
    Server::start_by(command, folder)
}

fn result(server: &Server, code: &str) -> Value {
    let object = server.run(code, json!(null));
    assert_eq!(object["status"], "completed", "{object:#}");
    object["result"].clone()
}

#[test]
fn a_script_calls_tools_and_their_key_stays_in_the_bridge() {
    let upstream = upstream();
    let server = server(&upstream);
    let code = "const one = await tools.shop.orders.get({ id: 7 });
        const made = await shop.orders.create({ sku: 'net', count: 2 });
        const said = await plain.echo({ word: 'a b/c', loud: true });
        return [one, made, said, await shop.text(), await shop.nothing() === undefined, [...await codemode.shop.bytes()]]";
    let expected = json!([
        { "line": "GET /v1/orders/7 HTTP/1.1", "keyed": true, "body": "" },
        { "line": "POST /v1/orders HTTP/1.1", "keyed": true, "body": "{\"count\":2,\"sku\":\"net\"}" },
        { "line": "POST /echo/a%20b%2Fc HTTP/1.1", "keyed": false, "body": "{\"loud\":true}" },
        "plain words", true, [1, 2, 3],
    ]);
    let object = server.run(code, json!(null));
    assert_eq!(object["status"], "completed", "{object:#}");
    let mut came = object["result"].clone();
    // The order of a JSON body's members is nobody's promise.
    let body: Value = serde_json::from_str(came[1]["body"].as_str().unwrap()).unwrap();
    came[1]["body"] = json!(body.to_string());
    assert_eq!(came, expected, "{object:#}");
    assert_eq!(
        (&object["calls"][0]["tool"], &object["calls"][0]["rule"]),
        (&json!("shop.orders.get"), &json!("tools shop"))
    );
    assert!(!object.to_string().contains(KEY) && !server.log().contains(KEY));
    // What a set reaches, a script's own fetch does not.
    let denied = format!(
        "try {{ await fetch('{}') }} catch (error) {{ return [error.name, error.reason] }}",
        upstream.url("/v1/orders/7")
    );
    assert_eq!(result(&server, &denied), json!(["PolicyError", "no_rule"]));
}

#[test]
fn what_goes_wrong_is_an_error_that_a_model_can_repair_from() {
    let upstream = upstream();
    let server = server(&upstream);
    let told = |call: &str| {
        let code = format!(
            "try {{ await {call}; return 'nothing' }} catch (error) {{ return [error.name, error.tool ?? null, error.status ?? null, error.body ?? null, error.message] }}"
        );
        result(&server, &code)
    };
    let refused = told("shop.refused()");
    assert_eq!(
        refused.as_array().unwrap()[..4],
        [json!("ToolError"), json!("shop.refused"), json!(422), json!({ "reason": "no such sku" })]
    );
    let wrong = told("shop.orders.get({ id: 'seven' })");
    assert!(wrong[4].as_str().unwrap().contains("id must be"), "{wrong}");
    let unknown = told("shop.orders.get({ id: 1, number: 2 })");
    assert!(unknown[4].as_str().unwrap().contains("number"), "{unknown}");
    let missing = told("shop.orders.fetch({ id: 1 })");
    assert!(
        missing[0] == "ToolError" && missing[4].as_str().unwrap().contains("did you mean shop.orders."),
        "{missing}"
    );
    let denied = told("shop.orders.delete_({ id: 1 })");
    assert!(denied[0] == "PolicyError", "{denied}");
    assert!(upstream.requests().iter().all(|request| !request.starts_with("DELETE") && !request.contains("seven")));
}

fn get(server: &Server, path: &str) -> Response {
    server.request("GET", path, &format!("authorization: Bearer {TOKEN}\r\n"), "")
}

#[test]
fn tools_are_found_and_declared() {
    let upstream = upstream();
    let server = server(&upstream);
    let found = get(&server, "/v1/tools?query=create%20an%20order").json();
    assert_eq!((&found["results"][0]["path"], &found["total"]), (&json!("shop.orders.create"), &json!(8)));
    assert!(found["results"][0]["signature"].as_str().unwrap().contains("sku: string"), "{found}");
    let types = get(&server, "/v1/types");
    assert!(
        types.head.contains("application/typescript") && types.text.contains("declare const shop: typeof tools.shop;"),
        "{}",
        types.text
    );
    assert_eq!(types.text.matches("declare const tools:").count(), 1, "the tenant's own");
    assert_eq!(get(&server, "/v1/tools?limit=0").status, 400);
    assert_eq!(server.request("GET", "/v1/tools?query=x", "", "").status, 401);
}

fn mcp(server: &Server, headers: &str, message: &Value) -> Response {
    let headers = format!(
        "authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{headers}"
    );
    server.request("POST", "/mcp", &headers, &message.to_string())
}

fn ask(server: &Server, name: &str, arguments: Value) -> (String, bool) {
    let message = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": name, "arguments": arguments } });
    let answer = mcp(server, "mcp-protocol-version: 2025-11-25\r\n", &message).json();
    assert_eq!(answer["id"], 5, "{answer}");
    (answer["result"]["content"][0]["text"].as_str().unwrap().to_owned(), answer["result"]["isError"] == true)
}

#[test]
fn a_model_works_over_mcp() {
    let upstream = upstream();
    let server = server(&upstream);
    let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let answer = mcp(&server, "", &initialize).json();
    assert_eq!(
        (&answer["result"]["protocolVersion"], &answer["result"]["serverInfo"]["name"]),
        (&json!("2025-06-18"), &json!("mayfly"))
    );
    assert_eq!(mcp(&server, "", &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).status, 202);
    let listed = mcp(&server, "", &json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/list" })).json();
    let names: Vec<&str> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "describe", "execute", "continue"]);

    let (found, _) = ask(&server, "search", json!({ "query": "get an order" }));
    assert!(found.starts_with("tools.shop.orders.get("), "{found}");
    let (types, _) = ask(&server, "describe", json!({ "names": ["shop.orders.get"] }));
    assert!(types.contains("id: number") && !types.contains("sku"), "{types}");
    let (unknown, failed) = ask(&server, "describe", json!({ "names": ["shop.order.get"] }));
    assert!(failed && unknown.contains("shop.orders.get"), "{unknown}");
    let (ran, failed) = ask(
        &server,
        "execute",
        json!({ "code": "const order = await shop.orders.get({ id: input.id }); console.log('got it'); return order.keyed", "input": { "id": 3 } }),
    );
    let ran: Value = serde_json::from_str(&ran).unwrap();
    assert_eq!((&ran["result"], &ran["logs"], failed), (&json!(true), &json!(["log: got it"]), false));
    let (ran, failed) = ask(&server, "execute", json!({ "code": "await shop.orders.delete_({ id: 1 })" }));
    let ran: Value = serde_json::from_str(&ran).unwrap();
    assert!(failed && ran["error"]["line"] == 1 && ran["denied"][0]["rule"] == "nothing is deleted", "{ran}");
    let (long, _) = ask(
        &server,
        "execute",
        json!({ "code": "return Array.from({ length: 5000 }, (_, id) => ({ id, name: 'x'.repeat(20) }))" }),
    );
    let cut: Value = serde_json::from_str(&long).unwrap();
    assert!(
        long.len() < 26_000 && cut["note"].is_string() && cut["result"].as_array().unwrap().len() > 100,
        "{} bytes",
        long.len()
    );
    let whole = server.look(&cut["run"]).json();
    assert_eq!(whole["result"].as_array().unwrap().len(), 5000, "all of it is kept for a while");
    let (wrong, failed) = ask(&server, "execute", json!({ "source": "return 1" }));
    assert!(failed && wrong.contains("unknown field `source`"), "{wrong}");
}

#[test]
fn a_model_answers_what_its_script_asks() {
    let server = Server::start("");
    let told = |(text, failed): (String, bool)| (serde_json::from_str::<Value>(&text).unwrap(), failed);
    let code = "const name = await tools.ask_user({ question: 'Who?' }); return `hello ${name}`";
    let external = json!([{ "name": "ask_user", "description": "Asks the person" }]);
    let (paused, failed) = told(ask(&server, "execute", json!({ "code": code, "external": external })));
    let pending = json!([{ "call": 1, "tool": "ask_user", "args": { "question": "Who?" }, "reason": "external" }]);
    assert_eq!((&paused["status"], &paused["pending"], failed), (&json!("paused"), &pending, false), "{paused}");
    assert!(paused["note"].as_str().unwrap().contains("`continue`") && paused.get("result").is_none(), "{paused}");
    let run = paused["run"].clone();
    for (arguments, words) in [
        (json!({ "run": run }), "`outcomes`: is empty"),
        (json!({ "run": run, "outcomes": [{ "call": 7, "value": 1 }] }), "waiting: 1"),
        (json!({ "run": run, "outcomes": [{ "call": 1 }] }), "neither `value` nor `error`"),
        (json!({ "run": "run_none", "outcomes": [] }), "no such run"),
        (json!({ "outcomes": [] }), "missing field `run`"),
    ] {
        let (text, failed) = ask(&server, "continue", arguments);
        assert!(failed && text.contains(words), "{text}");
    }
    let outcomes = json!([{ "call": 1, "value": "Ann" }]);
    let (done, failed) = told(ask(&server, "continue", json!({ "run": run, "outcomes": outcomes })));
    assert_eq!((&done["result"], &done["run"], failed), (&json!("hello Ann"), &run, false), "{done}");
    let (again, failed) = ask(&server, "continue", json!({ "run": run, "outcomes": outcomes }));
    assert!(failed && again.contains("the run is completed"), "{again}");
    let (wrong, failed) = ask(&server, "execute", json!({ "code": "1", "external": [{ "name": "a b" }] }));
    assert!(failed && wrong.contains("`external[0].name`"), "{wrong}");
}

#[test]
fn the_stateless_generation_says_all_in_each_request() {
    let upstream = upstream();
    let server = server(&upstream);
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    let headers = |method: &str, name: &str| {
        let name = if name.is_empty() { String::new() } else { format!("mcp-name: {name}\r\n") };
        format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n{name}")
    };
    let discover = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": meta } });
    let answer = mcp(&server, &headers("server/discover", ""), &discover).json();
    assert_eq!(
        (&answer["result"]["resultType"], &answer["result"]["supportedVersions"][0]),
        (&json!("complete"), &json!("2026-07-28"))
    );
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "execute", "arguments": { "code": "1 + 1" }, "_meta": meta } });
    let answer = mcp(&server, &headers("tools/call", "execute"), &call).json();
    assert!(
        answer["result"]["resultType"] == "complete"
            && answer["result"]["content"][0]["text"].as_str().unwrap().contains("\"result\":2"),
        "{answer}"
    );
    for (headers, code, status) in [
        (headers("tools/call", "search"), -32020, 400),
        (headers("tools/list", "execute"), -32020, 400),
        ("mcp-protocol-version: 2026-07-28\r\n".to_owned(), -32020, 400),
        (headers("tools/call", "execute").replace("2026-07-28", "2025-11-25"), -32020, 400),
    ] {
        let answer = mcp(&server, &headers, &call);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)), "{headers}");
    }
    let old = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" });
    let answer = mcp(&server, "mcp-protocol-version: 2019-01-01\r\n", &old);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32022)));
    let none = json!({ "jsonrpc": "2.0", "id": 3, "method": "nothing/here", "params": { "_meta": meta } });
    let answer = mcp(&server, &headers("nothing/here", ""), &none);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!(-32601)));
}

#[test]
fn a_long_run_tells_its_progress_and_a_foreign_page_nothing() {
    let upstream = upstream();
    let server = server(&upstream);
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
        "name": "execute", "arguments": { "code": "await new Promise((done) => setTimeout(done, 1300)); return 'slept'" }, "_meta": { "progressToken": "p1" } } });
    let answer = mcp(&server, "", &call);
    assert!(answer.head.contains("text/event-stream"), "{}", answer.head);
    let messages: Vec<Value> = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let (last, progress) = messages.split_last().unwrap();
    assert!(last["id"] == 9 && last["result"]["content"][0]["text"].as_str().unwrap().contains("slept"), "{last}");
    assert!(
        progress.len() >= 2 && progress.iter().all(|message| message["params"]["progressToken"] == "p1"),
        "{progress:?}"
    );
    for (origin, host, status) in [
        ("http://evil.example", "localhost:1", 403),
        ("http://localhost:1", "evil.example", 403),
        ("http://localhost:5173", "localhost:1", 200),
    ] {
        let text = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        );
        assert_eq!(server.send(request.as_bytes()).status, status, "{origin} {host}");
    }
}

#[test]
fn mistakes_in_tools_are_told_with_their_place() {
    for (tools, line, words) in [
        ("[[tools]]\nname = \"shop\"\nopenapi = \"none.json\"\n", 7, "cannot be read"),
        ("[[tools]]\nname = \"shop\"\n", 5, "has no operations"),
        (
            "[[tools]]\nname = \"Shop it\"\n[[tools.operation]]\nname = \"a\"\nurl = \"https://a.example/\"\n",
            5,
            "is no name for tools",
        ),
        ("[[tools]]\nname = \"shop\"\nopen_api = \"a.json\"\n", 7, "did you mean `openapi`"),
        (
            "[[tools]]\nname = \"shop\"\ncredential = \"none\"\n[[tools.operation]]\nname = \"a\"\nurl = \"https://a.example/\"\n",
            7,
            "there is no credential",
        ),
        (
            "[[tools]]\nname = \"shop\"\n[[tools.operation]]\nname = \"a b\"\nurl = \"https://{host}/\"\n",
            5,
            "its host has names in braces",
        ),
    ] {
        let folder = folder("", tools);
        let output = mayfly().args(["serve", "--config"]).arg(folder.path().join("mayfly.toml")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words) && said.contains(&format!("acme.toml:{line}")), "{tools}\n{said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
}

/// The least MCP server: of the older generation, without sessions. It says whether the key came.
fn mcp_server() -> Upstream {
    Upstream::start(|request, stream| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        let message: Value = serde_json::from_str(body).unwrap_or_default();
        let keyed = head.contains(&format!("Bearer {KEY}"));
        let result = match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": { "name": "e", "version": "1" } })
            }
            "tools/list" => json!({ "tools": [
                { "name": "echo", "description": "Says it again", "annotations": { "readOnlyHint": true }, "inputSchema": {
                    "type": "object", "required": ["message"], "properties": { "message": { "type": "string" } } } },
                { "name": "get-image", "inputSchema": { "type": "object" } } ] }),
            "tools/call" if message["params"]["name"] == "get-image" => {
                json!({ "content": [{ "type": "image", "mimeType": "image/png", "data": "AQID" }] })
            }
            "tools/call" if message["params"]["arguments"]["message"] == "fail" => {
                json!({ "isError": true, "content": [{ "type": "text", "text": "it will not say that" }] })
            }
            "tools/call" => {
                json!({ "content": [], "structuredContent": { "said": message["params"]["arguments"]["message"], "keyed": keyed } })
            }
            method if method.starts_with("notifications/") => return respond(stream, "202 Accepted", "", ""),
            _ => return respond(stream, "400 Bad Request", "", ""),
        };
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        respond(stream, "200 OK", "content-type: application/json\r\n", &answer.to_string());
    })
}

#[test]
fn a_script_calls_tools_of_an_mcp_server() {
    let upstream = mcp_server();
    let tenant = format!(
        "[[credential]]\nname = \"everything\"\nfrom = \"env:SHOP_KEY\"\nheader = \"authorization\"\nformat = \"Bearer {{}}\"\n\
         [[tools]]\nname = \"everything\"\nmcp = \"{}\"\ncredential = \"everything\"\nprivate = true\n\
         [[tools]]\nname = \"away\"\nmcp = \"http://127.0.0.1:9/mcp\"\nprivate = true\n\
         [[tools]]\nname = \"child\"\nmcp_command = [\"sh\", \"-c\", \"echo words of $KEY >&2; echo words of the child >&2\"]\nenv = {{ KEY = \"env:SHOP_KEY\" }}\n",
        upstream.url("/mcp"),
    );
    let mut command = mayfly();
    command.env("SHOP_KEY", KEY);
    let server = Server::start_by(command, folder("", &tenant));
    let code = "const one = await tools.everything.echo({ message: 'hi' });
        const bytes = await everything.getImage();
        const told = async (call) => { try { return await call } catch (error) { return [error.name, error.tool, error.message.split(';')[0]] } };
        return [one, [...bytes], await told(everything.echo({ message: 'fail' })), await told(everything.echo({})), (await told(away.anything()))[0]]";
    let object = server.run(code, json!(null));
    assert_eq!(object["status"], "completed", "{object:#}");
    assert_eq!(
        object["result"],
        json!([
            { "said": "hi", "keyed": true }, [1, 2, 3], ["ToolError", "everything.echo", "it will not say that"],
            ["ToolError", "everything.echo", "everything.echo: message is missing"], "ToolError",
        ]),
        "{object:#}"
    );
    let call = &object["calls"][0];
    assert_eq!(
        (&call["tool"], &call["method"], &call["url"]),
        (&json!("everything.echo"), &json!("MCP"), &json!(upstream.url("/mcp")))
    );
    assert_eq!(
        (&call["verdict"], &call["rule"], &call["status"]),
        (&json!("allow"), &json!("tools everything"), &json!(200))
    );
    assert!(call["ms"].as_f64().unwrap() > 0.0);
    assert!(server.says("words of the child") && server.says("with a credential, is left out"));
    assert!(!object.to_string().contains(KEY) && !server.log().contains(KEY));
    let found = get(&server, "/v1/tools?query=say%20it%20again").json();
    assert_eq!(found["results"][0]["path"], "everything.echo");
    let types = get(&server, "/v1/types").text;
    assert!(
        types.contains("echo(input: { message: string })") && types.contains("declare const away: typeof tools.away;"),
        "{types}"
    );
}
