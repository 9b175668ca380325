//! In: a connection of a runtime. Out: the `Bridge` capability on it: sessions for those whose token says so.
//! May touch: the socket it was given.
//! Security boundary: yes; messages are capped before they are parsed, and what a connection holds dies with it.

use crate::deploy;
use crate::explain::explain;
use crate::lane::Lane;
use crate::parked;
use crate::quota::Full;
use crate::session::{Origin, Session};
use crate::tenants::Tenant;
use crate::tokens::Role;
use crate::tool_desk;
use crate::trigger;
use capnp::capability::Rc;
use capnp_rpc::{RpcSystem, new_client, rpc_twoparty_capnp::Side};
use mayfly_schemas::bridge_capnp::{admission, bridge, limits, refusal};
use mayfly_schemas::limits::{BRIDGE_ASK_BYTES_MAX, IDENTIFIER_BYTES_MAX, Limits};
use mayfly_schemas::trace::Trace;
use mayfly_schemas::wire;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

/// What one connection holds. When it ends, however it ends, so does all of this.
pub struct Connection {
    pub lane: std::rc::Rc<Lane>,
    pub ended: CancellationToken,
    /// Places of its open sessions. Not in the sessions themselves: capnp-rpc keeps cycles of references that only an
    /// orderly end takes apart, so after a panic in it a session would never be dropped.
    places: RefCell<HashMap<u64, (crate::quota::Place, Option<Open>)>>,
    sessions: Cell<u64>,
    /// Another handle of the socket, to tell the other side.
    socket: OwnedFd,
}

impl Connection {
    /// For a session, which is counted.
    pub fn seat(&self, place: crate::quota::Place) -> u64 {
        self.keep(place, Some(Open::count(&self.lane)))
    }

    /// For anything else that has a place.
    pub fn keep(&self, place: crate::quota::Place, open: Option<Open>) -> u64 {
        let number = self.sessions.get();
        self.sessions.set(number + 1);
        self.places.borrow_mut().insert(number, (place, open));
        number
    }

    pub fn leave(&self, session: u64) {
        self.places.borrow_mut().remove(&session);
    }
}

/// Ends a connection when dropped, also while a panic unwinds.
struct End(std::rc::Rc<Connection>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.ended.cancel();
        self.0.places.borrow_mut().clear();
        // Fails when the other side was first.
        let _ = rustix::net::shutdown(&self.0.socket, rustix::net::Shutdown::Both);
    }
}

/// Serves one connection until either side ends it.
pub async fn serve(lane: std::rc::Rc<Lane>, stream: UnixStream) -> Result<(), capnp::Error> {
    let socket = stream.as_fd().try_clone_to_owned()?;
    let (ended, places, sessions) = (CancellationToken::new(), RefCell::default(), Cell::new(0));
    let connection = std::rc::Rc::new(Connection { lane, ended, places, sessions, socket });
    let _end = End(connection.clone());
    let network = wire::network(stream, Side::Server, BRIDGE_ASK_BYTES_MAX);
    let door: bridge::Client = new_client(Door { connection });
    RpcSystem::new(Box::new(network), Some(door.client)).await
}

struct Door {
    connection: std::rc::Rc<Connection>,
}

impl bridge::Server for Door {
    async fn open(
        self: Rc<Self>,
        params: bridge::OpenParams,
        mut results: bridge::OpenResults,
    ) -> Result<(), capnp::Error> {
        let ask = params.get()?.get_ask()?;
        let (run, request_id) = (identifier(ask.get_run()?), identifier(ask.get_request_id()?));
        let mut results = results.get();
        let now = self.connection.lane.shared.directory.current();
        match admit(&now, ask.get_token()?) {
            Ok((tenant, role, place)) => {
                let answer = results.reborrow().init_answer();
                write_admission(answer.init_admitted(), &tenant, role, now.generation);
                let (seat, trace) = (self.connection.seat(place), trace(ask.get_traceparent()?, ask.get_tracestate()?));
                let origin = Origin { run, request_id, trace };
                results.set_session(new_client(Session::new(self.connection.clone(), seat, tenant, origin)));
            }
            Err(refused) => refused.write(results.init_answer().init_refused()),
        }
        Ok(())
    }

