//! In: asks as they come over the socket, and what they came to. Out: the words of one fetch; replies as messages.
//! May touch: nothing.
//! Security boundary: no; what the words mean is decided in `ask.rs`.

use crate::approvals::Held;
use crate::ask::Words;
use crate::failure::{Failure, Kind};
use crate::record::Call;
use crate::redirect::Mode;
use crate::scrub::CleanHead;
use crate::tenants::Rule;
use crate::tool_call::Outcome;
use mayfly_schemas::bridge_capnp::{call_ask, failure, fetch_ask, header, reply, response};
use mayfly_schemas::limits::{HEADERS_MAX, Limits, TOOL_PATH_CHARS_MAX};
use std::sync::Arc;

/// One fetch as it came over the socket.
pub struct Fetch {
    pub words: Words,
    pub mode: Mode,
    pub call_ms: u64,
    pub response_bytes: u64,
    pub stream: bool,
    /// What the set of tools that this belongs to allows by itself.
    pub grant: Option<Arc<Rule>>,
    /// Somebody has to say yes, whatever the rule says.
    pub hold: bool,
    /// Who asks says that somebody has.
    pub approved: bool,
    /// Of a tool that says that it may be called twice.
    pub idempotent: bool,
    pub durable: bool,
    /// It may have been sent before.
    pub again: bool,
}

/// One call of a tool as it came over the socket.
pub struct ToolCall {
    pub tool: String,
    pub args: String,
    pub call_ms: u64,
    pub response_bytes: u64,
    pub approved: bool,
    pub durable: bool,
    pub again: bool,
}

impl ToolCall {
    pub fn at_most(self, limits: &Limits) -> ToolCall {
        let call_ms = self.call_ms.clamp(1, limits.call_ms);
        ToolCall { call_ms, response_bytes: self.response_bytes.min(limits.response_bytes), ..self }
    }
}

pub fn read_call(ask: call_ask::Reader<'_>) -> Result<ToolCall, capnp::Error> {
    Ok(ToolCall {
        tool: ask.get_tool()?.to_str()?.chars().take(TOOL_PATH_CHARS_MAX).collect(),
        args: ask.get_args()?.to_string()?,
        call_ms: ask.get_call_ms(),
        response_bytes: ask.get_response_bytes(),
        approved: ask.get_approved(),
        durable: ask.get_durable(),
        again: ask.get_again(),
    })
}

/// Copies the ask out of the message, so that the message is gone while the call is under way.
pub fn read_fetch(ask: fetch_ask::Reader<'_>, body: crate::ask::Body) -> Result<Fetch, capnp::Error> {
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
    let (method, url) = (ask.get_method()?.to_string()?, ask.get_url()?.to_string()?);
    Ok(Fetch {
        words: Words { method, url, headers, body },
        mode,
        call_ms: ask.get_call_ms(),
        response_bytes: ask.get_response_bytes(),
        stream: ask.get_stream(),
        grant: None,
        hold: false,
        approved: ask.get_approved(),
        idempotent: false,
        durable: ask.get_durable(),
        again: ask.get_again(),
    })
}

/// All but the stream, which is the caller's to make.
pub fn write_response<'a>(
    mut to: reply::Builder<'a>,
    head: &CleanHead,
    (url, redirected): (&str, bool),
    body: &[u8],
    call: &Call,
) -> Result<response::Builder<'a>, capnp::Error> {
    call.write(to.reborrow().init_record(), "");
    let mut response = to.init_response();
    response.set_status(head.status);
    response.set_status_text(&head.status_text);
    response.set_url(url);
    response.set_redirected(redirected);
    response.set_body(body);
    let count = u32::try_from(head.headers.len()).map_err(|_| capnp::Error::failed("headers".into()))?;
    let mut headers = response.reborrow().init_headers(count);
    for (at, (name, value)) in (0..).zip(head.headers.iter()) {
        let mut header: header::Builder<'_> = headers.reborrow().get(at);
        header.set_name(name.as_str());
        header.set_value(value.as_bytes());
    }
    Ok(response)
}

pub fn write_outcome(mut to: reply::Builder<'_>, outcome: &Outcome, call: &Call) {
    call.write(to.reborrow().init_record(), "");
    match outcome {
        Outcome::Json(text) => to.set_value(text),
        Outcome::Bytes(bytes) => to.set_bytes(bytes),
        Outcome::Held(held) => held.write(to.init_held()),
    }
}

/// Somebody has to say yes first.
pub fn write_held(mut to: reply::Builder<'_>, held: &Held, call: &mut Call) {
    call.held();
    call.write(to.reborrow().init_record(), "it waits for approval");
    held.write(to.init_held());
}

pub fn write_refusal(mut to: reply::Builder<'_>, failure: &Failure, call: &mut Call) {
    call.failed(failure);
    call.write(to.reborrow().init_record(), &failure.text);
    write_failure(to.init_failure(), failure, call.place());
}

/// `place`: method and URL, where the failure does not say them itself.
pub fn write_failure(mut to: failure::Builder<'_>, failure: &Failure, (method, url): (&str, &str)) {
    to.set_kind(match failure.kind {
        Kind::Policy(_) => failure::Kind::Policy,
        Kind::Tool => failure::Kind::Tool,
        Kind::Network | Kind::Limit => failure::Kind::Network,
        Kind::Timeout => failure::Kind::Timeout,
        Kind::Usage => failure::Kind::Usage,
    });
    to.set_message(&failure.text);
    if let Kind::Policy(reason) = failure.kind {
        to.set_reason(reason.word());
    }
    to.set_status(failure.status);
    to.set_body(&failure.body);
    to.set_rule(&failure.rule);
    to.set_method(if failure.method.is_empty() { method } else { &failure.method });
    to.set_url(if failure.url.is_empty() { url } else { &failure.url });
}
