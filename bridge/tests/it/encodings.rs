//! In: replies in a content-encoding, honest and not. Out: what they say, within bounds; or a failure with our words.
//! May touch: loopback.
//! Security boundary: no; holds the tests of decode and gzip.

use crate::harness::peer::Puppet;
use crate::harness::upstream::{Upstream, reply};
use crate::harness::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use mayfly_schemas::bridge_capnp::failure::Kind;
use std::io::Write;
use std::time::{Duration, Instant};

const TEXT: &str = "hello, compressed world";

/// Made by Node: `zlib.brotliCompressSync(Buffer.from("hello, compressed world"))`.
const TEXT_BROTLI: &str = "1b1600f82541c8ca72904d80c9122eea484e3fe81d";
/// The same with a window of 2^30, which is not in RFC 7932.
const TEXT_BROTLI_LARGE_WINDOW: &str = "115e5800e09704212bcb413601264b70918ec8e907bd03";
/// 10 MiB of zeros, in 14 bytes.
const ZEROS_BROTLI: &str = "9fffff9ff82700e2b14020f7fe13";
/// `"the quick brown fox ".repeat(200000)`, 4 MB.
const FOXES_BROTLI: &str = "9bff083df88d946ee6a20631a3c353686f39c824a7e508db74541648d7a6003d1e";

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gzip member with every field that a header can have.
fn gzip_with_all_fields(bytes: &[u8]) -> Vec<u8> {
    let plain = gzip(bytes);
    let mut member = vec![0x1f, 0x8b, 8, 0b1_1110, 0, 0, 0, 0, 0, 3];
    member.extend(b"\x05\x00extra");
    member.extend(b"name.txt\0a comment\0\xab\xcd");
    member.extend(&plain[10..]);
    member
}

/// What the bridge makes of a reply with this body: whole, and in parts where each byte is sent alone.
async fn outcomes(encoding: &'static str, body: Vec<u8>) -> [Outcome; 2] {
    let head = format!("content-encoding: {encoding}\r\n");
    let upstream = Upstream::http(move |request| match request.split(' ').nth(1).unwrap() {
        "/whole" => reply("200 OK", &head, &body),
        _ => {
            let chunks: Vec<u8> =
                body.iter().flat_map(|byte| [b"1\r\n".as_slice(), &[*byte], b"\r\n"].concat()).collect();
            let head = format!("HTTP/1.1 200 OK\r\n{head}transfer-encoding: chunked\r\n\r\n");
            [head.as_bytes(), &chunks, b"0\r\n\r\n"].concat()
        }
    });
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"])]);
    let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
    let bridge = setup.start();
    let opened = bridge.session(&token).await;
    let whole = fetch(&opened.session, &get(upstream.url("/whole"))).await;
    let bytes = fetch(&opened.session, &get(upstream.url("/bytes"))).await;
    [whole, bytes]
}

#[test]
fn a_compressed_reply_is_read_as_what_it_says() {
    run(async {
        let two_members = [gzip("hello, "), gzip(""), gzip("compressed world")].concat();
        let table = [
            ("gzip", gzip(TEXT)),
            ("GZip", gzip(TEXT)),
            ("x-gzip", gzip(TEXT)),
            ("gzip, identity", gzip(TEXT)),
            ("gzip", gzip_with_all_fields(TEXT.as_bytes())),
            ("gzip", two_members),
            ("gzip", [gzip(TEXT), b"\0\0 and what is no member".to_vec()].concat()),
            ("deflate", zlib(TEXT.as_bytes())),
            ("deflate", bare_deflate(TEXT.as_bytes())),
            ("deflate", [zlib(TEXT.as_bytes()), b"rest".to_vec()].concat()),
            ("br", unhex(TEXT_BROTLI)),
            ("br", [unhex(TEXT_BROTLI), b"rest".to_vec()].concat()),
        ];
        for (at, (encoding, body)) in table.into_iter().enumerate() {
            let sent = body.len() as u64;
            for outcome in outcomes(encoding, body).await {
                assert_eq!(outcome.body(), TEXT, "{at} {encoding}");
                // What they say about the body on the way is not true of this one.
                assert_eq!((outcome.header("content-encoding"), outcome.header("content-length")), (None, None));
                assert!(outcome.bytes_in <= sent && outcome.bytes_in > 10, "{at} {encoding}: {}", outcome.bytes_in);
            }
        }
    });
}

#[test]
fn a_body_that_is_not_compressed_is_left_as_it_is() {
    run(async {
        for encoding in ["identity", "", ", identity"] {
            for outcome in outcomes(encoding, TEXT.into()).await {
                assert_eq!(outcome.body(), TEXT);
            }
        }
        // A file that is compressed by itself is the script's own matter.
        let upstream = Upstream::http(|_| reply("200 OK", "content-type: application/gzip\r\n", gzip(TEXT)));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get(upstream.url("/"))).await;
        assert!(matches!(&outcome.got, Got::Response { body, .. } if *body == gzip(TEXT)));
        assert_eq!(outcome.header("content-length"), Some(gzip(TEXT).len().to_string().as_str()));
    });
}

