//! In: the body and token of `POST /v1/runs`. Out: an `Admitted` run with its session, or the problem with the request.
//! May touch: the bridge, to learn whose token it is.
//! Security boundary: yes. Nothing runs without an `Admitted`, and only this file makes one.

mod texts;
mod trigger;

pub use texts::Texts;
pub(crate) use texts::script_of;
pub use trigger::{RememberedScripts, TriggerAsk, Triggered, admit_trigger};

use crate::bridge::{Admission, Bridge, Narrow, NotNarrowed, Session};
use crate::prepare::{ModuleText, Script};
use crate::respond::Problem;
use crate::run::{ExternalAsked, Externals, Tags};
use crate::tape::Recorder;
use mayfly_schemas::limits::{LimitsAsked, MODULE_NAME_BYTES_MAX, SCRIPT_MODULES_MAX};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A run that may start. Its session was opened with the caller's token, and answers for it before the run is told.
pub struct Admitted {
    pub(crate) job: crate::run::Job,
    pub(crate) session: Session,
    pub(crate) wishes: Wishes,
}

/// What the caller wants of a run beside its result.
#[derive(Default)]
pub(crate) struct Wishes {
    /// Tools that the caller answers, and how it declared them.
    pub external: Arc<Externals>,
    pub declared: Vec<ExternalAsked>,
    /// The tools that the run was left, where it is not all of them.
    pub left: Option<Vec<String>>,
    /// Whether its types are checked before it runs.
    pub check: bool,
    /// `wait: false`: the run goes on when nobody waits for it.
    pub detached: bool,
    /// It outlives its process.
    pub durable: bool,
    /// The stored script, as it was asked for.
    pub script: Option<String>,
    /// What it is called by.
    pub tags: Tags,
}

/// The body of `POST /v1/runs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    code: Option<String>,
    modules: Option<BTreeMap<String, String>>,
    main: Option<String>,
    /// A stored one, by name or as `name@version`.
    script: Option<String>,
    #[serde(default)]
    input: Option<Box<RawValue>>,
    #[serde(default)]
    limits: LimitsAsked,
    #[serde(default)]
    external: Vec<ExternalAsked>,
    /// Of the tenant's tools, those that this run may call: paths of tools, of groups of them, or names of sets.
    #[serde(default)]
    tools: Option<Vec<String>>,
    /// For this run alone, in the place of the values that the tenant's file gives to them.
    #[serde(default)]
    credentials: BTreeMap<String, String>,
    #[serde(default)]
    check: bool,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    wait: Option<bool>,
    /// Whether a tape is kept with the run.
    #[serde(default)]
    record: bool,
    /// Whether it outlives the process that runs it; then a tape is kept too.
    #[serde(default)]
    durable: bool,
}

/// How long an admission is believed while its confirmation is on its way.
const BELIEVED: Duration = Duration::from_secs(1);
/// Tokens remembered by one worker.
const REMEMBERED_MAX: usize = 4_096;

/// Admissions of a moment ago, by the digest of their token. They let a run begin while the bridge still looks at the
/// token; what the run says is held back until the bridge has confirmed it, and its calls fail if it does not.
#[derive(Default)]
pub struct Remembered(RefCell<HashMap<[u8; 32], (Admission, Instant)>>);

pub async fn admit(
    bridge: &Bridge,
    remembered: &Remembered,
    texts: &Texts,
    token: &[u8],
    request_id: &str,
    body: &[u8],
) -> Result<Admitted, Problem> {
    let began = Instant::now();
    let id = format!("run_{}", ulid::Ulid::new());
    let session = bridge.open(token, &id, request_id).await?;
    let digest: [u8; 32] = Sha256::digest(token).into();
    let admission = match remembered.get(&digest) {
        Some(admission) => admission,
        None => session.admission().await?,
    };
    // The body is looked at only now: to whom a token is unknown, nothing about it is told.
    let mut request: RunRequest = read(body)?;
    let declared = std::mem::take(&mut request.external);
    let external = Externals::read(declared.clone(), &admission.tools).map_err(Problem::bad_request)?;
    let (check, durable) = (request.check, request.durable);
    let detached = request.wait == Some(false);
    let (left, credentials) = (request.tools.take(), std::mem::take(&mut request.credentials));
    let left = left.map(|left| without_external(left, &external));
    let granted = match left.is_some() || !credentials.is_empty() {
        true => {
            let asked = Narrow { tools: left.as_deref(), credentials: &credentials };
            let tools = session.narrow(asked).await.map_err(not_narrowed)?;
            Admission { tools, ..admission.clone() }
        }
        false => admission.clone(),
    };
    let external = Arc::new(external);
    let tags = Tags::read(std::mem::take(&mut request.tags)).map_err(Problem::bad_request)?;
    let script = request.script.clone();
    let wishes = Wishes { external, declared, left, check, detached, durable, script, tags };
    let stored = match &request.script {
        Some(name) => Some(texts.stored(bridge, &admission.tenant, token, name).await?),
        None => None,
    };
    let job = request.job(id, &granted, &wishes.external, stored, began)?;
    remembered.put(digest, admission);
    Ok(Admitted { job, session, wishes })
}

