//! Numbers for operators: what is counted, and a form that every reader takes.

use crate::harness::server::{Response, Server, TOKEN};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Samples by name and labels. Whatever the format forbids fails the test.
fn parsed(response: &Response, open_metrics: bool) -> BTreeMap<String, f64> {
    assert_eq!(response.status, 200, "{}", response.text);
    let kind = match open_metrics {
        true => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        false => "text/plain; version=0.0.4; charset=utf-8",
    };
    assert_eq!(response.header("content-type"), Some(kind));
    assert_eq!(response.text.ends_with("# EOF\n"), open_metrics);
    let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut family, mut kind, mut helped) = (String::new(), String::new(), String::new());
    for line in response.text.lines().filter(|line| *line != "# EOF") {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("words");
            assert!(families.insert(name.to_owned()), "a family twice: {name}");
            assert!(!words.is_empty());
            helped = name.to_owned();
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, of) = typed.split_once(' ').expect("a type");
            assert_eq!(name, helped, "HELP comes before TYPE, of the same family");
            assert!(["counter", "gauge", "histogram"].contains(&of), "{line}");
            (family, kind) = (name.to_owned(), of.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let name = series.split('{').next().unwrap();
            let allowed: Vec<String> = match (kind.as_str(), open_metrics) {
                ("histogram", _) => ["_bucket", "_sum", "_count"].map(|end| format!("{family}{end}")).to_vec(),
                ("counter", true) => vec![format!("{family}_total")],
                _ => vec![family.clone()],
            };
            assert!(allowed.iter().any(|allowed| allowed == name), "{name} is not of {family}");
            assert!(kind != "counter" || name.ends_with("_total"), "{name}");
            labels(series.strip_prefix(name).unwrap());
            let value: f64 = value.parse().expect("a number");
            assert!(value >= 0.0 && samples.insert(series.to_owned(), value).is_none(), "twice: {series}");
        }
    }
    for family in &families {
        histogram(family, &samples);
    }
    samples
}

fn labels(text: &str) {
    let Some(inner) = text.strip_prefix('{') else {
        assert_eq!(text, "");
        return;
    };
    let inner = inner.strip_suffix('}').expect("closed");
    let mut names = BTreeSet::new();
    for pair in inner.split(',') {
        let (name, value) = pair.split_once('=').expect("a value");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && names.insert(name), "{text}");
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("quoted");
        assert!(!value.contains(['"', '\\', '\n']), "{text}");
    }
}

/// Buckets only grow, and the last is the count.
fn histogram(family: &str, samples: &BTreeMap<String, f64>) {
    let Some(count) = samples.get(&format!("{family}_count")) else { return };
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for (series, value) in samples {
        if let Some(bound) = series.strip_prefix(&format!("{family}_bucket{{le=\"")) {
            let bound = bound.trim_end_matches("\"}").replace("+Inf", "inf");
            buckets.push((bound.parse().expect("a bound"), *value));
        }
    }
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert!(buckets.len() > 5 && buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{family}: {buckets:?}");
    let (bound, last) = buckets[buckets.len() - 1];
    assert!(bound.is_infinite() && last == *count && samples.contains_key(&format!("{family}_sum")), "{family}");
}

#[test]
fn what_happens_is_counted() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "hi"));
    let rules = format!("[[rule]]\nname = \"up\"\nallow = \"{}\"\nprivate = true\n", upstream.url("/**"));
    let server = Server::start(&rules);
    let before = parsed(&server.request("GET", "/metrics", "", ""), false);
    assert_eq!(before["mayfly_runs_total{status=\"completed\",kind=\"none\"}"], 0.0);
    let fetch = format!("await fetch('{}'); return 1", upstream.url("/a"));
    for (code, times) in
        [("return 1", 3), (fetch.as_str(), 2), ("await fetch('https://no.test/')", 1), ("for (;;);", 1)]
    {
        for _ in 0..times {
            server.run(code, Value::Null);
        }
    }
    let external = json!({ "code": "return await add({})", "external": [{ "name": "add" }] });
    assert_eq!(server.post(&external.to_string()).json()["status"], "paused");
    assert_eq!(server.request("POST", "/v1/runs", "", "{}").status, 401);
    let after = parsed(&server.request("GET", "/metrics", "accept: application/openmetrics-text\r\n", ""), true);
    for (series, expected) in [
        ("mayfly_runs_total{status=\"completed\",kind=\"none\"}", 5.0),
        ("mayfly_runs_total{status=\"failed\",kind=\"exception\"}", 1.0),
        ("mayfly_runs_total{status=\"failed\",kind=\"cpu_limit\"}", 1.0),
        ("mayfly_run_duration_seconds_count", 7.0),
        ("mayfly_run_cpu_seconds_count", 7.0),
        ("mayfly_calls_total{verdict=\"allow\"}", 2.0),
        ("mayfly_calls_total{verdict=\"deny\"}", 1.0),
        ("mayfly_programs_misses_total", 5.0),
        ("mayfly_programs_hits_total", 3.0),
        ("mayfly_isolates_in_use", 1.0),
        ("mayfly_runs_paused", 1.0),
        ("mayfly_http_responses_total{class=\"4xx\"}", 1.0),
        ("mayfly_draining", 0.0),
    ] {
        assert_eq!(after.get(series), Some(&expected), "{series}");
    }
    assert!(after["mayfly_run_cpu_seconds_sum"] >= 1.0, "the endless loop's second");
    assert!(after["mayfly_run_cpu_seconds_bucket{le=\"0.5\"}"] < 7.0);
    assert!(after["mayfly_bridge_connections"] >= 1.0);
    assert!(after["mayfly_programs_entries"] == 5.0 && after["mayfly_programs_bytes"] > 1_000.0);
    assert!(after["process_resident_memory_bytes"] > 5e6, "read behind the lock-down");
    let build = after.keys().find(|series| series.starts_with("mayfly_build_info{version=\"0."));
    assert!(build.is_some(), "{after:?}");
    // Nothing that a tenant chose is in it.
    let text = server.request("GET", "/metrics", "", "").text;
    assert!(!text.contains("acme") && !text.contains("add\""), "{text}");
}

#[test]
fn with_a_listener_of_the_operators_own_numbers_are_there_and_nowhere_else() {
    let server = Server::start_with("admin_listen = \"127.0.0.1:0\"\n", "", &[]);
    assert_eq!(server.request("GET", "/metrics", &format!("authorization: Bearer {TOKEN}\r\n"), "").status, 404);
    let admin = server.listening["admin"].as_str().expect("its address");
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(admin).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head: head.to_ascii_lowercase(), text: text.to_owned() }
    };
    assert!(parsed(&ask("/metrics"), false).contains_key("mayfly_isolates_max"));
    assert_eq!((ask("/openapi.json").status, ask("/v1/runs").status), (200, 404));
}
