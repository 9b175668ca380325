//! In: a program and its input, then one answered ask after the other. Out: what each turn asks for, then an outcome.
//! May touch: the guest, through `guest.rs`; nothing outside.
//! Security boundary: yes. Every limit of a run but the waiting is enforced here, whatever the guest writes.

use super::effect::{self, Answer, Ask, AskKind, Delivered, ResponseHead, Told};
use super::engine::Engine;
use super::guest::{BESIDE_HEAP_BYTES, Budget, Guest, Stopped};
use super::logs::Logs;
use super::outcome::{self, ErrorKind, Outcome, RunError};
use super::program::Program;
use mayfly_abi::{Deliver, OutcomeKind, Start, Stimulus};
use mayfly_schemas::limits::{Limits, MIB};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What makes two runs of one program differ: when it began, and its randomness.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Milliseconds since 1970.
    pub started_ms: f64,
    pub seed: [u8; 32],
}

/// A run in progress. All of the script's state is in the guest's linear memory, all of ours in `Ledger`.
pub struct Isolate {
    pub(super) guest: Guest,
    program: Arc<Program>,
    pub(super) ledger: Ledger,
    pub(super) budget: Budget,
    response: Option<ResponseHead>,
}

/// What a run is started with.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// JSON text.
    Input(&'a str),
    /// An HTTP request to answer: `head` is JSON as `mayfly_abi::Start` says, `body` all of its bytes or the first of them.
    Request { head: &'a str, body: &'a [u8] },
}

impl<'a, T: AsRef<str> + ?Sized> From<&'a T> for Given<'a> {
    fn from(input: &'a T) -> Given<'a> {
        Given::Input(input.as_ref())
    }
}

/// What the host knows about a run between two turns. With the guest's pages this is a whole image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    pub(super) limits: Limits,
    pub(super) origin: Origin,
    turns: u64,
    pub(super) cpu_used: Duration,
    elapsed_ms: f64,
    /// Asks made and not answered.
    pending: BTreeMap<u32, Pending>,
    /// Calls that wait until fewer are in flight.
    queued: VecDeque<Ask>,
    pub(super) logs: Logs,
    pub(super) calls: u32,
    /// The run answers an HTTP request and has not done so yet.
    owes_response: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Pending {
    Call,
    Timer,
    /// A part of a body.
    Part,
}

/// What happens after a turn.
#[derive(Debug)]
pub enum Step {
    Waiting(Turn),
    Done(Outcome),
}

/// What one turn wants from outside.
#[derive(Debug, Default)]
pub struct Turn {
    pub asks: Vec<Ask>,
    /// Numbers of earlier asks, or of the streams of answered ones, that are no longer wanted. Some may never have been.
    pub cancelled: Vec<u32>,
}

