//! In: the calls of one run. Out: their replies, after every room in its order: ask, decide, resolve, sign, dial, scrub,
//! record; a redirect begins again.
//! May touch: what those rooms may.
//! Security boundary: yes; the tenant is the session's own, no message names one.

use crate::ask::{Ask, Words};
use crate::audit::Entry;
use crate::decide::decide;
use crate::dial::{Held, dial};
use crate::door::Connection;
use crate::failure::{Failure, Kind, Reason};
use crate::lane::Lane;
use crate::record::Call;
use crate::redirect::{self, Mode};
use crate::resolve::pin;
use crate::scrub::{CleanReply, scrub};
use crate::sign::sign;
use crate::tenants::Tenant;
use bytes::Bytes;
use capnp::capability::Rc;
use mayfly_schemas::bridge_capnp::{failure, fetch_ask, header, reply, session};
use mayfly_schemas::limits::{HEADERS_MAX, REDIRECTS_MAX};
use std::cell::Cell;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What the runtime holds. When it lets go, or its connection ends, calls that are still under way end.
pub struct Session {
    run: std::rc::Rc<Run>,
    connection: std::rc::Rc<Connection>,
    seat: u64,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.run.released.cancel();
        self.connection.leave(self.seat);
    }
}

struct Run {
    lane: std::rc::Rc<Lane>,
    /// As admitted: name and limits. Rules are looked up anew for each call, so that a change of the file holds at once.
    tenant: std::sync::Arc<Tenant>,
    run: String,
    request_id: String,
    calls: Cell<u32>,
    calls_in_flight: Cell<u32>,
    released: CancellationToken,
}

/// One fetch as it came over the socket.
struct Fetch {
    call: u32,
    words: Words,
    mode: Mode,
    call_ms: u64,
    response_bytes: u64,
}

struct Arrived {
    reply: CleanReply,
    url: String,
    redirected: bool,
}

impl Session {
    pub fn new(
        connection: std::rc::Rc<Connection>,
        seat: u64,
        tenant: std::sync::Arc<Tenant>,
        run: String,
        request_id: String,
    ) -> Session {
        let (lane, released) = (connection.lane.clone(), connection.ended.child_token());
        let (calls, calls_in_flight) = (Cell::new(0), Cell::new(0));
        let run = Run { lane, tenant, run, request_id, calls, calls_in_flight, released };
        Session { run: std::rc::Rc::new(run), connection, seat }
    }
}

impl session::Server for Session {
    async fn fetch(
        self: Rc<Self>,
        params: session::FetchParams,
        mut results: session::FetchResults,
    ) -> Result<(), capnp::Error> {
        // Not held while the call is under way: the session ends when the runtime lets go, not when its last call does.
        let run = self.run.clone();
        drop(self);
        let fetch = read(params.get()?.get_ask()?)?;
        drop(params);
        let mut call = run.call(fetch.call);
        // A task of its own: a panic in it fails this call and not the connection, and it ends when nobody waits for it.
        let work = tokio::task::spawn_local(async move { (run.fetch(fetch, &mut call).await, call) });
        let done = AbortOnDropHandle::new(work).await;
        let (outcome, mut call) = done.map_err(|_| capnp::Error::failed("the bridge failed in this call".into()))?;
        write(results.get().init_reply(), &outcome, &mut call)?;
        call.end().await;
        Ok(())
    }

    async fn call(
        self: Rc<Self>,
        params: session::CallParams,
        mut results: session::CallResults,
    ) -> Result<(), capnp::Error> {
        let ask = params.get()?.get_ask()?;
        let tool: String = ask.get_tool()?.to_str()?.chars().take(200).collect();
        let mut call = self.run.call(ask.get_call());
        let text = format!("there is no tool `{tool}`; tools come in a later version, use fetch until then");
        write(results.get().init_reply(), &Err(Failure::tool(text)), &mut call)?;
        call.end().await;
        Ok(())
    }
}

impl Run {
    fn call(&self, number: u32) -> Call {
        let (tenant, run, request_id) = (self.tenant.name.clone(), self.run.clone(), self.request_id.clone());
        Call::start(Entry { tenant, run, request_id, call: number, ..Entry::default() }, self.lane.shared.audit.clone())
    }

    async fn fetch(&self, fetch: Fetch, call: &mut Call) -> Result<Arrived, Failure> {
        let _in_flight = self.enter()?;
        let call_ms = fetch.call_ms.clamp(1, self.tenant.ceilings.call_ms);
        let mut held = Held::new(&self.lane.shared.budget);
        held.more(fetch.words.body.len())?;
        let within = tokio::time::timeout(Duration::from_millis(call_ms), self.walk(fetch, call));
        let outcome = tokio::select! {
            outcome = within => Some(outcome),
            () = self.released.cancelled() => None,
        };
        match outcome {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => {
                let text = format!("no reply within {call_ms} ms; ask for less or raise the limit call_ms");
                Err(Failure::timeout(text))
            }
            None => {
                call.cancelled();
                Err(Failure::network("the run ended before its call did"))
            }
        }
    }

