//! In: asks of an isolate, replies of the bridge. Out: Cap'n Proto messages, answers for the isolate.
//! May touch: nothing.
//! Security boundary: no; both sides check what they are given. It only refuses what no message could carry.

use super::{Admission, DoorError, Held, How, Part, Performed, RefusedKind, Replied, Status};
use crate::isolate::{Answer, Ask, AskKind, Rejection};
use crate::run::{CallRecord, Verdict};
use capnp::capability::Request;
use mayfly_schemas::bridge_capnp::{bridge, byte_stream, failure, limits, open_answer, part, refusal, reply, session};
use mayfly_schemas::limits::{HEADER_BYTES_MAX, HEADERS_MAX, Limits, REQUEST_BODY_BYTES_MAX, URL_BYTES_MAX};
use serde::Serialize;

type FetchRequest = Request<session::fetch_params::Owned, session::fetch_results::Owned>;
type CallRequest = Request<session::call_params::Owned, session::call_results::Owned>;

pub(super) fn admission(answer: open_answer::Reader<'_>) -> Result<Admission, DoorError> {
    match answer.which() {
        Ok(open_answer::Which::Admitted(admitted)) => admitted.and_then(read_admission).map_err(super::gone),
        Ok(open_answer::Which::Refused(refused)) => Err(refused.and_then(refusal).unwrap_or_else(super::gone)),
        Err(unknown) => Err(super::gone(unknown.into())),
    }
}

pub(super) fn read_admission(
    admitted: mayfly_schemas::bridge_capnp::admission::Reader<'_>,
) -> capnp::Result<Admission> {
    Ok(Admission {
        tenant: admitted.get_tenant()?.to_string()?,
        role: admitted.get_role()?.to_string()?,
        ceilings: read_limits(admitted.get_ceilings()?),
        defaults: read_limits(admitted.get_defaults()?),
        policy_generation: admitted.get_policy_generation(),
        tools: admitted
            .get_tool_sets()?
            .iter()
            .map(|name| Ok(name?.to_str()?))
            .collect::<capnp::Result<Vec<_>>>()?
            .join(" ")
            .into(),
    })
}

pub(super) fn refusal(refused: mayfly_schemas::bridge_capnp::refusal::Reader<'_>) -> capnp::Result<DoorError> {
    let kind = match refused.get_kind()? {
        refusal::Kind::Unauthorized => RefusedKind::Unauthorized,
        refusal::Kind::Forbidden => RefusedKind::Forbidden,
        refusal::Kind::Quota => RefusedKind::Quota,
        refusal::Kind::Internal => RefusedKind::Internal,
    };
    let detail = refused.get_detail()?.to_string()?;
    Ok(DoorError::Refused { kind, detail, retry_after_ms: refused.get_retry_after_ms() })
}

fn read_limits(limits: limits::Reader<'_>) -> Limits {
    Limits {
        cpu_ms: limits.get_cpu_ms(),
        wall_ms: limits.get_wall_ms(),
        call_ms: limits.get_call_ms(),
        memory_mib: limits.get_memory_mib(),
        calls: limits.get_calls(),
        calls_in_flight: limits.get_calls_in_flight(),
        source_bytes: limits.get_source_bytes(),
        input_bytes: limits.get_input_bytes(),
        result_bytes: limits.get_result_bytes(),
        log_bytes: limits.get_log_bytes(),
        log_lines: limits.get_log_lines(),
        response_bytes: limits.get_response_bytes(),
        timers: limits.get_timers(),
    }
}

pub(super) fn status(status: bridge::status_results::Reader<'_>) -> capnp::Result<Status> {
    let mistakes =
        status.get_config_errors()?.iter().map(|text| Ok(text?.to_string()?)).collect::<capnp::Result<_>>()?;
    Ok(Status { tenants: status.get_tenants(), sessions: status.get_sessions(), mistakes })
}

