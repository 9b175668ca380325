//! What loading and searching GitHub's whole description costs: time, memory, milliseconds of a search.
//!
//!     bridge/catalogue/check-github get      # once: the description, from npm
//!     cargo run --release -p mayfly-catalogue --example github-figures

use mayfly_catalogue::{Catalogue, Source};
use std::time::{Duration, Instant};

const QUERIES: [&str; 12] = [
    "create an issue",
    "list my repositories",
    "merge a pull request",
    "add a label",
    "who starred this repo",
    "delete a branch",
    "rerun failed jobs",
    "upload a release asset",
    "search code",
    "team members",
    "webhook",
    "gist",
];

fn main() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/openapi/node_modules/@octokit/openapi/generated");
    let file = std::env::args().nth(1).unwrap_or_else(|| format!("{folder}/api.github.com.json"));
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("{file} is not there; run bridge/catalogue/check-github get");
        std::process::exit(2);
    };
    let (document, before) = (text.len(), resident_kib());
    let start = Instant::now();
    let source = Source::openapi("github", &text, None);
    let read = start.elapsed();
    drop(text);
    let source = match source {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    source.warnings().iter().for_each(|warning| println!("warning: {warning}"));
    let Ok(catalogue) = Catalogue::new(vec![source]) else { std::process::exit(1) };
    let loaded = start.elapsed();
    let after = resident_kib();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..20 {
        for query in QUERIES {
            let start = Instant::now();
            assert!(!catalogue.search(query, 10).is_empty(), "{query}");
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let start = Instant::now();
    let declarations = catalogue.declarations();
    println!("document                    {:>8.1} MB", document as f64 / 1e6);
    println!("operations                  {:>8}", catalogue.tools().count());
    println!("read; with its index        {:>8.0} ms; {:.0} ms", ms(read), ms(loaded));
    // The text of the document was counted before, and is gone after.
    let kept = after - (before - document as f64 / 1024.0);
    println!("resident, without the text  {:>8.1} MiB", kept / 1024.0);
    println!("search, p50; p99            {:>8.2} ms; {:.2} ms", ms(at(50)), ms(at(99)));
    println!("declarations of everything  {:>8.0} ms, {:.1} MB", ms(start.elapsed()), declarations.len() as f64 / 1e6);
    let start = Instant::now();
    let described = catalogue.describe(&["github.issues.create", "github.pulls.get"], 2000);
    println!(
        "describe two, 2000 tokens   {:>8.2} ms, {} bytes",
        ms(start.elapsed()),
        described.map_or(0, |text| text.len())
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Linux only; 0 elsewhere.
fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}
