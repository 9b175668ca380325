//! In: a run as the runtime gives it, or as the store does. Out: the same sealed, or opened.
//! May touch: the master key.
//! Security boundary: yes: what each part of a record is bound to stands here.

use super::damaged;
use crate::lane::Shared;
use crate::refusal::Refusal;
use crate::seal::TenantKey;
use crate::store::parked::{Head, Place, Row};
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

pub(super) fn seal_row(key: &TenantKey, row: Row) -> Result<Row, Refusal> {
    let numbers = numbers(row.sequence, row.created_at_ms, row.expires_at_ms);
    let seal = |part, content: &[u8]| {
        key.seal(&bound(&row.place, &row.engine, &numbers, part), content).map_err(|error| {
            tracing::error!(%error, "a parked run could not be sealed");
            Refusal::new(Kind::Internal, "the run could not be sealed")
        })
    };
    let (head, rest, image) = (seal(b"head", &row.head)?, seal(b"rest", &row.rest)?, seal(b"image", &row.image)?);
    Ok(Row { head, rest, image, ..row })
}

pub(super) fn open_row(key: &TenantKey, row: Row) -> Result<Row, Refusal> {
    let numbers = numbers(row.sequence, row.created_at_ms, row.expires_at_ms);
    let open = |part, sealed: &[u8]| {
        key.open(&bound(&row.place, &row.engine, &numbers, part), sealed).map_err(|error| {
            tracing::error!(tenant = row.place.tenant, run = row.place.run, %error, "a parked run");
            damaged()
        })
    };
    let (head, rest, image) = (open(b"head", &row.head)?, open(b"rest", &row.rest)?, open(b"image", &row.image)?);
    Ok(Row { head, rest, image, ..row })
}

pub(super) fn open_head(shared: &Shared, tenant: &Tenant, head: &Head) -> Result<Vec<u8>, Refusal> {
    let key = tenant_key(shared, &tenant.name)?;
    let numbers = numbers(head.sequence, head.created_at_ms, head.expires_at_ms);
    key.open(&bound(&head.place, &head.engine, &numbers, b"head"), &head.head).map_err(|error| {
        tracing::error!(tenant = tenant.name, run = head.place.run, %error, "a parked run");
        damaged()
    })
}