    async fn status(
        self: Rc<Self>,
        _: bridge::StatusParams,
        mut results: bridge::StatusResults,
    ) -> Result<(), capnp::Error> {
        let shared = &self.connection.lane.shared;
        let now = shared.directory.current();
        let mut errors: Vec<String> = now.mistakes.iter().map(ToString::to_string).collect();
        let lost = shared.audit.lost();
        if lost > 0 {
            errors.push(format!("{lost} audit records could not be written; see the log"));
        }
        let mut results = results.get();
        results.set_tenants(u32::try_from(now.tenants.len()).unwrap_or(u32::MAX));
        results.set_sessions(shared.sessions.load(Relaxed));
        results.set_config_errors(&errors[..])
    }

    async fn explain(
        self: Rc<Self>,
        params: bridge::ExplainParams,
        mut results: bridge::ExplainResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let (name, method, url) =
            (params.get_tenant()?.to_str()?, params.get_method()?.to_str()?, params.get_url()?.to_str()?);
        let mut verdict = results.get().init_verdict();
        let Some(tenant) = self.connection.lane.shared.directory.tenant(name) else {
            verdict.set_reason(format!("there is no tenant \"{name}\""));
            return Ok(());
        };
        let explanation = explain(&tenant, method, url);
        verdict.set_allowed(explanation.allowed);
        verdict.set_rule(&explanation.rule);
        verdict.set_reason(&explanation.why);
        Ok(())
    }

    async fn open_script(
        self: Rc<Self>,
        params: bridge::OpenScriptParams,
        results: bridge::OpenScriptResults,
    ) -> Result<(), capnp::Error> {
        trigger::open_script(&self.connection, params, results).await
    }

    async fn script(
        self: Rc<Self>,
        params: bridge::ScriptParams,
        results: bridge::ScriptResults,
    ) -> Result<(), capnp::Error> {
        trigger::script(&self.connection, params, results).await
    }

    async fn open_scripts(
        self: Rc<Self>,
        params: bridge::OpenScriptsParams,
        results: bridge::OpenScriptsResults,
    ) -> Result<(), capnp::Error> {
        deploy::open_scripts(&self.connection, params, results).await
    }

    async fn tools(
        self: Rc<Self>,
        params: bridge::ToolsParams,
        mut results: bridge::ToolsResults,
    ) -> Result<(), capnp::Error> {
        tool_desk::answer(&self.connection.lane, &params, &mut results).await
    }

    async fn open_parked(
        self: Rc<Self>,
        params: bridge::OpenParkedParams,
        results: bridge::OpenParkedResults,
    ) -> Result<(), capnp::Error> {
        parked::open_parked(&self.connection, params, results).await
    }

    async fn orphans(
        self: Rc<Self>,
        params: bridge::OrphansParams,
        results: bridge::OrphansResults,
    ) -> Result<(), capnp::Error> {
        parked::orphans(&self.connection, params, results).await
    }

    async fn adopt(
        self: Rc<Self>,
        params: bridge::AdoptParams,
        results: bridge::AdoptResults,
    ) -> Result<(), capnp::Error> {
        parked::adopt(&self.connection, params, results).await
    }

    async fn route_hosts(
        self: Rc<Self>,
        params: bridge::RouteHostsParams,
        mut results: bridge::RouteHostsResults,
    ) -> Result<(), capnp::Error> {
        let now = self.connection.lane.shared.directory.current();
        let mut results = results.get();
        results.set_generation(now.generation);
        if params.get()?.get_generation() == now.generation {
            return Ok(());
        }
        let (owned, shared) = now.routes.hosts();
        results.set_owned(&owned[..])?;
        results.set_shared(&shared[..])
    }
}

/// Why no session was opened.
pub struct Refused {
    kind: refusal::Kind,
    detail: String,
    retry_after_ms: u64,
}

