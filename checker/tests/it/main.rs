//! The checker against the real compiler. Where it is not installed, these tests say so and check nothing:
//! `npm install --no-save --prefix target/typescript7 typescript@7.0.2` in the workspace's folder puts it where they look.

// A test that panics has said what it had to say.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod clean;
mod confine;
mod harness;
mod hostile;
mod wrong;
