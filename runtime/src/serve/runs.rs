//! In: a request to `/v1/runs`. Out: runs, begun, told, listed, continued and cancelled.
//! May touch: the request's body; isolates; the runs of this server.
//! Security boundary: yes: whose runs they are, the bridge says. It is asked before anything about the request is told.

use super::durable::keep;
use super::ending::Ending;
use super::events;
use super::follow;
use super::fork;
use super::going::Going;
use super::http::{accepts_events, method_not_allowed, permit, read, still_serving, token};
use super::keyed;
use super::listing::list;
use super::parked::{self, Found};
use super::resume::go_on;
use super::worker::Local;
use crate::admit::{self, Admitted, Wishes};
use crate::bridge::{Admission, Asker, Parked, Session};
use crate::check::ToCheck;
use crate::limits::{HTTP_BODY_BYTES_MAX, HTTP_BODY_MS, TAPE_BYTES_MAX};
use crate::respond::{self, Problem, ProblemKind, Reply};
use crate::run::{self, Belongings, Desk, New, RunHandle, RunStatus, Stop, Told};
use crate::tape::{self, NotReplayed};
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Request};
use hyper::body::Incoming as Body;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a path under `/v1/runs` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At<'p> {
    All,
    One(&'p str),
    Continue(&'p str),
    Events(&'p str),
    Tape(&'p str),
    Replay(&'p str),
    Fork(&'p str),
}

pub(super) fn at(path: &str) -> Option<At<'_>> {
    let rest = path.strip_prefix("/v1/runs")?;
    if rest.is_empty() || rest == "/" {
        return Some(At::All);
    }
    let mut parts = rest.strip_prefix('/')?.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), None, None) if !id.is_empty() => Some(At::One(id)),
        (Some(id), Some("continue"), None) if !id.is_empty() => Some(At::Continue(id)),
        (Some(id), Some("events"), None) if !id.is_empty() => Some(At::Events(id)),
        (Some(id), Some("tape"), None) if !id.is_empty() => Some(At::Tape(id)),
        (Some(id), Some("replay"), None) if !id.is_empty() => Some(At::Replay(id)),
        (Some(id), Some("fork"), None) if !id.is_empty() => Some(At::Fork(id)),
        _ => None,
    }
}

pub(super) async fn answer(local: &Rc<Local>, request: Request<Body>, request_id: &str) -> Result<Reply, Problem> {
    let (head, body) = request.into_parts();
    let at = at(head.uri.path()).unwrap_or(At::All);
    let token = || token(&head.headers);
    let (streams, query) = (accepts_events(&head.headers), head.uri.query().unwrap_or_default());
    match (at, &head.method) {
        (At::All, &Method::POST) => {
            still_serving(local)?;
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            let body = read(body, HTTP_BODY_BYTES_MAX, Duration::from_millis(HTTP_BODY_MS)).await?;
            if keyed::has_key(&head.headers) {
                return keyed::begin_once(&caller, &head.headers, &body, streams).await;
            }
            let begun = begin(&caller, &body).await?;
            drop(body);
            begun.answer(&caller, streams).await
        }
        (At::All, &Method::GET | &Method::HEAD) => {
            list(&Caller { local, token: token()?, request_id, by_model: false }, query).await
        }
        (At::One(id), &Method::GET | &Method::HEAD) => {
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            match caller.find(id, Power::Look).await? {
                Found::Here(handle) => Ok(respond::run(handle.json())),
                Found::Parked(lying) => Ok(respond::run(lying.object()?)),
            }
        }
        (At::One(id), &Method::DELETE) => {
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            Ok(respond::run(caller.cancel(id).await?))
        }
        (At::Continue(id), &Method::POST) => {
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            let body = read(body, HTTP_BODY_BYTES_MAX, Duration::from_millis(HTTP_BODY_MS)).await?;
            let going = go_on(&caller, id, || admit::read(&body)).await?;
            drop(body);
            match streams {
                true => Ok(events::stream(going)),
                false => Ok(respond::run(going.stopped().await?.json)),
            }
        }
        (At::Events(id), &Method::GET | &Method::HEAD) => {
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            follow::answer(&caller, id, &head.headers).await
        }
        (At::Tape(id), &Method::GET | &Method::HEAD) => {
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            Ok(respond::tape(id, caller.tape(id).await?))
        }
        (At::Replay(id), &Method::POST) => {
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            caller.replay(id).await
        }
        (At::Fork(id), &Method::POST) => {
            let caller = Caller { local, token: token()?, request_id, by_model: false };
            let body = read(body, HTTP_BODY_BYTES_MAX, Duration::from_millis(HTTP_BODY_MS)).await?;
            let children = fork::fork(&caller, id, || admit::read(&body)).await?;
            Ok(respond::forked(&children))
        }
        (At::All, _) => Err(method_not_allowed("GET or POST")),
        (At::One(_), _) => Err(method_not_allowed("GET or DELETE")),
        (At::Events(_) | At::Tape(_), _) => Err(method_not_allowed("GET")),
        (At::Continue(_) | At::Replay(_) | At::Fork(_), _) => Err(method_not_allowed("POST")),
    }
}

/// Who asks, for the length of one request.
pub(super) struct Caller<'a> {
    pub local: &'a Rc<Local>,
    pub token: HeaderValue,
    pub request_id: &'a str,
    /// What it says came by MCP: mostly a model speaks.
    pub by_model: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    Look,
    Act,
}

