//! In: a request to a stored script, with a token or without. Out: a `Triggered` run, which an input makes `Admitted`.
//! May touch: the bridge, to learn whose script it is and whether it may be called.
//! Security boundary: yes, as `admit.rs`: what is believed here for a moment is confirmed before anything is told, and
//! where it does not hold, no call of the run has reached anything.

use super::{Admitted, BELIEVED, REMEMBERED_MAX, Texts, Wishes};
use crate::bridge::{Admission, AdmittedScript, Bridge, DoorError, OpenScript, RefusedKind, Session, Target};
use crate::prepare::Script;
use crate::respond::Problem;
use mayfly_schemas::limits::{Limits, SCRIPT_KNOWN_MAX};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// A run that may start when its input is there. Its wall clock runs already.
pub struct Triggered {
    /// Everybody may call this script: the request's `authorization` is its own, and no error of it is told.
    pub public: bool,
    pub limits: Limits,
    pub id: String,
    tenant: String,
    tools: Arc<str>,
    script: Script,
    session: Session,
    began: Instant,
}

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub struct TriggerAsk<'a> {
    pub target: &'a Target,
    /// Empty when the request brought none.
    pub token: &'a [u8],
    pub request_id: &'a str,
}

/// What the bridge said a moment ago, of one worker.
#[derive(Default)]
pub struct RememberedScripts {
    /// By the digest of target and token; by that of the target alone where a script is public.
    admitted: RefCell<HashMap<[u8; 32], (AdmittedScript, Instant)>>,
    /// Digests seen last for a name, or for a host.
    seen: RefCell<HashMap<String, Vec<Vec<u8>>>>,
}

/// With `believe`, a run begins on what was admitted a moment ago, while the bridge looks again. Its session then says
/// whether that held; `RefusedKind::Changed` means to ask once more without `believe`.
pub async fn admit_trigger(
    bridge: &Bridge,
    remembered: &RememberedScripts,
    texts: &Texts,
    ask: TriggerAsk<'_>,
    believe: bool,
) -> Result<Triggered, Problem> {
    let began = Instant::now();
    let id = format!("run_{}", ulid::Ulid::new());
    if let Some(before) = remembered.get(ask).filter(|_| believe)
        && let Some(script) = texts.take(&before.admission.tenant, &before.info.digest, None).await
    {
        let known = [before.info.digest.clone()];
        let session = bridge.begin_script(open(ask, &id, &known), &before).await?;
        return Ok(triggered(before, script, session, id, began));
    }
    let mut known = remembered.seen(ask.target);
    loop {
        let (session, mut admitted) = bridge.open_script(open(ask, &id, &known)).await?;
        let content = admitted.content.take();
        match texts.take(&admitted.admission.tenant, &admitted.info.digest, content).await {
            Some(script) => {
                remembered.put(ask, &admitted);
                return Ok(triggered(admitted, script, session, id, began));
            }
            // Forgotten since: then it has to be sent again. Once, because now nothing is said to be known.
            None => known.clear(),
        }
    }
}

impl Triggered {
    /// The run with the request that it is to answer.
    pub fn admit(self, asked: crate::run::Asked) -> Admitted {
        let Triggered { id, tenant, tools, script, limits, began, session, .. } = self;
        let job = crate::run::Job { id, tenant, tools, script, asked, limits, began, tape: None, origin: None };
        Admitted { job, session, wishes: Wishes::default() }
    }
}

fn open<'a>(ask: TriggerAsk<'a>, run: &'a str, known: &'a [Vec<u8>]) -> OpenScript<'a> {
    OpenScript { token: ask.token, run, request_id: ask.request_id, target: ask.target, known }
}

fn triggered(admitted: AdmittedScript, script: Script, session: Session, id: String, began: Instant) -> Triggered {
    let AdmittedScript { admission: Admission { tenant, tools, defaults: limits, .. }, public, .. } = admitted;
    Triggered { public, limits, id, tenant, tools, script, session, began }
}

impl RememberedScripts {
    fn get(&self, ask: TriggerAsk<'_>) -> Option<AdmittedScript> {
        let entries = self.admitted.borrow();
        let (admitted, at) = entries.get(&key(ask.target, b"")).or_else(|| entries.get(&key(ask.target, ask.token)))?;
        (at.elapsed() < BELIEVED).then(|| admitted.clone())
    }

    fn put(&self, ask: TriggerAsk<'_>, admitted: &AdmittedScript) {
        let key = key(ask.target, if admitted.public { b"" } else { ask.token });
        bounded(&mut self.admitted.borrow_mut()).insert(key, (admitted.clone(), Instant::now()));
        let mut seen = self.seen.borrow_mut();
        let digests = bounded(&mut seen).entry(coarse(ask.target)).or_default();
        digests.retain(|digest| *digest != admitted.info.digest);
        digests.insert(0, admitted.info.digest.clone());
        digests.truncate(SCRIPT_KNOWN_MAX);
    }

    fn seen(&self, target: &Target) -> Vec<Vec<u8>> {
        self.seen.borrow().get(&coarse(target)).cloned().unwrap_or_default()
    }

    /// A session was refused after its run had begun: what was believed is forgotten. `Ok` where it may begin again.
    pub fn changed(&self, ask: TriggerAsk<'_>, refused: DoorError) -> Result<(), DoorError> {
        let mut entries = self.admitted.borrow_mut();
        entries.remove(&key(ask.target, b""));
        entries.remove(&key(ask.target, ask.token));
        match refused {
            DoorError::Refused { kind: RefusedKind::Changed, .. } => Ok(()),
            refused => Err(refused),
        }
    }
}

/// A map that is full is begun anew.
fn bounded<K, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= REMEMBERED_MAX {
        map.clear();
    }
    map
}

/// Every length is part of it, so that no two askers can meet.
fn key(target: &Target, token: &[u8]) -> [u8; 32] {
    let (kind, first, second) = match target {
        Target::Named { tenant, script } => (0, tenant, script),
        Target::Routed { host, path } => (1, host, path),
    };
    let mut hasher = Sha256::new();
    hasher.update([kind]);
    for part in [first.as_bytes(), second.as_bytes(), token] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Paths of a host are many, its scripts few.
fn coarse(target: &Target) -> String {
    match target {
        Target::Named { tenant, script } => format!("{tenant}/{script}"),
        Target::Routed { host, .. } => host.clone(),
    }
}
