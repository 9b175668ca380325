//! In: the calls of one run. Out: their replies, after every room in its order: ask, decide, resolve, sign, dial, scrub,
//! record; a redirect begins again.
//! May touch: what those rooms may.
//! Security boundary: yes; the tenant is the session's own, no message names one.

use crate::ask::{Ask, Body};
use crate::audit::Entry;
use crate::budget::Held;
use crate::decide::decide;
use crate::dial::dial;
use crate::door::Connection;
use crate::failure::{Failure, Reason};
use crate::lane::Lane;
use crate::mcp;
use crate::messages::{Fetch, ToolCall, read_call, read_fetch, write_outcome, write_refusal, write_response};
use crate::parked::{self, Hold};
use crate::patience::{gather, in_time};
use crate::record::Call;
use crate::redirect;
use crate::refusal::Refusal;
use crate::resolve::pin;
use crate::scrub::{CleanBody, CleanHead, scrub};
use crate::sign::sign;
use crate::stream::{self, Place, Rest, Streams};
use crate::tenants::{Rule, Tenant};
use crate::tool_call;
use crate::upload::Uploads;
use bytes::{Bytes, BytesMut};
use capnp::capability::Rc;
use mayfly_schemas::bridge_capnp::{fetch_ask, parked_run, session};
use mayfly_schemas::limits::{BODY_INLINE_BYTES_MAX, BODY_PART_BYTES_MAX, REDIRECTS_MAX, STREAMS_OPEN_MAX};
use mayfly_schemas::trace::Trace;
use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What the runtime holds. When it lets go, or its connection ends, calls that are still under way end.
pub struct Session {
    run: std::rc::Rc<Run>,
    connection: std::rc::Rc<Connection>,
    seat: u64,
    /// Of a run that was taken up; in one hand at a time.
    hold: tokio::sync::Mutex<Option<Hold>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.run.released.cancel();
        self.connection.leave(self.seat);
    }
}

/// Where a run comes from, for its records.
#[derive(Clone)]
pub struct Origin {
    pub run: String,
    pub request_id: String,
    pub trace: Option<Trace>,
}

struct Run {
    lane: std::rc::Rc<Lane>,
    /// As admitted: name and limits. Rules are looked up anew for each call, so that a change of the file holds at once.
    tenant: Arc<Tenant>,
    origin: Origin,
    calls: Cell<u32>,
    calls_in_flight: Cell<u32>,
    streams: std::rc::Rc<Streams>,
    uploads: std::rc::Rc<Uploads>,
    released: CancellationToken,
}

struct Arrived {
    head: CleanHead,
    url: String,
    redirected: bool,
    body: BytesMut,
    /// Its share of the memory that bodies may take; given back with the reply.
    _held: Held,
    /// What comes after `body`.
    rest: Option<(CleanBody, Place)>,
}

impl Session {
    pub fn new(connection: std::rc::Rc<Connection>, seat: u64, tenant: Arc<Tenant>, origin: Origin) -> Session {
        let (lane, released) = (connection.lane.clone(), connection.ended.child_token());
        let (calls, calls_in_flight, streams) = (Cell::new(0), Cell::new(0), std::rc::Rc::default());
        let uploads = Uploads::new(tenant.ceilings.calls, lane.shared.budget.clone(), released.clone());
        let run = Run { lane, tenant, origin, calls, calls_in_flight, streams, uploads, released };
        Session { run: std::rc::Rc::new(run), connection, seat, hold: tokio::sync::Mutex::default() }
    }

    /// Of a run that was taken up.
    pub fn holding(mut self, hold: Hold) -> Session {
        *self.hold.get_mut() = Some(hold);
        self
    }
}

