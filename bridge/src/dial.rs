//! In: a signed request. Out: the upstream's reply, closed to everybody but `scrub.rs`.
//! May touch: the network; the only file that opens a socket to the outside.
//! Security boundary: yes; connects to the addresses that were checked and to nothing else, and bounds the head of what
//! comes back; `body.rs` bounds the rest.
//!
//! Not reqwest: it follows redirects, reads proxy variables, and resolves names again. Not hyper-util's client: see
//! `pool.rs`. Texts of failures are ours; what the library or the upstream said goes to the log at debug level only.

use crate::ask::Target;
use crate::body::{RawBody, Source};
use crate::budget::Budget;
use crate::decode::{self, Coding};
use crate::failure::Failure;
use crate::outgoing::Outgoing;
use crate::pool::{Connection, Origin, Pool, Sender};
use crate::resolve::Names;
use crate::scrub::Key;
use crate::sign::Signed;
use crate::tls::{self, Roots};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http::{Method, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mayfly_schemas::limits::{
    CONNECT_MS, HEADER_BYTES_MAX, HEADERS_MAX, HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_STREAM_WINDOW_BYTES,
    POOL_ORIGIN_IDLE_MAX, TLS_MS,
};
use rustls::pki_types::ServerName;
use std::cell::OnceCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// All that one tenant version has towards the outside, on one thread.
pub struct Upstreams {
    pub names: Names,
    pub pool: Pool,
    roots: Arc<Roots>,
    tls: OnceCell<Arc<rustls::ClientConfig>>,
    budget: Arc<Budget>,
}

/// A reply that nobody has looked into yet.
pub struct RawReply {
    target: Target,
    head: RawHead,
    body: RawBody,
}

pub struct RawHead {
    pub status: u16,
    pub status_text: String,
    pub headers: HeaderMap,
}

impl RawReply {
    pub fn open(self, _only_scrub_has_one: &Key) -> (Target, RawHead, RawBody) {
        (self.target, self.head, self.body)
    }
}

impl Upstreams {
    pub fn new(roots: Arc<Roots>, budget: Arc<Budget>) -> Upstreams {
        Upstreams { names: Names::default(), pool: Pool::default(), roots, tls: OnceCell::new(), budget }
    }

    fn tls(&self) -> Result<&Arc<rustls::ClientConfig>, rustls::Error> {
        if let Some(config) = self.tls.get() {
            return Ok(config);
        }
        let config = tls::config(&self.roots)?;
        Ok(self.tls.get_or_init(|| config))
    }
}

/// Sends the request and waits for the head of its reply. `response_bytes_max` bounds the body, decompressed.
pub async fn dial(signed: Signed, upstreams: &Rc<Upstreams>, response_bytes_max: u64) -> Result<RawReply, Failure> {
    let origin = origin(&signed);
    let sent = send(&signed, &origin, upstreams).await;
    let (connection, response) = sent.map_err(|failure| failure.about(signed.target()))?;
    let (target, sent) = signed.into_parts();
    let (head, incoming) = response.into_parts();
    let bodiless =
        *target.method() == Method::HEAD || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let read = || {
        let (head, coding) = read_head(head, &origin.host, bodiless)?;
        let source = Source { incoming, connection, origin, upstreams: upstreams.clone(), sent, bodiless };
        Ok((head, RawBody::new(source, coding, response_bytes_max, &upstreams.budget)?))
    };
    let (head, body) = read().map_err(|failure: Failure| failure.about(&target))?;
    Ok(RawReply { target, head, body })
}

fn origin(signed: &Signed) -> Origin {
    let target = signed.target();
    let https = target.url().scheme() == "https";
    Origin { https, host: target.host().to_string(), port: target.port(), private: signed.is_private() }
}

/// A pooled connection may have been closed by its peer just now. The request goes out again only if nothing of it was
/// sent, and each try uses up one pooled connection; a new connection gets one try.
async fn send(
    signed: &Signed,
    origin: &Origin,
    upstreams: &Upstreams,
) -> Result<(Connection, http::Response<Incoming>), Failure> {
    let gone = || Failure::network("the body of this request has been sent already; a stream cannot be read twice");
    let mut body = signed.outgoing().ok_or_else(gone)?;
    for _ in 0..=POOL_ORIGIN_IDLE_MAX {
        let Some(mut connection) = upstreams.pool.take(origin, signed.addresses()) else { break };
        match send_on(&mut connection, signed, body).await {
            Ok(response) => return Ok((connection, response)),
            Err(Unsent::Nothing(unsent)) => body = unsent,
            Err(Unsent::Broken(failure)) => return Err(failure),
        }
    }
    let mut connection = connect(signed, origin, upstreams).await?;
    if let Sender::Many(sender) = &connection.sender {
        // At once: others can use it already, and it outlives a call that fails.
        let shared = Connection { sender: Sender::Many(sender.clone()), peer: connection.peer };
        upstreams.pool.put(origin.clone(), shared);
    }
    match send_on(&mut connection, signed, body).await {
        Ok(response) => Ok((connection, response)),
        Err(Unsent::Nothing(_)) => {
            Err(Failure::network(format!("{} closed the connection; try again later", origin.host)))
        }
        Err(Unsent::Broken(failure)) => Err(failure),
    }
}

enum Unsent {
    /// The connection was gone before anything was sent.
    Nothing(Outgoing),
    Broken(Failure),
}

async fn send_on(
    connection: &mut Connection,
    signed: &Signed,
    body: Outgoing,
) -> Result<http::Response<Incoming>, Unsent> {
    let bad = || Unsent::Broken(Failure::usage("the URL cannot be sent over HTTP; write it with percent-encoding"));
    let sent = match &mut connection.sender {
        Sender::One { sender, .. } => sender.try_send_request(signed.http1(body).ok_or_else(bad)?).await,
        Sender::Many(sender) => sender.try_send_request(signed.http2(body).ok_or_else(bad)?).await,
    };
    sent.map_err(|mut error| match error.take_message() {
        Some(unsent) => Unsent::Nothing(unsent.into_body()),
        None => Unsent::Broken(broken(error.error(), &signed.target().host().to_string())),
    })
}

async fn connect(signed: &Signed, origin: &Origin, upstreams: &Upstreams) -> Result<Connection, Failure> {
    let (stream, peer) = connect_tcp(signed.addresses(), &origin.host).await?;
    if !origin.https {
        return Ok(Connection { sender: http1(stream, &origin.host).await?, peer });
    }
    let failed = |text: &str| Failure::network(format!("no TLS connection to {}: {text}", origin.host));
    let config = upstreams.tls().map_err(|_| failed("TLS could not be set up"))?;
    let name = server_name(signed.target()).ok_or_else(|| failed("the host is no valid server name"))?;
    let tls = tokio_rustls::TlsConnector::from(config.clone()).connect(name, stream);
    let tls = within(TLS_MS, tls, || format!("{} did not finish the TLS handshake", origin.host)).await?;
    let tls = tls.map_err(|error| {
        tracing::debug!(host = origin.host, %error, "TLS failed");
        failed("the handshake failed or its certificate is not valid for this host")
    })?;
    let many = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let sender = if many { http2(tls, &origin.host).await? } else { http1(tls, &origin.host).await? };
    Ok(Connection { sender, peer })
}

/// The addresses in turn, all within `CONNECT_MS`; one that does not answer leaves time for the next.
async fn connect_tcp(addresses: &[SocketAddr], host: &str) -> Result<(TcpStream, SocketAddr), Failure> {
    let share = (CONNECT_MS / addresses.len().max(1) as u64).max(250);
    let attempts = async {
        for address in addresses {
            match timeout(Duration::from_millis(share), TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Some((stream, *address)),
                Ok(Err(error)) => tracing::debug!(host, %error, "connect failed"),
                Err(_) => tracing::debug!(host, "connect took too long"),
            }
        }
        None
    };
    let connected = within(CONNECT_MS, attempts, || format!("{host} did not accept a connection")).await?;
    let (stream, peer) =
        connected.ok_or_else(|| Failure::network(format!("{host} accepts no connection; try again later")))?;
    // Without it a small request can wait for an acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer))
}

async fn within<T>(ms: u64, work: impl Future<Output = T>, what: impl FnOnce() -> String) -> Result<T, Failure> {
    let late = |_| Failure::timeout(format!("{} within {ms} ms; try again later", what()));
    timeout(Duration::from_millis(ms), work).await.map_err(late)
}

fn server_name(target: &Target) -> Option<ServerName<'static>> {
    match target.host() {
        url::Host::Domain(name) => ServerName::try_from(name.clone()).ok(),
        url::Host::Ipv4(address) => Some(ServerName::IpAddress(std::net::IpAddr::V4(*address).into())),
        url::Host::Ipv6(address) => Some(ServerName::IpAddress(std::net::IpAddr::V6(*address).into())),
    }
}

