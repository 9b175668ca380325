//! In: a method and a URL, or two versions of tenant files. Out: which rule decides, and why; what was gained between them.
//! May touch: tenant files.
//! Security boundary: no; it asks the same code that decides.

use super::failure::Failure;
use super::{policy_diff, setup};
use mayfly::config::Config;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub enum Verb {
    /// Which rule decides a call, and why; exit status 1 when it would be refused
    Explain {
        method: String,
        url: String,
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// The server's configuration
        #[arg(long, value_name = "FILE", default_value = "mayfly.toml")]
        config: PathBuf,
    },
    /// What may be reached in one version and not in the other; exit status 1 when reach was gained
    Diff(policy_diff::Arguments),
}

pub fn run(verb: Verb) -> Result<ExitCode, Failure> {
    let (method, url, tenant, config) = match verb {
        Verb::Explain { method, url, tenant, config } => (method, url, tenant, config),
        Verb::Diff(arguments) => return policy_diff::run(arguments),
    };
    let settings = setup::settings(&Config::read(&config)?);
    let explanation = mayfly_bridge::explain(&settings, &tenant, &method, &url)?;
    print!("{explanation}");
    Ok(ExitCode::from(u8::from(!explanation.allowed)))
}
