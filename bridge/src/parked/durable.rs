//! In: a run that is to outlive its process, and what happens in it. Out: it kept before its script sees it; and all of it, for
//! whoever goes on with it.
//! May touch: the store; the master key.
//! Security boundary: yes. Each thing is sealed with its number; a run goes on under its tenant's file of this moment, and only
//! one that was begun with a token and has nobody.

use super::hold::Hold;
use super::message::{read_run, write_run};
use super::record::{LAST, Of, TAPE, open_entry, open_last, open_row, seal_entry, seal_last, seal_row, tenant_key};
use super::{now_ms, of_runs, record};
use crate::door::{self, Connection};
use crate::lane::Shared;
use crate::own::Own;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::store::durable::{Last, Orphan};
use crate::store::parked::{Place, Row, State};
use crate::store::{Pending, Store, StoreError};
use crate::tenants::Tenant;
use crate::tokens::Role;
use crate::walk::Origin;
use capnp_rpc::new_client;
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{bridge, orphan, parked_run, session};
use mayfly_schemas::limits::{
    DURABLE_ENTRY_BYTES_MAX, ORPHANS_MAX, PARKED_RUN_BYTES_MAX, RUNS_GIVING_WAY, RUNS_TOLD_MS,
};
use std::sync::Arc;

/// Of a run that its session holds: what its records are bound to.
#[derive(Clone)]
pub struct Bound {
    engine: String,
    created_at_ms: u64,
    expires_at_ms: u64,
}

impl Bound {
    pub fn of(row: &Row) -> Bound {
        let Row { engine, created_at_ms, expires_at_ms, .. } = row;
        Bound { engine: engine.clone(), created_at_ms: *created_at_ms, expires_at_ms: *expires_at_ms }
    }
}

impl Hold {
    fn of(&self) -> Result<Of<'_>, Refusal> {
        let (sequence, bound) = self.sequence.zip(self.bound.as_ref()).ok_or_else(Refusal::not_held)?;
        let Bound { engine, created_at_ms, expires_at_ms, .. } = bound;
        let (created_at_ms, expires_at_ms) = (*created_at_ms, *expires_at_ms);
        Ok(Of { place: &self.place, engine, sequence, created_at_ms, expires_at_ms })
    }
}

/// Keeps a run that is about to begin.
pub async fn begin(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    (run, request_id): (&str, &str),
    own: &Own,
    asked: parked_run::Reader<'_>,
) -> Result<Result<Hold, Refusal>, capnp::Error> {
    let row = match read_run(asked, &tenant.name, run)? {
        Ok(row) => Row { rest: own.before(row.rest), sequence: 1, durable: true, ..row },
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut hold = Hold::new(shared, &tenant.name, run);
    let bound = Bound::of(&row);
    let kept = async {
        let (sealed, store) = (seal_row(&tenant_key(shared, &tenant.name)?, row)?, shared.shelf.store());
        with_room(store, &tenant.name, || store.begin(sealed.clone(), hold.holder, now_ms())).await.map_err(of_runs)
    };
    let kept = kept.await;
    record(shared, "begin", (&tenant.name, run, request_id), &kept).await;
    Ok(kept.map(|()| {
        (hold.sequence, hold.bound) = (Some(1), Some(bound));
        hold
    }))
}

/// Keeps what happened.
pub async fn log(shared: &Shared, tenant: &str, hold: &Hold, number: u64, entry: &[u8]) -> Result<(), Refusal> {
    if entry.len() > DURABLE_ENTRY_BYTES_MAX {
        return Err(Refusal::new(Kind::TooLarge, format!("an entry has at most {DURABLE_ENTRY_BYTES_MAX} bytes")));
    }
    let of = hold.of()?;
    let sealed = seal_entry(&tenant_key(shared, tenant)?, &of, number, entry)?;
    let store = shared.shelf.store();
    let append = || store.append(of.place.clone(), of.sequence, number, sealed.clone(), hold.holder);
    with_room(store, tenant, append).await.map_err(of_runs)
}

/// What a tenant's runs have left behind gives way to those that are under way.
pub(super) async fn with_room<'s>(
    store: &'s dyn Store,
    tenant: &str,
    work: impl Fn() -> Pending<'s, ()>,
) -> Result<(), StoreError> {
    match work().await {
        Err(StoreError::TooMuch { what, max }) => match store.make_room(tenant.to_owned(), RUNS_GIVING_WAY).await? {
            0 => Err(StoreError::TooMuch { what, max }),
            _ => work().await,
        },
        done => done,
    }
}

/// Keeps how it ended.
pub async fn finish(
    shared: &Shared,
    (tenant, request_id): (&str, &str),
    hold: &mut Option<Hold>,
    asked: session::finish_params::Reader<'_>,
) -> Result<Result<(), Refusal>, capnp::Error> {
    let Some(held) = hold else { return Ok(Err(Refusal::not_held())) };
    let state = match asked.get_status()? {
        session::FinalStatus::Completed => State::Completed,
        session::FinalStatus::Failed => State::Failed,
        session::FinalStatus::Cancelled => State::Cancelled,
    };
    let (head, tape) = (asked.get_head()?, asked.get_tape()?);
    if head.len() + tape.len() > PARKED_RUN_BYTES_MAX {
        let detail = format!("what is kept of a run has at most {PARKED_RUN_BYTES_MAX} bytes");
        return Ok(Err(Refusal::new(Kind::TooLarge, detail)));
    }
    let finished = async {
        let (of, key) = (held.of()?, tenant_key(shared, tenant)?);
        let (head, tape) = (seal_last(&key, &of, LAST, head)?, seal_last(&key, &of, TAPE, tape)?);
        let last = Last { sequence: of.sequence, state, head, tape, gone_at_ms: now_ms() + RUNS_TOLD_MS };
        shared.shelf.store().finish(held.place.clone(), last, held.holder).await.map_err(of_runs)
    };
    let finished = finished.await;
    record(shared, "finish", (tenant, &held.place.run, request_id), &finished).await;
    if finished.is_ok() {
        held.sequence = None;
        *hold = None;
    }
    Ok(finished)
}

