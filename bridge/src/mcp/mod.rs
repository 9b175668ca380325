//! In: the MCP servers that tenant files name. Out: their tools, kept up to date, and calls of them.
//! May touch: the network through the bridge's own rooms (`errand.rs`), and the commands that the files name (`child.rs`).
//! Security boundary: yes; a server is a third party. It lists and answers; what it asks of us is declined.
//!
//! `rmcp` speaks the protocol, in both generations. It runs on one thread of its own (`hub.rs`), where each server has a task
//! that connects it, lists its tools and does so again when it is lost (`keeper.rs`). Calls come from the threads of the
//! bridge through rmcp's `Peer`. Rejected: a client on each thread, and with it a session, a child and a list on each;
//! reqwest, which brings a second way out of this process.

mod call;
mod child;
mod client;
mod content;
mod declared;
mod document;
mod errand;
mod hub;
mod keeper;
mod listing;
mod server;
mod trail;

pub use call::{Gate, call};
pub use declared::{Given, one_url, read, server};
pub use document::read_before;
pub use hub::Hub;
pub use server::{Place, Server};
