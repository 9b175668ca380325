//! Mayfly's runtime: HTTP in front, a fresh Wasm isolate for each request, and the bridge as the only door out.
//!
//! The rooms stand in the order in which a request walks them.

pub mod admit;
pub mod bridge;
pub mod check;
pub mod isolate;
mod mcp;
pub mod metrics;
pub mod prepare;
pub mod respond;
pub mod run;
mod seldom;
pub mod serve;
pub mod tape;
pub mod trace;

pub mod config;
pub mod lockdown;

pub use mayfly_schemas::limits;
