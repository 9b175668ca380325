//! In: a tenant file. Out: a bridge that serves it, and clients of it.
//! May touch: loopback and temporary folders.
//! Security boundary: no.

pub mod log;
pub mod mcp;
pub mod peer;
pub mod postgres;
pub mod upstream;

use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side, twoparty::VatNetwork};
use futures::future::FutureExt;
use mayfly_bridge::{Answer, Inline, Lookup, LookupFailed, Settings, World, new_token, serve_in};
use mayfly_schemas::bridge_capnp::{bridge, byte_stream, failure, fetch_ask, open_answer, refusal, reply, session};
use mayfly_schemas::limits::{CEILINGS, DEFAULTS};
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

/// Every test ends, at the latest, after this.
const TEST_MAX: Duration = Duration::from_secs(60);

pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async { tokio::time::timeout(TEST_MAX, test).await.expect("the test took too long") })
}

pub struct Bridge {
    pub folder: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A bridge to be.
pub struct Setup {
    pub settings: Settings,
    pub world: World,
    pub folder: tempfile::TempDir,
}

impl Setup {
    pub fn new() -> Setup {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tenants")).unwrap();
        let settings = Settings {
            tenants: Some(folder.path().join("tenants")),
            inline: Vec::new(),
            tokens: Vec::new(),
            state: Some(folder.path().join("state")),
            database: None,
            master_key: None,
            host: None,
            trace_upstreams: false,
            guard: None,
            ceilings: CEILINGS,
            defaults: DEFAULTS,
        };
        Setup { settings, world: World::default(), folder }
    }

    /// A tenant whose file is `rest` after its name and token; gives the token.
    pub fn tenant(&mut self, name: &str, rest: &str) -> String {
        let (token, text) = tenant_file(name, rest);
        self.write(name, &text);
        token
    }

    pub fn write(&self, name: &str, text: &str) {
        write_tenant(&self.settings, name, text);
    }

    pub fn inline(&mut self, name: &str, rest: &str) -> String {
        let (token, text) = tenant_file(name, rest);
        let folder = self.folder.path().to_owned();
        self.settings.inline.push(Inline { file: format!("{name}.toml"), text, folder });
        token
    }

    pub fn secret(&self, name: &str, value: &str) {
        std::fs::write(self.folder.path().join("tenants").join(name), value).unwrap();
    }

    pub fn names(&mut self, names: &[(&str, &[&str])]) {
        let list = |addresses: &&[&str]| addresses.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let names: HashMap<String, Vec<IpAddr>> =
            names.iter().map(|(name, addresses)| ((*name).to_owned(), list(addresses))).collect();
        self.lookup(move |name| Ok(names.get(name).cloned()));
    }

    /// Answers live for no time at all, so each call asks again.
    pub fn lookup(
        &mut self,
        answer: impl Fn(&str) -> Result<Option<Vec<IpAddr>>, LookupFailed> + Send + Sync + 'static,
    ) {
        let lookup: Lookup = Arc::new(move |name| {
            let answer: Result<Answer, _> = answer(&name).map(|found| found.map(|list| (list, Instant::now())));
            std::future::ready(answer).boxed()
        });
        self.world.lookup = Some(lookup);
    }

    pub fn start(self) -> Bridge {
        let Setup { settings, world, folder } = self;
        let listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let stopped = async { drop(stopped.await) };
            runtime.block_on(serve_in(world, settings, listener, stopped)).unwrap();
        };
        Bridge { folder, stop: Some(stop), thread: Some(std::thread::spawn(serve)) }
    }
}

pub fn tenant_file(name: &str, rest: &str) -> (String, String) {
    let (token, sha256) = new_token();
    (token, format!("tenant = \"{name}\"\n[[token]]\nsha256 = \"{sha256}\"\nrole = \"runner\"\n{rest}"))
}

pub fn write_tenant(settings: &Settings, name: &str, text: &str) {
    std::fs::write(settings.tenants.as_ref().unwrap().join(format!("{name}.toml")), text).unwrap();
}

/// An allow rule for one place on loopback.
pub fn allow_private(name: &str, url: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\nallow = \"{url}\"\nprivate = true\n")
}

pub fn with_credential(url: &str) -> String {
    let credential =
        "[[credential]]\nname = \"key\"\nfrom = \"file:key\"\nheader = \"authorization\"\nformat = \"Bearer {}\"\n";
    format!("{credential}{}credential = \"key\"\n", allow_private("api", url))
}

impl Bridge {
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub fn tenants(&self) -> PathBuf {
        self.folder.path().join("tenants")
    }

