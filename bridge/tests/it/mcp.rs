//! Tools of an MCP server at a URL, of both generations: what scripts rely on, and what a server cannot do.

use crate::harness::mcp::{Called, Gave, McpServer, Say, call, call_within, header, json_reply, tool};
use crate::harness::upstream::reply;
use crate::harness::{Bridge, Setup, run, until};
use mayfly_schemas::bridge_capnp::failure::Kind;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const KEY: &str = "sk-mcp-canary-0123456789";

fn text(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

fn echoing(newer: bool) -> McpServer {
    McpServer::start(newer, &["echo"], |_, args| Say::Result(text(&args.to_string())))
}

/// A bridge with one tenant of this file, and its token.
fn bridge(file: &str) -> (Bridge, String) {
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    setup.secret("key", KEY);
    let token = setup.tenant("acme", file);
    (setup.start(), token)
}

/// One call of `t.NAME` at a server that answers like this.
fn once(newer: bool, name: &'static str, answer: impl Fn(&str, &Value) -> Say + Send + Sync + 'static) -> Called {
    run(async move {
        let server = McpServer::start(newer, &[name], answer);
        let (bridge, token) = bridge(&server.set_with_credential("t"));
        let opened = bridge.session(&token).await;
        call(&opened.session, &format!("t.{name}"), json!({})).await
    })
}

#[test]
fn tools_of_both_generations_are_called_and_the_key_stays_in_the_bridge() {
    for newer in [false, true] {
        run(async {
            let server = echoing(newer);
            let (bridge, token) = bridge(&server.set_with_credential("t"));
            let opened = bridge.session(&token).await;
            let called = call(&opened.session, "t.echo", json!({ "word": "a" })).await;
            assert_eq!(called.value(), &json!({ "word": "a" }), "{newer}");
            assert_eq!((called.method.as_str(), called.url), ("MCP", server.url()));
            assert_eq!((called.allowed, called.rule.as_str(), called.status), (true, "tools t", 200));
            let requests = server.upstream.requests();
            let sent = requests.iter().find(|request| request.contains("tools/call")).unwrap();
            assert_eq!(header(sent, "authorization").unwrap(), format!("Bearer {KEY}"));
            assert_eq!(header(sent, "mcp-session-id").is_some(), !newer);
            assert_eq!(header(sent, "mcp-name"), newer.then(|| "echo".to_owned()));
            let version = if newer { "2026-07-28" } else { "2025-11-25" };
            assert_eq!(header(sent, "mcp-protocol-version").unwrap(), version);
            let audit = bridge.stop();
            let line: Value = serde_json::from_str(audit.lines().next().unwrap()).unwrap();
            assert_eq!(
                (&line["tool"], &line["method"], &line["verdict"]),
                (&json!("t.echo"), &json!("MCP"), &json!("allow"))
            );
            assert_eq!((&line["credentials"], &line["status"]), (&json!(["key"]), &json!(200)));
            assert!(line["bytes_in"].as_u64().unwrap() > 0 && line["bytes_out"].as_u64().unwrap() > 0, "{line}");
            assert!(!audit.contains(KEY));
            assert_eq!(server.sessions(), 0, "the session was given back");
        });
    }
}

#[test]
fn an_answer_may_be_a_stream() {
    for newer in [false, true] {
        let note =
            json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "x" } });
        let called = once(newer, "slow", move |_, _| Say::Events(vec![note.clone()], text("at last")));
        assert_eq!((called.value(), called.status), (&json!("at last"), 200));
    }
}

