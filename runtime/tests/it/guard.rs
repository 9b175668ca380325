//! Commands of `mcp_command`, and what becomes of them when the bridge has no time to end them.

use crate::harness::process::{gone, send};
use crate::harness::server::{Server, folder, mayfly, write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Ends at nothing that can be ignored, and has a child that does not either.
const STUBBORN: &str = r#"
trap '' HUP INT TERM USR1
sh -c 'echo $$ >> pids; while :; do sleep 0.2; done' &
echo $$ >> pids
while :; do sleep 0.2; done
"#;

const TOOLS: &str =
    "[[tools]]\nname = \"stubborn\"\nmcp_command = [\"sh\", \"server.sh\"]\nenv = { KEY = \"a value\" }\n";

/// A server, its command, and what the command started.
fn stubborn() -> (Server, [u64; 2]) {
    let folder = folder("", TOOLS);
    write(folder.path(), "tenants/server.sh", STUBBORN);
    let server = Server::start_by(mayfly(), folder);
    let pids = wait_for(&server.folder.path().join("tenants/pids"), 2);
    let pids = [0, 1].map(|at: usize| pids[at].parse().expect("a number"));
    assert!(pids.iter().all(|pid| !gone(*pid, Duration::from_millis(20))), "{pids:?} do not live");
    (server, pids)
}

/// The lines of a file, when it has so many.
fn wait_for(file: &Path, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.ends_with('\n') && text.lines().count() >= count {
            return text.lines().map(str::to_owned).collect();
        }
        assert!(Instant::now() < until, "{}: {text:?}", file.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stat(pid: u64, field: usize) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let rest = stat.rsplit(')').next().expect("what follows its name");
    rest.split_whitespace().nth(field).and_then(|number| number.parse().ok()).expect("a number")
}

fn parent(pid: u64) -> u64 {
    stat(pid, 1)
}

fn command_of(pids: [u64; 2]) -> u64 {
    *pids.iter().find(|pid| !pids.contains(&parent(**pid))).expect("one of them is the command")
}

#[test]
fn a_command_and_what_it_started_end_when_the_bridge_is_killed() {
    let (server, pids) = stubborn();
    let guard = parent(command_of(pids));
    send("-KILL", &server.bridge_pid.to_string());
    for pid in pids.into_iter().chain([guard]) {
        assert!(gone(pid, Duration::from_secs(4)), "{pid} of {pids:?} outlived the bridge");
    }
    // The next bridge has a command of its own, under a guard of its own.
    let again = wait_for(&server.folder.path().join("tenants/pids"), 4);
    assert!(again.len() == 4 && !gone(again[3].parse().expect("a number"), Duration::from_millis(20)), "{again:?}");
}

#[test]
fn a_command_and_what_it_started_end_when_the_supervisor_is_killed() {
    let (mut server, pids) = stubborn();
    send("-KILL", &server.pid().to_string());
    server.wait();
    for pid in pids {
        assert!(gone(pid, Duration::from_secs(4)), "{pid} of {pids:?} outlived the supervisor");
    }
}

#[test]
fn a_command_and_what_it_started_end_when_their_guard_is_killed() {
    let (server, pids) = stubborn();
    let command = command_of(pids);
    send("-KILL", &parent(command).to_string());
    for pid in pids {
        assert!(gone(pid, Duration::from_secs(4)), "{pid} of {pids:?} outlived the guard");
    }
    assert!(!gone(server.bridge_pid, Duration::from_millis(20)));
}

#[test]
fn a_command_ends_with_everything_that_is_called_mayfly() {
    let (server, pids) = stubborn();
    let command = command_of(pids);
    let all = [u64::from(server.pid()), server.runtime_pid, server.bridge_pid, parent(command)];
    let killed =
        Command::new("kill").arg("-KILL").args(all.map(|pid| pid.to_string())).status().expect("there is `kill`");
    assert!(killed.success());
    assert!(gone(command, Duration::from_secs(4)), "{command} outlived all of {all:?}");
    // What it started is nobody's then; SECURITY.md says so.
    for pid in pids.into_iter().filter(|pid| *pid != command) {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
}

#[test]
fn a_guarded_command_has_its_own_environment_and_no_descriptor_but_its_pipes() {
    let script = "echo $$ > pid\ntr '\\0' '\\n' < /proc/$$/environ | cut -d= -f1 > names\nls -l /proc/$$/fd | sed -n 's/.*-> //p' > open\n\
                  tr '\\0' ' ' < /proc/$PPID/cmdline > guard\nls -l /proc/$PPID/fd | sed -n 's/.*-> //p' > kept\ncat > /dev/null\n";
    let folder = folder("", TOOLS);
    write(folder.path(), "tenants/server.sh", script);
    let server = Server::start_by(mayfly(), folder);
    let tenants = server.folder.path().join("tenants");
    let kept = wait_for(&tenants.join("kept"), 3);
    assert!(!kept.iter().any(|to| to.starts_with("pipe:")), "the guard keeps {kept:?}");
    let mut names = wait_for(&tenants.join("names"), 2);
    names.sort_unstable();
    assert_eq!(names, ["KEY", "PATH"]);
    let open = wait_for(&tenants.join("open"), 3);
    let strange = open.iter().find(|to| !to.starts_with("pipe:") && !to.ends_with("server.sh"));
    assert!(strange.is_none() || strange.is_some_and(|to| to.ends_with("/open")), "{open:?}");
    let command: u64 =
        std::fs::read_to_string(tenants.join("pid")).expect("its number").trim().parse().expect("a number");
    assert_eq!(stat(command, 2), parent(command), "the guard leads the group");
    assert_eq!(parent(parent(command)), server.bridge_pid);
    let guard = std::fs::read_to_string(tenants.join("guard")).expect("its command line");
    assert!(guard.ends_with(&format!(" guard --parent {} -- sh server.sh ", server.bridge_pid)), "{guard}");
}

#[test]
fn commands_of_a_single_run_are_guarded_too() {
    let folder = folder(
        "",
        "[[tools]]\nname = \"one\"\nmcp_command = [\"sh\", \"-c\", \"tr '\\\\0' ' ' < /proc/$PPID/cmdline > guard\"]\n",
    );
    write(folder.path(), "script.ts", "return await tools.one.anything().catch((error) => error.message)");
    let output = mayfly().arg("run").arg(folder.path().join("script.ts")).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("it ended with exit status: 0"), "{said}");
    let guard = std::fs::read_to_string(folder.path().join("tenants/guard")).expect("its command line");
    assert!(guard.contains(" guard --parent "), "{guard}");
}

#[test]
fn a_command_that_is_not_there_is_told_at_the_call() {
    let server = Server::start("[[tools]]\nname = \"gone\"\nmcp_command = [\"no-such-command-here\", \"x\"]\n");
    let object =
        server.run("return await tools.gone.anything().catch((error) => error.message)", serde_json::Value::Null);
    let said = object["result"].as_str().expect("a message");
    assert!(said.contains("exit status: 127 (no such command)"), "{said}");
    assert!(server.says("`no-such-command-here` cannot be started"), "{}", server.log());
}

/// The guard by itself, as the bridge starts it.
fn guarded(parent: u32, words: &[&str]) -> std::process::Output {
    let mut guard = mayfly();
    guard.args(["guard", "--parent", &parent.to_string(), "--"]).args(words).process_group(0);
    guard.stdin(Stdio::null()).output().expect("it runs")
}

#[test]
fn a_guard_hands_on_how_its_command_ended_and_survives_what_is_sent_to_the_group() {
    let ended = |words: &[&str]| guarded(std::process::id(), words);
    assert_eq!(ended(&["sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(ended(&["sh", "-c", "kill -KILL $$"]).status.code(), Some(128 + 9));
    assert_eq!(ended(&["/"]).status.code(), Some(126));
    for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM"] {
        let script = format!("trap 'exit 9' {signal}; kill -{signal} 0; sleep 0.1; echo unheard; exit 3");
        let output = ended(&["sh", "-c", &script]);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(9), b"".as_slice()), "{signal}");
    }
    let output = ended(&["printf", "%s.", "--", "-x", "a b"]);
    assert_eq!(output.stdout, b"--.-x.a b.");
}

#[test]
fn a_guard_whose_parent_is_another_starts_nothing() {
    let output = guarded(1, &["echo", "started"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(5), b"".as_slice()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("has ended"));
}
