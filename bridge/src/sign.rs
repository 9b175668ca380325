//! In: a pinned permit. Out: the request as it will be sent, with the credential that its rule names.
//! May touch: nothing; the value was read when the tenant file was.
//! Security boundary: yes; after policy and before sending, the only place where a secret enters a request.
//!
//! The script's headers go along unless they frame the message, speak for the connection, or speak for us (where a proxy
//! or an origin believes them). On a rule with a credential its own credentials stay behind too: otherwise a script
//! could use our reach with a stranger's account, and carry data out through an allowed host. `range` stays behind there
//! as well, for a secret that is echoed in two halves is not found by `scrub.rs`.
//!
//! `accept-encoding` is ours, as it is a browser's: what comes back is decoded, so that `scrub.rs` sees what the script
//! will see. With `range` it says `identity`, as fetch does: a piece of a compressed body cannot be decoded.

use crate::ask::{Ask, Body, Target};
use crate::credentials::Credential;
use crate::decode;
use crate::outgoing::Outgoing;
use crate::resolve::Pinned;
use http::Method;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, RANGE, USER_AGENT,
};
use hyper::body::Body as _;
use mayfly_schemas::trace::Trace;
use std::net::SocketAddr;

/// A request with all it needs. Only `sign` makes it.
pub struct Signed {
    target: Target,
    headers: HeaderMap,
    body: Body,
    addresses: Vec<SocketAddr>,
    private: bool,
    credential: Option<String>,
}

const DROPPED: [&str; 15] = [
    "host",
    "connection",
    "keep-alive",
    "forwarded",
    "expect",
    "te",
    "trailer",
    "via",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "upgrade",
    "http2-settings",
    "x-real-ip",
    "x-original-url",
];
/// Among them the headers by which a server takes another method than the one that was decided.
const DROPPED_FAMILIES: [&str; 5] = ["proxy-", "x-forwarded-", "sec-websocket-", "x-http-method", "x-method-override"];
/// Headers that name an account, by a part of their name.
const CREDENTIAL_LIKE: [&str; 10] = [
    "authorization",
    "cookie",
    "api-key",
    "apikey",
    "auth-token",
    "access-token",
    "private-token",
    "security-token",
    "session-token",
    "x-token",
];
const RANGES: [&str; 2] = ["range", "if-range"];
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// `credential`: of the permit's rule, or the run's own in its place. `trace`: where the operator wants upstreams to know the trace of the request that a run was begun by.
pub fn sign(pinned: Pinned, credential: Option<&Credential>, trace: Option<&Trace>) -> Signed {
    let (permit, addresses) = pinned.into_parts();
    let rule = permit.rule().clone();
    let ask = permit.into_ask();
    let mut headers = passed_on(&ask.headers, rule.credential.is_some());
    let accepted = if headers.contains_key(RANGE) { "identity" } else { decode::ACCEPTED };
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("mayfly/", env!("CARGO_PKG_VERSION"))));
    trace.iter().for_each(|trace| continue_trace(&mut headers, trace));
    let credential = credential.filter(|_| rule.credential.is_some()).and_then(|credential| {
        // Checked when the file was loaded, or the run begun.
        let mut value = HeaderValue::from_bytes(credential.sent.as_ref()?.line.expose()).ok()?;
        value.set_sensitive(true);
        headers.insert(credential.header.clone(), value);
        Some(credential.name.clone())
    });
    let (target, body) = ask.into_parts();
    Signed { target, headers, body, addresses, private: rule.private, credential }
}

/// In the place of what the script wrote there: it cannot be both, and the operator asked for this one.
fn continue_trace(headers: &mut HeaderMap, trace: &Trace) {
    let mut span = [0; 8];
    if getrandom::fill(&mut span).is_err() {
        return;
    }
    headers.remove(TRACEPARENT);
    headers.remove(TRACESTATE);
    if let Ok(parent) = HeaderValue::from_str(&trace.child(u64::from_ne_bytes(span))) {
        headers.insert(TRACEPARENT, parent);
    }
    if let (false, Ok(state)) = (trace.state().is_empty(), HeaderValue::from_str(trace.state())) {
        headers.insert(TRACESTATE, state);
    }
}

impl Signed {
    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The name of the credential in it.
    pub fn credential(&self) -> Option<&str> {
        self.credential.as_deref()
    }

    /// What is left when it was sent.
    pub fn into_parts(self) -> (Target, Body) {
        (self.target, self.body)
    }

    /// The body as it is sent; `None` when that has been done.
    pub fn outgoing(&self) -> Option<Outgoing> {
        match &self.body {
            Body::Whole(bytes) => Some(Outgoing::whole(bytes.clone())),
            Body::Upload(upload) => upload.take(),
        }
    }

    /// For HTTP/1: the path as request target, and `host`.
    pub fn http1(&self, body: Outgoing) -> Option<http::Request<Outgoing>> {
        let url = self.target.url();
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = self.request(path, body)?;
        request.headers_mut().insert(HOST, HeaderValue::from_str(&authority(url)).ok()?);
        Some(request)
    }

    /// For HTTP/2: the whole URL, from which `:scheme`, `:authority` and `:path` are made.
    pub fn http2(&self, body: Outgoing) -> Option<http::Request<Outgoing>> {
        self.request(self.target.url().as_str().to_owned(), body)
    }

    fn request(&self, uri: String, body: Outgoing) -> Option<http::Request<Outgoing>> {
        let empty = body.is_end_stream();
        let mut request = http::Request::new(body);
        *request.method_mut() = self.target.method().clone();
        *request.uri_mut() = uri.parse().ok()?;
        *request.headers_mut() = self.headers.clone();
        if empty && matches!(*self.target.method(), Method::POST | Method::PUT) {
            // As fetch does; hyper says nothing, and some servers ask for it.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Some(request)
    }
}

/// Host and, unless it is the scheme's own, port.
fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn passed_on(headers: &HeaderMap, has_credential: bool) -> HeaderMap {
    let named: Vec<String> = connection_named(headers);
    let stays = |name: &HeaderName| {
        let name = name.as_str();
        DROPPED.contains(&name)
            || DROPPED_FAMILIES.iter().any(|family| name.starts_with(family))
            || named.iter().any(|other| other == name)
            || (has_credential && (is_credential_like(name) || RANGES.contains(&name)))
    };
    headers.iter().filter(|(name, _)| !stays(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Headers that the `connection` header declares to be for one hop.
fn connection_named(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

pub fn is_credential_like(name: &str) -> bool {
    CREDENTIAL_LIKE.iter().any(|part| name.contains(part))
}

/// What a redirect to another origin must not take along: the script meant it for the first one.
pub fn without_credentials(ask: &mut Ask) {
    let gone: Vec<HeaderName> = ask.headers.keys().filter(|name| is_credential_like(name.as_str())).cloned().collect();
    for name in gone {
        ask.headers.remove(name);
    }
}
