//! In: replies whose bodies do not come at once. Out: their parts, within the same bounds as whole replies.
//! May touch: loopback.
//! Security boundary: no; holds the tests of stream and body.

use crate::harness::peer::{Peer, Puppet};
use crate::harness::upstream::{Upstream, ok, read_request, reply};
use crate::harness::*;
use mayfly_schemas::bridge_capnp::failure::Kind;
use mayfly_schemas::limits::{BODY_INLINE_BYTES_MAX, BODY_PART_BYTES_MAX, STREAMS_OPEN_MAX};
use std::io::Write;
use std::time::{Duration, Instant};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

struct Scene {
    puppet: Puppet,
    bridge: Bridge,
    token: String,
}

async fn scene() -> Scene {
    scene_in(|_| {}).await
}

async fn scene_in(change: impl FnOnce(&mut Setup)) -> Scene {
    let puppet = Puppet::new().await;
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    change(&mut setup);
    let token = setup.tenant("acme", &allow_private("api", &puppet.url("/**")));
    Scene { puppet, bridge: setup.start(), token }
}

impl Scene {
    /// A stream under way, after `head` and nothing else.
    async fn begun(&self, opened: &Opened, head: &str) -> (Rest, Peer) {
        let ask = get_stream(self.puppet.url("/"));
        let (outcome, peer) = tokio::join!(fetch(&opened.session, &ask), self.puppet.answer(head));
        assert_eq!((outcome.status(), outcome.body().as_str()), (200, ""));
        (outcome.rest().clone(), peer)
    }
}

fn bridge_to(upstream: &Upstream) -> (Bridge, String) {
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
    (setup.start(), token)
}

/// The only record of a call, once it is written.
async fn record_of(bridge: &Bridge) -> serde_json::Value {
    let path = bridge.folder.path().join("state/audit.jsonl");
    until("the record is written", || std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n'))).await;
    serde_json::from_str(std::fs::read_to_string(&path).unwrap().lines().next().unwrap()).unwrap()
}

#[test]
fn a_reply_that_is_there_at_once_comes_in_one_message() {
    run(async {
        let upstream = Upstream::http(|request| match request.split(' ').nth(1).unwrap() {
            "/empty" => reply("204 No Content", "", ""),
            "/chunked" => [CHUNKED, "5\r\nhello\r\n0\r\n\r\n"].concat().into_bytes(),
            _ => ok("hello"),
        });
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        for (path, body) in [("/", "hello"), ("/chunked", "hello"), ("/empty", ""), ("/", "hello")] {
            let outcome = fetch(&opened.session, &get_stream(upstream.url(path))).await;
            assert_eq!((outcome.body().as_str(), outcome.bytes_in), (body, body.len() as u64), "{path}");
            assert!(outcome.rest.is_none(), "{path}");
        }
        assert_eq!(upstream.count(), 1);
    });
}

#[test]
fn a_reply_that_is_not_comes_in_parts_as_they_arrive() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        for (n, text) in (1..).zip(["one", "two", "three"]) {
            peer.send(format!("{:x}\r\n{text}\r\n", text.len())).await;
            let part = rest.read().await;
            assert_eq!((part.bytes.as_slice(), part.end, part.failure), (text.as_bytes(), false, None), "{n}");
        }
        peer.send("0\r\n\r\n").await;
        let last = rest.read().await;
        assert_eq!(last, Part { bytes: Vec::new(), end: true, failure: None, bytes_in: 11 });
        // The end stays the end, and the connection serves the next call.
        assert_eq!(rest.read().await, last);
        let ask = get_stream(scene.puppet.url("/"));
        let answered = async {
            peer.head().await;
            peer.send(ok("again")).await;
        };
        assert_eq!(tokio::join!(fetch(&opened.session, &ask), answered).0.body(), "again");
    });
}