#[test]
fn a_reply_that_can_have_no_body_keeps_its_headers() {
    run(async {
        let upstream = Upstream::http(|request| {
            let status = if request.starts_with("HEAD") {
                "200 OK"
            } else {
                request.split(' ').nth(1).unwrap().trim_start_matches('/')
            };
            format!("HTTP/1.1 {status} x\r\ncontent-encoding: gzip\r\ncontent-length: 99999999\r\n\r\n").into_bytes()
        });
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        for (method, path, status) in [("HEAD", "/", 200), ("GET", "/304", 304), ("GET", "/204", 204)] {
            let outcome = fetch(&opened.session, &Ask { method, ..get_stream(upstream.url(path)) }).await;
            assert_eq!((outcome.status(), outcome.body().as_str()), (status, ""));
            assert_eq!(outcome.header("content-encoding"), Some("gzip"), "{method} {path}");
            assert!(outcome.rest.is_none());
        }
        // An empty body says nothing, in any encoding.
        for encoding in ["gzip", "deflate", "br"] {
            for outcome in outcomes(encoding, Vec::new()).await {
                assert_eq!(outcome.body(), "");
            }
        }
    });
}

#[test]
fn encodings_that_nobody_asked_for_are_refused() {
    run(async {
        for encoding in
            ["zstd", "compress", "aws-chunked", "gzip, gzip", "gzip, br", "br,gzip", "gzip\r\ncontent-encoding: br"]
        {
            for outcome in outcomes(encoding, gzip(gzip(TEXT))).await {
                let (kind, message) = outcome.failure();
                assert!(
                    kind == Kind::Network && message.contains("one of gzip, deflate, br can be read"),
                    "{encoding}: {message}"
                );
            }
        }
    });
}

#[test]
fn what_is_damaged_or_breaks_off_is_a_failure() {
    run(async {
        let (whole, brotli) = (gzip(TEXT), unhex(TEXT_BROTLI));
        let changed = |at: usize| {
            let mut body = gzip(TEXT);
            body[at] ^= 0x40;
            body
        };
        let mut long_name = vec![0x1f, 0x8b, 8, 0b1000, 0, 0, 0, 0, 0, 3];
        long_name.extend(vec![b'n'; 10_000]);
        let table = [
            ("gzip", whole[..whole.len() - 1].to_vec(), "broke off"),
            ("gzip", whole[..whole.len() - 9].to_vec(), "broke off"),
            ("gzip", whole[..5].to_vec(), "broke off"),
            ("gzip", [gzip(TEXT), whole[..12].to_vec()].concat(), "broke off"),
            ("gzip", changed(whole.len() - 1), "not what its content-encoding says"),
            ("gzip", changed(whole.len() - 5), "not what its content-encoding says"),
            ("gzip", changed(0), "not what its content-encoding says"),
            ("gzip", changed(2), "not what its content-encoding says"),
            ("gzip", changed(3), "not what its content-encoding says"),
            ("gzip", TEXT.into(), "not what its content-encoding says"),
            ("gzip", long_name, "not what its content-encoding says"),
            ("gzip", [gzip(TEXT), b"\x1f no member".to_vec()].concat(), "not what its content-encoding says"),
            ("deflate", zlib(TEXT.as_bytes())[..10].to_vec(), "broke off"),
            ("deflate", vec![0xff; 40], "not what its content-encoding says"),
            ("br", brotli[..brotli.len() - 1].to_vec(), "broke off"),
            ("br", vec![0xff; 40], "not what its content-encoding says"),
            ("br", unhex(TEXT_BROTLI_LARGE_WINDOW), "not what its content-encoding says"),
        ];
        for (at, (encoding, body, expected)) in table.into_iter().enumerate() {
            for outcome in outcomes(encoding, body).await {
                let (kind, message) = outcome.failure();
                assert!(kind == Kind::Network && message.contains(expected), "{at} {encoding}: {message}");
            }
        }
    });
}

/// The most memory that this process, and the bridge in it, has had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_bomb_ends_early_and_takes_neither_time_nor_memory() {
    run(async {
        let zeros = vec![0; 10 << 20];
        let table = [
            ("gzip", gzip(&zeros)),
            ("deflate", zlib(&zeros)),
            ("br", unhex(ZEROS_BROTLI)),
            // Of two layers only the outer one is taken off, and it is nothing out of the ordinary.
            ("gzip", gzip(gzip(gzip(&zeros)))),
        ];
        for (at, (encoding, body)) in table.into_iter().enumerate() {
            let sent = body.len();
            let (before, started) = (peak_kib(), Instant::now());
            for outcome in outcomes(encoding, body).await {
                if at == 3 {
                    assert!(outcome.body().len() < 10_000);
                    continue;
                }
                let (kind, message) = outcome.failure();
                assert!(
                    kind == Kind::Network && message.contains("more than 1000 times larger"),
                    "{encoding}: {message}"
                );
            }
            let (took, grew) = (started.elapsed(), peak_kib() - before);
            println!("{encoding} bomb of {sent} bytes, twice: {took:?}, {grew} KiB");
            assert!(took < Duration::from_secs(4), "{took:?}");
        }
    });
}