/// The tape of one that has ended.
pub async fn tape(shared: &Shared, tenant: &Tenant, place: Place) -> Result<Vec<u8>, Refusal> {
    let kept = shared.shelf.store().tape(place.clone(), now_ms()).await.map_err(of_runs)?.ok_or_else(super::no_run)?;
    let (sequence, created_at_ms, expires_at_ms) = (kept.sequence, kept.created_at_ms, kept.expires_at_ms);
    let of = Of { place: &place, engine: &kept.engine, sequence, created_at_ms, expires_at_ms };
    open_last(&tenant_key(shared, &tenant.name)?, &of, TAPE, &kept.bytes)
}

pub async fn orphans(
    connection: &Connection,
    params: bridge::OrphansParams,
    mut results: bridge::OrphansResults,
) -> Result<(), capnp::Error> {
    let limit = params.get()?.get_limit().clamp(1, ORPHANS_MAX);
    let shared = &connection.lane.shared;
    let found = shared.shelf.store().orphans(limit).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "runs without a holder cannot be looked for");
        Vec::new()
    });
    let mut runs = results.get().init_runs(u32::try_from(found.len()).unwrap_or(u32::MAX));
    for (at, Orphan { place, sequence, engine }) in (0..).zip(&found) {
        let mut to: orphan::Builder<'_> = runs.reborrow().get(at);
        to.set_tenant(&place.tenant);
        to.set_run(&place.run);
        to.set_sequence(*sequence);
        to.set_engine(engine);
    }
    Ok(())
}

pub async fn adopt(
    connection: &std::rc::Rc<Connection>,
    params: bridge::AdoptParams,
    mut results: bridge::AdoptResults,
) -> Result<(), capnp::Error> {
    let asked = params.get()?.get_orphan()?;
    let place = Place { tenant: door::identifier(asked.get_tenant()?), run: door::identifier(asked.get_run()?) };
    let adopted = take_up(connection, place, asked.get_sequence()).await;
    let mut results = results.get();
    match adopted {
        Ok((row, entries, session, tenant)) => {
            let mut to = results.reborrow().init_answer().init_adopted();
            write_run(to.reborrow().init_run(), &row);
            let mut list = to.reborrow().init_entries(u32::try_from(entries.len()).unwrap_or(u32::MAX));
            (0..).zip(&entries).for_each(|(at, entry)| list.set(at, entry));
            let generation = connection.lane.shared.directory.current().generation;
            door::write_admission(to.init_admission(), &tenant, Role::Runner, generation);
            results.set_session(new_client(session));
        }
        Err(refusal) => refusal.write(results.init_answer().init_refused()),
    }
    Ok(())
}

type TakenUp = (Row, Vec<Vec<u8>>, Session, Arc<Tenant>);

async fn take_up(connection: &std::rc::Rc<Connection>, place: Place, sequence: u64) -> Result<TakenUp, Refusal> {
    let shared = &connection.lane.shared;
    let tenant = shared.directory.tenant(&place.tenant).ok_or_else(super::no_run)?;
    let key = tenant_key(shared, &tenant.name)?;
    // It had its place before, and is to have one whatever the minute has seen since.
    let seat = tenant
        .quota
        .enter(u32::MAX, u32::MAX, std::time::Instant::now())
        .map_err(|full| Refusal::quota(&tenant, full, ("runs_in_flight", u32::MAX), ("runs_per_minute", u32::MAX)))?;
    let mut hold = Hold::new(shared, &tenant.name, &place.run);
    hold.sequence = Some(sequence);
    let adopted = shared.shelf.store().adopt(place.clone(), sequence, hold.holder).await;
    let adopted = adopted.map_err(|error| {
        hold.sequence = None;
        of_runs(error)
    });
    let opened = adopted.and_then(|adopted| {
        let bound = Bound::of(&adopted.row);
        let row = open_row(&key, adopted.row)?;
        let (own, rest) = Own::apart(&row.rest).ok_or_else(super::damaged)?;
        let (created_at_ms, expires_at_ms) = (row.created_at_ms, row.expires_at_ms);
        let of = Of { place: &place, engine: &row.engine, sequence, created_at_ms, expires_at_ms };
        let mut entries = Vec::with_capacity(adopted.entries.len());
        for (expected, (number, sealed)) in (1..).zip(&adopted.entries) {
            if *number != expected {
                tracing::error!(run = place.run, number, "an entry of a run is missing");
                return Err(super::damaged());
            }
            entries.push(open_entry(&key, &of, *number, sealed)?);
        }
        Ok((Row { rest, ..row }, entries, own, bound))
    });
    record(shared, "adopt", (&tenant.name, &place.run, ""), &opened.as_ref().map(drop).map_err(Refusal::again)).await;
    let (row, entries, own, bound) = opened?;
    hold.bound = Some(bound);
    let seat = connection.seat(seat);
    let origin = Origin { run: place.run, request_id: String::new(), trace: None };
    let session = Session::new(connection.clone(), seat, tenant.clone(), origin).holding(hold, own);
    Ok((row, entries, session, tenant))
}
