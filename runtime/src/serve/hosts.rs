//! In: the host of a request. Out: whether tenants' routes answer there, or the server itself, or both.
//! May touch: the bridge, about once a second while requests come.
//! Security boundary: no; the bridge looks again at whose script it is.

use crate::bridge::{Bridge, DoorError, RouteHosts};
use crate::limits::ROUTE_HOSTS_MS;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What one worker knows.
#[derive(Clone)]
pub(super) struct Hosts(Rc<Inner>);

struct Inner {
    bridge: Rc<Bridge>,
    known: RefCell<RouteHosts>,
    /// When they were looked at last; never, before the first time.
    at: Cell<Option<Instant>>,
    looking: Cell<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The server's own, without routes.
    Main,
    /// The server's own; what is not the server's goes to routes.
    Shared,
    /// Of routes and nothing else.
    Owned,
}

impl Hosts {
    pub fn new(bridge: Rc<Bridge>) -> Hosts {
        let (known, at, looking) = (RefCell::default(), Cell::new(None), Cell::new(false));
        Hosts(Rc::new(Inner { bridge, known, at, looking }))
    }

    /// As far as it is known now; what is older than a second is looked at again meanwhile.
    pub fn known(&self, host: &str) -> Standing {
        if self.0.at.get().is_none_or(|at| at.elapsed() > Duration::from_millis(ROUTE_HOSTS_MS))
            && !self.0.looking.get()
        {
            let hosts = self.clone();
            tokio::task::spawn_local(async move {
                if let Err(error) = hosts.look().await {
                    tracing::debug!(%error, "hosts of routes");
                }
            });
        }
        let known = self.0.known.borrow();
        match () {
            () if known.owned.contains(host) => Standing::Owned,
            () if known.shared.contains(host) => Standing::Shared,
            () => Standing::Main,
        }
    }

    /// Waits, the first time, until it is known.
    pub async fn standing(&self, host: &str) -> Result<Standing, DoorError> {
        if self.0.at.get().is_none() {
            self.look().await?;
        }
        Ok(self.known(host))
    }

    async fn look(&self) -> Result<(), DoorError> {
        let looking = Looking::begin(&self.0.looking);
        let generation = self.0.known.borrow().generation;
        let found = self.0.bridge.route_hosts(generation).await?;
        if let Some(found) = found {
            self.0.known.replace(found);
        }
        self.0.at.set(Some(Instant::now()));
        drop(looking);
        Ok(())
    }
}

/// One look at a time in the background; ends also when the look is dropped.
struct Looking<'a>(&'a Cell<bool>);

impl<'a> Looking<'a> {
    fn begin(looking: &'a Cell<bool>) -> Looking<'a> {
        looking.set(true);
        Looking(looking)
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// No route takes these away from the server.
pub(super) fn is_always_main(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok()
}
