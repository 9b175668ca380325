//! In: a server's address and a body. Out: how long each answer took.
//! May touch: loopback. Closed loop: each connection sends its next request when it has its answer.
//! Security boundary: no.

use crate::Error;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
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
        Ok(Client { sender, token: format!("Bearer {token}") })
    }

    /// One run; an answer other than a completed run is an error.
    pub async fn run(&mut self, body: &Bytes) -> Result<Bytes, Error> {
        let request = http::Request::post("/v1/runs")
            .header("host", "bench")
            .header("authorization", &self.token)
            .body(Full::new(body.clone()))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        match status.is_success() && answer.windows(9).any(|window| window == b"completed") {
            true => Ok(answer),
            false => Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into()),
        }
    }
}

/// `connections` clients at once for `time`. Gives all answers' times.
pub async fn load(
    address: SocketAddr,
    token: &str,
    body: &Bytes,
    connections: usize,
    time: Duration,
) -> Result<Vec<Duration>, Error> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(address, token).await?);
    }
    let until = Instant::now() + time;
    let each = clients.into_iter().map(|mut client| async move {
        let mut samples = Vec::new();
        while Instant::now() < until {
            let began = Instant::now();
            client.run(body).await?;
            samples.push(began.elapsed());
        }
        Ok::<_, Error>(samples)
    });
    Ok(futures::future::try_join_all(each).await?.concat())
}
