//! Durable runs: what becomes of them when processes end under them, at any moment.

use crate::harness::server::{Server, TOKEN, mayfly};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Counts how often each thing was done, by its path; answers after a while.
#[derive(Clone)]
struct Counting {
    done: Arc<Mutex<HashMap<String, u32>>>,
    keys: Arc<Mutex<Vec<String>>>,
    delay_ms: Arc<AtomicU64>,
    upstream: Arc<Upstream>,
}

impl Counting {
    fn start(delay_ms: u64) -> Counting {
        let (done, keys) = (Arc::<Mutex<HashMap<String, u32>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let delay_ms = Arc::new(AtomicU64::new(delay_ms));
        let (seen, named, delay) = (done.clone(), keys.clone(), delay_ms.clone());
        let upstream = Upstream::start(move |request, stream: &mut TcpStream| {
            let line = request.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
            if let Some(key) = request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")) {
                named.lock().unwrap().push(format!("{line} {key}"));
            }
            *seen.lock().unwrap().entry(line.clone()).or_default() += 1;
            std::thread::sleep(Duration::from_millis(delay.load(Ordering::SeqCst)));
            let number = line.rsplit('/').next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            respond(stream, "200 OK", "content-type: application/json\r\n", &json!({ "n": number }).to_string());
        });
        Counting { done, keys, delay_ms, upstream: Arc::new(upstream) }
    }

    fn rules(&self) -> String {
        let address = self.upstream.address;
        format!(
            "[[rule]]\nname = \"all\"\nallow = \"http://{address}/**\"\nprivate = true\n\
             [[rule]]\nname = \"keyed\"\nallow = \"http://{address}/keyed/**\"\nprivate = true\nidempotent = true\n\
             [[rule]]\nname = \"asked\"\nallow = \"http://{address}/asked/**\"\nprivate = true\nhold = true\n"
        )
    }

    fn of(&self, line: &str) -> u32 {
        self.done.lock().unwrap().get(line).copied().unwrap_or(0)
    }

