//! In: the response of a script that a request triggered, as the guest says it. Out: the HTTP response, or a problem.
//! May touch: nothing.
//! Security boundary: yes, towards clients: of a public script's failure nothing is told but the run's name, and no header
//! of a script speaks for the connection, nor, on the server's own host, for other tenants.

use super::{Problem, ProblemKind, RUN, Reply};
use crate::isolate::{ErrorKind, ResponseHead, RunError};
use crate::run::{ResponsePart, RunObject};
use crate::serve::ReplyBody;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use mayfly_schemas::limits::{HEADER_BYTES_MAX, HEADERS_MAX};
use tokio::sync::mpsc;

/// RFC 9110, section 7.6.1: of one connection, whoever names them.
pub const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// These hold for a whole origin, which under `/run/` is that of all tenants and of the server's own API.
const OF_AN_ORIGIN: [&str; 8] = [
    "alt-svc",
    "clear-site-data",
    "nel",
    "origin-agent-cluster",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "strict-transport-security",
];

/// How much of a triggered run its client may see.
#[derive(Clone, Copy, Debug)]
pub struct Audience {
    pub public: bool,
    /// The script has a host of its own.
    pub own_host: bool,
}

/// What a script answers. Its status and headers are arbitrary until they are looked at here; the parts of a body that is
/// not whole come as the script writes them.
pub fn scripted(
    head: ResponseHead,
    parts: mpsc::Receiver<ResponsePart>,
    is_head: bool,
    run: String,
    audience: Audience,
) -> Result<Reply, Problem> {
    let mut reply = match reply(head, parts, is_head, audience) {
        Ok(reply) => reply,
        Err(error) => return Err(problem(ProblemKind::Internal, error, run, audience)),
    };
    if let Ok(run) = HeaderValue::from_str(&run) {
        reply.headers_mut().insert(RUN, run);
    }
    Ok(reply)
}

/// The run ended without a response.
pub fn unanswered(object: Option<RunObject>, run: String, audience: Audience) -> Problem {
    let (kind, error) = failed(object.and_then(|object| object.error));
    problem(kind, error, run, audience)
}

fn problem(kind: ProblemKind, error: RunError, run: String, audience: Audience) -> Problem {
    tracing::debug!(run, kind = ?error.kind, "a triggered run failed");
    if audience.public {
        return Problem { run: Some(run), ..Problem::new(kind, "the script failed") };
    }
    let detail = format!("{}: {}", error.name, error.message);
    Problem { run: Some(run), error: Some(Box::new(error)), ..Problem::new(kind, detail) }
}

fn failed(error: Option<RunError>) -> (ProblemKind, RunError) {
    let error = error.unwrap_or_else(|| no_response("the run ended without a result"));
    match error.kind {
        ErrorKind::WallLimit => (ProblemKind::GatewayTimeout, error),
        _ => (ProblemKind::Internal, error),
    }
}

fn reply(
    head: ResponseHead,
    parts: mpsc::Receiver<ResponsePart>,
    is_head: bool,
    audience: Audience,
) -> Result<Reply, RunError> {
    let status = StatusCode::from_u16(head.status)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| no_response(format!("{} is no status of a response", head.status)))?;
    // To HEAD a script may tell the length of what it does not send; every other length is counted here.
    let keeps_length = is_head && head.body.is_empty() && !head.stream;
    let headers = headers(head.headers, keeps_length, audience)?;
    // These have no body, whatever the script says (RFC 9110, section 6.4.1).
    let empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let body = match head.stream {
        _ if empty => ReplyBody::from(Bytes::new()),
        true => ReplyBody::Parts(Some(Bytes::from(head.body)).filter(|first| !first.is_empty()), parts),
        false => ReplyBody::from(Bytes::from(head.body)),
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    Ok(reply)
}

