//! In: nothing. Out: what a catalogue of a thousand operations costs, what a search costs, and what a tool adds to a call.
//! May touch: the release binary, loopback, an upstream that answers at once, temporary folders.
//! Security boundary: no.

use crate::Error;
use crate::calls;
use crate::load::Client;
use crate::memory::resident_kib;
use crate::server::{Server, body, executor};
use crate::table::{Promise, Table};
use mayfly_catalogue::{Catalogue, Source};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const OPERATIONS: usize = 1_000;
const CALLS: u32 = 20;
const SEARCHES: usize = 500;
const QUERIES: [&str; 4] =
    ["create an order", "list members of a team", "delete invoice", "update the price of a product"];

const THINGS: [&str; 20] = [
    "order",
    "product",
    "invoice",
    "customer",
    "shipment",
    "team",
    "member",
    "project",
    "issue",
    "comment",
    "release",
    "price",
    "discount",
    "payment",
    "refund",
    "warehouse",
    "supplier",
    "ticket",
    "message",
    "report",
];
const ACTIONS: [(&str, &str); 5] =
    [("list", "get"), ("get", "get"), ("create", "post"), ("update", "patch"), ("delete", "delete")];

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let upstream = calls::upstream()?;
    catalogue(table, &document(upstream).to_string())?;
    let set = format!(
        "[[tools]]\nname = \"shop\"\nopenapi = \"shop.json\"\nprivate = true\n\
         [[rule]]\nname = \"upstream\"\nallow = \"http://{upstream}/**\"\nprivate = true\n"
    );
    let bridge_kib = |server: &Server| {
        std::thread::sleep(Duration::from_millis(500));
        resident_kib(&server.bridge_pid.to_string())
    };
    let without = bridge_kib(&Server::start("")?)?;
    let server = Server::start_with(&set, &[("shop.json", &document(upstream).to_string())])?;
    let held = bridge_kib(&server)? - without;
    table.line("catalogue, added to the bridge's memory", Promise::AtMost(20e6 / 1024.0), held, "KiB", "the same");
    executor()?.block_on(async {
        let mut client = Client::connect(server.address, &server.token).await?;
        searches(table, &mut client).await?;
        overhead(table, &mut client, upstream).await
    })
}

fn catalogue(table: &mut Table, text: &str) -> Result<(), Error> {
    let began = Instant::now();
    let catalogue = Catalogue::new(vec![Source::openapi("shop", text, None)?])?;
    let loaded = began.elapsed();
    let operations = catalogue.tools().count();
    let detail = format!("{operations} operations, a document of {} KiB", text.len() / 1024);
    table.line("catalogue, loading", Promise::AtMost(1e6), loaded.as_secs_f64() * 1e6, "us", &detail);
    Ok(())
}

async fn searches(table: &mut Table, client: &mut Client) -> Result<(), Error> {
    let mut samples = Vec::new();
    for query in QUERIES.iter().cycle().take(SEARCHES) {
        let began = Instant::now();
        let found = client.get(&format!("/v1/tools?query={}", query.replace(' ', "+"))).await?;
        samples.push(began.elapsed());
        let found: Value = serde_json::from_slice(&found)?;
        if found.get("results").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            return Err(format!("nothing was found for {query:?}").into());
        }
    }
    table.times("GET /v1/tools?query=, 1,000 operations", Some(5_000.0), samples);
    Ok(())
}

/// The same requests as tool calls, as fetches, and without a bridge.
async fn overhead(table: &mut Table, client: &mut Client, upstream: SocketAddr) -> Result<(), Error> {
    let tool =
        format!("for (let i = 0; i < {CALLS}; i++) await tools.shop.createOrder0({{ id: i, title: 'x' }}); return 1");
    let fetched = format!(
        "for (let i = 0; i < {CALLS}; i++) await (await fetch(input, {{ method: 'POST', body: '{{}}' }})).json(); return 1"
    );
    let input = format!("\"http://{upstream}/order/0\"");
    let none = median(client, "return 1", &input).await?;
    let direct = direct(upstream).await?;
    for (what, code, promise) in [
        ("tool call, added to its upstream's time", tool, Promise::AtMost(300.0)),
        ("the same as a fetch", fetched, Promise::Nothing),
    ] {
        let all = median(client, &code, &input).await?;
        let each = all.saturating_sub(none).as_secs_f64() * 1e6 / f64::from(CALLS);
        let upstream_us = direct.as_secs_f64() * 1e6;
        let detail = format!("{each:.0} us less {upstream_us:.0} us of the upstream, each of {CALLS} awaited");
        table.line(what, promise, each - upstream_us, "us", &detail);
    }
    Ok(())
}

async fn median(client: &mut Client, code: &str, input: &str) -> Result<Duration, Error> {
    let body = body(code, input);
    let mut samples = Vec::new();
    for round in 0..220 {
        let began = Instant::now();
        client.run(&body).await?;
        if round >= 20 {
            samples.push(began.elapsed());
        }
    }
    Ok(middle(samples))
}

/// A request to the upstream itself, on a connection that is open.
async fn direct(upstream: SocketAddr) -> Result<Duration, Error> {
    let mut client = Client::connect(upstream, "none").await?;
    let mut samples = Vec::new();
    for round in 0..1_100 {
        let began = Instant::now();
        client.get("/order/0").await?;
        if round >= 100 {
            samples.push(began.elapsed());
        }
    }
    Ok(middle(samples))
}

fn middle(mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// A shop with so many operations, five for each kind of thing.
fn document(upstream: SocketAddr) -> Value {
    let mut paths = serde_json::Map::new();
    let kinds = OPERATIONS / ACTIONS.len();
    for (number, thing) in THINGS.iter().cycle().take(kinds).enumerate() {
        let variant = number / THINGS.len();
        for (action, method) in ACTIONS {
            let name = format!("{action}{}{}{variant}", thing[..1].to_uppercase(), &thing[1..]);
            let path = format!("/{thing}/{variant}{}", if action == "list" { "/all" } else { "" });
            let shape = json!({ "schema": { "$ref": format!("#/components/schemas/{thing}") } });
            let content = json!({ "content": { "application/json": shape } });
            let description = format!("Use it to {action} a {thing}. It needs rights for kind {variant}.");
            let mut operation = json!({
                "operationId": name,
                "summary": format!("{action} {thing} of kind {variant}"),
                "description": description,
                "responses": { "200": content },
            });
            if let (true, Some(operation)) = (matches!(method, "post" | "patch"), operation.as_object_mut()) {
                operation.insert("requestBody".into(), content);
            }
            let entry = paths.entry(path).or_insert_with(|| json!({}));
            if let Some(entry) = entry.as_object_mut() {
                entry.insert(method.into(), operation);
            }
        }
    }
    let schemas: serde_json::Map<String, Value> =
        THINGS.iter().map(|thing| ((*thing).to_owned(), schema(thing))).collect();
    json!({
        "openapi": "3.1.0", "info": { "title": "shop", "version": "1" },
        "servers": [{ "url": format!("http://{upstream}") }],
        "paths": paths, "components": { "schemas": schemas },
    })
}

fn schema(thing: &str) -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer", "description": format!("Number of the {thing}") },
            "title": { "type": "string", "maxLength": 256 },
            "state": { "enum": ["open", "closed", "waiting"] },
            "tags": { "type": "array", "items": { "type": "string" } },
            "owner": { "type": "object", "properties": { "login": { "type": "string" }, "name": { "type": "string" } } },
        },
    })
}
