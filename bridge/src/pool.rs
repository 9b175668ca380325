//! In: upstream connections that a call is done with. Out: the same, for the next call of the same tenant.
//! May touch: connections; it opens none.
//! Security boundary: yes; a connection is used again only by the tenant version it was opened for, for the same origin
//! and the same `private`, and only while its peer is among the addresses checked for the call at hand.
//!
//! Why not hyper-util's pooling client: its pool knows only scheme and authority, and its connector cannot be told the
//! address that was checked.

use crate::outgoing::Outgoing;
use hyper::client::conn::{http1, http2};
use mayfly_schemas::limits::{POOL_IDLE_MS, POOL_ORIGIN_IDLE_MAX, POOL_TENANT_IDLE_MAX};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio_util::task::AbortOnDropHandle;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub https: bool,
    pub host: String,
    pub port: u16,
    pub private: bool,
}

/// A live connection. HTTP/1 carries one call at a time and is closed with it unless it came to its end; HTTP/2 is shared.
pub enum Sender {
    One {
        sender: http1::SendRequest<Outgoing>,
        /// Reads and writes the connection; dropped, the connection is closed.
        _driver: AbortOnDropHandle<()>,
    },
    Many(http2::SendRequest<Outgoing>),
}

pub struct Connection {
    pub sender: Sender,
    pub peer: SocketAddr,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// Idle connections of one tenant on one thread.
#[derive(Default)]
pub struct Pool {
    idle: RefCell<HashMap<Origin, Vec<Idle>>>,
}

impl Pool {
    pub fn take(&self, origin: &Origin, checked: &[SocketAddr]) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let list = idle.get_mut(origin)?;
        list.retain(Idle::is_alive);
        let at = list.iter().rposition(|idle| idle.is_ready() && checked.contains(&idle.connection.peer))?;
        if let Some(Idle { connection: Connection { sender: Sender::Many(sender), peer }, since }) = list.get_mut(at) {
            *since = Instant::now();
            return Some(Connection { sender: Sender::Many(sender.clone()), peer: *peer });
        }
        Some(list.remove(at).connection)
    }

    pub fn put(&self, origin: Origin, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        let total: usize = idle.values().map(Vec::len).sum();
        let list = idle.entry(origin).or_default();
        // One HTTP/2 connection is enough; those that were opened at the same moment go when their calls do.
        let shared = matches!(connection.sender, Sender::Many(_));
        let known =
            shared && list.iter().any(|idle| matches!(idle.connection.sender, Sender::Many(_)) && idle.is_alive());
        let idle = Idle { connection, since: Instant::now() };
        if !known && idle.is_alive() && list.len() < POOL_ORIGIN_IDLE_MAX && total < POOL_TENANT_IDLE_MAX {
            list.push(idle);
        }
    }

    /// Closes what has been idle for too long or is closed already.
    pub fn sweep(&self) {
        let mut idle = self.idle.borrow_mut();
        idle.values_mut().for_each(|list| list.retain(Idle::is_alive));
        idle.retain(|_, list| !list.is_empty());
    }
}

impl Idle {
    fn is_alive(&self) -> bool {
        let closed = match &self.connection.sender {
            Sender::One { sender, .. } => sender.is_closed(),
            Sender::Many(sender) => sender.is_closed(),
        };
        !closed && self.since.elapsed() < Duration::from_millis(POOL_IDLE_MS)
    }

    fn is_ready(&self) -> bool {
        match &self.connection.sender {
            Sender::One { sender, .. } => sender.is_ready(),
            Sender::Many(sender) => sender.is_ready(),
        }
    }
}
