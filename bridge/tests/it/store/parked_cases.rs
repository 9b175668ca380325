//! In: an empty store. Out: nothing, or a panic that says which promise about parked runs it broke.
//! May touch: the store it is given.
//! Security boundary: no.

use super::BOUNDS;
use mayfly_bridge::store::parked::{Head, Place, Row, State};
use mayfly_bridge::store::{Store, StoreError};
use std::sync::Arc;

type Any = Arc<dyn Store>;

pub const NOW: u64 = 1_700_000_000_000;

pub fn place(tenant: &str, run: &str) -> Place {
    Place { tenant: tenant.into(), run: run.into() }
}

pub fn row(tenant: &str, run: &str, sequence: u64) -> Row {
    let bytes = |part: &str| format!("{part} of {tenant} {run} {sequence}").into_bytes();
    Row {
        place: place(tenant, run),
        sequence,
        created_at_ms: NOW - 5,
        expires_at_ms: NOW + 1_000,
        gone_at_ms: NOW + 2_000,
        durable: false,
        engine: "engine".into(),
        script: "hello@2".into(),
        head: bytes("head"),
        rest: bytes("rest"),
        image: bytes("image"),
    }
}

pub async fn state(store: &Any, run: &str, now_ms: u64) -> Option<State> {
    store.look(place("acme", run), now_ms).await.unwrap().map(|head| head.state)
}

pub fn conflict(sequence: u64) -> StoreError {
    StoreError::Conflict { current: Some(sequence) }
}

pub async fn a_parked_run_is_given_to_one_taker_with_all_it_has(store: &Any) {
    assert_eq!(state(store, "run_1", NOW).await, None);
    assert_eq!(store.take(place("acme", "run_1"), 1, 7, NOW).await, Err(StoreError::NotFound));
    let parked = row("acme", "run_1", 1);
    store.park(parked.clone(), 1, NOW).await.unwrap();
    let head = store.look(place("acme", "run_1"), NOW).await.unwrap().unwrap();
    let Row { place: at, sequence, created_at_ms, expires_at_ms, engine, script, head: bytes, .. } = parked.clone();
    let expected =
        Head { place: at, sequence, created_at_ms, expires_at_ms, engine, script, head: bytes, state: State::Parked };
    assert_eq!(head, expected);
    assert_eq!(store.take(place("acme", "run_1"), 2, 7, NOW).await, Err(conflict(1)));
    assert_eq!(store.take(place("acme", "run_1"), 1, 7, NOW).await, Ok(parked));
    assert_eq!(state(store, "run_1", NOW).await, Some(State::Taken));
    assert_eq!(store.take(place("acme", "run_1"), 1, 8, NOW).await, Err(conflict(1)));
    assert_eq!(store.forget(place("acme", "run_1"), 1).await, Err(conflict(1)));
    store.end(place("acme", "run_1"), 8).await.unwrap();
    assert_eq!(state(store, "run_1", NOW).await, Some(State::Taken), "only who holds it ends it");
    store.end(place("acme", "run_1"), 7).await.unwrap();
    assert_eq!(state(store, "run_1", NOW).await, None);
}

pub async fn a_run_is_parked_again_by_who_holds_it_in_the_next_sequence(store: &Any) {
    assert!(store.park(row("acme", "run_1", 2), 1, NOW).await.is_err(), "the first sequence is 1");
    store.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
    assert_eq!(store.park(row("acme", "run_1", 1), 1, NOW).await, Err(conflict(1)), "once");
    assert_eq!(store.park(row("acme", "run_1", 2), 1, NOW).await, Err(conflict(1)), "nobody holds it");
    store.take(place("acme", "run_1"), 1, 7, NOW).await.unwrap();
    for (sequence, holder) in [(2, 8), (1, 7), (3, 7)] {
        assert_eq!(store.park(row("acme", "run_1", sequence), holder, NOW).await, Err(conflict(1)), "{sequence}");
    }
    store.park(row("acme", "run_1", 2), 7, NOW).await.unwrap();
    assert_eq!(store.park(row("acme", "run_1", 3), 7, NOW).await, Err(conflict(2)), "it is held no more");
    assert_eq!(store.take(place("acme", "run_1"), 2, 9, NOW).await, Ok(row("acme", "run_1", 2)));
}

pub async fn of_many_takers_exactly_one_gets_a_run(store: &Any) {
    store.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
    let takers = (10..30).map(|holder| store.take(place("acme", "run_1"), 1, holder, NOW));
    let taken = futures::future::join_all(takers).await;
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1, "{taken:?}");
}

