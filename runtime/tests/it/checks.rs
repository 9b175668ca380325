//! Checking before running, from outside: a run with `check`, `mayfly check`, `mayfly types`, MCP `execute`; and what becomes of
//! the processes behind it. Where the compiler is not installed, those that need it say so and check nothing:
//! `npm install --no-save --prefix target/typescript7 typescript@7.0.2` in the workspace's folder puts it where they look.

use crate::harness::server::{Server, TOKEN, folder, mayfly, write};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// `None` where it is not installed.
fn compiler() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let launcher = root.join("target/typescript7/node_modules/.bin/tsc");
    match launcher.is_file() {
        true => Some(launcher),
        false => {
            not_run(&format!("there is no {}", launcher.display()));
            None
        }
    }
}

/// Loudly: the runner swallows what `eprintln` says in a test that passes. CI, which installs it, is not to pass without.
fn not_run(why: &str) {
    use std::io::Write;
    assert!(std::env::var_os("CI").is_none(), "NOT RUN: {why}");
    let _ = writeln!(std::io::stderr(), "\n*** NOT RUN: {why}\n");
}

/// An upstream that counts what reaches it.
fn upstream() -> (Upstream, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let upstream = Upstream::start(move |_, stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        respond(stream, "200 OK", "content-type: application/json\r\n", r#"{"id":7,"status":"open"}"#);
    });
    (upstream, count)
}

fn tenant(upstream: &Upstream) -> String {
    let input = r#"{ type = "object", required = ["id"], properties = { id = { type = "integer" } } }"#;
    let status = r#"{ type = "string", enum = ["open", "closed"] }"#;
    let output = format!(
        r#"{{ type = "object", required = ["id"], properties = {{ id = {{ type = "integer" }}, status = {status} }} }}"#
    );
    format!(
        "[[tools]]\nname = \"shop\"\nprivate = true\n[[tools.operation]]\nname = \"get\"\nmethod = \"GET\"\nurl = \"{}\"\n\
         input_schema = {input}\noutput_schema = {output}\n",
        upstream.url("/orders/{id}")
    )
}

fn server(upstream: &Upstream, compiler: &Path) -> Server {
    Server::start_with(&format!("[checker]\ncommand = \"{}\"\n", compiler.display()), &tenant(upstream), &[])
}

