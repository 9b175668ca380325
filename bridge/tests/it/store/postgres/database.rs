//! In: a database that goes, comes back, is locked, is another one. Out: refusals that say so, in time, without a password.
//! May touch: PostgreSQL servers of the tests' own, loopback.
//! Security boundary: yes: holds the tests of passwords and TLS.

use super::super::parked_cases::{NOW, row};
use super::{current, open, options, put};
use crate::harness::log::log;
use crate::harness::postgres::{PASSWORD, Server, shared, sql};
use crate::harness::run;
use mayfly_bridge::store::StoreError;
use mayfly_bridge::store::parked::ParkedRuns;
use mayfly_bridge::store::postgres::{Options, PostgresStore};
use mayfly_schemas::limits::{STORE_BUSY_MS, STORE_QUEUE_MAX, STORE_WAIT_MS};
use std::time::{Duration, Instant};

#[test]
fn a_database_that_is_killed_is_told_and_works_again_without_a_restart() {
    let Some(mut server) = Server::start() else { return };
    run(async {
        let store = open(&server.database());
        put(&store, "hello", "1").await.unwrap();
        server.kill();
        for _ in 0..3 {
            let began = Instant::now();
            for refused in [put(&store, "hello", "2").await.unwrap_err(), current(&store, "hello").await.unwrap_err()] {
                assert!(matches!(&refused, StoreError::Unavailable(_)), "{refused}");
                assert!(!refused.to_string().contains(PASSWORD));
            }
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        }
        server.up();
        assert_eq!(current(&store, "hello").await, Ok(Some(1)));
        assert_eq!(put(&store, "hello", "2").await, Ok(2));
        // In the middle of many.
        let writes = (0..40).map(|number| {
            let store = &store;
            async move { (number, put(store, &format!("s{}", number % 4), &format!("{number}")).await) }
        });
        let kill = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            server.kill();
            server.up();
        };
        let (results, ()) = futures::future::join(futures::future::join_all(writes), kill).await;
        for (number, result) in results {
            let Ok(version) = result else { continue };
            let at = super::super::key("acme", &format!("s{}", number % 4));
            let oldest = mayfly_bridge::store::scripts::Scripts::versions(&store, at, None, 99).await.unwrap();
            let kept = oldest.iter().any(|info| info.version == version) || oldest.len() == 5;
            assert!(kept, "{number} was acknowledged as {version}");
        }
    });
}

#[test]
fn a_database_that_is_not_there_at_the_start_is_found_later() {
    let Some(mut server) = Server::start() else { return };
    run(async {
        let address = server.database();
        server.kill();
        let store = open(&address);
        assert!(matches!(put(&store, "hello", "1").await, Err(StoreError::Unavailable(_))));
        server.up();
        assert_eq!(put(&store, "hello", "1").await, Ok(1));
    });
}

#[test]
fn a_schema_of_something_else_or_of_a_newer_version_is_refused() {
    let Some(server) = shared() else { return };
    for (prepare, words) in [
        ("CREATE SCHEMA mayfly; CREATE TABLE mayfly.theirs (a INT)", "its schema `mayfly` is that of something else"),
        (
            "CREATE SCHEMA mayfly; CREATE TABLE mayfly.schema_version (version INT, applied_at TIMESTAMPTZ);
             INSERT INTO mayfly.schema_version VALUES (99, now())",
            "schema 99, made by a newer Mayfly",
        ),
    ] {
        run(async {
            let address = server.database();
            sql(&address, prepare);
            let refused = put(&open(&address), "hello", "1").await.unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
            let tables = sql(&address, "SELECT count(*) FROM pg_tables WHERE schemaname = 'mayfly'");
            assert_eq!(tables.concat(), ["1"], "it was written to");
        });
    }
}

