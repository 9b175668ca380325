//! In: what a script asked for, as it wrote it. Out: an `Ask` in its one canonical form, or why it is none.
//! May touch: nothing.
//! Security boundary: yes; the URL is parsed here and nowhere else. What is decided is what is dialled, because both
//! read this value and nobody reads the text again.
//!
//! Canonical: the WHATWG parser's result (dot segments, `\`, tabs, letter case, IDNA, odd IPv4 spellings are settled by
//! it), one trailing dot of the host and the fragment removed, and in the path every percent-encoded letter, digit and
//! `-._~` written plainly (RFC 3986, 6.2.2.2: the same resource). Userinfo is refused, never stripped.

use crate::failure::{Failure, Reason};
use crate::upload::Upload;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use mayfly_schemas::limits::{HEADER_BYTES_MAX, HEADERS_MAX, REQUEST_BODY_BYTES_MAX, URL_BYTES_MAX};
use percent_encoding::percent_decode_str;
use std::rc::Rc;
use url::{Host, Url};

/// The words of one fetch, owned, as they came over the socket.
pub struct Words {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Body,
}

/// One request to one place. A redirect makes a new one.
#[derive(Clone)]
pub struct Ask {
    target: Target,
    pub headers: HeaderMap,
    pub body: Body,
}

#[derive(Clone)]
pub enum Body {
    Whole(Bytes),
    /// In parts while it is sent. They are kept nowhere, so it can be sent once.
    Upload(Rc<Upload>),
}

/// Method and place: all that a rule sees.
#[derive(Clone)]
pub struct Target {
    method: Method,
    url: Url,
    host: Host<String>,
    port: u16,
    exact: Vec<String>,
    loose: Vec<String>,
    ambiguous: bool,
}

