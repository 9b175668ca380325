//! In: one ask of a run. Out: what it came to, from the clock, the bridge, the HTTP exchange, or people outside.
//! May touch: the clock, the bridge through a session, the HTTP exchange that the run answers, if any, and the desk where its
//! caller answers calls.
//! Security boundary: no; the bridge decides.

use super::desk::{Desk, Taken};
use super::exchange::Exchange;
use super::journal::Line;
use super::object::{CallRecord, RunUsage, Verdict};
use super::told::Said;
use crate::bridge::{DoorError, Held, How, Part, Performed, Replied, Session, Told};
use crate::isolate::{Answer, Ask, AskKind, EXCHANGE, Engine, Rejection};
use crate::tape::Recorder;
use mayfly_schemas::limits::Limits;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one ask came to: its answer, and what the list of calls learns from it.
pub(super) type Done = Result<Came, DoorError>;

pub(super) enum Came {
    Answered(Answer, Note),
    /// Nothing was sent: somebody has to say yes first.
    Held(Ask, Held, CallRecord),
}

pub(super) enum Note {
    Nothing,
    Call(CallRecord),
    /// Bytes of a body, after the call's record was made: received in all, and sent now.
    Moved {
        call: u32,
        bytes_in: Option<u64>,
        bytes_out: u64,
    },
    /// The caller has answered, this long after it was asked.
    Said {
        call: u32,
        ms: f64,
    },
}

/// Everything outside that answers asks.
#[derive(Clone)]
pub(super) struct Outside {
    pub engine: Arc<Engine>,
    pub session: Session,
    pub exchange: Option<Rc<Exchange>>,
    pub desk: Option<Rc<Desk>>,
    pub limits: Limits,
    /// Of the run's beginning.
    pub usage: RunUsage,
    pub tape: Option<Rc<Recorder>>,
    /// Asks that may have been sent by a process that is gone.
    pub again: Rc<HashSet<u32>>,
}

impl Note {
    /// The call that it is about.
    pub(super) fn call(&self) -> Option<u32> {
        match self {
            Note::Nothing => None,
            Note::Call(record) => Some(record.call),
            Note::Moved { call, .. } | Note::Said { call, .. } => Some(*call),
        }
    }

    pub(super) fn enter(self, calls: &mut Vec<CallRecord>) {
        match self {
            Note::Nothing => {}
            Note::Call(record) => match calls.iter_mut().rev().find(|known| known.call == record.call) {
                // It was held before.
                Some(known) => *known = record,
                None => calls.push(record),
            },
            Note::Moved { call, bytes_in, bytes_out } => {
                if let Some(record) = calls.iter_mut().rev().find(|record| record.call == call) {
                    record.bytes_in = bytes_in.unwrap_or(record.bytes_in);
                    record.bytes_out += bytes_out;
                }
            }
            Note::Said { call, ms } => {
                if let Some(record) = calls.iter_mut().rev().find(|record| record.call == call) {
                    (record.verdict, record.ms) = (Verdict::Allow, ms);
                }
            }
        }
    }
}

impl Outside {
    fn how(&self, number: u32) -> How {
        let durable = self.desk.as_ref().is_some_and(|desk| desk.is_durable());
        How { approved: false, durable, again: self.again.contains(&number) }
    }
}

/// A call that somebody outside answers or decides about.
pub(super) async fn external(ask: Ask, taken: Taken, desk: Rc<Desk>, outside: Outside) -> Done {
    let (began, call) = (Instant::now(), ask.call);
    match (taken, &ask.kind) {
        (Taken::Refused(rejection), AskKind::Call { tool, .. }) => {
            outside.session.told(call, tool, Told::Refused, began.elapsed());
            Ok(Came::Answered(Answer::Rejected(rejection), Note::Nothing))
        }
        (Taken::Refused(rejection), _) => Ok(Came::Answered(Answer::Rejected(rejection), Note::Nothing)),
        (Taken::Waits(said), AskKind::Call { tool, .. }) => {
            let mut unanswered = Unanswered { session: outside.session.clone(), desk: desk.clone(), call, tool, began };
            // Whoever held the other end has ended the run.
            let said = said.await.unwrap_or_else(|_| Said::Error("the run has ended".to_owned()));
            let ms = began.elapsed().as_secs_f64() * 1000.0;
            let (answer, told) = desk.answer(call, tool, said, ms);
            unanswered.is(told);
            Ok(Came::Answered(answer, Note::Said { call, ms }))
        }
        (Taken::Waits(_), _) => Ok(Came::Answered(refused("no call of a tool"), Note::Nothing)),
        (Taken::Held(said), _) => match said.await {
            Ok(Said::Approved) => {
                let Performed { reply, record } = {
                    desk.log(&Line::Decided { number: ask.number }).await?;
                    let how = How { approved: true, ..outside.how(ask.number) };
                    outside.session.perform(&ask, &outside.limits, how).await?
                };
                desk.replaced(&record);
                let answer = match reply {
                    Replied::Answer(answer) => answer,
                    Replied::Held(_) => refused("the call is held again"),
                };
                Ok(Came::Answered(answer, Note::Call(record)))
            }
            said => {
                let reason = if let Ok(Said::Rejected(reason)) = said { reason } else { None };
                let record = CallRecord { ms: began.elapsed().as_secs_f64() * 1000.0, ..CallRecord::new(&ask) };
                desk.replaced(&record);
                Ok(Came::Answered(rejected(reason), Note::Call(record)))
            }
        },
    }
}