impl Refused {
    pub fn new(kind: refusal::Kind, detail: impl Into<String>) -> Refused {
        Refused { kind, detail: detail.into(), retry_after_ms: 0 }
    }

    pub fn write(&self, mut refusal: refusal::Builder<'_>) {
        refusal.set_kind(self.kind);
        refusal.set_detail(&self.detail);
        refusal.set_retry_after_ms(self.retry_after_ms);
    }
}

type Admitted = (Arc<Tenant>, Role, crate::quota::Place);

fn admit(now: &crate::reload::Snapshot, token: &[u8]) -> Result<Admitted, Refused> {
    let (tenant, role) = now
        .tokens
        .look_up(token)
        .ok_or_else(|| Refused::new(refusal::Kind::Unauthorized, "no such token; `mayfly token new` makes one"))?;
    if !role.may_run() {
        let detail = format!("a token of role {} may not run code; use one of role runner", role.word());
        return Err(Refused::new(refusal::Kind::Forbidden, detail));
    }
    let place = enter_run(tenant).map_err(|full| {
        let (limit, value, after) = match full {
            Full::InFlight { retry_after } => ("runs_in_flight", tenant.runs_in_flight, retry_after),
            Full::PerMinute { retry_after } => ("runs_per_minute", tenant.runs_per_minute, retry_after),
        };
        let detail = format!("tenant \"{}\" is at its limit {limit} = {value}; try again later", tenant.name);
        let retry_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1);
        Refused { retry_after_ms, ..Refused::new(refusal::Kind::Quota, detail) }
    })?;
    Ok((tenant.clone(), role, place))
}

/// A place for one more run of the tenant.
pub fn enter_run(tenant: &Tenant) -> Result<crate::quota::Place, Full> {
    tenant.quota.enter(tenant.runs_in_flight, tenant.runs_per_minute, Instant::now())
}

pub fn write_admission(mut admission: admission::Builder<'_>, tenant: &Tenant, role: Role, generation: u64) {
    admission.set_tenant(&tenant.name);
    admission.set_role(role.word());
    admission.set_policy_generation(generation);
    let names = tenant.toolbox.names();
    // Fails for texts that are larger than a message.
    let _ = admission.set_tool_sets(&names[..]);
    write_limits(admission.reborrow().init_ceilings(), &tenant.ceilings);
    write_limits(admission.init_defaults(), &tenant.defaults);
}

fn write_limits(mut to: limits::Builder<'_>, from: &Limits) {
    to.set_cpu_ms(from.cpu_ms);
    to.set_wall_ms(from.wall_ms);
    to.set_call_ms(from.call_ms);
    to.set_memory_mib(from.memory_mib);
    to.set_calls(from.calls);
    to.set_calls_in_flight(from.calls_in_flight);
    to.set_source_bytes(from.source_bytes);
    to.set_input_bytes(from.input_bytes);
    to.set_result_bytes(from.result_bytes);
    to.set_log_bytes(from.log_bytes);
    to.set_log_lines(from.log_lines);
    to.set_response_bytes(from.response_bytes);
    to.set_timers(from.timers);
}

/// Of the request that a run was begun by. Looked at again: what a runtime says goes into records and requests.
pub fn trace(parent: capnp::text::Reader<'_>, state: capnp::text::Reader<'_>) -> Option<Trace> {
    Trace::parse(parent.to_str().ok()?, state.to_str().unwrap_or_default())
}

/// For the audit only: cut, never refused.
pub fn identifier(text: capnp::text::Reader<'_>) -> String {
    cut(&String::from_utf8_lossy(text.as_bytes()))
}

/// What somebody outside wrote, as it is shown.
pub fn cut(text: &str) -> String {
    text.char_indices().take_while(|(at, _)| *at < IDENTIFIER_BYTES_MAX).map(|(_, letter)| letter).collect()
}

/// Counts one open session while it lives.
pub struct Open(Arc<std::sync::atomic::AtomicU32>);

impl Open {
    fn count(lane: &Lane) -> Open {
        lane.shared.sessions.fetch_add(1, Relaxed);
        Open(lane.shared.sessions.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
