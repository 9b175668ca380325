//! In: a bridge on a real socket, a real Cap'n Proto client, and upstreams on loopback that can misbehave.
//! Out: what users of the bridge rely on, one test for each behaviour. May touch: loopback and temporary folders.
//! Security boundary: no; holds the boundary's tests.
// All of this is test code; clippy knows only functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

mod addresses;
mod documents;
mod door;
mod encodings;
mod fetch;
mod hostile;
mod kept;
mod mcp;
mod mcp_children;
mod parked;
mod policy;
mod policy_diff;
mod redirects;
mod requests;
mod scripts;
mod secrets;
mod speed;
mod store;
mod streams;
mod tenant_files;
mod tls;
mod uploads;
mod vault;
