//! In: tools, and what to say when they are called. Out: an MCP server on loopback, of either generation, that can misbehave;
//! and calls of tools through a bridge.
//! May touch: loopback.
//! Security boundary: no.

use super::Seen;
use super::upstream::{Upstream, read_request, reply};
use mayfly_schemas::bridge_capnp::{failure, reply as reply_of, session};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What to say to `tools/call`.
pub enum Say {
    Result(Value),
    Error(i64, &'static str),
    /// As events of a stream, these messages and then the result.
    Events(Vec<Value>, Value),
    /// An HTTP reply as it is.
    Raw(Vec<u8>),
    /// Nothing at all.
    Hang,
}

type Answer = dyn Fn(&str, &Value) -> Say + Send + Sync;

#[derive(Clone)]
pub struct McpServer {
    pub upstream: Upstream,
    inner: Arc<Inner>,
}

struct Inner {
    newer: bool,
    tools: Mutex<Vec<Value>>,
    answer: Box<Answer>,
    sessions: Mutex<HashSet<String>>,
    opened: AtomicUsize,
    lists: AtomicUsize,
    /// Away: whoever connects is let go at once.
    away: AtomicBool,
    /// Another cursor on every page.
    endless: AtomicBool,
    messages: Seen<Value>,
    /// Counts changes that streams tell of.
    changes: (Mutex<usize>, Condvar),
}

pub fn tool(name: &str) -> Value {
    json!({ "name": name, "description": format!("The {name} of the test"), "inputSchema": { "type": "object" } })
}

impl McpServer {
    /// Speaks 2025-11-25 with sessions, or 2026-07-28 without.
    pub fn start(
        newer: bool,
        tools: &[&str],
        answer: impl Fn(&str, &Value) -> Say + Send + Sync + 'static,
    ) -> McpServer {
        let tools = Mutex::new(tools.iter().map(|name| tool(name)).collect());
        let inner = Arc::new(Inner {
            newer,
            tools,
            answer: Box::new(answer),
            sessions: Mutex::default(),
            opened: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            endless: AtomicBool::new(false),
            messages: Seen::default(),
            changes: (Mutex::new(0), Condvar::new()),
        });
        let served = inner.clone();
        let upstream = Upstream::raw(move |stream, seen| serve(&served, stream, seen));
        McpServer { upstream, inner }
    }

    pub fn url(&self) -> String {
        self.upstream.url("/mcp")
    }

    /// A set of tools at this server, without a credential.
    pub fn set(&self, name: &str) -> String {
        format!("[[tools]]\nname = \"{name}\"\nmcp = \"{}\"\nprivate = true\n", self.url())
    }

    pub fn set_with_credential(&self, name: &str) -> String {
        let credential =
            "[[credential]]\nname = \"key\"\nfrom = \"file:key\"\nheader = \"authorization\"\nformat = \"Bearer {}\"\n";
        format!("{credential}{}credential = \"key\"\n", self.set(name))
    }

    pub fn lists(&self) -> usize {
        self.inner.lists.load(SeqCst)
    }

    pub fn sessions_opened(&self) -> usize {
        self.inner.opened.load(SeqCst)
    }

    pub fn sessions(&self) -> usize {
        self.inner.sessions.lock().unwrap().len()
    }

    pub fn forget_sessions(&self) {
        self.inner.sessions.lock().unwrap().clear();
    }

    pub fn is_away(&self, away: bool) {
        self.inner.away.store(away, SeqCst);
    }

    pub fn is_endless(&self) {
        self.inner.endless.store(true, SeqCst);
    }

    /// Lists these from now on, and says so.
    pub fn lists_now(&self, tools: &[Value]) {
        *self.inner.tools.lock().unwrap() = tools.to_vec();
        *self.inner.changes.0.lock().unwrap() += 1;
        self.inner.changes.1.notify_all();
    }

    /// Messages of this method, as they came.
    pub fn messages(&self, method: &str) -> Vec<Value> {
        self.inner.messages.lock().unwrap().iter().filter(|message| message["method"] == method).cloned().collect()
    }