impl Isolate {
    /// The first turn. The size of what is given and the program's are the caller's limits to hold. `until` ends a turn under
    /// way by the wall clock; waiting is the owner's matter.
    pub async fn start<'a>(
        engine: &Engine,
        program: &Arc<Program>,
        given: impl Into<Given<'a>>,
        limits: &Limits,
        origin: Origin,
        until: Option<Instant>,
    ) -> Result<(Isolate, Step), Stopped> {
        Isolate::start_with_tools(engine, program, given, "", limits, origin, until).await
    }

    /// `tools`: names of the sets of tools that the script may call by their own names, a blank between two.
    pub async fn start_with_tools<'a>(
        engine: &Engine,
        program: &Arc<Program>,
        given: impl Into<Given<'a>>,
        tools: &str,
        limits: &Limits,
        origin: Origin,
        until: Option<Instant>,
    ) -> Result<(Isolate, Step), Stopped> {
        let guest = Guest::engine(engine, limits.memory_mib)?;
        let mut isolate = Isolate::around(guest, program, Ledger::new(*limits, origin));
        isolate.budget.wall_until = until;
        let given = given.into();
        isolate.ledger.owes_response = matches!(given, Given::Request { .. });
        let frame = isolate.start_frame(given, tools);
        let step = isolate.turn("mayfly-start", &frame).await;
        Ok((isolate, step))
    }

    pub(super) fn around(guest: Guest, program: &Arc<Program>, ledger: Ledger) -> Isolate {
        let mut budget = Budget::cpu_ms(ledger.limits.cpu_ms);
        budget.cpu_used = ledger.cpu_used;
        Isolate { guest, program: program.clone(), ledger, budget, response: None }
    }

    /// Every later turn: the ask `number` has its answer, `elapsed_ms` after the run began. An answer nobody waits for
    /// (it was cancelled while it was on its way) makes no turn.
    pub async fn deliver(&mut self, number: u32, answer: &Answer, elapsed_ms: f64) -> Step {
        let (kind, meta, body) = answer.frame();
        self.deliver_frame(number, kind, &meta, body, elapsed_ms).await
    }

    /// The same with an answer from a tape.
    pub async fn deliver_again(&mut self, number: u32, answer: &Delivered, elapsed_ms: f64) -> Step {
        self.deliver_frame(number, answer.kind(), answer.meta.as_bytes(), &answer.body, elapsed_ms).await
    }

    async fn deliver_frame(
        &mut self,
        number: u32,
        kind: OutcomeKind,
        meta: &[u8],
        body: &[u8],
        elapsed_ms: f64,
    ) -> Step {
        if self.ledger.pending.remove(&number).is_none() {
            return self.settle(Turn::default());
        }
        self.ledger.elapsed_ms = self.ledger.elapsed_ms.max(elapsed_ms);
        let mut frame = Vec::with_capacity(128 + meta.len() + body.len());
        Deliver { stimulus: self.ledger.stimulus(), kind, number, meta, body }.write(&mut frame);
        self.turn("mayfly-deliver", &frame).await
    }

    /// Ends the run where it stands.
    pub fn end(&mut self, error: RunError) -> Outcome {
        self.outcome(Err(error))
    }

    pub fn cancel(&mut self, reason: &str) -> Outcome {
        self.end(RunError::new(ErrorKind::Cancelled, "CancelledError", reason))
    }

    /// The wall clock limit was reached while the run waited.
    pub fn out_of_time(&mut self) -> Outcome {
        let error = outcome::of_stop(&Stopped::Wall, &self.ledger.limits);
        self.end(error)
    }

    /// The head of the HTTP response, once it was given. To be asked for after each step.
    pub fn take_response(&mut self) -> Option<ResponseHead> {
        self.response.take()
    }

    pub fn memory(&self) -> &[u8] {
        self.guest.memory()
    }

    pub fn logs(&self) -> &Logs {
        &self.ledger.logs
    }

    fn start_frame(&mut self, given: Given<'_>, tools: &str) -> Vec<u8> {
        let (is_request, input, body) = match given {
            Given::Input(input) => (false, input, &[][..]),
            Given::Request { head, body } => (true, head, body),
        };
        let limits = &self.ledger.limits;
        let heap = (u64::from(limits.memory_mib) * MIB).saturating_sub(BESIDE_HEAP_BYTES as u64);
        let modules: Vec<_> =
            self.program.modules.iter().map(|module| (module.name.as_str(), module.bytecode.as_slice())).collect();
        let mut frame = Vec::with_capacity(128 + input.len() + body.len() + self.program.bytes());
        let start = Start {
            stimulus: self.ledger.stimulus(),
            heap_bytes_max: u32::try_from(heap).unwrap_or(u32::MAX),
            is_request,
            tools,
            input: input.as_bytes(),
            body,
            modules,
        };
        start.write(&mut frame);
        frame
    }

    async fn turn(&mut self, export: &str, frame: &[u8]) -> Step {
        let answered = self.guest.call(export, frame, &mut self.budget).await;
        self.ledger.turns += 1;
        self.ledger.cpu_used = self.budget.cpu_used;
        match answered.and_then(|bytes| self.absorb(&bytes)) {
            Ok(step) => step,
            Err(stopped) => {
                if let Stopped::Trap(_) | Stopped::Malformed(_) = &stopped {
                    tracing::warn!(%stopped, "an isolate broke down");
                }
                let error = outcome::of_stop(&stopped, &self.ledger.limits);
                Step::Done(self.end(error))
            }
        }
    }

    /// Reads the turn's effects in their order.
    fn absorb(&mut self, bytes: &[u8]) -> Result<Step, Stopped> {
        let mut turn = Turn::default();
        for frame in mayfly_abi::effects(bytes) {
            let frame = frame.map_err(|malformed| Stopped::Malformed(malformed.0))?;
            match effect::understand(&frame)? {
                Told::Ask { number, kind } => {
                    if let Err(error) = self.ask(number, kind)? {
                        return Ok(Step::Done(self.end(error)));
                    }
                }
                Told::Cancel { number } => self.cancel_ask(number, &mut turn)?,
                Told::Respond(head) => {
                    if !std::mem::replace(&mut self.ledger.owes_response, false) {
                        return Err(Stopped::Malformed("a response that nobody waits for"));
                    }
                    self.response = Some(head);
                }
                Told::Log { level, text } => {
                    let Ledger { limits, elapsed_ms, logs, .. } = &mut self.ledger;
                    logs.push(limits, *elapsed_ms, level, text);
                }
                Told::LogLinesLost { count } => self.ledger.logs.lost(count),
                Told::Result { json } => return Ok(Step::Done(self.finish(json))),
                Told::Error(mut error) => {
                    // Out of memory, QuickJS may not even find room for the error that says so: it throws null then.
                    let peak = self.guest.memory_peak_bytes() as u64;
                    let crowded = peak > u64::from(self.ledger.limits.memory_mib) * MIB / 4;
                    if error.message == "null" && (crowded || self.guest.memory_refused()) {
                        error.kind = "memory_limit".into();
                    }
                    let error = outcome::of_guest(error, &self.program, &self.ledger.limits);
                    return Ok(Step::Done(self.end(error)));
                }
            }
        }
        Ok(self.settle(turn))
    }

    /// Takes an ask into the queue, or says which limit it broke.
    fn ask(&mut self, number: u32, kind: AskKind) -> Result<Result<(), RunError>, Stopped> {
        let ledger = &mut self.ledger;
        if ledger.pending.contains_key(&number) || ledger.queued.iter().any(|ask| ask.number == number) {
            return Err(Stopped::Malformed("number in use"));
        }
        if !kind.is_call() {
            let pending = pending_of(&kind);
            let same = ledger.queued.iter().filter(|ask| pending_of(&ask.kind) == pending).count()
                + ledger.pending.values().filter(|known| **known == pending).count();
            match pending {
                Pending::Timer if same >= ledger.limits.timers as usize => {
                    return Ok(Err(outcome::over("has more than", ledger.limits.timers, "timers pending")));
                }
                // The prelude reads and writes one part at a time of the two bodies of each call, and of the exchange.
                Pending::Part if same > 2 * (ledger.limits.calls as usize + 1) => {
                    return Err(Stopped::Malformed("parts of more bodies than there are"));
                }
                _ => {}
            }
            ledger.queued.push_back(Ask { number, call: 0, kind });
            return Ok(Ok(()));
        }
        if ledger.calls >= ledger.limits.calls {
            return Ok(Err(outcome::over("made more than", ledger.limits.calls, "calls")));
        }
        ledger.calls += 1;
        ledger.queued.push_back(Ask { number, call: ledger.calls, kind });
        Ok(Ok(()))
    }

    fn cancel_ask(&mut self, number: u32, turn: &mut Turn) -> Result<(), Stopped> {
        self.ledger.queued.retain(|ask| ask.number != number);
        self.ledger.pending.remove(&number);
        // Whatever an arbitrary guest cancels: no turn of the prelude comes near this.
        if turn.cancelled.len() > CANCELLED_MAX {
            return Err(Stopped::Malformed("too many cancelled asks"));
        }
        turn.cancelled.push(number);
        Ok(())
    }

    /// Lets out what may go, and sees a deadlock: nothing pending, no result, queue empty.
    fn settle(&mut self, mut turn: Turn) -> Step {
        let ledger = &mut self.ledger;
        let mut in_flight = ledger.pending.values().filter(|pending| **pending == Pending::Call).count();
        let mut held = VecDeque::new();
        for ask in ledger.queued.drain(..) {
            let is_call = ask.call > 0;
            if is_call && in_flight >= ledger.limits.calls_in_flight.max(1) as usize {
                held.push_back(ask);
                continue;
            }
            in_flight += usize::from(is_call);
            ledger.pending.insert(ask.number, pending_of(&ask.kind));
            turn.asks.push(ask);
        }
        ledger.queued = held;
        if ledger.pending.is_empty() {
            return Step::Done(self.end(RunError::new(
                ErrorKind::Deadlock,
                "DeadlockError",
                "the script awaits a promise that nothing can settle: no call and no timer is pending",
            )));
        }
        Step::Waiting(turn)
    }

    fn finish(&mut self, json: String) -> Outcome {
        let open = self.ledger.pending.values().filter(|pending| **pending == Pending::Call).count()
            + self.ledger.queued.iter().filter(|ask| ask.call > 0).count();
        if open > 0 {
            let Ledger { limits, elapsed_ms, logs, .. } = &mut self.ledger;
            let text = format!("{open} call(s) were not awaited and were cut off when the script ended");
            logs.push(limits, *elapsed_ms, "warn".into(), text);
        }
        let limit = self.ledger.limits.result_bytes;
        if json.len() as u64 > limit {
            let message = format!("the result is {} bytes of JSON; the limit is {limit}", json.len());
            return self.end(RunError::limit(ErrorKind::ResultLimit, message));
        }
        let json = if json.is_empty() { "null".to_owned() } else { json };
        // Arbitrary Wasm may call anything a result: what is not JSON would break the answer around it.
        let result = RawValue::from_string(json)
            .map_err(|_| RunError::new(ErrorKind::Internal, "InternalError", "the isolate's result was no JSON"));
        self.outcome(result)
    }

    fn outcome(&mut self, result: Result<Box<RawValue>, RunError>) -> Outcome {
        Outcome { result, logs: std::mem::take(&mut self.ledger.logs), usage: self.usage() }
    }
}