async fn http1(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, host: &str) -> Result<Sender, Failure> {
    let mut builder = http1::Builder::new();
    builder.max_headers(HEADERS_MAX).max_buf_size(HEADER_BYTES_MAX + 8 * 1024);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error, host))?;
    let driver = tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "upstream connection ended");
        }
    });
    Ok(Sender::One { sender, _driver: AbortOnDropHandle::new(driver) })
}

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, host: &str) -> Result<Sender, Failure> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).max_header_list_size(HEADER_BYTES_MAX as u32);
    builder.initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES);
    builder.initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error, host))?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "upstream connection ended");
        }
    });
    Ok(Sender::Many(sender))
}

/// The head for the script, and how the body is to be read.
fn read_head(head: http::response::Parts, host: &str, bodiless: bool) -> Result<(RawHead, Option<Coding>), Failure> {
    if head.status.is_informational() {
        return Err(Failure::network(format!("{host} switched to another protocol, which nobody asked for")));
    }
    let header_bytes: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head.headers.len() > HEADERS_MAX || header_bytes > HEADER_BYTES_MAX {
        return Err(too_many_headers(host));
    }
    let coding = match decode::declared(&head.headers) {
        _ if bodiless => None,
        Ok(coding) => coding,
        Err(decode::UnknownCoding) => {
            let accepted = decode::ACCEPTED;
            let text = format!(
                "{host} sent a reply in a content-encoding that it was not asked for, or in several; one of {accepted} can be read"
            );
            return Err(Failure::network(text));
        }
    };
    let (status, status_text) = (head.status.as_u16(), status_text(&head));
    Ok((RawHead { status, status_text, headers: for_script(head.headers, coding) }, coding))
}

