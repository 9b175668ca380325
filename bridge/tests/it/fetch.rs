//! In: fetches that are allowed. Out: their replies, and what the upstream saw. May touch: loopback.
//! Security boundary: no.

use crate::harness::upstream::{self, Upstream, ok};
use crate::harness::*;
use mayfly_schemas::bridge_capnp::{failure, reply};

fn bridge_to(upstream: &Upstream) -> (Bridge, String) {
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
    (setup.start(), token)
}

#[test]
fn a_fetch_returns_what_the_upstream_said() {
    run(async {
        let upstream = Upstream::http(|_| upstream::reply("201 Made", "x-one: 1\r\nset-cookie: a=b\r\n", "hello"));
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get(upstream.url("/a?b=c#d"))).await;
        let Got::Response { status, text, headers, url, redirected, body } = &outcome.got else {
            panic!("{outcome:?}")
        };
        assert_eq!((*status, text.as_str(), body.as_slice()), (201, "Made", &b"hello"[..]));
        assert_eq!(*url, upstream.url("/a?b=c"));
        assert!(!redirected);
        assert!(
            headers.contains(&("x-one".into(), "1".into())) && headers.contains(&("set-cookie".into(), "a=b".into()))
        );
        assert!(outcome.allowed);
        assert_eq!((outcome.rule.as_str(), outcome.bytes_in, outcome.bytes_out), ("api", 5, 0));
        assert_eq!(outcome.record_url, upstream.url("/a"));
        assert!(upstream.requests()[0].starts_with("GET /a?b=c HTTP/1.1\r\n"));
    });
}