fn headers(list: Vec<(String, String)>, keeps_length: bool, audience: Audience) -> Result<HeaderMap, RunError> {
    let bytes: usize = list.iter().map(|(name, value)| name.len() + value.len()).sum();
    if list.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        let what = format!("more than {HEADERS_MAX} response headers, or more than {HEADER_BYTES_MAX} bytes of them");
        return Err(no_response(what));
    }
    let mut headers = HeaderMap::with_capacity(list.len());
    for (name, value) in list {
        let (parsed, value) = header(&name, &value).ok_or_else(|| no_response(format!("{name:?}: is no header")))?;
        headers.append(parsed, value);
    }
    drop_hop_by_hop(&mut headers);
    if !keeps_length {
        headers.remove(CONTENT_LENGTH);
    }
    if !audience.own_host {
        OF_AN_ORIGIN.iter().for_each(|name| drop(headers.remove(*name)));
    }
    Ok(headers)
}

/// Values are byte strings, which scripts write as one character a byte.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let bytes = value.chars().map(|character| u8::try_from(character).ok()).collect::<Option<Vec<u8>>>()?;
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&bytes).ok()?))
}

/// What belongs to one connection, by its name or because `connection` names it.
pub fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    named.iter().for_each(|name| drop(headers.remove(name)));
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
}

fn no_response(what: impl Into<String>) -> RunError {
    RunError::new(ErrorKind::Exception, "TypeError", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Audience = Audience { public: false, own_host: true };

    fn answered(json: &str, audience: Audience) -> Result<Reply, String> {
        let head = serde_json::from_str(json).unwrap();
        reply(head, mpsc::channel(1).1, false, audience).map_err(|error| error.message)
    }

    #[test]
    fn every_set_cookie_is_kept_and_nothing_of_the_connection() {
        let json = r#"{"status": 201, "headers": [["set-cookie", "a=1"], ["Set-Cookie", "b=2"], ["connection", "x-mine, close"],
            ["x-mine", "1"], ["transfer-encoding", "chunked"], ["content-length", "999"], ["x-kept", "é"]]}"#;
        let reply = answered(json, OWN).unwrap();
        let cookies: Vec<_> =
            reply.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!((reply.status().as_u16(), cookies), (201, vec!["a=1", "b=2"]));
        assert_eq!(reply.headers()["x-kept"].as_bytes(), b"\xe9");
        assert_eq!(reply.headers().len(), 3, "{:?}", reply.headers());
    }

    #[test]
    fn no_script_speaks_for_an_origin_that_it_shares() {
        let json = r#"{"status": 200, "headers": [["strict-transport-security", "max-age=9"], ["Service-Worker-Allowed", "/"],
            ["alt-svc", "h2=\"evil:1\""], ["clear-site-data", "\"*\""], ["x-kept", "1"]]}"#;
        assert_eq!(answered(json, Audience { public: true, own_host: false }).unwrap().headers().len(), 1);
        assert_eq!(answered(json, Audience { public: true, own_host: true }).unwrap().headers().len(), 5);
    }

    #[test]
    fn what_is_no_response_is_none() {
        let many: Vec<_> = (0..=HEADERS_MAX).map(|number| (format!("x-{number}"), "")).collect();
        let long = [("x", "y".repeat(HEADER_BYTES_MAX))];
        #[rustfmt::skip]
        let table = [
            (r#"{"status": 101, "headers": []}"#.to_owned(), "101 is no status"),
            (r#"{"status": 99, "headers": []}"#.into(), "99 is no status"),
            (r#"{"status": 60000, "headers": []}"#.into(), "60000 is no status"),
            (r#"{"status": 200, "headers": [["a b", "1"]]}"#.into(), "is no header"),
            (r#"{"status": 200, "headers": [["a", "1\r\nb: 2"]]}"#.into(), "is no header"),
            (r#"{"status": 200, "headers": [["a", "\u2028"]]}"#.into(), "is no header"),
            (format!("{{\"status\": 200, \"headers\": {}}}", serde_json::to_string(&many).unwrap()), "more than 128"),
            (format!("{{\"status\": 200, \"headers\": {}}}", serde_json::to_string(&long).unwrap()), "more than 128"),
        ];
        for (json, words) in table {
            let told = answered(&json, OWN).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
    }
}
