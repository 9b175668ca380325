//! In: why a stored script was not run, shown or changed. Out: the words that the client gets.
//! May touch: the log, for what the client does not get.
//! Security boundary: yes; whoever may not see a script is not told whether there is one.

use crate::quota::Full;
use crate::store::StoreError;
use crate::tenants::Tenant;
use mayfly_schemas::bridge_capnp::script_refusal;
use mayfly_schemas::bridge_capnp::script_refusal::Kind;

#[derive(Debug)]
pub struct Refusal {
    kind: Kind,
    detail: String,
    retry_after_ms: u64,
}

/// When to ask a store again that did not work.
const STORE_RETRY_MS: u64 = 1_000;

impl Refusal {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Refusal {
        Refusal { kind, detail: detail.into(), retry_after_ms: 0 }
    }

    /// A session that is to have a run, and has none.
    pub fn not_held() -> Refusal {
        Refusal::new(Kind::Changed, "the run is not held here")
    }

    /// The same words, whoever's script it is and whether there is one.
    pub fn not_found(name: &str) -> Refusal {
        Refusal::new(Kind::NotFound, format!("there is no script \"{name}\" here"))
    }

    pub fn unauthorized() -> Refusal {
        Refusal::new(Kind::Unauthorized, "no such token; `mayfly token new` makes one")
    }

    pub fn no_version(name: &str, version: u64) -> Refusal {
        let detail = format!("there is no version {version} of script \"{name}\", or it is not kept any more");
        Refusal::new(Kind::NotFound, detail)
    }

    /// A quota of this name and value is used up.
    pub fn quota(tenant: &Tenant, full: Full, in_flight: (&str, u32), per_minute: (&str, u32)) -> Refusal {
        let ((limit, value), after) = match full {
            Full::InFlight { retry_after } => (in_flight, retry_after),
            Full::PerMinute { retry_after } => (per_minute, retry_after),
        };
        let detail = format!("tenant \"{}\" is at its limit {limit} = {value}; try again later", tenant.name);
        let retry_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1);
        Refusal { retry_after_ms, ..Refusal::new(Kind::Quota, detail) }
    }

    /// The same once more.
    pub fn again(&self) -> Refusal {
        Refusal { kind: self.kind, detail: self.detail.clone(), retry_after_ms: self.retry_after_ms }
    }

    /// A word for the audit.
    pub fn word(&self) -> &'static str {
        match self.kind {
            Kind::Unauthorized => "unauthorized",
            Kind::Forbidden => "role",
            Kind::NotFound => "not_found",
            Kind::Quota => "quota",
            Kind::Changed => "changed",
            Kind::Condition => "condition",
            Kind::TooLarge => "too_large",
            Kind::Invalid => "invalid",
            Kind::Overloaded => "overloaded",
            Kind::StoreFull => "store_full",
            Kind::StoreUnavailable => "store_unavailable",
            Kind::Internal => "internal",
        }
    }

    pub fn write(&self, mut refusal: script_refusal::Builder<'_>) {
        refusal.set_kind(self.kind);
        refusal.set_detail(&self.detail);
        refusal.set_retry_after_ms(self.retry_after_ms);
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        let later = |refusal: Refusal| Refusal { retry_after_ms: STORE_RETRY_MS, ..refusal };
        match error {
            // What it was exactly stands in the log, written where it happened.
            StoreError::Unavailable(_) => later(Refusal::new(
                Kind::StoreUnavailable,
                "the store does not work at the moment: no write is acknowledged; the server's log says why",
            )),
            StoreError::Corrupt(_) => later(Refusal::new(
                Kind::StoreUnavailable,
                "the store is damaged: no write is acknowledged; the server's log says where",
            )),
            StoreError::Full(_) => Refusal::new(Kind::StoreFull, "the store has no room left: nothing was stored"),
            StoreError::Overloaded => later(Refusal::new(Kind::Overloaded, "too many requests wait for the store")),
            StoreError::Conflict { current: Some(version) } => {
                Refusal::new(Kind::Condition, format!("the current version is {version}: nothing was changed"))
            }
            StoreError::Conflict { current: None } => {
                Refusal::new(Kind::Condition, "there is no such script: nothing was changed")
            }
            StoreError::NotFound => Refusal::new(Kind::NotFound, "there is no such script or version"),
            StoreError::TooMuch { what, max } => Refusal::new(
                Kind::TooLarge,
                format!("{what}: the limit is {max}; nothing was stored, delete what is not needed"),
            ),
        }
    }
}
