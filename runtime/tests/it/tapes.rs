//! Tapes: what a run was given and asked for, and that the same comes of it again.

use crate::harness::server::{Response, Server, TOKEN, folder, mayfly};
use crate::harness::tenants::two_tenants;
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

impl Server {
    fn of_run(&self, method: &str, id: &Value, what: &str) -> Response {
        let path = format!("/v1/runs/{}/{what}", id.as_str().expect("an id"));
        self.request(method, &path, &format!("authorization: Bearer {TOKEN}\r\n"), "")
    }
}

fn replay(file: &Path, more: &[&str]) -> Output {
    mayfly().arg("replay").arg(file).args(more).output().expect("it runs")
}

fn entries(tape: &str) -> Vec<Value> {
    tape.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const RICH: &str = "console.log('seed', Math.random(), crypto.randomUUID(), Date.now());
    const texts = await Promise.all([1, 2, 3].map(async (n) => (await fetch(URL_ + n)).text()));
    const winner = await Promise.race([5, 1].map((ms) => new Promise((done) => setTimeout(done, ms, ms))));
    let name = ''; try { await fetch('https://nowhere.example/') } catch (error) { name = error.name }
    return { texts, winner, name, at: performance.now(), dice: Math.random() }";

#[test]
fn a_recorded_run_does_the_same_again_without_the_upstream() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "reply"));
    let rules = format!("[[rule]]\nname = \"here\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let server = Server::start(&rules);
    let code = format!("const URL_ = '{}';\n{RICH}", upstream.url("/"));
    let run = server.begin(json!({ "code": code, "record": true }));
    assert_eq!(run["status"], "completed", "{run:#}");
    let (asked, tape) = (upstream.requests().len(), server.of_run("GET", &run["id"], "tape"));
    assert_eq!((tape.status, tape.header("content-type")), (200, Some("application/jsonl")));
    assert_eq!(entries(&tape.text).last().unwrap()["result"]["value"], run["result"]);
    for _ in 0..3 {
        assert_eq!(server.of_run("POST", &run["id"], "replay").json(), json!({ "equal": true }));
    }
    assert_eq!(upstream.requests().len(), asked, "a replay calls nobody");

    // On another machine it is a file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.tape");
    std::fs::write(&file, &tape.text).unwrap();
    let output = replay(&file, &["--json"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), r#"{"equal":true}"#);
    assert!(output.status.success());
}

#[test]
fn a_changed_tape_is_told_where_it_was_changed() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "reply"));
    let rules = format!("[[rule]]\nname = \"here\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let server = Server::start(&rules);
    let code = format!("const URL_ = '{}';\n{RICH}", upstream.url("/"));
    let run = server.begin(json!({ "code": code, "record": true }));
    let tape = server.of_run("GET", &run["id"], "tape").text;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.tape");
    let lines: Vec<&str> = tape.lines().collect();
    let changed = |at: usize, from: &str, to: &str| {
        assert!(lines[at].contains(from), "{}", lines[at]);
        let mut copy: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        copy[at] = copy[at].replacen(from, to, 1);
        std::fs::write(&file, copy.join("\n")).unwrap();
        let output = replay(&file, &["--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let turns: Vec<usize> = (1..lines.len()).filter(|at| lines[*at].starts_with("{\"turn\"")).collect();
    let first = changed(turns[0], "\"method\":\"GET\"", "\"method\":\"PUT\"");
    assert_eq!((&first["equal"], &first["at"]), (&json!(false), &json!(turns[0])));
    assert_eq!(first["recorded"]["turn"]["asks"][0]["kind"]["fetch"]["method"], "PUT");
    assert_eq!(first["replayed"]["turn"]["asks"][0]["kind"]["fetch"]["method"], "GET");
    let timers = *turns.iter().find(|at| lines[**at].contains("delay_ms")).unwrap();
    assert_eq!(changed(timers, "\"delay_ms\":5.0", "\"delay_ms\":6.0")["at"], timers);
    let last = lines.len() - 1;
    assert_eq!(changed(last, "\"name\":\"PolicyError\"", "\"name\":\"Other\"")["at"], last);
    // Other randomness shows in the first thing that was said.
    let seed = serde_json::from_str::<Value>(lines[0]).unwrap()["origin"]["seed"][0].to_string();
    let other = if seed == "1" { "2" } else { "1" };
    assert_eq!(changed(0, &format!("\"seed\":[{seed},"), &format!("\"seed\":[{other},"))["at"], 1);
    // An answer that was changed shows in what the script makes of it, at the end.
    let event = (1..lines.len()).find(|at| lines[*at].contains("\"body\":\"cmVwbHk=\"")).unwrap();
    assert_eq!(changed(event, "cmVwbHk=", "b3RoZXI=")["at"], last);
}

#[test]
fn however_a_run_ends_its_replay_ends_so() {
    let server = Server::start("");
    for (code, limits) in [
        ("throw new TypeError('mine')", json!({})),
        ("const x = ;", json!({})),
        ("for (;;);", json!({ "cpu_ms": 50 })),
        ("await new Promise((done) => setTimeout(done, 5000))", json!({ "wall_ms": 60 })),
        ("const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1))", json!({ "memory_mib": 16 })),
        ("await new Promise(() => {})", json!({})),
        ("const a = {}; a.a = a; return a", json!({})),
        ("return 'x'.repeat(3000)", json!({ "result_bytes": 1000 })),
        ("for (let n = 0; n < 1000; n += 1) console.log(n, Math.random())", json!({ "log_lines": 20 })),
        (
            "await Promise.all([1, 2, 3].map((n) => fetch('https://a.example/' + n).catch(() => {}))); return 1",
            json!({ "calls_in_flight": 1 }),
        ),
    ] {
        let run = server.begin(json!({ "code": code, "limits": limits, "record": true }));
        let compared = server.of_run("POST", &run["id"], "replay");
        assert_eq!(compared.json(), json!({ "equal": true }), "{code}: {run:#}");
    }
}

#[test]
fn a_run_that_was_parked_has_one_tape_from_beginning_to_end() {
    let server = Server::start_by(mayfly(), folder("[runtime]\npark_after_ms = 0\n", ""));
    let code = "const dice = [Math.random()]; for (let n = 0; n < 3; n += 1) dice.push(await tools.ask({ n }), Math.random()); return dice";
    let begun = server.begin(json!({ "code": code, "external": [{ "name": "ask" }], "record": true }));
    let id = &begun["id"];
    assert_eq!(server.of_run("GET", id, "tape").kind(), (409, "conflict".into()));
    let mut server = server;
    for call in 1..=3 {
        while !server.events("parked").iter().any(|event| event["run"] == *id) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        server = Server::start_by(mayfly(), server.stop());
        server.answer(id, call, json!(call));
    }
    let tape = server.of_run("GET", id, "tape").text;
    assert_eq!(entries(&tape).iter().filter(|entry| entry.get("event").is_some()).count(), 3, "{tape}");
    assert_eq!(server.of_run("POST", id, "replay").json(), json!({ "equal": true }));
}

#[test]
fn tapes_are_for_those_who_asked_for_them() {
    let (server, acme, evil) = two_tenants("", "");
    let begin = |body: Value| {
        server.as_(acme.of("runner"), "POST", "/v1/runs", "", &body.to_string()).json()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (with, without) = (begin(json!({ "code": "1", "record": true })), begin(json!({ "code": "1" })));
    let long = begin(
        json!({ "code": "for (let n = 0; n < 9; n += 1) await fetch('https://a.example/', { method: 'POST', body: 'x'.repeat(1e6) }).catch(() => {})", "record": true }),
    );
    let ask = |token: &str, method: &str, id: &str, what: &str| {
        server.as_(token, method, &format!("/v1/runs/{id}/{what}"), "", "")
    };
    for (method, what) in [("GET", "tape"), ("POST", "replay")] {
        assert_eq!(ask(acme.of("runner"), method, &with, what).status, 200, "{what}");
        for id in [&without, &long] {
            let (status, kind, detail) = ask(acme.of("runner"), method, id, what).problem();
            assert_eq!((status, kind.as_str()), (404, "not_found"));
            assert!(detail.contains("`record`") && detail.contains("bytes"), "{detail}");
        }
        assert_eq!(ask(evil.of("admin"), method, &with, what).kind(), (404, "not_found".into()));
        assert_eq!(ask("mf_nobody", method, &with, what).kind(), (401, "unauthorized".into()));
    }
    assert_eq!(ask(acme.of("auditor"), "GET", &with, "tape").status, 200);
    assert_eq!(ask(acme.of("auditor"), "POST", &with, "replay").kind(), (403, "forbidden".into()), "it runs code");
    assert_eq!(ask(acme.of("runner"), "PUT", &with, "tape").kind(), (405, "bad_request".into()));
}

#[test]
fn what_other_rules_would_refuse_is_told_without_calling_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("script.ts"), "for (const n of [1, 2]) await fetch('https://a.example/' + n).catch(() => {})")
        .unwrap();
    let recorded = mayfly().arg("run").arg(file("script.ts")).arg("--record").arg(file("run.tape")).output().unwrap();
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
    std::fs::create_dir(file("tenants")).unwrap();
    std::fs::write(file("mayfly.toml"), "tenants = \"tenants\"\n").unwrap();
    let rule = "tenant = \"acme\"\n[[rule]]\nname = \"one\"\nallow = \"https://a.example/1\"\n";
    std::fs::write(file("tenants/acme.toml"), rule).unwrap();
    let config = file("mayfly.toml").display().to_string();
    let output = replay(&file("run.tape"), &["--config", &config, "--tenant", "acme", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["equal"], &said["refused"][0]["url"]), (&json!(true), &json!("https://a.example/2")), "{said:#}");
    assert_eq!(said["refused"].as_array().unwrap().len(), 1);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_no_tape_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.tape");
    let header = json!({ "mayfly_tape": 1, "run": "r", "engine": "0", "modules": [["main.ts", "1"]], "tools": "", "input": null,
        "limits": mayfly::limits::DEFAULTS, "origin": { "started_ms": 0.0, "seed": vec![0; 32] } });
    for (text, words) in [
        (String::new(), "line 1: EOF"),
        ("{}".to_owned(), "line 1: missing field `mayfly_tape`"),
        (header.to_string().replacen("\"mayfly_tape\":1", "\"mayfly_tape\":2", 1), "version 2"),
        (header.to_string(), "the tape is of engine 0, this is"),
        (format!("{header}\n{{\"turn\":5}}\n"), "line 2:"),
        (format!("{header}\n{}", "x".repeat(9 << 20)), "bytes; the limit is"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = replay(&file, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{words}: {said}");
        assert_eq!(output.status.code(), Some(2));
    }
}
