//! In: what the compiler asks of its file system. Out: the files of one check, and the libraries that came with it.
//! May touch: the compiler's own folder of libraries, read once.
//! Security boundary: yes. There is no other file: not on the disk, not of another tenant.

use crate::discover::Installed;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What the compiler is told that there is.
pub struct Files {
    /// Its folder, as it calls it.
    libraries: PathBuf,
    read: HashMap<String, Arc<str>>,
    own: HashMap<String, Arc<str>>,
}

/// All that it delegates: with these it has no need of a disk.
pub const CALLBACKS: &str = "readFile,fileExists,directoryExists,getAccessibleEntries,realpath";

/// Parts of the language's libraries that promise what the engine does not have.
const NOT_THERE: [&str; 5] = ["sharedmemory", "temporal", "esnext.date", "decorators.d", "decorators.legacy"];

impl Files {
    pub fn new(installed: &Installed) -> Files {
        let libraries = installed.program.parent().map(PathBuf::from).unwrap_or_default();
        Files { libraries, read: HashMap::new(), own: HashMap::new() }
    }

    pub fn put(&mut self, path: String, text: Arc<str>) {
        self.own.insert(path, text);
    }

    /// Everything below a folder.
    pub fn remove(&mut self, folder: &str) {
        self.own.retain(|path, _| !path.starts_with(folder));
    }

    /// The result of one callback; `None` for one that is not known.
    pub fn answer(&mut self, method: &str, params: &Value) -> Option<Value> {
        let path = params.as_str().unwrap_or_default();
        Some(match method {
            // `null` here would send it to the disk; `content: null` says that there is no such file.
            "readFile" => json!({ "content": self.text(path).as_deref() }),
            "fileExists" => self.text(path).is_some().into(),
            "directoryExists" => self.is_folder(path).into(),
            "getAccessibleEntries" => json!({ "files": [], "directories": [] }),
            "realpath" => path.into(),
            _ => return None,
        })
    }

    fn text(&mut self, path: &str) -> Option<Arc<str>> {
        if let Some(text) = self.own.get(path).or_else(|| self.read.get(path)) {
            return Some(text.clone());
        }
        let name = self.library(path)?;
        let text: Arc<str> = match NOT_THERE.iter().any(|part| name.contains(part)) {
            true => Arc::from(""),
            false => std::fs::read_to_string(self.libraries.join(name)).ok()?.into(),
        };
        self.read.insert(path.to_owned(), text.clone());
        Some(text)
    }

    /// `lib.es2023.array.d.ts`, where the path names a file of that kind in the folder of libraries and no other way.
    fn library<'p>(&self, path: &'p str) -> Option<&'p str> {
        let name = path.strip_prefix(self.libraries.to_str()?)?.strip_prefix('/')?;
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.');
        (plain && name.starts_with("lib.") && name.ends_with(".d.ts") && !name.contains("..")).then_some(name)
    }

    fn is_folder(&self, path: &str) -> bool {
        let inside = |file: &str| file.strip_prefix(path).is_some_and(|rest| path == "/" || rest.starts_with('/'));
        self.own.keys().any(|file| inside(file)) || self.libraries.to_str().is_some_and(|folder| folder == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &std::path::Path) -> Files {
        std::fs::write(folder.join("lib.es5.d.ts"), "declare var a: 1;").unwrap();
        std::fs::write(folder.join("lib.esnext.temporal.d.ts"), "declare var Temporal: 1;").unwrap();
        std::fs::write(folder.join("secret.txt"), "secret").unwrap();
        let mut files = Files::new(&Installed { program: folder.join("tsc") });
        files.put("/c/1/main.ts".into(), "let x".into());
        files
    }

    #[test]
    fn there_are_the_files_of_the_check_and_the_libraries_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (mut files, at) = (files(folder.path()), folder.path().display());
        let mut read = |path: &str| files.answer("readFile", &path.into()).unwrap()["content"].clone();
        assert_eq!(read("/c/1/main.ts"), "let x");
        assert_eq!(read(&format!("{at}/lib.es5.d.ts")), "declare var a: 1;");
        assert_eq!(read(&format!("{at}/lib.esnext.temporal.d.ts")), "", "the engine has no Temporal");
        for path in ["/etc/passwd", "/c/2/main.ts", "", "lib.es5.d.ts", "/c/1/../1/main.ts"] {
            assert_eq!(read(path), Value::Null, "{path}");
        }
        for name in ["secret.txt", "lib./../secret.txt", "lib.x/../../etc/d.ts", "../lib.es5.d.ts", "lib...d.ts"] {
            assert_eq!(read(&format!("{at}/{name}")), Value::Null, "{name}");
        }
    }

    #[test]
    fn what_was_removed_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path());
        assert_eq!(files.answer("directoryExists", &"/c/1".into()), Some(true.into()));
        files.remove("/c/1/");
        assert_eq!(files.answer("fileExists", &"/c/1/main.ts".into()), Some(false.into()));
        assert_eq!(files.answer("directoryExists", &"/c/1".into()), Some(false.into()));
        assert_eq!(files.answer("writeFile", &"/c/1".into()), None);
    }
}
