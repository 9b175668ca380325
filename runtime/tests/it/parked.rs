//! Runs that wait for their caller for longer: out of memory, and back, in the same process or in a later one.

use crate::harness::server::{Server, folder, mayfly};
use crate::harness::tenants::two_tenants;
use crate::harness::upstream::{Upstream, respond};
use crate::runs::list;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const AT_ONCE: &str = "[runtime]\npark_after_ms = 0\n";

fn again(folder: TempDir) -> Server {
    Server::start_by(mayfly(), folder)
}

/// Waits until the run was parked so many times by this server.
fn until_parked(server: &Server, id: &Value, times: usize) {
    let until = Instant::now() + Duration::from_secs(5);
    while server.events("parked").iter().filter(|event| event["run"] == *id).count() < times {
        assert!(Instant::now() < until, "{id} was not parked");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Begins a run that waits for `tools.ask` or another one, and is parked.
fn parked(server: &Server, code: &str, tool: &str) -> Value {
    let id = server.paused(code, &[tool])["id"].clone();
    until_parked(server, &id, 1);
    id
}

#[test]
fn a_parked_run_goes_on_where_it_stood() {
    let server = Server::start_with(AT_ONCE, "", &[]);
    let code = "const seen = new Map([['a', 1n]]); const before = Date.now(); console.log('begun');
        const [one, two] = await Promise.all([tools.ask({ n: 1 }), tools.ask({ n: 2 })]);
        console.log('on', one);
        const three = await tools.ask({ n: 3 });
        return [one, two, three, String(seen.get('a')), Date.now() - before >= 100, Math.random() !== Math.random()]";
    let first = server.paused(code, &["ask"]);
    let id = &first["id"];
    until_parked(&server, id, 1);
    std::thread::sleep(Duration::from_millis(100));
    let mut told = server.look(id).json();
    for call in told["calls"].as_array_mut().unwrap() {
        call["ms"] = json!(0);
    }
    let mut before = first.clone();
    for call in before["calls"].as_array_mut().unwrap() {
        call["ms"] = json!(0);
    }
    assert_eq!(told, before, "it is told as it was");
    let second =
        server.go_on(id, json!({ "outcomes": [{ "call": 2, "value": "two" }, { "call": 1, "value": "one" }] })).json();
    assert_eq!(
        second["pending"],
        json!([{ "call": 3, "tool": "ask", "args": { "n": 3 }, "reason": "external" }]),
        "{second:#}"
    );
    until_parked(&server, id, 2);
    let last = server.answer(id, 3, json!(null));
    assert_eq!(last["result"], json!(["one", "two", null, "1", true, true]), "{last:#}");
    let texts: Vec<&Value> = last["logs"].as_array().unwrap().iter().map(|line| &line["text"]).collect();
    assert_eq!(texts, ["begun", "on one"]);
    assert_eq!(last["calls"].as_array().unwrap().len(), 3, "{last:#}");
    assert!(last["calls"].as_array().unwrap().iter().all(|call| call["verdict"] == "allow"), "{last:#}");
    assert_eq!(server.look(id).json(), last);
    assert_eq!(server.go_on(id, json!({ "outcomes": [{ "call": 3, "value": 1 }] })).kind(), (409, "conflict".into()));
}

#[test]
fn it_goes_on_after_a_restart_and_after_all_processes_were_killed() {
    let folder = folder(AT_ONCE, "");
    let server = again(folder);
    let code = "let sum = 0; for (;;) { const n = await tools.next({ sum }); if (n === null) return sum; sum += n }";
    let id = parked(&server, code, "next");
    let server = again(server.stop());
    assert_eq!(server.look(&id).json()["pending"][0]["args"], json!({ "sum": 0 }));
    assert_eq!(server.answer(&id, 1, json!(2))["pending"][0]["args"], json!({ "sum": 2 }));
    until_parked(&server, &id, 1);
    let server = again(server.kill());
    assert_eq!(server.answer(&id, 2, json!(40))["status"], "paused");
    until_parked(&server, &id, 1);
    let server = again(server.kill());
    let last = server.answer(&id, 3, Value::Null);
    assert_eq!((&last["result"], &last["usage"]["calls"]), (&json!(42), &json!(3)), "{last:#}");
}

#[test]
fn a_server_that_stops_parks_what_is_paused() {
    let server = again(folder("[runtime]\npark_after_ms = 900000\n", ""));
    let ids: Vec<Value> =
        (0..5).map(|n| server.paused(&format!("return {n} + await tools.ask({{}})"), &["ask"])["id"].clone()).collect();
    let server = again(server.stop());
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(server.answer(id, 1, json!(10))["result"], 10 + n, "{n}");
    }
}

#[test]
fn what_was_not_parked_dies_with_the_process_and_says_nothing() {
    let server = again(folder("[runtime]\npark_after_ms = 900000\n", ""));
    let id = server.paused("await tools.ask({})", &["ask"])["id"].clone();
    let server = again(server.kill());
    assert_eq!(server.look(&id).kind(), (404, "not_found".into()));
}

#[test]
fn a_run_that_was_taken_up_when_the_processes_died_is_lost_and_says_so() {
    let server = again(folder(AT_ONCE, ""));
    let id = parked(&server, "await tools.ask({}); await new Promise((done) => setTimeout(done, 20000))", "ask");
    let path = format!("/v1/runs/{}/continue", id.as_str().unwrap());
    let going = server.open(&path, "", &json!({ "outcomes": [{ "call": 1, "value": 1 }] }).to_string());
    server.until(&id, "running");
    let server = again(server.kill());
    drop(going);
    let told = server.look(&id).json();
    assert_eq!((&told["status"], &told["error"]["kind"]), (&json!("failed"), &json!("internal")), "{told:#}");
    assert!(told["error"]["message"].as_str().unwrap().contains("went away"), "{told:#}");
    assert_eq!(server.go_on(&id, json!({ "outcomes": [{ "call": 1, "value": 1 }] })).kind(), (409, "conflict".into()));
}

#[test]
fn a_parked_run_is_cancelled_and_listed_like_any_other() {
    let server = Server::start_with(AT_ONCE, "", &[]);
    let ids: Vec<Value> = (0..3).map(|_| parked(&server, "await tools.ask({})", "ask")).collect();
    let listed = |query: &str| {
        list(&server, query)["runs"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect::<Vec<_>>()
    };
    let newest_first: Vec<Value> = ids.iter().rev().cloned().collect();
    assert_eq!(listed("?status=paused"), newest_first);
    assert_eq!(listed("?limit=2"), newest_first[..2]);
    let cancelled = server.cancel(&ids[1]).json();
    assert_eq!(
        (&cancelled["status"], &cancelled["error"]["kind"]),
        (&json!("cancelled"), &json!("cancelled")),
        "{cancelled:#}"
    );
    assert_eq!(server.cancel(&ids[1]).json(), cancelled, "once more changes nothing");
    assert_eq!(listed("?status=paused"), [ids[2].clone(), ids[0].clone()]);
    assert_eq!(listed("?status=cancelled"), [ids[1].clone()]);
    assert_eq!(
        server.go_on(&ids[1], json!({ "outcomes": [{ "call": 1, "value": 1 }] })).kind(),
        (409, "conflict".into())
    );
}

#[test]
fn what_is_wrong_with_a_continuation_leaves_the_run_as_it_was() {
    let server = Server::start_with(AT_ONCE, "", &[]);
    let id = parked(&server, "return await tools.ask({})", "ask");
    // Of the last one it is known before anybody looks at the run.
    let wrong =
        [json!({ "outcomes": [{ "call": 9, "value": 1 }] }), json!({ "outcomes": [] }), json!({ "outcome": 1 })];
    for (times, body) in [2, 3, 3].into_iter().zip(wrong) {
        assert_eq!(server.go_on(&id, body).kind(), (400, "bad_request".into()));
        until_parked(&server, &id, times);
        assert_eq!(server.look(&id).json()["status"], "paused");
    }
    assert_eq!(server.answer(&id, 1, json!("x"))["result"], "x");
}

#[test]
fn only_one_of_many_continues_a_parked_run() {
    let server = Server::start_with(AT_ONCE, "", &[]);
    for _ in 0..10 {
        let code = "const said = await tools.ask({}); await tools.ask({}); return said";
        let id = parked(&server, code, "ask");
        let taken: Vec<(u16, u32)> = std::thread::scope(|scope| {
            let one = |number: u32| {
                let (server, id) = (&server, &id);
                let body = json!({ "outcomes": [{ "call": 1, "value": number }] });
                scope.spawn(move || (server.go_on(id, body).status, number))
            };
            let all: Vec<_> = (0..4).map(one).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let won: Vec<u32> = taken.iter().filter(|(status, _)| *status == 200).map(|(_, number)| *number).collect();
        assert_eq!(won.len(), 1, "{taken:?}");
        assert!(taken.iter().all(|(status, _)| [200, 409, 400].contains(status)), "{taken:?}");
        assert_eq!(server.answer(&id, 2, Value::Null)["result"], won[0]);
    }
}

#[test]
fn a_parked_run_takes_no_place_of_a_tenant_and_no_isolate() {
    let server = Server::start_with(AT_ONCE, "[limits]\nruns_in_flight = 2\n", &[]);
    let ids: Vec<Value> = (0..20).map(|_| parked(&server, "return 1 + await tools.ask({})", "ask")).collect();
    for id in &ids {
        assert_eq!(server.answer(id, 1, json!(1))["result"], 2);
    }
}

#[test]
fn a_reply_that_is_not_read_to_its_end_keeps_the_run_in_memory() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", &"x".repeat(3_000_000)));
    let rules = format!("[[rule]]\nname = \"here\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let server = Server::start_with(AT_ONCE, &rules, &[]);
    let code = format!(
        "const reader = (await fetch('{}')).body.getReader(); let bytes = (await reader.read()).value.length;
         await tools.ask({{}});
         for (let part; !(part = await reader.read()).done;) bytes += part.value.length; return bytes",
        upstream.url("/")
    );
    let id = server.paused(&code, &["ask"])["id"].clone();
    assert!(server.says("a paused run could not be parked"));
    assert_eq!(server.answer(&id, 2, Value::Null)["result"], 3_000_000);
}

#[test]
fn a_pause_ends_in_the_store_too() {
    let server = Server::start_with("[runtime]\npark_after_ms = 0\npause_ms = 400\n", "", &[]);
    let id = parked(&server, "await tools.ask({})", "ask");
    let ended = server.until(&id, "cancelled");
    assert!(ended["error"]["message"].as_str().unwrap().contains("nobody continued it"), "{ended:#}");
    assert!(ended.get("pending").is_none());
    assert_eq!(server.go_on(&id, json!({ "outcomes": [{ "call": 1, "value": 1 }] })).kind(), (409, "conflict".into()));
}

#[test]
fn other_tenants_and_auditors_have_no_more_of_it_than_before() {
    let (server, acme, evil) = two_tenants(AT_ONCE, "");
    let body = json!({ "code": "await tools.ask({})", "external": [{ "name": "ask" }] }).to_string();
    let id = server.as_(acme.of("runner"), "POST", "/v1/runs", "", &body).json()["id"].as_str().unwrap().to_owned();
    until_parked(&server, &json!(id), 1);
    let (one, on) = (format!("/v1/runs/{id}"), format!("/v1/runs/{id}/continue"));
    let said = r#"{"outcomes":[{"call":1,"value":1}]}"#;
    for (method, path, body) in [("GET", &one, ""), ("DELETE", &one, ""), ("POST", &on, said), ("POST", &on, "{")] {
        assert_eq!(server.as_(evil.of("admin"), method, path, "", body).kind(), (404, "not_found".into()), "{method}");
        assert_eq!(server.as_("mf_nobody", method, path, "", body).kind(), (401, "unauthorized".into()), "{method}");
        if method != "GET" {
            assert_eq!(server.as_(acme.of("auditor"), method, path, "", body).kind(), (403, "forbidden".into()));
        }
    }
    assert_eq!(server.as_(evil.of("admin"), "GET", "/v1/runs", "", "").json()["runs"], json!([]));
    assert_eq!(server.as_(acme.of("auditor"), "GET", &one, "", "").json()["status"], "paused");
    assert_eq!(server.as_(acme.of("deployer"), "POST", &on, "", said).json()["status"], "completed");
}

#[test]
fn the_wall_clock_of_a_parked_run_stands_still() {
    let server = Server::start_with(AT_ONCE, "", &[]);
    let code = "await tools.ask({}); await new Promise((done) => setTimeout(done, 200)); return 1";
    let begin = json!({ "code": code, "external": [{ "name": "ask" }], "limits": { "wall_ms": 500 } });
    let id = server.begin(begin)["id"].clone();
    until_parked(&server, &id, 1);
    std::thread::sleep(Duration::from_millis(600));
    let began = Instant::now();
    let last = server.answer(&id, 1, Value::Null);
    assert_eq!(last["result"], 1, "{last:#}");
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(last["usage"]["wall_us"].as_u64() < Some(500_000), "{last:#}");
}

#[test]
fn what_there_is_no_room_for_in_memory_is_parked_at_once() {
    let folder = folder("[runtime]\npark_after_ms = 900000\n", "[limits]\nruns_in_flight = 100\n");
    let server = again(folder);
    let ids: Vec<Value> =
        (0..33).map(|_| server.paused("return 1 + await tools.ask({})", &["ask"])["id"].clone()).collect();
    until_parked(&server, &ids[32], 1);
    assert_eq!(server.events("parked").len(), 1, "half of what a tenant may have by default waits in memory");
    assert_eq!(server.cancel(&ids[0]).json()["status"], "cancelled");
    let room = server.paused("await tools.ask({})", &["ask"])["id"].clone();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.events("parked").len(), 1, "there is room again: {room}");
    assert_eq!(server.answer(&ids[32], 1, json!(1))["result"], 2);
}
