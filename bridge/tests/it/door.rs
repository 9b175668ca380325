//! In: tokens good and bad, floods, and messages that are none. Out: sessions, refusals, and a bridge that lives on.
//! May touch: loopback and temporary folders.
//! Security boundary: no; holds the tests of door, quota, reload and server.

use crate::harness::upstream::{Upstream, ok};
use crate::harness::*;
use mayfly_bridge::{ExtraToken, Role, new_token};
use mayfly_schemas::bridge_capnp::{failure, refusal::Kind, reply};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn an_unknown_token_opens_nothing() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", "");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let (long, cut) = ("x".repeat(100_000), &token[1..]);
        for wrong in ["", "mf_", "x", cut, &format!("{token} "), &token.to_uppercase(), &new_token().0, &long] {
            let refused = connection.open(wrong).await.err().unwrap();
            assert_eq!((refused.kind, refused.retry_after_ms), (Kind::Unauthorized, 0));
            assert!(!refused.detail.contains("mf_"), "{}", refused.detail);
        }
        assert!(connection.open(&token).await.is_ok());
    });
}

#[test]
fn a_role_that_only_reads_may_not_run() {
    run(async {
        for (role, may) in [("runner", true), ("deployer", true), ("admin", true), ("auditor", false)] {
            let (token, text) = tenant_file("acme", "");
            let setup = Setup::new();
            setup.write("acme", &text.replace("runner", role));
            let bridge = setup.start();
            let opened = bridge.connect().await.open(&token).await;
            assert_eq!(opened.err().map(|refused| refused.kind), (!may).then_some(Kind::Forbidden), "{role}");
        }
    });
}

#[test]
fn an_admission_says_what_a_run_may_use() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", "[limits]\nmemory_mib = 32\ncpu_ms = 20000\nwall_ms = 5000\n");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let mut request = connection.bridge.open_request();
        request.get().init_ask().set_token(token.as_bytes());
        let answer = request.send().promise.await.unwrap();
        let answer = answer.get().unwrap().get_answer().unwrap();
        let mayfly_schemas::bridge_capnp::open_answer::Admitted(admission) = answer.which().unwrap() else { panic!() };
        let admission = admission.unwrap();
        assert_eq!(admission.get_tenant().unwrap(), "acme");
        assert_eq!(admission.get_role().unwrap(), "runner");
        let (ceilings, defaults) = (admission.get_ceilings().unwrap(), admission.get_defaults().unwrap());
        assert_eq!((ceilings.get_memory_mib(), ceilings.get_cpu_ms(), ceilings.get_wall_ms()), (32, 20_000, 5_000));
        assert_eq!((defaults.get_memory_mib(), defaults.get_cpu_ms(), defaults.get_wall_ms()), (32, 1_000, 5_000));
        assert!(admission.get_policy_generation() >= 1);
    });
}

#[test]
fn runs_in_flight_are_counted_and_freed() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", "[limits]\nruns_in_flight = 3\n");
        let other = setup.tenant("other", "");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let mut sessions = Vec::new();
        for _ in 0..3 {
            sessions.push(connection.open(&token).await.unwrap());
        }
        let refused = connection.open(&token).await.err().unwrap();
        assert_eq!(refused.kind, Kind::Quota);
        assert_eq!(refused.detail, "tenant \"acme\" is at its limit runs_in_flight = 3; try again later");
        assert!(refused.retry_after_ms > 0);
        assert!(connection.open(&other).await.is_ok(), "another tenant has its own");
        sessions.pop();
        let started = Instant::now();
        while connection.open(&token).await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(5));
        }
        // A connection that goes takes its sessions along.
        drop((sessions, connection));
        let connection = bridge.connect().await;
        while connection.status().await.1 > 0 {
            assert!(started.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn runs_per_minute_are_counted() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", "[limits]\nruns_per_minute = 600\nruns_in_flight = 1000\n");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let mut opened = 0;
        let refused = loop {
            match connection.open(&token).await {
                Ok(_) => opened += 1,
                Err(refused) => break refused,
            }
        };
        // A burst of a tenth of a minute's runs, and what 600 a minute give during the test.
        assert!((60..80).contains(&opened), "{opened}");
        assert_eq!(refused.kind, Kind::Quota);
        assert!((1..=100).contains(&refused.retry_after_ms), "{}", refused.retry_after_ms);
        tokio::time::sleep(Duration::from_millis(refused.retry_after_ms + 5)).await;
        assert!(connection.open(&token).await.is_ok());
    });
}

