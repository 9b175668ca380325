//! Calls from a script through a real bridge: what is added, what is refused, and upstreams that mean no good.

use crate::harness::server::Server;
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::io::Write;
use std::time::{Duration, Instant};

const KEY: &str = "canary-7f3a9c51e0";

fn rules(upstream: &Upstream) -> String {
    format!(
        "[[credential]]\nname = \"key\"\nfrom = \"env:CANARY\"\nheader = \"authorization\"\nformat = \"Bearer {{}}\"\n\
         [[rule]]\nname = \"the upstream\"\nallow = \"http://{0}/**\"\nprivate = true\ncredential = \"key\"\n\
         [[rule]]\nname = \"never secrets\"\ndeny = \"http://{0}/secrets/**\"\n",
        upstream.address
    )
}

fn server(upstream: &Upstream) -> Server {
    Server::start_with("", &rules(upstream), &[("CANARY", KEY)])
}

/// What became of one `fetch`: its status and text, or the error's name and message.
const FETCH: &str = r#"
    try {
        const response = await fetch(input.url, input.init);
        return { status: response.status, text: (await response.text()).slice(0, 200) };
    } catch (error) { return { name: error.name, message: error.message, reason: error.reason ?? null } }
"#;

fn fetch(server: &Server, url: &str, init: Value) -> Value {
    let object = server.run(FETCH, json!({ "url": url, "init": init }));
    assert_eq!(object["status"], "completed", "{object}");
    object["result"].clone()
}

#[test]
fn the_credential_is_added_where_the_rule_says_and_seen_nowhere_else() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "hello"));
    let server = server(&upstream);
    let init = json!({ "method": "POST", "body": "x", "headers": {
        "Authorization": "Bearer mine", "Host": "evil.example", "X-Mine": "1", "Connection": "x-mine", "Cookie": "a=b" } });
    let object = server.run(FETCH, json!({ "url": upstream.url("/a?b=1"), "init": init }));
    assert_eq!(object["result"], json!({ "status": 200, "text": "hello" }), "{object}");
    let asked = upstream.requests().remove(0).to_ascii_lowercase();
    assert!(asked.starts_with("post /a?b=1 http/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("authorization: bearer {KEY}\r\n")), "{asked}");
    assert!(asked.contains(&format!("host: {}\r\n", upstream.address)), "{asked}");
    for absent in ["mine\r\n", "evil.example", "cookie"] {
        assert!(!asked.contains(absent), "{absent}: {asked}");
    }
    let call = &object["calls"][0];
    assert_eq!(
        (&call["verdict"], &call["rule"], &call["status"]),
        (&json!("allow"), &json!("the upstream"), &json!(200))
    );
    assert!(!object.to_string().contains(KEY));
    // Records wait a moment for others.
    let audit = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let text = std::fs::read_to_string(server.folder.path().join("state/audit.jsonl")).expect("an audit");
        text.ends_with('\n').then_some(text)
    });
    let audit = audit.expect("a record within a second");
    assert!(audit.contains("\"the upstream\"") && !audit.contains(KEY), "{audit}");
}

#[test]
fn a_credential_that_is_echoed_does_not_reach_the_script() {
    let upstream = Upstream::start(|request, stream| respond(stream, "200 OK", "", request));
    let server = server(&upstream);
    let object = server.run(FETCH, json!({ "url": upstream.url("/echo"), "init": {} }));
    assert_eq!(object["result"]["name"], "PolicyError", "{object}");
    assert!(!object.to_string().contains(KEY), "{object}");
}

#[test]
fn deny_wins_over_allow_and_what_no_rule_names_is_refused() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "hello"));
    let server = server(&upstream);
    for (url, reason) in [
        (upstream.url("/secrets/x"), "denied_by_rule"),
        (upstream.url("/a/../secrets/x"), "denied_by_rule"),
        ("https://api.example.com/".to_owned(), "no_rule"),
    ] {
        let result = fetch(&server, &url, json!({}));
        assert_eq!((&result["name"], &result["reason"]), (&json!("PolicyError"), &json!(reason)), "{url}: {result}");
    }
    // `fetch` itself refuses these; the bridge would too (bridge/tests/it).
    let with_password = upstream.url("/").replace("http://", "http://user:pass@");
    assert_eq!(fetch(&server, &with_password, json!({}))["name"], "TypeError");
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn no_spelling_of_a_private_address_is_dialled() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "reached"));
    let port = upstream.address.port();
    let server = Server::start(
        "[[rule]]\nname = \"every public host\"\nallow = \"http://**\"\n[[rule]]\nname = \"https too\"\nallow = \"https://**\"\n",
    );
    let mut urls: Vec<String> = [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "１２７.０.０.１",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
    ]
    .map(|host| format!("http://{host}:{port}/"))
    .to_vec();
    urls.extend(
        [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "100.100.100.200",
            "metadata.google.internal",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "[fe80::1]",
            "[fc00::1]",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
        ]
        .map(|host| format!("http://{host}/latest/meta-data/")),
    );
    let code = r#"
        const told = {};
        for (const url of input) {
            try { told[url] = `reached: ${(await fetch(url)).status}` } catch (error) { told[url] = error.name }
        }
        return told;
    "#;
    let object = server.run(code, json!(urls));
    let told = object["result"].as_object().unwrap_or_else(|| panic!("{object}"));
    for (url, outcome) in told {
        // A name that does not resolve here is a network error; an address must be refused by policy.
        let allowed = if url.contains("metadata.google") { ["PolicyError", "TypeError"] } else { ["PolicyError"; 2] };
        assert!(allowed.contains(&outcome.as_str().unwrap_or_default()), "{url}: {outcome}");
    }
    assert_eq!((told.len(), upstream.requests().len()), (urls.len(), 0));
}

