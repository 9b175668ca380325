//! A waiting run as a few pages: taken, put back, and gone on with.

use crate::harness::script::{BENCH, ORIGIN, answer, drive, json};
use mayfly::isolate::{Ask, Image, ImageError, Isolate, Program, Step};
use mayfly::limits::DEFAULTS;
use mayfly::prepare::Script;
use std::sync::Arc;

const SCRIPT: &str = r#"
    const seen = new Map();
    let total = 0;
    for (let i = 1; i <= 12; i++) {
        const { n } = await tools.step({ n: i });
        seen.set(n, `value ${n}`);
        total += n;
    }
    const both = await Promise.all([tools.step({ n: 100 }), tools.step({ n: 200 })]);
    return { total: total + both[0].n + both[1].n, seen: [...seen.values()].join() };
"#;

async fn prepared() -> Arc<Program> {
    BENCH.programs.prepare("tests", &Script::single(SCRIPT), DEFAULTS.source_bytes).await.unwrap()
}

/// The isolate, and what it waits for after `answered` answers.
async fn waiting(answered: usize) -> (Isolate, Vec<Ask>) {
    let (mut isolate, mut step) =
        Isolate::start(&BENCH.engine, &prepared().await, "null", &DEFAULTS, ORIGIN, None).await.unwrap();
    let mut open = Vec::new();
    for done in 0.. {
        let Step::Waiting(turn) = step else { panic!("it ended early") };
        open.extend(turn.asks);
        if done == answered {
            return (isolate, open);
        }
        let ask = open.remove(0);
        step = isolate.deliver(ask.number, &answer(&ask), done as f64).await;
    }
    unreachable!()
}

#[test]
fn a_run_goes_on_from_its_image_at_every_call_two_in_flight_included() {
    futures::executor::block_on(async {
        let (mut isolate, open) = waiting(0).await;
        let step = isolate.deliver(open[0].number, &answer(&open[0]), 1.0).await;
        let whole = json(drive(&mut isolate, step).await);
        for answered in 0..13 {
            let (isolate, open) = waiting(answered).await;
            let image = isolate.image(&BENCH.engine).unwrap();
            drop(isolate);
            let stored = serde_json::to_vec(&image).unwrap();
            let image: Image = serde_json::from_slice(&stored).unwrap();
            let mut isolate = Isolate::from_image(&BENCH.engine, &prepared().await, &image).unwrap();
            // The asks of before the image are still open, in any order.
            let (last, rest) = open.split_last().unwrap();
            let mut step = isolate.deliver(last.number, &answer(last), 20.0).await;
            for ask in rest {
                step = isolate.deliver(ask.number, &answer(ask), 21.0).await;
            }
            assert_eq!(json(drive(&mut isolate, step).await), whole, "parked after {answered} answers");
        }
    });
}

#[test]
fn an_image_is_small_and_can_be_continued_more_than_once() {
    futures::executor::block_on(async {
        let (isolate, open) = waiting(4).await;
        let image = isolate.image(&BENCH.engine).unwrap();
        assert!(image.bytes() <= 40 * 1024, "{} bytes in {} pages", image.bytes(), image.pages());
        let mut results = Vec::new();
        for _ in 0..3 {
            let mut fork = Isolate::from_image(&BENCH.engine, &prepared().await, &image).unwrap();
            let step = fork.deliver(open[0].number, &answer(&open[0]), 9.0).await;
            results.push(json(drive(&mut fork, step).await));
        }
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    });
}

#[test]
fn an_image_of_another_engine_or_a_damaged_one_is_refused() {
    futures::executor::block_on(async {
        let (isolate, _) = waiting(1).await;
        let image = isolate.image(&BENCH.engine).unwrap();
        let program = prepared().await;
        let mut other = image.clone();
        other.engine = "0".repeat(64);
        let refused = Isolate::from_image(&BENCH.engine, &program, &other).err();
        assert!(matches!(refused, Some(ImageError::Engine { .. })), "{refused:?}");

        let stored = serde_json::to_value(&image).unwrap();
        for (limit, value) in [("memory_mib", 4_096u64), ("cpu_ms", 1 << 40), ("calls", 1 << 30)] {
            let mut damaged = stored.clone();
            damaged["ledger"]["limits"][limit] = value.into();
            let damaged: Image = serde_json::from_value(damaged).unwrap();
            let refused = Isolate::from_image(&BENCH.engine, &program, &damaged).err();
            assert_eq!(refused, Some(ImageError::Damaged("limits above the ceilings")), "{limit}");
        }
        for (field, value) in [
            ("memory_bytes", serde_json::json!(1u64 << 40)),
            ("pages", serde_json::json!([4_000_000_000u32])),
            ("pages", serde_json::json!([])),
            ("compressed", serde_json::json!([1, 2, 3])),
        ] {
            let mut damaged = stored.clone();
            damaged[field] = value;
            let damaged: Image = serde_json::from_value(damaged).unwrap();
            let refused = Isolate::from_image(&BENCH.engine, &program, &damaged).err();
            assert!(matches!(refused, Some(ImageError::Damaged(_))), "{field}: {refused:?}");
        }
    });
}
