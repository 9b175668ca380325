//! In: declarations of tools. Out: the named types that are a choice of words, with the words.
//! May touch: nothing.
//! Security boundary: no.
//!
//! TypeScript says "is not assignable to type 'Status'": who is to repair that must know what a status can be.

use crate::limits::{ENUMS_MAX, MESSAGE_BYTES_MAX};
use std::collections::HashMap;

/// By name, without that of a namespace.
#[derive(Default)]
pub struct Enums(HashMap<String, String>);

impl Enums {
    /// Lines such as `type Status = "open" | "paid";`, as the catalogue writes them.
    pub fn of(declarations: &str) -> Enums {
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
        Enums(lines.take(ENUMS_MAX).collect())
    }

    /// The words of the type that a message names, which may be `Status`, `shop.Status` or `Status[]`.
    pub fn words(&self, name: &str) -> Option<&str> {
        let bare = name.rsplit('.').next().unwrap_or(name);
        self.0.get(bare).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Enums;

    #[test]
    fn only_choices_of_words_are_kept() {
        let enums = Enums::of(
            "declare namespace shop {\n  type Status = \"open\" | \"paid\" | null;\n  type Id = string | \"a\";\n  type Order = { a: 1 };\n}",
        );
        assert_eq!(enums.words("shop.Status"), Some("\"open\" | \"paid\" | null"));
        assert_eq!((enums.words("Id"), enums.words("Order"), enums.words("string")), (None, None, None));
    }
}
