//! Scripts of the kind that models write, in `tests/scripts`, run by the real server against an upstream on loopback. Beside
//! each stands what it is given and what must come of it, as JSON:
//! `{"input": {...}, "status": "completed", "result": ..., "logs": ["level: text", ...], "error": {...}}`.
//!
//! `MAYFLY_BLESS=1 cargo test -p mayfly --test it model_scripts` writes what came instead of comparing: read it before you
//! commit it.

use crate::harness::server::Server;
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// What the server's address is called in the expected files.
const API: &str = "http://api";

fn rules(upstream: &Upstream) -> String {
    let address = upstream.address;
    format!(
        "[[rule]]\nname = \"the api\"\nallow = \"http://{address}/**\"\nprivate = true\n\
         [[rule]]\nname = \"nothing of admin\"\ndeny = \"http://{address}/admin/**\"\n"
    )
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end != "json"));
    found.sort();
    found
}

#[test]
fn what_models_write_runs_as_they_mean_it() {
    let upstream = Upstream::start(api());
    let server = Server::start(&rules(&upstream));
    let scripts = scripts();
    assert!(scripts.len() >= 30, "only {} scripts", scripts.len());
    let bless = std::env::var_os("MAYFLY_BLESS").is_some();
    let mut wrong = Vec::new();
    for script in &scripts {
        let name = script.file_stem().unwrap().to_string_lossy();
        let beside = script.with_extension("json");
        let expected: Value = serde_json::from_str(&std::fs::read_to_string(&beside).unwrap_or("{}".into())).unwrap();
        let came = run(&server, &upstream, script, &expected["input"]);
        if came == expected {
            continue;
        }
        if bless {
            std::fs::write(&beside, format!("{came:#}\n")).unwrap();
        } else {
            wrong.push(format!("{name}:\n--- came\n{came:#}\n--- expected\n{expected:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The run object as an expected file has it.
fn run(server: &Server, upstream: &Upstream, script: &Path, input: &Value) -> Value {
    let mut given = input.clone();
    if !given.is_object() {
        given = json!({});
    }
    let shown = given.clone();
    let address = format!("http://{}", upstream.address);
    let is_request = given.get("url").is_some();
    if !is_request {
        given["api"] = json!(address);
    }
    let object = server.run(&std::fs::read_to_string(script).unwrap(), given);
    let mut came = json!({ "input": shown, "status": object["status"] });
    for part in ["result", "error"] {
        if !object[part].is_null() {
            came[part] = object[part].clone();
        }
    }
    let line = |line: &Value| json!(format!("{}: {}", line["level"].as_str().unwrap(), line["text"].as_str().unwrap()));
    came["logs"] = object["logs"].as_array().unwrap().iter().map(line).collect();
    serde_json::from_str(&came.to_string().replace(&address, API)).unwrap()
}

/// The upstream: a bit of a shop, and of everything that goes wrong.
fn api() -> impl Fn(&str, &mut TcpStream) + Send + Sync + 'static {
    let tries = Mutex::new(HashMap::<String, u32>::new());
    move |request, stream| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match (method, path.split('?').next().unwrap_or_default()) {
            ("GET", "/orders") => json_reply(stream, orders(path)),
            ("GET" | "HEAD", path) if path.starts_with("/users/") => user(stream, method, path),
            ("GET", path) if path.starts_with("/flaky/") => {
                let mut tries = tries.lock().unwrap();
                let count = tries.entry(path.to_owned()).or_insert(0);
                *count += 1;
                match *count {
                    1 | 2 => respond(stream, "503 Service Unavailable", "retry-after: 0\r\n", "try again"),
                    tries => json_reply(stream, json!({ "after": tries })),
                }
            }
            ("GET", "/slow") => {
                std::thread::sleep(Duration::from_millis(400));
                json_reply(stream, json!({}));
            }
            ("GET", "/sales.csv") => respond(stream, "200 OK", "content-type: text/csv; charset=utf-8\r\n", SALES),
            ("GET", "/docs") => json_reply(stream, docs()),
            ("GET", "/lines") => in_parts(stream, "application/x-ndjson", &LINES),
            ("GET", "/events") => in_parts(stream, "text/event-stream", &EVENTS),
            ("POST", "/echo") => {
                json_reply(stream, json!({ "method": method, "headers": headers(head), "body": body }))
            }
            ("POST", "/bytes") => {
                let bytes: Vec<u8> = body.chars().map(|c| u8::try_from(c).unwrap()).collect();
                let head = format!("content-type: application/octet-stream\r\ncontent-length: {}\r\n", bytes.len());
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n{head}\r\n");
                let _ = stream.write_all(&bytes);
            }
            ("POST", "/upload") => json_reply(stream, form(head, body)),
            _ => respond(stream, "404 Not Found", "content-type: application/json\r\n", r#"{"error":"nothing here"}"#),
        }
    }
}

fn json_reply(stream: &mut TcpStream, value: Value) {
    respond(stream, "200 OK", "content-type: application/json\r\n", &value.to_string());
}

fn headers(head: &str) -> Value {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), json!(value)))
        .collect()
}

fn orders(path: &str) -> Value {
    let line = |sku: &str, quantity: u32, price_cents: u32| json!({ "sku": sku, "quantity": quantity, "price_cents": price_cents });
    let order = |id: &str, country: &str, lines: Vec<Value>| json!({ "id": id, "country": country, "lines": lines });
    match path.rsplit_once("page=").map_or("1", |(_, page)| page) {
        "1" => json!({ "next": 2, "items": [
            order("o-1", "DE", vec![line("net", 1, 1_950), line("jar", 6, 590)]), order("o-2", "FR", vec![line("book", 2, 2_400)]),
        ]}),
        "2" => json!({ "next": 3, "items": [
            order("o-3", "SE", vec![line("lens", 1, 1_290)]), order("o-4", "DE", vec![line("jar", 2, 590), line("lens", 1, 1_290)]),
        ]}),
        _ => json!({ "next": null, "items": [order("o-5", "PT", vec![line("net", 3, 1_950)])] }),
    }
}

fn user(stream: &mut TcpStream, method: &str, path: &str) {
    let name = match path {
        "/users/1" => "Ada",
        "/users/2" => "Björn",
        "/users/3" => "Chiara",
        _ => return respond(stream, "404 Not Found", "", ""),
    };
    match method {
        "HEAD" => drop(stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 30\r\n\r\n")),
        _ => json_reply(stream, json!({ "id": path.trim_start_matches("/users/"), "name": name })),
    }
}

/// Names and sizes of the parts of a form. A form with bytes arrives as one character a byte.
fn form(head: &str, body: &str) -> Value {
    let boundary = head.split("boundary=").nth(1).unwrap_or_default().lines().next().unwrap_or_default();
    let delimiter = format!("--{boundary}");
    let parts = body.split(&delimiter).filter_map(|part| part.split_once("\r\n\r\n")).map(|(head, text)| {
        let lines: Vec<_> = head.trim().lines().collect();
        json!({ "head": lines, "bytes": text.trim_end_matches("\r\n").chars().count() })
    });
    json!({ "multipart": head.contains("multipart/form-data"), "parts": parts.collect::<Vec<_>>() })
}

/// A reply in chunks that the client sees one after the other.
fn in_parts(stream: &mut TcpStream, content_type: &str, parts: &[&str]) {
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    for part in parts {
        let _ = write!(stream, "{:x}\r\n{part}\r\n", part.len());
        let _ = stream.flush();
        std::thread::sleep(Duration::from_millis(3));
    }
    let _ = write!(stream, "0\r\n\r\n");
}

fn docs() -> Value {
    json!([
        { "id": "nets", "title": "Choosing a butterfly net", "text": "A net with a long handle catches butterflies in tall grass. Fine mesh does not hurt wings." },
        { "id": "jars", "title": "Jars for observing", "text": "Observe insects in a jar with holes in its lid, and let them go after an hour." },
        { "id": "guide", "title": "Field guides compared", "text": "We compared five guides to the butterflies of Europe: plates, keys, maps and weight." },
        { "id": "cafe", "title": "Café der Falter", "text": "Im Café treffen sich Freunde der Schmetterlinge, jeden Dienstag um acht." },
    ])
}

const SALES: &str = "product,amount,date,note\r\nnet,19.50,2024-03-01,\r\njar,5.90,2024-03-01,\"says \"\"thanks\"\"\"\r\n\
                     \"guide, field\",24.00,2024-03-02,\"two\nlines\"\r\njar,11.80,2024-03-03,\r\nnet,19.50,2024-03-04,gift\r\n";

/// Cut in the middle of a line and of a character.
const LINES: [&str; 6] = [
    "{\"sensor\":\"a\",\"value\":1}\n{\"sens",
    "or\":\"b\",\"value\":2}\n\n{\"sensor\":\"größe\",",
    "\"value\":3}\nnot json\n{\"sensor\":\"a\",\"value\":4}\n",
    "{\"sensor\":\"done\",\"value\":0}\n",
    "{\"sensor\":\"never\",\"value\":9}\n",
    "{\"sensor\":\"never\",\"value\":9}",
];

const EVENTS: [&str; 6] = [
    ": hello\n\nid: 1\nevent: start\ndata: {\"model\":\"m\"}\n\n",
    "event: delta\ndata: {\"text\":\"Schmet",
    "ter\"}\n\nevent: delta\r\ndata: {\"text\":\"ling 🦋\"}\r\n\r\n",
    "data: one\ndata: two\n\n",
    "event: delta\ndata:{\"text\":\"!\"}\n\nevent: empty\n\n",
    "data: [DONE]\n\n",
];
