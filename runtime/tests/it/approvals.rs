//! Calls that wait until somebody says yes: what is shown, who may say it, and that it is good for one request.

use crate::harness::server::{Server, TOKEN, folder, mayfly};
use crate::harness::tenants::{Tokens, restart, two_tenants};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};

fn upstream() -> Upstream {
    Upstream::start(|request, stream| {
        let line = request.lines().next().unwrap_or_default().to_owned();
        if line.starts_with("GET /moved") {
            return respond(stream, "302 Found", "location: /danger/there\r\n", "");
        }
        respond(stream, "200 OK", "content-type: application/json\r\n", &json!({ "line": line }).to_string());
    })
}

fn rules(upstream: &Upstream) -> String {
    let address = upstream.address;
    let input =
        "input_schema = { type = \"object\", required = [\"id\"], properties = { id = { type = \"integer\" } } }";
    let operation = |name: &str, method: &str| {
        format!(
            "[[tools.operation]]\nname = \"{name}\"\nmethod = \"{method}\"\nurl = \"http://{address}/{name}/{{id}}\"\n{input}\n"
        )
    };
    format!(
        "[[rule]]\nname = \"all\"\nallow = \"http://{address}/**\"\nprivate = true\n\
         [[rule]]\nname = \"danger\"\nallow = \"http://{address}/danger/**\"\nprivate = true\nhold = true\n\
         [[rule]]\nname = \"never\"\ndeny = \"http://{address}/pay/13\"\n\
         [[tools]]\nname = \"shop\"\nprivate = true\napprove = [\"pay\"]\n{}{}",
        operation("pay", "POST"),
        operation("get", "GET"),
    )
}

