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
    /// Statements behind imports, which cannot stand in a function.
    Rest,
    /// A function without a name, which is no statement.
    Value,
}

/// A text in its file. Places in UTF-16 units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Framed {
    pub text: String,
    /// Where a line of ours stands, and how long it is.
    pub at: u32,
    pub length: u32,
}

impl Framed {
    /// A module that needs no frame.
    pub fn plain(code: &str) -> Framed {
        Framed { text: code.to_owned(), at: 0, length: 0 }
    }

    /// The place in the script of a place in the file.
    pub fn place(&self, offset: u32) -> u32 {
        if offset < self.at { offset } else { offset.saturating_sub(self.length).max(self.at) }
    }
}

impl Frame {
    pub fn put(self, code: &str) -> Framed {
        let (at, before, after) = match self {
            Frame::Module => return Framed::plain(code),
            Frame::Body => (0, "export default async function () {\n", "\n}\n"),
            Frame::Rest => (imports_end(code), "export default async function () {\n", "\n}\n"),
            Frame::Value => (0, "export default\n", "\n"),
        };
        let (head, rest) = code.split_at_checked(at).unwrap_or(("", code));
        let units = |text: &str| text.encode_utf16().count() as u32;
        Framed { text: format!("{head}{before}{rest}{after}"), at: units(head), length: units(before) }
    }

    /// What to try when TypeScript says that the text does not belong here; none where there is nothing else.
    pub fn other(self, codes: impl Iterator<Item = u32>) -> Option<Frame> {
        let mut codes = codes.filter(|code| match self {
            // `return` outside of a function: then nothing behind it was looked at.
            Frame::Module => *code == 1108,
            // Modifiers, imports, exports and namespaces belong to a module.
            Frame::Body | Frame::Rest => [1184, 1231, 1232, 1233, 1234, 1235, 1258, 1473, 1474].contains(code),
            Frame::Value => *code == 1005,
        });
        codes.next().map(|_| if self == Frame::Module { Frame::Rest } else { Frame::Module })
    }
}

/// Behind the last line of imports; 0 where there are none.
fn imports_end(code: &str) -> usize {
    let Some(last) = lines_that_begin_with(code, "import").last() else { return 0 };
    let rest = code.get(last..).unwrap_or_default();
    // Several lines end with the one that names the module.
    let ends = |line: &str| line.contains(['"', '\''].as_slice());
    let mut end = last;
    for line in rest.split_inclusive('\n') {
        end += line.len();
        if ends(line) {
            break;
        }
    }
    end
}

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
    match (has_exports(code), lines_that_begin_with(code, "import").next()) {
        (true, _) => Frame::Module,
        (false, Some(_)) => Frame::Rest,
        (false, None) => Frame::Body,
    }
}

/// Scripts without exports find their input in a variable.
pub fn has_exports(code: &str) -> bool {
    lines_that_begin_with(code, "export").next().is_some()
}

/// Offsets of lines of which the keyword is the first word.
fn lines_that_begin_with<'c>(code: &'c str, keyword: &'c str) -> impl Iterator<Item = usize> + 'c {
    let is_other = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$' | ':' | '(' | '.');
    let mut offset = 0;
    code.split_inclusive('\n').filter_map(move |line| {
        let start = offset;
        offset += line.len();
        let rest = line.trim_start().strip_prefix(keyword)?;
        (!rest.trim_end().is_empty() && !rest.starts_with(is_other)).then_some(start)
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
            ("import { a } from './a.ts';\nawait a()", Frame::Rest),
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
    fn only_a_line_is_added_and_places_are_found_again() {
        let code = "import {\n  a,\n} from './ä.ts';\nreturn a";
        let framed = Frame::Rest.put(code);
        assert_eq!(framed.text.lines().nth(3), Some("export default async function () {"));
        for offset in 0..code.encode_utf16().count() as u32 {
            let put = if offset < framed.at { offset } else { offset + framed.length };
            assert_eq!(framed.place(put), offset);
        }
        assert_eq!(Frame::Value.put("() => 1").place(15), 0);
        assert_eq!(Frame::Module.put(code).text, code);
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
        assert_eq!(Frame::Module.other([2304, 1108].into_iter()), Some(Frame::Rest));
        assert_eq!(Frame::Body.other([1235].into_iter()), Some(Frame::Module));
        assert_eq!(Frame::Body.other([2304].into_iter()), None);
    }
}
