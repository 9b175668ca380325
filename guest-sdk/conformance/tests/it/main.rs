//! The checked-in part of the suites is as recorded, the runner tells what is wrong, and guest and bridge read URLs alike.

// A test that panics has said what it had to say.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod locks;
mod recorded;
mod runner;
mod urls;

use mayfly_conformance::Host;
use std::path::PathBuf;
use std::sync::LazyLock;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::load().expect("the engine loads"));

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