    pub async fn connect(&self) -> Connection {
        let stream = std::os::unix::net::UnixStream::connect(self.socket()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let socket = stream.try_clone().unwrap();
        let (read, write) = tokio::net::UnixStream::from_std(stream).unwrap().into_split();
        let mut options = capnp::message::ReaderOptions::new();
        options.traversal_limit_in_words(Some(32 << 20));
        let network = VatNetwork::new(read.compat(), write.compat_write(), Side::Client, options);
        let mut rpc = RpcSystem::new(Box::new(network), None);
        let bridge = rpc.bootstrap(Side::Server);
        let driver = tokio_util::task::AbortOnDropHandle::new(tokio::task::spawn_local(async move { drop(rpc.await) }));
        Connection { bridge, socket, _driver: driver }
    }

    pub async fn session(&self, token: &str) -> Opened {
        let connection = self.connect().await;
        let session = connection.open(token).await.unwrap();
        Opened { session, connection }
    }

    /// Ends the bridge and gives its audit.
    pub fn stop(mut self) -> String {
        self.end();
        std::fs::read_to_string(self.folder.path().join("state/audit.jsonl")).unwrap()
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

pub struct Connection {
    pub bridge: bridge::Client,
    socket: std::os::unix::net::UnixStream,
    _driver: tokio_util::task::AbortOnDropHandle<()>,
}

/// A session and the connection it lives on.
pub struct Opened {
    pub session: session::Client,
    pub connection: Connection,
}

#[derive(Debug, PartialEq)]
pub struct Refused {
    pub kind: refusal::Kind,
    pub detail: String,
    pub retry_after_ms: u64,
}

impl Connection {
    /// As when this process dies: nothing is released.
    pub fn cut(&self) {
        self.socket.shutdown(std::net::Shutdown::Both).unwrap();
    }

    pub async fn open(&self, token: &str) -> Result<session::Client, Refused> {
        let mut request = self.bridge.open_request();
        let mut ask = request.get().init_ask();
        ask.set_token(token.as_bytes());
        ask.set_run("run_1");
        ask.set_request_id("request_1");
        let reply = request.send().promise.await.unwrap();
        let reply = reply.get().unwrap();
        match reply.get_answer().unwrap().which().unwrap() {
            open_answer::Admitted(_) => Ok(reply.get_session().unwrap()),
            open_answer::Refused(refused) => {
                let refused = refused.unwrap();
                Err(Refused {
                    kind: refused.get_kind().unwrap(),
                    detail: refused.get_detail().unwrap().to_string().unwrap(),
                    retry_after_ms: refused.get_retry_after_ms(),
                })
            }
        }
    }

    pub async fn status(&self) -> (u32, u32, Vec<String>) {
        let reply = self.bridge.status_request().send().promise.await.unwrap();
        let reply = reply.get().unwrap();
        let errors = reply.get_config_errors().unwrap().iter().map(|text| text.unwrap().to_string().unwrap()).collect();
        (reply.get_tenants(), reply.get_sessions(), errors)
    }
}

/// One fetch; fields that do not matter stay as they are.
#[derive(Clone)]
pub struct Ask {
    pub call: u32,
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub redirect: fetch_ask::Redirect,
    pub call_ms: u64,
    pub response_bytes: u64,
    pub upload: bool,
    pub stream: bool,
}

pub fn get(url: impl Into<String>) -> Ask {
    Ask {
        call: 1,
        method: "GET",
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        redirect: fetch_ask::Redirect::Follow,
        call_ms: 10_000,
        response_bytes: 8 << 20,
        upload: false,
        stream: false,
    }
}

/// A reply in parts, if it does not come at once.
pub fn get_stream(url: impl Into<String>) -> Ask {
    Ask { stream: true, ..get(url) }
}

/// A body in parts, for the call with this number.
pub fn post_upload(call: u32, url: impl Into<String>) -> Ask {
    Ask { call, method: "POST", upload: true, ..get_stream(url) }
}

impl Ask {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Ask {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Response { status: u16, text: String, headers: Vec<(String, String)>, url: String, redirected: bool, body: Vec<u8> },
    Failure { kind: failure::Kind, message: String, reason: String, rule: String, method: String, url: String },
    Held { method: String, url: String, body: Vec<u8> },
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub got: Got,
    pub allowed: bool,
    pub rule: String,
    pub record_url: String,
    pub micros: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub rest: Option<Rest>,
}

/// What comes after the body that was in the reply.
#[derive(Clone)]
pub struct Rest(byte_stream::Client);

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rest")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub bytes: Vec<u8>,
    pub end: bool,
    /// Kind, message and reason.
    pub failure: Option<(failure::Kind, String, String)>,
    pub bytes_in: u64,
}

impl Rest {
    pub async fn try_read(&self) -> Result<Part, capnp::Error> {
        let reply = self.0.read_request().send().promise.await?;
        let part = reply.get()?.get_part()?;
        let failure = part.has_failure().then(|| {
            let failure = part.get_failure().unwrap();
            let text = |text: capnp::text::Reader<'_>| text.to_string().unwrap();
            (failure.get_kind().unwrap(), text(failure.get_message().unwrap()), text(failure.get_reason().unwrap()))
        });
        Ok(Part { bytes: part.get_bytes()?.to_vec(), end: part.get_end(), failure, bytes_in: part.get_bytes_in() })
    }

    pub async fn read(&self) -> Part {
        self.try_read().await.unwrap()
    }

    /// All that is left, and the last part.
    pub async fn all(&self) -> (Vec<u8>, Part) {
        let mut bytes = Vec::new();
        loop {
            let part = self.read().await;
            bytes.extend_from_slice(&part.bytes);
            if part.end {
                return (bytes, part);
            }
        }
    }
}

impl Outcome {
    pub fn rest(&self) -> &Rest {
        self.rest.as_ref().unwrap_or_else(|| panic!("no stream: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        match &self.got {
            Got::Response { headers, .. } => {
                headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
            }
            failure => panic!("no response: {failure:?}"),
        }
    }

    pub fn body(&self) -> String {
        match &self.got {
            Got::Response { body, .. } => String::from_utf8_lossy(body).into_owned(),
            failure => panic!("no response: {failure:?}"),
        }
    }

    pub fn status(&self) -> u16 {
        match &self.got {
            Got::Response { status, .. } => *status,
            failure => panic!("no response: {failure:?}"),
        }
    }

    pub fn reason(&self) -> &str {
        match &self.got {
            Got::Failure { kind: failure::Kind::Policy, reason, .. } => reason,
            other => panic!("not refused by policy: {other:?}"),
        }
    }

    pub fn failure(&self) -> (failure::Kind, &str) {
        match &self.got {
            Got::Failure { kind, message, .. } => (*kind, message),
            other => panic!("no failure: {other:?}"),
        }
    }
}

pub async fn fetch(session: &session::Client, ask: &Ask) -> Outcome {
    send(session, ask).await.unwrap()
}

pub async fn send(session: &session::Client, ask: &Ask) -> Result<Outcome, capnp::Error> {
    let mut request = session.fetch_request();
    let mut to = request.get().init_ask();
    to.set_call(ask.call);
    to.set_upload(ask.upload);
    to.set_stream(ask.stream);
    to.set_method(ask.method);
    to.set_url(&ask.url);
    to.set_body(&ask.body);
    to.set_redirect(ask.redirect);
    to.set_call_ms(ask.call_ms);
    to.set_response_bytes(ask.response_bytes);
    let mut headers = to.init_headers(ask.headers.len() as u32);
    for (at, (name, value)) in (0..).zip(&ask.headers) {
        let mut header = headers.reborrow().get(at);
        header.set_name(name);
        header.set_value(value);
    }
    let reply = request.send().promise.await?;
    read(reply.get()?.get_reply()?)
}

/// One part of the body of a call; whether it was taken.
pub async fn upload(session: &session::Client, call: u32, bytes: &[u8], end: bool) -> bool {
    let mut request = session.upload_request();
    let mut to = request.get();
    to.set_call(call);
    to.set_bytes(bytes);
    to.set_end(end);
    request.send().promise.await.unwrap().get().unwrap().get_taken()
}

fn read(reply: reply::Reader<'_>) -> Result<Outcome, capnp::Error> {
    let record = reply.get_record()?;
    let verdict = record.get_verdict()?;
    let mut rest = None;
    let got = match reply.which()? {
        reply::Response(response) => {
            let response = response?;
            rest = if response.has_stream() { Some(Rest(response.get_stream()?)) } else { None };
            let header = |header: mayfly_schemas::bridge_capnp::header::Reader<'_>| {
                let value = String::from_utf8_lossy(header.get_value().unwrap()).into_owned();
                (header.get_name().unwrap().to_string().unwrap(), value)
            };
            Got::Response {
                status: response.get_status(),
                text: response.get_status_text()?.to_string()?,
                headers: response.get_headers()?.iter().map(header).collect(),
                url: response.get_url()?.to_string()?,
                redirected: response.get_redirected(),
                body: response.get_body()?.to_vec(),
            }
        }
        reply::Failure(failure) => {
            let failure = failure?;
            Got::Failure {
                kind: failure.get_kind()?,
                message: failure.get_message()?.to_string()?,
                reason: failure.get_reason()?.to_string()?,
                rule: failure.get_rule()?.to_string()?,
                method: failure.get_method()?.to_string()?,
                url: failure.get_url()?.to_string()?,
            }
        }
        reply::Held(held) => {
            let held = held?;
            Got::Held {
                method: held.get_method()?.to_string()?,
                url: held.get_url()?.to_string()?,
                body: held.get_body()?.to_vec(),
            }
        }
        reply::Value(_) | reply::Bytes(_) => panic!("fetch gives no value"),
    };
    Ok(Outcome {
        got,
        allowed: verdict.get_allowed(),
        rule: verdict.get_rule()?.to_string()?,
        record_url: record.get_url()?.to_string()?,
        micros: record.get_micros(),
        bytes_in: record.get_bytes_in(),
        bytes_out: record.get_bytes_out(),
        rest,
    })
}

/// Waits until something that happens elsewhere has happened.
pub async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < Duration::from_secs(10), "did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub type Seen<T> = Arc<Mutex<Vec<T>>>;