impl Caller<'_> {
    /// Whose token it is, and what of its tenant's runs lies in the store. Not by a session: that counts as a run, and who
    /// has as many as it may have must be able to continue or cancel one.
    pub async fn tenant(&self, power: Power) -> Result<(Parked, Admission), Problem> {
        let act = power == Power::Act;
        Ok(self.local.bridge.parked(self.token.as_bytes(), self.request_id, act).await?)
    }

    /// The tape of a run that has ended.
    async fn tape(&self, id: &str) -> Result<Bytes, Problem> {
        let conflict = |detail: &str| Problem::new(ProblemKind::Conflict, detail);
        let handle = match self.find(id, Power::Look).await? {
            Found::Here(handle) => handle,
            Found::Parked(lying) => return lying.tape().await,
        };
        match (handle.tape(), handle.status()) {
            (Some(tape), _) => Ok(tape),
            (None, RunStatus::Running | RunStatus::Paused) => {
                Err(conflict("the run has not ended; its tape is whole when it has"))
            }
            (None, _) => Err(Problem::new(
                ProblemKind::NotFound,
                format!(
                    "the run has no tape: it was not begun with `record`, or has more than {TAPE_BYTES_MAX} bytes of it"
                ),
            )),
        }
    }

    /// Runs it again from its tape. That takes an isolate and counts as a run; it calls nobody.
    async fn replay(&self, id: &str) -> Result<Reply, Problem> {
        let tape = self.tape(id).await?;
        let permit = permit(self.local).await?;
        let session = self.local.bridge.open(self.token.as_bytes(), id, self.request_id).await?;
        let tenant = session.admission().await?.tenant;
        let text = std::str::from_utf8(&tape).unwrap_or_default();
        let compared = tape::replay(&self.local.shared.host, &tenant, text).await;
        drop((session, permit));
        match compared {
            Ok(compared) => Ok(respond::compared(&compared)),
            Err(NotReplayed::NoIsolate(why)) => Err(Problem::new(ProblemKind::Overloaded, why).retry_after_ms(1_000)),
            Err(why) => Err(Problem::new(ProblemKind::Conflict, why.to_string())),
        }
    }

    async fn cancel(&self, id: &str) -> Result<bytes::Bytes, Problem> {
        loop {
            let handle = match self.find(id, Power::Act).await? {
                Found::Parked(lying) if lying.has_ended() => return lying.object(),
                Found::Here(handle) => handle,
                Found::Parked(_) => self.here(id).await?,
            };
            let ended = handle.next_stop();
            handle.cancel("the run was cancelled");
            // None: it left for the store just before.
            if let Some(object) = last(ended, &handle).await {
                return Ok(object);
            }
        }
    }
}

/// A run that was begun, and what the bridge will say about it.
pub(super) struct Begun {
    going: Going,
    session: Session,
    detached: bool,
}

/// Starts a run in a task of its own: it may outlive the request that began it.
pub(super) async fn begin(caller: &Caller<'_>, body: &[u8]) -> Result<Begun, Problem> {
    begin_with_grace(caller, body, Duration::ZERO).await
}

