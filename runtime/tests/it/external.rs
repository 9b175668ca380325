//! Tools that the caller of a run answers itself: the run pauses, is continued, and ends.

use crate::harness::server::{Server, TOKEN, folder, mayfly};
use crate::harness::tenants::two_tenants;
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn a_call_pauses_the_run_until_its_caller_answers() {
    let server = Server::start("");
    let external = json!([
        { "name": "add", "description": "Adds", "input_schema": { "type": "object", "required": ["a"] }, "output_schema": { "type": "number" } },
        { "name": "crm.lookup" },
    ]);
    let code = "console.log('asking');
        const three = await tools.add({ a: 1, b: 2 });
        const found = await crm.lookup({ id: 'x' });
        return [three, found, typeof add, await codemode.add({ a: 0 })]";
    let first = server.begin(json!({ "code": code, "external": external }));
    let expected = json!([{ "call": 1, "tool": "add", "args": { "a": 1, "b": 2 }, "reason": "external" }]);
    assert_eq!((&first["status"], &first["pending"]), (&json!("paused"), &expected), "{first:#}");
    assert!(first.get("result").is_none() && first["logs"][0]["text"] == "asking", "{first:#}");
    let call = &first["calls"][0];
    assert_eq!((&call["call"], &call["tool"], &call["verdict"]), (&json!(1), &json!("add"), &json!("hold")));
    assert_eq!(server.look(&first["id"]).json(), first, "who looks sees the same");

    let second = server.answer(&first["id"], 1, json!(3));
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["pending"][0]["tool"], "crm.lookup", "{second:#}");
    assert_eq!(
        (&second["calls"][0]["verdict"], &second["calls"][1]["verdict"]),
        (&json!("allow"), &json!("hold")),
        "{second:#}"
    );
    let third = server.answer(&first["id"], 2, json!({ "name": "Ann" }));
    assert_eq!(third["pending"][0]["args"], json!({ "a": 0 }));
    let last = server.answer(&first["id"], 3, json!(-1.5));
    assert_eq!(last["status"], "completed", "{last:#}");
    assert_eq!(last["result"], json!([3, { "name": "Ann" }, "function", -1.5]));
    assert!(last.get("pending").is_none());
    assert_eq!(last["usage"]["calls"], 3);
    assert!(last["calls"].as_array().unwrap().iter().all(|call| call["verdict"] == "allow"), "{last:#}");
}

#[test]
fn calls_side_by_side_are_answered_in_any_order_and_in_parts() {
    let server = Server::start("");
    let code = "Promise.all([1, 2, 3].map((n) => tools.ask({ n })))";
    let first = server.paused(code, &["ask"]);
    let waiting = |object: &Value| -> Vec<u64> {
        object["pending"].as_array().unwrap().iter().map(|call| call["call"].as_u64().unwrap()).collect()
    };
    assert_eq!(waiting(&first), [1, 2, 3]);
    let second = server.answer(&first["id"], 2, json!("b"));
    assert_eq!((&second["status"], waiting(&second)), (&json!("paused"), vec![1, 3]));
    let outcomes = json!({ "outcomes": [{ "call": 3, "value": "c" }, { "call": 1, "value": "a" }] });
    let last = server.go_on(&first["id"], outcomes).json();
    assert_eq!((&last["status"], &last["result"]), (&json!("completed"), &json!(["a", "b", "c"])), "{last:#}");
}

#[test]
fn what_went_wrong_outside_is_an_error_that_the_script_can_catch() {
    let server = Server::start("");
    let code = "try { await tools.crm.lookup({}) } catch (error) {
        return [error instanceof ToolError, error.name, error.message, error.tool, error.stack.includes('main.ts:1:')] }";
    let first = server.paused(code, &["crm.lookup"]);
    let last = server.go_on(&first["id"], json!({ "outcomes": [{ "call": 1, "error": "no such customer" }] })).json();
    assert_eq!(last["result"], json!([true, "ToolError", "no such customer", "crm.lookup", true]), "{last:#}");
    let uncaught = server.paused("await tools.crm.lookup({})", &["crm.lookup"]);
    let last = server.go_on(&uncaught["id"], json!({ "outcomes": [{ "call": 1, "error": "x" }] })).json();
    assert_eq!(
        (&last["status"], &last["error"]["name"], &last["error"]["line"]),
        (&json!("failed"), &json!("ToolError"), &json!(1))
    );
}

