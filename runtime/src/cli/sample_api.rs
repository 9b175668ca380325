//! In: requests with a bearer token. Out: an orders service: some data, some latency, one endpoint worth forbidding.
//! May touch: one listening socket on loopback.
//! Security boundary: no. It stands for somebody's API in the demo and in the examples.

use super::failure::Failure;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;

type Reply = Response<Full<Bytes>>;

/// Serves until the process ends.
pub async fn serve(listener: std::net::TcpListener, key: String) -> Result<(), Failure> {
    let fault = |error: std::io::Error| Failure::fault("the sample API", error);
    listener.set_nonblocking(true).map_err(fault)?;
    let listener = TcpListener::from_std(listener).map_err(fault)?;
    let authorization: std::sync::Arc<str> = format!("Bearer {key}").into();
    loop {
        let (stream, _) = listener.accept().await.map_err(fault)?;
        let _ = stream.set_nodelay(true);
        let authorization = authorization.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| answer(authorization.clone(), request));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(authorization: std::sync::Arc<str>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let given = request.headers().get("authorization").map(|value| value.as_bytes());
    if given != Some(authorization.as_bytes()) {
        return Ok(reply(StatusCode::UNAUTHORIZED, json!({ "error": "send a bearer token" })));
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let page = query_number(request.uri().query(), "page").unwrap_or(1);
    let (latency_ms, status, body) = match (&method, path.as_str()) {
        (&Method::GET, "/products") => (8, StatusCode::OK, products()),
        (&Method::GET, "/orders") => (12, StatusCode::OK, orders(page)),
        (&Method::POST, "/shipping/quotes") => (15, StatusCode::OK, quote(request).await),
        (&Method::GET, path) if path.starts_with("/slow/") => (50, StatusCode::OK, json!({ "path": path })),
        (&Method::DELETE, path) if path.starts_with("/orders/") => (5, StatusCode::OK, json!({ "deleted": path })),
        _ => (1, StatusCode::NOT_FOUND, json!({ "error": "there is nothing here" })),
    };
    tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    Ok(reply(status, body))
}

fn reply(status: StatusCode, body: Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_string())));
    *reply.status_mut() = status;
    reply.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    reply
}

fn query_number(query: Option<&str>, name: &str) -> Option<u64> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name)?.1.parse().ok()
}

fn products() -> Value {
    json!([
        { "sku": "net", "name": "Butterfly net", "price_cents": 1_950, "weight_g": 420, "stock": 12 },
        { "sku": "jar", "name": "Glass jar", "price_cents": 590, "weight_g": 310, "stock": 200 },
        { "sku": "lens", "name": "Hand lens", "price_cents": 1_290, "weight_g": 60, "stock": 0 },
        { "sku": "book", "name": "Field guide", "price_cents": 2_400, "weight_g": 780, "stock": 7 },
    ])
}

fn orders(page: u64) -> Value {
    let order = |id: &str, country: &str, lines: Value| json!({ "id": id, "country": country, "lines": lines });
    match page {
        1 => json!({ "next": 2, "items": [
            order("o-1001", "DE", json!([{ "sku": "net", "quantity": 1 }, { "sku": "jar", "quantity": 6 }])),
            order("o-1002", "FR", json!([{ "sku": "book", "quantity": 2 }])),
        ]}),
        2 => json!({ "next": null, "items": [
            order("o-1003", "SE", json!([{ "sku": "lens", "quantity": 1 }])),
            order("o-1004", "PT", json!([{ "sku": "jar", "quantity": 2 }])),
        ]}),
        _ => json!({ "next": null, "items": [] }),
    }
}

/// A flat price and a price by weight; abroad costs half as much again.
async fn quote(request: Request<Incoming>) -> Value {
    let body = Limited::new(request.into_body(), 64 * 1024).collect().await;
    let asked: Value = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok()).unwrap_or_default();
    let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
    let weight_g = asked.get("weight_g").and_then(Value::as_u64).unwrap_or(0).min(1_000_000);
    let (flat, per_kg, days) = if text("carrier") == "falcon" { (900, 150, 1) } else { (350, 420, 4) };
    let domestic = flat + per_kg * weight_g / 1_000;
    let cents = if text("country") == "DE" { domestic } else { domestic * 3 / 2 };
    json!({ "carrier": text("carrier"), "cents": cents, "days": days })
}
