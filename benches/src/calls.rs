//! In: nothing. Out: what calls through the bridge cost a script.
//! May touch: the release binary, an upstream on loopback that answers at once.
//! Security boundary: no.

use crate::Error;
use crate::load::Client;
use crate::server::{Server, body, executor};
use crate::table::Table;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Instant;

const SEQUENTIAL: &str = "for (let i = 0; i < 10; i++) { const r = await fetch(input); await r.json() } return 10";
const PARALLEL: &str = "const all = await Promise.all(Array.from({ length: 10 }, () => fetch(input).then((r) => r.json()))); return all.length";
const NONE: &str = "return 0";

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let upstream = upstream()?;
    let rules = format!("[[rule]]\nname = \"upstream\"\nallow = \"http://{upstream}/**\"\nprivate = true\n");
    let server = Server::start(&rules)?;
    let input = format!("\"http://{upstream}/item\"");
    executor()?.block_on(async {
        let mut client = Client::connect(server.address, &server.token).await?;
        for (what, code, promised_us) in [
            ("script without calls, for comparison", NONE, None),
            ("script with 10 awaited fetches through the bridge", SEQUENTIAL, Some(5_000.0)),
            ("the same 10 in Promise.all", PARALLEL, Some(2_500.0)),
        ] {
            let body = body(code, &input);
            let mut samples = Vec::new();
            for round in 0..550 {
                let began = Instant::now();
                client.run(&body).await?;
                if round >= 50 {
                    samples.push(began.elapsed());
                }
            }
            table.times(what, promised_us, samples);
        }
        Ok(())
    })
}

/// Answers every request with a small JSON object, on a thread of its own, until the process ends.
pub fn upstream() -> Result<SocketAddr, Error> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = executor()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|_| async {
                        let body = Full::new(Bytes::from_static(b"{\"id\":1,\"name\":\"item\"}"));
                        Ok::<_, std::convert::Infallible>(http::Response::new(body))
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    Ok(address)
}
