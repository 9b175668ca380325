//! In: a call of a run. Out: its reply, after every room in its order: ask, decide, resolve, sign, dial, scrub, record; a
//! redirect begins again.
//! May touch: what those rooms may.
//! Security boundary: yes; the tenant is the run's own, no message names one.

use crate::approvals::{self, Held as HeldCall};
use crate::ask::{Ask, Body};
use crate::audit::{self, Entry};
use crate::budget::Held;
use crate::decide::{Permit, decide};
use crate::dial::dial;
use crate::failure::{Failure, Reason};
use crate::lane::Lane;
use crate::mcp;
use crate::messages::{Fetch, ToolCall, read_fetch, write_held, write_refusal, write_response};
use crate::own::Own;
use crate::patience::{gather, in_time};
use crate::record::Call;
use crate::redirect;
use crate::resolve::pin;
use crate::scrub::{CleanBody, CleanHead, scrub};
use crate::sign::sign;
use crate::stream::{self, Place, Rest, Streams};
use crate::tenants::Tenant;
use crate::tool_call;
use crate::upload::Uploads;
use crate::webhook;
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use mayfly_schemas::bridge_capnp::{fetch_ask, session};
use mayfly_schemas::limits::{BODY_INLINE_BYTES_MAX, REDIRECTS_MAX, STREAMS_OPEN_MAX};
use mayfly_schemas::trace::Trace;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Where a run comes from, for its records.
#[derive(Clone)]
pub struct Origin {
    pub run: String,
    pub request_id: String,
    pub trace: Option<Trace>,
}

/// One run, as its session has it.
pub struct Run {
    pub lane: Rc<Lane>,
    /// As admitted: name and limits. Rules are looked up anew for each call, so that a change of the file holds at once.
    pub tenant: Arc<Tenant>,
    pub origin: Origin,
    pub calls: Cell<u32>,
    calls_in_flight: Cell<u32>,
    pub narrowed: Cell<bool>,
    streams: Rc<Streams>,
    pub uploads: Rc<Uploads>,
    /// What the run asked for itself.
    pub own: RefCell<Rc<Own>>,
    pub released: CancellationToken,
}

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How far a call came.
pub enum Walked {
    Arrived(Box<Arrived>),
    /// Nothing was sent: somebody has to say yes first.
    Held(HeldCall),
}

/// What is known of a yes to a call before its rule is.
#[derive(Clone, Copy)]
struct Approval {
    needed: bool,
    given: bool,
}

pub struct Arrived {
    head: CleanHead,
    url: String,
    redirected: bool,
    body: BytesMut,
    /// Its share of the memory that bodies may take; given back with the reply.
    _held: Held,
    /// What comes after `body`.
    rest: Option<(CleanBody, Place)>,
}

impl Run {
    pub fn new(lane: Rc<Lane>, tenant: Arc<Tenant>, origin: Origin, released: CancellationToken) -> Run {
        let (calls, calls_in_flight, streams) = (Cell::new(0), Cell::new(0), Rc::default());
        let uploads = Uploads::new(tenant.ceilings.calls, lane.shared.budget.clone(), released.clone());
        let (own, narrowed) = (RefCell::default(), Cell::new(false));
        Run { lane, tenant, origin, calls, calls_in_flight, narrowed, streams, uploads, own, released }
    }

    /// Of a run that was taken up.
    pub fn owns(&self, own: Own) {
        self.own.replace(Rc::new(own));
    }

    pub fn call(&self, number: u32) -> Call {
        Call::start(self.entry(number), self.lane.shared.audit.clone())
    }

    fn entry(&self, number: u32) -> Entry {
        let (tenant, Origin { run, request_id, trace }) = (self.tenant.name.clone(), self.origin.clone());
        let trace = trace.map(|trace| trace.id().to_owned()).unwrap_or_default();
        Entry { tenant, run, request_id, trace, call: number, ..Entry::default() }
    }

