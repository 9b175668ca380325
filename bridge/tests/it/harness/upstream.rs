//! In: what a service should say. Out: that service, on loopback, one thread for each connection.
//! May touch: loopback.
//! Security boundary: no.

use super::Seen;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[derive(Clone)]
pub struct Upstream {
    pub port: u16,
    /// Requests as they came in, head and body.
    pub seen: Seen<String>,
    pub connections: Arc<AtomicUsize>,
    pub open: Arc<AtomicUsize>,
}

impl Upstream {
    /// Answers each request with what `answer` makes of it (whole HTTP/1 replies) and keeps the connection.
    pub fn http(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Upstream {
        Upstream::raw(move |mut stream, seen| {
            while let Some(request) = read_request(&mut stream) {
                let reply = answer(&request);
                seen.lock().unwrap().push(request);
                if stream.write_all(&reply).is_err() {
                    return;
                }
            }
        })
    }

    /// Gives each connection to `serve`.
    pub fn raw(serve: impl Fn(TcpStream, &Seen<String>) + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Upstream {
            port: listener.local_addr().unwrap().port(),
            seen: Seen::default(),
            connections: Arc::default(),
            open: Arc::default(),
        };
        let (serve, shared) = (Arc::new(serve), upstream.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_nodelay(true).unwrap();
                shared.connections.fetch_add(1, SeqCst);
                shared.open.fetch_add(1, SeqCst);
                let (serve, shared) = (serve.clone(), shared.clone());
                std::thread::spawn(move || {
                    serve(stream, &shared.seen);
                    shared.open.fetch_sub(1, SeqCst);
                });
            }
        });
        upstream
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://api.test:{}{path}", self.port)
    }

    pub fn count(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// One request, head and body by content-length; None at the end of the connection.
pub fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some(text.into_owned());
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    reply("200 OK", "", body)
}

/// `headers`: lines that end in CR LF.
pub fn reply(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
