//! In: the run object of a script that a request triggered. Out: the response that the script gave, or a problem.
//! May touch: nothing.
//! Security boundary: yes, towards clients: of a public script's failure nothing is told but the run's name, and no header
//! of a script speaks for the connection, nor, on the server's own host, for other tenants.

use super::{Problem, ProblemKind, RUN, Reply};
use crate::isolate::{ErrorKind, RunError};
use crate::run::RunObject;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use mayfly_schemas::limits::{HEADER_BYTES_MAX, HEADERS_MAX};
use serde::Deserialize;

/// What the prelude makes of a `Response`.
#[derive(Deserialize)]
struct Answered {
    status: u16,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    body: Option<String>,
}

/// A list keeps several of one name apart, as `set-cookie` needs it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Headers {
    List(Vec<(String, String)>),
    Names(std::collections::BTreeMap<String, String>),
}

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

pub fn triggered(object: RunObject, audience: Audience) -> Result<Reply, Problem> {
    let RunObject { id, result, error, .. } = object;
    let answered = match (result, error) {
        (Some(result), None) => reply(result.get(), audience).map_err(|what| (ProblemKind::Internal, what)),
        (_, error) => Err(failed(error)),
    };
    match answered {
        Ok(mut reply) => {
            if let Ok(id) = HeaderValue::from_str(&id) {
                reply.headers_mut().insert(RUN, id);
            }
            Ok(reply)
        }
        Err((kind, error)) => Err(problem(kind, error, id, audience)),
    }
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

fn reply(result: &str, audience: Audience) -> Result<Reply, RunError> {
    let shape = "the script gave no response: export default { async fetch(request) { return new Response(...) } }";
    let answered: Answered = serde_json::from_str(result).map_err(|_| no_response(shape))?;
    let status = StatusCode::from_u16(answered.status)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| no_response(format!("{} is no status of a response", answered.status)))?;
    let headers = headers(answered.headers, audience)?;
    // These have no body, whatever the script says (RFC 9110, section 6.4.1).
    let empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let body = answered.body.filter(|_| !empty).unwrap_or_default();
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    Ok(reply)
}

fn headers(given: Headers, audience: Audience) -> Result<HeaderMap, RunError> {
    let list = match given {
        Headers::List(list) => list,
        Headers::Names(names) => names.into_iter().collect(),
    };
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
    // The body is framed by us.
    headers.remove(CONTENT_LENGTH);
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

impl Default for Headers {
    fn default() -> Headers {
        Headers::List(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Audience = Audience { public: false, own_host: true };

    fn answered(json: &str, audience: Audience) -> Result<Reply, String> {
        reply(json, audience).map_err(|error| error.message)
    }

    #[test]
    fn every_set_cookie_is_kept_and_nothing_of_the_connection() {
        let json = r#"{"status": 201, "headers": [["set-cookie", "a=1"], ["Set-Cookie", "b=2"], ["connection", "x-mine, close"],
            ["x-mine", "1"], ["transfer-encoding", "chunked"], ["content-length", "999"], ["x-kept", "é"]], "body": "hi"}"#;
        let reply = answered(json, OWN).unwrap();
        let cookies: Vec<_> = reply.headers().get_all("set-cookie").iter().collect();
        assert_eq!((reply.status().as_u16(), cookies), (201, vec!["a=1", "b=2"]));
        assert_eq!(reply.headers()["x-kept"].as_bytes(), b"\xe9");
        assert_eq!(reply.headers().len(), 3, "{:?}", reply.headers());
    }

    #[test]
    fn no_script_speaks_for_an_origin_that_it_shares() {
        let json = r#"{"status": 200, "headers": {"strict-transport-security": "max-age=9", "Service-Worker-Allowed": "/",
            "alt-svc": "h2=\"evil:1\"", "clear-site-data": "\"*\"", "x-kept": "1"}}"#;
        assert_eq!(answered(json, Audience { public: true, own_host: false }).unwrap().headers().len(), 1);
        assert_eq!(answered(json, Audience { public: true, own_host: true }).unwrap().headers().len(), 5);
    }

    #[test]
    fn what_is_no_response_is_none() {
        let many: Vec<_> = (0..=HEADERS_MAX).map(|number| (format!("x-{number}"), "")).collect();
        let long = [("x", "y".repeat(HEADER_BYTES_MAX))];
        #[rustfmt::skip]
        let table = [
            ("null".to_owned(), "no response"),
            ("42".into(), "no response"),
            (r#"{"body": "x"}"#.into(), "no response"),
            (r#"{"status": 70000}"#.into(), "no response"),
            (r#"{"status": 101}"#.into(), "101 is no status"),
            (r#"{"status": 99}"#.into(), "99 is no status"),
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
