//! One way to run a script in process, one to start a server, one to be its upstream, one to write its tenants.

pub mod process;
pub mod runs;
pub mod script;
pub mod server;
pub mod tenants;
pub mod upstream;
