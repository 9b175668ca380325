//! In: credentials, and upstreams that repeat them. Out: not one byte of them on this side.
//! May touch: loopback.
//! Security boundary: no; holds the tests of sign, scrub and audit.

use crate::harness::peer::Puppet;
use crate::harness::upstream::{Upstream, reply};
use crate::harness::*;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

/// With characters that every encoding changes.
const SECRET: &str = "cA~+/nary\"?&<\\key>'é%20=1234";

fn percent(text: &str, keep: impl Fn(u8) -> bool) -> String {
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// What an echoing service could make of it: name of the form, and the form.
fn forms(secret: &str) -> Vec<(String, String)> {
    let mut forms = vec![
        ("raw".to_owned(), secret.to_owned()),
        ("with scheme".into(), format!("Bearer {secret}")),
        ("upper case".into(), secret.to_ascii_uppercase()),
        ("hex".into(), secret.bytes().map(|b| format!("{b:02x}")).collect()),
        ("upper hex".into(), secret.bytes().map(|b| format!("{b:02X}")).collect()),
        ("all percent".into(), percent(secret, |_| false)),
        ("uri component".into(), percent(secret, |b| b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b))),
        ("form".into(), url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()),
        ("json".into(), serde_json::to_string(secret).unwrap()),
        ("json slash".into(), serde_json::to_string(secret).unwrap().replace('/', "\\/")),
        ("all unicode escapes".into(), secret.bytes().map(|b| format!("\\u{b:04x}")).collect()),
        (
            "html".into(),
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;"),
        ),
    ];
    for offset in 0..6 {
        let padded = format!("{}{secret} and more", "x".repeat(offset));
        forms.push((format!("base64 at {offset}"), BASE64_STANDARD.encode(&padded)));
        forms.push((format!("base64url at {offset}"), BASE64_URL_SAFE_NO_PAD.encode(&padded)));
    }
    forms
}

/// Echoes what stands in the query, at the place the path names.
fn echo() -> Upstream {
    Upstream::http(|request| {
        let url = url::Url::parse(&format!("http://x{}", request.split(' ').nth(1).unwrap())).unwrap();
        let forms = forms(SECRET);
        let at: usize = url.query().and_then(|query| query.parse().ok()).unwrap_or(0);
        let form = forms[at.min(forms.len() - 1)].1.clone();
        match url.path() {
            "/body" => reply("200 OK", "", format!("you sent {form}.")),
            "/late" => reply("200 OK", "", format!("{}{form}", "x".repeat(400_000))),
            "/chunks" => {
                let chunks: String = form.bytes().map(|byte| format!("1\r\n{}\r\n", char::from(byte))).collect();
                format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into_bytes()
            }
            "/header" => reply("200 OK", &format!("x-echo: {form}\r\n"), "x"),
            "/name" => reply("200 OK", &format!("x-{form}: 1\r\n"), "x"),
            "/status" => reply(&format!("400 no {form}"), "", "x"),
            "/location" => reply("302 Found", &format!("location: /next?{form}\r\n"), ""),
            _ => reply("200 OK", "", "nothing to see"),
        }
    })
}

fn scene(upstream: &Upstream) -> (Bridge, String) {
    scene_in(upstream, |_| {})
}

fn scene_in(upstream: &Upstream, change: impl FnOnce(&mut Setup)) -> (Bridge, String) {
    let mut setup = Setup::new();
    change(&mut setup);
    setup.names(&[("api.test", &["127.0.0.1"])]);
    setup.secret("key", SECRET);
    let token = setup.tenant("acme", &with_credential(&upstream.url("/**")));
    (setup.start(), token)
}

#[test]
fn a_reply_that_repeats_the_credential_in_any_form_is_withheld() {
    run(async {
        let upstream = echo();
        let (bridge, token) = scene(&upstream);
        let opened = bridge.session(&token).await;
        for path in ["/body", "/late"] {
            for (at, (form, _)) in forms(SECRET).iter().enumerate() {
                let outcome = fetch(&opened.session, &get(upstream.url(&format!("{path}?{at}")))).await;
                assert_eq!(outcome.reason(), "credential_echoed", "{path} {form}");
                // With its equals sign: a port or a time may well contain the digits.
                assert!(!format!("{outcome:?}").contains("=1234"), "{outcome:?}");
            }
        }
        let hex = forms(SECRET).iter().position(|(form, _)| form == "hex").unwrap();
        for path in ["/header", "/name", "/status", "/chunks", "/location"] {
            let outcome = fetch(&opened.session, &get(upstream.url(&format!("{path}?{hex}")))).await;
            assert_eq!(outcome.reason(), "credential_echoed", "{path}");
        }
        assert_eq!(fetch(&opened.session, &get(upstream.url("/clean"))).await.body(), "nothing to see");
        let sent = upstream.requests();
        assert!(sent.iter().all(|request| request.contains(&format!("Bearer {SECRET}"))), "{}", sent[0]);
        assert!(!sent.iter().any(|request| request.starts_with("GET /next")), "the redirect was not followed");
    });
}

