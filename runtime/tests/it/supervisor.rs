//! `mayfly serve` is three processes: what becomes of the others, and of their clients, when one is told to stop or dies.

use crate::harness::process::{gone, send};
use crate::harness::server::{Server, folder, mayfly};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A server in a process group of its own, as a terminal would start it, with an upstream that takes its time.
fn slow_server() -> (Server, Upstream) {
    let upstream = Upstream::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(500));
        respond(stream, "200 OK", "", "at last");
    });
    let rules = format!("[[rule]]\nname = \"all\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let mut command = mayfly();
    command.process_group(0);
    (Server::start_by(command, folder("", &rules)), upstream)
}

/// A run that waits for the upstream, while `meanwhile` happens to the server.
fn in_flight(server: &Server, upstream: &Upstream, meanwhile: impl FnOnce()) -> Value {
    let code = "return await (await fetch(input)).text()";
    std::thread::scope(|scope| {
        let running = scope.spawn(|| server.run(code, json!(upstream.url("/"))));
        while upstream.requests().is_empty() && !running.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
        meanwhile();
        running.join().expect("an answer")
    })
}

#[test]
fn a_run_in_flight_gets_its_answer_however_the_stop_arrives() {
    for (signal, group) in [("-TERM", false), ("-INT", false), ("-INT", true), ("-TERM", true)] {
        let (mut server, upstream) = slow_server();
        let target = format!("{}{}", if group { "-" } else { "" }, server.pid());
        let object = in_flight(&server, &upstream, || send(signal, &target));
        assert_eq!(object["result"], "at last", "{signal} {target}: {object}");
        assert!(server.wait().success(), "{signal} {target}: {}", server.log());
        for pid in [server.runtime_pid, server.bridge_pid] {
            assert!(gone(pid, Duration::from_millis(50)), "{pid} outlived the server");
        }
        assert!(!server.log().contains("starting it again"), "{}", server.log());
    }
}

#[test]
fn a_supervisor_that_is_killed_takes_its_children_along() {
    let mut server = Server::start("");
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", server.bridge_pid)).expect("the bridge");
    let socket = command.split('\0').find(|word| word.ends_with("/bridge.sock")).expect("its socket");
    let folder = std::path::Path::new(socket).parent().expect("its folder");
    assert!(folder.exists());
    send("-KILL", &server.pid().to_string());
    server.wait();
    for pid in [server.runtime_pid, server.bridge_pid] {
        assert!(gone(pid, Duration::from_secs(1)), "{pid} outlived the supervisor by a second");
    }
    assert!(!folder.exists(), "{} is left", folder.display());
}

#[test]
fn a_runtime_that_is_killed_is_started_again_and_clients_only_wait() {
    let (server, upstream) = slow_server();
    std::thread::sleep(Duration::from_millis(1_100)); // long enough alive not to count as one that cannot start
    send("-KILL", &server.runtime_pid.to_string());
    // Its socket stayed open: whoever comes now waits for the next runtime, and is not refused.
    assert_eq!(server.run("return 1", Value::Null)["result"], 1);
    assert!(server.says("the runtime serves again"), "{}", server.log());
    let again = server.events("the runtime serves again").pop().expect("the next runtime");
    assert_eq!(again["lockdown"], server.listening["lockdown"]);
    assert_ne!(again["runtime_pid"], server.listening["runtime_pid"]);
    // It has its way to the bridge, which is the same, and stops as the first one would have.
    assert_eq!(in_flight(&server, &upstream, || ())["result"], "at last");
    assert!(!gone(server.bridge_pid, Duration::from_millis(10)));
}

#[test]
fn a_runtime_that_keeps_dying_ends_the_server() {
    let mut server = Server::start("");
    let mut pid = server.runtime_pid;
    for death in 1..=10 {
        send("-KILL", &pid.to_string());
        let next = std::iter::repeat_with(|| server.events("the runtime serves again").get(death - 1).cloned());
        let next =
            next.take(1_000).find(|event| event.is_some() || gone(server.pid().into(), Duration::from_millis(10)));
        match next.flatten() {
            Some(event) => pid = event["runtime_pid"].as_u64().expect("a process"),
            None => break,
        }
    }
    assert_eq!(server.wait().code(), Some(5), "{}", server.log());
    assert!(server.says("the runtime ended 5 times in a row"), "{}", server.log());
    assert!(gone(server.bridge_pid, Duration::from_secs(1)));
}

