//! In: the head of a test file. Out: what its `// META:` lines ask for.
//! May touch: nothing.
//! Security boundary: no.

/// The lines that a server would have turned into the page around the test.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Meta {
    pub title: Option<String>,
    /// Paths of scripts that come first, as they stand.
    pub scripts: Vec<String>,
    /// Query strings; the file is run once with each, or once without.
    pub variants: Vec<String>,
    pub globals: Vec<String>,
}

/// Kinds of global that an isolate is near enough to. A file that names others alone is not for it.
const NEAR: [&str; 4] = ["dedicatedworker", "jsshell", "worker", "dedicatedworker-module"];

impl Meta {
    pub fn read(source: &str) -> Meta {
        let mut meta = Meta::default();
        let lines = source.lines().map_while(|line| line.trim_start_matches('\u{feff}').strip_prefix("//"));
        for line in lines.map_while(|line| line.trim_start().strip_prefix("META:")) {
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            match key.trim() {
                "title" => meta.title = Some(value.to_owned()),
                "script" => meta.scripts.push(value.to_owned()),
                "variant" => meta.variants.push(value.to_owned()),
                "global" => meta.globals.extend(value.split(',').map(|kind| kind.trim().to_owned())),
                _ => {}
            }
        }
        meta
    }

    pub fn is_for_an_isolate(&self) -> bool {
        self.globals.is_empty() || self.globals.iter().any(|kind| NEAR.contains(&kind.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_file_is_read_until_something_else_stands_there() {
        let meta = Meta::read(
            "// META: title=Encoding\n//META: script=/common/a.js\n// META: script=b.js\n// META: variant=?1-10\n\
             // META: global=window,dedicatedworker\n\n// META: script=not-this.js\ntest(...)",
        );
        assert_eq!(meta.title.as_deref(), Some("Encoding"));
        assert_eq!(meta.scripts, ["/common/a.js", "b.js"]);
        assert_eq!(meta.variants, ["?1-10"]);
        assert!(meta.is_for_an_isolate());
        assert!(!Meta::read("// META: global=window\n").is_for_an_isolate());
        assert!(Meta::read("test(...)").is_for_an_isolate());
    }
}