    pub fn all(&self) -> Vec<Value> {
        self.inner.messages.lock().unwrap().clone()
    }
}

fn serve(inner: &Inner, mut stream: TcpStream, seen: &Seen<String>) {
    if inner.away.load(SeqCst) {
        return;
    }
    while let Some(request) = read_request(&mut stream) {
        seen.lock().unwrap().push(request.clone());
        if inner.away.load(SeqCst) {
            return;
        }
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let going_on = match head.split(' ').next().unwrap() {
            "POST" => post(inner, &mut stream, head, &serde_json::from_str(body).unwrap()),
            "GET" if !inner.newer => {
                follow(inner, &mut stream, |stream| {
                    event(stream, &json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }))
                });
                false
            }
            "DELETE" => {
                inner.sessions.lock().unwrap().remove(&header(head, "mcp-session-id").unwrap_or_default());
                stream.write_all(&reply("200 OK", "", "")).is_ok()
            }
            _ => stream.write_all(&reply("405 Method Not Allowed", "", "")).is_ok(),
        };
        if !going_on {
            return;
        }
    }
}

pub fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

pub fn json_reply(value: &Value) -> Vec<u8> {
    reply("200 OK", "content-type: application/json\r\n", value.to_string())
}

fn result(id: &Value, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

fn event(stream: &mut TcpStream, message: &Value) -> bool {
    stream.write_all(format!("data: {message}\n\n").as_bytes()).is_ok()
}

fn events(stream: &mut TcpStream) -> bool {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n").is_ok()
}

/// A stream that tells of each change until nobody listens any more.
fn follow(inner: &Inner, stream: &mut TcpStream, tell: impl Fn(&mut TcpStream) -> bool) {
    let mut known = *inner.changes.0.lock().unwrap();
    events(stream);
    loop {
        let changes = inner.changes.0.lock().unwrap();
        let (changes, _) = inner.changes.1.wait_timeout(changes, Duration::from_millis(50)).unwrap();
        let now = *changes;
        drop(changes);
        if inner.away.load(SeqCst) || stream.write_all(b": still here\n\n").is_err() {
            return;
        }
        if now != known {
            known = now;
            if !tell(stream) {
                return;
            }
        }
    }
}

fn post(inner: &Inner, stream: &mut TcpStream, head: &str, message: &Value) -> bool {
    inner.messages.lock().unwrap().push(message.clone());
    let (id, method) = (&message["id"], message["method"].as_str().unwrap_or_default());
    let plain = |stream: &mut TcpStream, value: Value| stream.write_all(&json_reply(&result(id, &value))).is_ok();
    let capabilities = json!({ "tools": { "listChanged": true } });
    match (method, inner.newer) {
        ("server/discover", true) => {
            let found = json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
                "ttlMs": 0, "cacheScope": "private" });
            return plain(stream, found);
        }
        ("server/discover", false) => {
            return stream.write_all(&reply("400 Bad Request", "content-type: text/plain\r\n", "no session")).is_ok();
        }
        ("initialize", false) => {
            let number = inner.opened.fetch_add(1, SeqCst);
            let session = format!("session-{number}");
            inner.sessions.lock().unwrap().insert(session.clone());
            let value = result(
                id,
                &json!({ "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": capabilities, "serverInfo": { "name": "test", "version": "1" } }),
            );
            let headers = format!("content-type: application/json\r\nmcp-session-id: {session}\r\n");
            return stream.write_all(&reply("200 OK", &headers, value.to_string())).is_ok();
        }
        _ => {}
    }
    let session = header(head, "mcp-session-id").unwrap_or_default();
    if !inner.newer && !inner.sessions.lock().unwrap().contains(&session) {
        return stream.write_all(&reply("404 Not Found", "", "")).is_ok();
    }
    match method {
        "subscriptions/listen" if inner.newer => {
            let meta = json!({ "io.modelcontextprotocol/subscriptionId": id });
            let note = |method: &str, mut params: Value| {
                params["_meta"] = meta.clone();
                json!({ "jsonrpc": "2.0", "method": method, "params": params })
            };
            let (filter, before) = (json!({ "toolsListChanged": true }), *inner.changes.0.lock().unwrap());
            let told = AtomicUsize::new(before);
            // The acknowledgment is the first event of the stream.
            let mut first =
                Vec::from(&b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"[..]);
            let acknowledged = note("notifications/subscriptions/acknowledged", json!({ "notifications": filter }));
            first.extend(format!("data: {acknowledged}\n\n").into_bytes());
            stream.write_all(&first).unwrap();
            loop {
                std::thread::sleep(Duration::from_millis(20));
                let now = *inner.changes.0.lock().unwrap();
                if inner.away.load(SeqCst) || stream.write_all(b": still here\n\n").is_err() {
                    return false;
                }
                if told.swap(now, SeqCst) != now {
                    event(stream, &note("notifications/tools/list_changed", json!({})));
                }
            }
        }
        "tools/list" => {
            inner.lists.fetch_add(1, SeqCst);
            let mut page = json!({ "tools": inner.tools.lock().unwrap().clone() });
            if inner.newer {
                page["resultType"] = json!("complete");
                page["ttlMs"] = json!(0);
                page["cacheScope"] = json!("private");
            }
            if inner.endless.load(SeqCst) {
                page["nextCursor"] = json!(format!("page-{}", inner.lists.load(SeqCst)));
            }
            plain(stream, page)
        }
        "tools/call" => {
            let params = &message["params"];
            match (inner.answer)(params["name"].as_str().unwrap_or_default(), &params["arguments"]) {
                Say::Result(mut value) => {
                    if inner.newer && value.is_object() {
                        value["resultType"] = json!("complete");
                    }
                    plain(stream, value)
                }
                Say::Error(code, text) => {
                    let value = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": text } });
                    stream.write_all(&json_reply(&value)).is_ok()
                }
                Say::Events(before, mut value) => {
                    if inner.newer {
                        value["resultType"] = json!("complete");
                    }
                    events(stream);
                    before.iter().chain([&result(id, &value)]).for_each(|message| _ = event(stream, message));
                    false
                }
                Say::Raw(bytes) => {
                    stream.write_all(&bytes).unwrap();
                    false
                }
                Say::Hang => {
                    // Until the bridge lets go.
                    let mut buffer = [0; 1];
                    let _ = std::io::Read::read(stream, &mut buffer);
                    false
                }
            }
        }
        // Notifications, and answers to what we asked.
        _ => stream.write_all(&reply("202 Accepted", "", "")).is_ok(),
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Gave {
    /// `Null` stands for nothing at all, too.
    Value(Value),
    Bytes(Vec<u8>),
    /// The body of what waits for a yes.
    Held(Vec<u8>),
    Failure {
        kind: failure::Kind,
        message: String,
        reason: String,
        status: u16,
        body: String,
    },
}

#[derive(Clone, Debug)]
pub struct Called {
    pub gave: Gave,
    pub allowed: bool,
    pub rule: String,
    pub method: String,
    pub url: String,
    pub status: u16,
}

impl Called {
    pub fn value(&self) -> &Value {
        match &self.gave {
            Gave::Value(value) => value,
            other => panic!("no value: {other:?}"),
        }
    }

    /// Kind and message.
    pub fn failure(&self) -> (failure::Kind, &str) {
        match &self.gave {
            Gave::Failure { kind, message, .. } => (*kind, message),
            other => panic!("no failure: {other:?}"),
        }
    }
}

pub async fn call(session: &session::Client, tool: &str, args: Value) -> Called {
    call_within(session, tool, args, 10_000, 8 << 20).await
}

pub async fn call_within(
    session: &session::Client,
    tool: &str,
    args: Value,
    call_ms: u64,
    response_bytes: u64,
) -> Called {
    let mut request = session.call_request();
    let mut ask = request.get().init_ask();
    ask.set_call(1);
    ask.set_tool(tool);
    ask.set_args(args.to_string());
    ask.set_call_ms(call_ms);
    ask.set_response_bytes(response_bytes);
    let reply = request.send().promise.await.unwrap();
    read(reply.get().unwrap().get_reply().unwrap())
}

fn read(reply: reply_of::Reader<'_>) -> Called {
    let text = |text: capnp::Result<capnp::text::Reader<'_>>| text.unwrap().to_string().unwrap();
    let record = reply.get_record().unwrap();
    let verdict = record.get_verdict().unwrap();
    let gave = match reply.which().unwrap() {
        reply_of::Value(value) => {
            let value = text(value);
            Gave::Value(if value.is_empty() { Value::Null } else { serde_json::from_str(&value).unwrap() })
        }
        reply_of::Bytes(bytes) => Gave::Bytes(bytes.unwrap().to_vec()),
        reply_of::Failure(failure) => {
            let failure = failure.unwrap();
            Gave::Failure {
                kind: failure.get_kind().unwrap(),
                message: text(failure.get_message()),
                reason: text(failure.get_reason()),
                status: failure.get_status(),
                body: text(failure.get_body()),
            }
        }
        reply_of::Held(held) => Gave::Held(held.unwrap().get_body().unwrap().to_vec()),
        reply_of::Response(_) => panic!("a tool gives no response"),
    };
    Called {
        gave,
        allowed: verdict.get_allowed(),
        rule: text(verdict.get_rule()),
        method: text(record.get_method()),
        url: text(record.get_url()),
        status: record.get_status(),
    }
}