impl session::Server for Session {
    // Not an `async fn`: the ask is read now and not when the future is first polled, because the next message may be a
    // part of its body.
    fn fetch(
        self: Rc<Self>,
        params: session::FetchParams,
        results: session::FetchResults,
    ) -> impl Future<Output = Result<(), capnp::Error>> + 'static {
        // Not held while the call is under way: the session ends when the runtime lets go, not when its last call does.
        let run = self.run.clone();
        drop(self);
        let read = params.get().and_then(|params| run.read(params.get_ask()?));
        drop(params);
        async move {
            let (number, fetch) = read?;
            run.perform(number, fetch, results).await
        }
    }

    async fn call(
        self: Rc<Self>,
        params: session::CallParams,
        mut results: session::CallResults,
    ) -> Result<(), capnp::Error> {
        let run = self.run.clone();
        drop(self);
        let (number, asked) = {
            let ask = params.get()?.get_ask()?;
            (ask.get_call(), read_call(ask)?)
        };
        drop(params);
        let call = run.call(number);
        let work = async move {
            let mut call = call;
            (run.tool(asked, &mut call).await, call)
        };
        let done = AbortOnDropHandle::new(tokio::task::spawn_local(work)).await;
        let (outcome, mut call) = done.map_err(|_| capnp::Error::failed("the bridge failed in this call".into()))?;
        match outcome {
            Ok(outcome) => write_outcome(results.get().init_reply(), &outcome, &call),
            Err(failure) => write_refusal(results.get().init_reply(), &failure, &mut call),
        }
        call.end().await;
        Ok(())
    }

    async fn upload(
        self: Rc<Self>,
        params: session::UploadParams,
        mut results: session::UploadResults,
    ) -> Result<(), capnp::Error> {
        let uploads = self.run.uploads.clone();
        drop(self);
        let part = params.get()?;
        let bytes = part.get_bytes()?;
        // One more than allowed is enough to refuse it.
        let bytes = Bytes::copy_from_slice(bytes.get(..=BODY_PART_BYTES_MAX).unwrap_or(bytes));
        let (call, end) = (part.get_call(), part.get_end());
        drop(params);
        results.get().set_taken(uploads.put(call, bytes, end).await);
        Ok(())
    }

    async fn park(
        self: Rc<Self>,
        params: session::ParkParams,
        mut results: session::ParkResults,
    ) -> Result<(), capnp::Error> {
        let kept = self.parks(params.get()?.get_run()?).await?;
        parked::write_outcome(results.get().init_outcome(), kept)
    }

    async fn ended(
        self: Rc<Self>,
        _: session::EndedParams,
        mut results: session::EndedResults,
    ) -> Result<(), capnp::Error> {
        let ended = parked::end(&self.run.lane.shared, &mut *self.hold.lock().await).await;
        parked::write_outcome(results.get().init_outcome(), ended)
    }
}

impl Session {
    async fn parks(&self, asked: parked_run::Reader<'_>) -> Result<Result<(), Refusal>, capnp::Error> {
        let mut held = self.hold.lock().await;
        let about = (self.run.origin.run.as_str(), self.run.origin.request_id.as_str());
        let (kept, left) = parked::park(&self.run.lane.shared, &self.run.tenant, about, held.take(), asked).await?;
        *held = left;
        Ok(kept)
    }
}

impl Run {
    fn call(&self, number: u32) -> Call {
        let (tenant, Origin { run, request_id, trace }) = (self.tenant.name.clone(), self.origin.clone());
        let trace = trace.map(|trace| trace.id().to_owned()).unwrap_or_default();
        let entry = Entry { tenant, run, request_id, trace, call: number, ..Entry::default() };
        Call::start(entry, self.lane.shared.audit.clone())
    }

