//! In: an admitted job whose types are to be checked. Out: what the checker says about its script.
//! May touch: the bridge, for declarations of the tenant's tools; connections to the checker, which are handed in.
//! Security boundary: no. The script goes to a process that holds nothing; what comes back is text for its author.

mod catalogues;

pub use catalogues::Catalogue;

use crate::bridge::{Asker, Bridge, DoorError, Session, Wanted};
use crate::prepare::{Programs, Script};
use crate::run::{Job, Told};
use catalogues::Catalogues;
use mayfly_checker::limits::LINES_IDLE_MAX;
use mayfly_checker::{Ask, Module, Verdict};
use std::cell::RefCell;
use std::io::Result;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

/// How a runtime comes to its checker.
#[derive(Clone, Debug)]
pub enum Access {
    /// There is none, for this reason.
    Absent(String),
    /// Connections are asked for, as those to the bridge are.
    HandedIn(mpsc::Sender<Wanted>),
}

/// What a run may call, besides all that its tenant has.
#[derive(Debug, Default)]
pub struct ToCheck {
    /// TypeScript of the tools that its caller answers.
    pub external: String,
    /// Of the tenant's tools, those that it was left.
    pub left: Option<Vec<String>>,
}

/// One for a worker thread.
pub struct CheckDesk {
    access: Access,
    programs: Programs,
    catalogues: Catalogues,
    /// Connections on which nothing goes on.
    idle: RefCell<Vec<UnixStream>>,
}

impl CheckDesk {
    pub fn new(access: Access, programs: Programs) -> CheckDesk {
        CheckDesk { access, programs, catalogues: Catalogues::default(), idle: RefCell::default() }
    }

    pub fn is_installed(&self) -> bool {
        matches!(self.access, Access::HandedIn(_))
    }

    /// `None` for what does not compile: the run will say so, in better words.
    pub async fn check(
        &self,
        bridge: &Bridge,
        asker: Asker<'_>,
        session: &Session,
        job: &Job,
        to_check: ToCheck,
    ) -> std::result::Result<Option<Told>, DoorError> {
        if self.is_installed()
            && self.programs.prepare(&job.tenant, &job.script, job.limits.source_bytes).await.is_err()
        {
            return Ok(None);
        }
        let began = Instant::now();
        let verdict = match &self.access {
            Access::Absent(reason) => Verdict::NotChecked(reason.clone()),
            Access::HandedIn(asks) => {
                // Whose tools they are is what the bridge says now, not what was remembered of this token.
                let admission = session.admission().await?;
                let ToCheck { external, left } = to_check;
                let catalogue = match left {
                    None => self.catalogues.of(bridge, asker, &admission).await?,
                    Some(left) => Rc::new(Catalogue::new(bridge.tool_declarations(asker, Some(&left)).await?)),
                };
                let ask = Ask { external, ..ask(&job.tenant, &job.script, &catalogue) };
                self.within(job, self.ask(asks, ask, &catalogue.declarations)).await
            }
        };
        Ok(Some(Told { verdict, took: began.elapsed() }))
    }

    /// The run's wall clock holds for its check too.
    async fn within(&self, job: &Job, asking: impl Future<Output = Result<Verdict>>) -> Verdict {
        let wall = Duration::from_millis(job.limits.wall_ms).saturating_sub(job.began.elapsed());
        match tokio::time::timeout(wall, asking).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => {
                tracing::error!(%error, "the type checker does not answer");
                Verdict::NotChecked("the type checker does not answer".into())
            }
            Err(_) => Verdict::NotChecked("the run's wall clock ended before the type checker".into()),
        }
    }

    /// A connection may have ended since it was used, with the checker that had it: then another one is asked for.
    async fn ask(&self, asks: &mpsc::Sender<Wanted>, ask: Ask, declarations: &str) -> Result<Verdict> {
        let kept = self.idle.borrow_mut().pop();
        if let Some(mut stream) = kept
            && let Ok(verdict) = mayfly_checker::serve::ask(&mut stream, ask.clone(), declarations).await
        {
            self.keep(stream);
            return Ok(verdict);
        }
        let mut stream = connect(asks).await?;
        let verdict = mayfly_checker::serve::ask(&mut stream, ask, declarations).await?;
        self.keep(stream);
        Ok(verdict)
    }

    fn keep(&self, stream: UnixStream) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < LINES_IDLE_MAX {
            idle.push(stream);
        }
    }
}

/// What the checker is asked about a script.
pub fn ask(tenant: &str, script: &Script, catalogue: &Catalogue) -> Ask {
    let module =
        |module: &crate::prepare::ModuleText| Module { name: module.name.clone(), source: module.source.clone() };
    let modules = script.modules.iter().map(module).collect();
    Ask {
        tenant: tenant.to_owned(),
        catalogue: catalogue.digest.clone(),
        declarations: None,
        external: String::new(),
        modules,
    }
}

async fn connect(asks: &mpsc::Sender<Wanted>) -> Result<UnixStream> {
    let gone = || std::io::Error::other("nobody hands connections in any more");
    let (wanted, given) = oneshot::channel();
    asks.send(wanted).await.map_err(|_| gone())?;
    UnixStream::from_std(given.await.map_err(|_| gone())??)
}
