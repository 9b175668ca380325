//! In: a request for one of the small programs that the suite's own server runs. Out: what they answer.
//! May touch: nothing.
//! Security boundary: no.

use crate::host::{Reply, Request};

/// The answer of the program at `path`; nothing for those that are not among them.
pub fn reply(path: &str, request: &Request<'_>) -> Option<Reply> {
    let (status, headers, body) = match path {
        "/xhr/resources/echo-content-escaped.py" => (200, Vec::new(), escaped(request.body)),
        "/fetch/api/resources/echo-content.py" => (200, told(request), request.body.to_vec()),
        "/fetch/api/resources/method.py" => (200, told(request), request.body.to_vec()),
        "/fetch/api/resources/inspect-headers.py" => (200, inspected(request), Vec::new()),
        "/fetch/api/resources/status.py" => (parameter(request.url, "code")?.parse().ok()?, Vec::new(), Vec::new()),
        _ => return None,
    };
    let plain = ("content-type".to_owned(), "text/plain; charset=UTF-8".to_owned());
    Some(Reply { status, text: "OK", headers: headers.into_iter().chain([plain]).collect(), body })
}

/// The body with control characters, backslashes and what is no ASCII escaped; line ends stay.
fn escaped(body: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for byte in body {
        match byte {
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.replace("\\x0d\\x0a", "\r\n").into_bytes()
}

fn told(request: &Request<'_>) -> Vec<(String, String)> {
    let content_type = header(request, "content-type").unwrap_or("NO").to_owned();
    let length = if request.body.is_empty() { "NO".to_owned() } else { request.body.len().to_string() };
    vec![
        ("x-request-method".into(), request.method.to_owned()),
        ("x-request-content-length".into(), length),
        ("x-request-content-type".into(), content_type),
    ]
}

/// Headers of the request that the query asks for, under names of their own.
fn inspected(request: &Request<'_>) -> Vec<(String, String)> {
    let names = parameter(request.url, "headers").unwrap_or_default();
    let one = |name: &str| Some((format!("x-request-{name}"), header(request, name)?.to_owned()));
    names.split('|').filter_map(one).collect()
}

fn header<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    let named = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.as_str())
}

fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let query = url.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
