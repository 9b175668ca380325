//! What the processes of Mayfly must agree on: the Cap'n Proto interfaces between them, the limits, the names, how a
//! configuration file is read, and how a connection between two of them is set up. The frames at the border of an isolate
//! are in the package `mayfly-abi`.

pub mod database;
pub mod limits;
pub mod names;
pub mod strict;
pub mod trace;
pub mod wire;

#[allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, unsafe_code, unused)]
#[rustfmt::skip]
pub mod bridge_capnp;
