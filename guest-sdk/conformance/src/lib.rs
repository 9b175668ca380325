//! Runs public conformance suites in Mayfly's isolates: each test file in a fresh one, in virtual time, without a network.
//!
//! The files stand in the order in which a test walks them.

pub mod limits;

pub mod host;
pub mod known;
pub mod pool;
pub mod report;
pub mod suite;
pub mod test262;
pub mod wpt;

pub use host::Host;
