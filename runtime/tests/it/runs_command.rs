//! `mayfly runs`: an operator's look at a server, over HTTP.

use crate::harness::server::{Server, TOKEN, mayfly};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

struct Said {
    status: i32,
    out: String,
    err: String,
}

/// `mayfly runs` with these arguments, and nothing of the environment that would say more.
fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = mayfly();
    command.arg("runs").args(arguments).env("MAYFLY_URL", url).env("MAYFLY_TOKEN", TOKEN);
    command.stdin(Stdio::null());
    command
}

fn said(command: &mut Command) -> Said {
    let output = command.output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { status: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn runs(server: &Server, arguments: &[&str]) -> Said {
    said(&mut command(&format!("http://{}", server.address), arguments))
}

fn text(id: &Value) -> &str {
    id.as_str().unwrap()
}

#[test]
fn runs_are_listed_shown_and_cancelled() {
    let server = Server::start("");
    let ended =
        server.begin(json!({ "code": "console.log('hi'); return { n: 1.50 }", "tags": { "user": "a\tb\u{1b}[2J" } }));
    let failed = server.begin(json!({ "code": "null.x" }))["id"].clone();
    let looping =
        server.begin(json!({ "code": "for (;;);", "wait": false, "limits": { "cpu_ms": 20000 } }))["id"].clone();
    let list = runs(&server, &["list"]);
    assert_eq!(list.status, 0, "{}", list.err);
    let lines: Vec<Vec<&str>> = list.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        lines.iter().map(|line| (line[1], line[3])).collect::<Vec<_>>(),
        [("running", "-"), ("failed", "-"), ("completed", "-")]
    );
    assert_eq!((lines[2][0], lines[2][4]), (text(&ended["id"]), "user:a b\u{fffd}[2J"), "no tag drives a terminal");
    assert_eq!(runs(&server, &["list", "--status", "failed"]).out.split('\t').next(), failed.as_str());
    let tagged = runs(&server, &["list", "--tag", "user", "--limit", "1", "--json"]);
    let tagged: Value = serde_json::from_str(&tagged.out).unwrap();
    assert_eq!(tagged["runs"][0]["id"], ended["id"]);
    let page = runs(&server, &["list", "--limit", "2"]);
    assert!(page.out.lines().count() == 2 && page.err.contains(&format!("--cursor {}", text(&failed))), "{}", page.err);
    assert_eq!(runs(&server, &["list", "--since", "2999-01-01"]).out, "");

    let shown = runs(&server, &["show", text(&ended["id"])]);
    assert_eq!((shown.status, shown.out.as_str()), (0, "{\"n\":1.5}\n"));
    assert!(
        shown.err.contains("hi") && shown.err.contains("completed") && !shown.err.contains('\u{1b}'),
        "{}",
        shown.err
    );
    let whole: Value = serde_json::from_str(&runs(&server, &["show", text(&ended["id"]), "--json"]).out).unwrap();
    assert_eq!(whole, server.look(&ended["id"]).json());
    let why = runs(&server, &["show", text(&failed)]);
    assert!(
        why.status == 0 && why.err.contains("exception: TypeError") && why.err.contains("main.ts:1:"),
        "{}",
        why.err
    );

    let cancelled = runs(&server, &["cancel", text(&looping)]);
    assert!(cancelled.status == 0 && cancelled.err.contains("cancelled"), "{}", cancelled.err);
    assert_eq!(server.look(&looping).json()["status"], "cancelled");
}

#[test]
fn a_paused_run_is_continued_and_followed() {
    let server = Server::start("");
    let code = "console.log('begun'); const [a, b] = await Promise.all([tools.ask({ n: 1 }), tools.ask({ n: 2 }).catch((error) => error.message)]);
        console.log('on'); return [a, b, await tools.ask({})]";
    let id = server.paused(code, &["ask"])["id"].clone();
    let id = text(&id);
    let shown = runs(&server, &["show", id]);
    assert!(shown.err.contains("call 1 waits (external): ask({\"n\":1})"), "{}", shown.err);
    let file = server.folder.path().join("value.json");
    std::fs::write(&file, "{\"big\":12345678901234567890}").unwrap();
    let outcome = format!("1=@{}", file.display());
    let again = runs(&server, &["continue", id, "--outcome", &outcome, "--error", "2=no such = thing"]);
    assert_eq!(again.status, 4, "{}", again.err);
    let mut last = command(&format!("http://{}", server.address), &["continue", id, "--outcome", "3=-"]);
    let mut child = last.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b" [3] ").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&result[1], &result[2]), (&json!("no such = thing"), &json!([3])));

    let told = runs(&server, &["events", id]);
    assert_eq!((told.status, told.out.lines().count()), (0, 1), "{}", told.err);
    let place = |words: &str| told.err.find(words).unwrap_or_else(|| panic!("{words}: {}", told.err));
    assert!(place("begun") < place("1: ask") && place("2: ask") < place("on\n") && place("on\n") < place("completed"));
    let lines = runs(&server, &["events", id, "--json", "--after", "4"]).out;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<(u64, &str)> =
        lines.iter().map(|line| (line["id"].as_u64().unwrap(), line["event"].as_str().unwrap())).collect();
    assert_eq!(names, [(5, "log"), (6, "call"), (8, "result")]);
    assert_eq!(lines[2]["data"]["status"], "completed");
    let limited = server.begin(json!({ "code": "for (;;);", "limits": { "cpu_ms": 50 } }))["id"].clone();
    assert_eq!(runs(&server, &["events", text(&limited)]).status, 3);
}

