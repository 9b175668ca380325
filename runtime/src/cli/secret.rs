//! In: a name, and on standard input a value. Out: a secret in the local encrypted vault.
//! May touch: the vault in the state folder, and the master key.
//! Security boundary: yes: a value is read from standard input alone, where neither the list of processes nor the history of a
//! shell has it, and is never written anywhere else.

use super::failure::Failure;
use super::setup;
use mayfly::config::Config;
use mayfly::limits::CREDENTIAL_BYTES_MAX;
use mayfly_bridge::{Vault, VaultError};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub enum Verb {
    /// Take a value from standard input; one that is there is replaced
    Set {
        name: String,
        /// The server's configuration
        #[arg(long, value_name = "FILE", default_value = "mayfly.toml")]
        config: PathBuf,
    },
    /// Names of the secrets, one a line
    List {
        /// The server's configuration
        #[arg(long, value_name = "FILE", default_value = "mayfly.toml")]
        config: PathBuf,
    },
    /// Remove a secret
    Rm {
        name: String,
        /// The server's configuration
        #[arg(long, value_name = "FILE", default_value = "mayfly.toml")]
        config: PathBuf,
    },
}

pub fn run(verb: Verb) -> Result<ExitCode, Failure> {
    mayfly_bridge::harden_process();
    match verb {
        Verb::Set { name, config } => {
            let vault = vault(&config)?;
            let is_new = vault.set(&name, &value()?).map_err(failure)?;
            eprintln!("secret `{name}` is {}", if is_new { "in the vault" } else { "another now" });
        }
        Verb::List { config } => {
            for name in vault(&config)?.list().map_err(failure)? {
                println!("{name}");
            }
        }
        Verb::Rm { name, config } => vault(&config)?.remove(&name).map_err(failure)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn vault(config: &Path) -> Result<Vault, Failure> {
    Ok(Vault::of(&setup::settings(&Config::read(config)?)))
}

/// Without the line end that `echo` and editors leave behind it.
fn value() -> Result<Vec<u8>, Failure> {
    if std::io::stdin().is_terminal() {
        eprintln!(
            "Type the value, then Enter and Ctrl-D. It shows on this terminal; `mayfly secret set NAME < FILE` does not."
        );
    }
    let mut value = Vec::new();
    let read = std::io::stdin().lock().take(CREDENTIAL_BYTES_MAX as u64 + 3).read_to_end(&mut value);
    read.map_err(|error| Failure::fault("standard input", error))?;
    while value.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        value.pop();
    }
    Ok(value)
}

/// What the operator can mend is usage; a disk that does not write is not.
fn failure(error: VaultError) -> Failure {
    match error {
        VaultError::File(..) => Failure::fault("vault", error),
        error => Failure::usage(error),
    }
}
