//! In: a program, its input, one event after the other. Out: what each turn asks for, and in the end an outcome.
//! May touch: nothing. No socket, no file, no clock: all of it comes in with the events.
//! Security boundary: yes, the first of three. Everything behind `guest.rs` is assumed to be arbitrary Wasm.
//!
//! An [`Isolate`] is a state machine that its owner drives; any executor will do:
//!
//! ```no_run
//! # async fn example(program: &std::sync::Arc<mayfly::isolate::Program>) -> Result<(), Box<dyn std::error::Error>> {
//! use mayfly::isolate::{Answer, Engine, EngineOptions, Isolate, Origin, Step};
//! let engine = Engine::load(EngineOptions::default())?;
//! let origin = Origin { started_ms: 1_700_000_000_000.0, seed: [7; 32] };
//! let (mut isolate, mut step) = Isolate::start(&engine, program, "{}", &mayfly::limits::DEFAULTS, origin, None).await?;
//! let outcome = loop {
//!     match step {
//!         Step::Done(outcome) => break outcome,
//!         Step::Waiting(turn) => match turn.asks.first() {
//!             Some(ask) => step = isolate.deliver(ask.number, &Answer::json("42"), 10.0).await,
//!             None => break isolate.cancel("nobody answers here"),
//!         },
//!     }
//! };
//! # Ok(()) }
//! ```

mod effect;
mod engine;
mod guest;
mod image;
mod logs;
mod meter;
mod native;
mod outcome;
mod positions;
mod pristine;
mod program;
mod state;
mod ticker;
mod wasi;

pub use effect::{Answer, Ask, AskKind, Delivered, EXCHANGE, Rejection, ResponseHead};
pub use engine::{DIGESTS, Engine, EngineError, EngineOptions, digest};
pub use guest::{Budget, Guest, Stopped};
pub use image::{Image, ImageError};
pub use logs::{LogLine, Logs};
pub use native::cache_folder;
pub use outcome::{ErrorKind, Findings, Outcome, RunError, Usage};
pub use positions::source_line;
pub use program::{Module, Program};
pub use state::{Given, Isolate, Origin, Step, Turn};
