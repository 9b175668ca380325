//! In: a run that waits for its caller. Out: all of it as bytes for the store; and the run again from them.
//! May touch: the bridge, through the run's session; an isolate.
//! Security boundary: no. The bridge seals what is kept, and gives back what it has kept or nothing.

use super::external::{ExternalAsked, Externals};
use super::handle::RunHandle;
use super::handle::parking::Before;
use super::marks::{Marks, Piece};
use super::object::{CallRecord, RunUsage};
use super::shelf::Runs;
use super::tags::Tags;
use super::told::{Event, New};
use crate::bridge::{Held, ParkedRun};
use crate::isolate::{Ask, Engine, ErrorKind, Image, ImageError, Isolate, Origin, Program, RunError};
use crate::prepare::{ModuleText, Script};
use crate::tape::Reel;
use mayfly_schemas::limits::Limits;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a run needs to go on, besides its image. It does not change while the run is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Belongings {
    modules: Vec<(String, String)>,
    /// Names that the script finds as globals.
    pub tools: String,
    external: Vec<ExternalAsked>,
    pub detached: bool,
    pub outcome_bytes_max: u64,
    #[serde(default)]
    pub durable: bool,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// What the run object says of the check of its types.
    #[serde(default)]
    pub checked: Option<bool>,
    #[serde(default)]
    pub not_checked: Option<String>,
}

/// How it stood when it was parked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stand {
    /// What it waits for.
    pub asks: Vec<Ask>,
    /// Requests among them that wait for a yes, by their calls.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<u32, Held>,
    pub calls: Vec<CallRecord>,
    pub usage: RunUsage,
    /// How long it was paused before this pause, and when this one began.
    pub paused_ms: f64,
    pub since_ms: f64,
    /// Where it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tape: Option<Reel>,
}

/// What a durable run begins with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Begun {
    pub input: Box<RawValue>,
    pub limits: Limits,
    pub origin: Origin,
}

#[derive(Serialize, Deserialize)]
struct Rest<B, S, N> {
    belongings: B,
    #[serde(skip_serializing_if = "Option::is_none")]
    stand: Option<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<N>,
}

/// A parked run, read.
pub struct Kept {
    pub belongings: Belongings,
    pub stand: Stand,
    pub image: Image,
    pub sequence: u64,
    created_at_ms: u64,
    id: String,
    script: Option<String>,
    /// In which order its events came.
    marks: Marks,
}

impl Belongings {
    pub fn new(script: &Script, tools: &str, external: Vec<ExternalAsked>, new: &New<'_>) -> Belongings {
        let modules = script.modules.iter().map(|module| (module.name.clone(), module.source.clone())).collect();
        let (tools, detached, outcome_bytes_max) = (tools.to_owned(), new.detached, new.outcome_bytes_max);
        Belongings {
            modules,
            tools,
            external,
            detached,
            outcome_bytes_max,
            durable: false,
            tags: new.tags.clone(),
            checked: None,
            not_checked: None,
        }
    }

    pub fn with(&self, stand: &Stand) -> Vec<u8> {
        // Plain records: nothing of it can fail.
        serde_json::to_vec(&Rest::<_, _, Begun> { belongings: self, stand: Some(stand), begun: None })
            .unwrap_or_default()
    }

    /// What `with` has written.
    pub fn apart(rest: &[u8]) -> Option<(Belongings, Stand)> {
        let Rest::<Belongings, Stand, Begun> { belongings, stand, .. } = serde_json::from_slice(rest).ok()?;
        Some((belongings, stand?))
    }

    /// Of a durable run that is about to begin.
    pub fn beginning(&self, begun: &Begun) -> Vec<u8> {
        serde_json::to_vec(&Rest::<_, Stand, _> { belongings: self, stand: None, begun: Some(begun) })
            .unwrap_or_default()
    }

    pub fn modules(&self) -> &[(String, String)] {
        &self.modules
    }

    pub fn script(&self) -> Script {
        let module = |(name, source): &(String, String)| ModuleText { name: name.clone(), source: source.clone() };
        Script::new(self.modules.iter().map(module).collect())
    }

    pub fn externals(&self) -> Result<Externals, String> {
        // What they may not be called was looked at when the run began.
        Externals::read(self.external.clone(), "")
    }
}

/// A durable run that nobody has, as it began or was parked last.
pub enum Start {
    Begun(Box<(Belongings, Begun)>),
    Parked(Box<Kept>),
}

