//! In: a SQLite store on disks and files that fail. Out: refusals that say so, and everything that was acknowledged.
//! May touch: temporary folders.
//! Security boundary: no; holds the tests of `store/sqlite`.

use super::{BOUNDS, always, author, content, key, suite};
use crate::harness::run;
use mayfly_bridge::store::scripts::Scripts;
use mayfly_bridge::store::sqlite::{Options, SqliteStore};
use mayfly_bridge::store::{Store, StoreError};
use mayfly_schemas::limits::{STORE_BUSY_MS, STORE_QUEUE_MAX};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

suite!(some);

fn some() -> Option<(Arc<dyn Store>, tempfile::TempDir)> {
    Some(fresh())
}

fn fresh() -> (Arc<dyn Store>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(&folder.path().join("state")));
    (store, folder)
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(Options { bounds: BOUNDS, ..Options::new(folder) }).unwrap()
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("state/mayfly.db")
}

async fn put(store: &dyn Store, name: &str, text: &str) -> Result<u64, StoreError> {
    store.put(key("acme", name), content(text), always(), author()).await.map(|written| written.info.version)
}

async fn current(store: &dyn Store, name: &str) -> Result<Option<u64>, StoreError> {
    store.info(key("acme", name), None).await.map(|info| info.map(|info| info.version))
}

/// Another connection, as `sqlite3` on the command line would be one.
fn another(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

#[test]
fn nothing_is_made_before_the_first_write_and_then_for_its_owner_alone() {
    run(async {
        let (store, folder) = fresh();
        assert_eq!(current(&*store, "hello").await, Ok(None));
        assert_eq!(store.list("acme".into(), String::new(), 9).await, Ok(Vec::new()));
        assert!(!folder.path().join("state").exists(), "a reader made it");
        put(&*store, "hello", "1").await.unwrap();
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path().join("state")), 0o700);
        let names = std::fs::read_dir(folder.path().join("state")).unwrap().flatten();
        let modes: Vec<_> = names.map(|entry| (entry.file_name(), mode(entry.path()))).collect();
        assert!(modes.len() >= 2 && modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
    });
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    run(async {
        let (store, folder) = fresh();
        put(&*store, "hello", "1").await.unwrap();
        put(&*store, "hello", "2").await.unwrap();
        drop(store);
        let log = folder.path().join("state/mayfly.db-wal");
        assert!(!log.exists(), "an orderly end leaves one file");
        let store = open(&folder.path().join("state"));
        assert_eq!(current(&store, "hello").await, Ok(Some(2)));
        // Not ended in order: files as a crash would leave them.
        let copy = tempfile::tempdir().unwrap();
        put(&store, "hello", "3").await.unwrap();
        for entry in std::fs::read_dir(folder.path().join("state")).unwrap().flatten() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        assert_eq!(current(&open(copy.path()), "hello").await, Ok(Some(3)));
    });
}

#[test]
fn garbage_in_the_place_of_the_database_is_told_and_left_alone() {
    run(async {
        let (store, folder) = fresh();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        let garbage = b"this is no database\n".repeat(1_000);
        std::fs::write(file(&folder), &garbage).unwrap();
        for _ in 0..2 {
            assert!(matches!(put(&*store, "hello", "1").await, Err(StoreError::Corrupt(_))));
            assert!(matches!(current(&*store, "hello").await, Err(StoreError::Corrupt(_))));
        }
        assert_eq!(std::fs::read(file(&folder)).unwrap(), garbage);
        // Put away by the operator: without a restart it goes on.
        std::fs::rename(file(&folder), folder.path().join("garbage")).unwrap();
        assert_eq!(put(&*store, "hello", "1").await, Ok(1));
        assert_eq!(current(&*store, "hello").await, Ok(Some(1)));
    });
}

#[test]
fn a_text_that_was_overwritten_is_not_run_and_the_rest_goes_on() {
    run(async {
        let (store, folder) = fresh();
        for name in ["a", "b"] {
            put(&*store, name, &name.repeat(500_000)).await.unwrap();
        }
        drop(store);
        let mut bytes = std::fs::read(file(&folder)).unwrap();
        // Inside the text of `a`: SQLite itself has no way to notice.
        let at = bytes.windows(64).position(|window| window.iter().all(|byte| *byte == b'a')).unwrap();
        let page = (at + 100_000).next_multiple_of(4_096);
        bytes[page + 100..page + 1_100].fill(b'?');
        std::fs::write(file(&folder), bytes).unwrap();
        let store = open(&folder.path().join("state"));
        let info = store.info(key("acme", "a"), None).await.unwrap().unwrap();
        assert!(matches!(store.content("acme".into(), info.digest).await, Err(StoreError::Corrupt(_))));
        let info = store.info(key("acme", "b"), None).await.unwrap().unwrap();
        assert!(store.content("acme".into(), info.digest).await.unwrap().is_some());
        assert_eq!(put(&store, "a", "repaired").await, Ok(2));
    });
}

