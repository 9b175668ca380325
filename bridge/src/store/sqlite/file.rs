//! In: the folder `state`. Out: connections to the database in it, in the newest schema.
//! May touch: that folder and that file, which only this user may read.
//! Security boundary: yes: file modes; and a file that is no database of ours is left alone.

use crate::store::StoreError;
use mayfly_schemas::limits::{MIB, STORE_BUSY_MS};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Each brings a database of the version before, which is its place in this list, to its own. Never changed, only added to.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_scripts.sql"),
    include_str!("migrations/0002_parked.sql"),
    include_str!("migrations/0003_durable.sql"),
];

const FILE: &str = "mayfly.db";
/// What is left of the write-ahead log after a checkpoint.
const LOG_BYTES_KEPT: u64 = 16 * MIB;

/// Which file a connection was opened on: device, inode, and how often everybody was told to open it anew.
pub type Mark = (u64, u64, u64);

pub struct File {
    path: PathBuf,
    pages_max: Option<u32>,
    /// This process has had it open: when it is not there now, somebody took it away.
    was_there: AtomicBool,
    epoch: AtomicU64,
}

impl File {
    pub fn new(folder: &Path, pages_max: Option<u32>) -> File {
        File { path: folder.join(FILE), pages_max, was_there: AtomicBool::new(false), epoch: AtomicU64::new(0) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn mark(&self) -> Option<Mark> {
        let found = std::fs::metadata(&self.path).ok()?;
        Some((found.dev(), found.ino(), self.epoch.load(Relaxed)))
    }

    pub fn was_there(&self) -> bool {
        self.was_there.load(Relaxed)
    }

    /// Whether what was committed to the file of this mark can be found again: it and its log are where they were.
    pub fn holds(&self, mark: Mark) -> bool {
        self.mark() == Some(mark) && self.log().exists()
    }

    /// Every connection opened so far is given up before its next use: a log that was taken away and one made in its place
    /// must not be used side by side.
    pub fn give_up(&self) {
        self.epoch.fetch_add(1, Relaxed);
    }

    /// Not made anew: an empty database in the place of a lost one would hide the loss.
    pub fn gone(&self) -> StoreError {
        StoreError::Unavailable(
            "the database was taken away; put it back with its -wal file, or start again to begin a new one".into(),
        )
    }

    /// Opens the database; one that is not there is made, for this user alone.
    pub fn open(&self) -> Result<(Connection, Mark), StoreError> {
        self.make().map_err(|error| StoreError::Unavailable(format!("{}: {error}", self.path.display())))?;
        let mark = self.mark().ok_or_else(|| self.gone())?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        self.configure(&connection)?;
        migrate(&mut connection)?;
        self.was_there.store(true, Relaxed);
        Ok((connection, mark))
    }

    fn log(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        name.into()
    }

    fn make(&self) -> std::io::Result<()> {
        make_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        // SQLite would take the umask's word for it. Its log gets the mode of the database.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        match file.metadata()?.mode() & 0o077 {
            0 => Ok(()),
            _ => file.set_permissions(Permissions::from_mode(0o600)),
        }
    }

    fn configure(&self, connection: &Connection) -> Result<(), StoreError> {
        connection.busy_timeout(Duration::from_millis(STORE_BUSY_MS))?;
        // A file that somebody prepared cannot run SQL functions or write to the schema.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::Unavailable(format!("the file system allows no write-ahead log (it is {mode})")));
        }
        // FULL: a commit is on the disk before it is acknowledged.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT as i64)?;
        if let Some(pages) = self.pages_max {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(())
    }
}

/// Folders are made for this user alone, and their entries are on the disk before anything in them is promised.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(parent)?.sync_all()
}

/// To the newest schema, in one transaction. A database of a newer Mayfly, or of something else, is refused.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker.
    let have = version(&transaction)?;
    if have > MIGRATIONS.len() {
        let known = MIGRATIONS.len();
        let text = format!("it has schema {have}, made by a newer Mayfly; this one knows up to {known}");
        return Err(StoreError::Unavailable(text));
    }
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at_ms INTEGER NOT NULL) STRICT",
    )?;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    for (number, migration) in (1_i64..).zip(MIGRATIONS).skip(have) {
        transaction.execute_batch(migration)?;
        transaction.execute("INSERT INTO schema_version VALUES (?1, ?2)", (number, now_ms))?;
    }
    transaction.commit()?;
    Ok(())
}

/// 0 for an empty database.
fn version(connection: &Connection) -> Result<usize, StoreError> {
    let names = "SELECT count(*), coalesce(sum(name = 'schema_version'), 0) FROM sqlite_schema WHERE type = 'table'";
    match connection.query_row(names, (), |row| Ok((row.get(0)?, row.get(1)?)))? {
        (0_i64, _) => Ok(0),
        (_, 0_i64) => Err(StoreError::Unavailable("it is the database of something else".into())),
        _ => {
            let highest = "SELECT coalesce(max(version), 0) FROM schema_version";
            let version: i64 = connection.query_row(highest, (), |row| row.get(0))?;
            usize::try_from(version).map_err(|_| StoreError::Corrupt(format!("its schema is {version}")))
        }
    }
}
