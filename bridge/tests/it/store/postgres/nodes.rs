//! In: several processes that share a database, one of which is cut off. Out: its runs are lost, and it writes nothing any more.
//! May touch: the tests' PostgreSQL.
//! Security boundary: no.

use super::super::parked_cases::{NOW, conflict, place, row, state};
use super::{open, options};
use crate::harness::postgres::{shared, sql};
use crate::harness::run;
use mayfly_bridge::store::Store;
use mayfly_bridge::store::durable::Last;
use mayfly_bridge::store::parked::{ParkedRuns, Row, State};
use mayfly_bridge::store::postgres::{Options, PostgresStore};
use std::sync::Arc;
use std::time::Duration;

const LEASE_MS: u64 = 600;
const NEVER_MS: u64 = 3_600_000;

fn node(address: &str, lease_ms: u64, renew_ms: u64) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(Options { lease_ms, renew_ms, ..options(address) }).unwrap())
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[test]
fn a_process_that_is_cut_off_loses_its_runs_and_writes_nothing_any_more() {
    let Some(server) = shared() else { return };
    run(async {
        let address = server.database();
        let (silent, other) = (node(&address, LEASE_MS, NEVER_MS), node(&address, LEASE_MS, LEASE_MS / 4));
        for name in ["run_1", "run_2", "run_3"] {
            other.park(row("acme", name, 1), 1, NOW).await.unwrap();
        }
        for name in ["run_1", "run_2"] {
            silent.take(place("acme", name), 1, 7, NOW).await.unwrap();
            assert_eq!(state(&other, name, NOW).await, Some(State::Taken));
        }
        assert_eq!(other.forget(place("acme", "run_1"), 1).await, Err(conflict(1)));
        other.take(place("acme", "run_3"), 1, 7, NOW).await.unwrap();
        pass(LEASE_MS + 100).await;
        for store in [&silent, &other] {
            assert_eq!(state(store, "run_1", NOW).await, Some(State::Lost));
            assert_eq!(state(store, "run_3", NOW).await, Some(State::Taken), "its process says that it lives");
        }
        // It does not know yet, and has the right number.
        assert_eq!(silent.park(row("acme", "run_1", 2), 7, NOW).await, Err(conflict(1)));
        silent.end(place("acme", "run_2"), 7).await.unwrap();
        silent.lose(place("acme", "run_2"), 7, NOW + 50).await.unwrap();
        assert_eq!(state(&other, "run_2", NOW + 60).await, Some(State::Lost), "neither ended nor told as lost by it");
        // Alive again under another name; what the old one held stays lost.
        other.park(row("acme", "run_4", 1), 1, NOW).await.unwrap();
        silent.take(place("acme", "run_4"), 1, 7, NOW).await.unwrap();
        assert_eq!(state(&other, "run_4", NOW).await, Some(State::Taken));
        assert_eq!(state(&other, "run_1", NOW).await, Some(State::Lost));
        assert_eq!(silent.park(row("acme", "run_2", 2), 7, NOW).await, Err(conflict(1)));
        other.forget(place("acme", "run_1"), 1).await.unwrap();
        other.park(row("acme", "run_3", 2), 7, NOW).await.unwrap();
    });
}