fn audit(server: &Server) -> Vec<Value> {
    std::thread::sleep(std::time::Duration::from_millis(100));
    let text = std::fs::read_to_string(server.folder.path().join("state/audit.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn decide(server: &Server, id: &Value, decisions: Value) -> Value {
    let response = server.go_on(id, json!({ "decisions": decisions }));
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

#[test]
fn a_call_of_a_tool_waits_for_a_yes_and_is_sent_as_it_was_shown() {
    let upstream = upstream();
    let server = Server::start(&rules(&upstream));
    let code = "const free = await shop.get({ id: 1 }); const paid = await shop.pay({ id: 2 }); return [free, paid]";
    let first = server.begin(json!({ "code": code }));
    assert_eq!(first["status"], "paused", "{first:#}");
    let pending = &first["pending"][0];
    assert_eq!(
        (&pending["call"], &pending["tool"], &pending["args"], &pending["reason"]),
        (&json!(2), &json!("shop.pay"), &json!({ "id": 2 }), &json!("approval"))
    );
    assert_eq!(
        (&pending["request"]["method"], &pending["request"]["url"]),
        (&json!("POST"), &json!(upstream.url("/pay/2")))
    );
    assert_eq!((&first["calls"][1]["verdict"], &first["calls"][1]["tool"]), (&json!("hold"), &json!("shop.pay")));
    assert_eq!(upstream.requests().len(), 1, "nothing was sent");
    let last = decide(&server, &first["id"], json!([{ "call": 2, "approve": true }]));
    assert_eq!(
        last["result"],
        json!([{ "line": "GET /get/1 HTTP/1.1" }, { "line": "POST /pay/2 HTTP/1.1" }]),
        "{last:#}"
    );
    assert_eq!((&last["calls"][1]["verdict"], &last["calls"][1]["status"]), (&json!("allow"), &json!(200)));
    assert_eq!((upstream.requests().len(), last["calls"].as_array().unwrap().len()), (2, 2));
    let records = audit(&server);
    let of_call: Vec<_> =
        records.iter().filter(|one| one["call"] == 2).map(|one| (&one["verdict"], &one["action"])).collect();
    assert_eq!(
        of_call,
        [(&json!("hold"), &Value::Null), (&json!("allow"), &json!("approve")), (&json!("allow"), &Value::Null)]
    );
    let decision = &records.iter().find(|one| one["action"] == "approve").unwrap()["decision"];
    assert_eq!((&decision["digest"], &decision["role"]), (&pending["request"]["digest"], &json!("runner")));
}

#[test]
fn a_no_is_an_error_that_the_script_can_catch_and_nothing_is_sent() {
    let upstream = upstream();
    let server = Server::start(&rules(&upstream));
    let code = "try { await shop.pay({ id: 2 }) } catch (error) { return [error.name, error.reason, error.message] }";
    let first = server.begin(json!({ "code": code }));
    let last = decide(&server, &first["id"], json!([{ "call": 1, "approve": false, "reason": "too much" }]));
    let message = "the call was rejected by the person who was asked: too much";
    assert_eq!(last["result"], json!(["PolicyError", "rejected", message]), "{last:#}");
    assert_eq!(last["calls"][0]["verdict"], "deny");
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn what_policy_denies_or_does_not_fit_is_told_before_anybody_is_asked() {
    let upstream = upstream();
    let server = Server::start(&rules(&upstream));
    let code = "const told = [];
        for (const args of [{ id: 13 }, { id: 'x' }]) await shop.pay(args).catch((error) => told.push(error.name));
        await fetch(input + '/moved').catch((error) => told.push(error.reason));
        await fetch(input + '/danger/x', { method: 'POST', body: new ReadableStream({ start(c) { c.enqueue(new Uint8Array(1)); c.close() } }), duplex: 'half' })
            .catch((error) => told.push(error.message));
        return told";
    let object = server.run(code, json!(upstream.url("")));
    let told = object["result"].as_array().unwrap();
    assert_eq!(told[..3], [json!("PolicyError"), json!("ToolError"), json!("needs_approval")], "{object:#}");
    assert!(told[3].as_str().unwrap().contains("needs its whole body"), "{object:#}");
}

#[test]
fn a_fetch_under_a_rule_that_holds_waits_with_its_body_shown() {
    let upstream = upstream();
    let server = Server::start(&rules(&upstream));
    let code = "const [a, b] = await Promise.all([fetch(input + '/danger/1?q=2', { method: 'PUT', body: 'the body' }), fetch(input + '/free')]);
        return [a.status, b.status]";
    let first = server.begin(json!({ "code": code, "input": upstream.url("") }));
    let pending = &first["pending"][0];
    assert_eq!((&pending["tool"], &pending["reason"]), (&json!("fetch"), &json!("approval")), "{first:#}");
    let request = &pending["request"];
    assert_eq!(
        (&request["method"], &request["url"], &request["body"], &request["body_bytes"]),
        (&json!("PUT"), &json!(upstream.url("/danger/1?q=2")), &json!("the body"), &json!(8))
    );
    assert_eq!(decide(&server, &first["id"], json!([{ "call": 1, "approve": true }]))["result"], json!([200, 200]));
    assert!(
        upstream
            .requests()
            .iter()
            .any(|request| request.starts_with("PUT /danger/1?q=2") && request.ends_with("the body"))
    );
}

#[test]
fn decisions_and_outcomes_go_to_the_calls_they_are_for() {
    let upstream = upstream();
    let server = Server::start(&rules(&upstream));
    let code =
        "return Promise.all([shop.pay({ id: 1 }), tools.ask({}), shop.pay({ id: 2 }).catch((error) => error.reason)])";
    let first = server.begin(json!({ "code": code, "external": [{ "name": "ask" }] }));
    assert_eq!(first["pending"].as_array().unwrap().len(), 3, "{first:#}");
    for (body, words) in [
        (json!({ "outcomes": [{ "call": 1, "value": 1 }] }), "`outcomes[0].call`: call 1 waits for approval"),
        (json!({ "decisions": [{ "call": 2, "approve": true }] }), "`decisions[0].call`: call 2 waits for no decision"),
        (json!({ "decisions": [{ "call": 1 }] }), "`decisions[0]`: missing field `approve`"),
        (json!({ "decisions": [{ "call": 1, "approve": "yes" }] }), "`decisions[0].approve`"),
        (json!({ "decisions": [{ "call": 1, "approve": true }, { "call": 1, "approve": true }] }), "is there twice"),
    ] {
        let (status, _, detail) = server.go_on(&first["id"], body.clone()).problem();
        assert!(status == 400 && detail.contains(words), "{body}: {detail}");
    }
    assert!(upstream.requests().is_empty(), "none of that has approved anything");
    let said = json!({ "decisions": [{ "call": 1, "approve": true }, { "call": 3, "approve": false }], "outcomes": [{ "call": 2, "value": "said" }] });
    let last = server.go_on(&first["id"], said).json();
    assert_eq!(last["result"], json!([{ "line": "POST /pay/1 HTTP/1.1" }, "said", "rejected"]), "{last:#}");
}

#[test]
fn a_call_that_waits_is_parked_and_decided_after_a_restart() {
    let upstream = upstream();
    let server = Server::start_with("[runtime]\npark_after_ms = 1\n", &rules(&upstream), &[]);
    let first =
        server.begin(json!({ "code": "const a = await shop.pay({ id: 5 }); return [a, await shop.pay({ id: 6 })]" }));
    assert!(server.says("parked"), "{}", server.log());
    let server = restart(server);
    assert_eq!(server.look(&first["id"]).json()["pending"], first["pending"]);
    let second = decide(&server, &first["id"], json!([{ "call": 1, "approve": true }]));
    assert_eq!((&second["status"], &second["pending"][0]["call"]), (&json!("paused"), &json!(2)), "{second:#}");
    let last = decide(&server, &first["id"], json!([{ "call": 2, "approve": true }]));
    assert_eq!(
        last["result"],
        json!([{ "line": "POST /pay/5 HTTP/1.1" }, { "line": "POST /pay/6 HTTP/1.1" }]),
        "{last:#}"
    );
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn of_many_who_say_yes_one_is_heard_and_the_call_is_sent_once() {
    let upstream = upstream();
    let server = Server::start(&rules(&upstream));
    let id = server.begin(json!({ "code": "await shop.pay({ id: 5 }); await shop.pay({ id: 6 })" }))["id"].clone();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let one = || scope.spawn(|| server.go_on(&id, json!({ "decisions": [{ "call": 1, "approve": true }] })).status);
        let all: Vec<_> = (0..5).map(|_| one()).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(upstream.requests().len(), 1);
}

fn as_role(server: &Server, tokens: &Tokens, role: &str, id: &str) -> (u16, String) {
    let body = r#"{"decisions":[{"call":1,"approve":true}]}"#;
    let response = server.as_(tokens.of(role), "POST", &format!("/v1/runs/{id}/continue"), "", body);
    (response.status, response.text)
}

#[test]
fn who_may_say_yes_is_the_tenants_to_say() {
    let upstream = upstream();
    let (server, acme, evil) = two_tenants("", &format!("[approvals]\nroles = [\"admin\"]\n{}", rules(&upstream)));
    let body = json!({ "code": "return (await shop.pay({ id: 5 })).line" }).to_string();
    let id = server.as_(acme.of("runner"), "POST", "/v1/runs", "", &body).json()["id"].as_str().unwrap().to_owned();
    for role in ["runner", "deployer", "auditor"] {
        let (status, text) = as_role(&server, &acme, role, &id);
        assert!(status == 403 && text.contains(role), "{role}: {text}");
    }
    assert_eq!(as_role(&server, &evil, "admin", &id).0, 404);
    assert!(upstream.requests().is_empty());
    let (status, text) = as_role(&server, &acme, "admin", &id);
    assert!(status == 200 && text.contains("POST /pay/5"), "{text}");
}

#[test]
fn a_model_does_not_approve_its_own_calls_unless_the_file_says_so() {
    let upstream = upstream();
    let call = |name: &str, arguments: Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } })
            .to_string()
    };
    for (approvers, may) in [("", false), ("[approvals]\nroles = [\"runner\"]\n", true)] {
        let folder = folder("", "");
        let file = folder.path().join("tenants/acme.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + approvers + &rules(&upstream)).unwrap();
        let server = Server::start_by(mayfly(), folder);
        let headers = format!(
            "authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n"
        );
        let text = |body: &str| server.request("POST", "/mcp", &headers, body).text;
        let begun = text(&call("execute", json!({ "code": "return (await shop.pay({ id: 9 })).line" })));
        let at = begun.find("run_").expect("a run");
        let id = &begun[at..at + 30];
        let said = text(&call("continue", json!({ "run": id, "decisions": [{ "call": 1, "approve": true }] })));
        assert_eq!(said.contains("POST /pay/9"), may, "{said}");
        if !may {
            assert!(said.contains("a person has to decide") && said.contains("mayfly runs approve"), "{said}");
        }
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn where_nobody_can_be_asked_the_call_is_refused() {
    let upstream = upstream();
    let (server, acme, _) =
        two_tenants("", &format!("{}[[script]]\nname = \"pay\"\npublic = true\n", rules(&upstream)));
    server.deploy(&acme, "pay", "export default { fetch: () => shop.pay({ id: 1 }).then(() => new Response('paid'), (error) => new Response(error.reason)) }");
    assert_eq!(server.request("GET", "/run/acme/pay", "", "").text.trim_end(), "needs_approval");
    assert!(upstream.requests().is_empty());
}

#[test]
fn mistakes_in_what_waits_are_told_when_the_file_is_read() {
    let upstream = upstream();
    for (rest, words) in [
        (
            rules(&upstream).replace("[\"pay\"]", "[\"pya\"]"),
            "`approve`: there is no tool `shop.pya`; did you mean shop.pay",
        ),
        (
            "[approvals]\nroles = [\"auditor\"]\n".to_owned() + &rules(&upstream),
            "`auditor` is no role that can approve",
        ),
        ("[approvals]\nroles = []\n".to_owned(), "`roles` is empty"),
        (
            "[[rule]]\nname = \"x\"\ndeny = \"https://a.example/**\"\nhold = true\n".to_owned(),
            "a deny rule has no `hold`",
        ),
    ] {
        let folder = folder("", "");
        let file = folder.path().join("tenants/acme.toml");
        std::fs::write(&file, format!("tenant = \"acme\"\n{rest}")).unwrap();
        let output = mayfly()
            .args(["policy", "explain", "GET", "https://a.example", "--tenant", "acme", "--config"])
            .arg(folder.path().join("mayfly.toml"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn who_is_to_be_told_gets_a_signed_message_until_it_takes_it() {
    use hmac::Mac;
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = seen.clone();
    let hook = Upstream::start(move |_, stream| {
        // The first one is not taken.
        let status =
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 { "503 Not Yet" } else { "204 Taken" };
        respond(stream, status, "", "");
    });
    let upstream = upstream();
    let approvals =
        format!("[approvals]\nwebhook = \"{}\"\nsecret = \"env:HOOK_SECRET\"\nprivate = true\n", hook.url("/hook"));
    let server = Server::start_with("", &(approvals + &rules(&upstream)), &[("HOOK_SECRET", "hook-secret-0123456789")]);
    let first = server.begin(json!({ "code": "return shop.pay({ id: 2 })" }));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while hook.requests().len() < 2 {
        assert!(std::time::Instant::now() < until, "{}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let request = hook.requests().pop().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook HTTP/1.1"), "{head}");
    let told: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&told["type"], &told["run"], &told["call"], &told["tool"], &told["method"], &told["digest"]),
        (
            &json!("approval.pending"),
            &first["id"],
            &json!(1),
            &json!("shop.pay"),
            &json!("POST"),
            &first["pending"][0]["request"]["digest"]
        )
    );
    let signature = head.lines().find_map(|line| line.strip_prefix("mayfly-signature: ")).unwrap();
    let (seconds, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"hook-secret-0123456789").unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
    assert!(!server.log().contains("hook-secret") && !request.contains("hook-secret"));
}
