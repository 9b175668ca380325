//! In: a run that leaves memory, and whoever asks for it again. Out: it sealed in the store; and back, for one taker.
//! May touch: the store; the master key.
//! Security boundary: yes. The tenant is the capability's own; no message names it. Nothing that the store gives back is
//! believed before it has opened, and nothing opens but what was sealed for this run in this sequence.

mod durable;
mod hold;
mod message;
mod record;

use crate::approvals::{self, Digest};
use crate::audit::{self, Decision, Entry};
use crate::door::{self, Connection};
use crate::lane::Shared;
use crate::own::Own;
use crate::quota::Place as Seat;
use crate::refusal::Refusal;
use crate::session::{Origin, Session};
use crate::store::StoreError;
use crate::store::parked::{Head, Place, Row, State};
use crate::tenants::Tenant;
use crate::tokens::{Role, hex};
use capnp::capability::Rc;
use capnp_rpc::new_client;
pub use durable::{adopt, begin, finish, log, orphans};
pub use hold::{Hold, Holds, lose};
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{bridge, park_outcome, parked_run, parked_runs};
use mayfly_schemas::limits::{LIST_ENTRIES_MAX, RUN_REQUESTS_IN_FLIGHT, RUN_REQUESTS_PER_MINUTE};
use message::{read_run, write_head, write_run};
use record::{open_head, open_row, seal_row, tenant_key};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

type Answer = Result<(), capnp::Error>;

/// One HTTP request's way to a tenant's parked runs.
struct Desk {
    connection: std::rc::Rc<Connection>,
    tenant: Arc<Tenant>,
    role: Role,
    may_act: bool,
    request_id: String,
    /// First digits of its hash, for records.
    token: String,
    seat: u64,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.connection.leave(self.seat);
    }
}

pub async fn open_parked(
    connection: &std::rc::Rc<Connection>,
    params: bridge::OpenParkedParams,
    mut results: bridge::OpenParkedResults,
) -> Answer {
    let ask = params.get()?.get_ask()?;
    let now = connection.lane.shared.directory.current();
    let mut results = results.get();
    let Some((tenant, role)) = now.tokens.look_up(ask.get_token()?) else {
        Refusal::unauthorized().write(results.init_answer().init_refused());
        return Ok(());
    };
    match enter(tenant, role, ask.get_act()) {
        Err(refusal) => refusal.write(results.init_answer().init_refused()),
        Ok(seat) => {
            let answer = results.reborrow().init_answer().init_admitted();
            door::write_admission(answer, tenant, role, now.generation);
            let (seat, request_id) = (connection.keep(seat, None), door::identifier(ask.get_request_id()?));
            let token = hex(&Sha256::digest(ask.get_token()?)).chars().take(8).collect();
            let (connection, tenant, may_act) = (connection.clone(), tenant.clone(), ask.get_act());
            results.set_parked(new_client(Desk { connection, tenant, role, may_act, request_id, token, seat }));
        }
    }
    Ok(())
}

/// These requests have a quota of their own.
fn enter(tenant: &Tenant, role: Role, act: bool) -> Result<Seat, Refusal> {
    if act && !role.may_run() {
        let detail = format!("a token of role {} may look at runs, and neither continue nor cancel them", role.word());
        return Err(Refusal::new(Kind::Forbidden, detail));
    }
    let (in_flight, minute) = (RUN_REQUESTS_IN_FLIGHT, RUN_REQUESTS_PER_MINUTE);
    tenant.stored.run_quota.enter(in_flight, minute, Instant::now()).map_err(|full| {
        Refusal::quota(tenant, full, ("run requests in flight", in_flight), ("run requests a minute", minute))
    })
}

impl parked_runs::Server for Desk {
    async fn look(self: Rc<Self>, params: parked_runs::LookParams, mut results: parked_runs::LookResults) -> Answer {
        let place = self.place(params.get()?.get_run()?.to_str()?);
        let found = async {
            let head = self.shared().shelf.store().look(place, now_ms()).await?.ok_or_else(no_run)?;
            let told = open_head(self.shared(), &self.tenant, &head)?;
            Ok::<_, Refusal>(Head { head: told, ..head })
        };
        let answer = results.get().init_answer();
        match found.await {
            Ok(head) => write_head(answer.init_parked(), &head),
            Err(refusal) => refusal.write(answer.init_refused()),
        }
        Ok(())
    }

