//! In: the path of a script, or of a folder with one. Out: its modules: it, and the files that it imports by relative paths.
//! May touch: files in the script's own folder and below.
//! Security boundary: no; whoever names the script reads its folder anyway. What lies outside it is not read.

use super::failure::Failure;
use mayfly::prepare::{MAIN, ModuleText, Script};
use mayfly_schemas::limits::SCRIPT_MODULES_MAX;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A script as it lay on the disk.
pub struct Loaded {
    pub script: Script,
    /// The file of its main module.
    pub file: PathBuf,
    folder: PathBuf,
}

/// Where a folder begins, the first that is there.
const MAINS: [&str; 6] = ["main.ts", "index.ts", "main.mts", "main.js", "index.js", "main.mjs"];
const ENDINGS: [&str; 6] = ["ts", "js", "mts", "mjs", "tsx", "jsx"];

impl Loaded {
    /// Where a module of it lies, to be shown.
    pub fn place(&self, module: &str) -> PathBuf {
        let main = self.script.modules.first().is_none_or(|main| main.name == module);
        if main || module.is_empty() { self.file.clone() } else { self.folder.join(module) }
    }
}

/// A file with what it imports; of a folder, its main module.
pub fn load(path: &Path) -> Result<Loaded, Failure> {
    if !path.is_dir() {
        return from_file(path.to_owned());
    }
    let main = MAINS.iter().map(|name| path.join(name)).find(|main| main.is_file());
    let main = main.ok_or_else(|| {
        Failure::usage(format!("{}: has no {}; name the module to start with", path.display(), MAINS.join(", ")))
    })?;
    from_file(main)
}

/// All scripts that a path leads to: a file, a folder with a main module, or each file of another folder by itself.
pub fn load_all(path: &Path) -> Result<Vec<Loaded>, Failure> {
    if !path.is_dir() || MAINS.iter().any(|name| path.join(name).is_file()) {
        return Ok(vec![load(path)?]);
    }
    let unreadable = |error: std::io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_script = ENDINGS.iter().any(|ending| name.ends_with(&format!(".{ending}"))) && !name.ends_with(".d.ts");
        if is_script && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!("{}: has no script in it", path.display())));
    }
    files.into_iter().map(from_file).collect()
}

fn from_file(file: PathBuf) -> Result<Loaded, Failure> {
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    let main = file.file_name().and_then(|name| name.to_str()).unwrap_or(MAIN).to_owned();
    let source = read(&file)?;
    let mut found = BTreeMap::new();
    let mut waiting = imports(&main, &source);
    while let Some(wanted) = waiting.pop() {
        let candidates = candidates(&wanted).into_iter();
        // What is not there is told by the engine, with the place of its import.
        let Some(name) = candidates.into_iter().find(|name| folder.join(name).is_file()) else { continue };
        if name == main || found.contains_key(&name) {
            continue;
        }
        if found.len() + 1 >= SCRIPT_MODULES_MAX {
            let shown = file.display();
            return Err(Failure::usage(format!("{shown}: imports more than {SCRIPT_MODULES_MAX} modules")));
        }
        let source = read(&folder.join(&name))?;
        waiting.extend(imports(&name, &source));
        found.insert(name, source);
    }
    let script = match found.is_empty() {
        true => Script::single(source),
        false => {
            let first = ModuleText { name: main, source };
            let others = found.into_iter().map(|(name, source)| ModuleText { name, source });
            Script::new(std::iter::once(first).chain(others).collect())
        }
    };
    Ok(Loaded { script, file, folder })
}

fn read(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{shown}: is not text (UTF-8); only source is run")))
}

/// What a module imports by relative paths, as paths from the script's folder. No parser: a text that only looks like an
/// import costs a look at the disk.
fn imports(module: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, quote) in source.match_indices(['"', '\'']) {
        let before = source.get(..at).unwrap_or_default().trim_end();
        let before = before.strip_suffix('(').map_or(before, str::trim_end);
        let rest = source.get(at + 1..).unwrap_or_default();
        let Some(specifier) = rest
            .split(['"', '\'', '\n'])
            .next()
            .filter(|text| rest.get(text.len()..).is_some_and(|end| end.starts_with(quote)))
        else {
            continue;
        };
        let is_import = before.ends_with("from") || before.ends_with("import");
        if is_import && (specifier.starts_with("./") || specifier.starts_with("../")) {
            found.extend(join(module, specifier));
        }
    }
    found
}

/// `None` for what lies outside the script's folder.
fn join(module: &str, specifier: &str) -> Option<String> {
    let folder = module.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// As the engine looks for them.
fn candidates(path: &str) -> Vec<String> {
    let stem = ENDINGS.iter().find_map(|end| path.strip_suffix(&format!(".{end}")));
    let swapped = stem.into_iter().flat_map(|stem| [format!("{stem}.ts"), format!("{stem}.js")]);
    let appended = [".ts", ".js", "/index.ts", "/index.js"].map(|end| format!("{path}{end}"));
    [path.to_owned()].into_iter().chain(swapped).chain(appended).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_wherever_they_stand_and_stay_in_their_folder() {
        let source = "import a from './a.ts'; import \"./b.js\"\nexport * from '../c';\nconst d = await import( './d' );\n\
                      import { e } from 'npm'; const text = './f.ts'; // from './g.ts'\nimport h from \"../../h.ts\"";
        assert_eq!(imports("lib/main.ts", source), ["lib/a.ts", "lib/b.js", "c", "lib/d", "lib/g.ts"]);
    }

    #[test]
    fn a_script_is_loaded_with_what_it_imports() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "agent.ts",
            "import { one } from './lib/one.js'; import { gone } from './gone';\nexport default () => one",
        );
        write("lib/one.ts", "import { two } from '../two/index.ts'; export const one = two");
        write("two/index.ts", "import '../agent.ts'; export const two = 2");
        write("unused.ts", "1");
        let names = |loaded: &Loaded| loaded.script.modules.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        let loaded = load(&folder.path().join("agent.ts")).unwrap();
        assert_eq!(names(&loaded), ["agent.ts", "lib/one.ts", "two/index.ts"]);
        assert_eq!(loaded.place("lib/one.ts"), folder.path().join("lib/one.ts"));
        assert_eq!(loaded.place("agent.ts"), folder.path().join("agent.ts"));
        // By itself a script has the name that everybody's has.
        assert_eq!(names(&load(&folder.path().join("unused.ts")).unwrap()), ["main.ts"]);
        assert!(load(folder.path()).is_err(), "nothing says where to start");
        let all = load_all(folder.path()).unwrap();
        assert_eq!(
            all.iter().map(|one| one.file.file_name().unwrap().to_owned()).collect::<Vec<_>>(),
            ["agent.ts", "unused.ts"]
        );
        write("main.ts", "import './unused'");
        assert_eq!(names(&load(folder.path()).unwrap()), ["main.ts", "unused.ts"]);
        assert_eq!(load_all(folder.path()).unwrap().len(), 1);
    }
}