fn post(server: &Server, code: &str) -> Value {
    let response = server.post(&json!({ "code": code, "check": true }).to_string());
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

#[test]
fn a_wrong_field_name_fails_before_the_first_call() {
    let Some(compiler) = compiler() else { return };
    let (upstream, count) = upstream();
    let server = server(&upstream, &compiler);
    let code = "const order = await shop.get({ id: 7 });\nawait shop.get({ id: 8 });\nreturn order.staus;";
    let run = post(&server, code);
    assert_eq!(
        (&run["status"], &run["error"]["kind"], &run["checked"]),
        (&json!("failed"), &json!("type"), &json!(true))
    );
    let error = &run["error"];
    assert_eq!(
        (&error["module"], &error["line"], &error["column"]),
        (&json!("main.ts"), &json!(3), &json!(14)),
        "{error}"
    );
    assert_eq!(error["suggestion"], "did you mean 'status'?");
    assert_eq!(error["source"], "return order.staus;");
    assert_eq!(error["diagnostics"][0]["code"], "TS2551");
    assert_eq!((run["calls"].as_array().map(Vec::len), count.load(Ordering::SeqCst)), (Some(0), 0));

    let run = post(&server, &code.replace("staus", "status"));
    assert_eq!(
        (&run["status"], &run["result"], &run["checked"]),
        (&json!("completed"), &json!("open"), &json!(true)),
        "{run}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert!(run["usage"]["check_us"].as_u64().is_some_and(|took| took > 0), "{run}");
    // Who does not ask is told nothing of it, and runs.
    let run = server.run("return 1", Value::Null);
    assert_eq!((&run["result"], &run["checked"]), (&json!(1), &Value::Null));
    // What does not compile is told as ever.
    assert_eq!(post(&server, "return [")["error"]["kind"], "syntax");
}

#[test]
fn what_a_run_has_of_its_own_has_types_and_what_it_was_not_left_has_none() {
    let Some(compiler) = compiler() else { return };
    let (upstream, count) = upstream();
    let server = server(&upstream, &compiler);
    let item = json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
    let external = json!([
        { "name": "crm.find", "description": "Finds one",
          "input_schema": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } },
          "output_schema": item },
        { "name": "ask" },
    ]);
    for (code, line, words) in [
        ("const one = await crm.find({ id: 1 });\nreturn one.nmae", 2, "'nmae' does not exist"),
        ("return (await tools.crm.find({ id: 'x' })).name", 1, "'string' is not assignable to type 'number'"),
        ("return tools.crm.look({ id: 1 })", 1, "'look' does not exist"),
        ("ask({ any: 1 });\nconst order = await shop.get({ id: 1 });\nreturn order.id", 1, "Nobody awaits this call"),
        ("crm.find({ id: 1 });\nreturn 1", 1, "Nobody awaits this call"),
    ] {
        let body = json!({ "code": code, "check": true, "external": external });
        let run = server.post(&body.to_string()).json();
        let error = &run["error"];
        assert_eq!((&error["kind"], &error["line"]), (&json!("type"), &json!(line)), "{code}: {run:#}");
        assert!(error["message"].as_str().unwrap().contains(words), "{code}: {error:#}");
    }
    let code =
        "const said = await ask({ any: 1 });\nconst found = await crm.find({ id: said.deep.er });\nreturn found.name";
    let run = server.post(&json!({ "code": code, "check": true, "external": external }).to_string()).json();
    assert_eq!((&run["status"], &run["checked"]), (&json!("paused"), &json!(true)), "{run:#}");
    // The next script of the tenant knows nothing of them.
    assert_eq!(post(&server, "return crm.find({ id: 1 })")["error"]["line"], 1);
    let narrow = |tools: Value, code: &str| {
        server.post(&json!({ "code": code, "check": true, "tools": tools }).to_string()).json()
    };
    for code in ["return tools.shop.get({ id: 7 })", "return shop.get({ id: 7 })"] {
        let run = narrow(json!([]), code);
        assert!(run["error"]["message"].as_str().unwrap().contains("'shop'"), "{run:#}");
        assert_eq!(narrow(json!(["shop.get"]), code)["checked"], true);
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_run_says_when_it_was_not_checked() {
    let (upstream, _) = upstream();
    let server = Server::start_with("", &tenant(&upstream), &[("MAYFLY_TSC", "/nowhere/tsc")]);
    let run = post(&server, "return (await shop.get({ id: 7 })).staus ?? 'ran'");
    assert_eq!(
        (&run["status"], &run["result"], &run["checked"]),
        (&json!("completed"), &json!("ran"), &json!(false)),
        "{run}"
    );
    let reason = run["not_checked"].as_str().unwrap();
    assert!(reason.contains("/nowhere/tsc") && reason.contains("npm install --global typescript@7.0.2"), "{reason}");
}

#[test]
fn a_run_that_costs_the_checker_too_much_goes_on_unchecked() {
    let Some(compiler) = compiler() else { return };
    let (upstream, _) = upstream();
    let server = server(&upstream, &compiler);
    let deep = format!("const x = {}{}; return 1", "[".repeat(300), "]".repeat(300));
    let run = post(&server, &deep);
    assert_eq!((&run["result"], &run["checked"]), (&json!(1), &json!(false)), "{run}");
    assert_eq!(run["not_checked"], "brackets nest 300 deep; the type checker takes 100");
    let hidden = format!("const x = {}{}; return 2", "[/*]*/".repeat(300), "]".repeat(300));
    let began = Instant::now();
    let run = post(&server, &hidden);
    assert_eq!((&run["result"], &run["checked"]), (&json!(2), &json!(false)), "{run}");
    assert!(began.elapsed() < Duration::from_millis(7_500), "{:?}", began.elapsed());
    assert_eq!(post(&server, "return shop.nothing")["error"]["kind"], "type");
}

#[test]
fn execute_of_mcp_is_always_checked() {
    let Some(compiler) = compiler() else { return };
    let (upstream, count) = upstream();
    let server = server(&upstream, &compiler);
    let call = |code: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "execute", "arguments": { "code": code } } });
        let headers = format!("authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n");
        server.request("POST", "/mcp", &headers, &body.to_string()).json()["result"].clone()
    };
    let result = call("const order = shop.get({ id: 7 });\nreturn order.status");
    assert_eq!(result["isError"], true, "{result}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("main.ts:2:14") && text.contains("did you forget `await`?"), "{text}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert_eq!(call("return (await shop.get({ id: 7 })).status")["isError"], false);
}

