//! In: a tenant. Out: TypeScript of everything that its scripts may call.
//! May touch: the files it is told, standard output, a bridge of its own.
//! Security boundary: no.

use super::child::BridgeChild;
use super::executor;
use super::failure::Failure;
use super::run::settings;
use mayfly::bridge::{Asker, Bridge, Door, DoorError};
use mayfly_bridge::{ExtraToken, Role, Settings};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {
    /// The server's configuration; otherwise mayfly.toml in this folder, otherwise there are no tools
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Whose tools; may be left out where there is one tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    super::log_to_stderr("error");
    let here = Some(Path::new(""));
    let (settings, tenant, _) = settings(here, arguments.config.as_deref(), arguments.tenant.as_deref())?;
    let tools = executor()?.block_on(async {
        // Ends with this.
        let local = tokio::task::LocalSet::new();
        local.run_until(tools(settings, &tenant)).await
    })?;
    // Nobody reads on: that is their business.
    let _ = write!(std::io::stdout(), "{}", mayfly_checker::declarations(&tools));
    Ok(ExitCode::SUCCESS)
}

/// TypeScript of a tenant's tools, from a bridge that lives as long as it takes to ask.
pub async fn tools(mut settings: Settings, tenant: &str) -> Result<String, Failure> {
    let (token, sha256) = mayfly_bridge::new_token();
    settings.tokens.push(ExtraToken { tenant: tenant.to_owned(), sha256, role: Role::Runner });
    let bridge = BridgeChild::start_quietly(&settings, &[])?;
    let asker = Asker { token: token.as_bytes(), request_id: "" };
    Bridge::new(Door::Socket(bridge.socket())).tool_declarations(asker, None).await.map_err(|error| match error {
        DoorError::Refused { detail, .. } => Failure::Usage(vec![detail]),
        DoorError::Unavailable(reason) => Failure::fault("bridge", reason),
    })
}
