//! In: a server's address and a body. Out: how long each answer took.
//! May touch: loopback. Closed loop: each connection sends its next request when it has its answer.
//! Security boundary: no.

use crate::Error;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    token: String,
}

impl Client {
    pub async fn connect(address: SocketAddr, token: &str) -> Result<Client, Error> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Client { sender, token: token.to_owned() })
    }

    /// One run; an answer other than a completed run is an error.
    pub async fn run(&mut self, body: &Bytes) -> Result<Bytes, Error> {
        let answer = self.send(http::Request::post("/v1/runs").body(Full::new(body.clone()))?).await?;
        match answer.windows(9).any(|window| window == b"completed") {
            true => Ok(answer),
            false => Err(String::from_utf8_lossy(&answer).into()),
        }
    }

    pub async fn get(&mut self, path: &str) -> Result<Bytes, Error> {
        self.send(http::Request::get(path).body(Full::default())?).await
    }

    /// One request and the body of its answer; a status that tells of no success is an error.
    pub async fn send(&mut self, request: http::Request<Full<Bytes>>) -> Result<Bytes, Error> {
        let response = self.ask(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        match status.is_success() {
            true => Ok(answer),
            false => Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into()),
        }
    }

    /// The time until the first byte of the answer's body; the rest is read too.
    pub async fn first_byte(&mut self, request: http::Request<Full<Bytes>>) -> Result<Duration, Error> {
        let began = Instant::now();
        let mut body = self.ask(request).await?.into_body();
        body.frame().await.ok_or("the answer has no body")??;
        let first = began.elapsed();
        body.collect().await?;
        Ok(first)
    }

    async fn ask(&mut self, mut request: http::Request<Full<Bytes>>) -> Result<http::Response<Incoming>, Error> {
        let headers = request.headers_mut();
        headers.insert("host", http::HeaderValue::from_static("bench"));
        if !self.token.is_empty() {
            headers.insert("authorization", http::HeaderValue::from_str(&format!("Bearer {}", self.token))?);
        }
        Ok(self.sender.send_request(request).await?)
    }
}

/// `connections` clients that run `body` at once for `time`. Gives all answers' times.
pub async fn load(
    address: SocketAddr,
    token: &str,
    body: &Bytes,
    connections: usize,
    time: Duration,
) -> Result<Vec<Duration>, Error> {
    closed_loop(address, token, connections, time, async |client| client.run(body).await.map(drop)).await
}

/// The same with anything that a client can do.
pub async fn closed_loop(
    address: SocketAddr,
    token: &str,
    connections: usize,
    time: Duration,
    work: impl AsyncFn(&mut Client) -> Result<(), Error>,
) -> Result<Vec<Duration>, Error> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(address, token).await?);
    }
    let until = Instant::now() + time;
    let each = clients.into_iter().map(async |mut client| {
        let mut samples = Vec::new();
        while Instant::now() < until {
            let began = Instant::now();
            work(&mut client).await?;
            samples.push(began.elapsed());
        }
        Ok::<_, Error>(samples)
    });
    Ok(futures::future::try_join_all(each).await?.concat())
}
