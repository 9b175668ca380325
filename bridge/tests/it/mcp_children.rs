//! Tools of an MCP server that is a command: its environment, its life and its end.

use crate::harness::mcp::{Gave, call, call_within};
use crate::harness::{Bridge, Setup, run, until};
use mayfly_schemas::bridge_capnp::failure::Kind;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SECRET: &str = "canary-of-the-environment-42";

/// Writes down what it is told, and does what the called tool's name says.
const SERVER: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
text() { answer "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }
tool() { printf '{"name":"%s","description":"%s","inputSchema":{"type":"object"}}' "$1" "$about"; }
echo $$ >> pids
echo 'hello from the child' >&2
if [ -n "$LEAK" ]; then about=$TOKEN; fi
while IFS= read -r line; do
    printf '%s\n' "$line" >> seen
    id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
    case "$line" in
        *'"method":"initialize"'*)
            answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}' ;;
        *'"method":"server/discover"'*)
            printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}\n' "$id" ;;
        *'"method":"tools/list"'*)
            answer "{\"tools\":[$(tool environment),$(tool descriptors),$(tool folder),$(tool die),$(tool hang),$(tool long),$(tool noise),$(tool leak),$(tool fork),$(tool stubborn)]}" ;;
        *'"name":"environment"'*) text "$(env | sort | tr '\n' ' ')" ;;
        *'"name":"descriptors"'*) text "$(ls /proc/$$/fd | tr '\n' ' ')" ;;
        *'"name":"folder"'*) text "$(pwd)" ;;
        *'"name":"die"'*) exit 3 ;;
        *'"name":"long"'*) head -c 20000000 /dev/zero | tr '\0' x ;;
        *'"name":"noise"'*) echo 'this is no JSON'; echo '{"odd":1}'; text fine ;;
        *'"name":"leak"'*) text "$TOKEN" ;;
        *'"name":"fork"'*) sleep 1000 & echo $! >> pids; text started ;;
        *'"name":"stubborn"'*) trap '' TERM; while :; do sleep 0.1; done ;;
        *) ;;
    esac
done
"#;

struct Scene {
    bridge: Bridge,
    token: String,
    folder: PathBuf,
}

fn scene(env: &str) -> Scene {
    let mut setup = Setup::new();
    let folder = setup.settings.tenants.clone().unwrap();
    std::fs::write(folder.join("server.sh"), SERVER).unwrap();
    setup.secret("token", SECRET);
    let file = format!("[[tools]]\nname = \"sh\"\nmcp_command = [\"sh\", \"server.sh\"]\nenv = {{ {env} }}\n");
    let token = setup.tenant("acme", &file);
    Scene { bridge: setup.start(), token, folder }
}

