//! In: nothing. Out: one server of tools of one tenant: where it is, what it lists, and whether it is there.
//! May touch: nothing; `keeper.rs` brings it to life.
//! Security boundary: yes; a server belongs to one tenant, and carries the rule and the secrets that the file gave it.

use crate::failure::Failure;
use crate::secret::Secret;
use crate::tenants::Rule;
use arc_swap::ArcSwap;
use mayfly_catalogue::Source;
use mayfly_schemas::limits::MCP_RETRY_MS;
use rmcp::{Peer, RoleClient};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

pub struct Server {
    /// Of the set of tools.
    pub name: String,
    pub tenant: String,
    pub place: Place,
    /// What it listed last; empty before it did.
    tools: ArcSwap<Source>,
    listed: AtomicBool,
    life: watch::Sender<Life>,
    /// Somebody wants it tried again, or its tools listed again.
    pub wanted: Notify,
}

pub enum Place {
    Http {
        url: String,
        /// What it may be sent, and with which credential.
        rule: Arc<Rule>,
    },
    /// An OpenAPI document at a URL. Its operations go their own way, under what the file says of them.
    Document {
        url: String,
        /// For the document itself.
        rule: Arc<Rule>,
        /// Of its operations, whatever `servers` it names.
        base: Arc<str>,
    },
    Command(Command),
}

pub struct Command {
    pub program: String,
    pub arguments: Vec<String>,
    /// All that it gets, beside `PATH`.
    pub environment: Vec<(String, Value)>,
    /// Where it runs: the folder of the tenant's file.
    pub folder: PathBuf,
}

pub enum Value {
    Plain(String),
    Secret(Secret),
}

#[derive(Clone)]
pub enum Life {
    /// Nothing has come of it yet. `first`: nor ever before.
    Starting {
        first: bool,
    },
    Up(Peer<RoleClient>),
    /// A document that was read.
    Read,
    Down {
        why: String,
        since: Instant,
        again: Duration,
    },
}

impl Server {
    pub fn new(name: &str, tenant: &str, place: Place) -> Option<Server> {
        let tools = ArcSwap::from_pointee(Source::mcp(name, &[]).ok()?);
        let (listed, wanted) = (AtomicBool::new(false), Notify::new());
        let (life, _) = watch::channel(Life::Starting { first: true });
        Some(Server { name: name.to_owned(), tenant: tenant.to_owned(), place, tools, listed, life, wanted })
    }

    pub fn tools(&self) -> Arc<Source> {
        self.tools.load_full()
    }

    pub fn has_listed(&self) -> bool {
        self.listed.load(Relaxed)
    }

    pub fn lists(&self, tools: Source) {
        self.tools.store(Arc::new(tools));
        self.listed.store(true, Relaxed);
    }

    pub fn is(&self, life: Life) {
        self.life.send_replace(life);
    }

    pub fn is_up(&self) -> bool {
        matches!(&*self.life.borrow(), Life::Up(peer) if !peer.is_transport_closed())
    }

