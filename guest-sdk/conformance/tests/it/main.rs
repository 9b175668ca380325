//! The checked-in part of the suites is as recorded, the runner tells what is wrong, and guest and bridge read URLs alike.

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
