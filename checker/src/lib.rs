//! Checks scripts before they run: a wrong field name is a diagnostic with line and suggestion, not a failure after the
//! third write.
//!
//! A check walks the rooms below in this order. The compiler is TypeScript's native one, which its operator installed; it
//! runs as a process of its own that reads no file, opens no socket and starts nothing. All that it sees of the world are
//! answers of `files.rs`.

#![forbid(unsafe_code)]

mod discover;
pub mod limits;
pub mod message;
pub mod serve;

mod service;
mod tenants;

mod depth;
mod layout;

mod compiler;
mod files;
mod project;
mod wire;

mod diagnose;
mod floating;
mod leniency;
mod lenient;
mod places;
mod vocabulary;

pub mod confine;

pub use discover::{Absent, Installed, VERSION, discover};
pub use message::{Ask, Diagnostic, Module, Verdict, digest};
pub use service::{Checker, Launch};

/// What every script finds, whatever its tenant.
const GLOBALS: &str = include_str!("../../guest-sdk/types/mayfly.d.ts");
/// The tenant's own declaration takes the place of this one.
const ANY_TOOLS: &str = "declare const tools: { [name: string]: ToolNamespace };\n";

/// All that scripts of a tenant may call: the globals, and the tenant's own tools.
pub fn declarations(tools: &str) -> String {
    format!("{}\n{tools}", globals())
}

fn globals() -> String {
    GLOBALS.replace(ANY_TOOLS, "")
}