#[test]
fn a_body_is_sent_with_its_length_and_counted() {
    run(async {
        let upstream = Upstream::http(|_| ok("done"));
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        let ask = Ask { method: "POST", body: b"{\"a\":1}".to_vec(), ..get(upstream.url("/")) };
        let outcome = fetch(&opened.session, &ask.header("content-type", "application/json")).await;
        assert_eq!((outcome.body().as_str(), outcome.bytes_out), ("done", 7));
        let request = upstream.requests().remove(0);
        assert!(request.contains("content-length: 7\r\n") && request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
        assert!(request.contains("content-type: application/json\r\n"));
    });
}

#[test]
fn calls_one_after_another_share_a_connection() {
    run(async {
        let upstream = Upstream::http(|_| ok("x"));
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        for _ in 0..20 {
            assert_eq!(fetch(&opened.session, &get(upstream.url("/"))).await.status(), 200);
        }
        assert_eq!(upstream.count(), 1);
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced_without_a_word() {
    run(async {
        let upstream = Upstream::raw(|mut stream, _| {
            use std::io::Write;
            if crate::harness::upstream::read_request(&mut stream).is_some() {
                stream.write_all(&ok("x")).unwrap();
            }
        });
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        for _ in 0..5 {
            assert_eq!(fetch(&opened.session, &get(upstream.url("/"))).await.status(), 200);
            until("the upstream has closed", || upstream.open() == 0).await;
        }
        assert_eq!(upstream.count(), 5);
    });
}

#[test]
fn tenants_do_not_share_connections() {
    run(async {
        let upstream = Upstream::http(|_| ok("x"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let one = setup.tenant("one", &allow_private("api", &upstream.url("/**")));
        let two = setup.tenant("two", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        // On one connection, so on one thread of the bridge.
        let connection = bridge.connect().await;
        let (one, two) = (connection.open(&one).await.unwrap(), connection.open(&two).await.unwrap());
        for _ in 0..5 {
            fetch(&one, &get(upstream.url("/"))).await.status();
            fetch(&two, &get(upstream.url("/"))).await.status();
        }
        assert_eq!(upstream.count(), 2);
    });
}

#[test]
fn a_name_that_moves_does_not_keep_its_connection() {
    run(async {
        let upstream = Upstream::http(|_| ok("x"));
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let mut setup = Setup::new();
        setup.lookup(move |_| {
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            // The second answer is an address of this machine too, but not the one the connection goes to.
            Ok(Some(vec![if call == 0 { "127.0.0.1" } else { "127.0.0.2" }.parse().unwrap()]))
        });
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        assert_eq!(fetch(&opened.session, &get(upstream.url("/"))).await.status(), 200);
        // Nobody listens at 127.0.0.2.
        let outcome = fetch(&opened.session, &get(upstream.url("/"))).await;
        assert_eq!(outcome.failure().0, failure::Kind::Network);
    });
}

#[test]
fn ten_calls_at_once_all_arrive() {
    run(async {
        let upstream = Upstream::http(|request| ok(request.split(' ').nth(1).unwrap()));
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        let asks: Vec<Ask> = (0..10).map(|n| get(upstream.url(&format!("/{n}")))).collect();
        let outcomes = futures::future::join_all(asks.iter().map(|ask| fetch(&opened.session, ask))).await;
        for (n, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.body(), format!("/{n}"));
        }
    });
}

#[test]
fn a_connection_that_is_dropped_takes_its_upstream_call_with_it() {
    run(async {
        let upstream = Upstream::raw(|mut stream, seen| {
            use std::io::Read;
            crate::harness::upstream::read_request(&mut stream);
            seen.lock().unwrap().push("asked".into());
            // Never answers; ends when the bridge closes.
            let _ = stream.read(&mut [0; 1]);
        });
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        let call = tokio::task::spawn_local({
            let (session, ask) = (opened.session.clone(), get(upstream.url("/slow")));
            async move { drop(send(&session, &ask).await) }
        });
        until("the upstream was asked", || !upstream.requests().is_empty()).await;
        call.abort();
        drop(opened);
        until("the upstream connection is closed", || upstream.open() == 0).await;
        let other = bridge.connect().await;
        while other.status().await.1 > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(bridge.stop().contains("\"verdict\":\"cancelled\""));
    });
}

#[test]
fn a_call_that_is_let_go_closes_its_upstream_while_the_session_goes_on() {
    run(async {
        let upstream = Upstream::raw(|mut stream, seen| {
            use std::io::{Read, Write};
            let request = crate::harness::upstream::read_request(&mut stream).unwrap_or_default();
            seen.lock().unwrap().push(request.clone());
            if request.starts_with("GET /slow") {
                let _ = stream.read(&mut [0; 1]);
            } else {
                let _ = stream.write_all(&ok("x"));
            }
        });
        let (bridge, token) = bridge_to(&upstream);
        let opened = bridge.session(&token).await;
        let call = tokio::task::spawn_local({
            let (session, ask) = (opened.session.clone(), get(upstream.url("/slow")));
            async move { drop(send(&session, &ask).await) }
        });
        until("the upstream was asked", || !upstream.requests().is_empty()).await;
        call.abort();
        until("the upstream connection is closed", || upstream.open() == 0).await;
        assert_eq!(fetch(&opened.session, &get(upstream.url("/"))).await.status(), 200);
    });
}

#[test]
fn a_released_session_ends_its_calls() {
    run(async {
        let upstream = Upstream::raw(|mut stream, seen| {
            use std::io::Read;
            crate::harness::upstream::read_request(&mut stream);
            seen.lock().unwrap().push("asked".into());
            let _ = stream.read(&mut [0; 1]);
        });
        let (bridge, token) = bridge_to(&upstream);
        let connection = bridge.connect().await;
        let session = connection.open(&token).await.unwrap();
        let mut request = session.fetch_request();
        let mut ask = request.get().init_ask();
        ask.set_method("GET");
        ask.set_url(upstream.url("/slow"));
        ask.set_call_ms(30_000);
        ask.set_response_bytes(100);
        let call = request.send();
        until("the upstream was asked", || !upstream.requests().is_empty()).await;
        drop(session);
        let reply = call.promise.await.unwrap();
        let reply::Failure(failure) = reply.get().unwrap().get_reply().unwrap().which().unwrap() else { panic!() };
        assert_eq!(failure.unwrap().get_message().unwrap(), "the run ended before its call did");
        until("the upstream connection is closed", || upstream.open() == 0).await;
    });
}
