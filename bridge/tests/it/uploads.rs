//! In: requests whose bodies come in parts. Out: what the upstream saw of them, and when.
//! May touch: loopback.
//! Security boundary: no; holds the tests of upload and outgoing.

use crate::harness::peer::{Peer, Puppet};
use crate::harness::upstream::{ok, reply};
use crate::harness::*;
use mayfly_schemas::bridge_capnp::{failure::Kind, session};
use mayfly_schemas::limits::{BODY_PART_BYTES_MAX, UPLOAD_BYTES_MAX, UPLOADS_EARLY_MAX};
use std::time::{Duration, Instant};

struct Scene {
    puppet: Puppet,
    bridge: Bridge,
    token: String,
}

async fn scene() -> Scene {
    let puppet = Puppet::new().await;
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    setup.secret("key", "the-real-key-12345");
    let token = setup.tenant("acme", &with_credential(&puppet.url("/**")));
    Scene { puppet, bridge: setup.start(), token }
}

type Call = tokio::task::JoinHandle<Outcome>;

fn begin(session: &session::Client, ask: Ask) -> Call {
    let session = session.clone();
    tokio::task::spawn_local(async move { fetch(&session, &ask).await })
}

impl Scene {
    /// A call that has sent its head, and the connection that it came on.
    async fn begun(&self, session: &session::Client, ask: Ask) -> (Call, Peer, String) {
        let call = begin(session, ask);
        let mut peer = self.puppet.accept().await;
        let head = peer.head().await;
        (call, peer, head)
    }
}

#[test]
fn parts_go_out_as_they_come() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = post_upload(1, scene.puppet.url("/")).header("content-type", "text/plain");
        let (call, mut peer, head) = scene.begun(&opened.session, ask).await;
        assert!(head.starts_with("POST / HTTP/1.1\r\n") && head.contains("transfer-encoding: chunked\r\n"), "{head}");
        assert!(head.contains("authorization: Bearer the-real-key-12345\r\n") && !head.contains("content-length"));
        for part in ["one", "two", "three"] {
            assert!(upload(&opened.session, 1, part.as_bytes(), false).await);
            assert_eq!(peer.chunk().await, part.as_bytes());
        }
        assert!(upload(&opened.session, 1, b"last", true).await);
        assert_eq!(peer.chunks().await, b"last");
        peer.send(ok("done")).await;
        let outcome = call.await.unwrap();
        assert_eq!((outcome.body().as_str(), outcome.bytes_out), ("done", 15));
        // All of it was sent, so the connection is good for another.
        let again = begin(&opened.session, get(scene.puppet.url("/again")));
        assert!(peer.head().await.starts_with("GET /again "));
        peer.send(ok("again")).await;
        assert_eq!(again.await.unwrap().body(), "again");
        drop(opened);
        let audit = scene.bridge.stop();
        assert!(audit.lines().next().unwrap().contains("\"bytes_out\":15"), "{audit}");
    });
}

#[test]
fn an_empty_upload_is_an_empty_body() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        assert!(upload(&opened.session, 1, b"", false).await);
        assert!(upload(&opened.session, 1, b"", true).await);
        assert_eq!(peer.chunks().await, b"");
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().bytes_out, 0);
    });
}

#[test]
fn a_true_content_length_is_said_instead_of_chunks() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = post_upload(1, scene.puppet.url("/")).header("content-length", "6");
        let (call, mut peer, head) = scene.begun(&opened.session, ask).await;
        assert!(head.contains("content-length: 6\r\n") && !head.contains("transfer-encoding"), "{head}");
        assert!(upload(&opened.session, 1, b"one", false).await);
        assert_eq!(peer.read(3).await, b"one");
        assert!(upload(&opened.session, 1, b"two", false).await);
        assert!(upload(&opened.session, 1, b"", true).await);
        assert_eq!(peer.read(3).await, b"two");
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().bytes_out, 6);
        let ask = post_upload(2, scene.puppet.url("/")).header("content-length", "0");
        let call = begin(&opened.session, ask);
        assert!(peer.head().await.contains("content-length: 0\r\n"));
        assert!(upload(&opened.session, 2, b"", true).await);
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().bytes_out, 0);
    });
}