#[test]
fn a_database_of_something_else_or_of_a_newer_version_is_refused() {
    for (prepare, words) in [
        ("CREATE TABLE theirs (a)", "database of something else"),
        (
            "CREATE TABLE schema_version (version INTEGER, applied_at_ms INTEGER); INSERT INTO schema_version VALUES (99, 0)",
            "schema 99, made by a newer Mayfly",
        ),
    ] {
        run(async {
            let (store, folder) = fresh();
            std::fs::create_dir(folder.path().join("state")).unwrap();
            another(&file(&folder)).execute_batch(prepare).unwrap();
            let refused = put(&*store, "hello", "1").await.unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
            let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
            let tables: i64 = another(&file(&folder)).query_row(tables, (), |row| row.get(0)).unwrap();
            assert_eq!(tables, 1, "it was written to");
        });
    }
}

#[test]
fn a_full_disk_refuses_the_write_and_loses_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { bounds: BOUNDS, pages_max: Some(100), ..Options::new(folder.path()) };
        let store = SqliteStore::open(options).unwrap();
        assert_eq!(put(&store, "hello", &"a".repeat(100_000)).await, Ok(1));
        for _ in 0..2 {
            let full = put(&store, "hello", &"b".repeat(400_000)).await;
            assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
            assert_eq!(current(&store, "hello").await, Ok(Some(1)));
        }
        assert_eq!(put(&store, "small", "c").await, Ok(1), "what fits goes in");
        store.delete(key("acme", "hello"), always()).await.unwrap();
        assert_eq!(put(&store, "hello", &"b".repeat(200_000)).await, Ok(1), "room that was made is used");
        drop(store);
        assert_eq!(current(&open(folder.path()), "small").await, Ok(Some(1)));
    });
}

#[test]
fn a_place_that_cannot_be_written_is_told_and_found_again() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        // A file where the folder should be: neither root nor anybody else can make it.
        std::fs::write(&state, "x").unwrap();
        let store = open(&state);
        let refused = put(&store, "hello", "1").await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("mayfly.db")), "{refused}");
        std::fs::remove_file(&state).unwrap();
        std::fs::create_dir_all(state.join("mayfly.db")).unwrap();
        assert!(matches!(put(&store, "hello", "1").await, Err(StoreError::Unavailable(_))));
        assert!(matches!(current(&store, "hello").await, Err(StoreError::Unavailable(_))));
        std::fs::remove_dir(state.join("mayfly.db")).unwrap();
        assert_eq!(put(&store, "hello", "1").await, Ok(1));
    });
}

#[test]
fn a_database_that_is_taken_away_is_missed_and_found_again() {
    run(async {
        let (store, folder) = fresh();
        put(&*store, "hello", "1").await.unwrap();
        let away = folder.path().join("away.db");
        std::fs::rename(file(&folder), &away).unwrap();
        for _ in 0..2 {
            assert!(matches!(put(&*store, "hello", "2").await, Err(StoreError::Unavailable(_))));
            assert!(matches!(current(&*store, "hello").await, Err(StoreError::Unavailable(_))));
        }
        assert!(!file(&folder).exists(), "an empty one would hide the loss");
        std::fs::rename(&away, file(&folder)).unwrap();
        assert_eq!(current(&*store, "hello").await, Ok(Some(1)));
        assert_eq!(put(&*store, "hello", "2").await, Ok(2));
    });
}

#[test]
fn a_log_that_is_taken_away_costs_nothing_that_was_acknowledged() {
    run(async {
        let (store, folder) = fresh();
        put(&*store, "hello", "1").await.unwrap();
        assert_eq!(current(&*store, "hello").await, Ok(Some(1)));
        std::fs::remove_file(folder.path().join("state/mayfly.db-wal")).unwrap();
        let lost = put(&*store, "hello", "2").await;
        assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        let next = put(&*store, "hello", "3").await.unwrap();
        assert_eq!(current(&*store, "hello").await, Ok(Some(next)));
        drop(store);
        let store = open(&folder.path().join("state"));
        assert_eq!(current(&store, "hello").await, Ok(Some(next)));
        let sound: String = another(&file(&folder)).query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    });
}

#[test]
fn a_lock_is_waited_for_and_not_for_ever() {
    run(async {
        let (store, folder) = fresh();
        put(&*store, "hello", "1").await.unwrap();
        let other = another(&file(&folder));
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = Instant::now();
        let refused = put(&*store, "hello", "2").await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("another process")), "{refused}");
        assert!(began.elapsed() < Duration::from_millis(3 * STORE_BUSY_MS), "{:?}", began.elapsed());
        assert_eq!(current(&*store, "hello").await, Ok(Some(1)), "readers go on");
        // Far more than may wait is refused at once.
        let writes: Vec<_> = (0..2 * STORE_QUEUE_MAX).map(|_| put(&*store, "hello", "3")).collect();
        let waiting = futures::future::join_all(writes);
        let release = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            other.execute_batch("ROLLBACK").unwrap();
        };
        let (results, ()) = futures::future::join(waiting, release).await;
        let refused = results.iter().filter(|result| **result == Err(StoreError::Overloaded)).count();
        let stored = results.iter().filter(|result| **result == Ok(2)).count();
        assert!(refused > 0 && stored >= STORE_QUEUE_MAX && refused + stored == results.len(), "{refused} {stored}");
    });
}