#[test]
fn results_are_unwrapped() {
    let image = json!({ "type": "image", "mimeType": "image/png", "data": "AQID" });
    let blob = json!({ "type": "resource", "resource": { "uri": "a:b", "mimeType": "x/y", "blob": "/wA=" } });
    let note = json!({ "uri": "a:b", "mimeType": "text/plain", "text": "hello" });
    let link = json!({ "type": "resource_link", "uri": "a:b", "name": "b" });
    let words = |text: &str| json!({ "type": "text", "text": text });
    let both = json!([words("see"), image]);
    let cases: Vec<(Value, Gave)> = vec![
        (json!({ "content": [words("no")], "structuredContent": { "n": 1 } }), Gave::Value(json!({ "n": 1 }))),
        (json!({ "content": [words("plain")] }), Gave::Value(json!("plain"))),
        (json!({ "content": [words("[1, {\"a\": null}]")] }), Gave::Value(json!([1, { "a": null }]))),
        (json!({ "content": [words("12")] }), Gave::Value(json!("12"))),
        (json!({ "content": [words("{\"broken\": ")] }), Gave::Value(json!("{\"broken\": "))),
        (json!({ "content": [words("one"), words("two")] }), Gave::Value(json!("one\ntwo"))),
        (json!({ "content": [words("{\"a\":"), words("1}")] }), Gave::Value(json!({ "a": 1 }))),
        (json!({ "content": [] }), Gave::Value(Value::Null)),
        (json!({ "content": [image] }), Gave::Bytes(vec![1, 2, 3])),
        (json!({ "content": [blob] }), Gave::Bytes(vec![255, 0])),
        (json!({ "content": [{ "type": "resource", "resource": note }] }), Gave::Value(note)),
        (json!({ "content": [link] }), Gave::Value(link)),
        (json!({ "content": both }), Gave::Value(both)),
        (
            json!({ "content": [{ "type": "hologram", "depth": 3 }] }),
            Gave::Value(json!({ "type": "hologram", "depth": 3 })),
        ),
    ];
    run(async {
        let results: Vec<Value> = cases.iter().map(|(result, _)| result.clone()).collect();
        let server = McpServer::start(false, &["get"], move |_, args| {
            Say::Result(results[args["at"].as_u64().unwrap() as usize].clone())
        });
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        for (at, (result, expected)) in cases.iter().enumerate() {
            let called = call(&opened.session, "t.get", json!({ "at": at })).await;
            assert_eq!(called.gave, *expected, "{result}");
        }
    });
}

#[test]
fn a_declared_result_is_read_as_json_whatever_it_is() {
    run(async {
        let server = McpServer::start(false, &["get"], |_, _| Say::Result(text("12")));
        let mut declared = tool("get");
        declared["outputSchema"] = json!({ "type": "object" });
        server.lists_now(&[declared]);
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        assert_eq!(call(&opened.session, "t.get", json!({})).await.value(), &json!(12));
    });
}

