//! In: nothing. Out: what waiting isolates and an idle server keep resident.
//! May touch: /proc, the release binary.
//! Security boundary: no.

use crate::Error;
use crate::isolate::{Bench, ORIGIN};
use crate::server::Server;
use crate::table::{Promise, Table};
use mayfly::isolate::Isolate;
use mayfly::limits::DEFAULTS;
use std::time::Duration;

const WAITING: &str = "export default async (input) => { const answer = await tools.wait(input); return answer; }";
const HELD: usize = 400;

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let bench = Bench::new()?;
    futures::executor::block_on(async {
        let program = bench.program(WAITING).await?;
        drop(Isolate::start(&bench.engine, &program, "{\"n\":1}", &DEFAULTS, ORIGIN, None).await?);
        let before = resident_kib("self")?;
        let mut held = Vec::new();
        for _ in 0..HELD {
            held.push(Isolate::start(&bench.engine, &program, "{\"n\":1}", &DEFAULTS, ORIGIN, None).await?);
        }
        let each = (resident_kib("self")? - before) / HELD as f64;
        let detail = format!("{HELD} isolates held");
        table.line("waiting isolate, added resident memory", Promise::AtMost(350.0), each, "KiB", &detail);
        Ok::<_, Error>(())
    })?;
    let server = Server::start("")?;
    std::thread::sleep(Duration::from_millis(500));
    let parts = [("supervisor", server.pid()), ("runtime", server.runtime_pid), ("bridge", server.bridge_pid)]
        .map(|(name, pid)| resident_kib(&pid.to_string()).map(|kib| (name, kib)))
        .into_iter()
        .collect::<Result<Vec<_>, Error>>()?;
    let together = parts.iter().map(|(_, kib)| kib).sum();
    let detail: Vec<_> = parts.iter().map(|(name, kib)| format!("{name} {:.1} MiB", kib / 1024.0)).collect();
    // 60 MB as CONTRACT counts them.
    let most = Promise::AtMost(60e6 / 1024.0);
    table.line("serve and its bridge, idle, together", most, together, "KiB", &detail.join(", "));
    Ok(())
}

/// Proportional resident set of a process: pages that it shares with others, or maps from the engine's file many times
/// over, are counted once.
pub fn resident_kib(pid: &str) -> Result<f64, Error> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}
