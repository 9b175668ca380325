//! In: a request of an operator's command to a Mayfly server. Out: its answer, read as it arrives.
//! May touch: one connection to the server that the operator named; the system's certificate store, for https.
//! Security boundary: no. Nothing that a tenant or a script says comes here, so neither rules nor checked addresses are for
//! it. It lies beside the other sockets because the runtime has no HTTP client and no TLS.

use crate::tls::{self, Roots};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mayfly_schemas::limits::{CONNECT_MS, OPERATOR_ANSWER_BYTES_MAX, TLS_MS};
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// A Mayfly server, as its operators and tenants reach it.
#[derive(Clone)]
pub struct Client {
    base: Url,
    authorization: HeaderValue,
    extra: Vec<CertificateDer<'static>>,
}

/// One request to it.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    pub method: Method,
    /// Segments of the path below the server's URL, without any escapes.
    pub path: &'a [&'a str],
    pub query: &'a [(&'a str, String)],
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// JSON.
    pub body: Option<String>,
}

pub struct Answered {
    pub status: u16,
    body: Incoming,
    _connection: AbortOnDropHandle<()>,
}

/// The server was not reached, or broke off.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotReached(String);

impl Client {
    /// The error says what is wrong with the URL or the token; it never repeats the token.
    pub fn new(url: &str, token: &str) -> Result<Client, String> {
        let base = Url::parse(url).ok().filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host());
        let base = base.ok_or_else(|| format!("{url:?} is no server's URL: write http://HOST:PORT or https://HOST"))?;
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err("the server's URL has a user name or a query; leave them out".to_owned());
        }
        let authorization = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut authorization = authorization.map_err(|_| "the token has characters that no token has".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Client { base, authorization, extra: Vec::new() })
    }

    /// These are believed besides the system's.
    pub fn trusting(self, extra: Vec<CertificateDer<'static>>) -> Client {
        Client { extra, ..self }
    }

    pub async fn ask(&self, wanted: Wanted<'_>) -> Result<Answered, NotReached> {
        let request = self.request(wanted)?;
        let (host, port) = (self.base.host_str().unwrap_or_default(), self.base.port_or_known_default().unwrap_or(80));
        // An IPv6 address has brackets in a URL, and none for the resolver.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let failed = |why: &dyn std::fmt::Display| NotReached(format!("{host}:{port}: {why}"));
        let connecting = timeout(Duration::from_millis(CONNECT_MS), TcpStream::connect((name, port)));
        let stream = connecting.await.map_err(|_| failed(&"no connection in time"))?.map_err(|error| failed(&error))?;
        let _ = stream.set_nodelay(true);
        let answered = match self.base.scheme() {
            "https" => {
                let server = ServerName::try_from(name.to_owned()).map_err(|error| failed(&error))?;
                let shaking = timeout(Duration::from_millis(TLS_MS), connector(&self.extra)?.connect(server, stream));
                let stream = shaking.await.map_err(|_| failed(&"no TLS in time"))?.map_err(|error| failed(&error))?;
                sent(stream, request).await
            }
            _ => sent(stream, request).await,
        };
        answered.map_err(|error| failed(&error))
    }

    fn request(&self, wanted: Wanted<'_>) -> Result<Request<Full<Bytes>>, NotReached> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(wanted.path);
        }
        if !wanted.query.is_empty() {
            url.query_pairs_mut().extend_pairs(wanted.query);
        }
        let place = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = self.base.host_str().unwrap_or_default();
        let host = self.base.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let mut request = Request::builder().method(wanted.method).uri(place).header(HOST, host);
        request = request.header(AUTHORIZATION, &self.authorization);
        request = request.header(USER_AGENT, concat!("mayfly/", env!("CARGO_PKG_VERSION")));
        if wanted.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in wanted.headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(wanted.body.unwrap_or_default()));
        request.body(body).map_err(|error| NotReached(error.to_string()))
    }
}

impl Answered {
    /// What comes next of its body; nothing at its end.
    pub async fn part(&mut self) -> Result<Option<Bytes>, NotReached> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| NotReached(format!("the answer broke off: {error}")))?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    pub async fn whole(mut self) -> Result<Vec<u8>, NotReached> {
        let mut whole = Vec::new();
        while let Some(part) = self.part().await? {
            if whole.len() + part.len() > OPERATOR_ANSWER_BYTES_MAX {
                return Err(NotReached(format!("the answer has more than {OPERATOR_ANSWER_BYTES_MAX} bytes")));
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole)
    }
}

fn connector(extra: &[CertificateDer<'static>]) -> Result<TlsConnector, NotReached> {
    let config = tls::config(&Roots::with(extra.to_vec())).map_err(|error| NotReached(error.to_string()))?;
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn sent<S>(stream: S, request: Request<Full<Bytes>>) -> hyper::Result<Answered>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // What went wrong is told where the answer is read.
        let _ = connection.await;
    }));
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok(Answered { status: head.status.as_u16(), body, _connection: connection })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_types_is_a_segment_of_the_path_and_no_more() {
        let client = Client::new("http://127.0.0.1:8787/behind/", "mf_x").unwrap();
        let query = [("tag", "user:ann b".to_owned())];
        let wanted = Wanted { path: &["v1", "runs", "a/../b?c"], query: &query, ..Wanted::default() };
        let request = client.request(wanted).unwrap();
        assert_eq!(request.uri(), "/behind/v1/runs/a%2F..%2Fb%3Fc?tag=user%3Aann+b");
        assert_eq!(request.headers()[HOST], "127.0.0.1:8787");
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer mf_x");
    }

    #[test]
    fn a_url_is_one_of_a_server_and_a_token_is_not_repeated() {
        for url in ["", "127.0.0.1:8787", "ftp://x", "unix:/run/x", "http://user:pass@x", "http://x/?a=b"] {
            assert!(Client::new(url, "mf_x").is_err(), "{url}");
        }
        let told = Client::new("http://x", "mf\n_secret").err().unwrap();
        assert!(!told.contains("secret"), "{told}");
    }
}