#[test]
fn what_came_within_a_moment_is_in_the_reply() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = get_stream(scene.puppet.url("/"));
        let head = format!("{CHUNKED}5\r\nfirst\r\n");
        let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), scene.puppet.answer(&head));
        assert_eq!((outcome.body().as_str(), outcome.bytes_in, outcome.status()), ("first", 5, 200));
        assert!(outcome.allowed && outcome.rule == "api");
        peer.send("6\r\nsecond\r\n0\r\n\r\n").await;
        let (rest, last) = outcome.rest().all().await;
        assert_eq!((rest.as_slice(), last.bytes_in, last.failure), (&b"second"[..], 11, None));
    });
}

#[test]
fn a_large_reply_comes_in_parts_of_bounded_size_and_keeps_its_connection() {
    run(async {
        let body: Vec<u8> = (0..5 << 20).map(|n: u32| (n / 7) as u8).collect();
        let sent = body.clone();
        let upstream = Upstream::http(move |_| ok(&sent));
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        for _ in 0..3 {
            let outcome = fetch(&opened.session, &get_stream(upstream.url("/"))).await;
            let Got::Response { body: mut all, .. } = outcome.got.clone() else { panic!("{outcome:?}") };
            assert!(all.len() <= BODY_INLINE_BYTES_MAX, "{}", all.len());
            loop {
                let part = outcome.rest().read().await;
                assert!(part.bytes.len() <= BODY_PART_BYTES_MAX && part.failure.is_none());
                assert!(part.end || !part.bytes.is_empty());
                all.extend(part.bytes);
                if part.end {
                    assert_eq!(part.bytes_in, 5 << 20);
                    break;
                }
            }
            assert!(all == body, "another body");
        }
        assert_eq!(upstream.count(), 1);
    });
}

#[test]
fn a_million_tiny_pieces_are_joined() {
    run(async {
        let upstream = Upstream::raw(|mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(CHUNKED.as_bytes());
            for _ in 0..1_000 {
                if stream.write_all("1\r\nx\r\n".repeat(1_000).as_bytes()).is_err() {
                    return;
                }
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        });
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        let started = Instant::now();
        let outcome = fetch(&opened.session, &get_stream(upstream.url("/"))).await;
        let (mut bytes, mut parts) = (outcome.body().len(), 0);
        loop {
            let part = outcome.rest().read().await;
            (bytes, parts) = (bytes + part.bytes.len(), parts + 1);
            if part.end {
                break;
            }
        }
        println!("a million pieces of one byte: {parts} parts in {:?}", started.elapsed());
        assert_eq!(bytes, 1_000_000);
        assert!(parts < 100_000, "{parts}");
    });
}

#[test]
fn an_upstream_waits_for_a_script_that_does_not_read() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = Ask { response_bytes: 64 << 20, ..get_stream(scene.puppet.url("/")) };
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n";
        let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), scene.puppet.answer(head));
        let whole = vec![b'x'; 64 << 20];
        let sent = peer.pour(&whole).await;
        // The kernel's buffers on both sides take some megabytes; ours take a part.
        assert!(sent < 32 << 20, "{sent} bytes went out, and nobody has read");
        let more = tokio::task::spawn_local(async move { peer.send(&whole[sent..]).await });
        let (rest, last) = outcome.rest().all().await;
        assert_eq!((rest.len(), last.bytes_in, last.failure), (64 << 20, 64 << 20, None));
        more.await.unwrap();
    });
}

#[test]
fn a_stream_that_is_let_go_closes_its_upstream_while_the_session_goes_on() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        peer.send("3\r\none\r\n").await;
        assert_eq!(rest.read().await.bytes, b"one");
        drop(rest);
        assert_eq!(peer.closed().await, b"");
        let record = record_of(&scene.bridge).await;
        assert_eq!(
            (&record["verdict"], &record["status"], &record["bytes_in"]),
            (&"cancelled".into(), &200.into(), &3.into())
        );
        let ask = get_stream(scene.puppet.url("/"));
        let (outcome, _peer) =
            tokio::join!(fetch(&opened.session, &ask), scene.puppet.answer("HTTP/1.1 204 x\r\n\r\n"));
        assert_eq!(outcome.status(), 204, "on another connection");
    });
}

