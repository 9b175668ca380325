//! In: a command line. Out: an exit status (CONTRACT section 1).
//! May touch: everything a command needs; with `cli` the only code that names both the runtime and the bridge.
//! Security boundary: no. It starts the processes that are.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(status) => return status,
    };
    match cli::run(command) {
        Ok(status) => status,
        Err(failure) => failure.report(),
    }
}