#[test]
fn a_tool_that_fails_says_so_in_its_own_words() {
    let failed = json!({ "isError": true, "content": [{ "type": "text", "text": "no such city" }], "structuredContent": { "code": 7 } });
    let called = once(false, "get", move |_, _| Say::Result(failed.clone()));
    let Gave::Failure { kind, message, body, .. } = called.gave else { panic!("{called:?}") };
    assert_eq!((kind, message.as_str(), body.as_str()), (Kind::Tool, "no such city", r#"{"code":7}"#));
    let called = once(true, "get", |_, _| Say::Error(-32_602, "city is missing"));
    assert_eq!(called.failure(), (Kind::Tool, "t.get: the MCP server refused the call (-32602): city is missing"));
}

#[test]
fn arguments_are_checked_before_they_are_sent() {
    run(async {
        let server = echoing(false);
        let schema = json!({ "type": "object", "required": ["word"], "properties": { "word": { "type": "string" } } });
        server.lists_now(&[json!({ "name": "echo", "inputSchema": schema })]);
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        let called = call(&opened.session, "t.echo", json!({ "word": 3 })).await;
        assert_eq!(called.failure(), (Kind::Tool, "t.echo: word must be a string, got 3"));
        let called = call(&opened.session, "t.ecko", json!({})).await;
        assert_eq!(called.failure(), (Kind::Tool, "there is no tool `t.ecko`; did you mean t.echo?"));
        assert_eq!(server.messages("tools/call"), [] as [Value; 0]);
    });
}

#[test]
fn a_server_that_is_away_fails_its_calls_and_nothing_else() {
    run(async {
        let server = echoing(false);
        server.is_away(true);
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        let called = call(&opened.session, "t.echo", json!({})).await;
        let (kind, message) = called.failure();
        assert!(
            kind == Kind::Tool && message.starts_with(&format!("t: no reply of the MCP server {}: ", server.url())),
            "{message}"
        );
        // How much of it was there when the connection ended is a matter of the moment.
        assert!(message.contains("the connection") && message.contains("; it is tried again within"), "{message}");
        server.is_away(false);
        // It comes back, with its tools, without anybody's help.
        let began = Instant::now();
        while call(&opened.session, "t.echo", json!({ "n": 1 })).await.gave != Gave::Value(json!({ "n": 1 })) {
            assert!(began.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // What it listed once stays known when it goes again.
        server.is_away(true);
        let called = call(&opened.session, "t.echo", json!({})).await;
        let (kind, message) = called.failure();
        assert!(kind == Kind::Tool && message.contains("no reply of the MCP server"), "{message}");
        let called = call(&opened.session, "t.ecko", json!({})).await;
        assert_eq!(called.failure().1, "there is no tool `t.ecko`; did you mean t.echo?");
    });
}

#[test]
fn a_forgotten_session_is_opened_anew() {
    run(async {
        let server = echoing(false);
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        assert_eq!(call(&opened.session, "t.echo", json!({})).await.value(), &json!({}));
        let lists = server.lists();
        server.forget_sessions();
        assert_eq!(call(&opened.session, "t.echo", json!({ "n": 2 })).await.value(), &json!({ "n": 2 }));
        assert_eq!(server.sessions_opened(), 2);
        until("its tools are listed again", || server.lists() > lists).await;
    });
}

#[test]
fn a_changed_list_is_taken_over() {
    for newer in [false, true] {
        run(async {
            let server = echoing(newer);
            let (bridge, token) = bridge(&server.set("t"));
            let opened = bridge.session(&token).await;
            assert_eq!(call(&opened.session, "t.echo", json!({})).await.value(), &json!({}));
            // Until the stream is open nobody is told.
            let asked = if newer { "subscriptions/listen" } else { "GET /mcp" };
            until("it listens", || server.upstream.requests().iter().any(|request| request.contains(asked))).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            server.lists_now(&[tool("later"), tool("echo two"), json!({ "name": "odd", "inputSchema": 3 })]);
            let began = Instant::now();
            while call(&opened.session, "t.later", json!({ "n": 1 })).await.gave != Gave::Value(json!({ "n": 1 })) {
                assert!(began.elapsed() < Duration::from_secs(10), "{newer}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let called = call(&opened.session, "t.echoTwo", json!({})).await;
            assert_eq!(called.value(), &json!({}));
            assert!(
                call(&opened.session, "t.echo", json!({})).await.failure().1.starts_with("there is no tool `t.echo`")
            );
            assert!(
                call(&opened.session, "t.odd", json!({})).await.failure().1.starts_with("there is no tool `t.odd`")
            );
        });
    }
}

#[test]
fn a_credential_that_is_echoed_is_withheld() {
    let split: String = KEY.chars().map(|letter| format!("\\u{:04x}", letter as u32)).collect();
    let twice = serde_json::to_string(&json!({ "a": split })).unwrap();
    let says: Vec<(&str, Say)> = vec![
        ("text", Say::Result(text(&format!("your key is {KEY}")))),
        ("stream", Say::Events(Vec::new(), text(KEY))),
        (
            "a note before",
            Say::Events(
                vec![
                    json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": KEY, "level": "info" } }),
                ],
                text("fine"),
            ),
        ),
        ("json in json", Say::Result(text(&twice.replace("\\\\u", "\\u")))),
        ("error", Say::Result(json!({ "isError": true, "content": [{ "type": "text", "text": KEY }] }))),
        ("refusal", Say::Raw(reply("500 Oops", "content-type: text/plain\r\n", KEY))),
        ("header", Say::Raw(reply("200 OK", &format!("content-type: application/json\r\nx-key: {KEY}\r\n"), "{}"))),
    ];
    for (what, say) in says {
        let say = std::sync::Mutex::new(Some(say));
        let called = once(false, "leak", move |_, _| say.lock().unwrap().take().unwrap_or(Say::Hang));
        let Gave::Failure { kind, reason, message, body, .. } = &called.gave else { panic!("{what}: {called:?}") };
        assert_eq!((*kind, reason.as_str()), (Kind::Policy, "credential_echoed"), "{what}: {message}");
        assert!(!message.contains(KEY) && !body.contains(KEY) && !called.allowed, "{what}");
    }
}

#[test]
fn a_list_with_a_credential_in_it_is_none() {
    run(async {
        let server = echoing(true);
        let mut leaking = tool("echo");
        leaking["description"] = json!(format!("uses {KEY}"));
        server.lists_now(&[leaking]);
        let (bridge, token) = bridge(&server.set_with_credential("t"));
        let opened = bridge.session(&token).await;
        let called = call(&opened.session, "t.echo", json!({})).await;
        assert!(
            called.failure().1.contains("contained a credential") && !called.failure().1.contains(KEY),
            "{called:?}"
        );
    });
}

#[test]
fn rules_and_addresses_bind_a_server_like_any_fetch() {
    run(async {
        let server = echoing(false);
        let deny = "[[rule]]\nname = \"nobody\"\ndeny = \"http://api.test:*/**\"\n"
            .replace('*', &server.upstream.port.to_string());
        let deny = deny.replace(&format!("/{0}{0}", server.upstream.port), "/**");
        let (denied, token) = bridge(&format!("{}{deny}", server.set("t")));
        let opened = denied.session(&token).await;
        let called = call(&opened.session, "t.echo", json!({})).await;
        assert!(called.failure().1.contains("rule \"nobody\" of tenant \"acme\" denies POST"), "{called:?}");
        let (private, token) = bridge(&server.set("t").replace("private = true\n", ""));
        let opened = private.session(&token).await;
        let called = call(&opened.session, "t.echo", json!({})).await;
        assert!(called.failure().1.contains("has no public address"), "{called:?}");
        assert_eq!(server.upstream.count(), 0, "nothing was dialled");
        // The set grants nothing to a script's own fetch.
        let (granted, token) = bridge(&server.set("t"));
        let opened = granted.session(&token).await;
        assert_eq!(call(&opened.session, "t.echo", json!({})).await.value(), &json!({}));
        let fetched = crate::harness::fetch(&opened.session, &crate::harness::get(server.url())).await;
        assert_eq!(fetched.reason(), "no_rule");
    });
}

#[test]
fn a_change_of_the_file_holds_at_once_and_keeps_what_is_the_same() {
    run(async {
        let server = echoing(false);
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &server.set("t"));
        let file = setup.settings.tenants.as_ref().unwrap().join("acme.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        assert_eq!(call(&opened.session, "t.echo", json!({})).await.value(), &json!({}));
        let lists = server.lists();
        std::fs::write(&file, format!("{before}\n[[rule]]\nname = \"more\"\nallow = \"https://example.com/**\"\n"))
            .unwrap();
        until("its tools are listed again", || server.lists() > lists).await;
        assert_eq!(server.sessions_opened(), 1, "on the same session");
        std::fs::write(&file, before.replace("[[tools]]\nname = \"t\"", "[[tools]]\nname = \"other\"")).unwrap();
        let began = Instant::now();
        while call(&opened.session, "other.echo", json!({})).await.gave != Gave::Value(json!({})) {
            assert!(began.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(call(&opened.session, "t.echo", json!({})).await.failure().1.contains("there is no tool `t.echo`"));
    });
}

#[test]
fn what_makes_no_sense_is_an_error_that_names_the_server() {
    let garbage = |body: &'static str| {
        move |_: &str, _: &Value| Say::Raw(reply("200 OK", "content-type: application/json\r\n", body))
    };
    let html = |_: &str, _: &Value| Say::Raw(reply("200 OK", "content-type: text/html\r\n", "<p>hello"));
    let moved =
        |_: &str, _: &Value| Say::Raw(reply("307 Temporary Redirect", "location: https://elsewhere.test/\r\n", ""));
    let locked = |_: &str, _: &Value| {
        Say::Raw(reply("401 Unauthorized", "content-type: application/json\r\n", r#"{"why":"expired"}"#))
    };
    let told = |called: Called, what: &str| {
        let (kind, message) = called.failure();
        assert!(
            kind == Kind::Tool && message.contains("MCP server http://api.test") && message.contains(what),
            "{called:?}"
        );
    };
    told(once(false, "get", garbage("{\"jsonrpc\": \"2.0\"")), "its answer is no message of JSON-RPC");
    told(once(true, "get", garbage("[]")), "its answer is no message of JSON-RPC");
    told(once(true, "get", html), "is this the URL of an MCP server?");
    told(once(false, "get", moved), "redirects are not followed");
    let called = once(false, "get", locked);
    let Gave::Failure { status, body, .. } = &called.gave else { panic!("{called:?}") };
    assert_eq!((*status, body.as_str()), (401, r#"{"why":"expired"}"#));
    told(called, "it answered 401 Unauthorized; look at the `credential`");
}

#[test]
fn an_answer_to_another_question_is_none_to_this_one() {
    run(async {
        let wrong = json!({ "jsonrpc": "2.0", "id": 4_711, "result": text("for somebody else") });
        let server = McpServer::start(false, &["get"], move |_, _| Say::Raw(json_reply(&wrong)));
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        let called = call_within(&opened.session, "t.get", json!({}), 500, 1 << 20).await;
        assert_eq!(called.failure().0, Kind::Timeout, "{called:?}");
    });
}

#[test]
fn a_result_is_bounded_like_a_body() {
    for streamed in [false, true] {
        run(async {
            let server = McpServer::start(true, &["get"], move |_, _| {
                let large = text(&"x".repeat(100_000));
                if streamed { Say::Events(Vec::new(), large) } else { Say::Result(large) }
            });
            let (bridge, token) = bridge(&server.set("t"));
            let opened = bridge.session(&token).await;
            let called = call_within(&opened.session, "t.get", json!({}), 5_000, 50_000).await;
            let (kind, message) = called.failure();
            assert!(kind == Kind::Network && message.contains("is above 50000 bytes"), "{called:?}");
            let called = call_within(&opened.session, "t.get", json!({}), 5_000, 200_000).await;
            assert_eq!(called.value().as_str().unwrap().len(), 100_000);
        });
    }
}

#[test]
fn a_list_without_an_end_is_none() {
    run(async {
        let server = echoing(false);
        server.is_endless();
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        let called = call(&opened.session, "t.echo", json!({})).await;
        assert!(called.failure().1.contains("its list of tools has more than 100 pages"), "{called:?}");
        assert_eq!(server.lists(), 100);
    });
}

#[test]
fn a_call_that_nobody_waits_for_is_cancelled_at_the_server() {
    run(async {
        let server = McpServer::start(false, &["get"], |_, _| Say::Hang);
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        let called = call_within(&opened.session, "t.get", json!({}), 300, 1 << 20).await;
        let (kind, message) = called.failure();
        assert!(
            kind == Kind::Timeout && message.contains("no reply of the MCP server") && message.contains("call_ms"),
            "{called:?}"
        );
        until("the server is told", || !server.messages("notifications/cancelled").is_empty()).await;
        let asked = server.messages("tools/call")[0]["id"].clone();
        assert_eq!(server.messages("notifications/cancelled")[0]["params"]["requestId"], asked);
        // The end of the run does the same.
        let session = opened.session.clone();
        let waiting = tokio::task::spawn_local(async move { call(&session, "t.get", json!({})).await });
        until("it is on its way", || server.messages("tools/call").len() == 2).await;
        waiting.abort();
        drop(opened);
        until("the server is told again", || server.messages("notifications/cancelled").len() == 2).await;
        let audit = bridge.stop();
        let last: Value = serde_json::from_str(audit.lines().last().unwrap()).unwrap();
        assert_eq!((&last["verdict"], &last["tool"]), (&json!("cancelled"), &json!("t.get")), "{audit}");
    });
}

#[test]
fn what_a_server_asks_of_us_is_declined() {
    run(async {
        let ask = |id: &str, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let sampling =
            json!({ "maxTokens": 9, "messages": [{ "role": "user", "content": { "type": "text", "text": "hi" } }] });
        let form = json!({ "message": "your password?", "requestedSchema": { "type": "object", "properties": {} } });
        let asks = vec![
            ask("s", "sampling/createMessage", sampling),
            ask("r", "roots/list", json!({})),
            ask("e", "elicitation/create", form),
        ];
        let server = McpServer::start(false, &["get"], move |_, _| Say::Events(asks.clone(), text("done")));
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        assert_eq!(call(&opened.session, "t.get", json!({})).await.value(), &json!("done"));
        let answer =
            |id: &str| server.all().into_iter().find(|message| message["id"] == id && message.get("method").is_none());
        until("it is answered", || ["s", "r", "e"].iter().all(|id| answer(id).is_some())).await;
        assert!(answer("s").unwrap()["error"].is_object() && answer("r").unwrap()["error"].is_object());
        let elicited = answer("e").unwrap();
        assert!(elicited["error"].is_object() || elicited["result"]["action"] == "decline", "{elicited}");
        let first = server.messages("initialize")[0].clone();
        assert_eq!(first["params"]["capabilities"], json!({}), "nothing is offered either");
    });
}

#[test]
fn many_calls_go_at_once() {
    run(async {
        let server = McpServer::start(true, &["get"], |_, args| {
            std::thread::sleep(Duration::from_millis(200));
            Say::Result(text(&args["n"].to_string()))
        });
        let (bridge, token) = bridge(&server.set("t"));
        let opened = bridge.session(&token).await;
        call(&opened.session, "t.get", json!({ "n": 0 })).await;
        let began = Instant::now();
        let calls = (0..20).map(|n| {
            let session = opened.session.clone();
            async move { call(&session, "t.get", json!({ "n": n })).await }
        });
        let all = futures::future::join_all(calls).await;
        for (n, called) in all.iter().enumerate() {
            assert_eq!(called.value(), &json!(n.to_string()));
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    });
}
