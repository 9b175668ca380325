//! In: a method and a URL. Out: which rule of a tenant decides, and why.
//! May touch: tenant files.
//! Security boundary: no; it asks the same code that decides.

use super::failure::Failure;
use super::setup;
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
}

pub fn run(verb: Verb) -> Result<ExitCode, Failure> {
    let Verb::Explain { method, url, tenant, config } = verb;
    let settings = setup::settings(&Config::read(&config)?);
    let explanation = mayfly_bridge::explain(&settings, &tenant, &method, &url)?;
    print!("{explanation}");
    Ok(ExitCode::from(u8::from(!explanation.allowed)))
}
