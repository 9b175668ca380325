//! The Model Context Protocol server: code mode for LLM loops in four tools, over streamable HTTP.
//!
//! Stateless: a request brings its token, and any node answers it. Two generations of the protocol are spoken: that of 2025
//! (`initialize`, then requests) and that of 2026, in which each request says all about itself.

mod cut;
mod message;
mod report;
mod tools;

pub(crate) use message::{Failure, Incoming, Version, discovered, initialized, read, respond, version_of};
pub(crate) use report::report;
pub(crate) use tools::{Call, call, found, listed};