#[test]
fn arguments_are_held_against_the_schema_before_anybody_is_asked() {
    let server = Server::start("");
    let schema = json!({ "type": "object", "required": ["id"], "additionalProperties": false, "properties": { "id": { "type": "integer" } } });
    let code = "const wrong = await tools.get({ id: 'x' }).catch((error) => [error.name, error.message, error.tool]);
        return [wrong, await tools.get({ id: 1 })]";
    let first = server.begin(json!({ "code": code, "external": [{ "name": "get", "input_schema": schema }] }));
    assert_eq!(first["pending"], json!([{ "call": 2, "tool": "get", "args": { "id": 1 }, "reason": "external" }]));
    assert_eq!(first["calls"][0]["verdict"], "allow", "no rule has refused it");
    let last = server.answer(&first["id"], 2, json!("one"));
    assert_eq!(
        last["result"],
        json!([["ToolError", "get: id must be a whole number, got \"x\"", "get"], "one"]),
        "{last:#}"
    );
}

#[test]
fn tools_that_nobody_declared_are_still_the_tenants() {
    let server = Server::start("");
    let code = "const told = await tools.other({}).catch((error) => error.message); await tools.ask({}); return told";
    let first = server.paused(code, &["ask"]);
    let last = server.answer(&first["id"], 2, json!(1));
    assert!(last["result"].as_str().unwrap().contains("no tool `other`"), "{last:#}");
}

#[test]
fn a_run_that_waits_for_something_else_too_is_not_paused() {
    let upstream = Upstream::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(400));
        respond(stream, "200 OK", "", "slow");
    });
    let rules = format!("[[rule]]\nname = \"here\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let server = Server::start(&rules);
    let code = format!(
        "const [said, text] = await Promise.all([tools.ask({{}}), fetch('{}').then((reply) => reply.text()), new Promise((done) => setTimeout(done, 100))]); return [said, text]",
        upstream.url("/")
    );
    let began = Instant::now();
    let first = server.paused(&code, &["ask"]);
    assert!(began.elapsed() >= Duration::from_millis(400), "the reply came first: {:?}", began.elapsed());
    assert_eq!(first["calls"][1]["status"], 200, "{first:#}");
    let last = server.answer(&first["id"], 1, json!("yes"));
    assert_eq!(last["result"], json!(["yes", "slow"]), "{last:#}");
}

#[test]
fn waiting_for_people_is_not_on_the_wall_clock() {
    let server = Server::start("");
    let begin = |code: &str| {
        let body = json!({ "code": code, "external": [{ "name": "ask" }], "limits": { "wall_ms": 600 } });
        let object = server.begin(body);
        assert_eq!(object["status"], "paused", "{object:#}");
        object["id"].clone()
    };
    // A turn that computes after the pause is held to the clock as the pause has moved it.
    let computes = "const before = Date.now(); await tools.ask({}); const waited = Date.now() - before;
        let sum = 0; for (let at = 0; at < 3e5; at += 1) sum += at; return waited";
    let sleeps = "await tools.ask({}); await new Promise((done) => setTimeout(done, 5000))";
    let loops = "await tools.ask({}); for (;;);";
    let ids = [computes, sleeps, loops].map(begin);
    std::thread::sleep(Duration::from_millis(900));
    let [computed, slept, looped] = ids.map(|id| server.answer(&id, 1, json!(1)));
    assert_eq!(computed["status"], "completed", "{computed:#}");
    assert!(computed["result"].as_f64() >= Some(900.0), "the script's own clock goes on: {computed:#}");
    for object in [&slept, &looped] {
        assert_eq!(object["error"]["kind"], "wall_limit", "{object:#}");
    }
    for object in [&computed, &slept, &looped] {
        let wall_us = object["usage"]["wall_us"].as_u64().unwrap();
        assert!(wall_us < 850_000, "{object:#}");
    }
}

