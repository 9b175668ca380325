//! In: a test and where it lies. Out: the modules that it names in strings, and those that they name, compiled.
//! May touch: the suite's folder, reading only; isolates.
//! Security boundary: no.

use crate::host::Host;
use crate::limits::MODULES_MAX;
use mayfly::isolate::Module;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All that `source`, the text of `test`, can import. Names are relative to the folder of the test, which is the
/// folder of what an `eval` there imports. What does not compile is left out, so that importing it fails.
pub fn imported(host: &Host, test: &Path, source: &str, with_main: bool) -> Vec<Module> {
    let Some(folder) = test.parent() else { return Vec::new() };
    let mut seen = BTreeSet::new();
    if with_main {
        seen.insert(test.to_owned());
    }
    let mut open = specifiers(folder, source);
    let mut modules = Vec::new();
    while let Some(path) = open.pop() {
        if modules.len() >= MODULES_MAX || !seen.insert(path.clone()) {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        open.extend(specifiers(path.parent().unwrap_or(folder), &text));
        let name = path.strip_prefix(folder).or_else(|_| path.strip_prefix(folder.parent().unwrap_or(folder)));
        let name = name.unwrap_or(&path).to_string_lossy().replace('\\', "/");
        modules.extend(host.compile(&name, &bytes).ok());
    }
    modules
}

/// Files that stand as `'./name.js'` in the text; which of them are imported is the engine's matter.
fn specifiers(folder: &Path, source: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for quote in ['\'', '"'] {
        let quoted = source.split(quote).filter(|text| text.starts_with("./") || text.starts_with("../"));
        found.extend(quoted.filter(|text| text.ends_with(".js") && text.len() < 256).map(|text| join(folder, text)));
    }
    found
}

fn join(folder: &Path, name: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in name.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(path.pop()),
            _ => path.push(part),
        }
    }
    path
}
