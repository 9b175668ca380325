//! In: upstreams that speak TLS, with HTTP/2 and HTTP/1.1. Out: the same replies; no connection to who cannot prove itself.
//! May touch: loopback.
//! Security boundary: no; holds the tests of tls and of HTTP/2 in dial.

use crate::harness::*;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mayfly_schemas::bridge_capnp::failure::Kind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;
type Response = http::Response<Body>;

struct Server {
    port: u16,
    root: CertificateDer<'static>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn url(&self, path: &str) -> String {
        format!("https://api.test:{}{path}", self.port)
    }
}

/// On a thread of its own, with a certificate for `name` by an authority of its own.
fn serve(
    name: &str,
    alpn: &'static [u8],
    answer: impl Fn(http::Request<Incoming>) -> Response + Send + Sync + 'static,
) -> Server {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let server = Server {
        port: listener.local_addr().unwrap().port(),
        root: authority.der().clone(),
        connections: connections.clone(),
    };
    let (acceptor, answer) = (tokio_rustls::TlsAcceptor::from(Arc::new(config)), Arc::new(answer));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, SeqCst);
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request))));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    server
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// Says with a flag that it was dropped: how a server sees that a stream was reset.
struct Watched(Incoming, Arc<AtomicUsize>);

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    /// What comes in goes out; where it breaks off, so does this.
    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame.and_then(Result::ok).map(Ok))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
    }
}

fn bridge_to(server: &Server, trusts: bool) -> (Bridge, String) {
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    if trusts {
        setup.world.roots = vec![server.root.clone()];
    }
    setup.secret("key", "the-real-key-12345");
    let token = setup.tenant("acme", &with_credential(&server.url("/**")));
    (setup.start(), token)
}

#[test]
fn a_fetch_speaks_http2_and_http1_over_tls() {
    run(async {
        for (alpn, version) in [(&b"h2"[..], "HTTP/2.0"), (b"http/1.1", "HTTP/1.1")] {
            let server = serve("api.test", alpn, |request| {
                let headers = request.headers();
                let host = request
                    .uri()
                    .authority()
                    .map(ToString::to_string)
                    .or_else(|| Some(headers["host"].to_str().unwrap().into()));
                let signed = headers["authorization"] == "Bearer the-real-key-12345";
                let seen = format!("{:?} {:?} {signed} {}", request.version(), host.unwrap(), request.uri().path());
                http::Response::builder().status(203).header("x-version", "1").body(full(seen)).unwrap()
            });
            let (bridge, token) = bridge_to(&server, true);
            let opened = bridge.session(&token).await;
            for _ in 0..3 {
                let ask = get(server.url("/a?b"))
                    .header("host", "evil.test")
                    .header("te", "trailers")
                    .header("connection", "x");
                let outcome = fetch(&opened.session, &ask).await;
                assert_eq!(outcome.status(), 203);
                let expected = format!("{version} \"api.test:{}\" true /a", server.port);
                assert_eq!(outcome.body(), expected);
            }
            assert_eq!(server.connections.load(SeqCst), 1, "one connection for all");
        }
    });
}

#[test]
fn calls_at_once_share_one_http2_connection() {
    run(async {
        let server = serve("api.test", b"h2", |request| http::Response::new(full(request.uri().path().to_owned())));
        let (bridge, token) = bridge_to(&server, true);
        let opened = bridge.session(&token).await;
        fetch(&opened.session, &get(server.url("/first"))).await.status();
        let asks: Vec<Ask> = (0..20).map(|n| get(server.url(&format!("/{n}")))).collect();
        let outcomes = futures::future::join_all(asks.iter().map(|ask| fetch(&opened.session, ask))).await;
        for (n, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.body(), format!("/{n}"));
        }
        assert_eq!(server.connections.load(SeqCst), 1);
    });
}

#[test]
fn a_server_that_cannot_prove_its_name_is_not_spoken_to() {
    run(async {
        for (name, trusts) in [("api.test", false), ("other.test", true)] {
            let asked = Arc::<AtomicUsize>::default();
            let count = asked.clone();
            let server = serve(name, b"h2", move |_| {
                count.fetch_add(1, SeqCst);
                http::Response::new(full("x"))
            });
            let (bridge, token) = bridge_to(&server, trusts);
            let opened = bridge.session(&token).await;
            let outcome = fetch(&opened.session, &get(server.url("/"))).await;
            let expected =
                "no TLS connection to api.test: the handshake failed or its certificate is not valid for this host";
            assert_eq!(outcome.failure(), (Kind::Network, expected), "{name}");
            assert_eq!(asked.load(SeqCst), 0);
        }
    });
}

