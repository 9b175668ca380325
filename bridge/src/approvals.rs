//! In: a request that somebody has to say yes to, and what somebody said. Out: what is shown of it, and whether it may go.
//! May touch: nothing.
//! Security boundary: yes. A yes is for one request of one call of one run: it is bound to method, URL and body, used up by
//! the first ask for it, and gone after a minute. Nothing of it is remembered.

use crate::ask::{Ask, Body};
use crate::failure::{Failure, Reason};
use crate::fields::{Reading, Table};
use bytes::Bytes;
use mayfly_catalogue::{Catalogue, Narrow, Source};
use mayfly_schemas::bridge_capnp::held;
use mayfly_schemas::limits::{APPROVAL_MS, APPROVALS_MAX, HELD_BODY_SHOWN_BYTES_MAX};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;

pub type Digest = [u8; 32];

/// A call of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub tenant: String,
    pub run: String,
    pub call: u32,
}

/// What was said yes to and was not asked for since.
pub struct Approvals(Cache<Place, Digest>);

/// A request as it will be sent when somebody says yes, but for its credential.
pub struct Held {
    pub method: String,
    pub url: String,
    pub body: Bytes,
}

impl Default for Approvals {
    fn default() -> Approvals {
        let lasting = Duration::from_millis(APPROVAL_MS);
        Approvals(Cache::builder().max_capacity(APPROVALS_MAX).time_to_live(lasting).build())
    }
}

impl Approvals {
    pub fn approve(&self, place: Place, digest: Digest) {
        self.0.insert(place, digest);
    }

    /// Whether somebody has said yes to just this. Whatever comes of it, it is used up.
    fn take(&self, place: &Place, digest: &Digest) -> bool {
        self.0.remove(place).is_some_and(|approved| approved == *digest)
    }

    /// `Ok` when `held` may go. `approved`: who asks says that somebody has said yes.
    pub fn may_go(&self, place: &Place, held: &Held, approved: bool) -> Result<bool, Failure> {
        match (approved, approved && self.take(place, &held.digest())) {
            (false, _) => Ok(false),
            (true, true) => Ok(true),
            (true, false) => {
                let text =
                    "nobody has approved this request as it is; an approval is good for one minute and one request";
                Err(Failure::policy(Reason::NotApproved, "", text).at(&held.method, &held.url))
            }
        }
    }
}

impl Held {
    /// A body that comes in parts is not there to be looked at.
    pub fn of(ask: &Ask) -> Result<Held, Failure> {
        let Body::Whole(body) = &ask.body else {
            let text = "a call that waits for approval needs its whole body: give a string or bytes, not a stream";
            return Err(Failure::usage(text).about(ask.target()));
        };
        let target = ask.target();
        Ok(Held { method: target.method().to_string(), url: target.url().to_string(), body: body.clone() })
    }

    /// Every length is part of it, so that no two requests can meet.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        for part in [self.method.as_bytes(), self.url.as_bytes(), &self.body] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    pub fn write(&self, mut to: held::Builder<'_>) {
        to.set_digest(&self.digest());
        to.set_method(&self.method);
        to.set_url(&self.url);
        to.set_body(self.body.get(..HELD_BODY_SHOWN_BYTES_MAX).unwrap_or(&self.body));
        to.set_body_bytes(self.body.len() as u64);
    }
}

/// `approve` of a [[tools]]: paths below the set, of tools or of groups of them; `*` is all of it. What a server will list is not known yet.
pub fn read(reading: &mut Reading<'_>, table: Table<'_>, set: &str, known: Option<&Arc<Source>>) -> Option<Narrow> {
    let asked = reading.texts(table, "approve")?;
    let mut paths = Vec::new();
    for path in &asked {
        let below = path.value.strip_prefix(set).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path.value);
        let below = below.trim_end_matches('*').trim_end_matches('.');
        paths.push(if below.is_empty() { set.to_owned() } else { format!("{set}.{below}") });
    }
    let Some(source) = known else { return Some(Narrow::again(paths)) };
    // One source cannot have another's name.
    let catalogue = Catalogue::new(vec![source.clone()]).ok()?;
    let narrow = catalogue.narrow(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    narrow
        .map_err(|(at, unknown)| {
            let place = asked.get(at).map_or(table.at, |path| path.at);
            reading.mistake(place, format!("`approve`: {unknown}"));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(method: &str, url: &str, body: &'static str) -> Held {
        Held { method: method.into(), url: url.into(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_yes_is_for_one_request_of_one_call_of_one_run_and_once() {
        let (approvals, asked) = (Approvals::default(), held("POST", "https://a.example/x", "body"));
        let place = |tenant: &str, run: &str, call| Place { tenant: tenant.into(), run: run.into(), call };
        let own = place("acme", "run_1", 3);
        assert_eq!(approvals.may_go(&own, &asked, false), Ok(false));
        assert!(approvals.may_go(&own, &asked, true).is_err(), "nobody has said yes");
        approvals.approve(own.clone(), asked.digest());
        for other in [place("evil", "run_1", 3), place("acme", "run_2", 3), place("acme", "run_1", 4)] {
            assert!(approvals.may_go(&other, &asked, true).is_err(), "{other:?}");
        }
        assert_eq!(approvals.may_go(&own, &asked, true), Ok(true));
        assert!(approvals.may_go(&own, &asked, true).is_err(), "it is used up");
        approvals.approve(own.clone(), asked.digest());
        assert!(approvals.may_go(&own, &held("POST", "https://a.example/x", "other"), true).is_err());
        assert!(approvals.may_go(&own, &asked, true).is_err(), "used up by an ask for something else");
    }

    #[test]
    fn no_two_requests_have_one_digest_by_moving_a_border() {
        let all = [held("PUT", "ab", "c"), held("PUT", "a", "bc"), held("PUTa", "b", "c"), held("PUT", "abc", "")];
        let digests: std::collections::HashSet<Digest> = all.iter().map(Held::digest).collect();
        assert_eq!(digests.len(), all.len());
    }
}