    /// Records a call that the run's caller answered, or did not.
    pub fn tell(&self, told: session::told_params::Reader<'_>) -> Result<(), capnp::Error> {
        let (verdict, reason) = match told.get_outcome()? {
            session::Outcome::Value => ("allow", ""),
            session::Outcome::Error => ("allow", "tool"),
            session::Outcome::Refused => ("allow", "usage"),
            session::Outcome::Abandoned => ("cancelled", ""),
        };
        let (time, tool, rule) = (audit::now(), crate::door::identifier(told.get_tool()?), "external".to_owned());
        let ms = told.get_micros() as f64 / 1_000.0;
        let entry = Entry { time, tool, verdict, rule, reason, ms, ..self.entry(told.get_call()) };
        self.lane.shared.audit.record_now(entry);
        Ok(())
    }

    pub fn own(&self) -> Rc<Own> {
        self.own.borrow().clone()
    }

    fn approval(&self, number: u32) -> approvals::Place {
        approvals::Place { tenant: self.tenant.name.clone(), run: self.origin.run.clone(), call: number }
    }

    /// The number of the call, and the fetch, unless its body can be none.
    pub fn read(&self, ask: fetch_ask::Reader<'_>) -> Result<(u32, Result<Fetch, Failure>), capnp::Error> {
        let (number, whole) = (ask.get_call(), ask.get_body()?);
        let body = match (ask.get_upload(), whole.is_empty()) {
            (false, _) => Ok(Body::Whole(Bytes::copy_from_slice(whole))),
            (true, true) => self.uploads.open(number).map(Body::Upload),
            (true, false) => Err(Failure::usage("a body comes whole or in parts, not both")),
        };
        match body {
            Ok(body) => Ok((number, Ok(read_fetch(ask, body)?))),
            Err(failure) => Ok((number, Err(failure))),
        }
    }

    pub async fn perform(
        self: Rc<Self>,
        number: u32,
        fetch: Result<Fetch, Failure>,
        mut results: session::FetchResults,
    ) -> Result<(), capnp::Error> {
        let (run, mut call) = (self.clone(), self.call(number));
        // A task of its own: a panic in it fails this call and not the connection, and it ends when nobody waits for it.
        let work = tokio::task::spawn_local(async move { (run.fetch(number, fetch, &mut call).await, call) });
        let done = AbortOnDropHandle::new(work).await;
        let (outcome, mut call) = done.map_err(|_| capnp::Error::failed("the bridge failed in this call".into()))?;
        let to = results.get().init_reply();
        match outcome {
            Err(failure) => write_refusal(to, &failure, &mut call),
            Ok(Walked::Held(held)) => write_held(to, &held, &mut call),
            Ok(Walked::Arrived(arrived)) => {
                let place = (arrived.url.as_str(), arrived.redirected);
                let mut response = write_response(to, &arrived.head, place, &arrived.body, &call)?;
                if let Some((body, place)) = arrived.rest {
                    let (upload, released) = (call.upload().cloned(), self.released.clone());
                    let rest = Rest { body, call, upload, released, place };
                    response.set_stream(stream::open(rest, &self.lane.shared.budget));
                    return Ok(());
                }
            }
        }
        call.end().await;
        Ok(())
    }

    /// A tool is a fetch that its description makes, and whose reply it reads; or a call of an MCP server.
    pub async fn tool(&self, number: u32, asked: ToolCall, call: &mut Call) -> Result<tool_call::Outcome, Failure> {
        call.of_tool(&asked.tool);
        let tenant = self.lane.shared.directory.tenant(&self.tenant.name);
        let tenant = tenant.ok_or_else(|| Failure::tool("the tenant has no file any more; it has no tools"))?;
        self.granted(&tenant, &asked.tool)?;
        let server = tenant.toolbox.server(&asked.tool);
        if let Some(server) = server.filter(|server| !server.is_document()) {
            let _in_flight = self.enter()?;
            let gate = mcp::Gate { approvals: &self.lane.shared.approvals, place: self.approval(number) };
            let asked = asked.at_most(&self.tenant.ceilings);
            let outcome = mcp::call(&tenant, server, &asked, call, gate, &self.released).await;
            if let Ok(tool_call::Outcome::Held(held)) = &outcome {
                webhook::tell(&self.lane, self.approval(number), &asked.tool, held);
            }
            return outcome;
        }
        if let Some(document) = server {
            let within = Duration::from_millis(asked.call_ms.clamp(1, self.tenant.ceilings.call_ms));
            mcp::read_before(document, within, &self.released).await?;
            self.granted(&tenant, &asked.tool)?;
        }
        let fetch = tool_call::prepare(&tenant.toolbox, &asked)?;
        match self.fetch(number, Ok(fetch), call).await? {
            Walked::Held(held) => Ok(tool_call::Outcome::Held(held)),
            Walked::Arrived(arrived) => tool_call::read(&asked.tool, &arrived.head, &arrived.body)
                .map_err(|failure| failure.at(call.place().0, call.place().1)),
        }
    }