    /// The number of the call, and the fetch, unless its body can be none.
    fn read(&self, ask: fetch_ask::Reader<'_>) -> Result<(u32, Result<Fetch, Failure>), capnp::Error> {
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

    async fn perform(
        self: std::rc::Rc<Self>,
        number: u32,
        fetch: Result<Fetch, Failure>,
        mut results: session::FetchResults,
    ) -> Result<(), capnp::Error> {
        let (run, mut call) = (self.clone(), self.call(number));
        // A task of its own: a panic in it fails this call and not the connection, and it ends when nobody waits for it.
        let work = tokio::task::spawn_local(async move { (run.fetch(fetch, &mut call).await, call) });
        let done = AbortOnDropHandle::new(work).await;
        let (outcome, mut call) = done.map_err(|_| capnp::Error::failed("the bridge failed in this call".into()))?;
        let to = results.get().init_reply();
        match outcome {
            Err(failure) => write_refusal(to, &failure, &mut call),
            Ok(arrived) => {
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
    async fn tool(&self, asked: ToolCall, call: &mut Call) -> Result<tool_call::Outcome, Failure> {
        call.of_tool(&asked.tool);
        let tenant = self.lane.shared.directory.tenant(&self.tenant.name);
        let tenant = tenant.ok_or_else(|| Failure::tool("the tenant has no file any more; it has no tools"))?;
        let server = tenant.toolbox.server(&asked.tool);
        if let Some(server) = server.filter(|server| !server.is_document()) {
            let _in_flight = self.enter()?;
            return mcp::call(&tenant, server, &asked.at_most(&self.tenant.ceilings), call, &self.released).await;
        }
        if let Some(document) = server {
            let within = Duration::from_millis(asked.call_ms.clamp(1, self.tenant.ceilings.call_ms));
            mcp::read_before(document, within, &self.released).await?;
        }
        let fetch = tool_call::prepare(&tenant.toolbox, &asked)?;
        let arrived = self.fetch(Ok(fetch), call).await?;
        tool_call::read(&asked.tool, &arrived.head, &arrived.body)
            .map_err(|failure| failure.at(call.place().0, call.place().1))
    }

    async fn fetch(&self, fetch: Result<Fetch, Failure>, call: &mut Call) -> Result<Arrived, Failure> {
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
            outcome = in_time(call_ms, upload.as_deref(), self.walk(fetch, call)) => Some(outcome),
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

    async fn walk(&self, fetch: Fetch, call: &mut Call) -> Result<Arrived, Failure> {
        let response_bytes = fetch.response_bytes.min(self.tenant.ceilings.response_bytes);
        let mut ask = Ask::parse(fetch.words)?;
        loop {
            call.asks(ask.target());
            let (head, mut body) = self.hop(&ask, fetch.grant.as_ref(), response_bytes, call).await?;
            let next = redirect::next(&ask, &head, fetch.mode)?;
            let place = if fetch.stream && next.is_none() { self.streams.enter() } else { None };
            let gathered = gather(&mut body, place.is_some() || next.is_some()).await;
            call.arrived(body.bytes_in());
            // Nobody sees what a redirect says besides: a short one is passed over, a long one is not waited for.
            let Some(next) = next else {
                gathered?;
                let url = ask.target().url().as_str().to_owned();
                return Ok(Arrived::new(head, (url, call.redirects() > 0), body, place));
            };
            if call.redirects() as usize >= REDIRECTS_MAX {
                let text = format!("more than {REDIRECTS_MAX} redirects; call the last URL directly");
                return Err(Failure::network(text).about(ask.target()));
            }
            call.redirected();
            ask = next;
        }
    }

    async fn hop(
        &self,
        ask: &Ask,
        grant: Option<&Arc<Rule>>,
        response_bytes: u64,
        call: &mut Call,
    ) -> Result<(CleanHead, CleanBody), Failure> {
        let tenant = self.lane.shared.directory.tenant(&self.tenant.name).ok_or_else(|| self.tenant_gone(ask))?;
        let upstreams = self.lane.upstreams(&tenant);
        let permit = decide(&tenant, ask, grant)?;
        call.permitted(&permit.rule().name);
        let pinned = pin(permit, &upstreams.names, &self.lane.shared.lookup).await?;
        let trace = self.origin.trace.as_ref().filter(|_| self.lane.shared.trace_upstreams);
        let signed = sign(pinned, trace);
        call.sends(signed.credential(), ask.body.whole_bytes());
        let raw = dial(signed, &upstreams, response_bytes).await?;
        let (head, body) = scrub(raw, &tenant, &self.lane.shared)?;
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