#[test]
fn what_is_wrong_is_told_in_one_line_with_an_exit_status() {
    let server = Server::start("");
    let url = format!("http://{}", server.address);
    let ended = server.begin(json!({ "code": "1" }))["id"].clone();
    let id = text(&ended);
    for (arguments, status, words) in [
        (&["show", "run_none"][..], 1, "not_found: there is no such run"),
        (&["show", "../scripts"], 1, "not_found"),
        (&["continue", id, "--outcome", "1=1"], 1, "conflict: the run is completed"),
        (&["list", "--status", "gone"], 2, "bad_request: `status`"),
        (&["list", "--limit", "0"], 2, "bad_request: `limit`"),
        (&["continue", id], 2, "--outcome CALL=JSON"),
        (&["continue", id, "--outcome", "x=1"], 2, "write the call's number"),
        (&["continue", id, "--outcome", "1={"], 2, "--outcome 1: is not JSON"),
        (&["continue", id, "--outcome", "1=@/nowhere"], 2, "/nowhere"),
        (&["approve", id], 2, "CALL"),
    ] {
        let said = runs(&server, arguments);
        assert_eq!(said.status, status, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words) && said.out.is_empty(), "{arguments:?}: {}", said.err);
        let is_ours = said.err.starts_with("mayfly: ");
        assert!(!is_ours || said.err.lines().count() == 1, "{arguments:?}: {}", said.err);
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, token, status, words) in [
        (url.as_str(), "mf_nobody", 2, "unauthorized"),
        (url.as_str(), "", 2, "no token: set MAYFLY_TOKEN"),
        (&format!("http://{closed}"), TOKEN, 5, "server: 127.0.0.1"),
        ("127.0.0.1:1", TOKEN, 2, "write http://HOST:PORT"),
        ("ftp://x", TOKEN, 2, "write http://HOST:PORT"),
    ] {
        let said = said(command(url, &["list"]).env("MAYFLY_TOKEN", token));
        assert_eq!(said.status, status, "{url}: {}", said.err);
        assert!(said.err.contains(words) && said.err.lines().count() == 1, "{url}: {}", said.err);
    }
}

