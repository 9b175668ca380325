//! In: nothing. Out: a script of the kind that a model writes, run against an API whose key it never sees.
//! May touch: loopback, two child processes, standard streams.
//! Security boundary: no; it shows those that are.

use super::failure::Failure;
use super::run::{inline, run_once};
use super::{executor, report, sample_api};
use mayfly::prepare::Script;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitCode, Stdio};

#[derive(clap::Args)]
pub struct Arguments {
    /// Only serve the sample API, with the key in ORDERS_API_KEY, until interrupted
    #[arg(long, value_name = "ADDR")]
    api: Option<SocketAddr>,
    /// With --api: end when standard input closes
    #[arg(long, hide = true)]
    with_parent: bool,
}

const SCRIPT: &str = include_str!("../../../examples/orders/orders.ts");
const TENANT: &str = include_str!("../../../examples/orders/tenants/shop.toml");
/// Where the example's tenant file expects the API; the demo takes any free port.
const EXAMPLE_ADDRESS: &str = "127.0.0.1:9901";
const KEY_VARIABLE: &str = "ORDERS_API_KEY";

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.api {
        Some(address) => serve_api(address, arguments.with_parent),
        None => demo(),
    }
}

fn demo() -> Result<ExitCode, Failure> {
    super::log_to_stderr("error");
    let paint = report::paint_for_stderr();
    let (key, _) = mayfly_bridge::new_token();
    let api = Api::start(&key)?;
    eprintln!("{}", paint.bold("Mayfly: code that nobody has read, calling an API it has no key for"));
    eprintln!("  api      http://{}, answers only with a bearer key", api.address);
    eprintln!("  bridge   a process of its own: has the key and the rules, adds the one, applies the others");
    eprintln!("  script   examples/orders/orders.ts, {} lines of TypeScript", SCRIPT.lines().count());
    eprintln!("  isolate  a fresh Wasm instance: no key, no socket, no file\n");
    let settings = inline(&TENANT.replace(EXAMPLE_ADDRESS, &api.address.to_string()));
    let input = serde_json::json!({ "api": format!("http://{}", api.address) }).to_string();
    let object = run_once(settings, "shop", Script::single(SCRIPT), input, &[(KEY_VARIABLE, &key)], None)?;
    report::logs(&object, paint);
    report::error(&object, paint);
    eprintln!();
    report::calls(&object, paint);
    eprintln!();
    report::usage(&object, paint);
    report::result(&object);
    Ok(report::status(&object))
}

fn serve_api(address: SocketAddr, with_parent: bool) -> Result<ExitCode, Failure> {
    let key = std::env::var(KEY_VARIABLE)
        .map_err(|_| Failure::usage(format!("set {KEY_VARIABLE} to the key that the sample API shall demand")))?;
    if !address.ip().is_loopback() {
        return Err(Failure::usage(format!("--api {address}: the sample API serves loopback only")));
    }
    let listener = TcpListener::bind(address).map_err(|error| Failure::usage(format!("--api {address}: {error}")))?;
    let local = listener.local_addr().map_err(|error| Failure::fault("the sample API", error))?;
    println!("{local}");
    let _ = std::io::stdout().flush();
    executor()?.block_on(async {
        tokio::select! {
            served = sample_api::serve(listener, key) => served.map(|()| ExitCode::SUCCESS),
            () = super::bridge::stop(with_parent) => Ok(ExitCode::SUCCESS),
        }
    })
}

/// The sample API in a process of its own, so that its key is not even in ours for longer than it takes to start it.
struct Api {
    child: Child,
    address: SocketAddr,
}

impl Api {
    fn start(key: &str) -> Result<Api, Failure> {
        let fault = |error: std::io::Error| Failure::fault("the sample API could not be started", error);
        let mut child = Command::new(std::env::current_exe().map_err(fault)?)
            .args(["demo", "--with-parent", "--api", "127.0.0.1:0"])
            .env(KEY_VARIABLE, key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(fault)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(fault)?;
        }
        let address = line.trim().parse().map_err(|_| Failure::Fault("the sample API did not start".into()))?;
        Ok(Api { child, address })
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
