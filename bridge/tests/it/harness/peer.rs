//! In: what a test wants an upstream to do next. Out: that, on one connection at a time.
//! May touch: loopback.
//! Security boundary: no.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An upstream that does nothing by itself.
pub struct Puppet {
    listener: TcpListener,
    pub port: u16,
}

impl Puppet {
    pub async fn new() -> Puppet {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Puppet { listener, port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://api.test:{}{path}", self.port)
    }

    pub async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, unread: Vec::new() }
    }

    /// The next connection and the head of its request, once answered with `head`.
    pub async fn answer(&self, head: &str) -> Peer {
        let mut peer = self.accept().await;
        peer.head().await;
        peer.send(head).await;
        peer
    }

    /// Nobody connects for a moment.
    pub async fn is_left_alone(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(100), self.listener.accept()).await.is_err()
    }
}

/// One connection of the bridge.
pub struct Peer {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    /// Request line and headers.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
            }
            assert!(self.fill().await, "closed inside a head: {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.try_send(bytes).await, "the bridge has closed");
    }

    /// False when the bridge has closed.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Until something does not go out any more for a moment.
    pub async fn pour(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            let next = self.stream.write(&bytes[sent..]);
            match tokio::time::timeout(Duration::from_millis(300), next).await {
                Ok(Ok(count)) => sent += count,
                _ => break,
            }
        }
        sent
    }

    /// As many bytes.
    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.fill().await, "closed: {:?}", String::from_utf8_lossy(&self.unread));
        }
        self.unread.drain(..count).collect()
    }

    /// One chunk of a chunked body.
    pub async fn chunk(&mut self) -> Vec<u8> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                let length = usize::from_str_radix(std::str::from_utf8(&line[..end]).unwrap(), 16).unwrap();
                let mut chunk = self.read(length + 2).await;
                chunk.truncate(length);
                return chunk;
            }
            assert!(self.fill().await, "closed inside a body: {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    /// All chunks up to the last one.
    pub async fn chunks(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                return all;
            }
            all.extend(chunk);
        }
    }

    /// Waits until the bridge closes, and gives what it sent before.
    pub async fn closed(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.unread)
    }

    async fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 1 << 16];
        let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut buffer)).await;
        let count = read.expect("nothing came, and no end").unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }
}
