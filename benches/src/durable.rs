//! In: nothing. Out: what it costs to keep runs: durable ones for each call, parked ones while they wait.
//! May touch: the release binary, an upstream on loopback, the server's state folder.
//! Security boundary: no.

use crate::Error;
use crate::calls::upstream;
use crate::load::Client;
use crate::memory::resident_kib;
use crate::server::{Server, executor};
use crate::table::{Promise, Table};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const CALLS: &str = "for (let n = 0; n < 10; n++) { const r = await fetch(input); await r.json() } return 10";
const WAITS: &str = "const before = Math.random(); const said = await tools.ask({}); return [before, said]";
const HOLDS: &str = "const held = JSON.parse(input); const said = await tools.ask({}); return [held.length, said]";
const ROUNDS: usize = 200;
const PARKED: usize = 2_000;

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let upstream = upstream()?;
    let rules = format!("[[rule]]\nname = \"upstream\"\nallow = \"http://{upstream}/**\"\nprivate = true\n");
    let server = Server::start_configured("[runtime]\npark_after_ms = 0\n", &rules, &[])?;
    let input = format!("http://{upstream}/item");
    executor()?.block_on(async {
        let mut client = Client::connect(server.address, &server.token).await?;
        let mut medians = Vec::new();
        for (what, durable) in [("10 awaited fetches, a plain run", false), ("the same, durable (SQLite)", true)] {
            let body = Bytes::from(json!({ "code": CALLS, "input": input, "durable": durable }).to_string());
            let mut samples = Vec::new();
            for round in 0..ROUNDS + 20 {
                let began = Instant::now();
                client.run(&body).await?;
                if round >= 20 {
                    samples.push(began.elapsed());
                }
            }
            samples.sort();
            medians.push(samples.get(ROUNDS / 2).copied().unwrap_or_default());
            table.times(what, None, samples);
        }
        if let [plain, durable] = medians[..] {
            // Each call is one event; beginning and end are two more writes.
            let each = durable.saturating_sub(plain).as_secs_f64() * 1e6 / 12.0;
            table.line("  a write of a durable run", Promise::Nothing, each, "us", "12 of them");
        }
        waiting(table, &server, &mut client).await
    })
}

async fn waiting(table: &mut Table, server: &Server, client: &mut Client) -> Result<(), Error> {
    let large = serde_json::to_string(&vec![json!({ "id": 1, "name": "an order of some length" }); 20_000])?;
    for (what, code, input, count) in
        [("hello", WAITS, Value::Null, 1_000), ("1 MB of parsed JSON", HOLDS, Value::from(large), 20)]
    {
        let before = bytes_in(server.folder());
        for _ in 0..count {
            paused(client, code, &input).await?;
        }
        settle().await;
        let each = (bytes_in(server.folder()).saturating_sub(before)) as f64 / 1024.0 / f64::from(count);
        table.line(
            &format!("parked on the disk: {what}"),
            Promise::Nothing,
            each,
            "KiB",
            "a run, the database's growth",
        );
    }
    let mut continued = Vec::new();
    for _ in 0..ROUNDS {
        let id = paused(client, WAITS, &Value::Null).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let body = json!({ "outcomes": [{ "call": 1, "value": 1 }] });
        let began = Instant::now();
        post(client, &format!("/v1/runs/{id}/continue"), &body).await?;
        continued.push(began.elapsed());
    }
    table.times("a parked run continued to its end", None, continued);
    let id = paused(client, WAITS, &Value::Null).await?;
    let began = Instant::now();
    for _ in 0..10 {
        post(client, &format!("/v1/runs/{id}/fork"), &json!({ "n": 20 })).await?;
    }
    let rate = 200.0 / began.elapsed().as_secs_f64();
    table.line("forks of a paused run", Promise::Nothing, rate, "forks/s", "20 at a time, each in the store");
    let before = resident(server)?;
    for _ in 0..PARKED {
        paused(client, WAITS, &Value::Null).await?;
    }
    settle().await;
    let added = (resident(server)? - before) / PARKED as f64 * 10_000.0;
    table.line(
        "10,000 parked runs, added resident memory",
        Promise::AtMost(51_200.0),
        added,
        "KiB",
        &format!("from {PARKED}, runtime and bridge"),
    );
    Ok(())
}

async fn paused(client: &mut Client, code: &str, input: &Value) -> Result<String, Error> {
    let body = json!({ "code": code, "input": input, "external": [{ "name": "ask" }] });
    let object: Value = serde_json::from_slice(&post(client, "/v1/runs", &body).await?)?;
    let id = object.get("id").and_then(Value::as_str).ok_or("no id")?;
    Ok(id.to_owned())
}

async fn post(client: &mut Client, path: &str, body: &Value) -> Result<Bytes, Error> {
    client.send(Request::post(path).body(Full::new(Bytes::from(body.to_string())))?).await
}

/// Runs that have just paused are on their way to the store.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn resident(server: &Server) -> Result<f64, Error> {
    Ok(resident_kib(&server.runtime_pid.to_string())? + resident_kib(&server.bridge_pid.to_string())?)
}

/// All files below a folder.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => bytes_in(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}