impl Ask {
    pub fn parse(words: Words) -> Result<Ask, Failure> {
        let target = Target::parse(&words.method, &words.url)?;
        let headers = headers(&words.headers).map_err(|text| Failure::usage(text).about(&target))?;
        let refuse = |text: String| Err(Failure::usage(text).about(&target));
        let bodiless = matches!(*target.method(), Method::GET | Method::HEAD);
        if bodiless && !words.body.is_none() {
            return refuse("a GET or HEAD request has no body; use POST".to_owned());
        }
        match &words.body {
            Body::Whole(bytes) if bytes.len() as u64 > REQUEST_BODY_BYTES_MAX => {
                return refuse(format!(
                    "the request body is above {REQUEST_BODY_BYTES_MAX} bytes; give fetch a ReadableStream of it"
                ));
            }
            Body::Whole(_) => {}
            Body::Upload(upload) => {
                let length = content_length(&headers).map_err(|text| Failure::usage(text).about(&target))?;
                upload.declare(length).map_err(|failure| failure.about(&target))?;
            }
        }
        Ok(Ask { target, headers, body: words.body })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn into_parts(self) -> (Target, Body) {
        (self.target, self.body)
    }

    /// Whether it changes nothing, as HTTP has it.
    pub fn is_safe(&self) -> bool {
        matches!(*self.target.method(), Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// The same request, sent elsewhere.
    pub fn moved(self, method: Method, url: &Url) -> Result<Ask, Failure> {
        Ok(Ask { target: Target::of(method, url.clone())?, ..self })
    }
}

impl Body {
    fn is_none(&self) -> bool {
        matches!(self, Body::Whole(bytes) if bytes.is_empty())
    }

    /// Bytes that are sent at once.
    pub fn whole_bytes(&self) -> usize {
        match self {
            Body::Whole(bytes) => bytes.len(),
            Body::Upload(_) => 0,
        }
    }

    /// Nothing of it is left to be sent.
    pub fn is_sent(&self) -> bool {
        match self {
            Body::Whole(_) => true,
            Body::Upload(upload) => upload.progress().is_complete(),
        }
    }
}

impl Target {
    pub fn parse(method: &str, url: &str) -> Result<Target, Failure> {
        let method = parse_method(method)?;
        if url.len() > URL_BYTES_MAX {
            return Err(Failure::usage(format!("the URL is above {URL_BYTES_MAX} bytes; shorten it")));
        }
        let url = Url::parse(url).map_err(|error| {
            Failure::usage(format!("not a URL ({error}); write it in full, such as https://host/path"))
        })?;
        Target::of(method, url)
    }

    fn of(method: Method, mut url: Url) -> Result<Target, Failure> {
        let shown = shown(&url);
        let refuse = |reason, text: &str| Failure::policy(reason, "", text).at(method.as_str(), &shown);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse(Reason::Scheme, "only http and https URLs can be fetched"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let text = "a URL must not carry a user name or password; a credential belongs into the tenant's file";
            return Err(refuse(Reason::Userinfo, text));
        }
        url.set_fragment(None);
        let no_host = || Failure::usage("the URL has no valid host; write it in full").at(method.as_str(), &shown);
        settle_host(&mut url).ok_or_else(no_host)?;
        let ambiguous = ambiguous(url.path());
        let path = plain_letters(url.path());
        if path != url.path() {
            url.set_path(&path);
        }
        let host = url.host().ok_or_else(no_host)?.to_owned();
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let exact = segments(url.path()).map(str::to_owned).collect();
        let loose = loose_segments(url.path());
        Ok(Target { method, host, port, exact, loose, ambiguous, url })
    }

    pub fn method(&self) -> &Method {
        &self.method
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A server may read the path in another way than we do.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    pub fn place(&self) -> crate::patterns::Place<'_> {
        crate::patterns::Place {
            scheme: self.url.scheme(),
            host: &self.host,
            port: self.port,
            exact: &self.exact,
            loose: &self.loose,
        }
    }

    /// For people, records and scripts: without query, fragment and userinfo.
    pub fn shown(&self) -> String {
        shown(&self.url)
    }
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// As `fetch` does: the common methods in any case, the forbidden ones never.
fn parse_method(text: &str) -> Result<Method, Failure> {
    let upper = text.to_ascii_uppercase();
    if matches!(upper.as_str(), "CONNECT" | "TRACE" | "TRACK") {
        return Err(Failure::usage(format!("the method {upper} cannot be sent; use GET, POST or another")));
    }
    let common = matches!(upper.as_str(), "DELETE" | "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT");
    let method = if common { upper.as_bytes() } else { text.as_bytes() };
    if method.len() > 32 {
        return Err(Failure::usage("the method is too long; use GET, POST or another"));
    }
    Method::from_bytes(method).map_err(|_| Failure::usage("the method is not a valid one; use GET, POST or another"))
}

/// One trailing dot goes; what is left must have no empty label.
fn settle_host(url: &mut Url) -> Option<()> {
    let Some(Host::Domain(name)) = url.host() else { return url.host().map(|_| ()) };
    let bare = name.strip_suffix('.').unwrap_or(name).to_owned();
    if bare.len() > 253 || bare.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return None;
    }
    if bare.len() != name.len() {
        url.set_host(Some(&bare)).ok()?;
    }
    Some(())
}

fn headers(list: &[(String, Vec<u8>)]) -> Result<HeaderMap, String> {
    let bytes: usize = list.iter().map(|(name, value)| name.len() + value.len()).sum();
    if list.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(format!("a request has at most {HEADERS_MAX} headers of {HEADER_BYTES_MAX} bytes together"));
    }
    let mut headers = HeaderMap::with_capacity(list.len());
    for (name, value) in list {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| "a header name has characters that HTTP does not allow".to_owned())?;
        if name == http::header::UPGRADE {
            return Err("a connection cannot be upgraded; send the request without `upgrade`".to_owned());
        }
        let value = HeaderValue::from_bytes(trim(value))
            .map_err(|_| format!("the value of header `{name}` has characters that HTTP does not allow"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Of a body that comes in parts. Whole bodies have the length that they have.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, String> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    let digits = first.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()).filter(|_| lengths.next().is_none()) {
        Some(length) => Ok(Some(length)),
        None => Err("the content-length header is no number of bytes; leave it out".to_owned()),
    }
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// Segments after the leading slash; `/` has none, a trailing slash leaves an empty last one.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    let rest = path.strip_prefix('/').unwrap_or(path);
    rest.split('/').filter(move |_| !rest.is_empty())
}

/// Segments as the most forgiving server would read them: all percent-encoding undone, `;` parameters cut, in small
/// letters, empty ones left out.
pub fn loose_segments(path: &str) -> Vec<String> {
    let loosen = |segment: &str| {
        let plain = percent_decode_str(segment).decode_utf8_lossy().to_lowercase();
        plain.split(';').next().unwrap_or_default().to_owned()
    };
    segments(path).map(loosen).filter(|segment| !segment.is_empty()).collect()
}

/// Percent-encoded unreserved characters written plainly.
pub fn plain_letters(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, code) = rest.split_at(at);
        plain.push_str(before);
        match code.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from) {
            Some(letter) if letter.is_ascii_alphanumeric() || "-._~".contains(letter) => {
                plain.push(letter);
                rest = code.get(3..).unwrap_or_default();
            }
            _ => {
                plain.push('%');
                rest = code.get(1..).unwrap_or_default();
            }
        }
    }
    plain + rest
}

/// Whether another reader could see other segments than we do: an encoded slash, backslash, percent sign or control
/// character, a broken or non-UTF-8 encoding, an empty segment before the last, a dot segment hidden behind `;`.
pub fn ambiguous(path: &str) -> bool {
    let mut segments = segments(path).peekable();
    while let Some(segment) = segments.next() {
        let Ok(plain) = percent_decode_str(segment).decode_utf8() else { return true };
        let dots = plain.split(';').next().is_some_and(|bare| matches!(bare, "." | ".."));
        let odd = |letter: char| matches!(letter, '/' | '\\' | '%') || letter.is_control();
        if dots || plain.chars().any(odd) || (segment.is_empty() && segments.peek().is_some()) {
            return true;
        }
    }
    false
}