    /// As people know it: its URL, or `stdio:` and the name of the set.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::Http { url, .. } | Place::Document { url, .. } => {
                url.split(['?', '#']).next().unwrap_or_default().to_owned()
            }
            Place::Command(_) => format!("stdio:{}", self.name),
        }
    }

    pub fn is_command(&self) -> bool {
        matches!(self.place, Place::Command(_))
    }

    pub fn is_document(&self) -> bool {
        matches!(self.place, Place::Document { .. })
    }

    /// What requests to it are sent to, and under which rule.
    pub fn reach(&self) -> Option<(&str, &Arc<Rule>)> {
        match &self.place {
            Place::Http { url, rule } | Place::Document { url, rule, .. } => Some((url, rule)),
            Place::Command(_) => None,
        }
    }

    /// The name of the rule under which it is called.
    pub fn rule(&self) -> String {
        format!("tools {}", self.name)
    }

    /// The same server with the same rights: whoever runs can go on.
    pub fn is_same(&self, other: &Server) -> bool {
        self.name == other.name && self.tenant == other.tenant && self.place.is_same(&other.place)
    }

    /// What it listed before the file changed stands until it lists again.
    pub fn inherit(&self, before: &Server) {
        if before.has_listed() && self.name == before.name && self.shown() == before.shown() {
            self.tools.store(before.tools());
            self.listed.store(true, Relaxed);
        }
    }

    /// Secrets that its file gives to the child; replies are searched for them as for any credential.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let environment = match &self.place {
            Place::Http { .. } | Place::Document { .. } => &[],
            Place::Command(command) => command.environment.as_slice(),
        };
        environment.iter().filter_map(|(_, value)| match value {
            Value::Secret(secret) => Some(secret),
            Value::Plain(_) => None,
        })
    }

    /// Waits for the first attempt to come to something.
    pub async fn settled(&self) {
        let mut life = self.life.subscribe();
        // It fails when the server is gone, for which there is nothing to wait.
        let _ = life.wait_for(|life| !matches!(life, Life::Starting { first: true })).await;
    }

    /// The connection to an MCP server.
    pub async fn ready(&self) -> Result<Peer<RoleClient>, Failure> {
        self.there().await?.ok_or_else(|| self.failed("it is no MCP server"))
    }

    /// Waits while it is being connected, or read. One that is down is tried again once, unless that was a moment ago.
    pub async fn there(&self) -> Result<Option<Peer<RoleClient>>, Failure> {
        let (mut life, mut asked) = (self.life.subscribe(), false);
        loop {
            let now = life.borrow_and_update().clone();
            match now {
                Life::Up(peer) if !peer.is_transport_closed() => return Ok(Some(peer)),
                Life::Read => return Ok(None),
                Life::Down { since, .. } if !asked && since.elapsed() >= Duration::from_millis(MCP_RETRY_MS) => {
                    asked = true;
                    self.wanted.notify_one();
                }
                Life::Down { why, since, again } => {
                    let seconds = again.saturating_sub(since.elapsed()).as_secs() + 1;
                    return Err(self.failed(&format!("{why}; it is tried again within {seconds} s")));
                }
                Life::Starting { .. } | Life::Up(_) => {}
            }
            if life.changed().await.is_err() {
                return Err(self.failed("it is no longer in the tenant's file"));
            }
        }
    }

    /// A failure that says whose it is.
    pub fn failed(&self, why: &str) -> Failure {
        // What to do is told by whoever knows when it is tried again.
        let why = why.replace("; try again later", "");
        let what = if self.is_document() { "no document at" } else { "no reply of the MCP server" };
        let method = if self.is_document() { "GET" } else { "MCP" };
        Failure::tool(format!("{}: {what} {}: {why}", self.name, self.shown())).at(method, &self.shown())
    }
}

impl Place {
    fn is_same(&self, other: &Place) -> bool {
        match (self, other) {
            (Place::Http { url, rule }, Place::Http { url: other_url, rule: other }) => {
                url == other_url && rule.private == other.private && is_same_credential(rule, other)
            }
            (
                Place::Document { url, rule, base },
                Place::Document { url: other_url, rule: other, base: other_base },
            ) => {
                url == other_url
                    && base == other_base
                    && rule.private == other.private
                    && is_same_credential(rule, other)
            }
            (Place::Command(command), Place::Command(other)) => command.is_same(other),
            _ => false,
        }
    }
}

fn is_same_credential(one: &Rule, other: &Rule) -> bool {
    match (&one.credential, &other.credential) {
        (None, None) => true,
        (Some(one), Some(other)) => one.is_same(other),
        _ => false,
    }
}

impl Command {
    fn is_same(&self, other: &Command) -> bool {
        let environment = |command: &Command| -> Vec<(String, Vec<u8>)> {
            let bytes = |value: &Value| value.bytes().to_vec();
            command.environment.iter().map(|(name, value)| (name.clone(), bytes(value))).collect()
        };
        self.program == other.program
            && self.arguments == other.arguments
            && self.folder == other.folder
            && environment(self) == environment(other)
    }
}

impl Value {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Plain(text) => text.as_bytes(),
            Value::Secret(secret) => secret.expose(),
        }
    }
}