fn lines(folder: &Path, file: &str) -> Vec<String> {
    std::fs::read_to_string(folder.join(file)).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn is_running(pid: &str) -> bool {
    // One that is dead but not yet taken leave of has no command line.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn a_child_gets_its_own_environment_and_nothing_of_the_bridge() {
    assert!(std::env::vars_os().count() > 1, "there is something that must not be inherited");
    run(async {
        let scene = scene("ROOT = \"/data\", TOKEN = \"file:token\"");
        let opened = scene.bridge.session(&scene.token).await;
        let called = call(&opened.session, "sh.environment", json!({})).await;
        // It says its own secret, which is withheld; so here is the rest of it by another way.
        assert!(
            matches!(&called.gave, Gave::Failure { kind: Kind::Policy, reason, .. } if reason == "credential_echoed")
        );
        let pid = lines(&scene.folder, "pids")[0].clone();
        let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
        let mut names: Vec<&str> = environment.split('\0').filter_map(|line| Some(line.split_once('=')?.0)).collect();
        names.sort_unstable();
        assert_eq!(names, ["PATH", "ROOT", "TOKEN"]);
        assert!(environment.contains(&format!("TOKEN={SECRET}")) && environment.contains("ROOT=/data"));
        let called = call(&opened.session, "sh.folder", json!({})).await;
        assert_eq!(called.value().as_str().unwrap(), scene.folder.canonicalize().unwrap().to_str().unwrap());
        assert_eq!(
            (called.method.as_str(), called.url.as_str(), called.rule.as_str()),
            ("MCP", "stdio:sh", "tools sh")
        );
        assert!(called.allowed);
        let audit = scene.bridge.stop();
        assert!(
            audit.contains("\"url\":\"stdio:sh\"")
                && audit.contains("\"tool\":\"sh.folder\"")
                && !audit.contains(SECRET)
        );
    });
}

#[test]
fn a_child_has_no_descriptor_but_its_pipes() {
    use rustix::net::{AddressFamily, SocketType, socket};
    // One that is inherited by whatever is started, unless somebody sees to it.
    let _open = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    run(async {
        let scene = scene("");
        let opened = scene.bridge.session(&scene.token).await;
        let called = call(&opened.session, "sh.descriptors", json!({})).await;
        // The shell keeps its script open, and copies of its pipes.
        let pid = lines(&scene.folder, "pids")[0].clone();
        let leads =
            |number: &str| std::fs::read_link(format!("/proc/{pid}/fd/{number}")).map(|to| to.display().to_string());
        for number in called.value().as_str().unwrap().split_whitespace() {
            let Ok(to) = leads(number) else { continue };
            assert!(to.starts_with("pipe:") || to.ends_with("server.sh"), "{number} is {to}");
        }
        assert_eq!(call(&opened.session, "sh.noise", json!({})).await.value(), &json!("fine"));
    });
}

#[test]
fn a_secret_of_the_environment_is_searched_for_like_a_credential() {
    run(async {
        let scene = scene("TOKEN = \"file:token\"");
        let opened = scene.bridge.session(&scene.token).await;
        let called = call(&opened.session, "sh.leak", json!({})).await;
        let Gave::Failure { kind, reason, message, .. } = &called.gave else { panic!("{called:?}") };
        assert_eq!((*kind, reason.as_str()), (Kind::Policy, "credential_echoed"));
        assert!(!message.contains(SECRET) && !called.allowed);
    });
}

#[test]
fn a_list_of_a_child_with_a_secret_in_it_is_none() {
    run(async {
        let scene = scene("TOKEN = \"file:token\", LEAK = \"yes\"");
        let opened = scene.bridge.session(&scene.token).await;
        let called = call(&opened.session, "sh.folder", json!({})).await;
        let (kind, message) = called.failure();
        assert!(kind == Kind::Tool && message.contains("contains a credential of the tenant"), "{message}");
        assert!(!message.contains(SECRET));
    });
}

#[test]
fn a_child_that_dies_is_started_again() {
    run(async {
        let scene = scene("");
        let opened = scene.bridge.session(&scene.token).await;
        let called = call(&opened.session, "sh.die", json!({})).await;
        let (kind, message) = called.failure();
        assert!(
            kind == Kind::Tool && message.contains("the MCP server stdio:sh: the connection to it ended"),
            "{message}"
        );
        let called = call(&opened.session, "sh.folder", json!({})).await;
        if let Gave::Failure { message, .. } = &called.gave {
            assert!(message.contains("it ended with exit status: 3; it is tried again within"), "{message}");
        }
        let began = Instant::now();
        while !matches!(call(&opened.session, "sh.folder", json!({})).await.gave, Gave::Value(_)) {
            assert!(began.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(lines(&scene.folder, "pids").len(), 2);
    });
}

#[test]
fn a_child_that_dies_is_missed_though_something_holds_its_output() {
    run(async {
        let scene = scene("");
        let opened = scene.bridge.session(&scene.token).await;
        assert_eq!(call(&opened.session, "sh.fork", json!({})).await.value(), &json!("started"));
        let held = lines(&scene.folder, "pids")[1].clone();
        let called = call_within(&opened.session, "sh.die", json!({}), 8_000, 1 << 20).await;
        let (kind, message) = called.failure();
        assert!(kind == Kind::Tool && message.contains("the connection to it ended"), "{message}");
        until("it is ended", || !is_running(&held)).await;
        until("there is another", || lines(&scene.folder, "pids").len() == 3).await;
    });
}

#[test]
fn a_line_without_an_end_ends_the_child() {
    run(async {
        let scene = scene("");
        let opened = scene.bridge.session(&scene.token).await;
        let called = call(&opened.session, "sh.long", json!({})).await;
        let (kind, message) = called.failure();
        assert!(kind == Kind::Tool && message.contains("the connection to it ended"), "{message}");
        let first = lines(&scene.folder, "pids")[0].clone();
        until("it is gone", || !is_running(&first)).await;
    });
}

#[test]
fn a_call_that_takes_too_long_is_cancelled() {
    run(async {
        let scene = scene("");
        let opened = scene.bridge.session(&scene.token).await;
        assert!(matches!(call(&opened.session, "sh.folder", json!({})).await.gave, Gave::Value(_)));
        let called = call_within(&opened.session, "sh.hang", json!({}), 300, 1 << 20).await;
        assert_eq!(called.failure().0, Kind::Timeout, "{called:?}");
        let told = || lines(&scene.folder, "seen").iter().any(|line| line.contains("notifications/cancelled"));
        until("the child is told", told).await;
    });
}

#[test]
fn children_and_what_they_started_end_with_the_bridge() {
    run(async {
        let scene = scene("");
        let opened = scene.bridge.session(&scene.token).await;
        assert_eq!(call(&opened.session, "sh.fork", json!({})).await.value(), &json!("started"));
        call_within(&opened.session, "sh.stubborn", json!({}), 200, 1 << 20).await;
        let pids = lines(&scene.folder, "pids");
        assert!(pids.len() == 2 && pids.iter().all(|pid| is_running(pid)), "{pids:?}");
        drop(opened);
        let Scene { bridge, folder, .. } = scene;
        let began = Instant::now();
        bridge.stop();
        // Its supervisor gives it a fifth of a second; the machine may be busy.
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        drop(folder);
        until("nobody is left", || !pids.iter().any(|pid| is_running(pid))).await;
    });
}

#[test]
fn a_command_that_is_not_there_is_told_at_the_call() {
    run(async {
        let mut setup = Setup::new();
        let token =
            setup.tenant("acme", "[[tools]]\nname = \"gone\"\nmcp_command = [\"no-such-command-here\", \"x\"]\n");
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let called = call(&opened.session, "gone.anything", json!({})).await;
        let (kind, message) = called.failure();
        assert!(kind == Kind::Tool, "{message}");
        assert!(message.contains("`no-such-command-here` cannot be started: entity not found"), "{message}");
    });
}
