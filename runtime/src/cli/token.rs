//! In: a tenant's name. Out: a new token, shown once, and the lines for the tenant file.
//! May touch: standard output.
//! Security boundary: the token is printed here and kept nowhere.

use super::failure::Failure;
use mayfly_bridge::Role;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub enum Verb {
    /// Print a new token, once, and the lines for the tenant file
    New {
        /// The tenant it will belong to
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// runner, deployer, auditor or admin
        #[arg(long, value_name = "ROLE", default_value = "runner")]
        role: String,
    },
}

pub fn run(verb: Verb) -> Result<ExitCode, Failure> {
    let Verb::New { tenant, role } = verb;
    // Parsed as the tenant file would be, so that what is printed here can be read there.
    serde_json::from_value::<Role>(serde_json::Value::from(role.clone())).map_err(|_| {
        Failure::usage(format!("no role is called {role:?}; there are runner, deployer, auditor and admin"))
    })?;
    let (token, sha256) = mayfly_bridge::new_token();
    println!("{token}");
    eprintln!("\nThe token above is shown once. Put these lines into the file of tenant {tenant:?}:\n");
    eprintln!("[[token]]\nsha256 = \"{sha256}\"\nrole = \"{role}\"");
    Ok(ExitCode::SUCCESS)
}