#[test]
fn the_windows_of_decoders_are_a_part_of_what_bodies_may_take() {
    run(async {
        // Each asks for a window of 16 MiB with its first bytes; nobody reads, so none gets as far as being called a bomb.
        let upstream = Upstream::http(|_| reply("200 OK", "content-encoding: br\r\n", unhex(ZEROS_BROTLI)));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let (mut open, mut refused) = (Vec::new(), 0);
        let (one, two) = (bridge.session(&token).await, bridge.session(&token).await);
        for opened in [&one, &two] {
            for _ in 0..20 {
                let outcome = fetch(&opened.session, &get_stream(upstream.url("/"))).await;
                match &outcome.got {
                    Got::Response { .. } => open.push(outcome),
                    Got::Held { .. } => panic!("nobody is asked here"),
                    Got::Failure { message, .. } => {
                        assert_eq!(message, "too many large bodies are on their way at once; try again later");
                        refused += 1;
                    }
                }
            }
        }
        assert!((25..=31).contains(&open.len()) && refused >= 9, "{} open, {refused} refused", open.len());
        drop(open);
        let again = async || fetch(&one.session, &get_stream(upstream.url("/"))).await.rest.is_some();
        let started = Instant::now();
        while !again().await {
            assert!(started.elapsed() < Duration::from_secs(5), "the memory was not given back");
        }
    });
}

#[test]
fn what_is_honestly_large_has_the_limit_of_any_reply() {
    run(async {
        // 4 MB in 33 bytes is no honest ratio; with a little noise it is one.
        assert!(outcomes("br", unhex(FOXES_BROTLI)).await[0].failure().1.contains("times larger"));
        let mut lines = String::new();
        for n in 0..400_000_u32 {
            lines += &format!("{:x} the quick brown fox\n", n.wrapping_mul(2_654_435_761));
        }
        let body = gzip(&lines);
        let sent = body.len();
        let upstream = Upstream::http(move |_| reply("200 OK", "content-encoding: gzip\r\n", &body));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let started = Instant::now();
        let outcome = fetch(&opened.session, &Ask { response_bytes: 16 << 20, ..get(upstream.url("/")) }).await;
        println!("{} bytes out of {sent}: {:?}", lines.len(), started.elapsed());
        assert!(outcome.body() == lines && outcome.bytes_in == sent as u64);
        let streamed = fetch(&opened.session, &Ask { response_bytes: 16 << 20, ..get_stream(upstream.url("/")) }).await;
        let (rest, last) = streamed.rest().all().await;
        assert_eq!(streamed.body().len() + rest.len(), lines.len());
        assert_eq!((last.bytes_in, last.failure), (sent as u64, None));
        let limited = Ask { response_bytes: 1 << 20, ..get_stream(upstream.url("/")) };
        let outcome = fetch(&opened.session, &limited).await;
        let (rest, last) = outcome.rest().all().await;
        assert!(outcome.body().len() + rest.len() <= 1 << 20);
        assert!(last.failure.unwrap().1.contains("is above 1048576 bytes"));
    });
}

#[test]
fn compressed_events_arrive_as_they_are_flushed() {
    run(async {
        let puppet = Puppet::new().await;
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &puppet.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut zipped = |text: &str| {
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.flush().unwrap();
            std::mem::take(encoder.get_mut())
        };
        let events = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];
        // Made by Node: `zlib.createBrotliCompress` with quality 5 and a flush after each event.
        let brotli =
            ["0b0580646174613a206f6e650a0a", "500000405ae18dee4e11a24a04b66000", "600000405aa10c4d4e15204b006a0503"];
        let streams = [("gzip", events.map(&mut zipped)), ("br", brotli.map(unhex))];
        for (encoding, pieces) in streams {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\nconnection: close\r\n\r\n");
            let ask = get_stream(puppet.url("/"));
            let (outcome, mut peer) = tokio::join!(fetch(&opened.session, &ask), puppet.answer(&head));
            for (piece, event) in pieces.iter().zip(events) {
                peer.send(piece).await;
                let part = outcome.rest().read().await;
                assert_eq!(String::from_utf8_lossy(&part.bytes), event, "{encoding}");
            }
            drop(peer);
            let (bytes, last) = outcome.rest().all().await;
            assert_eq!(bytes, b"", "{encoding}");
            let (kind, message, _) = last.failure.unwrap();
            assert!(
                kind == Kind::Network && message.contains("broke off"),
                "the compressed stream has no end: {message}"
            );
        }
    });
}
