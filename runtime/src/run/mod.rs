//! In: a program, its input, a session. Out: the run object.
//! May touch: one isolate, and the bridge through its session.
//! Security boundary: no; the isolate and the bridge are. This room owns the waiting: timers, wall clock, calls.

mod adopted;
mod answers;
mod checked;
mod desk;
mod drive;
mod exchange;
mod execute;
mod external;
mod handle;
mod journal;
mod marks;
mod object;
mod parked;
mod report;
mod shelf;
mod tags;
mod told;

pub use adopted::{Life, execute_adopted};
pub use checked::{Told, execute_checked, type_error};
pub use desk::Desk;
pub use exchange::{Exchange, RequestBody, Response, ResponsePart};
pub use execute::{Asked, Entropy, Host, Job, execute, execute_at, execute_parked};
pub use external::{ExternalAsked, Externals};
pub use handle::RunHandle;
pub use handle::follow::{Stands, View};
pub use marks::{Marks, Piece, Retold};
pub use object::{CallRecord, PendingCall, PendingReason, RunObject, RunStatus, RunUsage, Verdict};
pub use parked::{Begun, Belongings, Kept, Stand, Start, now_ms};
pub use shelf::Runs;
pub use tags::{TagWanted, Tags};
pub use told::{Event, New, NotResumed, Said, Sayings, Stop};