#[test]
fn a_stream_that_is_let_go_ends_the_read_that_waits_on_it() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        let reading = tokio::task::spawn_local({
            let rest = rest.clone();
            async move { drop(rest.try_read().await) }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        reading.abort();
        drop(rest);
        assert_eq!(peer.closed().await, b"");
    });
}

#[test]
fn a_run_that_ends_closes_its_streams() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        let Opened { session, connection } = opened;
        let reading = tokio::task::spawn_local({
            let rest = rest.clone();
            async move { rest.read().await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(session);
        assert_eq!(peer.closed().await, b"");
        let (kind, message, _) = reading.await.unwrap().failure.unwrap();
        assert_eq!((kind, message.as_str()), (Kind::Network, "the run ended before its call did"));
        assert_eq!(record_of(&scene.bridge).await["verdict"], "cancelled");
        drop(connection);
    });
}

#[test]
fn a_connection_that_ends_closes_its_streams() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        opened.connection.cut();
        assert_eq!(peer.closed().await, b"");
        assert_eq!(record_of(&scene.bridge).await["verdict"], "cancelled");
        assert!(rest.try_read().await.is_err());
    });
}

#[test]
fn a_call_that_is_let_go_while_its_reply_arrives_leaves_nothing_open() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        for pause_us in [0, 200, 1_000, 2_000, 2_500, 5_000] {
            let ask = get_stream(scene.puppet.url("/"));
            let session = opened.session.clone();
            let call = tokio::task::spawn_local(async move { drop(send(&session, &ask).await) });
            let mut peer = scene.puppet.answer(CHUNKED).await;
            tokio::time::sleep(Duration::from_micros(pause_us)).await;
            call.abort();
            assert_eq!(peer.closed().await, b"", "{pause_us} us");
        }
    });
}

#[test]
fn a_bridge_that_stops_records_its_open_streams() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (_rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        let Scene { bridge, .. } = scene;
        let audit = tokio::task::spawn_blocking(move || bridge.stop()).await.unwrap();
        assert_eq!(peer.closed().await, b"");
        assert!(audit.contains("\"verdict\":\"cancelled\"") && audit.contains("\"status\":200"), "{audit}");
    });
}

#[test]
fn the_time_of_a_call_ends_with_the_head() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = Ask { call_ms: 200, ..get_stream(scene.puppet.url("/")) };
        let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), scene.puppet.answer(CHUNKED));
        tokio::time::sleep(Duration::from_millis(500)).await;
        peer.send("4\r\nlate\r\n0\r\n\r\n").await;
        assert_eq!(outcome.rest().all().await.0, b"late");
        // Until then it is bounded as ever.
        let (outcome, _) = tokio::join!(fetch(&opened.session, &ask), peer.head());
        assert_eq!(outcome.failure().0, Kind::Timeout);
    });
}

#[test]
fn an_upstream_that_is_silent_inside_a_body_is_given_up() {
    run(async {
        let scene = scene_in(|setup| setup.world.body_idle = Some(Duration::from_millis(300))).await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            peer.send("1\r\nx\r\n").await;
        }
        let (bytes, last) = rest.all().await;
        assert_eq!(bytes, b"xxxx");
        let (kind, message, _) = last.failure.unwrap();
        assert_eq!(kind, Kind::Timeout);
        assert_eq!(message, "api.test sent no further part of its reply within 300 ms; try again later");
        assert_eq!(peer.closed().await, b"");
        assert_eq!(record_of(&scene.bridge).await["reason"], "timeout");
    });
}

#[test]
fn an_upstream_that_waits_for_the_script_is_not_silent() {
    run(async {
        let scene = scene_in(|setup| setup.world.body_idle = Some(Duration::from_millis(200))).await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, "HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n").await;
        let sending = tokio::task::spawn_local(async move { peer.send(vec![b'x'; 8_000_000]).await });
        tokio::time::sleep(Duration::from_millis(600)).await;
        let (bytes, last) = rest.all().await;
        assert_eq!((bytes.len(), last.failure), (8_000_000, None));
        sending.await.unwrap();
    });
}

