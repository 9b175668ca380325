//! What the processes of Mayfly must agree on: the Cap'n Proto interfaces between them, the limits, and how a
//! configuration file is read. The frames at the border of an isolate are in the package `mayfly-abi` beside this one.

pub mod limits;
pub mod strict;

#[allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, unsafe_code, unused)]
#[rustfmt::skip]
pub mod bridge_capnp;
