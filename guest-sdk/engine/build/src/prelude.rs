//! In: the prelude's TypeScript. Out: name and JavaScript of each of its modules.
//! May touch: `guest-sdk/js`, reading only.
//! Security boundary: no.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// As in the plugin's `modules.rs`.
const PREFIX: &str = "mayfly:";

/// Every module, sorted by name; what others wrote is JavaScript already, and used as it came.
pub fn modules(sources: &Path) -> Result<Vec<(String, String)>> {
    let mut modules = vec![];
    for path in files(sources)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".ts").filter(|_| !name.ends_with(".d.ts")) else { continue };
        let source = fs::read_to_string(&path)?;
        let transpiled = mayfly_transpiler::transpile_prelude(&name, &source)
            .map_err(|refused| anyhow::anyhow!("{name}:{}:{}: {}", refused.line, refused.column, refused.message))?;
        modules.push((format!("{PREFIX}{stem}"), transpiled.javascript));
    }
    for path in files(&sources.join("vendor"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".js") else { continue };
        modules.push((format!("{PREFIX}vendor/{stem}"), fs::read_to_string(&path)?));
    }
    Ok(modules)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} is missing", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
