//! In: an empty store. Out: nothing, or a panic that says which promise about durable runs it broke.
//! May touch: the store it is given.
//! Security boundary: no.

use super::BOUNDS;
use super::parked_cases::{NOW, conflict, place, row};
use mayfly_bridge::store::durable::{Last, Orphan};
use mayfly_bridge::store::parked::{Row, State};
use mayfly_bridge::store::{Store, StoreError};
use std::sync::Arc;

type Any = Arc<dyn Store>;

fn durable(run: &str, sequence: u64) -> Row {
    Row { durable: true, ..row("acme", run, sequence) }
}

fn last(sequence: u64) -> Last {
    let (head, tape) = (b"last word".to_vec(), b"tape".to_vec());
    Last { sequence, state: State::Completed, head, tape, gone_at_ms: NOW + 5_000 }
}

async fn state(store: &Any, run: &str) -> Option<State> {
    store.look(place("acme", run), NOW).await.unwrap().map(|head| head.state)
}

async fn orphans(store: &Any) -> Vec<String> {
    store.orphans(10).await.unwrap().into_iter().map(|orphan| orphan.place.run).collect()
}

pub async fn what_happened_in_a_durable_run_is_given_to_who_takes_it_up(store: &Any) {
    store.begin(durable("run_1", 1), 7, NOW).await.unwrap();
    assert_eq!(state(store, "run_1").await, Some(State::Taken));
    assert_eq!(store.begin(durable("run_1", 1), 8, NOW).await, Err(conflict(1)));
    for number in 1..=3 {
        store.append(place("acme", "run_1"), 1, number, vec![number as u8; 10], 7).await.unwrap();
    }
    // Who does not know whether it was kept keeps it once more.
    store.append(place("acme", "run_1"), 1, 3, vec![3; 10], 7).await.unwrap();
    assert_eq!(orphans(store).await, Vec::<String>::new());
    assert_eq!(store.adopt(place("acme", "run_1"), 1, 9).await, Err(conflict(1)), "somebody has it");
    store.lose(place("acme", "run_1"), 7, NOW).await.unwrap();
    assert_eq!(state(store, "run_1").await, Some(State::Orphan));
    let expected = Orphan { place: place("acme", "run_1"), sequence: 1, engine: "engine".into() };
    assert_eq!(store.orphans(10).await, Ok(vec![expected]));
    assert_eq!(store.adopt(place("acme", "run_1"), 2, 9).await, Err(conflict(1)));
    let adopted = store.adopt(place("acme", "run_1"), 1, 9).await.unwrap();
    assert_eq!(adopted.row, durable("run_1", 1));
    assert_eq!(adopted.entries, (1..=3).map(|number| (number, vec![number as u8; 10])).collect::<Vec<_>>());
    assert_eq!(store.adopt(place("acme", "run_1"), 1, 10).await, Err(conflict(1)), "once");
    assert_eq!(orphans(store).await, Vec::<String>::new());
}

pub async fn who_does_not_hold_a_durable_run_any_more_writes_nothing(store: &Any) {
    store.begin(durable("run_1", 1), 7, NOW).await.unwrap();
    assert_eq!(store.append(place("acme", "run_1"), 1, 1, vec![1], 8).await, Err(conflict(1)));
    assert_eq!(store.append(place("acme", "run_1"), 2, 1, vec![1], 7).await, Err(conflict(1)));
    assert_eq!(
        store.append(place("evil", "run_1"), 1, 1, vec![1], 7).await,
        Err(StoreError::Conflict { current: None })
    );
    store.lose(place("acme", "run_1"), 7, NOW).await.unwrap();
    assert_eq!(store.append(place("acme", "run_1"), 1, 1, vec![1], 7).await, Err(conflict(1)));
    let adopted = store.adopt(place("acme", "run_1"), 1, 9).await.unwrap();
    assert!(adopted.entries.is_empty());
    assert_eq!(store.finish(place("acme", "run_1"), last(1), 7).await, Err(conflict(1)));
    assert_eq!(store.park(durable("run_1", 2), 7, NOW).await, Err(conflict(1)));
    store.append(place("acme", "run_1"), 1, 1, vec![1], 9).await.unwrap();
}

pub async fn of_many_who_would_go_on_with_a_run_exactly_one_does(store: &Any) {
    store.begin(durable("run_1", 1), 7, NOW).await.unwrap();
    store.lose(place("acme", "run_1"), 7, NOW).await.unwrap();
    let takers = (10..30).map(|holder| store.adopt(place("acme", "run_1"), 1, holder));
    let taken = futures::future::join_all(takers).await;
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1, "{taken:?}");
}

