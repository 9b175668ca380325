//! In: nothing. Out: a process whose memory nobody else reads.
//! May touch: the limits of this process.
//! Security boundary: yes; this process holds secrets, or what tenants do. A core file or a debugger would show them.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The first thing the binary does when it is a bridge, or holds a bridge's environment. What cannot be set is logged,
/// not fatal: some containers forbid it.
pub fn harden_process() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "this process can be traced by others of the same user");
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "this process may leave core files");
    }
}
