//! What a client of `mayfly serve` sees.

use crate::harness::server::{Server, TOKEN};
use serde_json::{Value, json};

fn kind(response: &crate::harness::server::Response) -> (u16, String) {
    assert!(response.head.contains("content-type: application/problem+json"), "{}", response.head);
    let body = response.json();
    assert_eq!(body["status"], response.status);
    (response.status, body["kind"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_run_answers_with_its_run_object() {
    let server = Server::start("");
    let object = server.run("console.log('hi'); return { n: input.n * 2 }", json!({ "n": 21 }));
    assert!(object["id"].as_str().is_some_and(|id| id.starts_with("run_01")), "{object}");
    assert_eq!((&object["status"], &object["result"]), (&json!("completed"), &json!({ "n": 42 })));
    assert_eq!((&object["logs"][0]["text"], &object["calls"]), (&json!("hi"), &json!([])));
    let usage = &object["usage"];
    assert!(usage["cpu_us"].as_u64() > Some(0) && usage["wall_us"].as_u64() >= usage["cpu_us"].as_u64(), "{usage}");
    assert!(usage["memory_peak_bytes"].as_u64() > Some(500_000), "{usage}");
}

#[test]
fn a_script_that_fails_is_a_run_object_with_status_200() {
    let server = Server::start("");
    let object = server.run("null.x", Value::Null);
    assert_eq!((&object["status"], &object["error"]["kind"]), (&json!("failed"), &json!("exception")));
    assert_eq!((&object["error"]["name"], &object["error"]["line"]), (&json!("TypeError"), &json!(1)));
    assert!(object.get("result").is_none());
}

#[test]
fn bad_requests_are_told_the_field() {
    let server = Server::start("");
    for (body, words) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{\"code\":\"1\"} trailing", "not JSON"),
        ("[]", "body"),
        ("{\"code\": 5}", "`code`"),
        ("{\"code\": \"1\", \"limits\": {\"cpu_ms\": \"x\"}}", "`limits.cpu_ms`"),
        ("{\"code\": \"1\", \"limits\": {\"cpu\": 1}}", "`cpu`"),
        ("{\"code\": \"1\", \"limits\": {\"cpu_ms\": 30001}}", "cpu_ms = 30001 is above the limit 30000"),
        ("{\"code\": \"1\", \"limits\": {\"memory_mib\": 0}}", "memory_mib = 0 is below the minimum"),
        ("{\"code\": \"1\", \"inptu\": 1}", "`inptu`"),
        ("{}", "`code`"),
        ("{\"modules\": {\"a.ts\": \"1\"}}", "`main`"),
        ("{\"modules\": {\"a.ts\": \"1\"}, \"main\": \"b.ts\"}", "b.ts"),
        ("{\"code\": \"1\", \"modules\": {}, \"main\": \"b.ts\"}", "`modules`"),
    ] {
        let response = server.post(body);
        assert_eq!(kind(&response), (400, "bad_request".into()), "{body}: {}", response.text);
        let detail = response.json()["detail"].to_string();
        assert!(detail.contains(words), "{body}: {detail}");
    }
}

#[test]
fn only_a_known_token_runs_code() {
    let server = Server::start("");
    let body = "{\"code\": \"return 1\"}";
    for headers in [
        "",
        "authorization: Bearer wrong\r\n",
        "authorization: Bearer \r\n",
        "authorization: Basic bWY6\r\n",
        &format!("authorization: {TOKEN}\r\n"),
        &format!("authorization: Bearer {TOKEN}x\r\n"),
    ] {
        let response = server.request("POST", "/v1/runs", headers, body);
        assert_eq!(kind(&response), (401, "unauthorized".into()), "{headers}");
        assert!(response.head.contains("www-authenticate: bearer"), "{}", response.head);
    }
    // The body is not looked at for strangers.
    let response = server.request("POST", "/v1/runs", "authorization: Bearer wrong\r\n", "not json");
    assert_eq!(response.status, 401);
}

#[test]
fn a_token_that_was_taken_away_stops_working_within_seconds() {
    let server = Server::start("");
    assert_eq!(server.post("{\"code\": \"return 1\"}").status, 200);
    crate::harness::server::write(server.folder.path(), "tenants/acme.toml", "tenant = \"acme\"\n");
    let gone = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        server.post("{\"code\": \"return 1\"}").status == 401
    });
    assert!(gone, "the token still works after 5 s");
}

#[test]
fn every_response_carries_a_request_id_and_keeps_the_clients() {
    let server = Server::start("");
    let response = server.request("GET", "/healthz", "x-request-id: abc-123\r\n", "");
    assert_eq!(response.status, 200);
    assert!(response.head.contains("x-request-id: abc-123"), "{}", response.head);
    let response = server.request("GET", "/nothing", "", "");
    assert_eq!(kind(&response), (404, "not_found".into()));
    assert!(response.head.contains("x-request-id: 01"), "{}", response.head);
    assert_eq!(server.request("PUT", "/v1/runs", "", "").status, 405);
}

