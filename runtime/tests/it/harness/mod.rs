//! One way to run a script in process, one to start a server, one to be its upstream.

pub mod script;
pub mod server;
pub mod upstream;
