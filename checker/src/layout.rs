//! In: a script in any of the forms of CONTRACT section 3. Out: text that TypeScript reads as a module, every character at
//! its old place but for one line before it.
//! May touch: nothing.
//! Security boundary: no.
//!
//! What runs is made by the transpiler, from the same text. Here nothing is rewritten: TypeScript would tell the places of
//! what we wrote.

// The transpiler's own: what is a fence must be the same here, and its crate is built for Wasm with a compiler inside.
#[path = "../../guest-sdk/engine/transpiler/src/fence.rs"]
mod fence;

use std::borrow::Cow;

/// How the text stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A module by itself.
    Module,
    /// Statements, of which `return` may be one: the body of an async function.
    Body,
    /// A function without a name, which is no statement.
    Value,
}

impl Frame {
    fn around(self) -> (&'static str, &'static str) {
        match self {
            Frame::Module => ("", ""),
            Frame::Body => ("export default async function () {\n", "\n}\n"),
            Frame::Value => ("export default\n", "\n"),
        }
    }

    /// The text in its file, and how many characters stand before it.
    pub fn put(self, text: &str) -> (String, u32) {
        let (before, after) = self.around();
        (format!("{before}{text}{after}"), before.len() as u32)
    }

    /// What to try when TypeScript says that the text does not belong here; none where there is nothing else.
    pub fn other(self, codes: impl Iterator<Item = u32>) -> Option<Frame> {
        let mut codes = codes.filter(|code| match self {
            // `return` outside of a function.
            Frame::Module => *code == RETURN_OUTSIDE,
            // Modifiers, imports, exports and namespaces belong to a module.
            Frame::Body => [1184, 1231, 1232, 1233, 1234, 1235, 1258, 1473, 1474].contains(code),
            Frame::Value => *code == 1005,
        });
        codes.next().map(|_| if self == Frame::Module { Frame::Body } else { Frame::Module })
    }
}

/// A script of statements with imports: its `return` is right, though not where TypeScript sees it.
pub const RETURN_OUTSIDE: u32 = 1108;

/// The code alone, what stands around its fence blank; without a byte order mark.
pub fn code(source: &str) -> Cow<'_, str> {
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    let fenced = text.trim_start().starts_with("```") || fence::backtick_lines(text).next().is_some();
    match fenced.then(|| fence::first_block(text)).flatten() {
        Some(block) => Cow::Owned(block),
        None => Cow::Borrowed(text),
    }
}

/// The frame to begin with.
pub fn frame(code: &str) -> Frame {
    let first = after_comments(code);
    let function = first.strip_prefix("async").map_or(first, str::trim_start);
    if let Some(rest) = function.strip_prefix("function") {
        let rest = rest.trim_start();
        if rest.strip_prefix('*').unwrap_or(rest).trim_start().starts_with('(') {
            return Frame::Value;
        }
    }
    if has_exports(code) || begins_line(code, "import") { Frame::Module } else { Frame::Body }
}

/// Scripts without exports find their input in a variable.
pub fn has_exports(code: &str) -> bool {
    begins_line(code, "export")
}

fn begins_line(code: &str, word: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$' | ':' | '(' | '.');
    code.lines().any(|line| {
        line.trim_start().strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_word) && !rest.is_empty())
    })
}

fn after_comments(code: &str) -> &str {
    let mut rest = code.trim_start();
    loop {
        let next = match rest.get(..2) {
            Some("//") => rest.split_once('\n').map(|(_, rest)| rest),
            Some("/*") => rest.split_once("*/").map(|(_, rest)| rest),
            _ => return rest,
        };
        match next {
            Some(next) => rest = next.trim_start(),
            None => return "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_frame() {
        let table = [
            ("export default async (input) => 1", Frame::Module),
            ("const a = 1;\nexport { a as default };", Frame::Module),
            ("import { a } from './a.ts';\nawait a()", Frame::Module),
            ("async () => 1", Frame::Body),
            ("const exported = 1; return exported", Frame::Body),
            ("// note\n/* and */ async function (input) {}", Frame::Value),
            ("function* () {}", Frame::Value),
            ("function named() {}", Frame::Body),
            ("importer()\nexporter.x", Frame::Body),
        ];
        for (code, expected) in table {
            assert_eq!(frame(code), expected, "{code}");
        }
    }

    #[test]
    fn a_fence_is_blank_and_nothing_moves() {
        let text = "Sure:\n```ts\nawait x()\n```\nDone.";
        assert_eq!(code(text).len(), text.len());
        assert_eq!(code(text).lines().nth(2), Some("await x()"));
        assert_eq!(code(text).trim(), "await x()");
        assert_eq!(code("\u{feff}1 + 1"), "1 + 1");
    }

    #[test]
    fn what_typescript_says_leads_to_the_other_frame() {
        assert_eq!(Frame::Module.other([2304, RETURN_OUTSIDE].into_iter()), Some(Frame::Body));
        assert_eq!(Frame::Body.other([1235].into_iter()), Some(Frame::Module));
        assert_eq!(Frame::Body.other([2304].into_iter()), None);
    }
}