#[test]
fn a_bridge_that_somebody_else_runs_is_connected_to_and_left_alone() {
    let folder = folder("[bridge]\nsocket = \"own.sock\"\n", "");
    let socket = folder.path().join("own.sock");
    let mut bridge = mayfly()
        .arg("bridge")
        .arg("--config")
        .arg(folder.path().join("mayfly.toml"))
        .arg("--socket")
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .expect("a bridge");
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut server = Server::start_by(mayfly(), folder);
    assert!(server.listening.get("bridge_pid").is_none(), "{}", server.listening);
    assert_eq!(server.run("return 1", Value::Null)["result"], 1);
    send("-TERM", &server.pid().to_string());
    assert!(server.wait().success());
    assert!(bridge.try_wait().expect("ours").is_none(), "the server ended a bridge that is not its own");
    send("-TERM", &bridge.id().to_string());
    assert!(bridge.wait().expect("ours").success());
}

#[test]
fn the_runtime_inherits_no_credential_and_no_descriptor() {
    const CANARY: &str = "canary-5c1f7be2";
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "hello"));
    let rules = format!(
        "[[credential]]\nname = \"key\"\nfrom = \"env:MAYFLY_TEST_CANARY\"\nheader = \"x-key\"\n\
         [[rule]]\nname = \"it\"\nallow = \"http://{}/**\"\nprivate = true\ncredential = \"key\"\n",
        upstream.address
    );
    // Whoever starts the server may have left something open.
    let (read, _write) = std::io::pipe().unwrap();
    rustix::io::fcntl_setfd(&read, rustix::io::FdFlags::empty()).unwrap();
    let left_open = std::fs::read_link(format!("/proc/self/fd/{}", read.as_raw_fd())).unwrap().display().to_string();
    let any_child = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&any_child).contains(&left_open), "it is not inherited at all");
    // Locked down, its environment belongs to root; without, whoever runs this test may read it.
    let server = Server::start_with("[runtime]\nlockdown = \"off\"\n", &rules, &[("MAYFLY_TEST_CANARY", CANARY)]);
    assert_eq!(server.listening["lockdown"], "off");
    let proc = |pid: u64, file: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/{file}")).unwrap()).into_owned()
    };
    let environment = proc(server.runtime_pid, "environ");
    assert!(environment.contains("NO_COLOR=1"), "{environment}");
    assert!(!environment.contains("MAYFLY_TEST_CANARY") && !environment.contains(CANARY), "{environment}");
    assert!(!proc(server.runtime_pid, "cmdline").contains(CANARY));
    for descriptor in std::fs::read_dir(format!("/proc/{}/fd", server.runtime_pid)).unwrap().flatten() {
        let what = std::fs::read_link(descriptor.path()).unwrap_or_default().display().to_string();
        let standard = ["0", "1", "2"].contains(&descriptor.file_name().to_str().unwrap());
        let own = ["socket:", "anon_inode:[event", "/proc/"].iter().any(|kind| what.starts_with(kind));
        let code = what.contains("/engine-") || what.contains("/transpiler-");
        assert!(what != left_open && (standard || own || code), "{what}");
    }
    // And the bridge has it: the call arrives with the key.
    let object = server.run("return (await fetch(input)).status", json!(upstream.url("/")));
    assert_eq!(object["result"], 200, "{object}");
    assert!(upstream.requests()[0].contains(CANARY));
}

#[test]
fn an_address_in_use_is_told_as_ever_and_leaves_nothing_behind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it").to_string();
    let folder = folder("", "");
    let file = folder.path().join("mayfly.toml").display().to_string();
    let output = mayfly().args(["serve", "--config", &file, "--listen", &address]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.starts_with(&format!("mayfly: {address}: "))), (Some(2), true), "{said}");
}

#[test]
fn the_runtime_is_nothing_to_be_started_by_hand() {
    let output = mayfly().arg("runtime").stdin(Stdio::null()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`mayfly serve` starts the runtime"), "{said}");
    let help = mayfly().arg("--help").output().expect("it runs");
    assert!(!String::from_utf8_lossy(&help.stdout).contains("  runtime"));
}