impl Start {
    pub fn read(run: ParkedRun) -> Result<Start, RunError> {
        if !run.image.is_empty() {
            return Ok(Start::Parked(Box::new(Kept::read(run)?)));
        }
        match serde_json::from_slice(&run.rest) {
            Ok(Rest::<Belongings, Stand, Begun> { belongings, begun: Some(begun), .. }) => {
                Ok(Start::Begun(Box::new((belongings, begun))))
            }
            _ => {
                tracing::error!(run = run.run, "a durable run cannot be read");
                Err(RunError::new(ErrorKind::Internal, "InternalError", "what was kept of the run cannot be read"))
            }
        }
    }

    pub fn belongings(&self) -> &Belongings {
        match self {
            Start::Begun(begun) => &begun.0,
            Start::Parked(kept) => &kept.belongings,
        }
    }
}

impl Kept {
    pub fn read(run: ParkedRun) -> Result<Kept, RunError> {
        let damaged = |what: &str| {
            tracing::error!(run = run.run, what, "a parked run cannot be read");
            RunError::new(ErrorKind::Internal, "InternalError", "what was kept of the run cannot be read")
        };
        let Rest::<_, _, Begun> { belongings, stand, .. } =
            serde_json::from_slice(&run.rest).map_err(|error| damaged(&error.to_string()))?;
        let stand = stand.ok_or_else(|| damaged("it was never parked"))?;
        let image = Image::from_bytes(&run.image).map_err(|error| damaged(&error.to_string()))?;
        let script = Some(run.script).filter(|script| !script.is_empty());
        let (sequence, created_at_ms) = (run.sequence, run.created_at_ms);
        let (_, marks) = Marks::of_head(&run.head);
        Ok(Kept { belongings, stand, image, sequence, created_at_ms, id: run.run, script, marks })
    }

    /// When its clocks began, on the clock of this process.
    pub fn began(&self) -> Instant {
        let elapsed = Duration::try_from_secs_f64((now_ms() - self.image.started_ms()) / 1_000.0).unwrap_or_default();
        Instant::now().checked_sub(elapsed).unwrap_or_else(Instant::now)
    }

    /// The run as it is looked up by those who ask about it. It is about to be paused again.
    pub fn handle(&self, runs: &Runs, tenant: &str, external: Arc<Externals>, began: Instant) -> Arc<RunHandle> {
        let Belongings { detached, outcome_bytes_max, .. } = self.belongings;
        let (script, tags) = (self.script.clone(), self.belongings.tags.clone());
        let new = New { id: &self.id, tenant, script, tags, detached, outcome_bytes_max, external };
        let events = self.events();
        let Stand { paused_ms, since_ms, .. } = self.stand;
        let paused = Duration::try_from_secs_f64((paused_ms + (now_ms() - since_ms).max(0.0)) / 1_000.0);
        let paused = paused.unwrap_or_default();
        runs.put(RunHandle::again(new, Before { created_at_ms: self.created_at_ms, began, paused, events }))
    }

    /// As they came, but for its last pause: it is about to come again.
    pub(super) fn events(&self) -> Vec<Event> {
        let calls = self.stand.calls.iter().map(|record| (record.call, record.clone()));
        let pieces = self.marks.in_order(self.image.log_lines().iter().cloned(), calls);
        let mut events: Vec<Event> = pieces
            .into_iter()
            .map(|(_, piece)| match piece {
                Piece::Log(line) => Event::Log(line),
                Piece::Call(record) => Event::Call(record),
                Piece::Stop => Event::Stop,
            })
            .collect();
        events.pop_if(|last| matches!(last, Event::Stop));
        events
    }

    pub fn isolate(&self, engine: &Engine, program: &Arc<Program>) -> Result<Isolate, RunError> {
        Isolate::from_image(engine, program, &self.image).map_err(|error| match error {
            ImageError::Engine { made_by, this } => {
                let (made_by, this) = (short(&made_by), short(&this));
                let message = format!(
                    "the run was parked by a server with engine {made_by}, and only that one can continue it; this is {this}"
                );
                RunError::new(ErrorKind::Internal, "InternalError", message)
            }
            ImageError::NoSlot => RunError::new(ErrorKind::Internal, "InternalError", "no isolate was free"),
            ImageError::Damaged(what) => {
                tracing::error!(run = self.id, what, "the image of a parked run cannot be used");
                RunError::new(ErrorKind::Internal, "InternalError", "what was kept of the run cannot be used")
            }
        })
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Since 1970.
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1_000.0
}
