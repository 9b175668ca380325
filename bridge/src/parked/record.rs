//! In: a run as the runtime gives it, or as the store does. Out: the same sealed, or opened.
//! May touch: the master key.
//! Security boundary: yes: what each part of a record is bound to stands here.

use super::damaged;
use crate::lane::Shared;
use crate::refusal::Refusal;
use crate::seal::{NotOpened, TenantKey};
use crate::store::parked::{Head, Place, Row, State};
use crate::tenants::Tenant;
use mayfly_schemas::bridge_capnp::script_refusal::Kind;

pub(super) fn tenant_key(shared: &Shared, tenant: &str) -> Result<TenantKey, Refusal> {
    let master = shared.master_key.key().map_err(|error| {
        tracing::error!(%error, "parked runs cannot be sealed");
        Refusal::new(Kind::StoreUnavailable, "runs cannot be kept at the moment; the server's log says why")
    })?;
    TenantKey::of(master, tenant).map_err(|_| Refusal::new(Kind::Internal, "no key could be made"))
}

/// What a part of a record is bound to.
fn bound<'a>(place: &'a Place, engine: &'a str, numbers: &'a [u8], part: &'static [u8]) -> [&'a [u8]; 5] {
    [place.tenant.as_bytes(), place.run.as_bytes(), engine.as_bytes(), numbers, part]
}

fn numbers(sequence: u64, created_at_ms: u64, expires_at_ms: u64) -> Vec<u8> {
    [sequence, created_at_ms, expires_at_ms].iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// What a run that is kept while somebody has it takes to go on is no good for one that is not, and the other way round.
fn parts(durable: bool) -> (&'static [u8], &'static [u8]) {
    if durable { (b"durable rest", b"durable image") } else { (b"rest", b"image") }
}

pub(super) fn seal_row(key: &TenantKey, row: Row) -> Result<Row, Refusal> {
    let numbers = numbers(row.sequence, row.created_at_ms, row.expires_at_ms);
    let seal =
        |part, content: &[u8]| key.seal(&bound(&row.place, &row.engine, &numbers, part), content).map_err(not_sealed);
    let (rest, image) = parts(row.durable);
    let (head, rest, image) = (seal(b"head", &row.head)?, seal(rest, &row.rest)?, seal(image, &row.image)?);
    Ok(Row { head, rest, image, ..row })
}

pub(super) fn open_row(key: &TenantKey, row: Row) -> Result<Row, Refusal> {
    let numbers = numbers(row.sequence, row.created_at_ms, row.expires_at_ms);
    let open = |part, sealed: &[u8]| {
        key.open(&bound(&row.place, &row.engine, &numbers, part), sealed).map_err(|error| not_opened(&row.place, error))
    };
    let (rest, image) = parts(row.durable);
    let (head, rest, image) = (open(b"head", &row.head)?, open(rest, &row.rest)?, open(image, &row.image)?);
    Ok(Row { head, rest, image, ..row })
}

/// Of a durable run: what happened, as the `number`th thing since its record was written.
pub(super) fn seal_entry(key: &TenantKey, of: &Of<'_>, number: u64, entry: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut numbers = numbers(of.sequence, of.created_at_ms, of.expires_at_ms);
    numbers.extend(number.to_le_bytes());
    key.seal(&bound(of.place, of.engine, &numbers, b"entry"), entry).map_err(not_sealed)
}

pub(super) fn open_entry(key: &TenantKey, of: &Of<'_>, number: u64, sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut numbers = numbers(of.sequence, of.created_at_ms, of.expires_at_ms);
    numbers.extend(number.to_le_bytes());
    key.open(&bound(of.place, of.engine, &numbers, b"entry"), sealed).map_err(|error| not_opened(of.place, error))
}

/// Of a durable run that has ended: its last word, or its tape.
pub(super) fn seal_last(key: &TenantKey, of: &Of<'_>, part: &'static [u8], content: &[u8]) -> Result<Vec<u8>, Refusal> {
    let numbers = numbers(of.sequence, of.created_at_ms, of.expires_at_ms);
    key.seal(&bound(of.place, of.engine, &numbers, part), content).map_err(not_sealed)
}

pub(super) fn open_last(key: &TenantKey, of: &Of<'_>, part: &'static [u8], sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let numbers = numbers(of.sequence, of.created_at_ms, of.expires_at_ms);
    key.open(&bound(of.place, of.engine, &numbers, part), sealed).map_err(|error| not_opened(of.place, error))
}

pub(super) const LAST: &[u8] = b"last";
pub(super) const TAPE: &[u8] = b"tape";

/// What entries and last words are bound to.
pub(super) struct Of<'a> {
    pub place: &'a Place,
    pub engine: &'a str,
    pub sequence: u64,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
}

fn not_sealed(error: std::io::Error) -> Refusal {
    tracing::error!(%error, "what is kept of a run could not be sealed");
    Refusal::new(Kind::Internal, "the run could not be sealed")
}

fn not_opened(place: &Place, error: NotOpened) -> Refusal {
    tracing::error!(tenant = place.tenant, run = place.run, %error, "a record of a run");
    damaged()
}

pub(super) fn open_head(shared: &Shared, tenant: &Tenant, head: &Head) -> Result<Vec<u8>, Refusal> {
    let key = tenant_key(shared, &tenant.name)?;
    let numbers = numbers(head.sequence, head.created_at_ms, head.expires_at_ms);
    let part = match head.state {
        State::Completed | State::Failed | State::Cancelled => LAST,
        _ => b"head",
    };
    key.open(&bound(&head.place, &head.engine, &numbers, part), &head.head)
        .map_err(|error| not_opened(&head.place, error))
}
