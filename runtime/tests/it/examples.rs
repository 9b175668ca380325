//! Every folder of examples/ does what its expected output says.

use crate::harness::server::mayfly;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

/// The sample API where the examples expect it. One port, so one test: it runs all folders one after the other.
struct Api(Child);

impl Api {
    fn start() -> Api {
        let mut child = mayfly()
            .args(["demo", "--with-parent", "--api", "127.0.0.1:9901"])
            .env("ORDERS_API_KEY", "example-key")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sample API starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("its address");
        assert_eq!(line.trim(), "127.0.0.1:9901");
        Api(child)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `expected` holds blocks: a line `$ mayfly ARGUMENTS`, then what standard output and standard error say, each line as
/// it stands, where `...` in a line stands for anything (times, numbers of bytes), then `[status N]`.
#[test]
fn every_example_does_what_it_says() {
    let _api = Api::start();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut folders: Vec<_> = std::fs::read_dir(&examples).unwrap().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let mut commands = 0;
    for folder in folders.iter().filter(|path| path.is_dir()) {
        assert!(folder.join("README.md").is_file(), "{} has no README.md", folder.display());
        let expected = std::fs::read_to_string(folder.join("expected.txt")).expect("expected.txt");
        for block in expected.split("$ mayfly ").skip(1) {
            let (command, expected) = block.split_once('\n').expect("a command line");
            check(folder, command, expected.trim_end());
            commands += 1;
        }
    }
    assert!(commands >= 7, "only {commands} commands were run");
}

fn check(folder: &Path, command: &str, expected: &str) {
    let output = mayfly()
        .args(words(command))
        .current_dir(folder)
        .env("ORDERS_API_KEY", "example-key")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let actual = format!("{err}{out}[status {}]", output.status.code().unwrap_or(-1));
    let (actual_lines, expected_lines): (Vec<_>, Vec<_>) = (actual.lines().collect(), expected.lines().collect());
    let same = actual_lines.len() == expected_lines.len()
        && actual_lines.iter().zip(&expected_lines).all(|(actual, expected)| matches(actual, expected));
    assert!(same, "{}: mayfly {command}\n--- it said\n{actual}\n--- expected\n{expected}", folder.display());
}

fn matches(actual: &str, expected: &str) -> bool {
    let mut parts = expected.split("...");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = actual.strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        if part.is_empty() {
            continue;
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        open = false;
    }
    open || rest.is_empty()
}

/// A command line as a shell would split it, with single quotes only.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in command.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}