    async fn fetch(&self, number: u32, fetch: Result<Fetch, Failure>, call: &mut Call) -> Result<Walked, Failure> {
        let fetch = fetch?;
        let _in_flight = self.enter()?;
        let call_ms = fetch.call_ms.clamp(1, self.tenant.ceilings.call_ms);
        let mut held = Held::new(&self.lane.shared.budget);
        held.more(fetch.words.body.whole_bytes())?;
        if let Body::Upload(upload) = &fetch.words.body {
            call.uploads(upload.progress().clone());
        }
        let upload = call.upload().cloned();
        let outcome = tokio::select! {
            outcome = in_time(call_ms, upload.as_deref(), self.walk(number, fetch, call)) => Some(outcome),
            () = self.released.cancelled() => None,
        };
        match outcome {
            Some(Some(outcome)) => outcome,
            Some(None) => Err(self.late(call_ms)),
            None => {
                call.cancelled();
                Err(Failure::network("the run ended before its call did"))
            }
        }
    }

    fn late(&self, call_ms: u64) -> Failure {
        let text = format!("no reply within {call_ms} ms; ask for less or raise the limit call_ms");
        if self.streams.are_all_open() {
            let open = format!("{STREAMS_OPEN_MAX} replies of this run are still open: read or cancel their bodies");
            return Failure::timeout(format!("{text}; {open}, since further ones have to arrive whole"));
        }
        Failure::timeout(text)
    }

    async fn walk(&self, number: u32, fetch: Fetch, call: &mut Call) -> Result<Walked, Failure> {
        let response_bytes = fetch.response_bytes.min(self.tenant.ceilings.response_bytes);
        let approval = Approval { needed: fetch.hold, given: fetch.approved };
        let (durable, again, idempotent) = (fetch.durable, fetch.again, fetch.idempotent);
        let mut ask = Ask::parse(fetch.words)?;
        if durable && !ask.is_safe() {
            self.name(number, &mut ask);
        }
        loop {
            call.asks(ask.target());
            let tenant = self.lane.shared.directory.tenant(&self.tenant.name).ok_or_else(|| self.tenant_gone(&ask))?;
            let permit = decide(&tenant, &ask, fetch.grant.as_ref())?;
            call.permitted(&permit.rule().name);
            if again && !(ask.is_safe() || idempotent || permit.rule().idempotent) {
                return Err(Failure::outcome_unknown().about(ask.target()));
            }
            if let Some(held) = self.held(number, approval, &permit, call)? {
                return Ok(Walked::Held(held));
            }
            let (head, mut body) = self.hop(permit, &tenant, response_bytes, call).await?;
            let next = redirect::next(&ask, &head, fetch.mode)?;
            let place = if fetch.stream && next.is_none() { self.streams.enter() } else { None };
            let gathered = gather(&mut body, place.is_some() || next.is_some()).await;
            call.arrived(body.bytes_in());
            // Nobody sees what a redirect says besides: a short one is passed over, a long one is not waited for.
            let Some(next) = next else {
                gathered?;
                let url = ask.target().url().as_str().to_owned();
                return Ok(Walked::Arrived(Box::new(Arrived::new(head, (url, call.redirects() > 0), body, place))));
            };
            if call.redirects() as usize >= REDIRECTS_MAX {
                let text = format!("more than {REDIRECTS_MAX} redirects; call the last URL directly");
                return Err(Failure::network(text).about(ask.target()));
            }
            call.redirected();
            ask = next;
        }
    }