#[test]
fn the_server_and_the_token_are_found_where_they_are_said() {
    let server = Server::start("");
    let folder = server.folder.path();
    let config = format!("listen = \"0.0.0.0:{}\"\n", server.address.port());
    std::fs::write(folder.join("mayfly.toml"), config).unwrap();
    std::fs::write(folder.join("token"), format!("{TOKEN}\n")).unwrap();
    let bare = |arguments: &[&str]| {
        let mut command = command("", arguments);
        command.env_remove("MAYFLY_URL").current_dir(folder);
        said(&mut command)
    };
    assert_eq!(bare(&["list"]).status, 0, "mayfly.toml of this folder");
    assert_eq!(bare(&["list", "--config", "mayfly.toml"]).status, 0);
    let url = format!("http://{}/", server.address);
    let mut named = command("http://127.0.0.1:9", &["list", "--server", &url, "--token-file", "token"]);
    assert_eq!(said(named.env("MAYFLY_TOKEN", "mf_nobody").current_dir(folder)).status, 0, "arguments come first");
    let missing = bare(&["list", "--token-file", "nowhere"]);
    assert!(missing.status == 2 && missing.err.contains("--token-file nowhere"), "{}", missing.err);
}

/// Answers one request, and gives it: the line, and the body.
fn one_request(listener: TcpListener, answer: &str) -> (String, Value) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse().unwrap(),
            Some(("authorization", token)) => assert_eq!(token, format!("bearer {TOKEN}")),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let bytes = answer.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n");
    stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
    (first.trim().to_owned(), serde_json::from_slice(&body).unwrap_or_default())
}

#[test]
fn decisions_are_sent_as_the_server_reads_them() {
    let answer =
        |status: &str| json!({ "id": "run_1", "status": status, "logs": [], "calls": [], "usage": {} }).to_string();
    for (arguments, status, exit, decision) in [
        (&["approve", "run_1", "3"][..], "completed", 0, json!({ "call": 3, "approve": true })),
        (&["reject", "run_1", "4"], "failed", 1, json!({ "call": 4, "approve": false })),
        (
            &["reject", "run_1", "4", "--reason", "not \"today\""],
            "paused",
            4,
            json!({ "call": 4, "approve": false, "reason": "not \"today\"" }),
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/behind/", listener.local_addr().unwrap());
        let answer = answer(status);
        let server = std::thread::spawn(move || one_request(listener, &answer));
        let said = said(&mut command(&url, arguments));
        let (line, body) = server.join().unwrap();
        assert_eq!(line, "POST /behind/v1/runs/run_1/continue HTTP/1.1");
        assert_eq!(body, json!({ "decisions": [decision] }));
        assert_eq!(said.status, exit, "{}", said.err);
    }
}

#[test]
fn a_person_says_yes_and_no_from_the_command_line() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "paid"));
    let address = upstream.address;
    let server = Server::start(&format!(
        "[[rule]]\nname = \"pay\"\nallow = \"http://{address}/**\"\nprivate = true\nhold = true\n"
    ));
    let url = upstream.url("/pay");
    let code = format!(
        "const first = await (await fetch('{url}')).text();
         return [first, await fetch('{url}').catch((error) => error.message)]"
    );
    let id = server.begin(json!({ "code": code }))["id"].clone();
    let shown = runs(&server, &["show", text(&id)]);
    assert!(shown.err.contains("call 1 waits (approval): fetch("), "{}", shown.err);
    let again = runs(&server, &["approve", text(&id), "1"]);
    assert_eq!((again.status, upstream.requests().len()), (4, 1), "{}", again.err);
    assert_eq!(runs(&server, &["approve", text(&id), "1"]).status, 2, "it does not wait any more");
    let last = runs(&server, &["reject", text(&id), "2", "--reason", "not today"]);
    assert_eq!((last.status, upstream.requests().len()), (0, 1), "{}", last.err);
    assert!(last.out.contains("paid") && last.out.contains("not today"), "{}", last.out);
    let events = runs(&server, &["events", text(&id), "--json"]);
    assert_eq!((events.status, events.out.lines().count()), (0, 3), "{}", events.out);
}