#[test]
fn a_text_that_was_overwritten_is_not_run_and_the_rest_goes_on() {
    let Some(server) = shared() else { return };
    run(async {
        let address = server.database();
        let store = open(&address);
        put(&store, "a", "1").await.unwrap();
        put(&store, "b", "2").await.unwrap();
        sql(
            &address,
            "UPDATE mayfly.script_contents SET modules = '{\"main.ts\": \"evil\"}' WHERE digest =
            (SELECT digest FROM mayfly.script_versions WHERE name = 'a')",
        );
        let text = async |name: &str| {
            use mayfly_bridge::store::scripts::Scripts;
            let info = store.info(super::super::key("acme", name), None).await.unwrap().unwrap();
            store.content("acme".into(), info.digest).await
        };
        assert!(matches!(text("a").await, Err(StoreError::Corrupt(_))));
        assert!(text("b").await.unwrap().is_some());
    });
}

#[test]
fn a_locked_row_is_waited_for_and_not_for_ever() {
    let Some(server) = shared() else { return };
    run(async {
        let address = server.database();
        let store = open(&address);
        put(&store, "hello", "1").await.unwrap();
        let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
        tokio::task::spawn_local(connection);
        client.batch_execute("BEGIN; SELECT * FROM mayfly.script_tenants FOR UPDATE").await.unwrap();
        let began = Instant::now();
        let refused = put(&store, "hello", "2").await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("another process")), "{refused}");
        assert!(began.elapsed() < Duration::from_millis(2 * STORE_BUSY_MS), "{:?}", began.elapsed());
        assert_eq!(current(&store, "hello").await, Ok(Some(1)), "readers go on");
        store.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
        // Far more than may wait is refused at once.
        let writes = futures::future::join_all((0..2 * STORE_QUEUE_MAX).map(|_| put(&store, "hello", "3")));
        let release = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            client.batch_execute("ROLLBACK").await.unwrap();
        };
        let (results, ()) = futures::future::join(writes, release).await;
        let refused = results.iter().filter(|result| **result == Err(StoreError::Overloaded)).count();
        let stored = results.iter().filter(|result| **result == Ok(2)).count();
        assert!(refused > 0 && stored >= STORE_QUEUE_MAX && refused + stored == results.len(), "{refused} {stored}");
    });
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time_and_no_password_is_told() {
    let log = log();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    run(async {
        let addresses = [
            format!("postgres://u:{PASSWORD}@127.0.0.1:{port}/db"),
            format!("postgres://u:{PASSWORD}@127.0.0.1:1/db"),
            format!("postgres://u:{PASSWORD}@%2Fnowhere%2F{PASSWORD}x/db").replace(&format!("{PASSWORD}x"), "x"),
        ];
        let wrong = shared().map(|server| server.address("postgres").replace(PASSWORD, "another-hunter2"));
        for address in addresses.into_iter().chain(wrong) {
            let began = Instant::now();
            let store = open(&address);
            let refused = put(&store, "hello", "1").await.unwrap_err();
            assert!(matches!(&refused, StoreError::Unavailable(_)), "{refused}");
            assert!(began.elapsed() < Duration::from_millis(STORE_WAIT_MS + 1_000), "{:?}", began.elapsed());
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    });
    let text = log.text();
    assert!(text.contains("database=127.0.0.1/db") && text.contains("not available"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_server_is_spoken_to_over_tls_when_it_proves_who_it_is() {
    let Some(mut server) = Server::start() else { return };
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let files = [("server.crt", &*certificate.pem()), ("server.key", &*key.serialize_pem())];
    server.configure(&files, &["ssl = on", "listen_addresses = '127.0.0.1'"]);
    let port = server.port;
    run(async {
        let address = |host: &str| format!("postgres://mayfly:{PASSWORD}@{host}:{port}/postgres?sslmode=require");
        let known = |host: &str| Options { roots: vec![certificate.der().clone()], ..options(&address(host)) };
        let store = PostgresStore::open(known("localhost")).unwrap();
        assert_eq!(put(&store, "hello", "1").await, Ok(1));
        for stranger in [options(&address("localhost")), known("127.0.0.1")] {
            let refused = put(&PostgresStore::open(stranger).unwrap(), "hello", "1").await.unwrap_err();
            assert!(refused.to_string().contains("certificate"), "{refused}");
        }
    });
}
