//! In: a bucket, as its protocol has it. Out: large parts of runs lie in it, asked for with a signature.
//! May touch: the tests' PostgreSQL, loopback.
//! Security boundary: no.

use super::super::parked_cases::{NOW, place, row};
use super::{BOUNDS, options};
use crate::harness::postgres::{shared, sql};
use crate::harness::run;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mayfly_bridge::store::StoreError;
use mayfly_bridge::store::parked::{ParkedRuns, Row};
use mayfly_bridge::store::postgres::{Options, PostgresStore};
use mayfly_bridge::store::scripts::Bounds;
use mayfly_schemas::limits::STORE_OBJECT_BYTES_MIN;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Objects = Arc<Mutex<BTreeMap<String, Bytes>>>;

const DATE: &str = "2020-01-01T00:00:00.000Z";

/// As much of S3 as is used, in a thread: put, get, delete, list.
fn bucket() -> (u16, Objects) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let objects = Objects::default();
    let kept = objects.clone();
    std::thread::spawn(move || {
        run_for_ever(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let objects = kept.clone();
                let service = service_fn(move |request| answer(request, objects.clone()));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
    });
    (port, objects)
}

fn run_for_ever(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

async fn answer(request: Request<Incoming>, objects: Objects) -> Result<Response<Full<Bytes>>, Infallible> {
    let reply = |status: StatusCode, body: Bytes| {
        let reply = Response::builder()
            .status(status)
            .header("etag", "\"1\"")
            .header("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT");
        Ok(reply.body(Full::new(body)).unwrap())
    };
    let signature = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signature.contains("Credential=the-key/") || !signature.contains("/eu-test-1/s3/aws4_request") {
        return reply(StatusCode::FORBIDDEN, Bytes::from_static(b"<Error><Code>AccessDenied</Code></Error>"));
    }
    let (method, key) = (request.method().clone(), request.uri().path().to_owned());
    if method == Method::PUT {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        objects.lock().unwrap().insert(key, body);
        return reply(StatusCode::OK, Bytes::new());
    }
    let mut objects = objects.lock().unwrap();
    match (method, objects.get(&key).cloned()) {
        (Method::GET, Some(body)) => reply(StatusCode::OK, body),
        (Method::GET, None) if request.uri().query().is_some_and(|query| query.contains("list-type=2")) => {
            let entries = objects.iter().map(|(key, body)| {
                let (key, size) = (key.trim_start_matches("/bucket/"), body.len());
                format!("<Contents><Key>{key}</Key><LastModified>{DATE}</LastModified><Size>{size}</Size></Contents>")
            });
            let entries: String = entries.collect();
            reply(StatusCode::OK, format!("<ListBucketResult>{entries}</ListBucketResult>").into())
        }
        (Method::DELETE, _) => {
            objects.remove(&key);
            reply(StatusCode::NO_CONTENT, Bytes::new())
        }
        _ => reply(StatusCode::NOT_FOUND, Bytes::from_static(b"<Error><Code>NoSuchKey</Code></Error>")),
    }
}

fn large(run: &str) -> Row {
    Row { image: vec![7; STORE_OBJECT_BYTES_MIN], ..row("acme", run, 1) }
}

fn open(address: &str, endpoint: &str, key: &str) -> PostgresStore {
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-test-1"),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", "hunter2-of-the-bucket"),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let (objects, bounds) =
        (Some("s3://bucket/mayfly/state".to_owned()), Bounds { parked_bytes: 100_000_000, ..BOUNDS });
    PostgresStore::open(Options { objects, environment, bounds, ..options(address) }).unwrap()
}

#[test]
fn what_is_large_lies_in_the_bucket_while_a_row_names_it() {
    let Some(server) = shared() else { return };
    run(async {
        let (port, objects) = bucket();
        let (address, endpoint) = (server.database(), format!("http://127.0.0.1:{port}"));
        let store = open(&address, &endpoint, "the-key");
        for run in ["run_1", "run_2"] {
            store.park(large(run), 1, NOW).await.unwrap();
        }
        let keys: Vec<String> = objects.lock().unwrap().keys().cloned().collect();
        assert!(keys.len() == 2 && keys[0].starts_with("/bucket/mayfly/state/acme/run_1/"), "{keys:?}");
        assert_eq!(store.take(place("acme", "run_1"), 1, 7, NOW).await, Ok(large("run_1")));
        while objects.lock().unwrap().len() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sql(&address, "DELETE FROM mayfly.parked_runs WHERE run = 'run_2'");
        assert_eq!(store.sweep_objects(Duration::from_secs(3_600)).await, Ok(1));
        assert_eq!(objects.lock().unwrap().len(), 0);
        // One that is missing.
        store.park(large("run_3"), 1, NOW).await.unwrap();
        objects.lock().unwrap().clear();
        let missing = store.take(place("acme", "run_3"), 1, 7, NOW).await;
        assert!(matches!(missing, Err(StoreError::Corrupt(_))), "{missing:?}");
    });
}

#[test]
fn a_bucket_that_refuses_or_is_not_there_is_told_without_its_key() {
    let Some(server) = shared() else { return };
    run(async {
        let (port, objects) = bucket();
        let address = server.database();
        for (endpoint, key) in
            [(format!("http://127.0.0.1:{port}"), "another"), ("http://127.0.0.1:1".into(), "the-key")]
        {
            let store = open(&address, &endpoint, key);
            let refused = store.park(large("run_1"), 1, NOW).await.unwrap_err();
            assert!(matches!(&refused, StoreError::Unavailable(text) if !text.contains("hunter2")), "{refused}");
            // What is small needs none.
            store.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
            store.forget(place("acme", "run_1"), 1).await.unwrap();
        }
        assert_eq!(objects.lock().unwrap().len(), 0);
    });
}
