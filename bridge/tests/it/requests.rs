//! In: requests that try to say more than they may. Out: what the upstream really saw.
//! May touch: loopback.
//! Security boundary: no; holds the tests of ask and sign.

use crate::harness::upstream::{Upstream, ok};
use crate::harness::*;
use mayfly_schemas::bridge_capnp::failure::Kind;

async fn sent(asks: Vec<Ask>, rules: impl FnOnce(&Setup, &Upstream) -> String) -> (Vec<Outcome>, Vec<String>) {
    let upstream = Upstream::http(|_| ok("x"));
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    let rules = rules(&setup, &upstream);
    let token = setup.tenant("acme", &rules);
    let bridge = setup.start();
    let opened = bridge.session(&token).await;
    let mut outcomes = Vec::new();
    for ask in asks {
        let url = ask.url.replace("http://api.test/", &upstream.url("/"));
        outcomes.push(fetch(&opened.session, &Ask { url, ..ask }).await);
    }
    (outcomes, upstream.requests())
}

fn plain(_: &Setup, upstream: &Upstream) -> String {
    allow_private("api", &upstream.url("/**"))
}

fn credential(setup: &Setup, upstream: &Upstream) -> String {
    setup.secret("key", "the-real-key-12345\n");
    with_credential(&upstream.url("/**"))
}

#[test]
fn bytes_that_would_split_a_message_are_refused() {
    run(async {
        let values: [&[u8]; 8] =
            [b"a\r\nx: y", b"a\nx: y", b"a\rx: y", b"a\0b", b"\x01", b"a\x7f", b"\r\n\r\nGET / HTTP/1.1", b"a\r\n b"];
        let names = ["a\r\nb", "a\nb", "a b", "a:", ":authority", "", "a\0b", "ä", "a\u{7f}", "(a)", "a,b"];
        let mut asks: Vec<Ask> = values.iter().map(|value| get("http://api.test/").header("x", value)).collect();
        asks.extend(names.iter().map(|name| get("http://api.test/").header(name, "v")));
        asks.push(get("http://api.test/").header("upgrade", "h2c"));
        asks.push(Ask { body: b"x".to_vec(), ..get("http://api.test/") });
        let (outcomes, requests) = sent(asks, plain).await;
        for outcome in outcomes {
            assert_eq!(outcome.failure().0, Kind::Usage, "{outcome:?}");
        }
        assert_eq!(requests.len(), 0);
    });
}

#[test]
fn a_url_cannot_split_the_request_line() {
    run(async {
        let paths =
            ["a\r\nx: y", "a HTTP/1.1\r\nx: y", "a?b\r\nc", "a\tb", "a\u{2028}b", "a?b c", "a?b\0c", "a?\u{e4}"];
        let asks = paths.iter().map(|path| get(format!("http://api.test/{path}"))).collect();
        let (_, requests) = sent(asks, plain).await;
        assert_eq!(requests.len(), paths.len());
        for request in requests {
            let lines: Vec<&str> = request.split("\r\n").collect();
            assert_eq!(lines[0].split(' ').count(), 3, "{request}");
            assert!(lines[0].is_ascii() && !lines.iter().any(|line| line.starts_with("x: y")), "{request}");
        }
    });
}

#[test]
fn headers_that_are_ours_to_send_are_not_taken_from_the_script() {
    run(async {
        let dropped = [
            "host",
            "connection",
            "keep-alive",
            "proxy-authorization",
            "proxy-connection",
            "proxy-anything",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip",
            "x-original-url",
            "expect",
            "te",
            "trailer",
            "via",
            "content-length",
            "transfer-encoding",
            "accept-encoding",
            "http2-settings",
            "x-http-method-override",
            "x-http-method",
            "x-method-override",
            "x-hop",
        ];
        let mut ask = get("http://api.test/").header("connection", "close, x-hop").header("x-stays", "1");
        for name in dropped {
            ask = ask.header(name, "FROM-SCRIPT");
        }
        let (_, requests) = sent(vec![ask], plain).await;
        let request = requests[0].to_ascii_lowercase();
        assert!(!request.contains("from-script") && !request.contains("x-hop"), "{request}");
        assert_eq!(request.matches("\r\nhost: api.test:").count(), 1, "{request}");
        assert!(
            request.contains("\r\nx-stays: 1\r\n") && request.contains("\r\naccept-encoding: gzip, deflate, br\r\n"),
            "{request}"
        );
        assert!(request.contains("\r\nuser-agent: mayfly/"), "{request}");
    });
}

#[test]
fn a_scripts_own_credentials_pass_where_the_rule_has_none() {
    run(async {
        let ask = get("http://api.test/")
            .header("authorization", "Bearer mine")
            .header("cookie", "a=b")
            .header("range", "bytes=0-1");
        let (_, requests) = sent(vec![ask], plain).await;
        // A piece of a compressed body could not be decompressed.
        for line in ["authorization: Bearer mine", "cookie: a=b", "range: bytes=0-1", "accept-encoding: identity"] {
            assert!(requests[0].contains(line), "{}", requests[0]);
        }
    });
}

#[test]
fn a_scripts_own_credentials_stay_behind_where_the_rule_has_one() {
    run(async {
        let names = [
            "authorization",
            "Authorization",
            "cookie",
            "proxy-authorization",
            "x-api-key",
            "api-key",
            "apikey",
            "x-auth-token",
            "x-access-token",
            "private-token",
            "x-amz-security-token",
            "range",
            "if-range",
        ];
        let mut ask = get("http://api.test/").header("x-stays", "1");
        for name in names {
            ask = ask.header(name, "STRANGERS-KEY");
        }
        let (outcomes, requests) = sent(vec![ask], credential).await;
        assert_eq!(outcomes[0].status(), 200);
        assert!(!requests[0].contains("STRANGERS-KEY"), "{}", requests[0]);
        assert!(
            requests[0].contains("authorization: Bearer the-real-key-12345\r\n") && requests[0].contains("x-stays: 1")
        );
    });
}

#[test]
fn too_many_headers_are_refused() {
    run(async {
        let mut many = get("http://api.test/");
        for n in 0..129 {
            many = many.header(&format!("h{n}"), "v");
        }
        let long = get("http://api.test/").header("h", vec![b'v'; 65_537]);
        let (outcomes, requests) = sent(vec![many, long], plain).await;
        assert!(outcomes.iter().all(|outcome| outcome.failure().0 == Kind::Usage));
        assert_eq!(requests.len(), 0);
    });
}

#[test]
fn what_is_sent_is_the_path_that_was_decided() {
    run(async {
        let table = [
            ("http://api.test/a/../b", "/b"),
            ("http://api.test/%61/%2e%2e/b", "/b"),
            ("http://api.test/%61b%2Dc", "/ab-c"),
            ("http://api.test/a\\b", "/a/b"),
            ("http://api.test/a?x=%61&y=../z#f", "/a?x=%61&y=../z"),
            ("http://api.test", "/"),
        ];
        let asks = table
            .iter()
            .map(|(url, _)| get(url.replace("http://api.test", "http://api.test/").replace(".test//", ".test/")));
        let (_, requests) = sent(asks.collect(), plain).await;
        for ((url, path), request) in table.iter().zip(requests) {
            assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{url}: {request}");
        }
    });
}