#[test]
fn nobody_waits_for_ever() {
    let server = Server::start_with("[runtime]\npause_ms = 300\n", "", &[]);
    let id = server.paused("await tools.ask({})", &["ask"])["id"].clone();
    let ended = server.until(&id, "cancelled");
    assert_eq!(ended["error"]["kind"], "cancelled");
    assert!(ended["error"]["message"].as_str().unwrap().contains("nobody continued it"), "{ended:#}");
    assert_eq!(ended["calls"][0]["verdict"], "hold");
    let late = server.go_on(&id, json!({ "outcomes": [{ "call": 1, "value": 1 }] }));
    assert_eq!(late.kind(), (409, "conflict".into()));
    assert!(late.json()["detail"].as_str().unwrap().contains("cancelled"), "{}", late.text);
}

#[test]
fn a_pause_that_is_too_long_is_a_mistake_in_the_configuration() {
    let folder = folder("[runtime]\npause_ms = 0\n", "");
    let output = mayfly().args(["serve", "--config"]).arg(folder.path().join("mayfly.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("pause_ms") && said.contains("mayfly.toml:5"), "{said}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_continuation_is_taken_whole_or_refused_with_its_field() {
    let server = Server::start("");
    let id = server.paused("Promise.all([tools.ask({}), tools.ask({})])", &["ask"])["id"].clone();
    for (body, words) in [
        ("", "not JSON"),
        ("[]", "`outcomes`: is empty"),
        ("5", "body"),
        ("{}", "`outcomes`: is empty"),
        (r#"{"outcome": []}"#, "`outcome`"),
        (r#"{"outcomes": [{"call": 1}]}"#, "`outcomes[0]`: has neither"),
        (r#"{"outcomes": [{"call": 1, "value": 1, "error": "x"}]}"#, "`outcomes[0]`: give `value` or `error`"),
        (
            r#"{"outcomes": [{"call": 1, "value": 1}, {"call": 9, "value": 1}]}"#,
            "`outcomes[1].call`: no call 9 waits in this run; waiting: 1, 2",
        ),
        (
            r#"{"outcomes": [{"call": 1, "value": 1}, {"call": 1, "value": 2}]}"#,
            "`outcomes[1].call`: call 1 is there twice",
        ),
        (r#"{"outcomes": [{"call": "1", "value": 1}]}"#, "`outcomes[0].call`"),
        (r#"{"outcomes": [{"value": 1}]}"#, "`outcomes[0]`: missing field `call`"),
        (r#"{"outcomes": [{"call": 1, "error": 5}]}"#, "`outcomes[0].error`"),
        (r#"{"outcomes": [{"call": 1, "vlaue": 5}]}"#, "vlaue"),
        (r#"{"decisions": [{"call": 3, "approve": true}]}"#, "`decisions[0].call`: no call 3 waits"),
        (r#"{"decisions": [{"call": 1, "approve": true}]}"#, "`decisions[0].call`: call 1 waits for no decision"),
    ] {
        let path = format!("/v1/runs/{}/continue", id.as_str().unwrap());
        let response = server.request("POST", &path, &format!("authorization: Bearer {TOKEN}\r\n"), body);
        let (status, kind, detail) = response.problem();
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{body}: {detail}");
        assert!(detail.contains(words), "{body}: {detail}");
    }
    // None of them has given anything to any call.
    let outcomes = json!({ "outcomes": [{ "call": 1, "value": "a" }, { "call": 2, "value": "b" }] });
    let last = server.go_on(&id, outcomes.clone()).json();
    assert_eq!((&last["status"], &last["result"]), (&json!("completed"), &json!(["a", "b"])), "{last:#}");
    assert_eq!(server.go_on(&id, outcomes).kind(), (409, "conflict".into()));
    let decision = server.go_on(&id, json!({ "decisions": [{ "call": 1, "approve": true }] }));
    assert_eq!(decision.kind(), (409, "conflict".into()), "a run that does not wait comes before what it waits for");
    let unknown = server.go_on(&json!("run_01HZZZZZZZZZZZZZZZZZZZZZZZ"), json!({}));
    assert_eq!(unknown.kind(), (404, "not_found".into()));
}

#[test]
fn outcomes_are_held_against_the_schema_and_the_run_stays_paused() {
    let server = Server::start("");
    let order = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" },
        "status": { "enum": ["open", "paid"] } } });
    let external = json!([
        { "name": "orders", "output_schema": { "type": "array", "items": order } },
        { "name": "free" },
    ]);
    let code = "return Promise.all([tools.orders({}), tools.free({})])";
    let id = server.begin(json!({ "code": code, "external": external }))["id"].clone();
    for (value, words) in [
        (json!([{ "id": 1 }, { "id": "x" }]), "`outcomes[1].value`: [1].id must be a whole number, got \"x\""),
        (json!([{ "id": 1, "status": "done" }]), "`outcomes[1].value`: [0].status must be one of \"open\", \"paid\""),
        (json!([{}]), "`outcomes[1].value`: [0].id is missing"),
        (json!("none"), "`outcomes[1].value`: the result must be an array"),
    ] {
        let outcomes = json!({ "outcomes": [{ "call": 2, "value": 5 }, { "call": 1, "value": value }] });
        let (status, kind, detail) = server.go_on(&id, outcomes).problem();
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{value}: {detail}");
        assert!(detail.contains(words), "{value}: {detail}");
        assert_eq!(server.look(&id).json()["status"], "paused");
    }
    // An error is none of the tool's results.
    let half = server.go_on(&id, json!({ "outcomes": [{ "call": 2, "value": 5 }] })).json();
    assert_eq!(half["status"], "paused", "{half:#}");
    assert_eq!(server.answer(&id, 1, json!([{ "id": 1 }]))["result"], json!([[{ "id": 1 }], 5]));
}

#[test]
fn calls_that_the_caller_answers_are_in_the_audit_without_their_arguments() {
    let server = Server::start("");
    let schema = json!({ "type": "object", "properties": { "id": { "type": "integer" } } });
    let code = "await tools.get({ id: 'canary-args' }).catch(() => 0);
        await Promise.allSettled([tools.get({ id: 1 }), tools.get({ id: 2 })]);
        await tools.get({ id: 3 })";
    let external = json!([{ "name": "get", "input_schema": schema }]);
    let id = server.begin(json!({ "code": code, "external": external }))["id"].clone();
    let said = json!({ "outcomes": [{ "call": 2, "value": "canary-value" }, { "call": 3, "error": "canary-error" }] });
    assert_eq!(server.go_on(&id, said).json()["status"], "paused");
    server.cancel(&id);
    let text = server.stop();
    let text = std::fs::read_to_string(text.path().join("state/audit.jsonl")).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<_> = records.iter().filter(|record| record["run"] == id && record["tool"] == "get").collect();
    let told: Vec<_> =
        calls.iter().map(|one| json!([one["call"], one["verdict"], one["rule"], one["reason"]])).collect();
    let expected = json!([
        [1, "allow", "external", "usage"],
        [2, "allow", "external", ""],
        [3, "allow", "external", "tool"],
        [4, "cancelled", "external", ""]
    ]);
    assert_eq!(json!(told), expected, "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_value_is_as_large_as_a_reply_may_be() {
    let server = Server::start("");
    let body = json!({ "code": "(await tools.ask({})).length", "external": [{ "name": "ask" }], "limits": { "response_bytes": 1000 } });
    let id = server.begin(body)["id"].clone();
    let large = server.go_on(&id, json!({ "outcomes": [{ "call": 1, "value": "x".repeat(1000) }] }));
    let (status, kind, detail) = large.problem();
    assert_eq!((status, kind.as_str()), (413, "too_large"));
    assert!(detail.contains("`outcomes[0].value`: is 1002 bytes of JSON; the limit is 1000"), "{detail}");
    assert_eq!(server.answer(&id, 1, json!("x".repeat(998)))["result"], 998);
}

#[test]
fn more_arguments_than_may_wait_are_an_error_of_the_call() {
    let server = Server::start("");
    let code = "const text = 'x'.repeat(4e6); return (await Promise.allSettled([1, 2, 3].map(() => tools.ask({ text })))).map((one) => one.status)";
    let first = server.paused(code, &["ask"]);
    assert_eq!(first["pending"].as_array().unwrap().len(), 2);
    let outcomes = json!({ "outcomes": [{ "call": 1, "value": 1 }, { "call": 2, "value": 1 }] });
    let last = server.go_on(&first["id"], outcomes).json();
    assert_eq!(last["result"], json!(["fulfilled", "fulfilled", "rejected"]), "{}", last["error"]);
}

#[test]
fn mistakes_in_external_are_told_with_their_field() {
    let tools = "[[tools]]\nname = \"shop\"\n[[tools.operation]]\nname = \"a\"\nurl = \"https://a.example/\"\n";
    let server = Server::start(tools);
    for (external, words) in [
        (json!("add"), "`external`"),
        (json!([{ "nmae": "add" }]), "`external[0]"),
        (json!([{ "name": "add" }, { "name": "a b" }]), "`external[1].name`"),
        (json!([{ "name": "add", "input_schema": "x" }]), "`external[0].input_schema`"),
        (json!([{ "name": "shop.mine" }]), "`shop` is a set of tools of this tenant already"),
    ] {
        let response = server.post(&json!({ "code": "1", "external": external }).to_string());
        let (status, kind, detail) = response.problem();
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{external}: {detail}");
        assert!(detail.contains(words), "{external}: {detail}");
    }
}

#[test]
fn an_outcome_is_taken_once_whoever_is_first() {
    let server = Server::start("");
    for _ in 0..10 {
        let code = "const said = await tools.ask({}); await tools.ask({}); return said";
        let id = server.paused(code, &["ask"])["id"].clone();
        let taken: Vec<(u16, u32)> = std::thread::scope(|scope| {
            let one = |number: u32| {
                let (server, id) = (&server, &id);
                scope.spawn(move || {
                    let body = json!({ "outcomes": [{ "call": 1, "value": number }] });
                    (server.go_on(id, body).status, number)
                })
            };
            let all: Vec<_> = (0..4).map(one).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let won: Vec<u32> = taken.iter().filter(|(status, _)| *status == 200).map(|(_, number)| *number).collect();
        assert_eq!(won.len(), 1, "{taken:?}");
        // The others came while it ran, or when the call did not wait any more.
        assert!(taken.iter().all(|(status, _)| [200, 409, 400].contains(status)), "{taken:?}");
        assert_eq!(server.answer(&id, 2, Value::Null)["result"], won[0]);
    }
}

#[test]
fn a_run_is_its_own_tenants_and_an_auditor_only_looks() {
    let (server, acme, evil) = two_tenants("", "");
    let body = json!({ "code": "await tools.ask({})", "external": [{ "name": "ask" }] }).to_string();
    let id = server.as_(acme.of("runner"), "POST", "/v1/runs", "", &body).json()["id"].as_str().unwrap().to_owned();
    let (one, on) = (format!("/v1/runs/{id}"), format!("/v1/runs/{id}/continue"));
    let said = r#"{"outcomes":[{"call":1,"value":1}]}"#;
    for (method, path, body) in [("GET", &one, ""), ("DELETE", &one, ""), ("POST", &on, said), ("POST", &on, "{")] {
        assert_eq!(server.as_(evil.of("admin"), method, path, "", body).kind(), (404, "not_found".into()), "{method}");
        assert_eq!(server.as_("mf_nobody", method, path, "", body).kind(), (401, "unauthorized".into()), "{method}");
        assert_eq!(server.request(method, path, "", body).kind(), (401, "unauthorized".into()), "{method}");
        if method != "GET" {
            assert_eq!(server.as_(acme.of("auditor"), method, path, "", body).kind(), (403, "forbidden".into()));
        }
    }
    assert_eq!(server.as_(evil.of("admin"), "GET", "/v1/runs", "", "").json()["runs"], json!([]));
    assert_eq!(server.as_(acme.of("auditor"), "GET", &one, "", "").json()["status"], "paused");
    let last = server.as_(acme.of("deployer"), "POST", &on, "", said).json();
    assert_eq!(last["status"], "completed", "{last:#}");
}
