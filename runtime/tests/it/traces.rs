//! W3C trace context and request ids: what is continued, where it is seen, and what hostile values come to.

use crate::harness::server::{Server, TOKEN};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};

const ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn server(config: &str) -> (Server, Upstream) {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "hi"));
    let rules = format!("[[rule]]\nname = \"up\"\nallow = \"{}\"\nprivate = true\n", upstream.url("/**"));
    (Server::start_with(config, &rules, &[]), upstream)
}

/// Runs `code` with these headers beside the token.
fn run(server: &Server, headers: &str, code: &str) -> Value {
    let body = json!({ "code": code }).to_string();
    let response = server.request("POST", "/v1/runs", &format!("authorization: Bearer {TOKEN}\r\n{headers}"), &body);
    assert_eq!(response.status, 200, "{}", response.text);
    assert!(!response.head.contains("traceparent") && !response.head.contains("tracestate"), "{}", response.head);
    response.json()
}

/// The audit's records, when there are as many.
fn audit(server: &Server, records: usize) -> Vec<Value> {
    let file = server.folder.path().join("state/audit.jsonl");
    for _ in 0..200 {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if lines.len() >= records {
            return lines;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("there are fewer than {records} records");
}

fn header<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_trace_is_in_the_audit_and_in_the_log_and_upstreams_hear_nothing_of_it() {
    let (server, upstream) = server("");
    let code = format!("await fetch('{}'); null.x", upstream.url("/a"));
    run(&server, &format!("traceparent: {PARENT}\r\ntracestate: a=1\r\n"), &code);
    run(&server, "", &code);
    let records = audit(&server, 2);
    assert_eq!(records[0]["trace"], ID, "{records:?}");
    assert_eq!(records[1].get("trace"), None, "{records:?}");
    assert!(upstream.requests().iter().all(|request| !request.contains("traceparent")));
    assert!(server.says("a run failed"));
    let failed = server.events("a run failed");
    let span = &failed[0]["span"];
    assert_eq!(
        (&span["trace"], &span["tenant"], &failed[0]["kind"]),
        (&json!(ID), &json!("acme"), &json!("exception"))
    );
    assert!(span["run"].as_str().is_some_and(|run| run.starts_with("run_")), "{failed:?}");
}

#[test]
fn where_the_operator_wants_it_upstreams_are_told_with_a_parent_of_our_own() {
    let (server, upstream) = server("[bridge]\ntrace_upstreams = true\n");
    let code = format!(
        "for (const path of ['{}', '{}']) await fetch(path, {{ headers: {{ traceparent: 'mine', tracestate: 'x=y' }} }})",
        upstream.url("/a"),
        upstream.url("/b")
    );
    run(&server, &format!("traceparent: {PARENT}\r\ntracestate: a=1\r\ntracestate: b=2\r\n"), &code);
    let requests = upstream.requests();
    let parents: Vec<&str> = requests.iter().map(|request| header(request, "traceparent").expect("there")).collect();
    for (request, parent) in requests.iter().zip(&parents) {
        assert!(parent.starts_with(&format!("00-{ID}-")) && parent.ends_with("-01") && parent.len() == 55, "{parent}");
        assert_ne!(*parent, PARENT);
        assert_eq!(header(request, "tracestate"), Some("a=1,b=2"));
    }
    assert_ne!(parents[0], parents[1]);
    // Without a trace there is none to continue, and the script's own header is its own business.
    run(&server, "", &code);
    assert_eq!(header(&upstream.requests()[2], "traceparent"), Some("mine"));
}

#[test]
fn what_is_no_trace_is_ignored() {
    let (server, upstream) = server("[bridge]\ntrace_upstreams = true\n");
    let code = format!("await fetch('{}')", upstream.url("/a"));
    for headers in [
        "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n".to_owned(),
        "traceparent: ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n".to_owned(),
        format!("traceparent: {PARENT}-more\r\n"),
        format!("traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\n"),
        format!("traceparent: {}\r\n", "a".repeat(4_000)),
        "tracestate: a=1\r\n".to_owned(),
    ] {
        run(&server, &headers, &code);
    }
    let records = audit(&server, 6);
    assert!(records.iter().all(|record| record.get("trace").is_none()), "{records:?}");
    assert!(upstream.requests().iter().all(|request| !request.contains("traceparent")));
    // A state that is none goes, the trace stays.
    run(&server, &format!("traceparent: {PARENT}\r\ntracestate: no value\r\n"), &code);
    let last = upstream.requests().pop().unwrap();
    assert!(header(&last, "traceparent").is_some() && header(&last, "tracestate").is_none(), "{last}");
}

#[test]
fn a_request_id_comes_back_if_it_is_one() {
    let server = Server::start("");
    let id = |given: &str| {
        let response = server.request("GET", "/healthz", &format!("x-request-id: {given}\r\n"), "");
        response.header("x-request-id").expect("always there").to_owned()
    };
    assert_eq!(id("abc-1/2=3"), "abc-1/2=3");
    for hostile in ["", "a\tb", "a\u{e9}b", &"x".repeat(129)] {
        let given = id(hostile);
        assert!(
            given.len() == 26 && given.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{hostile:?} -> {given:?}"
        );
    }
    assert_eq!(
        server.request("GET", "/healthz", "x-request-id: a\r\nset-cookie: b\r\n", "").header("set-cookie"),
        None
    );
}

#[test]
fn a_bridge_that_is_away_is_told_once_and_not_for_each_request() {
    let server = Server::start_with("[bridge]\nsocket = \"/nowhere/bridge.sock\"\n", "", &[]);
    for _ in 0..20 {
        assert_eq!(server.post("{\"code\": \"return 1\"}").status, 503);
    }
    assert!(server.says("no bridge"));
    let told = server.events("no bridge");
    assert_eq!((told.len(), &told[0]["level"], &told[0]["untold"]), (1, &json!("ERROR"), &json!(0)), "{told:?}");
}