/// Who declares a tool may call it: naming it here as well changes nothing.
fn without_external(left: Vec<String>, external: &Externals) -> Vec<String> {
    left.into_iter().filter(|path| !external.has(path.strip_prefix("tools.").unwrap_or(path))).collect()
}

fn not_narrowed(why: NotNarrowed) -> Problem {
    match why {
        NotNarrowed::Invalid(field, why) => Problem::bad_request(format!("`{field}`: {why}")),
        NotNarrowed::Door(error) => error.into(),
    }
}

impl RunRequest {
    fn job(
        self,
        id: String,
        admission: &Admission,
        external: &Externals,
        stored: Option<Script>,
        began: Instant,
    ) -> Result<crate::run::Job, Problem> {
        let limits = admission.defaults.with(&self.limits, &admission.ceilings);
        let limits = limits.map_err(|refused| Problem::bad_request(format!("`limits`: {refused}")))?;
        let input = self.input.as_ref().map_or("null", |input| input.get()).to_owned();
        if input.len() as u64 > limits.input_bytes {
            return Err(Problem::too_large(format!(
                "`input` is {} bytes; the limit is {}",
                input.len(),
                limits.input_bytes
            )));
        }
        let script = match stored {
            None => script(self.code, self.modules, self.main)?,
            Some(stored) if self.code.is_none() && self.modules.is_none() && self.main.is_none() => stored,
            Some(_) => {
                return Err(Problem::bad_request(
                    "`script`: give either `script`, or `code`, or `modules` with `main`",
                ));
            }
        };
        let asked = crate::run::Asked::Input(input);
        let tenant = admission.tenant.clone();
        let globals = external.globals();
        let tools = match globals.is_empty() {
            true => admission.tools.clone(),
            false => admission.tools.split(' ').chain(globals).collect::<Vec<_>>().join(" ").into(),
        };
        let tape = (self.record || self.durable).then(Rc::<Recorder>::default);
        Ok(crate::run::Job { id, tenant, tools, script, asked, limits, began, tape, origin: None })
    }
}

/// What a client sends as a script, for a run or to be stored.
pub(crate) fn script(
    code: Option<String>,
    modules: Option<BTreeMap<String, String>>,
    main: Option<String>,
) -> Result<Script, Problem> {
    let (modules, main) = match (code, modules, main) {
        (Some(code), None, None) => return Ok(Script::single(code)),
        (None, Some(modules), Some(main)) => (modules, main),
        (None, Some(_), None) => return Err(Problem::bad_request("`main`: name the module to start with")),
        (None, None, _) => {
            return Err(Problem::bad_request("`code`: is missing (or `modules` with `main`, or `script`)"));
        }
        (Some(_), _, _) => return Err(Problem::bad_request("`modules`: give either `code` or `modules` with `main`")),
    };
    if modules.len() > SCRIPT_MODULES_MAX {
        let (count, max) = (modules.len(), SCRIPT_MODULES_MAX);
        return Err(Problem::bad_request(format!("`modules`: has {count}; the limit is {max}")));
    }
    if modules.keys().any(|name| name.is_empty() || name.len() > MODULE_NAME_BYTES_MAX) {
        let rule = format!("`modules`: a name has 1 to {MODULE_NAME_BYTES_MAX} bytes");
        return Err(Problem::bad_request(rule));
    }
    if !modules.contains_key(&main) {
        return Err(Problem::bad_request(format!("`main`: no module is called {main:?}")));
    }
    let mut ordered: Vec<ModuleText> = modules.into_iter().map(|(name, source)| ModuleText { name, source }).collect();
    // The engine starts the first one; sorting by "is not main" keeps the others in the order of their names.
    ordered.sort_by_key(|module| module.name != main);
    Ok(Script::new(ordered))
}

impl Remembered {
    fn get(&self, digest: &[u8; 32]) -> Option<Admission> {
        let entries = self.0.borrow();
        let (admission, at) = entries.get(digest)?;
        (at.elapsed() < BELIEVED).then(|| admission.clone())
    }

    fn put(&self, digest: [u8; 32], admission: Admission) {
        let mut entries = self.0.borrow_mut();
        if entries.len() >= REMEMBERED_MAX {
            entries.clear();
        }
        let fresh = entries.get(&digest).is_some_and(|(_, at)| at.elapsed() < BELIEVED);
        if !fresh {
            entries.insert(digest, (admission, Instant::now()));
        }
    }

    /// The bridge did not confirm this token.
    pub(crate) fn forget(&self, token: &[u8]) {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.0.borrow_mut().remove(&digest);
    }
}

/// JSON from a client; a mistake in it is told with the field.
pub(crate) fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let request = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        Problem::bad_request(match () {
            () if inner.is_syntax() || inner.is_eof() => format!("the body is not JSON: {inner}"),
            () if path == "." => format!("the body: {inner}"),
            () => format!("`{path}`: {inner}"),
        })
    })?;
    json.end().map_err(|error| Problem::bad_request(format!("the body is not JSON: {error}")))?;
    Ok(request)
}
