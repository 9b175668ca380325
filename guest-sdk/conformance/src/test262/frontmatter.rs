//! In: a test's source. Out: what the comment at its head says of it.
//! May touch: nothing.
//! Security boundary: no.
//!
//! The head is YAML, of which the suite uses little: `key: value`, lists in brackets or with dashes, one nested map.

/// The keys that decide how a test is run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frontmatter {
    pub flags: Vec<String>,
    pub includes: Vec<String>,
    pub features: Vec<String>,
    pub negative: Option<Negative>,
}

/// The error that must come, and when.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Negative {
    pub phase: String,
    pub error: String,
}

impl Frontmatter {
    pub fn read(source: &str) -> Frontmatter {
        let mut read = Frontmatter::default();
        let Some((head, _)) = source.split_once("/*---").and_then(|(_, rest)| rest.split_once("---*/")) else {
            return read;
        };
        let mut key = "";
        for line in head.lines() {
            let (indented, text) = (line.starts_with([' ', '\t']), line.trim());
            match text.split_once(':') {
                Some((name, value)) if !indented => {
                    key = name;
                    read.put(key, value);
                }
                Some((name, value)) if key == "negative" => read.put_negative(name, value.trim()),
                _ => read.put(key, text.strip_prefix('-').unwrap_or(text)),
            }
        }
        read
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }

    fn put(&mut self, key: &str, value: &str) {
        let list = match key {
            "flags" => &mut self.flags,
            "includes" => &mut self.includes,
            "features" => &mut self.features,
            "negative" => {
                self.negative.get_or_insert_default();
                return;
            }
            _ => return,
        };
        let values = value.trim().trim_matches(['[', ']']).split(',').map(|item| item.trim().trim_matches(['"', '\'']));
        list.extend(values.filter(|item| !item.is_empty()).map(str::to_owned));
    }

    fn put_negative(&mut self, name: &str, value: &str) {
        let negative = self.negative.get_or_insert_default();
        match name {
            "phase" => negative.phase = value.to_owned(),
            "type" => negative.error = value.to_owned(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_list_and_the_expected_error_are_read() {
        let read = Frontmatter::read(
            "// Copyright\n/*---\ndescription: >\n  flags: [this is prose]\nincludes: [a.js, b.js]\nfeatures:\n  - Symbol\n  - \
             let\nflags: [onlyStrict, async]\nnegative:\n  phase: parse\n  type: SyntaxError\n---*/\nlet x;",
        );
        assert_eq!(read.includes, ["a.js", "b.js"]);
        assert_eq!(read.features, ["Symbol", "let"]);
        assert!(read.has("onlyStrict") && read.has("async") && !read.has("raw"));
        assert_eq!(read.negative, Some(Negative { phase: "parse".into(), error: "SyntaxError".into() }));
    }

    #[test]
    fn a_file_without_a_head_is_plain() {
        assert_eq!(Frontmatter::read("var x;"), Frontmatter::default());
    }
}
