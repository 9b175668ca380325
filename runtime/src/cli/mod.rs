//! In: what was typed. Out: what it means, done; one file for each verb.
//! May touch: standard streams, the files it is told, child processes.
//! Security boundary: no.

mod bridge;
mod channel;
mod check;
mod checker;
mod child;
mod demo;
mod failure;
mod findings;
mod guard;
mod modules;
mod paint;
mod policy;
mod policy_diff;
mod replay;
mod report;
mod run;
mod runs;
mod runtime;
mod sample_api;
mod secret;
mod serve;
mod setup;
mod supervised;
mod token;
mod types;
mod version;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs TypeScript that nobody has read: a fresh Wasm isolate for every request.
#[derive(Parser)]
#[command(name = "mayfly", version, max_term_width = 100, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run one script here and now, bridge included
    Run(run::Arguments),
    /// Run a tape again, without network or credentials, and compare
    Replay(replay::Arguments),
    /// Check a script's types against what its tenant's scripts may call
    Check(check::Arguments),
    /// Print the TypeScript declarations of what a tenant's scripts may call
    Types(types::Arguments),
    /// What `serve` and `check` start: the process that owns the type checker
    #[command(hide = true)]
    Checker(checker::Arguments),
    /// Start the server
    Serve(serve::Arguments),
    /// What `serve` starts: the runtime, locked down
    #[command(hide = true)]
    Runtime,
    /// Start the bridge alone
    Bridge(bridge::Arguments),
    /// What the bridge starts for each `mcp_command`: the command, and its end when the bridge ends
    #[command(hide = true)]
    Guard(guard::Arguments),
    /// Show what this is: a script against a sample API, start to end
    Demo(demo::Arguments),
    /// Look at the runs of a server, cancel them, continue them, follow them
    #[command(subcommand)]
    Runs(runs::Verb),
    /// Make tokens
    #[command(subcommand)]
    Token(token::Verb),
    /// The local encrypted vault, for credentials that say `from = "vault:NAME"`
    #[command(subcommand)]
    Secret(secret::Verb),
    /// Ask what a tenant's rules say
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Version, engine digest, wasmtime version
    Version(version::Arguments),
}

/// Clap writes usage errors itself; they are status 2.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, ExitCode> {
    CommandLine::try_parse_from(arguments).map(|line| line.command).map_err(|error| {
        let _ = error.print();
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}

pub fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Types(arguments) => types::run(arguments),
        Command::Checker(arguments) => checker::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Runtime => runtime::run(),
        Command::Bridge(arguments) => bridge::run(arguments),
        Command::Guard(arguments) => guard::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Runs(verb) => runs::run(verb),
        Command::Token(verb) => token::run(verb),
        Command::Secret(verb) => secret::run(verb),
        Command::Policy(verb) => policy::run(verb),
        Command::Version(arguments) => version::run(arguments),
    }
}

/// Logs go to standard error: for people on a terminal, JSON lines otherwise. `MAYFLY_LOG` chooses the level.
pub fn log_to_stderr(default_level: &str) {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_env("MAYFLY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default_level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match std::io::stderr().is_terminal() {
        true => builder.with_target(false).with_ansi(paint::wanted(std::io::stderr().is_terminal())).try_init(),
        false => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    if let Err(reason) = installed {
        eprintln!("mayfly: no log: {reason}");
    }
}

/// The main thread's executor; workers have their own.
pub fn executor() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Failure::fault("tokio", error))
}
