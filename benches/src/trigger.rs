//! In: nothing. Out: what it costs to have a stored script answer HTTP, streams included.
//! May touch: the release binary, loopback.
//! Security boundary: no.

use crate::Error;
use crate::load::{Client, closed_loop};
use crate::server::{Server, executor};
use crate::table::{Promise, Table};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use std::time::{Duration, Instant};

const SCRIPTS: [(&str, &str); 4] = [
    ("hello", "export default { fetch: () => new Response('hello') }"),
    (
        "drip",
        "export default { fetch() {
           const wait = () => new Promise((done) => setTimeout(done, 20));
           const text = new TextEncoder();
           return new Response(new ReadableStream({
             async start(controller) {
               controller.enqueue(text.encode('first'));
               await wait();
               controller.enqueue(text.encode('last'));
               controller.close();
             },
           }));
         } }",
    ),
    ("echo", "export default { fetch: (request) => new Response(request.body) }"),
    (
        "digest",
        "export default { async fetch(request) {
           const digest = await crypto.subtle.digest('SHA-256', await request.arrayBuffer());
           return new Response(new Uint8Array(digest).toHex());
         } }",
    ),
];

const MIB: usize = 1 << 20;

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let (deployer, sha256) = mayfly_bridge::new_token();
    let public: String =
        SCRIPTS.iter().map(|(name, _)| format!("[[script]]\nname = \"{name}\"\npublic = true\n")).collect();
    let server = Server::start(&format!("[[token]]\nsha256 = \"{sha256}\"\nrole = \"deployer\"\n{public}"))?;
    executor()?.block_on(async {
        let mut client = Client::connect(server.address, &deployer).await?;
        for (name, code) in SCRIPTS {
            let body = serde_json::json!({ "code": code }).to_string();
            client.send(Request::put(format!("/v1/scripts/{name}")).body(Full::from(body))?).await?;
        }
        hello(table, &server).await?;
        // The server closes connections that nothing comes on.
        let mut client = Client::connect(server.address, &deployer).await?;
        streams(table, &mut client).await
    })
}

fn get(script: &str) -> Result<Request<Full<Bytes>>, Error> {
    Ok(Request::get(format!("/run/bench/{script}/")).body(Full::default())?)
}

async fn hello(table: &mut Table, server: &Server) -> Result<(), Error> {
    for (connections, seconds) in [(1, 4), (16, 6)] {
        let time = Duration::from_secs(seconds);
        let samples = closed_loop(server.address, "", connections, time, async |client| {
            client.send(get("hello")?).await.map(drop)
        })
        .await?;
        let rate = samples.len() as f64 / seconds as f64;
        table.times(&format!("HTTP-triggered hello, {connections} connections"), None, samples);
        table.line("  the same", Promise::Nothing, rate, "requests/s", "closed loop, no errors");
    }
    Ok(())
}

async fn streams(table: &mut Table, client: &mut Client) -> Result<(), Error> {
    let mut samples = Vec::new();
    for _ in 0..100 {
        samples.push(client.first_byte(get("drip")?).await?);
    }
    table.times("time to the first byte of a stream (the last comes 20 ms later)", None, samples);
    let body = Bytes::from(vec![b'm'; MIB]);
    for (what, script) in
        [("1 MiB in and out again, as a stream", "echo"), ("1 MiB in, SHA-256 in the guest", "digest")]
    {
        let mut samples = Vec::new();
        for _ in 0..50 {
            let request = Request::post(format!("/run/bench/{script}/")).body(Full::new(body.clone()))?;
            let began = Instant::now();
            let answer = client.send(request).await?;
            samples.push(began.elapsed());
            assert!(script != "echo" || answer.len() == MIB, "{} bytes came back", answer.len());
        }
        table.times(what, None, samples);
    }
    Ok(())
}
