//! Mayfly from outside: what a script sees, what a client sees, what an operator sees.
//!
//! `scripts` drives the isolate core without a socket, in virtual time. `http` and `command_line` start the real binary.

// A test that panics has said what it had to say.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

mod approvals;
mod artifact;
mod bodies;
mod checks;
mod command_line;
mod console;
mod durable;
mod errors;
mod examples;
mod external;
mod following;
mod forks;
mod frames;
mod generated;
mod guard;
mod hostile;
mod http;
mod images;
mod intl;
mod keyed;
mod lockdown;
mod metrics;
mod model_scripts;
mod narrowed;
mod node;
mod openapi;
mod parked;
mod runs;
mod runs_command;
mod scripts;
mod stored_scripts;
mod subtle;
mod supervisor;
mod syntax;
mod tags;
mod tapes;
mod tidy;
mod tools;
mod traces;
mod triggered;
mod types;
mod upstreams;