#[test]
fn a_content_length_that_lies_ends_the_call() {
    run(async {
        let longer: &[(&str, bool)] = &[("12345", false), ("6", false)];
        let at_once: &[(&str, bool)] = &[("123456", true)];
        let shorter: &[(&str, bool)] = &[("123", false), ("4", true)];
        for (parts, word) in [(longer, "longer"), (at_once, "longer"), (shorter, "shorter")] {
            let scene = scene().await;
            let opened = scene.bridge.session(&scene.token).await;
            let ask = post_upload(1, scene.puppet.url("/")).header("content-length", "5");
            let (call, mut peer, _) = scene.begun(&opened.session, ask).await;
            for (part, end) in parts {
                upload(&opened.session, 1, part.as_bytes(), *end).await;
            }
            let outcome = call.await.unwrap();
            let text =
                format!("the request body is {word} than the 5 bytes of its content-length header; leave it out");
            assert_eq!(outcome.failure(), (Kind::Usage, text.as_str()));
            let seen = peer.closed().await;
            assert!(seen.len() <= 5, "{seen:?}");
            assert!(!upload(&opened.session, 1, b"more", false).await);
        }
    });
}

#[test]
fn what_is_no_content_length_is_refused_before_anything_is_sent() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let too_large = (UPLOAD_BYTES_MAX + 1).to_string();
        for (n, value) in (1..).zip(["abc", "-1", "+5", "5, 5", "", "99999999999999999999", &too_large]) {
            let ask = post_upload(n, scene.puppet.url("/")).header("content-length", value);
            assert_eq!(fetch(&opened.session, &ask).await.failure().0, Kind::Usage, "{value}");
        }
        let twice = post_upload(8, scene.puppet.url("/")).header("content-length", "5").header("content-length", "5");
        assert_eq!(fetch(&opened.session, &twice).await.failure().0, Kind::Usage);
        assert!(scene.puppet.is_left_alone().await);
    });
}

#[test]
fn requests_that_can_have_no_such_body_are_refused() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let asks = [
            Ask { method: "GET", ..post_upload(1, scene.puppet.url("/")) },
            Ask { method: "HEAD", ..post_upload(2, scene.puppet.url("/")) },
            Ask { body: b"whole".to_vec(), ..post_upload(3, scene.puppet.url("/")) },
        ];
        for ask in asks {
            let outcome = fetch(&opened.session, &ask).await;
            assert_eq!(outcome.failure().0, Kind::Usage, "{outcome:?}");
            assert!(!upload(&opened.session, ask.call, b"part", false).await);
        }
        assert!(scene.puppet.is_left_alone().await);
    });
}

#[test]
fn parts_may_come_before_their_fetch() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let early = tokio::task::spawn_local({
            let session = opened.session.clone();
            async move { (upload(&session, 1, b"one", false).await, upload(&session, 1, b"two", true).await) }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        assert_eq!(peer.chunks().await, b"onetwo");
        assert_eq!(early.await.unwrap(), (true, true));
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().bytes_out, 6);
    });
}

#[test]
fn parts_that_belong_to_no_call_are_not_kept() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let part = vec![b'x'; BODY_PART_BYTES_MAX];
        let started = Instant::now();
        let mut parts = Vec::new();
        for call in 100..200 {
            let (session, part) = (opened.session.clone(), part.clone());
            parts.push(tokio::task::spawn_local(async move {
                (upload(&session, call, &part, false).await, started.elapsed())
            }));
        }
        let mut waited = 0;
        for part in parts {
            let (taken, after) = part.await.unwrap();
            assert!(!taken && after < Duration::from_secs(5), "{after:?}");
            waited += u32::from(after > Duration::from_millis(900));
        }
        // The others were told at once.
        assert_eq!(waited, UPLOADS_EARLY_MAX);
        assert!(!upload(&opened.session, 100, b"late", true).await, "its time is over");
    });
}

#[test]
fn parts_for_a_call_that_is_over_are_refused_at_once() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let denied = post_upload(1, format!("http://other.test:{}/", scene.puppet.port));
        assert_eq!(fetch(&opened.session, &denied).await.reason(), "no_rule");
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(2, scene.puppet.url("/"))).await;
        assert!(upload(&opened.session, 2, b"all", true).await);
        assert!(!upload(&opened.session, 2, b"after the end", false).await);
        assert_eq!(peer.chunks().await, b"all");
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().body(), "done");
        let started = Instant::now();
        for call in [1, 2] {
            assert!(!upload(&opened.session, call, b"late", false).await);
            assert!(!upload(&opened.session, call, b"", true).await);
        }
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    });
}

#[test]
fn a_number_has_one_upload() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        let second = fetch(&opened.session, &post_upload(1, scene.puppet.url("/"))).await;
        assert_eq!(second.failure(), (Kind::Usage, "call 1 has had an upload; give each call a number of its own"));
        assert!(upload(&opened.session, 1, b"mine", true).await);
        assert_eq!(peer.chunks().await, b"mine");
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().body(), "done");
    });
}