    async fn walk(&self, fetch: Fetch, call: &mut Call) -> Result<Arrived, Failure> {
        let response_bytes = fetch.response_bytes.min(self.tenant.ceilings.response_bytes);
        let mut ask = Ask::parse(fetch.words)?;
        loop {
            call.asks(ask.target());
            let reply = self.hop(&ask, response_bytes, call).await?;
            let Some(next) = redirect::next(&ask, &reply, fetch.mode)? else {
                let url = ask.target().url().as_str().to_owned();
                return Ok(Arrived { reply, url, redirected: call.redirects() > 0 });
            };
            if call.redirects() as usize >= REDIRECTS_MAX {
                let text = format!("more than {REDIRECTS_MAX} redirects; call the last URL directly");
                return Err(Failure::network(text).about(ask.target()));
            }
            call.redirected();
            ask = next;
        }
    }

    async fn hop(&self, ask: &Ask, response_bytes: u64, call: &mut Call) -> Result<CleanReply, Failure> {
        let tenant = self.lane.shared.directory.tenant(&self.tenant.name).ok_or_else(|| self.tenant_gone(ask))?;
        let upstreams = self.lane.upstreams(&tenant);
        let permit = decide(&tenant, ask)?;
        call.permitted(&permit.rule().name);
        let pinned = pin(permit, &upstreams.names, &self.lane.shared.lookup).await?;
        let signed = sign(pinned);
        call.sends(signed.credential(), ask.body.len());
        let raw = dial(signed, &upstreams, response_bytes).await?;
        let reply = scrub(raw, &tenant).await?;
        call.received(reply.status, reply.body.len());
        Ok(reply)
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

/// Copies the ask out of the message, so that the message is gone while the call is under way.
fn read(ask: fetch_ask::Reader<'_>) -> Result<Fetch, capnp::Error> {
    let mut headers = Vec::new();
    // One more than allowed is enough for `ask.rs` to refuse it.
    for header in ask.get_headers()?.iter().take(HEADERS_MAX + 1) {
        headers.push((header.get_name()?.to_string()?, header.get_value()?.to_vec()));
    }
    let mode = match ask.get_redirect()? {
        fetch_ask::Redirect::Follow => Mode::Follow,
        fetch_ask::Redirect::Error => Mode::Error,
        fetch_ask::Redirect::Manual => Mode::Manual,
    };
    let words = Words {
        method: ask.get_method()?.to_string()?,
        url: ask.get_url()?.to_string()?,
        headers,
        body: Bytes::copy_from_slice(ask.get_body()?),
    };
    let (call, call_ms, response_bytes) = (ask.get_call(), ask.get_call_ms(), ask.get_response_bytes());
    Ok(Fetch { call, words, mode, call_ms, response_bytes })
}

fn write(mut to: reply::Builder<'_>, outcome: &Result<Arrived, Failure>, call: &mut Call) -> Result<(), capnp::Error> {
    match outcome {
        Ok(arrived) => {
            call.write(to.reborrow().init_record(), "");
            write_response(to, arrived)
        }
        Err(failure) => {
            call.failed(failure);
            call.write(to.reborrow().init_record(), &failure.text);
            write_failure(to.init_failure(), failure, call.place());
            Ok(())
        }
    }
}

fn write_response(to: reply::Builder<'_>, arrived: &Arrived) -> Result<(), capnp::Error> {
    let mut response = to.init_response();
    response.set_status(arrived.reply.status);
    response.set_status_text(&arrived.reply.status_text);
    response.set_url(&arrived.url);
    response.set_redirected(arrived.redirected);
    response.set_body(&arrived.reply.body);
    let count = u32::try_from(arrived.reply.headers.len()).map_err(|_| capnp::Error::failed("headers".into()))?;
    let mut headers = response.init_headers(count);
    for (at, (name, value)) in (0..).zip(arrived.reply.headers.iter()) {
        let mut header: header::Builder<'_> = headers.reborrow().get(at);
        header.set_name(name.as_str());
        header.set_value(value.as_bytes());
    }
    Ok(())
}

fn write_failure(mut to: failure::Builder<'_>, failure: &Failure, (method, url): (&str, &str)) {
    to.set_kind(match failure.kind {
        Kind::Policy(_) => failure::Kind::Policy,
        Kind::Tool => failure::Kind::Tool,
        Kind::Network => failure::Kind::Network,
        Kind::Timeout => failure::Kind::Timeout,
        Kind::Usage => failure::Kind::Usage,
    });
    to.set_message(&failure.text);
    if let Kind::Policy(reason) = failure.kind {
        to.set_reason(reason.word());
    }
    to.set_rule(&failure.rule);
    to.set_method(if failure.method.is_empty() { method } else { &failure.method });
    to.set_url(if failure.url.is_empty() { url } else { &failure.url });
}