#[test]
fn a_credential_stored_by_one_call_is_not_read_back_by_another() {
    run(async {
        // The second host is sent no credential, but knows one.
        let upstream = Upstream::http(|_| reply("200 OK", "", SECRET));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
        setup.secret("key", SECRET);
        let other = format!("http://other.test:{}/**", upstream.port);
        let token = setup.tenant("acme", &(with_credential(&upstream.url("/**")) + &allow_private("other", &other)));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get(format!("http://other.test:{}/", upstream.port))).await;
        assert_eq!(outcome.reason(), "credential_echoed");
    });
}

#[test]
fn a_credential_that_is_base64_is_found_decoded_too() {
    run(async {
        let upstream = Upstream::http(|_| reply("200 OK", "", "hello aladdin:opensesame"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        setup.secret("key", "YWxhZGRpbjpvcGVuc2VzYW1l");
        let token = setup.tenant("acme", &with_credential(&upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        assert_eq!(fetch(&opened.session, &get(upstream.url("/"))).await.reason(), "credential_echoed");
    });
}

#[test]
fn the_credential_is_in_no_audit_record_no_log_and_no_failure() {
    // The canary must be in none of what anybody logs.
    let log = crate::harness::log::log();
    run(async {
        let upstream = echo();
        let (bridge, token) = scene(&upstream);
        let opened = bridge.session(&token).await;
        for path in ["/body", "/header", "/status", "/location", "/clean", "/clean?key=the-query"] {
            let outcome = fetch(&opened.session, &get(upstream.url(path)).header("authorization", "x")).await;
            assert!(!format!("{outcome:?}").contains(SECRET));
        }
        drop(opened);
        let audit = bridge.stop();
        assert_eq!(audit.lines().count(), 6, "{audit}");
        // Without a folder the audit is a part of the log.
        let (bridge, second) = scene_in(&upstream, |setup| setup.settings.state = None);
        let opened = bridge.session(&second).await;
        fetch(&opened.session, &get(upstream.url("/body"))).await;
        drop((opened, bridge));
        assert!(
            audit.contains("\"credentials\":[\"key\"]") && audit.contains("\"reason\":\"credential_echoed\""),
            "{audit}"
        );
        let log = log.text();
        assert!(log.contains("credential_echoed"), "the audit of the second bridge is in the log: {log}");
        for text in [&audit, &log] {
            assert!(!text.contains("nary"), "a part of the credential");
            assert!(!text.contains("the-query") && !text.contains(&token));
        }
    });
}

#[test]
fn an_audit_record_says_who_did_what_when_and_by_which_rule() {
    run(async {
        let upstream = echo();
        let (bridge, token) = scene(&upstream);
        let opened = bridge.session(&token).await;
        let ask = Ask { method: "POST", body: b"12345".to_vec(), ..get(upstream.url("/clean?q=1")) };
        fetch(&opened.session, &ask).await;
        drop(opened);
        let path = bridge.folder.path().join("state/audit.jsonl");
        until("the record is written", || std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n'))).await;
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let record: serde_json::Value = serde_json::from_str(bridge.stop().lines().next().unwrap()).unwrap();
        let expected = serde_json::json!({
            "tenant": "acme", "run": "run_1", "request_id": "request_1", "call": 1, "verdict": "allow", "rule": "api", "reason": "",
            "method": "POST", "url": upstream.url("/clean"), "status": 200, "bytes_out": 5, "bytes_in": 14,
            "credentials": ["key"], "redirects": 0, "ms": record["ms"], "time": record["time"],
        });
        assert_eq!(record, expected);
        assert!(record["ms"].as_f64().unwrap() > 0.0 && record["time"].as_str().unwrap().starts_with("20"));
    });
}

/// A bridge whose tenant has the secret, and an upstream that sends what the test says.
async fn stage(secret: &str) -> (Puppet, Bridge, String) {
    let puppet = Puppet::new().await;
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    setup.secret("key", secret);
    let token = setup.tenant("acme", &with_credential(&puppet.url("/**")));
    (puppet, setup.start(), token)
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn a_credential_cut_at_any_place_is_found_before_any_of_it_has_left() {
    run(async {
        let (puppet, bridge, token) = stage(SECRET).await;
        let opened = bridge.session(&token).await;
        for cut in 1..SECRET.len() {
            let (first, second) = SECRET.as_bytes().split_at(cut);
            let ask = get_stream(puppet.url("/"));
            let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), puppet.answer(CHUNKED));
            peer.send(chunk(&[b"you sent\n", first].concat())).await;
            assert_eq!(outcome.rest().read().await.bytes, b"you sent\n", "{cut}");
            peer.send(chunk(second)).await;
            let last = outcome.rest().read().await;
            assert_eq!((last.bytes.len(), last.end), (0, true), "{cut}");
            assert_eq!(last.failure.unwrap().2, "credential_echoed", "{cut}");
            assert_eq!(peer.closed().await, b"", "{cut}");
        }
        drop(opened);
        let audit = bridge.stop();
        for line in audit.lines() {
            assert!(
                line.contains("\"verdict\":\"deny\"") && line.contains("\"reason\":\"credential_echoed\""),
                "{line}"
            );
            assert!(line.contains("\"status\":200") && !line.contains("nary"), "{line}");
        }
    });
}

#[test]
fn a_credential_that_comes_byte_by_byte_is_found_in_every_form() {
    run(async {
        let (puppet, bridge, token) = stage(SECRET).await;
        let opened = bridge.session(&token).await;
        for (name, form) in forms(SECRET) {
            let ask = get_stream(puppet.url("/"));
            let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), puppet.answer(CHUNKED));
            peer.send(chunk(b"\n")).await;
            assert_eq!(outcome.rest().read().await.bytes, b"\n");
            let sending = tokio::task::spawn_local(async move {
                for byte in form.bytes() {
                    if !peer.try_send(chunk(&[byte])).await {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                peer
            });
            let (bytes, last) = outcome.rest().all().await;
            assert_eq!(last.failure.map(|failure| failure.2).as_deref(), Some("credential_echoed"), "{name}");
            assert_eq!(bytes, b"", "{name}");
            sending.await.unwrap().closed().await;
        }
    });
}

/// Otherwise whoever can have texts sent to the script would have the credential letter by letter.
#[test]
fn what_is_kept_back_does_not_tell_how_a_credential_begins() {
    run(async {
        let (puppet, bridge, token) = stage(SECRET).await;
        let opened = bridge.session(&token).await;
        for guess in ["c", "cA~", "cA~+/nary", "x", "xyz", "63417e2b", "69417e2b", "%63%41", "\\u0063", "\\u0078"] {
            for (sent, arrives) in
                [(format!("line\n{guess}"), "line\n".to_owned()), (format!("{guess}\n"), format!("{guess}\n"))]
            {
                let ask = get_stream(puppet.url("/"));
                let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), puppet.answer(CHUNKED));
                peer.send(chunk(sent.as_bytes())).await;
                assert_eq!(String::from_utf8_lossy(&outcome.rest().read().await.bytes), arrives, "{guess}");
                peer.send("0\r\n\r\n").await;
                let (bytes, last) = outcome.rest().all().await;
                assert_eq!((arrives + &String::from_utf8_lossy(&bytes), last.failure), (sent, None));
            }
        }
        // Without a line end, too: as far back as the longest form could reach, which is 256 bytes for this one.
        let text = "cA~+/nar ".repeat(200);
        let ask = get_stream(puppet.url("/"));
        let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), puppet.answer(CHUNKED));
        peer.send(chunk(text.as_bytes())).await;
        assert_eq!(outcome.rest().read().await.bytes.len(), text.len() - 256);
    });
}