#[test]
fn a_script_waits_for_an_upstream_that_does_not_read() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = Ask { call_ms: 20_000, ..post_upload(1, scene.puppet.url("/")) };
        let (call, mut peer, _) = scene.begun(&opened.session, ask).await;
        let taken = std::rc::Rc::new(std::cell::Cell::new(0));
        let sending = tokio::task::spawn_local({
            let (session, taken) = (opened.session.clone(), taken.clone());
            async move {
                for n in 0..128 {
                    assert!(upload(&session, 1, &vec![n; BODY_PART_BYTES_MAX], n == 127).await);
                    taken.set(n + 1);
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The kernel's buffers on both sides take some megabytes; ours take two parts.
        assert!(taken.get() < 64, "{} parts of a quarter megabyte were taken", taken.get());
        let all = peer.chunks().await;
        assert_eq!(all.len(), 128 * BODY_PART_BYTES_MAX);
        assert!(all.chunks(BODY_PART_BYTES_MAX).zip(0..).all(|(part, n)| part.iter().all(|byte| *byte == n)));
        sending.await.unwrap();
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().bytes_out, 32 << 20);
    });
}

#[test]
fn an_upload_has_its_bounds() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        assert!(!upload(&opened.session, 1, &vec![0; BODY_PART_BYTES_MAX + 1], false).await);
        let outcome = call.await.unwrap();
        assert_eq!(outcome.failure(), (Kind::Usage, "a part of a body is above 262144 bytes; cut it"));
        peer.closed().await;
        // More at once than a sender that waits for its answers can have.
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(2, scene.puppet.url("/"))).await;
        let part = vec![0; BODY_PART_BYTES_MAX];
        let mut parts: Vec<_> = (0..200)
            .map(|_| {
                let (session, part) = (opened.session.clone(), part.clone());
                tokio::task::spawn_local(async move { upload(&session, 2, &part, false).await })
            })
            .collect();
        let outcome = call.await.unwrap();
        let (kind, message) = outcome.failure();
        assert!(kind == Kind::Usage && message.contains("more than 4 parts of a body at once"), "{message}");
        for part in parts.drain(..) {
            part.await.unwrap();
        }
        peer.closed().await;
    });
}

#[test]
fn an_upload_ends_at_its_limit() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = Ask { call_ms: 20_000, ..post_upload(1, scene.puppet.url("/")) };
        let (call, mut peer, _) = scene.begun(&opened.session, ask).await;
        let draining = tokio::task::spawn_local(async move { peer.closed().await.len() as u64 });
        let part = vec![0; BODY_PART_BYTES_MAX];
        let mut sent = 0;
        while upload(&opened.session, 1, &part, false).await {
            sent += part.len() as u64;
            assert!(sent <= UPLOAD_BYTES_MAX);
        }
        assert_eq!(sent, UPLOAD_BYTES_MAX);
        let outcome = call.await.unwrap();
        let text = "the request body is above 268435456 bytes; send it in several calls";
        assert_eq!(outcome.failure(), (Kind::Usage, text));
        assert!(draining.await.unwrap() > UPLOAD_BYTES_MAX / 2);
    });
}

#[test]
fn an_answer_before_the_end_of_the_upload_is_the_answer() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        assert!(upload(&opened.session, 1, b"one", false).await);
        assert_eq!(peer.chunk().await, b"one");
        peer.send(reply("413 Too Much", "", "enough")).await;
        let outcome = call.await.unwrap();
        assert_eq!((outcome.status(), outcome.body().as_str(), outcome.bytes_out), (413, "enough", 3));
        assert!(!upload(&opened.session, 1, b"two", false).await, "nobody wants the rest");
        assert_eq!(peer.closed().await, b"", "a body that is not whole must not look so");
    });
}

#[test]
fn an_upstream_that_answers_while_it_reads_is_read_and_fed_at_once() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let outcome = call.await.unwrap();
        // With line ends, because the tenant has a credential: see `secrets.rs`.
        for part in ["one\n", "two\n", "end"] {
            assert!(upload(&opened.session, 1, part.as_bytes(), false).await);
            assert_eq!(peer.chunk().await, part.as_bytes());
            if part == "end" {
                break;
            }
            peer.send(format!("{:x}\r\n{part}\r\n", part.len())).await;
            assert_eq!(outcome.rest().read().await.bytes, part.as_bytes());
        }
        assert!(upload(&opened.session, 1, b"", true).await);
        assert_eq!(peer.chunks().await, b"");
        peer.send("0\r\n\r\n").await;
        assert_eq!(outcome.rest().all().await.1.failure, None);
        drop(opened);
        assert!(scene.bridge.stop().contains("\"bytes_out\":11"), "four, four and three");
    });
}

