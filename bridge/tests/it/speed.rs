//! In: a bridge without anything else to do. Out: what its calls cost. The bounds are loose, for loaded machines; run with
//! `--nocapture` (and `--release`) for the figures.
//! May touch: loopback.
//! Security boundary: no.

use crate::harness::upstream::{Upstream, ok};
use crate::harness::*;
use std::time::{Duration, Instant};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn ten_fetches_cost_little() {
    run(async {
        let upstream = Upstream::http(|_| ok("{\"a\":1}"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let limits = "[limits]\ncalls = 10000\n";
        let token = setup.tenant("acme", &(allow_private("api", &upstream.url("/**")) + limits));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let ask = get(upstream.url("/"));
        let (mut at_once, mut in_turn) = (Vec::new(), Vec::new());
        for _ in 0..50 {
            let started = Instant::now();
            futures::future::join_all((0..10).map(|_| fetch(&opened.session, &ask))).await;
            at_once.push(started.elapsed());
            let started = Instant::now();
            for _ in 0..10 {
                fetch(&opened.session, &ask).await;
            }
            in_turn.push(started.elapsed());
        }
        let (at_once, in_turn) = (median(at_once), median(in_turn));
        println!("ten fetches: {at_once:?} at once, {in_turn:?} one after another");
        assert!(at_once < Duration::from_millis(50) && in_turn < Duration::from_millis(50), "{at_once:?} {in_turn:?}");
    });
}

#[test]
fn opening_sessions_costs_little() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", "[limits]\nruns_per_minute = 4000000\nruns_in_flight = 1000\n");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let started = Instant::now();
        let mut opened = 0;
        for _ in 0..100 {
            opened += futures::future::join_all((0..20).map(|_| connection.open(&token))).await.iter().flatten().count()
                as u32;
        }
        let each = started.elapsed() / opened;
        println!("opens: {:.0}/s", 1.0 / each.as_secs_f64());
        assert!(each < Duration::from_millis(2), "{each:?}");
    });
}
