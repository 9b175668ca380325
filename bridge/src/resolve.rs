//! In: a permit. Out: the same with the addresses it may be dialled at, all of them checked, or a refusal.
//! May touch: DNS, only for hosts that policy has allowed: a refused name is never looked up.
//! Security boundary: yes; whoever answers DNS for an allowed name must not be able to point us into the private network.
//!
//! One lookup for each call, every answer of it must pass, and `dial.rs` connects to these very addresses: there is no
//! second lookup that could answer differently (rebinding).
//!
//! hickory-resolver, not getaddrinfo through tokio: a lookup that hangs is dropped at its deadline instead of holding
//! one of the blocking threads, which one tenant with a slow name server could use up for all; answers come with their
//! lifetime; no thread stacks. It reads /etc/hosts and resolv.conf, once, at the first lookup. What is lost: NSS modules
//! (mDNS, LDAP). Its own cache is off: one tenant could see in it what another has called; ours is the tenant's own.

use crate::addresses::is_public;
use crate::decide::Permit;
use crate::failure::{Failure, Reason};
use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use mayfly_schemas::limits::{DNS_ADDRESSES_MAX, DNS_CACHE_MS, DNS_CACHE_NAMES_MAX, RESOLVE_MS};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use url::Host;

/// A permit with the addresses that were checked for it. Only `pin` makes it.
pub struct Pinned {
    permit: Permit,
    addresses: Vec<SocketAddr>,
}

impl Pinned {
    pub fn into_parts(self) -> (Permit, Vec<SocketAddr>) {
        (self.permit, self.addresses)
    }
}

/// What a name server said. `None`: there is no such name, or it has no address.
pub type Answer = Option<(Vec<IpAddr>, Instant)>;

/// Asks for the addresses of a name. A function, so that tests can be the name server.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Answer, LookupFailed>> + Send + Sync>;

/// Nobody answered, or nonsense. Why stays in here: it may name servers of the private network.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name could not be looked up")]
pub struct LookupFailed;

/// Answers that one tenant got lately, on one thread.
#[derive(Default)]
pub struct Names {
    known: RefCell<HashMap<String, (Vec<IpAddr>, Instant)>>,
}

pub async fn pin(permit: Permit, names: &Names, lookup: &Lookup) -> Result<Pinned, Failure> {
    if let Some(failure) = refused_by_name(permit.target(), &permit) {
        return Err(failure);
    }
    let addresses = match permit.target().host() {
        Host::Ipv4(address) => vec![IpAddr::V4(*address)],
        Host::Ipv6(address) => vec![IpAddr::V6(*address)],
        Host::Domain(name) if is_localhost(name) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Host::Domain(name) => look_up(name, &permit, names, lookup).await?,
    };
    if !permit.rule().private && !addresses.iter().copied().all(is_public) {
        return Err(not_public(&permit));
    }
    let port = permit.target().port();
    Ok(Pinned { permit, addresses: addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect() })
}

/// What can be refused without asking anybody: IP literals and `localhost`.
pub fn refused_by_name(target: &crate::ask::Target, permit: &Permit) -> Option<Failure> {
    (!permit.rule().private && is_private_by_name(target.host())).then(|| not_public(permit))
}

pub fn is_private_by_name(host: &Host<String>) -> bool {
    match host {
        Host::Ipv4(address) => !is_public(IpAddr::V4(*address)),
        Host::Ipv6(address) => !is_public(IpAddr::V6(*address)),
        Host::Domain(name) => is_localhost(name),
    }
}

/// RFC 6761: `localhost` and what ends in it is this machine, whatever a name server says.
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

pub fn private_text(host: &Host<String>, rule: &str, tenant: &str) -> String {
    format!(
        "{host} has no public address, and rule \"{rule}\" of tenant \"{tenant}\" does not say `private = true`; \
         call a public host, or add a rule that names this host and says so"
    )
}

fn not_public(permit: &Permit) -> Failure {
    let (rule, target) = (permit.rule(), permit.target());
    let text = private_text(target.host(), &rule.name, &permit.tenant().name);
    Failure::policy(Reason::PrivateAddress, &rule.name, text).about(target)
}

async fn look_up(name: &str, permit: &Permit, names: &Names, lookup: &Lookup) -> Result<Vec<IpAddr>, Failure> {
    if let Some(addresses) = names.get(name) {
        return Ok(addresses);
    }
    let failed = |text: String| Failure::network(text).about(permit.target());
    let answer = tokio::time::timeout(Duration::from_millis(RESOLVE_MS), lookup(name.to_owned())).await;
    let answer = match answer {
        Err(_) => return Err(failed(format!("{name} was not resolved within {RESOLVE_MS} ms; try again later"))),
        Ok(Err(_)) => return Err(failed(format!("{name} could not be resolved; try again later"))),
        Ok(Ok(answer)) => answer.filter(|(addresses, _)| !addresses.is_empty()),
    };
    match answer {
        // Where a wildcard lets the script choose the name, "there is none" and "it is private" read the same: otherwise
        // it could list the names of the private network.
        None if !permit.rule().private && !permit.rule().pattern.names_host() => Err(not_public(permit)),
        None => Err(failed(format!("{name} has no address; check the host name"))),
        Some((addresses, _)) if addresses.len() > DNS_ADDRESSES_MAX => {
            Err(failed(format!("{name} has more than {DNS_ADDRESSES_MAX} addresses; call another host")))
        }
        Some((addresses, until)) => {
            names.put(name, addresses.clone(), until);
            Ok(addresses)
        }
    }
}

impl Names {
    fn get(&self, name: &str) -> Option<Vec<IpAddr>> {
        let known = self.known.borrow();
        known.get(name).filter(|(_, until)| *until > Instant::now()).map(|(addresses, _)| addresses.clone())
    }

    fn put(&self, name: &str, addresses: Vec<IpAddr>, until: Instant) {
        let now = Instant::now();
        let mut known = self.known.borrow_mut();
        if known.len() >= DNS_CACHE_NAMES_MAX {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() < DNS_CACHE_NAMES_MAX && until > now {
            known.insert(name.to_owned(), (addresses, until.min(now + Duration::from_millis(DNS_CACHE_MS))));
        }
    }
}

/// The system's resolver. Made at the first lookup, so that a bridge that resolves nothing pays nothing.
pub fn system() -> Lookup {
    let resolver: Arc<OnceLock<Option<TokioResolver>>> = Arc::default();
    Arc::new(move |name| {
        let resolver = resolver.clone();
        Box::pin(async move {
            let resolver = resolver.get_or_init(system_resolver).as_ref().ok_or(LookupFailed)?;
            // A name with a dot is absolute: the search list would send it to name servers that policy never saw.
            let name = if name.contains('.') { name + "." } else { name };
            match resolver.lookup_ip(name).await {
                Ok(found) => Ok(Some((found.iter().collect(), found.valid_until()))),
                Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(None),
                Err(error) => {
                    tracing::debug!(%error, "lookup failed");
                    Err(LookupFailed)
                }
            }
        })
    })
}

fn system_resolver() -> Option<TokioResolver> {
    let mut builder = TokioResolver::builder_tokio()
        .inspect_err(|error| tracing::error!(%error, "no resolver: resolv.conf cannot be used"))
        .ok()?;
    let options = builder.options_mut();
    options.cache_size = 0;
    options.ip_strategy = hickory_resolver::config::LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = Duration::from_millis(RESOLVE_MS / 3);
    options.attempts = 2;
    builder.build().inspect_err(|error| tracing::error!(%error, "no resolver")).ok()
}