/// What the audit is told of a call that the caller was to answer, once: also when nobody has.
struct Unanswered<'a> {
    session: Session,
    desk: Rc<Desk>,
    call: u32,
    tool: &'a str,
    began: Instant,
}

impl Unanswered<'_> {
    fn is(&mut self, told: Told) {
        self.session.told(self.call, self.tool, told, self.began.elapsed());
        self.tool = "";
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.tool.is_empty() && !self.desk.has_left() {
            self.is(Told::Abandoned);
        }
    }
}

/// Somebody has said no.
fn rejected(reason: Option<String>) -> Answer {
    let said = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = format!("the call was rejected by the person who was asked{said}");
    let reason = Some("rejected".to_owned());
    Answer::Rejected(Rejection { name: "PolicyError", message, reason, ..Rejection::default() })
}

pub(super) async fn answer(ask: Ask, outside: Outside) -> Done {
    let how = outside.how(ask.number);
    if how.again && matches!(ask.kind, AskKind::Fetch { upload: true, .. }) {
        return Ok(Came::Answered(unknown(), Note::Nothing));
    }
    let Outside { session, exchange, limits, desk, .. } = outside;
    let can_wait = desk.is_some();
    match ask.kind {
        AskKind::Timer { delay_ms } => {
            let delay = Duration::try_from_secs_f64(delay_ms.max(0.0) / 1000.0).unwrap_or(Duration::MAX / 4);
            tokio::time::sleep(delay).await;
            Ok(Came::Answered(Answer::nothing(), Note::Nothing))
        }
        AskKind::Read { stream: EXCHANGE } => {
            Ok(Came::Answered(of_exchange(exchange, |exchange| exchange.read()).await, Note::Nothing))
        }
        AskKind::Write { stream: EXCHANGE, end, bytes } => {
            Ok(Came::Answered(of_exchange(exchange, |exchange| exchange.write(bytes, end)).await, Note::Nothing))
        }
        AskKind::Read { stream } => Ok(match session.read(stream).await? {
            Part::Bytes { call, bytes, end, bytes_in } => {
                Came::Answered(Answer::part(bytes, end), Note::Moved { call, bytes_in: Some(bytes_in), bytes_out: 0 })
            }
            Part::Broken(rejection) => Came::Answered(Answer::Rejected(rejection), Note::Nothing),
        }),
        AskKind::Write { stream, end, bytes } => {
            let bytes_out = bytes.len() as u64;
            Ok(match session.upload(stream, &bytes, end).await? {
                Some(call) => Came::Answered(Answer::nothing(), Note::Moved { call, bytes_in: None, bytes_out }),
                None => Came::Answered(refused("the call takes no more of its body"), Note::Nothing),
            })
        }
        AskKind::Fetch { .. } | AskKind::Call { .. } => {
            let Performed { reply, record } = session.perform(&ask, &limits, how).await?;
            match reply {
                Replied::Answer(answer) => Ok(Came::Answered(answer, Note::Call(record))),
                Replied::Held(held) if can_wait => Ok(Came::Held(ask, held, record)),
                Replied::Held(held) => Ok(Came::Answered(unasked(held), Note::Call(record))),
            }
        }
    }
}

/// A body in parts is gone with the process that sent it.
fn unknown() -> Answer {
    let message = "the process that ran this script ended while the call was on its way: nobody knows whether it was done, and \
                   it is not done twice; look at the service before you call again";
    let reason = Some("outcome_unknown".to_owned());
    Answer::Rejected(Rejection { name: "PolicyError", message: message.to_owned(), reason, ..Rejection::default() })
}

/// Somebody would have to say yes, and nobody can be asked about a run of this kind.
fn unasked(held: Held) -> Answer {
    let Held { method, url, .. } = held;
    Answer::Rejected(Rejection {
        name: "PolicyError",
        message: format!(
            "{method} {url} waits for approval, and nobody can be asked about this run; begin it with POST /v1/runs"
        ),
        reason: Some("needs_approval".to_owned()),
        method: Some(method),
        url: Some(url),
        ..Rejection::default()
    })
}

async fn of_exchange<F: Future<Output = Answer>>(
    exchange: Option<Rc<Exchange>>,
    work: impl FnOnce(Rc<Exchange>) -> F,
) -> Answer {
    match exchange {
        Some(exchange) => work(exchange).await,
        None => refused("this run answers no HTTP request"),
    }
}

fn refused(message: &str) -> Answer {
    Answer::Rejected(Rejection { name: "TypeError", message: message.to_owned(), ..Rejection::default() })
}