    /// So that a service that knows such keys does the same call once, however often it comes.
    fn name(&self, number: u32, ask: &mut Ask) {
        let key = format!("{}-{number}", self.origin.run);
        if let (false, Ok(key)) = (ask.headers.contains_key(IDEMPOTENCY_KEY), HeaderValue::from_str(&key)) {
            ask.headers.insert(IDEMPOTENCY_KEY, key);
        }
    }

    /// The request, where somebody has to say yes to it first and has not.
    fn held(&self, number: u32, approval: Approval, permit: &Permit, call: &Call) -> Result<Option<HeldCall>, Failure> {
        let rule = permit.rule();
        if !(approval.needed || rule.hold) {
            return Ok(None);
        }
        if call.redirects() > 0 {
            let text = "a redirect leads to a URL whose calls wait for approval; call that directly";
            return Err(Failure::policy(Reason::NeedsApproval, &rule.name, text).about(permit.target()));
        }
        let held = HeldCall::of(permit.ask())?;
        let may = self.lane.shared.approvals.may_go(&self.approval(number), &held, approval.given)?;
        if !may {
            webhook::tell(&self.lane, self.approval(number), call.tool(), &held);
        }
        Ok((!may).then_some(held))
    }

    async fn hop(
        &self,
        permit: Permit,
        tenant: &Arc<Tenant>,
        response_bytes: u64,
        call: &mut Call,
    ) -> Result<(CleanHead, CleanBody), Failure> {
        let upstreams = self.lane.upstreams(tenant);
        let declared = permit.rule().credential.as_ref();
        let credential =
            declared.map(|declared| self.credential(&permit.rule().name, declared, permit.ask())).transpose()?;
        let whole_bytes = permit.ask().body.whole_bytes();
        let pinned = pin(permit, &upstreams.names, &self.lane.shared.lookup).await?;
        let trace = self.origin.trace.as_ref().filter(|_| self.lane.shared.trace_upstreams);
        let signed = sign(pinned, credential.as_deref(), trace);
        call.sends(signed.credential(), whole_bytes);
        let raw = dial(signed, &upstreams, response_bytes).await?;
        let (head, body) = scrub(raw, tenant, self.own().scrubber(tenant), &self.lane.shared)?;
        call.received(head.status);
        Ok((head, body))
    }

    fn tenant_gone(&self, ask: &Ask) -> Failure {
        let text = format!("tenant \"{}\" has no file any more; nothing is allowed", self.tenant.name);
        Failure::policy(Reason::NoRule, "", text).about(ask.target())
    }

    /// The runtime counts too and queues; this is for one that does not.
    fn enter(&self) -> Result<InFlight<'_>, Failure> {
        let limits = &self.tenant.ceilings;
        self.calls.set(self.calls.get().saturating_add(1));
        let (calls, in_flight) = (self.calls.get(), self.calls_in_flight.get());
        if calls > limits.calls {
            let text = format!("more than {} calls in one run; split the work", limits.calls);
            return Err(Failure::policy(Reason::TooManyCalls, "", text));
        }
        if in_flight >= limits.calls_in_flight {
            let text = format!("more than {} calls at once in one run; wait for some", limits.calls_in_flight);
            return Err(Failure::policy(Reason::TooManyCalls, "", text));
        }
        self.calls_in_flight.set(in_flight + 1);
        Ok(InFlight(&self.calls_in_flight))
    }
}

struct InFlight<'a>(&'a Cell<u32>);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Arrived {
    fn new(head: CleanHead, (url, redirected): (String, bool), mut body: CleanBody, place: Option<Place>) -> Arrived {
        let place = place.filter(|_| !body.has_ended());
        let (bytes, held) = body.take(if place.is_some() { BODY_INLINE_BYTES_MAX } else { usize::MAX });
        let rest = place.map(|place| (body, place));
        Arrived { head, url, redirected, body: bytes, _held: held, rest }
    }
}