#[test]
fn events_are_not_delayed_by_the_search() {
    run(async {
        let (puppet, bridge, token) = stage(SECRET).await;
        let opened = bridge.session(&token).await;
        let ask = get_stream(puppet.url("/"));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), puppet.answer(head));
        for n in 0..200 {
            let event = format!("event: delta\ndata: {{\"n\":{n},\"text\":\"ca, caf\u{e9}, %63 and \\\\u0063\"}}\n\n");
            peer.send(&event).await;
            // The next event is sent when this one has arrived, so one byte kept back would stop the test.
            let mut arrived = Vec::new();
            while arrived.len() < event.len() {
                arrived.extend(outcome.rest().read().await.bytes);
            }
            assert_eq!(arrived, event.as_bytes());
        }
        drop(peer);
        assert_eq!(outcome.rest().all().await.1.failure, None);
    });
}

#[test]
fn a_credential_in_a_compressed_reply_is_found() {
    run(async {
        use flate2::{Compression, write::GzEncoder};
        use std::io::Write;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        write!(encoder, "you sent {SECRET}, did you not").unwrap();
        let body = encoder.finish().unwrap();
        let (upstream_body, head) = (body.clone(), "content-encoding: gzip\r\n");
        let upstream = Upstream::http(move |_| reply("200 OK", head, &upstream_body));
        let (whole, token) = scene(&upstream);
        let opened = whole.session(&token).await;
        for ask in [get(upstream.url("/")), get_stream(upstream.url("/"))] {
            assert_eq!(fetch(&opened.session, &ask).await.reason(), "credential_echoed");
        }
        let (puppet, bridge, token) = stage(SECRET).await;
        let opened = bridge.session(&token).await;
        for cut in 1..body.len() {
            let ask = get_stream(puppet.url("/"));
            let head = CHUNKED.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
            let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), puppet.answer(&head));
            peer.send(chunk(&body[..cut])).await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            peer.send(chunk(&body[cut..])).await;
            let (bytes, last) = outcome.rest().all().await;
            assert_eq!(last.failure.unwrap().2, "credential_echoed", "{cut}");
            assert_eq!(bytes, b"", "{cut}");
        }
    });
}
