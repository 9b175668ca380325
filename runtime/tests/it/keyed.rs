//! Requests that begin a run once, however often they come.

use crate::harness::runs::{events, read_until};
use crate::harness::server::{Response, Server, TOKEN};
use crate::harness::tenants::two_tenants;
use crate::runs::list;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn keyed(server: &Server, key: &str, body: &Value) -> Response {
    let headers = format!("authorization: Bearer {TOKEN}\r\nidempotency-key: {key}\r\n");
    server.request("POST", "/v1/runs", &headers, &body.to_string())
}

fn replayed(response: &Response) -> bool {
    response.header("idempotency-replayed") == Some("true")
}

#[test]
fn a_request_that_comes_again_is_told_the_same_run() {
    let server = Server::start("");
    let body = json!({ "code": "return Math.random()", "input": 1 });
    let first = keyed(&server, "order-1", &body);
    assert!(first.status == 200 && !replayed(&first), "{}", first.head);
    let again = keyed(&server, "order-1", &body);
    assert!(again.status == 200 && replayed(&again), "{}", again.head);
    assert_eq!(again.json(), first.json());
    assert_eq!(keyed(&server, "\"order-1\"", &body).json(), first.json(), "in quotes it is the same key");
    let other = keyed(&server, "order-2", &body);
    assert!(!replayed(&other) && other.json()["id"] != first.json()["id"]);
    let conflict = keyed(&server, "order-1", &json!({ "code": "return 2" }));
    let (status, kind, detail) = conflict.problem();
    assert_eq!((status, kind.as_str()), (409, "conflict"), "{detail}");
    assert!(detail.contains("idempotency-key"), "{detail}");
    assert_eq!(list(&server, "")["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_run_that_failed_is_told_again_and_one_that_did_not_begin_leaves_its_key() {
    let server = Server::start("");
    let failed = keyed(&server, "a", &json!({ "code": "null.x" }));
    assert_eq!(keyed(&server, "a", &json!({ "code": "null.x" })).json(), failed.json());
    let wrong = json!({ "code": 1 });
    assert_eq!(keyed(&server, "b", &wrong).kind(), (400, "bad_request".into()));
    assert_eq!(keyed(&server, "b", &wrong).kind(), (400, "bad_request".into()));
    let right = keyed(&server, "b", &json!({ "code": "return 1" }));
    assert!(right.status == 200 && !replayed(&right), "{}", right.text);
}

#[test]
fn of_many_at_once_one_begins_and_all_are_told_its_end() {
    let server = Server::start("");
    let body = json!({ "code": "await new Promise((done) => setTimeout(done, 200)); return Math.random()" });
    let told: Vec<Response> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| keyed(&server, "once", &body))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let objects: Vec<Value> = told.iter().map(Response::json).collect();
    assert!(objects.iter().all(|object| *object == objects[0] && object["status"] == "completed"), "{objects:#?}");
    assert_eq!(told.iter().filter(|response| !replayed(response)).count(), 1);
    assert_eq!(list(&server, "")["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_client_that_was_cut_off_comes_back_to_its_run() {
    let server = Server::start("");
    let body = json!({ "code": "await new Promise((done) => setTimeout(done, 400)); return 'done'" });
    let stream = server.open("/v1/runs", "idempotency-key: k\r\n", &body.to_string());
    let until = Instant::now() + Duration::from_secs(5);
    while list(&server, "?status=running")["runs"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < until, "it does not begin");
    }
    drop(stream);
    let again = keyed(&server, "k", &body);
    assert!(replayed(&again), "{}", again.head);
    assert_eq!((&again.json()["status"], &again.json()["result"]), (&json!("completed"), &json!("done")));
}

#[test]
fn a_client_that_does_not_come_back_ends_its_run_a_while_later() {
    let server = Server::start("");
    let body = json!({ "code": "console.log('on'); await new Promise((done) => setTimeout(done, 28000)); return 1" });
    let streams = "idempotency-key: k\r\naccept: text/event-stream\r\n";
    let mut first = server.open("/v1/runs", streams, &body.to_string());
    read_until(&mut first, "event: log");
    let mut second = server.open("/v1/runs", streams, &body.to_string());
    let id = list(&server, "?status=running")["runs"][0]["id"].clone();
    assert!(read_until(&mut second, "event: log").contains("idempotency-replayed: true"));
    drop(first);
    std::thread::sleep(Duration::from_millis(2_600));
    assert_eq!(server.look(&id).json()["status"], "running", "somebody waits for it");
    drop(second);
    std::thread::sleep(Duration::from_millis(1_000));
    assert_eq!(server.look(&id).json()["status"], "running", "it waits for somebody");
    assert_eq!(server.until(&id, "cancelled")["error"]["message"], "the client went away");
    assert_eq!(keyed(&server, "k", &body).json()["status"], "cancelled");
}

#[test]
fn one_that_does_not_wait_is_told_as_it_is_now() {
    let server = Server::start("");
    let body = json!({ "code": "await new Promise((done) => setTimeout(done, 200)); return 1", "wait": false });
    let first = keyed(&server, "k", &body);
    assert_eq!(first.status, 202);
    let id = first.json()["id"].clone();
    let again = keyed(&server, "k", &body);
    assert!(again.status == 202 && replayed(&again) && again.header("location").is_some(), "{}", again.head);
    assert_eq!((&again.json()["id"], &again.json()["status"]), (&id, &json!("running")));
    server.until(&id, "completed");
    assert_eq!(keyed(&server, "k", &body).json()["result"], 1);
}

#[test]
fn a_paused_run_is_told_in_memory_and_in_the_store() {
    for (config, parks) in [("[runtime]\npark_after_ms = 900000\n", false), ("[runtime]\npark_after_ms = 0\n", true)] {
        let server = Server::start_with(config, "", &[]);
        let body = json!({ "code": "console.log('hi'); return await tools.ask({})", "external": [{ "name": "ask" }] });
        let first = keyed(&server, "k", &body).json();
        assert!(!parks || server.says("\"message\":\"parked\""));
        let again = keyed(&server, "k", &body);
        assert!(replayed(&again));
        assert_eq!((&again.json()["id"], &again.json()["pending"]), (&first["id"], &first["pending"]));
        let streams = format!("authorization: Bearer {TOKEN}\r\nidempotency-key: k\r\naccept: text/event-stream\r\n");
        let told = server.request("POST", "/v1/runs", &streams, &body.to_string());
        let names: Vec<String> = events(&told.text).into_iter().map(|event| event.name).collect();
        assert_eq!(names, ["log", "call", "paused"], "{config}: {}", told.text);
        assert!(replayed(&told));
        assert_eq!(server.answer(&first["id"], 1, json!(7))["result"], 7);
        assert_eq!(keyed(&server, "k", &body).json()["result"], 7);
    }
}

#[test]
fn a_stream_that_broke_off_is_told_from_its_beginning() {
    let server = Server::start("");
    let body = json!({ "code": "console.log('one'); await new Promise((done) => setTimeout(done, 300)); console.log('two'); return 3" });
    let mut stream = server.open("/v1/runs", "idempotency-key: k\r\naccept: text/event-stream\r\n", &body.to_string());
    read_until(&mut stream, "one");
    drop(stream);
    let headers = format!("authorization: Bearer {TOKEN}\r\nidempotency-key: k\r\naccept: text/event-stream\r\n");
    for _ in 0..2 {
        let told = events(&server.request("POST", "/v1/runs", &headers, &body.to_string()).text);
        let names: Vec<(&str, u64)> = told.iter().map(|event| (event.name.as_str(), event.id)).collect();
        assert_eq!(names, [("log", 1), ("log", 2), ("result", 3)]);
        assert_eq!(told[2].data["result"], 3);
    }
}

#[test]
fn a_key_whose_run_is_gone_begins_no_other_one() {
    let server = Server::start_with("[runs]\nkeep = 1\n", "", &[]);
    let body = json!({ "code": "return 1" });
    let first = keyed(&server, "k", &body).json();
    server.begin(json!({ "code": "2" }));
    let (status, kind, detail) = keyed(&server, "k", &body).problem();
    assert_eq!((status, kind.as_str()), (409, "conflict"));
    assert!(detail.contains(first["id"].as_str().unwrap()), "{detail}");
}

#[test]
fn keys_are_bounded_and_belong_to_their_tenant() {
    let (server, acme, evil) = two_tenants("", "");
    let body = r#"{"code":"return 1"}"#;
    let ask =
        |token: &str, key: &str| server.as_(token, "POST", "/v1/runs", &format!("idempotency-key: {key}\r\n"), body);
    let longest = "k".repeat(255);
    for key in ["", "\"\"", &"k".repeat(256), "é", "a\r\nidempotency-key: b"] {
        let (status, kind, detail) = ask(acme.of("runner"), key).problem();
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{key}: {detail}");
        assert!(detail.contains("idempotency-key"), "{detail}");
    }
    assert_eq!(ask(acme.of("runner"), &longest).status, 200);
    let mine = ask(acme.of("runner"), "k").json();
    assert!(!replayed(&ask(evil.of("runner"), "k")), "a key is its tenant's");
    assert_eq!(ask(acme.of("admin"), "k").json()["id"], mine["id"], "of all its tokens");
    assert_eq!(ask(acme.of("auditor"), "k").kind(), (403, "forbidden".into()));
    assert_eq!(ask("mf_nobody", "é").kind(), (401, "unauthorized".into()), "nothing is told to a stranger");
}