#[test]
fn an_upload_that_goes_wrong_ends_the_stream_of_its_reply() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = post_upload(1, scene.puppet.url("/")).header("content-length", "5");
        let (call, mut peer, _) = scene.begun(&opened.session, ask).await;
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let outcome = call.await.unwrap();
        assert!(!upload(&opened.session, 1, b"too long", false).await);
        let (kind, message, _) = outcome.rest().all().await.1.failure.unwrap();
        assert!(kind == Kind::Usage && message.contains("longer than the 5 bytes"), "{message}");
        assert_eq!(peer.closed().await, b"");
    });
}

#[test]
fn a_stream_that_is_let_go_takes_its_upload_with_it() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        drop(call.await.unwrap());
        assert_eq!(peer.closed().await, b"");
        assert!(!upload(&opened.session, 1, b"rest", false).await);
    });
}

#[test]
fn a_redirect_that_needs_the_body_again_is_a_failure_and_a_303_is_followed() {
    run(async {
        for status in [301, 302, 307, 308] {
            let scene = scene().await;
            let opened = scene.bridge.session(&scene.token).await;
            let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
            assert!(upload(&opened.session, 1, b"all", true).await);
            peer.chunks().await;
            peer.send(reply(&format!("{status} Moved"), "location: /there\r\n", "")).await;
            let outcome = call.await.unwrap();
            let (kind, message) = outcome.failure();
            assert!(kind == Kind::Network && message.contains("needs the body again"), "{status}: {message}");
        }
        for end in [true, false] {
            let scene = scene().await;
            let opened = scene.bridge.session(&scene.token).await;
            let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
            assert!(upload(&opened.session, 1, b"all", end).await);
            assert_eq!(peer.chunk().await, b"all");
            peer.send(reply("303 See Other", "location: /there\r\n", "")).await;
            // A connection whose request is not whole is of no use for the next.
            let mut next = if end {
                peer.chunks().await;
                peer
            } else {
                scene.puppet.accept().await
            };
            let head = next.head().await;
            assert!(head.starts_with("GET /there ") && !head.contains("transfer-encoding"), "{head}");
            next.send(ok("there")).await;
            let outcome = call.await.unwrap();
            assert_eq!((outcome.body().as_str(), outcome.bytes_out), ("there", 3));
            assert!(!upload(&opened.session, 1, b"rest", false).await);
        }
    });
}

#[test]
fn a_run_that_ends_breaks_its_uploads_off() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        assert!(upload(&opened.session, 1, b"one", false).await);
        assert_eq!(peer.chunk().await, b"one");
        call.abort();
        let Opened { session, connection } = opened;
        drop(session);
        assert_eq!(peer.closed().await, b"", "no last chunk: the body is not whole");
        drop(connection);
        assert!(scene.bridge.stop().contains("\"verdict\":\"cancelled\""));
    });
}

#[test]
fn a_call_that_is_let_go_breaks_its_upload_off() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        call.abort();
        assert_eq!(peer.closed().await, b"");
        assert!(!upload(&opened.session, 1, b"rest", true).await);
    });
}

#[test]
fn an_upstream_that_closes_inside_an_upload_is_a_network_failure() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let (call, peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        drop(peer);
        while upload(&opened.session, 1, b"part", false).await {}
        assert_eq!(call.await.unwrap().failure().0, Kind::Network);
    });
}

#[test]
fn the_time_of_a_call_begins_anew_with_each_part() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let ask = Ask { call_ms: 400, ..post_upload(1, scene.puppet.url("/")) };
        let (call, mut peer, _) = scene.begun(&opened.session, ask.clone()).await;
        for n in 0..6 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert!(upload(&opened.session, 1, b"x", n == 5).await);
        }
        peer.chunks().await;
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().body(), "done");
        let slow = begin(&opened.session, Ask { call: 2, ..ask });
        peer.head().await;
        let outcome = slow.await.unwrap();
        assert_eq!(outcome.failure().0, Kind::Timeout);
        assert!((400_000..800_000).contains(&outcome.micros), "{}", outcome.micros);
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_an_upload_nothing() {
    run(async {
        let scene = scene().await;
        let opened = scene.bridge.session(&scene.token).await;
        let first = begin(&opened.session, get(scene.puppet.url("/")));
        let mut peer = scene.puppet.accept().await;
        peer.head().await;
        peer.send(ok("first")).await;
        assert_eq!(first.await.unwrap().body(), "first");
        drop(peer);
        let (call, mut peer, _) = scene.begun(&opened.session, post_upload(1, scene.puppet.url("/"))).await;
        assert!(upload(&opened.session, 1, b"all", true).await);
        assert_eq!(peer.chunks().await, b"all");
        peer.send(ok("done")).await;
        assert_eq!(call.await.unwrap().body(), "done");
    });
}
