//! In: a token, then calls of one run. Out: an admission, then answers for the isolate with their records.
//! May touch: the connection to the bridge; the runtime's only way out.
//! Security boundary: it is the runtime's side of one. Nothing secret comes through it towards us.

mod durable;
mod held;
mod narrow;
mod parked;
mod scripts;
mod stored;
mod tools;
mod translate;

pub use durable::{Adopted, Orphan};
pub use held::Held;
pub use narrow::{Narrow, NotNarrowed, Told};
pub use parked::{Parked, ParkedHead, ParkedRun, ParkedState};
pub use scripts::{
    AdmittedScript, Condition, OpenScript, RouteHosts, ScriptContent, ScriptInfo, Scripts, Tags, Target, Written,
};

pub use tools::{Asker, ToolHit, ToolsFound};

use crate::isolate::{Answer, Ask, Rejection};
use crate::metrics::Metrics;
use crate::run::CallRecord;
use crate::trace;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use mayfly_schemas::bridge_capnp::{bridge, byte_stream, session};
use mayfly_schemas::limits::{BRIDGE_MESSAGE_BYTES_MAX, Limits};
use mayfly_schemas::trace::Trace;
use mayfly_schemas::wire;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

/// How this process comes to a connection.
#[derive(Clone, Debug)]
pub enum Door {
    /// It connects to the bridge's socket.
    Socket(PathBuf),
    /// It may not, and asks somebody who may; each ask is answered on its own channel.
    HandedIn(mpsc::Sender<Wanted>),
}

/// Somebody waits for a connection to the bridge, in non-blocking mode. It becomes a thing of the worker's own executor.
pub type Wanted = oneshot::Sender<std::io::Result<std::os::unix::net::UnixStream>>;

/// One connection for a worker thread, made when it is first needed and again when it broke.
pub struct Bridge {
    door: Door,
    connection: RefCell<Option<Connection>>,
    metrics: Option<Arc<Metrics>>,
}

#[derive(Clone)]
struct Connection {
    client: bridge::Client,
    alive: Rc<std::cell::Cell<bool>>,
}

/// One run's capability. Dropping it ends its calls in flight.
#[derive(Clone)]
pub struct Session {
    client: session::Client,
    answer: Shared<LocalBoxFuture<'static, Result<Admission, DoorError>>>,
    bodies: Rc<Bodies>,
    trace: Option<Trace>,
}

/// Bodies of the run's calls that are still on their way, by the number of the ask.
#[derive(Default)]
struct Bodies {
    replies: RefCell<HashMap<u32, Incoming>>,
    /// Asks whose body comes in parts, and the number of their call.
    uploads: RefCell<HashMap<u32, u32>>,
}

#[derive(Clone)]
struct Incoming {
    call: u32,
    stream: byte_stream::Client,
}

/// What comes next of a reply's body.
pub enum Part {
    Bytes { call: u32, bytes: Vec<u8>, end: bool, bytes_in: u64 },
    Broken(Rejection),
}

/// What the bridge is told of a call besides what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// It was held before, and somebody has said yes since.
    pub approved: bool,
    /// Its run is durable: a reply comes whole.
    pub durable: bool,
    /// It may have been sent before.
    pub again: bool,
}

/// What became of a call, and what is told of it.
pub struct Performed {
    pub reply: Replied,
    pub record: CallRecord,
}

pub enum Replied {
    Answer(Answer),
    /// Nothing was sent: somebody has to say yes first.
    Held(Held),
}

/// What a tenant may use. Holds nothing secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    pub tenant: String,
    pub role: String,
    pub ceilings: Limits,
    pub defaults: Limits,
    pub policy_generation: u64,
    /// Names of the tenant's sets of tools, a blank between two.
    pub tools: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    #[error("the bridge does not answer: {0}")]
    Unavailable(String),
    #[error("{detail}")]
    Refused { kind: RefusedKind, detail: String, retry_after_ms: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedKind {
    Unauthorized,
    Forbidden,
    Quota,
    Internal,
    NotFound,
    /// What a run has begun on does not hold any more; none of its calls has reached anything.
    Changed,
    /// The client's `If-Match` or `If-None-Match` does not hold.
    Condition,
    TooLarge,
    Invalid,
    Overloaded,
    StoreFull,
    StoreUnavailable,
}

/// How many tenants are loaded, how many sessions are open, what is wrong with tenant files.
#[derive(Clone, Debug)]
pub struct Status {
    pub tenants: u32,
    pub sessions: u32,
    pub mistakes: Vec<String>,
}

impl Bridge {
    pub fn new(door: Door) -> Bridge {
        Bridge { door, connection: RefCell::new(None), metrics: None }
    }

    /// The same, with its connections counted.
    pub fn counted(door: Door, metrics: Arc<Metrics>) -> Bridge {
        Bridge { metrics: Some(metrics), ..Bridge::new(door) }
    }

    /// Opens a session without waiting for its admission: calls on it are pipelined.
    pub async fn open(&self, token: &[u8], run: &str, request_id: &str) -> Result<Session, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.open_request();
        let mut ask = request.get().init_ask();
        ask.set_token(token);
        ask.set_run(run);
        ask.set_request_id(request_id);
        let trace = trace::current();
        if let Some(trace) = &trace {
            ask.set_traceparent(trace.parent());
            ask.set_tracestate(trace.state());
        }
        let sent = request.send();
        let client = sent.pipeline.get_session();
        let answer = async move {
            let response = sent.promise.await.map_err(gone)?;
            translate::admission(response.get().and_then(|answer| answer.get_answer()).map_err(gone)?)
        };
        Ok(Session { client, answer: answer.boxed_local().shared(), bodies: Rc::default(), trace })
    }

    pub async fn status(&self) -> Result<Status, DoorError> {
        let connection = self.connected().await?;
        let response = connection.client.status_request().send().promise.await.map_err(gone)?;
        translate::status(response.get().map_err(gone)?).map_err(gone)
    }

    async fn connected(&self) -> Result<Connection, DoorError> {
        if let Some(connection) = self.connection.borrow().as_ref().filter(|connection| connection.alive.get()) {
            return Ok(connection.clone());
        }
        let connection = connect(self.door.open().await?, self.metrics.clone());
        self.connection.replace(Some(connection.clone()));
        Ok(connection)
    }
}

