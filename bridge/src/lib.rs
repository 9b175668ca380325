//! The bridge: the process with the sockets, the secrets, the policy and the audit, and the only door out of an isolate.
//! The modules stand in the order in which a call travels through them.
//!
//! Each room takes the ticket of the room before and gives its own: `Ask`, `Permit`, `Pinned`, `Signed`, `RawReply`,
//! `CleanHead` and `CleanBody`. The fields of a ticket are private to its room, so no other room can make one, and skipping a room does
//! not compile.
#![forbid(unsafe_code)]

mod settings;
pub mod store;

mod credentials;
mod fields;
mod patterns;
mod reload;
mod routes;
mod secret;
mod tenants;
mod toolbox;
mod vault;

mod door;
mod lane;
mod server;

mod deploy;
mod master_key;
mod parked;
mod quota;
mod refusal;
mod seal;
mod session;
mod shelf;
mod tokens;
mod tool_desk;
mod trigger;

mod addresses;
mod approvals;
mod ask;
mod audit;
mod body;
mod brotli;
mod budget;
mod decide;
mod decode;
mod dial;
mod forms;
mod gzip;
mod mcp;
mod messages;
mod outgoing;
mod own;
mod patience;
mod pool;
mod record;
mod redirect;
mod resolve;
mod scrub;
mod sign;
mod stream;
mod tls;
mod tool_call;
mod upload;
mod walk;
mod webhook;

mod client;
mod diff;
mod explain;
mod failure;
mod harden;

pub use client::{Answered, Client, NotReached, Wanted};
pub use decide::Considered;
pub use diff::{Change, Difference};
pub use explain::Explanation;
pub use harden::harden_process;
pub use master_key::{KeyError, KeySource};
pub use mayfly_schemas::strict::Mistake;
pub use resolve::{Answer, Lookup, LookupFailed};
pub use server::{Error, World, serve, serve_in};
pub use settings::{ExtraToken, Inline, Settings};
pub use tokens::{Role, new_token};
pub use vault::{Vault, VaultError};

/// Everything that is wrong in the tenant files, all at once; empty when they load.
pub fn check_tenants(settings: &Settings) -> Vec<Mistake> {
    reload::check(settings)
}

/// Names of the tenants that load, in order: for commands that need one and were told none.
pub fn tenant_names(settings: &Settings) -> Vec<String> {
    reload::names(settings)
}

/// For `mayfly policy explain`: what the rules of a tenant say, without a running bridge and without its credentials. The
/// error says why there is no such tenant.
pub fn explain(settings: &Settings, tenant: &str, method: &str, url: &str) -> Result<Explanation, Vec<Mistake>> {
    Ok(explain::explain(&reload::tenant_without_credentials(settings, tenant)?, method, url))
}

/// For `mayfly policy diff`: what tenants may reach after a change of their files and could not before, and the reverse. Neither
/// needs its credentials. The error says what is wrong in any of the files.
pub fn diff(old: &Settings, new: &Settings) -> Result<Difference, Vec<Mistake>> {
    diff::diff(old, new)
}