/// An ask that would break the message limit, and with it the connection that other runs share, is refused here.
pub(super) fn too_large(ask: &Ask) -> Option<(Answer, CallRecord)> {
    let (method, url, message) = match &ask.kind {
        AskKind::Fetch { method, url, headers, body, .. } => {
            let header_bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            let message = if body.len() as u64 > REQUEST_BODY_BYTES_MAX {
                format!("the request body is {} bytes; the limit is {REQUEST_BODY_BYTES_MAX}", body.len())
            } else if headers.len() > HEADERS_MAX || header_bytes > HEADER_BYTES_MAX {
                format!("more than {HEADERS_MAX} request headers, or more than {HEADER_BYTES_MAX} bytes of them")
            } else if url.len() > URL_BYTES_MAX || method.len() > 64 {
                format!("the URL is {} bytes; the limit is {URL_BYTES_MAX}", url.len())
            } else {
                return None;
            };
            (method.get(..64.min(method.len())).unwrap_or_default(), "", message)
        }
        AskKind::Call { tool, args } if (tool.len() + args.len()) as u64 > REQUEST_BODY_BYTES_MAX => {
            ("", "", format!("the arguments are {} bytes; the limit is {REQUEST_BODY_BYTES_MAX}", args.len()))
        }
        _ => return None,
    };
    let mut record = CallRecord::new(ask);
    (record.method, record.url, record.verdict) = (method.to_owned(), url.to_owned(), Verdict::Deny);
    Some((Answer::Rejected(Rejection { name: "TypeError", message, ..Rejection::default() }), record))
}

/// `None` when the ask is no fetch.
pub(super) fn fetch(session: &session::Client, ask: &Ask, limits: &Limits, how: How) -> Option<FetchRequest> {
    use mayfly_schemas::bridge_capnp::fetch_ask::Redirect;
    let AskKind::Fetch { method, url, headers, redirect, upload, body } = &ask.kind else { return None };
    let mut request = session.fetch_request();
    let mut message = request.get().init_ask();
    message.set_call(ask.call);
    message.set_method(method.as_str());
    message.set_url(url.as_str());
    message.set_body(body);
    message.set_upload(*upload);
    message.set_stream(!how.durable);
    message.set_approved(how.approved);
    message.set_durable(how.durable);
    message.set_again(how.again);
    message.set_redirect(match redirect.as_str() {
        "error" => Redirect::Error,
        "manual" => Redirect::Manual,
        _ => Redirect::Follow,
    });
    message.set_call_ms(limits.call_ms);
    message.set_response_bytes(limits.response_bytes);
    let mut list = message.init_headers(headers.len() as u32);
    for (index, (name, value)) in (0..).zip(headers) {
        let mut header = list.reborrow().get(index);
        header.set_name(name.as_str());
        header.set_value(&latin1(value));
    }
    Some(request)
}

pub(super) fn call(session: &session::Client, ask: &Ask, limits: &Limits, how: How) -> CallRequest {
    let mut request = session.call_request();
    let mut message = request.get().init_ask();
    message.set_call(ask.call);
    if let AskKind::Call { tool, args } = &ask.kind {
        message.set_tool(tool.as_str());
        message.set_args(args.as_str());
    }
    message.set_call_ms(limits.call_ms);
    message.set_response_bytes(limits.response_bytes);
    message.set_approved(how.approved);
    message.set_durable(how.durable);
    message.set_again(how.again);
    request
}

/// Header values are byte strings, which `fetch` shows as one character a byte.
fn latin1(value: &str) -> Vec<u8> {
    value.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect()
}

fn from_latin1(value: &[u8]) -> String {
    value.iter().map(|byte| char::from(*byte)).collect()
}