#[test]
fn calls_of_one_run_have_a_ceiling() {
    run(async {
        let upstream = Upstream::http(|_| {
            std::thread::sleep(Duration::from_millis(100));
            ok("x")
        });
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let limits = "[limits]\ncalls = 6\ncalls_in_flight = 2\n";
        let token = setup.tenant("acme", &(allow_private("api", &upstream.url("/**")) + limits));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let ask = get(upstream.url("/"));
        let outcomes = futures::future::join_all((0..5).map(|_| fetch(&opened.session, &ask))).await;
        let refused = outcomes.iter().filter(|outcome| matches!(outcome.got, Got::Failure { .. })).count();
        assert_eq!(refused, 3, "two at once");
        assert_eq!(fetch(&opened.session, &ask).await.status(), 200);
        assert_eq!(fetch(&opened.session, &ask).await.reason(), "too_many_calls");
    });
}

#[test]
fn a_call_pipelined_on_open_works_and_on_a_refusal_fails() {
    run(async {
        let upstream = Upstream::http(|_| ok("x"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let connection = bridge.connect().await;
        for (token, works) in [(token.as_str(), true), ("wrong", false)] {
            let mut request = connection.bridge.open_request();
            request.get().init_ask().set_token(token.as_bytes());
            let session = request.send().pipeline.get_session();
            assert_eq!(send(&session, &get(upstream.url("/"))).await.is_ok(), works);
        }
    });
}

#[test]
fn a_tool_call_says_that_there_are_none_yet() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", "");
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let mut request = opened.session.call_request();
        let mut ask = request.get().init_ask();
        ask.set_tool("github.repos.get");
        ask.set_args("{}");
        let answer = request.send().promise.await.unwrap();
        let reply::Failure(failure) = answer.get().unwrap().get_reply().unwrap().which().unwrap() else { panic!() };
        let failure = failure.unwrap();
        assert_eq!(failure.get_kind().unwrap(), failure::Kind::Tool);
        assert!(failure.get_message().unwrap().to_str().unwrap().starts_with("there is no tool `github.repos.get`"));
    });
}

