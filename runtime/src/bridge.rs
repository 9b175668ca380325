//! In: a token, then calls of one run. Out: an admission, then answers for the isolate with their records.
//! May touch: the connection to the bridge; the runtime's only way out.
//! Security boundary: it is the runtime's side of one. Nothing secret comes through it towards us.

mod scripts;
mod translate;

pub use scripts::{
    AdmittedScript, Condition, OpenScript, RouteHosts, ScriptContent, ScriptInfo, Scripts, Tags, Target, Written,
};

use crate::isolate::{Answer, Ask};
use crate::run::CallRecord;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use mayfly_schemas::bridge_capnp::{bridge, session};
use mayfly_schemas::limits::{BRIDGE_MESSAGE_BYTES_MAX, Limits};
use mayfly_schemas::wire;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
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
}

/// What a tenant may use. Holds nothing secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    pub tenant: String,
    pub role: String,
    pub ceilings: Limits,
    pub defaults: Limits,
    pub policy_generation: u64,
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
        Bridge { door, connection: RefCell::new(None) }
    }

    /// Opens a session without waiting for its admission: calls on it are pipelined.
    pub async fn open(&self, token: &[u8], run: &str, request_id: &str) -> Result<Session, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.open_request();
        let mut ask = request.get().init_ask();
        ask.set_token(token);
        ask.set_run(run);
        ask.set_request_id(request_id);
        let sent = request.send();
        let client = sent.pipeline.get_session();
        let answer = async move {
            let response = sent.promise.await.map_err(gone)?;
            translate::admission(response.get().and_then(|answer| answer.get_answer()).map_err(gone)?)
        };
        Ok(Session { client, answer: answer.boxed_local().shared() })
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
        let connection = connect(self.door.open().await?);
        self.connection.replace(Some(connection.clone()));
        Ok(connection)
    }
}

impl Session {
    pub async fn admission(&self) -> Result<Admission, DoorError> {
        self.answer.clone().await
    }

    /// Makes one call. An error means that there is no bridge to make it; a call that failed is an answer.
    pub async fn perform(&self, ask: &Ask, limits: &Limits) -> Result<(Answer, CallRecord), DoorError> {
        match self.send(ask, limits).await {
            Err(DoorError::Unavailable(reason)) => {
                // Calls on a session that was refused fail too; then the refusal is the reason.
                self.admission().await?;
                Err(DoorError::Unavailable(reason))
            }
            done => done,
        }
    }

    async fn send(&self, ask: &Ask, limits: &Limits) -> Result<(Answer, CallRecord), DoorError> {
        if let Some(refused) = translate::too_large(ask) {
            return Ok(refused);
        }
        match translate::fetch(&self.client, ask, limits) {
            Some(request) => {
                let response = request.send().promise.await.map_err(gone)?;
                translate::reply(ask, response.get().and_then(|results| results.get_reply()).map_err(gone)?)
            }
            None => {
                let request = translate::call(&self.client, ask, limits);
                let response = request.send().promise.await.map_err(gone)?;
                translate::reply(ask, response.get().and_then(|results| results.get_reply()).map_err(gone)?)
            }
        }
        .map_err(gone)
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

fn connect(stream: UnixStream) -> Connection {
    let network = wire::network(stream, Side::Client, BRIDGE_MESSAGE_BYTES_MAX);
    let mut system = RpcSystem::new(Box::new(network), None);
    let client: bridge::Client = system.bootstrap(Side::Server);
    let alive = Rc::new(std::cell::Cell::new(true));
    let flag = alive.clone();
    tokio::task::spawn_local(async move {
        if let Err(error) = system.await {
            tracing::warn!(error = %error, "the connection to the bridge ended");
        }
        flag.set(false);
    });
    Connection { client, alive }
}

fn gone(error: capnp::Error) -> DoorError {
    DoorError::Unavailable(error.to_string())
}
