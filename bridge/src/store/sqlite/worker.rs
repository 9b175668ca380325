//! In: work for one connection. Out: its result, when it is done, which for a write means durable.
//! May touch: the database file, on a thread of its own.
//! Security boundary: no.
//!
//! The connection is opened when it is needed and given up when something about it is wrong: a disk that was full or a
//! file that was put back is found again by whoever asks next.

use super::file::{File, Mark};
use crate::store::StoreError;
use mayfly_schemas::limits::{STORE_QUEUE_MAX, STORE_WAIT_MS};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Makes the database when there is none, and looks whether the file is still there after each commit.
    Write,
    /// Where nothing was ever written it finds nothing.
    Read,
}

pub struct Worker {
    queue: Option<mpsc::Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

type Task = Box<dyn FnOnce(&mut Desk) + Send>;

/// What the thread has.
struct Desk {
    file: Arc<File>,
    access: Access,
    open: Option<(Connection, Mark)>,
}

impl Worker {
    pub fn start(name: String, file: Arc<File>, access: Access) -> std::io::Result<Worker> {
        let (queue, mut tasks) = mpsc::channel::<Task>(STORE_QUEUE_MAX);
        let mut desk = Desk { file, access, open: None };
        let work = move || {
            while let Some(task) = tasks.blocking_recv() {
                task(&mut desk);
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Worker { queue: Some(queue), thread: Some(thread) })
    }

    /// `T::default()` is what a reader finds where nothing was ever written.
    pub async fn ask<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        // Nobody may listen any more; what was begun is finished all the same.
        let task: Task = Box::new(move |desk| drop(tell.send(desk.run(work))));
        let gone = || StoreError::Unavailable("its thread is gone".into());
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.try_send(task).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => gone(),
        })?;
        match tokio::time::timeout(Duration::from_millis(STORE_WAIT_MS), told).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(gone()),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no answer within {STORE_WAIT_MS} ms; whether a write took place is not known"
            ))),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn run<T: Default>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = catch_unwind(AssertUnwindSafe(|| self.attempt(work)))
            .unwrap_or_else(|_| Err(StoreError::Unavailable("it broke down at this".into())));
        if let Err(error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_) | StoreError::Full(_))) = &result {
            tracing::error!(file = %self.file.path().display(), %error, "store");
            self.open = None;
        }
        result
    }

    fn attempt<T: Default>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let now = self.file.mark();
        // Another file stands there now, or none: what we hold open is nobody's any more.
        self.open.take_if(|(_, mark)| Some(*mark) != now);
        if self.open.is_none() {
            match (now, self.access) {
                (None, Access::Read) if !self.file.was_there() => return Ok(T::default()),
                (None, _) if self.file.was_there() => return Err(self.file.gone()),
                _ => {}
            }
            self.open = Some(self.file.open()?);
        }
        let Some((connection, mark)) = &mut self.open else { return Err(self.file.gone()) };
        let result = work(connection)?;
        if self.access == Access::Write && !self.file.holds(*mark) {
            // What earlier commits left in a log that has no name any more still reaches the database from here.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
            self.file.give_up();
            return Err(self.file.gone());
        }
        Ok(result)
    }
}
