//! In: nothing. Out: what this binary is made of.
//! May touch: standard output.
//! Security boundary: no.

use super::failure::Failure;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let engine = mayfly::isolate::digest("engine.wasm").map_err(|error| Failure::fault("engine", error))?;
    let wasmtime = locked_wasmtime();
    match arguments.json {
        true => println!("{}", serde_json::json!({ "version": version, "engine": engine, "wasmtime": wasmtime })),
        false => println!("mayfly {version}\nengine {engine}\nwasmtime {wasmtime}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Cargo tells dependants no versions; the lock file that this binary was built with does.
fn locked_wasmtime() -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    lock.split("[[package]]")
        .find_map(|package| package.trim_start().strip_prefix("name = \"wasmtime\"\nversion = \"")?.split('"').next())
        .unwrap_or("unknown")
}
