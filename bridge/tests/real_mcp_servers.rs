//! In: the reference MCP servers of npm, in the folder that `MAYFLY_MCP_SERVERS` names (`bridge/tests/real-mcp-servers`).
//! Out: their tools work through a bridge. May touch: loopback, temporary folders, child processes.
//! Security boundary: no.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// The harness is that of the other tests, which use more of it.
#![allow(dead_code)]

#[path = "it/harness/mod.rs"]
mod harness;

use harness::mcp::{Called, Gave, call_within};
use harness::{Setup, run};
use mayfly_schemas::bridge_capnp::{failure::Kind, session};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};

fn program(name: &str) -> String {
    let folder = std::env::var("MAYFLY_MCP_SERVERS").expect("run bridge/tests/real-mcp-servers");
    format!("{folder}/.bin/mcp-server-{name}")
}

async fn call(session: &session::Client, tool: &str, args: Value) -> Called {
    call_within(session, tool, args, 30_000, 8 << 20).await
}

async fn everything(session: &session::Client) {
    let said = call(session, "everything.echo", json!({ "message": "hi" })).await;
    assert_eq!(said.value(), &json!("Echo: hi"));
    let sum = call(session, "everything.getSum", json!({ "a": 2, "b": 3 })).await;
    assert_eq!(sum.value(), &json!("The sum of 2 and 3 is 5."));
    let structured = call(session, "everything.getStructuredContent", json!({ "location": "Chicago" })).await;
    assert!(structured.value()["temperature"].is_number(), "{structured:?}");
    let image = call(session, "everything.getTinyImage", json!({})).await;
    let parts = image.value().as_array().unwrap();
    assert!(parts.iter().any(|part| part["type"] == "image" && part["data"].is_string()), "{image:?}");
    let long = json!({ "duration": 1, "steps": 3 });
    let long = call(session, "everything.triggerLongRunningOperation", long).await;
    assert!(long.value().as_str().unwrap().contains("completed"), "{long:?}");
    let links = call(session, "everything.getResourceLinks", json!({ "count": 2 })).await;
    assert!(links.value().as_array().unwrap().iter().any(|part| part["type"] == "resource_link"), "{links:?}");
    let wrong = call(session, "everything.echo", json!({ "message": 3 })).await;
    assert_eq!(wrong.failure(), (Kind::Tool, "everything.echo: message must be a string, got 3"));
}

#[test]
fn everything_over_stdio() {
    run(async {
        let mut setup = Setup::new();
        let file = format!(
            "[[tools]]\nname = \"everything\"\nmcp_command = [\"{}\"]\nenv = {{ MARK = \"here\" }}\n",
            program("everything")
        );
        let token = setup.tenant("acme", &file);
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        everything(&opened.session).await;
        let environment = call(&opened.session, "everything.getEnv", json!({})).await;
        let names: Vec<&str> = environment.value().as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["MARK", "PATH"]);
    });
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn everything_over_http() {
    run(async {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Command::new(program("everything"));
        server.arg("streamableHttp").env("PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut setup = Setup::new();
        let url = format!("http://127.0.0.1:{port}/mcp");
        let token =
            setup.tenant("acme", &format!("[[tools]]\nname = \"everything\"\nmcp = \"{url}\"\nprivate = true\n"));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        // It is started after the bridge.
        let early = call(&opened.session, "everything.echo", json!({ "message": "hi" })).await;
        assert!(early.failure().1.contains("accepts no connection"), "{early:?}");
        let _ended = Ended(server.spawn().unwrap());
        while matches!(
            call(&opened.session, "everything.echo", json!({ "message": "hi" })).await.gave,
            Gave::Failure { .. }
        ) {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        everything(&opened.session).await;
    });
}

#[test]
fn files_and_memory() {
    run(async {
        let mut setup = Setup::new();
        let data = tempfile::tempdir().unwrap();
        let root = data.path().canonicalize().unwrap().display().to_string();
        let file = format!(
            "[[tools]]\nname = \"files\"\nmcp_command = [\"{}\", \"{root}\"]\n\
             [[tools]]\nname = \"memory\"\nmcp_command = [\"{}\"]\nenv = {{ MEMORY_FILE_PATH = \"{root}/memory.jsonl\" }}\n",
            program("filesystem"),
            program("memory"),
        );
        let token = setup.tenant("acme", &file);
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let path = format!("{root}/note.txt");
        call(&opened.session, "files.write_file", json!({ "path": path, "content": "a note" })).await.value();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a note");
        let read = call(&opened.session, "files.read_text_file", json!({ "path": path })).await;
        assert_eq!(read.value(), &json!({ "content": "a note" }));
        let outside = call(&opened.session, "files.read_text_file", json!({ "path": "/etc/hostname" })).await;
        assert!(outside.failure().0 == Kind::Tool && outside.failure().1.contains("Access denied"), "{outside:?}");
        let entity = json!({ "name": "Ada", "entityType": "person", "observations": ["wrote a program"] });
        call(&opened.session, "memory.create_entities", json!({ "entities": [entity] })).await.value();
        let graph = call(&opened.session, "memory.read_graph", json!({})).await;
        assert_eq!(graph.value()["entities"][0]["name"], "Ada", "{graph:?}");
    });
}