#[test]
fn a_server_that_does_not_speak_tls_is_a_network_failure() {
    run(async {
        let plain = upstream::Upstream::raw(|mut stream, _| {
            drop(std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 what\r\n\r\n"))
        });
        let mut setup = Setup::new();
        let token = setup.tenant("acme", &allow_private("api", &format!("https://127.0.0.1:{}/**", plain.port)));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get(format!("https://127.0.0.1:{}/", plain.port))).await;
        assert_eq!(outcome.failure().0, Kind::Network);
    });
}

#[test]
fn http2_replies_have_the_same_bounds() {
    run(async {
        let server = serve("api.test", b"h2", |request| {
            let endless =
                futures::stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 16_384]))));
            match request.uri().path() {
                "/endless" => http::Response::new(StreamBody::new(endless).boxed()),
                "/headers" => {
                    let mut response = http::Response::new(full("x"));
                    for n in 0..200 {
                        response.headers_mut().append("x-many", n.into());
                    }
                    response
                }
                "/echo" => http::Response::new(full("the-real-key-12345")),
                "/never" => {
                    let never = futures::stream::pending::<Result<Frame<Bytes>, Infallible>>();
                    http::Response::new(StreamBody::new(never).boxed())
                }
                _ => http::Response::new(full("fine")),
            }
        });
        let (bridge, token) = bridge_to(&server, true);
        let opened = bridge.session(&token).await;
        let call = async |path: &str, call_ms| fetch(&opened.session, &Ask { call_ms, ..get(server.url(path)) }).await;
        assert!(call("/endless", 5_000).await.failure().1.contains("is above 8388608 bytes"));
        assert_eq!(call("/headers", 5_000).await.failure().0, Kind::Network);
        assert_eq!(call("/echo", 5_000).await.reason(), "credential_echoed");
        assert_eq!(call("/never", 200).await.failure().0, Kind::Timeout);
        assert_eq!(call("/", 5_000).await.body(), "fine");
        assert_eq!(server.connections.load(SeqCst), 1, "each ended its stream and not the connection");
    });
}

#[test]
fn http2_carries_bodies_in_parts_both_ways_at_once() {
    run(async {
        let dropped = Arc::<AtomicUsize>::default();
        let count = dropped.clone();
        let server = serve("api.test", b"h2", move |request| {
            let length = request.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned());
            let echo = Watched(request.into_body(), count.clone()).boxed();
            http::Response::builder().header("x-length", length.unwrap_or_default()).body(echo).unwrap()
        });
        let (bridge, token) = bridge_to(&server, true);
        let opened = bridge.session(&token).await;
        for (call, length) in [(1, ""), (2, "14")] {
            let mut ask = post_upload(call, server.url("/"));
            if !length.is_empty() {
                ask = ask.header("content-length", length);
            }
            let outcome = fetch(&opened.session, &ask).await;
            assert_eq!(outcome.header("x-length"), Some(length));
            for part in ["one\n", "two\n", "three\n"] {
                assert!(upload(&opened.session, call, part.as_bytes(), false).await);
                assert_eq!(outcome.rest().read().await.bytes, part.as_bytes());
            }
            // With its length the body was whole before this.
            assert!(upload(&opened.session, call, b"", true).await || call == 2);
            let (bytes, last) = outcome.rest().all().await;
            assert_eq!((bytes.as_slice(), last.bytes_in, last.failure), (&b""[..], 14, None));
        }
        // Letting the reply go resets the stream and leaves the connection.
        let outcome = fetch(&opened.session, &post_upload(3, server.url("/"))).await;
        assert!(upload(&opened.session, 3, b"one\n", false).await);
        assert_eq!(outcome.rest().read().await.bytes, b"one\n");
        let before = dropped.load(SeqCst);
        drop(outcome);
        until("the server's stream has ended", || dropped.load(SeqCst) > before).await;
        assert!(!upload(&opened.session, 3, b"two", false).await);
        assert_eq!(server.connections.load(SeqCst), 1);
    });
}