pub async fn a_run_whose_holder_is_gone_is_lost_and_told_for_a_while(store: &Any) {
    store.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
    store.take(place("acme", "run_1"), 1, 7, NOW).await.unwrap();
    store.lose(place("acme", "run_1"), 8, NOW + 50).await.unwrap();
    assert_eq!(state(store, "run_1", NOW).await, Some(State::Taken), "that was somebody else");
    store.lose(place("acme", "run_1"), 7, NOW + 50).await.unwrap();
    assert_eq!(state(store, "run_1", NOW).await, Some(State::Lost));
    let head = store.look(place("acme", "run_1"), NOW).await.unwrap().unwrap().head;
    assert_eq!(head, row("acme", "run_1", 1).head);
    assert_eq!(store.take(place("acme", "run_1"), 1, 9, NOW).await, Err(conflict(1)));
    assert_eq!(store.park(row("acme", "run_1", 2), 7, NOW).await, Err(conflict(1)));
    assert_eq!(state(store, "run_1", NOW + 50).await, None);
    // Writing removes what nobody is told of.
    store.park(row("acme", "run_2", 1), 1, NOW + 50).await.unwrap();
    assert_eq!(store.list_parked("acme".into(), String::new(), 9, 0).await.unwrap().len(), 1);
}

pub async fn a_run_that_nobody_took_up_in_time_is_expired(store: &Any) {
    store.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
    assert_eq!(state(store, "run_1", NOW + 999).await, Some(State::Parked));
    assert_eq!(state(store, "run_1", NOW + 1_000).await, Some(State::Expired));
    assert_eq!(store.take(place("acme", "run_1"), 1, 7, NOW + 1_000).await, Err(conflict(1)));
    assert_eq!(store.forget(place("acme", "run_1"), 2).await, Err(conflict(1)));
    store.forget(place("acme", "run_1"), 1).await.unwrap();
    assert_eq!(state(store, "run_1", NOW).await, None);
}

pub async fn tenants_with_runs_of_one_name_do_not_meet(store: &Any) {
    store.park(row("acme", "run_1", 1), 1, NOW).await.unwrap();
    store.park(row("evil", "run_1", 1), 2, NOW).await.unwrap();
    assert_eq!(store.take(place("evil", "run_1"), 1, 7, NOW).await, Ok(row("evil", "run_1", 1)));
    store.end(place("acme", "run_1"), 7).await.unwrap();
    store.lose(place("acme", "run_1"), 7, NOW).await.unwrap();
    assert_eq!(state(store, "run_1", NOW).await, Some(State::Parked));
    assert_eq!(store.list_parked("none".into(), String::new(), 9, NOW).await, Ok(Vec::new()));
}

pub async fn parked_runs_are_listed_newest_first(store: &Any) {
    for run in ["run_1", "run_3", "run_2"] {
        store.park(row("acme", run, 1), 1, NOW).await.unwrap();
    }
    let listed = async |before: &str, limit| -> Vec<String> {
        let heads = store.list_parked("acme".into(), before.into(), limit, NOW).await.unwrap();
        assert!(heads.iter().all(|head| head.head.is_empty() && head.script == "hello@2"));
        heads.into_iter().map(|head| head.place.run).collect()
    };
    assert_eq!(listed("", 9).await, ["run_3", "run_2", "run_1"]);
    assert_eq!(listed("", 2).await, ["run_3", "run_2"]);
    assert_eq!(listed("run_3", 9).await, ["run_2", "run_1"]);
}

pub async fn more_parked_runs_than_a_tenant_may_have_are_refused(store: &Any) {
    for number in 0..BOUNDS.parked {
        store.park(row("acme", &format!("run_{number}"), 1), 1, NOW).await.unwrap();
    }
    let more = store.park(row("acme", "run_more", 1), 1, NOW).await;
    assert_eq!(more, Err(StoreError::TooMuch { what: "parked runs of one tenant", max: BOUNDS.parked }));
    assert_eq!(state(store, "run_more", NOW).await, None);
    store.forget(place("acme", "run_0"), 1).await.unwrap();
    let large = Row { image: vec![1; BOUNDS.parked_bytes as usize], ..row("acme", "run_more", 1) };
    let more = store.park(large, 1, NOW).await;
    assert_eq!(more, Err(StoreError::TooMuch { what: "bytes of parked runs of one tenant", max: BOUNDS.parked_bytes }));
    store.park(row("acme", "run_more", 1), 1, NOW).await.unwrap();
    store.park(row("other", "run_1", 1), 1, NOW).await.unwrap();
}