impl Ledger {
    fn new(limits: Limits, origin: Origin) -> Ledger {
        Ledger {
            limits,
            origin,
            turns: 0,
            cpu_used: Duration::ZERO,
            elapsed_ms: 0.0,
            pending: BTreeMap::new(),
            queued: VecDeque::new(),
            logs: Logs::default(),
            calls: 0,
            owes_response: false,
        }
    }

    /// The seed of a turn follows from the run's seed and the turn's number: the same tape gives the same numbers, no
    /// two turns share a stream, and no generator's state needs to survive in an image.
    fn stimulus(&self) -> Stimulus {
        let mut hasher = Sha256::new();
        hasher.update(self.origin.seed);
        hasher.update(self.turns.to_le_bytes());
        Stimulus {
            now_ms: self.origin.started_ms + self.elapsed_ms,
            elapsed_ms: self.elapsed_ms,
            seed: hasher.finalize().into(),
        }
    }
}

/// Cancels in one turn: more than there can be timers, calls and parts.
const CANCELLED_MAX: usize = 50_000;

fn pending_of(kind: &AskKind) -> Pending {
    match kind {
        AskKind::Fetch { .. } | AskKind::Call { .. } => Pending::Call,
        AskKind::Timer { .. } => Pending::Timer,
        AskKind::Read { .. } | AskKind::Write { .. } => Pending::Part,
    }
}