#[test]
fn a_body_that_breaks_off_is_told_after_what_came_of_it() {
    run(async {
        for head in [CHUNKED, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"] {
            let scene = scene().await;
            let opened = scene.bridge.session(&scene.token).await;
            let (rest, mut peer) = scene.begun(&opened, head).await;
            peer.send(if head == CHUNKED { "3\r\none\r\n" } else { "one" }).await;
            drop(peer);
            let (bytes, last) = rest.all().await;
            assert_eq!(bytes, b"one");
            let (kind, message, _) = last.failure.clone().unwrap();
            assert_eq!(kind, Kind::Network);
            assert_eq!(message, "api.test closed the connection before its reply was complete; try again later");
            assert_eq!(rest.read().await.failure, last.failure, "it stays broken");
            let record = record_of(&scene.bridge).await;
            assert_eq!(
                (&record["reason"], &record["status"], &record["bytes_in"]),
                (&"network".into(), &200.into(), &3.into())
            );
        }
    });
}

#[test]
fn what_is_no_http_inside_a_body_ends_it() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        for nonsense in ["zz\r\n", "ffffffffffffffffff\r\n", "3\r\nabcdef\r\n"] {
            let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
            peer.send(nonsense).await;
            let (kind, _, _) = rest.all().await.1.failure.unwrap();
            assert_eq!(kind, Kind::Network, "{nonsense}");
            peer.closed().await;
        }
    });
}

#[test]
fn the_limit_of_a_reply_holds_for_all_of_its_parts() {
    run(async {
        let endless = Upstream::raw(|mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'x'; 65_536]).is_ok() {}
        });
        let (bridge, token) = bridge_to(&endless);
        let opened = bridge.session(&token).await;
        let ask = Ask { response_bytes: 1 << 20, ..get_stream(endless.url("/")) };
        let outcome = fetch(&opened.session, &ask).await;
        let (rest, last) = outcome.rest().all().await;
        let (kind, message, _) = last.failure.unwrap();
        assert_eq!(
            (kind, message.as_str()),
            (Kind::Network, "the reply of api.test is above 1048576 bytes; ask for less of it")
        );
        assert!(outcome.body().len() + rest.len() <= 1 << 20);
        until("the connection is closed", || endless.open() == 0).await;
        let record = record_of(&bridge).await;
        assert_eq!(
            (&record["reason"], &record["verdict"], &record["status"]),
            (&"limit".into(), &"allow".into(), &200.into())
        );
    });
}

#[test]
fn one_read_at_a_time() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        let first = tokio::task::spawn_local({
            let rest = rest.clone();
            async move { rest.read().await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let refused = rest.try_read().await.unwrap_err();
        assert!(refused.to_string().contains("one read at a time"), "{refused}");
        peer.send("3\r\none\r\n").await;
        assert_eq!(first.await.unwrap().bytes, b"one");
        peer.send("3\r\ntwo\r\n0\r\n\r\n").await;
        assert_eq!(rest.all().await.0, b"two", "the refused read took nothing");
    });
}

#[test]
fn a_read_that_was_given_up_loses_nothing() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        let abandoned = tokio::task::spawn_local({
            let rest = rest.clone();
            async move { drop(rest.try_read().await) }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        abandoned.abort();
        tokio::time::sleep(Duration::from_millis(50)).await;
        peer.send("3\r\none\r\n0\r\n\r\n").await;
        assert_eq!(rest.all().await.0, b"one");
    });
}

#[test]
fn hints_before_and_trailers_after_a_stream_do_not_reach_the_script() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let head = format!("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n{CHUNKED}");
        let (rest, mut peer) = scene.begun(&opened, &head).await;
        peer.send("3\r\none\r\n0\r\nx-late: secret\r\n\r\n").await;
        let (bytes, last) = rest.all().await;
        assert_eq!((bytes.as_slice(), last.failure), (&b"one"[..], None));
    });
}