#[test]
fn http2_uploads_that_break_off_are_reset_and_not_ended() {
    run(async {
        let whole = Arc::<std::sync::Mutex<Vec<bool>>>::default();
        let seen = whole.clone();
        let server = serve("api.test", b"h2", move |request| {
            let seen = seen.clone();
            tokio::spawn(async move {
                let ended = request.into_body().collect().await.is_ok();
                seen.lock().unwrap().push(ended);
            });
            let never = futures::stream::pending::<Result<Frame<Bytes>, Infallible>>();
            http::Response::new(StreamBody::new(never).boxed())
        });
        let (bridge, token) = bridge_to(&server, true);
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &post_upload(1, server.url("/"))).await;
        assert!(upload(&opened.session, 1, b"one", false).await);
        drop(outcome);
        until("the server knows", || whole.lock().unwrap().as_slice() == [false]).await;
        let outcome = fetch(&opened.session, &post_upload(2, server.url("/"))).await;
        assert!(upload(&opened.session, 2, b"one", true).await);
        until("the server has it all", || whole.lock().unwrap().as_slice() == [false, true]).await;
        drop(outcome);
        assert_eq!(server.connections.load(SeqCst), 1);
    });
}

#[test]
fn http2_streams_that_nobody_reads_leave_room_for_others() {
    run(async {
        let server = serve("api.test", b"h2", |request| {
            let endless =
                futures::stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 16_384]))));
            match request.uri().path() {
                "/endless" => http::Response::new(StreamBody::new(endless).boxed()),
                _ => http::Response::new(full("fine")),
            }
        });
        let (bridge, token) = bridge_to(&server, true);
        let opened = bridge.session(&token).await;
        let ask = Ask { response_bytes: 64 << 20, ..get_stream(server.url("/endless")) };
        let mut unread = Vec::new();
        for _ in 0..mayfly_schemas::limits::STREAMS_OPEN_MAX {
            unread.push(fetch(&opened.session, &ask).await);
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let outcome = fetch(&opened.session, &Ask { call_ms: 3_000, ..get(server.url("/")) }).await;
        assert_eq!(outcome.body(), "fine");
        assert_eq!(unread[0].rest().read().await.failure, None);
        assert_eq!(server.connections.load(SeqCst), 1);
    });
}

#[test]
fn the_head_of_something_large_can_be_asked_for_over_http2() {
    run(async {
        let server = serve("api.test", b"h2", |_| {
            http::Response::builder().header("content-length", "99999999").body(full("")).unwrap()
        });
        let (bridge, token) = bridge_to(&server, true);
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &Ask { method: "HEAD", ..get_stream(server.url("/")) }).await;
        assert_eq!((outcome.header("content-length"), outcome.body().as_str()), (Some("99999999"), ""));
    });
}

#[test]
fn bytes_where_no_body_can_be_do_not_reach_the_script() {
    run(async {
        // Compressed, so that nobody has looked into them.
        let server = serve("api.test", b"h2", |request| {
            let status = request.uri().path().trim_start_matches('/').parse::<u16>().unwrap();
            let body = full("the-real-key-12345");
            http::Response::builder().status(status).header("content-encoding", "gzip").body(body).unwrap()
        });
        let (bridge, token) = bridge_to(&server, true);
        let opened = bridge.session(&token).await;
        for (method, path) in [("GET", "/204"), ("GET", "/304"), ("HEAD", "/200")] {
            for ask in [get(server.url(path)), get_stream(server.url(path))] {
                let outcome = fetch(&opened.session, &Ask { method, ..ask }).await;
                println!("{method} {path}: {outcome:?}");
                assert!(!format!("{outcome:?}").contains("the-real-key") && outcome.rest.is_none());
            }
        }
    });
}

#[tokio::test]
async fn an_operators_client_speaks_tls_with_a_server_that_proves_itself() {
    let server = serve("localhost", b"http/1.1", |request| {
        let (path, token) = (request.uri().path().to_owned(), request.headers()["authorization"].clone());
        http::Response::new(Full::new(Bytes::from(format!("{path} {token:?}"))).boxed())
    });
    let client = mayfly_bridge::Client::new(&format!("https://localhost:{}", server.port), "mf_x").unwrap();
    let wanted = || mayfly_bridge::Wanted { path: &["v1", "runs"], ..Default::default() };
    let refused = client.ask(wanted()).await.err().unwrap().to_string();
    assert!(refused.contains("certificate") && !refused.contains("mf_x"), "{refused}");
    let answered = client.trusting(vec![server.root.clone()]).ask(wanted()).await.unwrap();
    assert_eq!((answered.status, answered.whole().await.unwrap()), (200, b"/v1/runs \"Bearer mf_x\"".to_vec()));
}
