//! In: processes that share a database. Out: whether one of them is still there.
//! May touch: the folder `holders` beside the database: one empty file for each process, which it has locked while it lives.
//! Security boundary: no.
//!
//! The kernel gives a lock back when its process ends, however it does. Rejected: a time until which a process is believed to
//! live, after which a run is told as lost 15 seconds too late, or too early on a machine that slept.

use crate::store::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub struct Holders {
    folder: PathBuf,
    /// This process: its name, and its file once it holds something.
    own: String,
    file: Mutex<Option<File>>,
}

impl Holders {
    pub fn new(state: &Path) -> std::io::Result<Holders> {
        let mut name = [0; 16];
        getrandom::fill(&mut name).map_err(std::io::Error::other)?;
        let own = name.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Holders { folder: state.join("holders"), own, file: Mutex::default() })
    }

    /// The name of this process, which is known to be alive from now on.
    pub fn own(&self) -> Result<&str, StoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = Some(self.lock().map_err(|error| StoreError::Unavailable(format!("holders: {error}")))?);
        }
        Ok(&self.own)
    }

    fn lock(&self) -> std::io::Result<File> {
        super::make_folder(&self.folder)?;
        self.sweep();
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.path(&self.own))?;
        file.lock()?;
        Ok(file)
    }

    pub fn is_alive(&self, process: &str) -> bool {
        !process.is_empty() && (process == self.own || self.is_locked(&self.path(process)))
    }

    fn is_locked(&self, path: &Path) -> bool {
        match File::open(path) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            // A file that cannot be opened for another reason tells nothing; who is held for dead goes on writing.
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }

    fn path(&self, process: &str) -> PathBuf {
        // Names come from the database; no path does.
        let safe = process.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.folder.join(if safe { process } else { "-" })
    }

    /// Files of processes that are gone.
    fn sweep(&self) {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if !self.is_locked(&entry.path()) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Holders {
    fn drop(&mut self) {
        let held = self.file.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if held.is_some() {
            let _ = std::fs::remove_file(self.path(&self.own));
        }
    }
}