    async fn take(self: Rc<Self>, params: parked_runs::TakeParams, mut results: parked_runs::TakeResults) -> Answer {
        let params = params.get()?;
        let (run, sequence) = (params.get_run()?.to_str()?, params.get_sequence());
        let taken = self.take_up(run, sequence).await;
        let mut results = results.get();
        match taken {
            Ok((row, session)) => {
                write_run(results.reborrow().init_answer().init_run(), &row);
                results.set_session(new_client(session));
            }
            Err(refusal) => refusal.write(results.init_answer().init_refused()),
        }
        Ok(())
    }

    async fn forget(
        self: Rc<Self>,
        params: parked_runs::ForgetParams,
        mut results: parked_runs::ForgetResults,
    ) -> Answer {
        let params = params.get()?;
        let (place, sequence) = (self.place(params.get_run()?.to_str()?), params.get_sequence());
        let outcome = async {
            self.may_act()?;
            self.shared().shelf.store().forget(place.clone(), sequence).await.map_err(of_runs)?;
            self.shared().holds.mark(&place, u64::MAX);
            Ok(())
        };
        let outcome = outcome.await;
        self.audit("forget", &place.run, &outcome).await;
        write_outcome(results.get().init_outcome(), outcome)
    }

    async fn decide(
        self: Rc<Self>,
        params: parked_runs::DecideParams,
        mut results: parked_runs::DecideResults,
    ) -> Answer {
        let params = params.get()?;
        let (place, call, approve) = (self.place(params.get_run()?.to_str()?), params.get_call(), params.get_approve());
        let digest = <Digest>::try_from(params.get_digest()?).ok();
        let outcome = self.decided(&place, call, digest, (approve, params.get_model()));
        let decision = Decision {
            digest: digest.iter().flatten().map(|byte| format!("{byte:02x}")).collect(),
            role: self.role.word(),
            token: self.token.clone(),
        };
        let action = if approve { "approve" } else { "reject" };
        let entry = Entry { call, decision: Some(decision), ..self.entry(action, &place.run, &outcome) };
        self.shared().audit.record(entry).await;
        write_outcome(results.get().init_outcome(), outcome)
    }

    async fn tape(self: Rc<Self>, params: parked_runs::TapeParams, mut results: parked_runs::TapeResults) -> Answer {
        let place = self.place(params.get()?.get_run()?.to_str()?);
        let tape = durable::tape(self.shared(), &self.tenant, place).await;
        let mut answer = results.get().init_answer();
        match tape {
            Ok(tape) => answer.set_tape(&tape),
            Err(refusal) => refusal.write(answer.init_refused()),
        }
        Ok(())
    }

    async fn list(self: Rc<Self>, params: parked_runs::ListParams, mut results: parked_runs::ListResults) -> Answer {
        let params = params.get()?;
        let limit = params.get_limit().clamp(1, LIST_ENTRIES_MAX) + 1;
        let (tenant, before) = (self.tenant.name.clone(), door::identifier(params.get_before()?));
        let listed = self.shared().shelf.store().list_parked(tenant, before, limit, now_ms()).await;
        let answer = results.get().init_answer();
        match listed {
            Ok(heads) => {
                let mut runs = answer.init_runs(u32::try_from(heads.len()).unwrap_or(u32::MAX));
                (0..).zip(&heads).for_each(|(at, head)| write_head(runs.reborrow().get(at), head));
            }
            Err(error) => of_runs(error).write(answer.init_refused()),
        }
        Ok(())
    }
}

impl Desk {
    fn shared(&self) -> &Arc<Shared> {
        &self.connection.lane.shared
    }

    fn place(&self, run: &str) -> Place {
        Place { tenant: self.tenant.name.clone(), run: door::cut(run) }
    }

