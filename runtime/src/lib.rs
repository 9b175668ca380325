//! Mayfly's runtime: HTTP in front, a fresh Wasm isolate for each request, and the bridge as the only door out.
//!
//! The rooms stand in the order in which a request walks them.

pub mod serve;
pub mod admit;
pub mod prepare;
pub mod run;
pub mod isolate;
pub mod bridge;
pub mod respond;

pub mod config;

pub use mayfly_schemas::limits;