#[test]
fn an_upstream_that_never_answers_ends_at_the_call_limit() {
    let upstream = Upstream::start(|_, _| std::thread::sleep(Duration::from_secs(10)));
    let server = Server::start_with("[defaults]\ncall_ms = 300\n", &rules(&upstream), &[("CANARY", KEY)]);
    let began = Instant::now();
    let result = fetch(&server, &upstream.url("/"), json!({}));
    assert_eq!(result["name"], "TimeoutError", "{result}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn an_upstream_that_answers_garbage_is_a_network_error() {
    for answer in
        ["\0\u{1}garbage\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal", ""]
    {
        let upstream = Upstream::start(move |_, stream| drop(stream.write_all(answer.as_bytes())));
        let result = fetch(&server(&upstream), &upstream.url("/"), json!({}));
        assert_eq!(result["name"], "TypeError", "{answer:?}: {result}");
    }
}

#[test]
fn a_hundred_megabytes_end_at_the_limit_of_a_response() {
    let upstream = Upstream::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
        for _ in 0..100 {
            if stream.write_all(chunk.as_bytes()).is_err() {
                return;
            }
        }
    });
    let result = fetch(&server(&upstream), &upstream.url("/"), json!({}));
    assert_eq!(result["name"], "TypeError", "{result}");
    assert!(result["message"].as_str().is_some_and(|text| text.contains("8388608")), "{result}");
}

#[test]
fn redirects_are_asked_anew_and_end() {
    let other = Upstream::start(|_, stream| respond(stream, "200 OK", "", "the other"));
    let to_other = other.url("/");
    let upstream = Upstream::start(move |request, stream| {
        let location = match request.split(' ').nth(1).unwrap_or_default() {
            "/circle" => "/circle",
            "/secret" => "/secrets/x",
            "/other" => &to_other,
            "/once" => "/there",
            _ => return respond(stream, "200 OK", "", "arrived"),
        };
        respond(stream, "302 Found", &format!("location: {location}\r\n"), "");
    });
    let server = server(&upstream);
    assert_eq!(fetch(&server, &upstream.url("/once"), json!({}))["text"], "arrived");
    assert_eq!(fetch(&server, &upstream.url("/circle"), json!({}))["name"], "TypeError");
    assert_eq!(fetch(&server, &upstream.url("/secret"), json!({}))["name"], "PolicyError");
    assert_eq!(fetch(&server, &upstream.url("/other"), json!({}))["name"], "PolicyError");
    assert_eq!(fetch(&server, &upstream.url("/once"), json!({ "redirect": "manual" }))["status"], 302);
    assert_eq!(fetch(&server, &upstream.url("/once"), json!({ "redirect": "error" }))["name"], "TypeError");
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn calls_overlap_up_to_their_limit_and_the_rest_wait() {
    let upstream = Upstream::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(100));
        respond(stream, "200 OK", "", "1");
    });
    let server = Server::start_with("[defaults]\ncalls_in_flight = 10\n", &rules(&upstream), &[("CANARY", KEY)]);
    let code = "const all = await Promise.all(Array.from({ length: 30 }, () => fetch(input))); return all.length";
    let began = Instant::now();
    assert_eq!(server.run(code, json!(upstream.url("/")))["result"], 30);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn a_request_that_is_too_large_is_refused_before_it_is_sent() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", ""));
    let server = server(&upstream);
    let code = "try { await fetch(input, { method: 'POST', body: 'x'.repeat(11 * 1024 * 1024) }) } catch (e) { return e.message }";
    let object = server.run(code, json!(upstream.url("/")));
    assert!(object["result"].as_str().is_some_and(|text| text.contains("10485760")), "{object}");
    assert_eq!(fetch(&server, &upstream.url("/"), json!({}))["status"], 200);
}

#[test]
fn a_script_that_ends_or_is_dropped_ends_its_calls() {
    let (sender, closed) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let upstream = Upstream::start(move |_, stream| {
        // The bridge closes the connection when nobody waits for it any more: a read then gives 0 bytes.
        let mut byte = [0];
        let _ = std::io::Read::read(stream, &mut byte);
        let _ = sender.lock().unwrap().send(());
    });
    let server = server(&upstream);
    let code = "fetch(input).catch(() => {}); await new Promise((done) => setTimeout(done, 300)); return 'gone'";
    let object = server.run(code, json!(upstream.url("/")));
    assert_eq!(object["result"], "gone");
    assert!(object["logs"][0]["text"].as_str().is_some_and(|text| text.contains("not awaited")), "{object}");
    closed.recv_timeout(Duration::from_secs(5)).expect("the call was cut off");
}
