//! What clients do with runs: begin, look, continue, cancel, follow.

use super::server::{Response, Server, TOKEN};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// One server-sent event.
#[derive(Debug)]
pub struct Event {
    pub id: u64,
    pub name: String,
    pub data: Value,
}

impl Server {
    /// `POST /v1/runs`, which must be taken.
    pub fn begin(&self, body: Value) -> Value {
        let response = self.post(&body.to_string());
        assert!([200, 202].contains(&response.status), "{}", response.text);
        response.json()
    }

    /// Begins a run with these external tools, which must pause.
    pub fn paused(&self, code: &str, external: &[&str]) -> Value {
        let external: Vec<Value> = external.iter().map(|name| json!({ "name": name })).collect();
        let object = self.begin(json!({ "code": code, "external": external }));
        assert_eq!(object["status"], "paused", "{object:#}");
        object
    }

    pub fn go_on(&self, id: &Value, body: Value) -> Response {
        let path = format!("/v1/runs/{}/continue", id.as_str().expect("an id"));
        self.request("POST", &path, &format!("authorization: Bearer {TOKEN}\r\n"), &body.to_string())
    }

    /// Gives a call its value; the run as it is then.
    pub fn answer(&self, id: &Value, call: u32, value: Value) -> Value {
        let response = self.go_on(id, json!({ "outcomes": [{ "call": call, "value": value }] }));
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()
    }

    pub fn look(&self, id: &Value) -> Response {
        self.about("GET", id)
    }

    pub fn cancel(&self, id: &Value) -> Response {
        self.about("DELETE", id)
    }

    fn about(&self, method: &str, id: &Value) -> Response {
        let path = format!("/v1/runs/{}", id.as_str().expect("an id"));
        self.request(method, &path, &format!("authorization: Bearer {TOKEN}\r\n"), "")
    }

    /// The run object, once it says that; within five seconds.
    pub fn until(&self, id: &Value, status: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let object = self.look(id).json();
            if object["status"] == status {
                return object;
            }
            assert!(Instant::now() < until, "still not {status}: {object:#}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a request, and leaves its connection to the test.
    pub fn open(&self, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: mayfly\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("sent");
        stream
    }

    /// All events of a request that asks for them.
    pub fn followed(&self, path: &str, body: Value) -> (Response, Vec<Event>) {
        let headers = format!("authorization: Bearer {TOKEN}\r\naccept: text/event-stream\r\n");
        let response = self.request("POST", path, &headers, &body.to_string());
        assert_eq!(response.header("content-type"), Some("text/event-stream"), "{}", response.text);
        let events = events(&response.text);
        (response, events)
    }
}

/// Out of the chunks of HTTP/1.1, which begin with a line of their own.
pub fn events(text: &str) -> Vec<Event> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    };
    let blocks = text.split("\n\n").filter(|block| block.contains("\nevent: "));
    let event = |block: &str| Event {
        id: field(block, "id").and_then(|id| id.parse().ok()).expect("an id"),
        name: field(block, "event").expect("a name"),
        data: serde_json::from_str(&field(block, "data").expect("data")).expect("JSON"),
    };
    blocks.map(event).collect()
}

/// What comes on a connection, up to and with these words.
pub fn read_until(stream: &mut TcpStream, words: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.contains(words) {
        let count = stream.read(&mut buffer).expect("it comes in time");
        assert!(count > 0, "the stream ended: {text}");
        text += &String::from_utf8_lossy(&buffer[..count]);
    }
    text
}
