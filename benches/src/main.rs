//! In: names of groups, or none for all. Out: a table of figures beside what was promised.
//! May touch: loopback, temporary folders, the release binary beside this one.
//! Security boundary: no.
//!
//!     cargo build --release && cargo run --release -p mayfly-benches [isolate] [guest] [server] [calls] [tools] [trigger]
//!     [check] [memory] [image] [durable]
//!
//! Exit status 1 when a promise is missed by more than the noise of a shared machine (`table::NOISE`).

mod calls;
mod check;
mod durable;
mod guest;
mod image;
mod isolate;
mod load;
mod memory;
mod server;
mod table;
mod tools;
mod trigger;

use std::process::ExitCode;
use table::Table;

type Error = Box<dyn std::error::Error>;
type Group = (&'static str, fn(&mut Table) -> Result<(), Error>);

const GROUPS: [Group; 10] = [
    ("isolate", isolate::measure),
    ("guest", guest::measure),
    ("image", image::measure),
    ("server", server::measure),
    ("calls", calls::measure),
    ("tools", tools::measure),
    ("trigger", trigger::measure),
    ("check", check::measure),
    ("durable", durable::measure),
    ("memory", memory::measure),
];

fn main() -> Result<ExitCode, Error> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !GROUPS.iter().any(|(group, _)| group == name)) {
        return Err(format!("no group is called {unknown:?}: {:?}", GROUPS.map(|(group, _)| group)).into());
    }
    let mut table = Table::default();
    for (group, measure) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|name| name == group) {
            measure(&mut table)?;
        }
    }
    Ok(table.print())
}