impl Session {
    pub async fn admission(&self) -> Result<Admission, DoorError> {
        self.answer.clone().await
    }

    /// The trace of the request that began the run.
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Makes one call. An error means that there is no bridge to make it; a call that failed is an answer.
    pub async fn perform(&self, ask: &Ask, limits: &Limits, how: How) -> Result<Performed, DoorError> {
        match self.send(ask, limits, how).await {
            Err(DoorError::Unavailable(reason)) => {
                // Calls on a session that was refused fail too; then the refusal is the reason.
                self.admission().await?;
                Err(DoorError::Unavailable(reason))
            }
            done => done,
        }
    }

    async fn send(&self, ask: &Ask, limits: &Limits, how: How) -> Result<Performed, DoorError> {
        if let Some((answer, record)) = translate::too_large(ask) {
            return Ok(Performed { reply: Replied::Answer(answer), record });
        }
        match translate::fetch(&self.client, ask, limits, how) {
            Some(request) => {
                let response = request.send().promise.await.map_err(gone)?;
                let reply = response.get().and_then(|results| results.get_reply()).map_err(gone)?;
                if let Some(stream) = translate::rest(reply).map_err(gone)? {
                    self.bodies.replies.borrow_mut().insert(ask.number, Incoming { call: ask.call, stream });
                }
                translate::reply(ask, reply)
            }
            None => {
                let request = translate::call(&self.client, ask, limits, how);
                let response = request.send().promise.await.map_err(gone)?;
                translate::reply(ask, response.get().and_then(|results| results.get_reply()).map_err(gone)?)
            }
        }
        .map_err(gone)
    }
}

/// Bodies in parts.
impl Session {
    /// The body of the fetch with this number comes in parts.
    pub fn announce_upload(&self, number: u32, call: u32) {
        self.bodies.uploads.borrow_mut().insert(number, call);
    }

    /// The next part of the body of the reply to the fetch with this number.
    pub async fn read(&self, number: u32) -> Result<Part, DoorError> {
        let known = self.bodies.replies.borrow().get(&number).cloned();
        let Some(Incoming { call, stream }) = known else {
            let message = "the body of this reply is not open".to_owned();
            return Ok(Part::Broken(Rejection { name: "TypeError", message, ..Rejection::default() }));
        };
        let response = stream.read_request().send().promise.await.map_err(gone)?;
        let part = response.get().and_then(|results| results.get_part()).map_err(gone)?;
        let part = translate::part(call, part).map_err(gone)?;
        if !matches!(part, Part::Bytes { end: false, .. }) {
            self.bodies.replies.borrow_mut().remove(&number);
        }
        Ok(part)
    }

    /// The next part of the body of the fetch with this number. Gives the number of its call; nothing when nobody wants it.
    pub async fn upload(&self, number: u32, bytes: &[u8], end: bool) -> Result<Option<u32>, DoorError> {
        let known = self.bodies.uploads.borrow().get(&number).copied();
        let Some(call) = known else { return Ok(None) };
        let mut request = self.client.upload_request();
        let mut part = request.get();
        part.set_call(call);
        part.set_bytes(bytes);
        part.set_end(end);
        let response = request.send().promise.await.map_err(gone)?;
        let taken = response.get().map_err(gone)?.get_taken();
        if end || !taken {
            self.bodies.uploads.borrow_mut().remove(&number);
        }
        Ok(taken.then_some(call))
    }

    /// Nobody wants what is left of the bodies of the call with this number.
    pub fn let_go(&self, number: u32) {
        self.bodies.replies.borrow_mut().remove(&number);
        self.bodies.uploads.borrow_mut().remove(&number);
    }
}

impl Door {
    async fn open(&self) -> Result<UnixStream, DoorError> {
        match self {
            Door::Socket(socket) => UnixStream::connect(socket)
                .await
                .map_err(|error| DoorError::Unavailable(format!("{}: {error}", socket.display()))),
            Door::HandedIn(asks) => {
                let gone = || DoorError::Unavailable("nobody hands connections in any more".into());
                let (wanted, given) = oneshot::channel();
                asks.send(wanted).await.map_err(|_| gone())?;
                let given = given.await.map_err(|_| gone())?;
                given.and_then(UnixStream::from_std).map_err(|error| DoorError::Unavailable(error.to_string()))
            }
        }
    }
}

fn connect(stream: UnixStream, metrics: Option<Arc<Metrics>>) -> Connection {
    let network = wire::network(stream, Side::Client, BRIDGE_MESSAGE_BYTES_MAX);
    let mut system = RpcSystem::new(Box::new(network), None);
    let client: bridge::Client = system.bootstrap(Side::Server);
    let alive = Rc::new(std::cell::Cell::new(true));
    let flag = alive.clone();
    metrics.iter().for_each(|metrics| metrics.bridge_connected());
    tokio::task::spawn_local(async move {
        if let Err(error) = system.await {
            tracing::warn!(error = %error, "the connection to the bridge ended");
        }
        flag.set(false);
        metrics.iter().for_each(|metrics| metrics.bridge_gone());
    });
    Connection { client, alive }
}

fn gone(error: capnp::Error) -> DoorError {
    DoorError::Unavailable(error.to_string())
}
