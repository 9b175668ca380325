//! In: declarations of tools. Out: names in them that a diagnosis needs: choices of words, and what tools are called by.
//! May touch: nothing.
//! Security boundary: no.
//!
//! TypeScript says "is not assignable to type 'Status'": who is to repair that must know what a status can be.

use crate::limits::{ENUMS_MAX, MESSAGE_BYTES_MAX, SETS_MAX};
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Default)]
pub struct Vocabulary {
    /// By name, without that of a namespace.
    choices: HashMap<String, String>,
    /// `tools`, and each set of tools by its own name; what is a tool itself, with `(`.
    roots: Vec<String>,
    /// What is known besides.
    behind: Option<Rc<Vocabulary>>,
}

impl Vocabulary {
    /// Of lines such as `type Status = "open" | "paid";`, as the catalogue writes them.
    pub fn of(declarations: &str) -> Vocabulary {
        let lines = declarations.lines().filter_map(|line| {
            let (name, words) = line.trim().strip_prefix("type ")?.strip_suffix(';')?.split_once(" = ")?;
            let is_choice =
                words.split(" | ").all(|word| (word.starts_with('"') && word.ends_with('"')) || word == "null");
            is_choice.then(|| {
                (
                    name.to_owned(),
                    words.get(..words.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default().to_owned(),
                )
            })
        });
        let choices = lines.take(ENUMS_MAX).collect();
        let set = |line: &str| Some(line.strip_prefix("declare const ")?.split_once(": typeof tools.")?.0.to_owned());
        let sets = declarations.lines().filter_map(set).take(SETS_MAX);
        let roots = ["tools", "codemode"].map(str::to_owned).into_iter().chain(sets).collect();
        Vocabulary { choices, roots, behind: None }
    }

    /// Of the tools of one run, before those of its tenant.
    pub fn before(external: &str, behind: Rc<Vocabulary>) -> Rc<Vocabulary> {
        if external.is_empty() {
            return behind;
        }
        let mut own = Vocabulary::of(external);
        let is_name = |name: &str| name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$'));
        let tool = |line: &str| line.strip_prefix("  ")?.split_once('(').map(|(name, _)| name.to_owned());
        let tools = external.lines().filter_map(tool).filter(|name| !name.is_empty() && is_name(name));
        own.roots.extend(tools.take(SETS_MAX).map(|name| format!("{name}(")));
        own.behind = Some(behind);
        Rc::new(own)
    }

    /// Names behind which a call is one of a tool, unless the script gives them to something else.
    pub fn roots(&self, code: &str) -> Vec<String> {
        let own = |root: &str| {
            let declares = |keyword: &str| code.contains(&format!("{keyword} {root} "));
            ["const", "let", "var", "function", "class", "import"].iter().any(|keyword| declares(keyword))
        };
        let behind = self.behind.iter().flat_map(|behind| behind.roots(code));
        self.roots.iter().filter(|root| !own(root.trim_end_matches('('))).cloned().chain(behind).collect()
    }

    /// The words of the type that a message names, which may be `Status`, `shop.Status` or `Status[]`.
    pub fn words(&self, name: &str) -> Option<&str> {
        let bare = name.rsplit('.').next().unwrap_or(name);
        let own = self.choices.get(bare).map(String::as_str);
        own.or_else(|| self.behind.as_ref()?.words(name))
    }
}

#[cfg(test)]
mod tests {
    use super::Vocabulary;

    #[test]
    fn only_choices_of_words_are_kept() {
        let vocabulary = Vocabulary::of(
            "declare namespace shop {\n  type Status = \"open\" | \"paid\" | null;\n  type Id = string | \"a\";\n  type Order = { a: 1 };\n}",
        );
        assert_eq!(vocabulary.words("shop.Status"), Some("\"open\" | \"paid\" | null"));
        assert_eq!((vocabulary.words("Id"), vocabulary.words("Order"), vocabulary.words("string")), (None, None, None));
    }
}
