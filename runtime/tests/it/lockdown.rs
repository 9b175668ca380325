//! What somebody who escapes the guest is left with. Each attempt is made by a process of its own: this test executable,
//! started again, which locks itself down with the runtime's own code and then tries. The same attempts without the
//! lock-down must succeed, so that it is the lock-down that is tested.

use crate::harness::server::{Server, TOKEN, folder, mayfly};
use mayfly::lockdown::{Lockdown, Mode};
use rustix::process::Pid;
use seccompiler::{SeccompAction, SeccompFilter};
use serde_json::{Value, json};
use std::io::{Error, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

/// Tells this executable, started again, what to try: `HOW WHAT WHERE`.
const PROBE: &str = "MAYFLY_TEST_PROBE";
const EPERM: &str = "errno 1";
const EACCES: &str = "errno 13";

/// Attempts, with what Landlock alone says to them, and what both layers say. What a layer does not govern is "done".
const ATTEMPTS: [(&str, &str, &str); 13] = [
    ("open", EACCES, EPERM),
    ("create", EACCES, EPERM),
    ("list", EACCES, EPERM),
    ("tcp", EACCES, EPERM),
    ("listen", EACCES, EPERM),
    ("udp", "done", EPERM),
    ("unix", "done", EPERM),
    ("spawn", EACCES, EPERM),
    ("exec", EACCES, "killed by 31"),
    ("thread", "done", EPERM),
    ("signal", EPERM, EPERM),
    ("code", "done", "refused"),
    // What it must still be able to do.
    ("panic", "done", "done"),
];

#[test]
fn a_locked_process_gets_nothing_from_the_kernel() {
    if let Ok(plan) = std::env::var(PROBE) {
        return probe(&plan);
    }
    let there = tempfile::tempdir().unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = std::os::unix::net::UnixListener::bind(there.path().join("socket")).unwrap();
    let layers = tried("best-effort", "layers", "");
    for (attempt, by_landlock, by_both) in ATTEMPTS {
        let place = match attempt {
            "tcp" => tcp.local_addr().unwrap().to_string(),
            "signal" => std::process::id().to_string(),
            name => there.path().join(if name == "unix" { "socket" } else { "file" }).display().to_string(),
        };
        assert_eq!(tried("off", attempt, &place), "done", "{attempt}, not locked down");
        // From ABI 9 and 10 on Landlock has these two as well.
        let may_know = ["udp", "unix"].contains(&attempt);
        if has(&layers, "landlock") {
            let said = tried("landlock", attempt, &place);
            assert!(said == by_landlock || (may_know && said == EACCES), "{attempt} under {layers} alone: {said}");
        }
        if has(&layers, "seccomp") {
            assert_eq!(tried("best-effort", attempt, &place), by_both, "{attempt} under {layers}");
        }
    }
    drop(unix);
}

/// Whether the kernel has the layer; where it has not, this must not look like a test that passed.
fn has(layers: &str, layer: &str) -> bool {
    let there = layers.contains(layer);
    if !there {
        // Not `eprintln!`: that is only shown for tests that fail.
        let _ = writeln!(std::io::stderr(), "NOT TESTED: this kernel gives no {layer}; it has {layers}");
    }
    there
}

fn tried(how: &str, what: &str, place: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lockdown::a_locked_process_gets_nothing_from_the_kernel", "--nocapture"])
        .env(PROBE, format!("{how} {what} {place}"))
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().find_map(|line| line.split_once("PROBE ")).map(|(_, said)| said.to_owned());
    match (said, output.status.signal()) {
        (Some(said), _) => said,
        (None, Some(signal)) => format!("killed by {signal}"),
        (None, None) => panic!("{how} {what}: {text}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn probe(plan: &str) {
    let mut words = plan.splitn(3, ' ');
    let mut word = || words.next().unwrap();
    let (how, what, place) = (word(), word(), word());
    let (engine, executor) = (compiler(), tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let mode = if how == "off" { Mode::Off } else { Mode::BestEffort };
    let mut lockdown = Lockdown::begin(mode, Some(std::path::Path::new(place))).unwrap();
    lockdown.no_files().unwrap();
    let layers = match how {
        "landlock" => String::new(),
        _ => lockdown.no_calls().unwrap(),
    };
    let said = match attempt(what, place, &engine, &executor) {
        Ok(()) if what == "layers" => layers,
        Ok(()) => "done".into(),
        Err(error) => error.raw_os_error().map_or("refused".into(), |number| format!("errno {number}")),
    };
    println!("PROBE {said}");
    std::process::exit(0);
}

fn attempt(
    what: &str,
    place: &str,
    engine: &wasmtime::Engine,
    executor: &tokio::runtime::Runtime,
) -> Result<(), Error> {
    match what {
        "layers" => Ok(()),
        "open" => std::fs::File::open("/etc/passwd")?.read(&mut [0]).map(drop),
        "create" => std::fs::File::create(place).map(drop),
        "list" => std::fs::read_dir("/").map(drop),
        "tcp" => std::net::TcpStream::connect(place).map(drop),
        "listen" => std::net::TcpListener::bind("127.0.0.1:0").map(drop),
        "udp" => {
            std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:9")).map(drop)
        }
        "unix" => std::os::unix::net::UnixStream::connect(place).map(drop),
        "spawn" => Command::new("/bin/true").status().map(drop),
        "exec" => Err(Command::new("/bin/echo").arg("PROBE done").exec()),
        "thread" => std::thread::Builder::new().spawn(|| {}).map(drop),
        "signal" => Ok(rustix::process::test_kill_process(Pid::from_raw(place.parse().unwrap()).unwrap())?),
        // Native code that was not there when the process was locked: a module with one empty function.
        "code" => {
            wasmtime::Module::new(engine, b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b")
                .map(drop)
                .map_err(|error| Error::other(error.to_string()))
        }
        "panic" => tokio::task::LocalSet::new().block_on(executor, async {
            let ended = tokio::task::spawn_local(async { panic!("in a request") }).await;
            assert!(ended.is_err_and(|error: tokio::task::JoinError| error.is_panic()));
            tokio::task::spawn_local(async { Ok(()) }).await.unwrap()
        }),
        _ => panic!("{what}"),
    }
}

/// On one thread: the attempt is to make code executable, not to start a thread.
fn compiler() -> wasmtime::Engine {
    let mut config = wasmtime::Config::new();
    config.parallel_compilation(false);
    wasmtime::Engine::new(&config).unwrap()
}

#[test]
fn every_thread_of_a_serving_runtime_is_locked_down() {
    let server = Server::start("");
    // Threads name themselves when they first run; the clock of the epochs has by the end of a run that computes.
    server.run("for (let at = 0; at < 1e6; at += 1); return 1", Value::Null);
    let layers = server.listening["lockdown"].as_str().unwrap();
    let mut threads = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{}/task", server.runtime_pid)).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned();
        if has(layers, "seccomp") {
            assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), ("2".into(), "1".into()), "{status}");
        }
        threads.push(field("Name:"));
    }
    // The one that accepts, the clock of the epochs, the workers: a compiler's threads at the first start of a machine.
    assert!(threads.contains(&"epoch".into()) && threads.contains(&"worker-0".into()), "{threads:?}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.runtime_pid)).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    // All a request can take, under the lock-down: a compile, memory, stack, CPU, and a panic's way out is above.
    for (code, kind) in [
        ("const f = () => f() + 1; return f()", "exception"),
        ("const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1))", "memory_limit"),
        ("for (;;);", "cpu_limit"),
        ("await new Promise(() => {})", "deadlock"),
        ("const a = ;", "syntax"),
    ] {
        assert_eq!(server.run(code, Value::Null)["error"]["kind"], kind, "{code}");
    }
    assert_eq!(server.run("return [1, 2].map((n) => n * 2)", Value::Null)["result"], json!([2, 4]));
}

#[test]
fn a_runtime_without_a_cache_of_native_code_runs_what_it_compiled() {
    // Others may look into this folder, so the runtime does not use it: nothing of what it runs lies in a file.
    let public = tempfile::tempdir().unwrap();
    std::fs::set_permissions(public.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = mayfly();
    command.env("MAYFLY_CACHE_DIR", public.path());
    let server = Server::start_by(command, folder("", ""));
    assert!(server.log().contains("compiling at every start"), "{}", server.log());
    assert_eq!(server.run("return 1 + 1", Value::Null)["result"], 2);
    assert_eq!(std::fs::read_dir(public.path()).unwrap().count(), 0);
}

/// Tells this executable, started again, which layer to take away before it becomes `mayfly`.
const WITHOUT: &str = "MAYFLY_TEST_WITHOUT";

#[test]
fn a_layer_that_the_machine_lacks_is_told_or_refused_as_configured() {
    if let Ok(layer) = std::env::var(WITHOUT) {
        become_mayfly_without(&layer);
    }
    for (layer, call_says, left) in [("Landlock", "NotImplemented", "seccomp"), ("seccomp", "seccomp", "landlock")] {
        let best_effort = Server::start_by(without(layer), folder("", ""));
        let layers = best_effort.listening["lockdown"].as_str().unwrap().to_owned();
        let lower = layer.to_ascii_lowercase();
        assert!(!layers.contains(&lower), "{layers}");
        assert!(layers.contains(left) || !has(&layers, left), "{layers}");
        let log = best_effort.log();
        assert!(log.contains("WARN") && log.contains(&format!("\"layer\":\"{layer}\"")), "{log}");
        assert_eq!(best_effort.run("return 1", Value::Null)["result"], 1);

        let folder = folder("[runtime]\nlockdown = \"required\"\n", "");
        let file = folder.path().join("mayfly.toml");
        let refused = without(layer).args(["serve", "--config"]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("mayfly: `lockdown = \"required\"`") && said.contains(call_says), "{said}");
    }
    let required = Server::start_by(mayfly(), folder("[runtime]\nlockdown = \"best-effort\"\n", ""));
    let layers = required.listening["lockdown"].as_str().unwrap().to_owned();
    if has(&layers, "landlock") && has(&layers, "seccomp") {
        let required = Server::start_with("[runtime]\nlockdown = \"required\"\n", "", &[]);
        assert_eq!(required.listening["lockdown"], json!(layers));
        assert_eq!(required.post("{\"code\": \"return 1\"}").status, 200, "{TOKEN}");
    }
}

fn without(layer: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let this = "lockdown::a_layer_that_the_machine_lacks_is_told_or_refused_as_configured";
    command.env(WITHOUT, layer).args(["--exact", this, "--nocapture", "--"]).stdout(Stdio::null());
    command
}

/// A kernel without a layer, as far as this process and its children can tell.
fn become_mayfly_without(layer: &str) {
    let call = match layer {
        "Landlock" => libc::SYS_landlock_create_ruleset,
        _ => libc::SYS_seccomp,
    };
    let rules = [(call, Vec::new())].into_iter().collect();
    let action = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, std::env::consts::ARCH.try_into().unwrap());
    let filter: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&filter).unwrap();
    let given = std::env::args().skip_while(|argument| argument != "--").skip(1);
    panic!("{}", mayfly().env_remove(WITHOUT).args(given).exec());
}
