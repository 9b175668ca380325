//! A fake upstream on loopback: each connection is handed, with its request, to a function that writes what it likes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct Upstream {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// `answer` gets the request head and body as text (what is no UTF-8 as one character a byte), and the socket. The thread ends with the test process.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("its address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || converse(stream, &seen, &*answer));
            }
        });
        Upstream { address, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything it was asked, heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no poison").clone()
    }
}

fn converse(mut stream: TcpStream, seen: &Mutex<Vec<String>>, answer: &dyn Fn(&str, &mut TcpStream)) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let (mut bytes, mut buffer) = (Vec::new(), [0; 64 * 1024]);
    while !complete(&bytes) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    let text =
        String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    seen.lock().expect("no poison").push(text.clone());
    answer(&text, &mut stream);
}

fn complete(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let length = String::from_utf8_lossy(&bytes[..end])
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse::<usize>().ok());
    bytes.len() - end - 4 >= length.unwrap_or(0)
}

/// A whole response that closes its connection.
pub fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}");
    let _ = stream.write_all(text.as_bytes());
}
