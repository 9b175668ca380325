//! In: what `mayfly.toml` and the command line came to. Out: the settings of one bridge, as JSON to a child process.
//! May touch: nothing.
//! Security boundary: no; it holds hashes and names, and no secret but a database's password that was written into its address.

use crate::tokens::Role;
use mayfly_schemas::database::Database;
use mayfly_schemas::limits::Limits;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Folder of `*.toml`, one tenant each, picked up again on change.
    pub tenants: Option<PathBuf>,
    /// Tenant files given as text.
    pub inline: Vec<Inline>,
    /// Tokens besides those in the files: `mayfly run` makes one for itself.
    pub tokens: Vec<ExtraToken>,
    /// Folder for `audit.jsonl` and the store; without it the audit goes to tracing, target `audit`, and nothing is stored.
    pub state: Option<PathBuf>,
    /// Where the store is instead, for several bridges.
    #[serde(default)]
    pub database: Option<Database>,
    /// Where the master key is: `file:`, `env:` or `credential:`; without it `master.key` in the state folder.
    #[serde(default)]
    pub master_key: Option<String>,
    /// Host name of the server itself: its own paths win there over any tenant's route.
    pub host: Option<String>,
    /// Whether requests to upstreams carry the trace of the request that began their run.
    #[serde(default)]
    pub trace_upstreams: bool,
    /// What stands between the bridge and each command of `mcp_command`, and ends it should the bridge be killed: started as
    /// `GUARD guard --parent PID -- COMMAND...`, in a process group of its own. The binary `mayfly` is one. Without it, a
    /// command that does not end when its standard input does outlives a bridge that is killed.
    #[serde(default)]
    pub guard: Option<PathBuf>,
    pub ceilings: Limits,
    pub defaults: Limits,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inline {
    /// Name for messages.
    pub file: String,
    pub text: String,
    /// Relative paths of `file:` credentials start here.
    pub folder: PathBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraToken {
    pub tenant: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
    pub role: Role,
}
