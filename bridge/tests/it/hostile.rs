//! In: upstreams that mean harm or are broken. Out: each call ends in its time, within its bounds, with our words.
//! May touch: loopback.
//! Security boundary: no; holds the tests of dial.

use crate::harness::upstream::{Upstream, read_request, reply};
use crate::harness::*;
use mayfly_schemas::bridge_capnp::failure::Kind;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

async fn outcome_of(serve: impl Fn(&mut TcpStream) + Send + Sync + 'static, change: impl FnOnce(&mut Ask)) -> Outcome {
    let upstream = Upstream::raw(move |mut stream, _| {
        read_request(&mut stream);
        serve(&mut stream);
    });
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
    let bridge = setup.start();
    let opened = bridge.session(&token).await;
    let mut ask = get(upstream.url("/"));
    change(&mut ask);
    let started = Instant::now();
    let outcome = fetch(&opened.session, &ask).await;
    assert!(started.elapsed() < Duration::from_secs(8), "took {:?}", started.elapsed());
    until("the connection is closed", || upstream.open() == 0).await;
    outcome
}

fn wait_for_close(stream: &mut TcpStream) {
    use std::io::Read;
    let _ = stream.read(&mut [0; 1]);
}

/// Writes until the other side has had enough.
fn pour(stream: &mut TcpStream, piece: &[u8]) {
    for _ in 0..100_000 {
        if stream.write_all(piece).is_err() {
            return;
        }
    }
}

#[test]
fn one_that_never_answers_ends_with_the_call_time() {
    run(async {
        let outcome = outcome_of(wait_for_close, |ask| ask.call_ms = 200).await;
        assert_eq!(
            outcome.failure(),
            (Kind::Timeout, "no reply within 200 ms; ask for less or raise the limit call_ms")
        );
        assert!((200_000..400_000).contains(&outcome.micros), "{}", outcome.micros);
    });
}

#[test]
fn one_that_drips_ends_with_the_call_time() {
    run(async {
        let drip = |stream: &mut TcpStream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let outcome = outcome_of(drip, |ask| ask.call_ms = 300).await;
        assert_eq!(outcome.failure().0, Kind::Timeout);
    });
}

#[test]
fn one_that_drips_headers_ends_with_the_call_time() {
    run(async {
        let drip = |stream: &mut TcpStream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(b"a: b\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        let outcome = outcome_of(drip, |ask| ask.call_ms = 300).await;
        assert_eq!(outcome.failure().0, Kind::Timeout);
    });
}

#[test]
fn early_hints_without_end_end_with_the_call_time() {
    run(async {
        let hints = |stream: &mut TcpStream| pour(stream, b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
        let outcome = outcome_of(hints, |ask| ask.call_ms = 300).await;
        assert!(matches!(outcome.failure().0, Kind::Timeout | Kind::Network));
    });
}

#[test]
fn one_hint_before_the_reply_is_passed_over() {
    run(async {
        let hint = |stream: &mut TcpStream| {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").unwrap();
            stream.write_all(&reply("200 OK", "connection: close\r\n", "x")).unwrap();
        };
        assert_eq!(outcome_of(hint, |_| {}).await.body(), "x");
    });
}

#[test]
fn replies_that_are_not_http_are_our_network_failure() {
    run(async {
        let replies: [&'static [u8]; 14] = [
            b"",
            b"garbage\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            b"HTTP/0.9 200\r\n\r\n",
            b"HTTP/9.9 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nna me: b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
        ];
        for bytes in replies {
            let outcome = outcome_of(move |stream| drop(stream.write_all(bytes)), |ask| ask.call_ms = 3_000).await;
            let (kind, message) = outcome.failure();
            assert_eq!(kind, Kind::Network, "{:?}", String::from_utf8_lossy(bytes));
            assert!(message.starts_with("api.test "), "{message}");
            assert!(!message.contains("garbage"), "{message}");
        }
    });
}

#[test]
fn a_connection_that_is_reset_is_our_network_failure() {
    run(async {
        // Closing with unread data makes the kernel send a reset.
        let upstream = Upstream::raw(|stream, _| drop(stream));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get(upstream.url("/"))).await;
        assert_eq!(outcome.failure().0, Kind::Network);
    });
}

#[test]
fn a_reply_above_the_limit_is_cut_off_while_it_arrives() {
    run(async {
        let limit = |ask: &mut Ask| ask.response_bytes = 1 << 20;
        let declared = |stream: &mut TcpStream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n");
            pour(stream, &[b'x'; 65536]);
        };
        let outcome = outcome_of(declared, limit).await;
        let expected = "the reply of api.test is above 1048576 bytes; ask for less of it";
        assert_eq!(outcome.failure(), (Kind::Network, expected));
        let endless = |stream: &mut TcpStream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            pour(stream, &[b'x'; 65536]);
        };
        assert_eq!(outcome_of(endless, limit).await.failure(), (Kind::Network, expected));
        let chunked = |stream: &mut TcpStream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            pour(stream, b"8\r\nabcdefgh\r\n");
        };
        assert_eq!(outcome_of(chunked, |ask| ask.response_bytes = 10_000).await.failure().0, Kind::Network);
    });
}

#[test]
fn a_reply_of_exactly_the_limit_arrives() {
    run(async {
        let exact = |stream: &mut TcpStream| {
            stream.write_all(&reply("200 OK", "connection: close\r\n", vec![b'x'; 1000])).unwrap();
        };
        assert_eq!(outcome_of(exact, |ask| ask.response_bytes = 1000).await.body().len(), 1000);
    });
}

#[test]
fn a_flood_of_headers_is_refused() {
    run(async {
        for (count, length) in [(129, 1), (100_000, 1), (100, 1_000), (1, 1 << 20)] {
            let flood = move |stream: &mut TcpStream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                for n in 0..count {
                    if write!(stream, "h{n}: {}\r\n", "v".repeat(length)).is_err() {
                        return;
                    }
                }
                let _ = stream.write_all(b"content-length: 0\r\n\r\n");
                wait_for_close(stream);
            };
            let outcome = outcome_of(flood, |_| {}).await;
            assert_eq!(outcome.failure().0, Kind::Network, "{count} x {length}: {outcome:?}");
        }
    });
}

#[test]
fn an_upgrade_nobody_asked_for_is_a_failure() {
    run(async {
        let upgrade = |stream: &mut TcpStream| {
            let _ = stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
        };
        assert_eq!(outcome_of(upgrade, |ask| ask.call_ms = 2_000).await.failure().0, Kind::Network);
    });
}

#[test]
fn trailers_and_connection_headers_do_not_reach_the_script() {
    run(async {
        let trailers = |stream: &mut TcpStream| {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\nconnection: close\r\nkeep-alive: 5\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(b"2\r\nok\r\n0\r\nx-late: secret\r\n\r\n").unwrap();
        };
        let outcome = outcome_of(trailers, |_| {}).await;
        let Got::Response { headers, body, .. } = &outcome.got else { panic!("{outcome:?}") };
        assert_eq!((headers.as_slice(), body.as_slice()), (&[][..], &b"ok"[..]));
    });
}

#[test]
fn nobody_listening_is_a_network_failure() {
    run(async {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut setup = Setup::new();
        let token = setup.tenant("acme", &allow_private("api", &format!("http://127.0.0.1:{port}/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get(format!("http://127.0.0.1:{port}/"))).await;
        assert_eq!(outcome.failure(), (Kind::Network, "127.0.0.1 accepts no connection; try again later"));
    });
}