/// The same; when its client goes away, it waits for so long for it to come back.
pub(super) async fn begin_with_grace(caller: &Caller<'_>, body: &[u8], grace: Duration) -> Result<Begun, Problem> {
    let Caller { local, token, request_id, .. } = caller;
    let permit = permit(local).await?;
    let (remembered, texts) = (&local.remembered, &local.shared.texts);
    let admitted = admit::admit(&local.bridge, remembered, texts, token.as_bytes(), request_id, body).await?;
    let Admitted { mut job, session, wishes } = admitted;
    let Wishes { external, declared, left, check, detached, durable, script, tags } = wishes;
    let runs = local.shared.runs.clone();
    let outcome_bytes_max = job.limits.response_bytes;
    // Nobody has to wait for a run that is kept.
    let stays = detached || durable;
    let new = New {
        id: &job.id,
        tenant: &job.tenant,
        script,
        tags,
        detached: stays,
        outcome_bytes_max,
        external: external.clone(),
    };
    let mut belongings = Belongings::new(&job.script, &job.tools, declared, &new);
    belongings.durable = durable;
    let handle = runs.begin(new);
    if durable {
        keep(local, &mut job, &session, &belongings, &handle).await?;
    }
    let going = Going::new(handle.clone(), handle.next_stop(), 0).with_grace(grace);
    let to_check = check.then(|| ToCheck { external: external.declarations(), left });
    let desk = Desk::new(handle.clone(), runs.clone(), external, belongings).with_tape(job.tape.clone());
    let desk = Rc::new(if durable { desk.durable(&session, 0) } else { desk });
    let (own, own_session) = (Rc::clone(local), session.clone());
    let checking = to_check.map(|to_check| (token.clone(), (*request_id).to_owned(), to_check));
    let under_way = local.under_way();
    tokio::task::spawn_local(async move {
        let _under_way = under_way;
        let mut ending = Ending::new(runs, handle);
        let told = match checking {
            Some((token, request_id, to_check)) => {
                let asker = Asker { token: token.as_bytes(), request_id: &request_id };
                let asked = own.checks.check(&own.bridge, asker, &own_session, &job, to_check);
                // What a bridge that is gone, or one that refuses the token, means for the run is told when the run is.
                desk.unless_cancelled(asked).await.ok().and_then(|told| told.unwrap_or_else(Told::unknown))
            }
            None => None,
        };
        let left = run::execute_checked(&own.shared.host, job, &own_session, Some(desk.clone()), told).await;
        drop(permit);
        parked::end(&mut ending, &desk, own_session, left).await;
    });
    Ok(Begun { going, session, detached })
}

impl Begun {
    pub fn id(&self) -> &str {
        &self.going.handle.id
    }

    /// Whether who began it waits for it.
    pub fn waits(&self) -> bool {
        !self.detached
    }

    pub async fn answer(self, caller: &Caller<'_>, streams: bool) -> Result<Reply, Problem> {
        if !streams && !self.detached {
            return Ok(respond::run(self.stopped(caller).await?.json));
        }
        // As it is now, whatever it comes to while the bridge looks at the token: who does not wait counts on `running`.
        let now = self.going.handle.json();
        // What happens is told at once.
        confirm(caller, &self.session, &self.going.handle).await?;
        let Begun { mut going, .. } = self;
        if streams {
            return Ok(events::stream(going));
        }
        going.let_go();
        Ok(respond::begun(&going.handle.id, now))
    }

    /// How the run pauses or ends; told only to whom the bridge knows.
    pub async fn stopped(self, caller: &Caller<'_>) -> Result<Stop, Problem> {
        let Begun { going, session, .. } = self;
        let handle = going.handle.clone();
        let stop = going.stopped().await;
        confirm(caller, &session, &handle).await?;
        stop
    }
}

/// Where the bridge does not know the token any more, there was no run.
async fn confirm(caller: &Caller<'_>, session: &Session, handle: &RunHandle) -> Result<(), Problem> {
    let Err(refused) = session.admission().await else { return Ok(()) };
    caller.local.remembered.forget(caller.token.as_bytes());
    handle.cancel("the token is not known any more");
    caller.local.shared.runs.forget(handle);
    Err(refused.into())
}

/// The object of a run that is being cancelled: one more stop may come before the last. `None`: it is not here any more.
async fn last(stop: oneshot::Receiver<Stop>, handle: &RunHandle) -> Option<bytes::Bytes> {
    let mut next = stop;
    while let Ok(stop) = next.await {
        if stop.object.status != RunStatus::Paused {
            return Some(stop.json);
        }
        next = handle.next_stop();
    }
    handle.is_here().await.then(|| handle.json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_about_one_thing() {
        for (path, expected) in [
            ("/v1/runs", Some(At::All)),
            ("/v1/runs/", Some(At::All)),
            ("/v1/runs/run_1", Some(At::One("run_1"))),
            ("/v1/runs/continue", Some(At::One("continue"))),
            ("/v1/runs/run_1/continue", Some(At::Continue("run_1"))),
            ("/v1/runs//continue", None),
            ("/v1/runs/run_1/", None),
            ("/v1/runs/run_1/continue/", None),
            ("/v1/runsx", None),
            ("/v1/scripts", None),
        ] {
            assert_eq!(at(path), expected, "{path}");
        }
    }
}