pub async fn a_durable_run_that_was_parked_begins_its_entries_anew_and_is_kept_while_taken(store: &Any) {
    store.begin(durable("run_1", 1), 7, NOW).await.unwrap();
    store.append(place("acme", "run_1"), 1, 1, vec![1], 7).await.unwrap();
    store.park(durable("run_1", 2), 7, NOW).await.unwrap();
    assert_eq!(state(store, "run_1").await, Some(State::Parked));
    assert_eq!(orphans(store).await, Vec::<String>::new(), "it waits for its caller");
    assert_eq!(store.take(place("acme", "run_1"), 2, 8, NOW).await, Ok(durable("run_1", 2)));
    store.append(place("acme", "run_1"), 2, 1, vec![9], 8).await.unwrap();
    store.lose(place("acme", "run_1"), 8, NOW).await.unwrap();
    assert_eq!(store.take(place("acme", "run_1"), 2, 9, NOW).await, Err(conflict(2)));
    let adopted = store.adopt(place("acme", "run_1"), 2, 9).await.unwrap();
    assert_eq!((adopted.row, adopted.entries), (durable("run_1", 2), vec![(1, vec![9])]));
    assert_eq!(store.forget(place("acme", "run_1"), 2).await, Err(conflict(2)), "somebody has it");
}

pub async fn how_a_durable_run_ended_is_told_for_a_while(store: &Any) {
    store.begin(durable("run_1", 1), 7, NOW).await.unwrap();
    store.append(place("acme", "run_1"), 1, 1, vec![1], 7).await.unwrap();
    assert_eq!(store.tape(place("acme", "run_1"), NOW).await, Ok(None), "it has not ended");
    store.finish(place("acme", "run_1"), last(1), 7).await.unwrap();
    let head = store.look(place("acme", "run_1"), NOW).await.unwrap().unwrap();
    assert_eq!((head.state, head.head.as_slice()), (State::Completed, &b"last word"[..]));
    let tape = store.tape(place("acme", "run_1"), NOW).await.unwrap().unwrap();
    assert_eq!((tape.bytes.as_slice(), tape.sequence, tape.engine.as_str()), (&b"tape"[..], 1, "engine"));
    assert_eq!(store.tape(place("evil", "run_1"), NOW).await, Ok(None));
    assert_eq!(store.append(place("acme", "run_1"), 1, 2, vec![1], 7).await, Err(conflict(1)));
    assert_eq!(orphans(store).await, Vec::<String>::new());
    assert_eq!(store.tape(place("acme", "run_1"), NOW + 5_000).await, Ok(None));
    assert_eq!(store.list_parked("acme".into(), String::new(), 9, NOW).await.unwrap()[0].state, State::Completed);
}

pub async fn durable_runs_are_within_what_a_tenant_may_keep(store: &Any) {
    for number in 0..BOUNDS.parked {
        store.begin(durable(&format!("run_{number}"), 1), number, NOW).await.unwrap();
    }
    let more = store.begin(durable("run_more", 1), 99, NOW).await;
    assert_eq!(more, Err(StoreError::TooMuch { what: "parked runs of one tenant", max: BOUNDS.parked }));
    let large = vec![1; BOUNDS.parked_bytes as usize];
    let appended = store.append(place("acme", "run_0"), 1, 1, large, 0).await;
    assert_eq!(
        appended,
        Err(StoreError::TooMuch { what: "bytes of parked runs of one tenant", max: BOUNDS.parked_bytes })
    );
    store.lose(place("acme", "run_0"), 0, NOW).await.unwrap();
    assert!(store.adopt(place("acme", "run_0"), 1, 5).await.unwrap().entries.is_empty(), "nothing was changed");
}

pub async fn runs_that_have_ended_make_room_and_no_others(store: &Any) {
    for number in 0..4 {
        let run = format!("run_{number}");
        store.begin(durable(&run, 1), number, NOW).await.unwrap();
        if number != 1 {
            store.finish(place("acme", &run), last(1), number).await.unwrap();
        }
    }
    store.begin(Row { place: place("other", "run_0"), ..durable("run_0", 1) }, 9, NOW).await.unwrap();
    store.finish(place("other", "run_0"), last(1), 9).await.unwrap();
    assert_eq!(store.make_room("acme".into(), 2).await, Ok(2));
    let left = |tenant: &str| store.list_parked(tenant.to_owned(), String::new(), 9, NOW);
    let names: Vec<String> = left("acme").await.unwrap().into_iter().map(|head| head.place.run).collect();
    assert_eq!(names, ["run_3", "run_1"], "the oldest that had ended");
    assert_eq!(store.make_room("acme".into(), 9).await, Ok(1));
    assert_eq!(store.make_room("acme".into(), 9).await, Ok(0), "one still runs");
    assert_eq!(left("other").await.unwrap().len(), 1);
}