#[test]
fn health_and_readiness_are_told() {
    let server = Server::start("");
    assert_eq!(server.request("GET", "/healthz", "", "").json(), json!({ "status": "ok" }));
    assert_eq!(server.request("GET", "/readyz", "", "").json()["status"], "ok");
}

#[test]
fn what_is_no_http_or_too_much_of_it_does_not_disturb_the_server() {
    let server = Server::start("");
    for bytes in [
        b"\x00\x01\x02\x03\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello!".to_vec(),
        b"POST /v1/runs HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n".to_vec(),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(5_000)).into_bytes(),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000)).into_bytes(),
    ] {
        let response = server.send(&bytes);
        assert!(response.status == 0 || response.status >= 400, "{}", response.head);
    }
    let huge = format!("{{\"code\": \"{}\"}}", "x".repeat(43 << 20));
    assert_eq!(kind(&server.post(&huge)), (413, "too_large".into()));
    let input = format!("{{\"code\": \"return 1\", \"input\": \"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(kind(&server.post(&input)), (413, "too_large".into()));
    assert_eq!(server.run("return 1", Value::Null)["result"], 1);
}

#[test]
fn a_loop_ends_at_its_limit_and_its_neighbours_do_not_wait_for_it() {
    let server = Server::start("");
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..4).map(|_| scope.spawn(|| server.run("for (;;);", Value::Null))).collect();
        std::thread::sleep(std::time::Duration::from_millis(100));
        let began = std::time::Instant::now();
        assert_eq!(server.run("return 1", Value::Null)["result"], 1);
        let waited = began.elapsed();
        assert!(waited < std::time::Duration::from_millis(700), "{waited:?}");
        for looping in loops {
            assert_eq!(looping.join().unwrap()["error"]["kind"], "cpu_limit");
        }
    });
}

#[test]
fn a_run_may_lower_its_limits() {
    let server = Server::start("");
    let body = json!({ "code": "await new Promise((done) => setTimeout(done, 60000))", "limits": { "wall_ms": 50 } });
    let began = std::time::Instant::now();
    let object = server.post(&body.to_string()).json();
    assert_eq!(object["error"]["kind"], "wall_limit", "{object}");
    let wall_us = object["usage"]["wall_us"].as_u64().unwrap();
    assert!((50_000..112_000).contains(&wall_us), "{wall_us} us");
    assert!(began.elapsed() < std::time::Duration::from_secs(2));
}

#[test]
fn quota_is_told_with_the_time_to_come_again() {
    let server = Server::start("[limits]\nruns_per_minute = 2\n");
    let body = "{\"code\": \"return 1\"}";
    let statuses: Vec<u16> = (0..4).map(|_| server.post(body).status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    let response = server.post(body);
    assert_eq!(kind(&response), (429, "quota".into()));
    assert!(response.head.contains("retry-after: "), "{}", response.head);
}

#[test]
fn a_bridge_that_dies_costs_its_runs_and_nothing_more() {
    let upstream =
        crate::harness::upstream::Upstream::start(|_, _| std::thread::sleep(std::time::Duration::from_secs(5)));
    let rules = format!("[[rule]]\nname = \"all\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let server = Server::start(&rules);
    let code = format!("await fetch('{}')", upstream.url("/slow"));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| server.run(&code, Value::Null));
        while upstream.requests().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        kill(server.bridge_pid);
        let object = running.join().unwrap();
        assert_eq!(object["error"]["kind"], "internal", "{object}");
    });
    // It comes back by itself; until then clients are told to come again.
    let mut statuses = Vec::new();
    let back = (0..100).any(|_| {
        let status = server.post("{\"code\": \"return 1\"}").status;
        statuses.push(status);
        std::thread::sleep(std::time::Duration::from_millis(30));
        status == 200
    });
    assert!(back && statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
}

#[test]
fn a_server_told_to_stop_finishes_what_it_has_begun() {
    let mut server = Server::start("");
    let pid = server.pid();
    let body = json!({ "code": "await new Promise((done) => setTimeout(done, 400)); return 'done'" }).to_string();
    let object = std::thread::scope(|scope| {
        let running = scope.spawn(|| server.post(&body).json());
        std::thread::sleep(std::time::Duration::from_millis(150));
        std::process::Command::new("kill").arg(pid.to_string()).status().unwrap();
        running.join().unwrap()
    });
    assert_eq!(object["result"], "done");
    assert!(server.wait().success());
    let alive = std::path::Path::new(&format!("/proc/{}", server.bridge_pid)).exists();
    assert!(!alive, "its bridge is still there");
}

fn kill(pid: u64) {
    std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
}