#[test]
fn a_durable_run_of_a_process_that_is_cut_off_goes_on_elsewhere() {
    let Some(server) = shared() else { return };
    run(async {
        let address = server.database();
        let (silent, other) = (node(&address, LEASE_MS, NEVER_MS), node(&address, LEASE_MS, LEASE_MS / 4));
        let durable = Row { durable: true, ..row("acme", "run_1", 1) };
        let at = || place("acme", "run_1");
        silent.begin(durable.clone(), 7, NOW).await.unwrap();
        silent.append(at(), 1, 1, b"one".to_vec(), 7).await.unwrap();
        assert_eq!(other.orphans(9).await.unwrap().len(), 0);
        assert_eq!(other.adopt(at(), 1, 8).await, Err(conflict(1)));
        pass(LEASE_MS + 100).await;
        assert_eq!(state(&other, "run_1", NOW).await, Some(State::Orphan));
        assert_eq!(other.orphans(9).await.unwrap().len(), 1);
        // Whoever is quicker: what it writes late is not there.
        assert_eq!(silent.append(at(), 1, 2, b"late".to_vec(), 7).await, Err(conflict(1)));
        let adopted = other.adopt(at(), 1, 7).await.unwrap();
        assert_eq!((adopted.row, adopted.entries), (durable, vec![(1, b"one".to_vec())]));
        let last = Last { sequence: 1, state: State::Failed, head: vec![1], tape: vec![2], gone_at_ms: NOW + 9 };
        assert_eq!(silent.append(at(), 1, 2, b"late".to_vec(), 7).await, Err(conflict(1)));
        assert_eq!(silent.finish(at(), last.clone(), 7).await, Err(conflict(1)));
        other.append(at(), 1, 2, b"two".to_vec(), 7).await.unwrap();
        other.finish(at(), last, 7).await.unwrap();
        assert_eq!(state(&silent, "run_1", NOW).await, Some(State::Failed));
    });
}

#[test]
fn a_process_that_was_found_dead_is_dead_though_the_clock_goes_back() {
    let Some(server) = shared() else { return };
    run(async {
        let address = server.database();
        let (one, other) = (node(&address, 60_000, 100), node(&address, 60_000, 100));
        for name in ["run_1", "run_2"] {
            one.park(row("acme", name, 1), 1, NOW).await.unwrap();
            one.take(place("acme", name), 1, 7, NOW).await.unwrap();
        }
        // As if the clock were ahead for a moment, in which somebody acts on it.
        let ahead = "UPDATE mayfly.nodes SET expires_at = now() - interval '1 second'";
        let back = "UPDATE mayfly.nodes SET expires_at = now() + interval '1 hour'";
        sql(&address, ahead);
        other.forget(place("acme", "run_1"), 1).await.unwrap();
        sql(&address, back);
        assert_eq!(state(&other, "run_2", NOW).await, Some(State::Lost));
        assert_eq!(one.park(row("acme", "run_2", 2), 7, NOW).await, Err(conflict(1)));
    });
}

#[test]
fn a_process_that_ends_in_order_lets_go_at_once() {
    let Some(server) = shared() else { return };
    run(async {
        let address = server.database();
        let (one, other) = (node(&address, 60_000, NEVER_MS), node(&address, 60_000, NEVER_MS));
        one.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
        one.take(place("acme", "run_1"), 1, 7, NOW).await.unwrap();
        assert_eq!(state(&other, "run_1", NOW).await, Some(State::Taken));
        drop(one);
        assert_eq!(state(&other, "run_1", NOW).await, Some(State::Lost));
        assert_eq!(sql(&address, "SELECT node FROM mayfly.nodes").len(), 0);
    });
}

#[test]
fn nodes_that_begin_at_once_make_one_schema() {
    let Some(server) = shared() else { return };
    run(async {
        let address = server.database();
        let nodes: Vec<_> = (0..6).map(|_| open(&address)).collect();
        let writes = (0..)
            .zip(&nodes)
            .map(|(number, node)| async move { super::put(node, "hello", &format!("{number}")).await.unwrap() });
        let mut versions = futures::future::join_all(writes).await;
        versions.sort_unstable();
        assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
        let migrations = sql(&address, "SELECT version FROM mayfly.schema_version ORDER BY version");
        assert_eq!(migrations.concat(), ["1", "2", "3"]);
        for taker in ["run_1", "run_2"] {
            nodes[0].park(row("acme", taker, 1), 1, NOW).await.unwrap();
            let takers = nodes.iter().map(|node| node.take(place("acme", taker), 1, 7, NOW));
            let taken = futures::future::join_all(takers).await;
            assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1, "{taken:?}");
        }
    });
}