fn children(pid: u64) -> Vec<(u64, String)> {
    let output =
        std::process::Command::new("ps").args(["-o", "pid=,args=", "--ppid", &pid.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| line.trim().split_once(' ').map(|(pid, args)| (pid.parse().unwrap(), args.to_owned()));
    text.lines().filter_map(line).collect()
}

/// The process that owns compilers, and its compiler.
fn checker_and_compiler(server: &Server) -> (u64, u64) {
    let checker =
        children(server.pid().into()).into_iter().find(|(_, args)| args.contains(" checker ")).expect("a checker").0;
    let compiler = children(checker).into_iter().find(|(_, args)| args.contains("--api")).expect("a compiler").0;
    (checker, compiler)
}

fn is_alive(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn ends(pid: u64) -> bool {
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !is_alive(pid)
    })
}

#[test]
fn the_compiler_is_confined_and_ends_with_whoever_started_it() {
    let Some(compiler) = compiler() else { return };
    let (upstream, _) = upstream();
    let server = server(&upstream, &compiler);
    // Nobody asked for a check yet, so there is no process for it.
    assert!(children(server.pid().into()).iter().all(|(_, args)| !args.contains(" checker ")));
    assert_eq!(post(&server, "return shop.nothing")["error"]["kind"], "type");
    let (checker, compiler) = checker_and_compiler(&server);
    let of = |what: &str| std::fs::read_to_string(format!("/proc/{compiler}/{what}")).unwrap();
    let status = of("status");
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(of("limits").lines().any(|line| line.starts_with("Max data size") && line.contains("671088640")));
    assert_eq!(of("environ").matches("MAYFLY").count() + of("environ").matches("PATH").count(), 0, "{}", of("environ"));

    // Killed in the middle: its compiler goes with it, and the next check has new ones.
    std::process::Command::new("kill").args(["-KILL", &checker.to_string()]).status().unwrap();
    assert!(ends(compiler), "the compiler outlived its checker");
    assert_eq!(post(&server, "return shop.nothing")["error"]["kind"], "type");
    let (checker, compiler) = checker_and_compiler(&server);
    drop(server);
    assert!(ends(checker) && ends(compiler), "something outlived the server");
}

fn check(folder: &Path, script: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    write(folder, "script.ts", script);
    let output = mayfly().arg("check").arg(folder.join("script.ts")).args(arguments).output().unwrap();
    said(&output)
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn mayfly_check_shows_line_place_and_hint() {
    let Some(compiler) = compiler() else { return };
    let (upstream, count) = upstream();
    let folder = folder(&format!("[checker]\ncommand = \"{}\"\n", compiler.display()), &tenant(&upstream));
    let there = folder.path();
    let (status, out, err) = check(there, "const order = await shop.get({ id: 7 });\nreturn order.staus;", &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("script.ts:2:14 error TS2551 Property 'staus' does not exist on type"), "{err}");
    assert!(
        err.contains(
            "  hint: did you mean 'status'?\n     2 | return order.staus;\n       |              ~~~~~\n\nfound 1 error"
        ),
        "{err}"
    );
    let (status, out, _) = check(there, "return order.staus", &["--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["checked"], &told["error"]["kind"]), (Some(1), &json!(true), &json!("type")));
    let (status, out, err) = check(there, "return (await shop.get({ id: 7 })).status", &[]);
    assert_eq!((status, out.as_str()), (Some(0), ""), "{err}");
    let (status, _, err) = check(there, "return [", &[]);
    assert!(status == Some(1) && err.contains("script.ts:1:9 error SyntaxError"), "{err}");
    let (status, _, err) = check(there, &format!("return {}{}", "[".repeat(300), "]".repeat(300)), &[]);
    assert!(
        status == Some(3) && err.contains("not checked:") && err.contains("script.ts: brackets nest 300 deep"),
        "{err}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 0, "nothing is run");
}

#[test]
fn scripts_of_several_modules_are_checked_whole_and_folders_file_by_file() {
    let Some(compiler) = compiler() else { return };
    let (upstream, _) = upstream();
    let folder = folder(&format!("[checker]\ncommand = \"{}\"\n", compiler.display()), &tenant(&upstream));
    let there = folder.path();
    write(there, "agent/main.ts", "import { state } from './lib/state.ts';\nexport default () => state(7)");
    write(there, "agent/lib/state.ts", "export const state = async (id: number) =>\n  (await shop.get({ id })).staus");
    write(there, "loose/one.ts", "return (await shop.get({ id: 1 })).id");
    write(there, "loose/two.js", "return shop.gett({ id: 1 })");
    let check = |arguments: &[&str]| {
        let config = there.join("mayfly.toml");
        said(&mayfly().arg("check").args(arguments).arg("--config").arg(config).current_dir(there).output().unwrap())
    };
    let (status, _, err) = check(&["agent"]);
    assert_eq!(status, Some(1));
    assert!(err.contains("agent/lib/state.ts:2:28 error TS2551") && err.contains("found 1 error"), "{err}");
    write(there, "agent/lib/state.ts", "export const state = async (id: number) => (await shop.get({ id })).status");
    let (status, _, err) = check(&["agent/main.ts", "loose"]);
    assert!(
        status == Some(1) && err.contains("checked agent/main.ts\nchecked loose/one.ts\nloose/two.js:1:13 error"),
        "{err}"
    );
    let (status, out, _) = check(&["agent", "loose/one.ts", "--json"]);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(status, Some(0));
    assert_eq!(lines[0], json!({ "checked": true, "script": "agent/main.ts" }), "{out}");
    let (status, _, err) = check(&["nowhere.ts"]);
    assert!(status == Some(2) && err.contains("nowhere.ts: No such file"), "{err}");
    // What is checked so runs so.
    let config = there.join("mayfly.toml");
    let ran = mayfly().args(["run", "agent", "--config"]).arg(config).current_dir(there).output().unwrap();
    assert_eq!(said(&ran).1.trim_end(), "\"open\"", "{:?}", said(&ran));
}

#[test]
fn mayfly_check_without_a_compiler_says_how_to_add_it() {
    let folder = folder("", "");
    write(folder.path(), "script.ts", "return 1");
    let output =
        mayfly().arg("check").arg(folder.path().join("script.ts")).env("MAYFLY_TSC", "/nowhere/tsc").output().unwrap();
    let (status, out, err) = said(&output);
    assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
    assert!(err.contains("`npm install --global typescript@7.0.2` adds it"), "{err}");
}

#[test]
fn mayfly_types_prints_what_v1_types_tells() {
    let (upstream, _) = upstream();
    let folder = folder("", &tenant(&upstream));
    let output = mayfly().args(["types", "--config"]).arg(folder.path().join("mayfly.toml")).output().unwrap();
    let (status, out, err) = said(&output);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.contains("declare function fetch(") && out.contains("declare const shop: typeof tools.shop;"), "{out}");
    let server = Server::start_with("", &tenant(&upstream), &[]);
    let served = server.request("GET", "/v1/types", &format!("authorization: Bearer {TOKEN}\r\n"), "");
    assert_eq!(served.text, out);
}
