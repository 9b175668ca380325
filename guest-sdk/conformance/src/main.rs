//! In: the name of a suite, the folder of a copy of it, and which parts. Out: a table, and whether it is as recorded.
//! May touch: the suite's folder, reading only; `known/`, with `--update`.
//! Security boundary: no.

use mayfly_conformance::{Host, report, test262, wpt};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: mayfly-conformance wpt FOLDER [AREA...] [--update] [--verbose]
       mayfly-conformance test262 FOLDER [PATH...] [--update] [--verbose]

  FOLDER     a copy of web-platform-tests, or of test262; README.md says where to get one
  AREA       a folder of the web platform tests, `url` or `dom/abort`; without any, all that known/wpt-areas.txt names
  PATH       a file or folder below test262's `test`; without any, all of it
  --update   write what fails now to known/*.txt
  --verbose  print every failure with its message, the known ones too

Exit status: 0 as recorded; 1 something fails that is not in known/*.txt, or passes although it is; 2 usage.";

fn main() -> ExitCode {
    let (flags, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let mut options = report::Options::default();
    for flag in &flags {
        match flag.as_str() {
            "--update" => options.update = true,
            "--verbose" => options.verbose = true,
            _ => return usage(),
        }
    }
    let [suite, folder, parts @ ..] = words.as_slice() else { return usage() };
    let folder = PathBuf::from(folder);
    let host = match Host::load() {
        Ok(host) => host,
        Err(error) => return failed(&error.to_string()),
    };
    let told = match suite.as_str() {
        "wpt" => wpt::run(&host, &folder, parts).and_then(|results| report::tell("wpt", &results, &options)),
        "test262" => {
            test262::run(&host, &folder, parts).and_then(|results| report::tell("test262", &results, &options))
        }
        _ => return usage(),
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error.to_string()),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn failed(message: &str) -> ExitCode {
    eprintln!("mayfly-conformance: {message}");
    ExitCode::from(2)
}
