//! In: runs with large parts, and a place for these. Out: they come back, once; what is missing is told; nothing is left over.
//! May touch: the tests' PostgreSQL, temporary folders, loopback.
//! Security boundary: no.

use super::super::parked_cases::{NOW, conflict, place, row, state};
use super::{BOUNDS, options};
use crate::harness::postgres::{shared, sql};
use crate::harness::run;
use mayfly_bridge::store::StoreError;
use mayfly_bridge::store::durable::{DurableRuns, Last};
use mayfly_bridge::store::parked::{ParkedRuns, Row, State};
use mayfly_bridge::store::postgres::{Options, PostgresStore};
use mayfly_bridge::store::scripts::Bounds;
use mayfly_schemas::limits::STORE_OBJECT_BYTES_MIN;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn large(run: &str, sequence: u64) -> Row {
    Row { image: vec![sequence as u8; STORE_OBJECT_BYTES_MIN], ..row("acme", run, sequence) }
}

fn open(address: &str, folder: Option<&Path>) -> Arc<PostgresStore> {
    let objects = folder.map(|folder| format!("file://{}", folder.display()));
    let bounds = Bounds { parked_bytes: 100_000_000, ..BOUNDS };
    Arc::new(PostgresStore::open(Options { objects, bounds, ..options(address) }).unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Objects go after the answer.
async fn until_there_are(count: usize, folder: &Path) {
    let began = Instant::now();
    while files(folder).len() != count {
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", files(folder));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn what_is_large_lies_in_the_folder_while_a_row_names_it() {
    let Some(server) = shared() else { return };
    run(async {
        let (address, folder) = (server.database(), tempfile::tempdir().unwrap());
        let store = open(&address, Some(&folder.path().join("objects")));
        store.park(large("run_1", 1), 1, NOW).await.unwrap();
        store.park(row("acme", "run_2", 1), 1, NOW).await.unwrap();
        let found = files(folder.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].parent().unwrap().ends_with("objects/acme/run_1"), "{found:?}");
        let told = "SELECT length(image), image_object IS NULL, bytes > 1000000 FROM mayfly.parked_runs ORDER BY run";
        assert_eq!(sql(&address, told), [["0", "f", "t"], ["21", "t", "f"]]);
        // Another node, with the same folder.
        let other = open(&address, Some(&folder.path().join("objects")));
        assert_eq!(other.take(place("acme", "run_1"), 1, 7, NOW).await, Ok(large("run_1", 1)));
        until_there_are(0, folder.path()).await;
        other.park(large("run_1", 2), 7, NOW).await.unwrap();
        until_there_are(1, folder.path()).await;
        store.forget(place("acme", "run_1"), 2).await.unwrap();
        until_there_are(0, folder.path()).await;
        // What is refused leaves nothing.
        assert_eq!(store.park(large("run_2", 1), 1, NOW).await, Err(conflict(1)));
        until_there_are(0, folder.path()).await;
        // Nor what nobody is told of any more.
        store.park(large("run_3", 1), 1, NOW).await.unwrap();
        store.park(row("acme", "run_4", 1), 1, NOW + 5_000).await.unwrap();
        until_there_are(0, folder.path()).await;
    });
}

#[test]
fn a_durable_run_keeps_its_objects_until_it_has_ended() {
    let Some(server) = shared() else { return };
    run(async {
        let (address, folder) = (server.database(), tempfile::tempdir().unwrap());
        let store = open(&address, Some(folder.path()));
        let at = || place("acme", "run_1");
        let durable = |sequence| Row { durable: true, ..large("run_1", sequence) };
        store.begin(durable(1), 7, NOW).await.unwrap();
        store.park(durable(2), 7, NOW).await.unwrap();
        until_there_are(1, folder.path()).await;
        assert_eq!(store.take(at(), 2, 8, NOW).await, Ok(durable(2)));
        // It lets go of it, and takes it up again.
        store.lose(at(), 8, NOW).await.unwrap();
        assert_eq!(store.adopt(at(), 2, 9).await.unwrap().row, durable(2));
        let tape = vec![7; STORE_OBJECT_BYTES_MIN];
        let last = Last { sequence: 2, state: State::Completed, head: vec![1], tape, gone_at_ms: NOW + 9 };
        store.finish(at(), last.clone(), 9).await.unwrap();
        until_there_are(1, folder.path()).await;
        assert_eq!(store.tape(at(), NOW).await.unwrap().unwrap().bytes, last.tape);
        store.park(row("acme", "run_2", 1), 1, NOW + 9).await.unwrap();
        until_there_are(0, folder.path()).await;
        assert_eq!(store.tape(at(), NOW).await, Ok(None));
    });
}

#[test]
fn an_object_that_is_missing_is_told_and_the_run_is_not_given_away() {
    let Some(server) = shared() else { return };
    run(async {
        let (address, folder) = (server.database(), tempfile::tempdir().unwrap());
        let place_of = folder.path().join("objects");
        let store = open(&address, Some(&place_of));
        store.park(large("run_1", 1), 1, NOW).await.unwrap();
        let take = || store.take(place("acme", "run_1"), 1, 7, NOW);
        let away = folder.path().join("away");
        // The folder, which may come back, and the file, which was lost.
        std::fs::rename(&place_of, &away).unwrap();
        let gone = take().await.unwrap_err();
        assert!(matches!(&gone, StoreError::Unavailable(text) if text.contains("folder of objects")), "{gone}");
        assert!(matches!(store.park(large("run_2", 1), 1, NOW).await, Err(StoreError::Unavailable(_))));
        assert!(!place_of.exists(), "an empty one would hide the loss");
        store.park(row("acme", "run_3", 1), 1, NOW).await.unwrap();
        std::fs::rename(&away, &place_of).unwrap();
        let object = files(&place_of).remove(0);
        let content = std::fs::read(&object).unwrap();
        std::fs::remove_file(&object).unwrap();
        assert!(matches!(take().await, Err(StoreError::Corrupt(_))));
        let any: Arc<dyn mayfly_bridge::store::Store> = store.clone();
        assert_eq!(state(&any, "run_1", NOW).await, Some(State::Parked));
        // A node that was told of no folder.
        let refused = open(&address, None).take(place("acme", "run_1"), 1, 7, NOW).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("`objects`")), "{refused}");
        std::fs::write(&object, content).unwrap();
        assert_eq!(take().await, Ok(large("run_1", 1)));
    });
}

#[test]
fn objects_that_no_row_names_are_removed_when_they_are_old() {
    let Some(server) = shared() else { return };
    run(async {
        let (address, folder) = (server.database(), tempfile::tempdir().unwrap());
        let store = open(&address, Some(folder.path()));
        store.park(large("run_1", 1), 1, NOW).await.unwrap();
        store.park(large("run_2", 1), 1, NOW).await.unwrap();
        // As if a process had died before it removed it.
        sql(&address, "DELETE FROM mayfly.parked_runs WHERE run = 'run_2'");
        assert_eq!(store.sweep_objects(Duration::from_secs(3_600)).await, Ok(0));
        assert_eq!(store.sweep_objects(Duration::ZERO).await, Ok(1));
        assert_eq!(files(folder.path()).len(), 1);
        assert_eq!(store.take(place("acme", "run_1"), 1, 7, NOW).await, Ok(large("run_1", 1)));
    });
}