#[test]
fn a_changed_tenant_file_holds_for_the_next_call() {
    run(async {
        let upstream = Upstream::http(|_| ok("x"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let (token, base) = tenant_file("acme", "");
        let rule = allow_private("api", &upstream.url("/**"));
        setup.write("acme", &(base.clone() + &rule));
        let settings = setup.settings.clone();
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let ask = get(upstream.url("/"));
        assert_eq!(fetch(&opened.session, &ask).await.status(), 200);
        // Taken away: the open session loses it too.
        write_tenant(&settings, "acme", &base);
        let started = Instant::now();
        while !matches!(fetch(&opened.session, &ask).await.got, Got::Failure { .. }) {
            assert!(started.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(fetch(&opened.session, &ask).await.reason(), "no_rule");
        // Broken: the last good one stays, and status says what is wrong.
        write_tenant(&settings, "acme", "tenant = \"acme\"\n[[rule]]\nalow = \"x\"\n");
        let connection = bridge.connect().await;
        while connection.status().await.2.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (tenants, _, errors) = connection.status().await;
        assert_eq!(tenants, 1);
        assert!(
            errors.iter().any(|error| error.contains("acme.toml:3: unknown key `alow`\n  hint: did you mean `allow`?")),
            "{errors:?}"
        );
        assert_eq!(fetch(&opened.session, &ask).await.reason(), "no_rule");
        // Good again.
        write_tenant(&settings, "acme", &(base + &rule));
        while !matches!(fetch(&opened.session, &ask).await.got, Got::Response { .. }) {
            assert!(started.elapsed() < Duration::from_secs(15));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The folder is away for a while, as when it is mounted anew: nothing changes but the status.
        let (folder, away) = (bridge.tenants(), bridge.folder.path().join("away"));
        std::fs::rename(&folder, &away).unwrap();
        while connection.status().await.2.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(fetch(&opened.session, &ask).await.status(), 200);
        std::fs::rename(&away, &folder).unwrap();
        while !connection.status().await.2.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Gone: so is the token.
        std::fs::remove_file(bridge.tenants().join("acme.toml")).unwrap();
        while connection.open(&token).await.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(fetch(&opened.session, &ask).await.reason(), "no_rule");
    });
}

#[test]
fn a_rotated_credential_file_is_picked_up() {
    run(async {
        let upstream = Upstream::http(|_| ok("x"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        setup.secret("key", "first-key-1");
        let token = setup.tenant("acme", &with_credential(&upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        fetch(&opened.session, &get(upstream.url("/"))).await;
        std::fs::write(bridge.tenants().join("key"), "second-key-2").unwrap();
        let started = Instant::now();
        while !upstream.requests().last().unwrap().contains("second-key-2") {
            assert!(started.elapsed() < Duration::from_secs(5));
            fetch(&opened.session, &get(upstream.url("/"))).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(upstream.requests()[0].contains("first-key-1"));
    });
}

#[test]
fn a_tenant_given_as_text_and_a_token_made_for_one_run_work() {
    run(async {
        let mut setup = Setup::new();
        setup.inline("local", "");
        let (token, sha256) = new_token();
        setup.settings.tokens.push(ExtraToken { tenant: "local".into(), sha256, role: Role::Runner });
        // As the parent hands it to its child.
        let json = serde_json::to_string(&setup.settings).unwrap();
        setup.settings = serde_json::from_str(&json).unwrap();
        let bridge = setup.start();
        let connection = bridge.connect().await;
        assert!(connection.open(&token).await.is_ok());
        assert_eq!(connection.status().await.0, 1);
        let mut request = connection.bridge.explain_request();
        request.get().set_tenant("local");
        request.get().set_method("GET");
        request.get().set_url("http://127.0.0.1/");
        let verdict = request.send().promise.await.unwrap();
        let verdict = verdict.get().unwrap().get_verdict().unwrap();
        assert!(!verdict.get_allowed());
        assert!(verdict.get_reason().unwrap().to_str().unwrap().starts_with("no rule of tenant \"local\" allows"));
    });
}

#[test]
fn what_is_no_message_ends_its_own_connection_only() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", "");
        let bridge = setup.start();
        let good = bridge.connect().await;
        let session = good.open(&token).await.unwrap();
        let huge = |words: u32| [0_u32.to_le_bytes(), words.to_le_bytes()].concat();
        let mut segments = 600_u32.to_le_bytes().to_vec();
        segments.extend([0; 2404]);
        // A message with a struct pointer far outside of it.
        let wild = [&huge(1)[..], &0xffff_fffc_ffff_fffc_u64.to_le_bytes()].concat();
        for bytes in [
            vec![0xff; 64],
            huge(u32::MAX),
            huge((12 << 20) / 8 + 1),
            segments,
            wild,
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        ] {
            let mut stream = std::os::unix::net::UnixStream::connect(bridge.socket()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
            stream.write_all(&bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let ended = stream.read_to_end(&mut Vec::new());
            assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
        }
        assert_eq!(fetch(&session, &get("http://x/")).await.reason(), "no_rule");
        assert!(bridge.connect().await.open(&token).await.is_ok());
    });
}

#[test]
fn stopping_ends_calls_in_flight() {
    run(async {
        let upstream = Upstream::raw(|mut stream, seen| {
            crate::harness::upstream::read_request(&mut stream);
            seen.lock().unwrap().push("asked".into());
            let _ = stream.read(&mut [0; 1]);
        });
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let call = tokio::task::spawn_local({
            let (session, ask) = (opened.session.clone(), get(upstream.url("/")));
            async move { send(&session, &ask).await.is_err() }
        });
        until("the upstream was asked", || !upstream.requests().is_empty()).await;
        let started = Instant::now();
        let audit = tokio::task::spawn_blocking(move || bridge.stop()).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(2));
        assert!(call.await.unwrap(), "the call failed");
        assert!(audit.contains("cancelled"), "{audit}");
        assert_eq!(upstream.open(), 0);
    });
}

#[test]
fn a_panic_in_a_call_fails_that_call_only() {
    run(async {
        let upstream = Upstream::http(|_| ok("x"));
        let mut setup = Setup::new();
        setup.lookup(|name| match name {
            "panic.test" => panic!("on purpose"),
            _ => Ok(Some(vec!["127.0.0.1".parse().unwrap()])),
        });
        let rules = allow_private("api", &upstream.url("/**")) + &allow_private("panic", "http://panic.test/**");
        let token = setup.tenant("acme", &rules);
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        assert!(send(&opened.session, &get("http://panic.test/")).await.is_err());
        assert_eq!(fetch(&opened.session, &get(upstream.url("/"))).await.body(), "x");
        drop(opened);
        assert!(bridge.stop().contains("\"verdict\":\"cancelled\""));
    });
}