    fn may_act(&self) -> Result<(), Refusal> {
        match self.may_act && self.role.may_run() {
            true => Ok(()),
            false => Err(Refusal::new(Kind::Forbidden, "this request may only look at runs")),
        }
    }

    fn decided(
        &self,
        place: &Place,
        call: u32,
        digest: Option<Digest>,
        (approve, model): (bool, bool),
    ) -> Result<(), Refusal> {
        self.may_act()?;
        if !self.tenant.may_approve(self.role, model) {
            let role = self.role.word();
            let detail = match model {
                false => format!("a token of role {role} may not decide about calls of this tenant"),
                true => format!(
                    "a person has to decide about this call: `mayfly runs approve {} {call}`, or POST /v1/runs/{}/continue; \
                     decisions are taken here only where the tenant's file names role {role} in [approvals] `roles`",
                    place.run, place.run
                ),
            };
            return Err(Refusal::new(Kind::Forbidden, detail));
        }
        let digest = digest.ok_or_else(|| Refusal::new(Kind::Invalid, "that is no digest"))?;
        if approve {
            let (tenant, run) = (place.tenant.clone(), place.run.clone());
            self.shared().approvals.approve(approvals::Place { tenant, run, call }, digest);
        }
        Ok(())
    }

    fn entry(&self, action: &'static str, run: &str, outcome: &Result<(), Refusal>) -> Entry {
        entry(action, (&self.tenant.name, run, &self.request_id), outcome)
    }

    async fn take_up(&self, run: &str, sequence: u64) -> Result<(Row, Session), Refusal> {
        self.may_act()?;
        let shared = self.shared();
        let place = self.place(run);
        // Before the store gives it away: a key that is not there costs no run.
        let key = tenant_key(shared, &self.tenant.name)?;
        if shared.holds.marks.get(&place).is_some_and(|lowest| sequence < lowest) {
            return Err(self.older(place, sequence).await);
        }
        let seat = door::enter_run(&self.tenant).map_err(|full| {
            let (in_flight, minute) = (self.tenant.runs_in_flight, self.tenant.runs_per_minute);
            Refusal::quota(&self.tenant, full, ("runs_in_flight", in_flight), ("runs_per_minute", minute))
        })?;
        let mut hold = Hold::new(shared, &self.tenant.name, &place.run);
        // From here on: who asks may go away while the store is giving the run to it, and then it is lost.
        hold.sequence = Some(sequence);
        let taken = shared.shelf.store().take(place.clone(), sequence, hold.holder, now_ms()).await;
        if matches!(taken, Err(StoreError::Conflict { .. } | StoreError::NotFound)) {
            hold.sequence = None;
        }
        let taken = taken.map_err(of_runs).and_then(|row| open_row(&key, row));
        self.audit("take", &place.run, &taken.as_ref().map(drop).map_err(Refusal::again)).await;
        let row = taken?;
        hold.bound = Some(durable::Bound::of(&row));
        let (own, rest) = Own::apart(&row.rest).ok_or_else(damaged)?;
        let row = Row { rest, ..row };
        // A durable run may come from the store in this sequence again.
        shared.holds.mark(&place, if row.durable { row.sequence } else { row.sequence + 1 });
        let seat = self.connection.seat(seat);
        let (connection, tenant) = (self.connection.clone(), self.tenant.clone());
        let origin = Origin { run: place.run, request_id: self.request_id.clone(), trace: None };
        let session = Session::new(connection, seat, tenant, origin);
        Ok((row, session.holding(hold, own)))
    }

    /// Asked for is a run as it was once. Mostly somebody else was quicker; a record of it that is there again was put back.
    async fn older(&self, place: Place, sequence: u64) -> Refusal {
        let run = place.run.clone();
        match self.shared().shelf.store().look(place, now_ms()).await {
            Ok(Some(head)) if head.sequence == sequence && head.state == State::Parked => {
                tracing::error!(tenant = self.tenant.name, run, sequence, "an older record of a run was put back");
                damaged()
            }
            _ => of_runs(StoreError::Conflict { current: None }),
        }
    }

