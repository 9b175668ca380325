//! The real binary, serving a tenant from a folder of its own; and the least HTTP client that can ask it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

pub const TOKEN: &str = "mf_test-token";
/// sha256 of `TOKEN`.
pub const TOKEN_SHA256: &str = "aeeb84c0eec0316a4607d497626b12c6b022591206fd67aa1d6b37221daf5db5";

pub struct Server {
    pub address: SocketAddr,
    pub folder: TempDir,
    pub bridge_pid: u64,
    pub runtime_pid: u64,
    /// The line that said so.
    pub listening: Value,
    child: Child,
    log: Arc<Mutex<String>>,
}

pub struct Response {
    pub status: u16,
    pub head: String,
    pub text: String,
}

pub fn mayfly() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mayfly"));
    command.env("NO_COLOR", "1");
    command
}

/// A folder with `mayfly.toml` and one tenant `acme` with `TOKEN` and these rules.
pub fn folder(config: &str, rules: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!("listen = \"127.0.0.1:0\"\nstate = \"state\"\ntenants = \"tenants\"\n{config}");
    write(folder.path(), "mayfly.toml", &config);
    let tenant = format!("tenant = \"acme\"\n[[token]]\nsha256 = \"{TOKEN_SHA256}\"\nrole = \"runner\"\n{rules}");
    write(folder.path(), "tenants/acme.toml", &tenant);
    folder
}

pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

impl Server {
    pub fn start(rules: &str) -> Server {
        Server::start_with("", rules, &[])
    }

    pub fn start_with(config: &str, rules: &str, environment: &[(&str, &str)]) -> Server {
        let mut command = mayfly();
        command.envs(environment.iter().copied());
        Server::start_by(command, folder(config, rules))
    }

    /// `command` is one that leads to `mayfly`; what it must be told is added here.
    pub fn start_by(mut command: Command, folder: TempDir) -> Server {
        let mut child = command
            .args(["serve", "--config"])
            .arg(folder.path().join("mayfly.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        let mut lines =
            BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok).inspect(move |line| {
                eprintln!("{line}");
                kept.lock().expect("no poison").push_str(&format!("{line}\n"));
            });
        let listening = loop {
            let line = lines.next().expect("the server says where it listens");
            match serde_json::from_str::<Value>(&line) {
                Ok(event) if event["message"] == "listening" => break event,
                _ => {}
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let address = listening["address"].as_str().expect("an address").parse().expect("an address");
        let runtime_pid = listening["runtime_pid"].as_u64().expect("a runtime");
        // 0 where somebody else runs it.
        let bridge_pid = listening["bridge_pid"].as_u64().unwrap_or(0);
        Server { address, folder, bridge_pid, runtime_pid, listening, child, log }
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no poison").clone()
    }

    /// Whether its log comes to say this, within a second: it is written by processes that do not wait for us.
    pub fn says(&self, words: &str) -> bool {
        (0..100).any(|_| {
            let said = self.log().contains(words);
            if !said {
                std::thread::sleep(Duration::from_millis(10));
            }
            said
        })
    }

    /// The events of its log that say this.
    pub fn events(&self, message: &str) -> Vec<Value> {
        let log = self.log();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["message"] == message).collect()
    }

    pub fn post(&self, body: &str) -> Response {
        self.request("POST", "/v1/runs", &format!("authorization: Bearer {TOKEN}\r\n"), body)
    }

    /// Runs `code` and gives its run object.
    pub fn run(&self, code: &str, input: Value) -> Value {
        let response = self.post(&serde_json::json!({ "code": code, "input": input }).to_string());
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()
    }

    pub fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: mayfly\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        self.send(text.as_bytes())
    }

    /// Bytes as they are; the answer up to the end of the connection.
    pub fn send(&self, bytes: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        // A server that refuses early closes before everything is written; its answer is what counts.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Response { status, head: head.to_ascii_lowercase(), text: text.to_owned() }
    }

    /// Stops it as an operator would, and leaves its folder.
    pub fn stop(mut self) -> TempDir {
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))
    }

    /// Kills all of its processes at once, and leaves its folder.
    pub fn kill(mut self) -> TempDir {
        let pids = [u64::from(self.pid()), self.runtime_pid, self.bridge_pid].map(|pid| pid.to_string());
        let _ = Command::new("kill").arg("-9").args(pids).status();
        self.wait();
        self.stop()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("it was started")
    }
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // TERM lets it take its children along; the test runner must not wait for one that hangs.
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
