//! In: nothing. Out: what it costs to take a waiting run out of memory and to put it back.
//! May touch: the engine.
//! Security boundary: no.

use crate::Error;
use crate::isolate::{Bench, ORIGIN};
use crate::table::{Promise, Table};
use mayfly::isolate::{Answer, Isolate, Step};
use mayfly::limits::DEFAULTS;
use std::time::Instant;

const SCRIPT: &str = "export default async () => {
  const seen = new Map();
  for (let n = 1; n <= 13; n++) seen.set(n, await tools.step({ n, note: `step ${n}` }));
  return [...seen.values()];
};";

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let bench = Bench::new()?;
    futures::executor::block_on(async {
        let program = bench.program(SCRIPT).await?;
        let (mut isolate, mut step) = Isolate::start(&bench.engine, &program, "null", &DEFAULTS, ORIGIN, None).await?;
        for _ in 0..4 {
            let Step::Waiting(turn) = step else { return Err("the script ended early".into()) };
            let ask = turn.asks.first().ok_or("no call")?;
            step = isolate.deliver(ask.number, &Answer::json("{\"ok\":true}"), 1.0).await;
        }
        let image = isolate.image(&bench.engine)?;
        let kib = image.bytes() as f64 / 1024.0;
        let pages = format!("{} pages of 4 KiB", image.pages());
        table.line("image of a script waiting at its 5th call, compressed", Promise::AtMost(40.0), kib, "KiB", &pages);
        let (mut taken, mut restored) = (Vec::new(), Vec::new());
        for _ in 0..500 {
            let began = Instant::now();
            let image = isolate.image(&bench.engine)?;
            taken.push(began.elapsed());
            let began = Instant::now();
            drop(Isolate::from_image(&bench.engine, &program, &image)?);
            restored.push(began.elapsed());
        }
        table.times("image taken", Some(1_000.0), taken);
        table.times("image restored into a fresh isolate", Some(1_000.0), restored);
        Ok(())
    })
}