pub(super) fn reply(ask: &Ask, reply: reply::Reader<'_>) -> capnp::Result<Performed> {
    let mut record = read_record(ask, reply.get_record()?)?;
    let answer = match reply.which()? {
        reply::Which::Response(response) => read_response(ask, response?)?,
        reply::Which::Value(value) => Answer::json(value?.to_str()?),
        reply::Which::Bytes(bytes) => Answer::Fulfilled { meta: r#"{"bytes":true}"#.to_owned(), body: bytes?.to_vec() },
        reply::Which::Held(held) => {
            record.verdict = Verdict::Hold;
            return Ok(Performed { reply: Replied::Held(Held::read(held?)?), record });
        }
        reply::Which::Failure(failure) => {
            let tool = match &ask.kind {
                AskKind::Call { tool, .. } => Some(tool.as_str()),
                _ => None,
            };
            Answer::Rejected(read_failure(tool, failure?)?)
        }
    };
    Ok(Performed { reply: Replied::Answer(answer), record })
}

/// The way to the rest of a reply's body, where there is one.
pub(super) fn rest(reply: reply::Reader<'_>) -> capnp::Result<Option<byte_stream::Client>> {
    match reply.which()? {
        reply::Which::Response(response) => {
            let response = response?;
            if response.has_stream() { response.get_stream().map(Some) } else { Ok(None) }
        }
        _ => Ok(None),
    }
}

pub(super) fn part(call: u32, part: part::Reader<'_>) -> capnp::Result<Part> {
    if part.has_failure() {
        return Ok(Part::Broken(read_failure(None, part.get_failure()?)?));
    }
    let bytes = part.get_bytes()?.to_vec();
    Ok(Part::Bytes { call, bytes, end: part.get_end(), bytes_in: part.get_bytes_in() })
}

/// What is as the guest expects it anyway is left out: parsing JSON is the largest part of a reply's cost in there.
#[derive(Serialize)]
struct ResponseMeta<'a> {
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    status_text: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    /// Missing: the URL that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redirected: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

fn read_response(ask: &Ask, response: mayfly_schemas::bridge_capnp::response::Reader<'_>) -> capnp::Result<Answer> {
    let mut headers = Vec::new();
    for header in response.get_headers()? {
        headers.push((header.get_name()?.to_string()?, from_latin1(header.get_value()?)));
    }
    let meta = ResponseMeta {
        status: response.get_status(),
        status_text: response.get_status_text()?.to_str()?,
        headers,
        url: Some(response.get_url()?.to_str()?)
            .filter(|url| !matches!(&ask.kind, AskKind::Fetch { url: asked, .. } if asked == url)),
        redirected: response.get_redirected(),
        stream: response.has_stream(),
    };
    let meta = serde_json::to_string(&meta).map_err(|error| capnp::Error::failed(error.to_string()))?;
    Ok(Answer::Fulfilled { meta, body: response.get_body()?.to_vec() })
}

fn read_failure(tool: Option<&str>, failure: failure::Reader<'_>) -> capnp::Result<Rejection> {
    let some = |text: capnp::text::Reader<'_>| -> capnp::Result<Option<String>> {
        let text = text.to_str()?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    let mut rejection = Rejection { message: failure.get_message()?.to_string()?, ..Rejection::default() };
    rejection.name = match failure.get_kind()? {
        failure::Kind::Policy => {
            rejection.reason = some(failure.get_reason()?)?;
            rejection.rule = some(failure.get_rule()?)?;
            rejection.method = some(failure.get_method()?)?;
            rejection.url = some(failure.get_url()?)?;
            "PolicyError"
        }
        failure::Kind::Tool => {
            rejection.tool = tool.map(str::to_owned);
            rejection.status = (failure.get_status() > 0).then(|| failure.get_status());
            rejection.body = some(failure.get_body()?)?.and_then(|body| serde_json::from_str(&body).ok());
            "ToolError"
        }
        failure::Kind::Network | failure::Kind::Usage => "TypeError",
        failure::Kind::Timeout => "TimeoutError",
    };
    Ok(rejection)
}

fn read_record(ask: &Ask, record: mayfly_schemas::bridge_capnp::record::Reader<'_>) -> capnp::Result<CallRecord> {
    let verdict = record.get_verdict()?;
    let rule = verdict.get_rule()?.to_string()?;
    Ok(CallRecord {
        method: record.get_method()?.to_string()?,
        url: record.get_url()?.to_string()?,
        verdict: if verdict.get_allowed() { Verdict::Allow } else { Verdict::Deny },
        rule: (!rule.is_empty()).then_some(rule),
        status: (record.get_status() > 0).then(|| record.get_status()),
        ms: (record.get_micros() as f64) / 1000.0,
        bytes_out: record.get_bytes_out(),
        bytes_in: record.get_bytes_in(),
        ..CallRecord::new(ask)
    })
}
