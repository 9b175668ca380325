//! In: a program, its input, a session. Out: the run object.
//! May touch: one isolate, and the bridge through its session.
//! Security boundary: no; the isolate and the bridge are. This room owns the waiting: timers, wall clock, calls.

mod checked;
mod drive;
mod exchange;
mod execute;
mod object;

pub use checked::{Told, execute_checked, type_error};
pub use exchange::{Exchange, RequestBody, Response, ResponsePart};
pub use execute::{Asked, Entropy, Host, Job, execute};
pub use object::{CallRecord, RunObject, RunStatus, Verdict};