fn status_text(head: &http::response::Parts) -> String {
    let written =
        head.extensions.get::<hyper::ext::ReasonPhrase>().and_then(|text| std::str::from_utf8(text.as_bytes()).ok());
    written
        .or(head.status.canonical_reason())
        .filter(|_| head.version < http::Version::HTTP_2)
        .unwrap_or_default()
        .to_owned()
}

/// Without what concerned only the connection, and what is no longer true of a body that we decode.
fn for_script(mut headers: HeaderMap, coding: Option<Coding>) -> HeaderMap {
    for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "trailer", "te"] {
        headers.remove(name);
    }
    if coding.is_some() {
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
    }
    headers
}

fn too_many_headers(host: &str) -> Failure {
    Failure::network(format!(
        "the reply of {host} has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
    ))
}

pub fn broken(error: &hyper::Error, host: &str) -> Failure {
    tracing::debug!(host, %error, "call failed");
    if error.is_parse_too_large() {
        return too_many_headers(host);
    }
    let text = if error.is_parse() {
        "did not answer with valid HTTP"
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_early_end(error) {
        "closed the connection before its reply was complete"
    } else {
        "broke off the connection"
    };
    Failure::network(format!("{host} {text}; try again later"))
}

/// An end inside a body: hyper tells of it as of any other failure of reading.
fn is_early_end(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
}