    fn until(&self, line: &str, times: u32) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.of(line) < times {
            assert!(Instant::now() < until, "{line} was not asked for");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn again(folder: TempDir) -> Server {
    Server::start_by(mayfly(), folder)
}

/// Begins it, and does not wait for it.
fn begin(server: &Server, code: &str, input: Value) -> Value {
    let object = server.begin(json!({ "code": code, "input": input, "durable": true, "wait": false }));
    assert_eq!(object["status"], "running", "{object:#}");
    object["id"].clone()
}

/// The run object once the run has ended, wherever it is.
fn ended(server: &Server, id: &Value) -> Value {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let response = server.look(id);
        // Between two bridges nobody can be asked.
        if response.status == 200 {
            let object = response.json();
            if !["running", "paused"].contains(&object["status"].as_str().unwrap()) {
                return object;
            }
        }
        assert!(Instant::now() < until, "{id} did not end: {}\n{}", response.text, server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

const READS: &str = "const random = Math.random(); let sum = 0; const seen = [];
    for (let n = 1; n <= 8; n += 1) { const { n: got } = await (await fetch(`${input}/get/${n}`)).json(); sum += got; seen.push(Math.random()); console.log('got', got) }
    return { sum, random, seen: new Set(seen).size, began: typeof Date.now() }";

#[test]
fn a_durable_run_is_told_after_a_restart_with_its_tape() {
    let upstream = Counting::start(0);
    let server = Server::start(&upstream.rules());
    let body = json!({ "code": READS, "input": upstream.upstream.url(""), "durable": true });
    let told = server.begin(body);
    assert_eq!((&told["status"], &told["result"]["sum"]), (&json!("completed"), &json!(36)), "{told:#}");
    let path = format!("/v1/runs/{}/tape", told["id"].as_str().unwrap());
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let tape = server.request("GET", &path, &headers, "").text;
    let server = again(server.kill());
    assert_eq!(server.look(&told["id"]).json(), told);
    assert_eq!(server.request("GET", &path, &headers, "").text, tape);
    let listed = server.request("GET", "/v1/runs?status=completed", &headers, "").json();
    assert_eq!(listed["runs"][0]["id"], told["id"], "{listed:#}");
    assert_eq!(upstream.of("GET /get/1"), 1);
}

#[test]
fn a_run_goes_on_when_everything_was_killed_and_nothing_is_asked_twice_that_was_answered() {
    let upstream = Counting::start(30);
    let server = Server::start(&upstream.rules());
    let id = begin(&server, READS, json!(upstream.upstream.url("")));
    upstream.until("GET /get/4", 1);
    let server = again(server.kill());
    let object = ended(&server, &id);
    assert_eq!((&object["result"]["sum"], &object["result"]["seen"]), (&json!(36), &json!(8)), "{object:#}");
    assert_eq!(object["calls"].as_array().unwrap().len(), 8);
    assert_eq!(object["logs"].as_array().unwrap().len(), 8, "{object:#}");
    for number in [1, 2, 3, 5, 6, 7, 8] {
        assert_eq!(upstream.of(&format!("GET /get/{number}")), 1, "{number}");
    }
    assert!(server.log().contains("a durable run goes on here"));
    let path = format!("/v1/runs/{}/replay", id.as_str().unwrap());
    let replayed = server.request("POST", &path, &format!("authorization: Bearer {TOKEN}\r\n"), "{}").json();
    assert_eq!(replayed, json!({ "equal": true }));
}

#[test]
fn a_run_outlives_the_runtime_and_the_bridge_alone() {
    let upstream = Counting::start(30);
    let server = Server::start(&upstream.rules());
    for pid in [server.runtime_pid, server.bridge_pid] {
        let id = begin(&server, READS, json!(upstream.upstream.url("")));
        let before = upstream.of("GET /get/3");
        upstream.until("GET /get/3", before + 1);
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
        assert_eq!(ended(&server, &id)["result"]["sum"], 36);
    }
}

/// `kill -9` while the call is on its way; the upstream has done it.
fn killed_during(upstream: &Counting, code: &str, line: &str) -> (Server, Value) {
    let server = Server::start(&upstream.rules());
    let id = begin(&server, code, json!(upstream.upstream.url("")));
    upstream.until(line, 1);
    std::thread::sleep(Duration::from_millis(20));
    let folder = server.kill();
    upstream.delay_ms.store(0, Ordering::SeqCst);
    (again(folder), id)
}

#[test]
fn a_call_that_may_have_been_done_is_not_done_twice() {
    let upstream = Counting::start(500);
    let code = "try { await fetch(`${input}/pay/1`, { method: 'POST', body: 'x' }) } catch (error) { return [error.name, error.reason] }";
    let (server, id) = killed_during(&upstream, code, "POST /pay/1");
    let object = ended(&server, &id);
    assert_eq!(object["result"], json!(["PolicyError", "outcome_unknown"]), "{object:#}");
    assert_eq!(upstream.of("POST /pay/1"), 1);
}

#[test]
fn what_a_rule_calls_idempotent_is_done_again_with_the_same_key() {
    let upstream = Counting::start(500);
    let code = "return (await (await fetch(`${input}/keyed/7`, { method: 'POST', body: 'x' })).json()).n";
    let (server, id) = killed_during(&upstream, code, "POST /keyed/7");
    assert_eq!(ended(&server, &id)["result"], 7);
    assert_eq!(upstream.of("POST /keyed/7"), 2);
    let key = format!("POST /keyed/7 {}-1", id.as_str().unwrap());
    assert_eq!(*upstream.keys.lock().unwrap(), [key.clone(), key]);
}

#[test]
fn timers_have_what_is_left_of_their_time_and_races_end_as_they_did() {
    let upstream = Counting::start(0);
    let server = Server::start(&upstream.rules());
    let code = "const began = Date.now(); const race = await Promise.race([new Promise((done) => setTimeout(done, 200, 'slow')), fetch(`${input}/get/1`).then(() => 'fast')]);
        await new Promise((done) => setTimeout(done, 1500)); await fetch(`${input}/get/2`); return [race, Date.now() - began]";
    let began = Instant::now();
    let id = begin(&server, code, json!(upstream.upstream.url("")));
    upstream.until("GET /get/1", 1);
    std::thread::sleep(Duration::from_millis(400));
    let server = again(server.kill());
    let object = ended(&server, &id);
    assert_eq!(object["result"][0], "fast", "{object:#}");
    let waited = object["result"][1].as_f64().unwrap();
    assert!((1500.0..8_000.0).contains(&waited) && began.elapsed() < Duration::from_secs(10), "{waited}");
}

#[test]
fn pauses_approvals_and_what_follows_them_outlive_processes_too() {
    let upstream = Counting::start(0);
    let server = Server::start(&upstream.rules());
    let code = "const said = await tools.ask({}); const one = await (await fetch(`${input}/asked/1`, { method: 'POST' })).json();
        await fetch(`${input}/get/9`); return [said, one.n]";
    let body =
        json!({ "code": code, "input": upstream.upstream.url(""), "external": [{ "name": "ask" }], "durable": true });
    let first = server.begin(body);
    assert_eq!(first["pending"][0]["reason"], "external", "{first:#}");
    // In memory still, never parked.
    let server = again(server.kill());
    let paused = server.until(&first["id"], "paused");
    assert_eq!(paused["pending"][0]["tool"], "ask", "{paused:#}");
    let second = server.answer(&first["id"], 1, json!("yes"));
    assert_eq!(second["pending"][0]["reason"], "approval", "{second:#}");
    let server = again(server.kill());
    server.until(&first["id"], "paused");
    let last = server.go_on(&first["id"], json!({ "decisions": [{ "call": 2, "approve": true }] })).json();
    assert_eq!(last["result"], json!(["yes", 1]), "{last:#}");
    assert_eq!(upstream.of("POST /asked/1"), 1);
}

#[test]
fn a_parked_durable_run_goes_on_from_its_image_after_a_kill() {
    let upstream = Counting::start(30);
    let server = Server::start_with("[runtime]\npark_after_ms = 0\n", &upstream.rules(), &[]);
    let code = "let sum = await tools.ask({}); for (let n = 1; n <= 6; n += 1) sum += (await (await fetch(`${input}/get/${n}`)).json()).n; return sum";
    let body =
        json!({ "code": code, "input": upstream.upstream.url(""), "external": [{ "name": "ask" }], "durable": true });
    let id = server.begin(body)["id"].clone();
    assert!(server.says("\"parked\""), "{}", server.log());
    let said = json!({ "outcomes": [{ "call": 1, "value": 100 }] }).to_string();
    let path = format!("/v1/runs/{}/continue", id.as_str().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| server.request("POST", &path, &format!("authorization: Bearer {TOKEN}\r\n"), &said));
        upstream.until("GET /get/3", 1);
        let _ = Command::new("kill").args(["-9", &server.runtime_pid.to_string()]).status();
    });
    assert_eq!(ended(&server, &id)["result"], 121);
    assert_eq!((upstream.of("GET /get/1"), upstream.of("GET /get/6")), (1, 1));
}

#[test]
fn a_durable_run_can_be_cancelled_and_fails_like_any_other() {
    let upstream = Counting::start(0);
    let server = Server::start(&upstream.rules());
    let id = begin(&server, "await new Promise((done) => setTimeout(done, 20000))", Value::Null);
    assert_eq!(server.cancel(&id).json()["status"], "cancelled");
    let failed = server.begin(json!({ "code": "throw new RangeError('x')", "durable": true }));
    let wrong = server.begin(json!({ "code": "return [", "durable": true }));
    let server = again(server.kill());
    assert_eq!(server.look(&id).json()["status"], "cancelled");
    assert_eq!(server.look(&failed["id"]).json()["error"]["name"], "RangeError");
    assert_eq!(server.look(&wrong["id"]).json()["error"]["kind"], "syntax");
}

/// `MAYFLY_KILLS=1000` for more of them.
#[test]
fn killed_at_any_moment_every_run_ends_right_and_no_write_is_done_twice() {
    let kills: u32 = std::env::var("MAYFLY_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let upstream = Counting::start(3);
    let mut server = Server::start(&upstream.rules());
    let code = "const { base, run } = input; let sum = 0, unknown = 0;
        for (let n = 1; n <= 6; n += 1) {
            sum += (await (await fetch(`${base}/get/${n}`)).json()).n;
            await fetch(`${base}/write/${run}/${n}`, { method: 'POST' }).catch((error) => { if (error.reason !== 'outcome_unknown') throw error; unknown += 1 });
            if (n % 3 === 0) await new Promise((done) => setTimeout(done, 5));
        }
        return { sum, unknown }";
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let (mut unknown, mut in_a_row) = (0, 0);
    for kill in 0..kills {
        let ids: Vec<(u32, Value)> = (0..4)
            .map(|number| {
                let run = kill * 4 + number;
                (run, begin(&server, code, json!({ "base": upstream.upstream.url(""), "run": run })))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(random(120)));
        // A supervisor gives up on a runtime that ends five times in a row within a second.
        let which = if in_a_row >= 4 { 0 } else { random(3) };
        in_a_row = [0, in_a_row + 1, in_a_row][which as usize];
        server = match which {
            0 => again(server.kill()),
            which => {
                // Pids of this moment: a child that was killed has another one since.
                let name = if which == 1 { "runtime" } else { "bridge" };
                if let Some(pid) = child(server.pid(), name) {
                    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
                }
                server
            }
        };
        for (run, id) in ids {
            let object = ended(&server, &id);
            assert_eq!((&object["status"], &object["result"]["sum"]), (&json!("completed"), &json!(21)), "{object:#}");
            unknown += object["result"]["unknown"].as_u64().unwrap();
            let done: Vec<u32> = (1..=6).map(|n| upstream.of(&format!("POST /write/{run}/{n}"))).collect();
            assert!(done.iter().all(|times| *times <= 1), "{run}: {done:?}");
            let missing = done.iter().filter(|times| **times == 0).count() as u64;
            assert!(missing <= object["result"]["unknown"].as_u64().unwrap(), "{run}: {done:?} {object:#}");
        }
    }
    eprintln!("{kills} kills, {unknown} writes of which the outcome was unknown");
}

/// A child of the supervisor by its verb.
fn child(parent: u32, verb: &str) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).nth(1) == Some(verb.as_bytes())
    })
}