#[test]
fn the_body_of_a_redirect_is_not_waited_for() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        for ask in [get(scene.puppet.url("/")), get_stream(scene.puppet.url("/"))] {
            let moved = "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 1000\r\n\r\nsome";
            let served = async {
                let mut first = scene.puppet.answer(moved).await;
                let mut second = scene.puppet.accept().await;
                assert!(second.head().await.starts_with("GET /there "));
                second.send(reply("200 OK", "connection: close\r\n", "here")).await;
                first.closed().await;
            };
            let (outcome, ()) = tokio::join!(fetch(&opened.session, &ask), served);
            assert_eq!(outcome.body(), "here");
        }
    });
}

#[test]
fn replies_beyond_the_streams_of_a_run_come_whole() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let mut open = Vec::new();
        for _ in 0..STREAMS_OPEN_MAX {
            open.push(scene.begun(&opened, CHUNKED).await);
        }
        let ask = get_stream(scene.puppet.url("/"));
        let late = async {
            let mut peer = scene.puppet.answer(CHUNKED).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            peer.send("4\r\nlate\r\n0\r\n\r\n").await;
        };
        let (outcome, ()) = tokio::join!(fetch(&opened.session, &ask), late);
        assert!(outcome.body() == "late" && outcome.rest.is_none());
        let never = Ask { call_ms: 200, ..ask };
        let (outcome, _peer) = tokio::join!(fetch(&opened.session, &never), scene.puppet.answer(CHUNKED));
        let (kind, message) = outcome.failure();
        assert!(kind == Kind::Timeout && message.contains("32 replies of this run are still open"), "{message}");
        // One that has arrived and was not read keeps its place; read to its end, it leaves it to another.
        let (rest, mut peer) = open.pop().unwrap();
        peer.send("3\r\none\r\n0\r\n\r\n").await;
        // The connection is free for the next request as soon as the bridge has read the end.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let whole = async {
            peer.head().await;
            peer.send(format!("{CHUNKED}5\r\nwhole\r\n")).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            peer.send("0\r\n\r\n").await;
        };
        let ask = get_stream(scene.puppet.url("/"));
        let (outcome, ()) = tokio::join!(fetch(&opened.session, &ask), whole);
        assert!(outcome.body() == "whole" && outcome.rest.is_none());
        assert_eq!(rest.all().await.0, b"one");
        let answered = async {
            peer.head().await;
            peer.send(CHUNKED).await;
        };
        assert!(tokio::join!(fetch(&opened.session, &ask), answered).0.rest.is_some());
    });
}

#[test]
fn a_caller_that_takes_no_parts_gets_all_of_a_late_reply() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = get(scene.puppet.url("/"));
        let late = async {
            let mut peer = scene.puppet.answer(&format!("{CHUNKED}5\r\nfirst\r\n")).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            peer.send("6\r\nsecond\r\n0\r\n\r\n").await;
        };
        let (outcome, ()) = tokio::join!(fetch(&opened.session, &ask), late);
        assert!(outcome.body() == "firstsecond" && outcome.rest.is_none());
    });
}

#[test]
fn the_record_of_a_stream_says_what_it_came_to() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (rest, mut peer) = scene.begun(&opened, CHUNKED).await;
        let path = scene.bridge.folder.path().join("state/audit.jsonl");
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "not before the end");
        peer.send("a\r\n0123456789\r\n0\r\n\r\n").await;
        rest.all().await;
        let record = record_of(&scene.bridge).await;
        let expected = serde_json::json!({
            "tenant": "acme", "run": "run_1", "request_id": "request_1", "call": 1, "verdict": "allow", "rule": "api", "reason": "",
            "method": "GET", "url": scene.puppet.url("/"), "status": 200, "bytes_out": 0, "bytes_in": 10,
            "credentials": [], "redirects": 0, "ms": record["ms"], "time": record["time"],
        });
        assert_eq!(record, expected);
        assert!(record["ms"].as_f64().unwrap() >= 120.0, "{record}");
    });
}
