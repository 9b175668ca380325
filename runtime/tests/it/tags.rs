//! What clients call their runs by, and lists by that, by time, and of what lies in the store.

use crate::harness::server::{Server, TOKEN};
use crate::harness::tenants::two_tenants;
use crate::runs::list;
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const AT_ONCE: &str = "[runtime]\npark_after_ms = 0\n";

fn ids(server: &Server, query: &str) -> Vec<Value> {
    list(server, query)["runs"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Waits until this server has parked so many runs.
fn until_parked(server: &Server, count: usize) {
    let until = Instant::now() + Duration::from_secs(20);
    while server.events("parked").len() < count {
        assert!(Instant::now() < until, "not parked");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn tags_are_told_wherever_the_run_is() {
    let server = Server::start_with("[runtime]\npark_after_ms = 900000\n", "", &[]);
    let tags = json!({ "user": "ann", "job.id": "a:b=c", "empty": "" });
    let ended = server.begin(json!({ "code": "return 1", "tags": tags }));
    assert_eq!((&ended["tags"], &ended["result"]), (&tags, &json!(1)));
    assert_eq!(server.look(&ended["id"]).json()["tags"], tags);
    let running = server.begin(json!({ "code": "for (;;);", "wait": false, "tags": tags }));
    assert_eq!(running["tags"], tags);
    assert_eq!(server.cancel(&running["id"]).json()["tags"], tags);
    let paused = server.begin(json!({ "code": "await tools.ask({})", "external": [{ "name": "ask" }], "tags": tags }));
    assert_eq!((&paused["status"], &paused["tags"]), (&json!("paused"), &tags));
    let lines = list(&server, "");
    assert_eq!(lines["runs"].as_array().unwrap().len(), 3);
    assert!(lines["runs"].as_array().unwrap().iter().all(|line| line["tags"] == tags), "{lines:#}");
    let without = server.begin(json!({ "code": "return 1", "tags": {} }));
    assert!(without.get("tags").is_none() && server.begin(json!({ "code": "1" })).get("tags").is_none());
}

#[test]
fn tags_lie_in_the_store_with_their_run() {
    let server = Server::start_with(AT_ONCE, "", &[]);
    let begin = |tags: Value| {
        std::thread::sleep(Duration::from_millis(2));
        let body = json!({ "code": "return await tools.ask({})", "external": [{ "name": "ask" }], "tags": tags });
        server.begin(body)["id"].clone()
    };
    let ann = begin(json!({ "user": "ann", "env": "test" }));
    let bob = begin(json!({ "user": "bob", "env": "test" }));
    let nobody = begin(json!({}));
    until_parked(&server, 3);
    assert_eq!(ids(&server, "?tag=user:ann"), std::slice::from_ref(&ann));
    assert_eq!(ids(&server, "?tag=env:test"), [bob.clone(), ann.clone()]);
    assert_eq!(ids(&server, "?tag=env&tag=user:bob&status=paused"), std::slice::from_ref(&bob));
    assert_eq!(ids(&server, ""), [nobody, bob.clone(), ann.clone()]);
    assert_eq!(list(&server, "?tag=user:ann")["runs"][0]["tags"], json!({ "user": "ann", "env": "test" }));
    let page = list(&server, "?tag=env:test&limit=1");
    assert_eq!((&page["truncated"], &page["cursor"]), (&json!(true), &bob));
    assert_eq!(
        ids(&server, &format!("?tag=env:test&limit=1&cursor={}", bob.as_str().unwrap())),
        std::slice::from_ref(&ann)
    );
    let server = Server::start_by(crate::harness::server::mayfly(), server.stop());
    assert_eq!(ids(&server, "?tag=user:ann"), std::slice::from_ref(&ann));
    let ended = server.answer(&ann, 1, json!("x"));
    assert_eq!((&ended["result"], &ended["tags"]["user"]), (&json!("x"), &json!("ann")), "{ended:#}");
    assert_eq!(ids(&server, "?tag=user:ann&status=completed"), [ann]);
}

#[test]
fn tags_that_are_none_are_refused_with_the_field() {
    let server = Server::start("");
    let many: serde_json::Map<String, Value> = (0..17).map(|number| (format!("t{number}"), json!(""))).collect();
    for (tags, words) in [
        (json!("x"), "`tags`"),
        (json!([]), "`tags`"),
        (json!(null), "`tags`"),
        (json!({ "a": 1 }), "`tags.a`"),
        (json!({ "a": null }), "`tags.a`"),
        (json!({ "a b": "x" }), "`tags`: \"a b\" is no key"),
        (json!({ "a": "x".repeat(257) }), "`tags.a`: has 257 bytes"),
        (json!({ "a".repeat(65): "x" }), "`tags`: a key has"),
        (json!(many), "`tags`: has 17"),
    ] {
        let (status, kind, detail) = server.post(&json!({ "code": "1", "tags": tags }).to_string()).problem();
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    assert_eq!(server.begin(json!({ "code": "1", "tags": { "a": "x".repeat(256) } }))["status"], "completed");
    let tags: Vec<String> = (0..17).map(|number| format!("tag=t{number}")).collect();
    for query in
        ["tag=", "tag=:x", "tag=a%20b", &tags.join("&"), "since=yesterday", "until=2026-13-01", "since=1&since=2"]
    {
        let response =
            server.request("GET", &format!("/v1/runs?{query}"), &format!("authorization: Bearer {TOKEN}\r\n"), "");
        assert_eq!(response.kind(), (400, "bad_request".into()), "{query}");
    }
}

#[test]
fn runs_are_found_by_their_time_in_memory_and_in_the_store() {
    let server = Server::start_with(AT_ONCE, "", &[]);
    let first = server.begin(json!({ "code": "1" }))["id"].clone();
    let second = server.paused("await tools.ask({})", &["ask"])["id"].clone();
    until_parked(&server, 1);
    std::thread::sleep(Duration::from_millis(20));
    let between = now_ms();
    std::thread::sleep(Duration::from_millis(20));
    let third = server.begin(json!({ "code": "1" }))["id"].clone();
    let fourth = server.paused("await tools.ask({})", &["ask"])["id"].clone();
    until_parked(&server, 2);
    assert_eq!(ids(&server, &format!("?since={between}")), [fourth.clone(), third.clone()]);
    assert_eq!(ids(&server, &format!("?until={between}")), [second.clone(), first.clone()]);
    assert_eq!(ids(&server, &format!("?until={between}&limit=1&status=completed")), std::slice::from_ref(&first));
    assert_eq!(ids(&server, &format!("?since=0&until={}", u64::MAX / 100_000)).len(), 4);
    assert_eq!(ids(&server, "?since=1970-01-01T00:00:00Z&until=1970-01-02").len(), 0);
    assert_eq!(ids(&server, "?since=2026-01-01T01:00:00%2B01:00").len(), 4);
    assert_eq!(ids(&server, "?since=2999-01-01").len(), 0);
    let cursor = fourth.as_str().unwrap();
    assert_eq!(ids(&server, &format!("?since={between}&cursor={cursor}")), [third]);
    let all = list(&server, "");
    let exactly = all["runs"][2]["created_at_ms"].as_u64().unwrap();
    assert_eq!(ids(&server, &format!("?since={exactly}")).len(), 3, "since is the first moment");
    assert_eq!(ids(&server, &format!("?until={exactly}")), [first], "until is no moment of it any more");
}

#[test]
fn nobody_finds_another_tenants_runs_by_their_tags() {
    let (server, acme, evil) = two_tenants(AT_ONCE, "");
    let body = json!({ "code": "await tools.ask({})", "external": [{ "name": "ask" }], "tags": { "user": "ann" } });
    server.as_(acme.of("runner"), "POST", "/v1/runs", "", &body.to_string());
    until_parked(&server, 1);
    let found = |token: &str| server.as_(token, "GET", "/v1/runs?tag=user:ann", "", "").json()["runs"].clone();
    assert_eq!(found(evil.of("admin")), json!([]));
    assert_eq!(found(acme.of("auditor")).as_array().unwrap().len(), 1);
}

#[test]
fn ended_runs_are_kept_as_the_configuration_says() {
    let server = Server::start_with("[runs]\nkeep = 3\nkeep_ms = 600\n", "", &[]);
    let ended: Vec<Value> = (0..5)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(2));
            server.begin(json!({ "code": "1" }))["id"].clone()
        })
        .collect();
    let newest: Vec<Value> = ended.iter().rev().take(3).cloned().collect();
    assert_eq!(ids(&server, ""), newest);
    assert_eq!(server.look(&ended[0]).kind(), (404, "not_found".into()));
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(server.look(&ended[4]).kind(), (404, "not_found".into()));
    let none = Server::start_with("[runs]\nkeep = 0\n", "", &[]);
    let told = none.begin(json!({ "code": "return 1" }));
    assert_eq!((&told["result"], none.look(&told["id"]).status), (&json!(1), 404));
}
