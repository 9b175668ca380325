//! In: nothing. Out: what a run costs over HTTP, the bridge included.
//! May touch: the release binary, loopback.
//! Security boundary: no.

use crate::Error;
use crate::isolate::{INPUT, SMALL};
use crate::load::{Client, load};
use crate::table::{Promise, Table};
use bytes::Bytes;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server: supervisor, runtime and bridge, for as long as this lives.
pub struct Server {
    child: Child,
    folder: TempDir,
    pub address: SocketAddr,
    pub bridge_pid: u64,
    pub runtime_pid: u64,
    pub token: String,
}

impl Server {
    pub fn start(rules: &str) -> Result<Server, Error> {
        Server::start_with(rules, &[])
    }

    /// With files beside that of the tenant.
    pub fn start_with(rules: &str, files: &[(&str, &str)]) -> Result<Server, Error> {
        Server::start_configured("", rules, files)
    }

    pub fn start_configured(more: &str, rules: &str, files: &[(&str, &str)]) -> Result<Server, Error> {
        let folder = tempfile::tempdir()?;
        let (token, sha256) = mayfly_bridge::new_token();
        std::fs::create_dir(folder.path().join("tenants"))?;
        for (name, text) in files {
            std::fs::write(folder.path().join("tenants").join(name), text)?;
        }
        let config = folder.path().join("mayfly.toml");
        std::fs::write(&config, format!("listen = \"127.0.0.1:0\"\n{more}"))?;
        let tenant = format!(
            "tenant = \"bench\"\n[[token]]\nsha256 = \"{sha256}\"\nrole = \"runner\"\n{rules}\n[limits]\nruns_per_minute = 100000000\nruns_in_flight = 1000\n"
        );
        std::fs::write(folder.path().join("tenants/bench.toml"), tenant)?;
        let binary = std::env::current_exe()?.with_file_name("mayfly");
        let mut child = Command::new(&binary)
            .args(["serve", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; run `cargo build --release` first", binary.display()))?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
        let event = loop {
            let line = lines.next().ok_or("the server did not start")??;
            match serde_json::from_str::<serde_json::Value>(&line) {
                Ok(event) if event.get("message").is_some_and(|text| text == "listening") => break event,
                _ => eprintln!("{line}"),
            }
        };
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        let address = event.get("address").and_then(|address| address.as_str()).ok_or("no address")?.parse()?;
        let pid = |name: &str| event.get(name).and_then(|pid| pid.as_u64()).ok_or(format!("no {name}"));
        let (bridge_pid, runtime_pid) = (pid("bridge_pid")?, pid("runtime_pid")?);
        Ok(Server { child, folder, address, bridge_pid, runtime_pid, token })
    }

    /// Where its state is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u64 {
        self.child.id().into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let _ = self.child.wait();
    }
}

pub fn body(code: &str, input: &str) -> Bytes {
    Bytes::from(format!("{{\"code\":{},\"input\":{input}}}", serde_json::Value::from(code)))
}

/// The load generator's own executor, on the same two cores.
pub fn executor() -> Result<tokio::runtime::Runtime, Error> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let mut starts = Vec::new();
    for _ in 0..10 {
        let began = Instant::now();
        drop(Server::start("")?);
        starts.push(began.elapsed());
    }
    let warm = starts.split_off(1);
    table.times("start until ready, warm cache (stop included)", Some(150_000.0), warm);

    let server = Server::start("")?;
    executor()?.block_on(async {
        let small = body(SMALL, INPUT);
        load(server.address, &server.token, &small, 4, Duration::from_millis(500)).await?;
        let samples = load(server.address, &server.token, &small, 1, Duration::from_secs(5)).await?;
        let rate = samples.len() as f64 / 5.0;
        table.times("POST /v1/runs, one connection, cached program", Some(500.0), samples);
        table.line("  the same", Promise::Nothing, rate, "requests/s", "closed loop");

        let samples = load(server.address, &server.token, &small, 16, Duration::from_secs(8)).await?;
        let rate = samples.len() as f64 / 8.0;
        let promise = Promise::AtLeast(2_500.0);
        table.line(
            "POST /v1/runs, 16 connections, load generator on the same cores",
            promise,
            rate,
            "requests/s",
            "closed loop, no errors",
        );
        table.times("  the same", None, samples);

        let mut client = Client::connect(server.address, &server.token).await?;
        let mut samples = Vec::new();
        for number in 0..1_000 {
            let body = body(&format!("{SMALL}\n// {number}"), INPUT);
            let began = Instant::now();
            client.run(&body).await?;
            samples.push(began.elapsed());
        }
        table.times("POST /v1/runs, one connection, new code each time", None, samples);
        Ok(())
    })
}