    async fn audit(&self, action: &'static str, run: &str, outcome: &Result<(), Refusal>) {
        record(self.shared(), action, (&self.tenant.name, run, &self.request_id), outcome).await;
    }
}

/// Keeps the run of a session, which holds it when it was taken up on it.
pub async fn park(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    (run, request_id): (&str, &str),
    hold: Option<Hold>,
    own: &Own,
    asked: parked_run::Reader<'_>,
) -> Result<(Result<(), Refusal>, Option<Hold>), capnp::Error> {
    let row = match read_run(asked, &tenant.name, run)? {
        Ok(row) => Row { rest: own.before(row.rest), ..row },
        Err(refusal) => return Ok((Err(refusal), hold)),
    };
    let mut hold = hold.unwrap_or_else(|| Hold::new(shared, &tenant.name, run));
    let place = row.place.clone();
    let kept = async {
        let key = tenant_key(shared, &tenant.name)?;
        let next = row.sequence;
        let sealed = seal_row(&key, row)?;
        let store = shared.shelf.store();
        let park = || store.park(sealed.clone(), hold.holder, now_ms());
        let kept = durable::with_room(store, &tenant.name, park).await;
        // While that is not known nobody takes it up: the runtime still has it.
        let (lowest, unknown) = match &kept {
            Err(StoreError::Unavailable(_)) => (u64::MAX, Some(next)),
            Err(_) => return kept.map_err(of_runs),
            Ok(()) => (next, None),
        };
        shared.holds.mark(&place, lowest);
        hold.unknown = unknown;
        kept.map_err(of_runs)
    };
    let kept = kept.await;
    if kept.is_ok() {
        hold.sequence = None;
    }
    record(shared, "park", (&tenant.name, run, request_id), &kept).await;
    let hold = Some(hold).filter(|hold| hold.sequence.is_some() || hold.unknown.is_some());
    Ok((kept, hold))
}

/// The run of a session has ended.
pub async fn end(shared: &Shared, hold: &mut Option<Hold>) -> Result<(), Refusal> {
    let Some(held) = hold else { return Ok(()) };
    let store = shared.shelf.store();
    store.end(held.place.clone(), held.holder).await.map_err(of_runs)?;
    if let Some(sequence) = held.unknown {
        match store.forget(held.place.clone(), sequence).await {
            Ok(()) | Err(StoreError::NotFound | StoreError::Conflict { .. }) => held.unknown = None,
            Err(error) => return Err(of_runs(error)),
        }
    }
    shared.holds.mark(&held.place, u64::MAX);
    held.sequence = None;
    *hold = None;
    Ok(())
}

async fn record(
    shared: &Shared,
    action: &'static str,
    (tenant, run, request_id): (&str, &str, &str),
    outcome: &Result<(), Refusal>,
) {
    shared.audit.record(entry(action, (tenant, run, request_id), outcome)).await;
}

fn entry(action: &'static str, (tenant, run, request_id): (&str, &str, &str), outcome: &Result<(), Refusal>) -> Entry {
    let reason = outcome.as_ref().err().map_or("", Refusal::word);
    Entry {
        time: audit::now(),
        tenant: tenant.to_owned(),
        run: run.to_owned(),
        request_id: request_id.to_owned(),
        verdict: if reason == "role" { "deny" } else { "allow" },
        reason,
        action,
        ..Entry::default()
    }
}

fn damaged() -> Refusal {
    Refusal::new(Kind::Internal, "what was kept of the run cannot be read; the server's log says why")
}

fn no_run() -> Refusal {
    Refusal::new(Kind::NotFound, "there is no such run")
}

fn of_runs(error: StoreError) -> Refusal {
    match error {
        StoreError::NotFound => no_run(),
        StoreError::Conflict { .. } => Refusal::new(Kind::Changed, "the run is not there any more as it was"),
        other => other.into(),
    }
}

pub fn write_outcome(mut to: park_outcome::Builder<'_>, outcome: Result<(), Refusal>) -> Answer {
    match outcome {
        Ok(()) => to.set_kept(()),
        Err(refusal) => refusal.write(to.init_refused()),
    }
    Ok(())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
