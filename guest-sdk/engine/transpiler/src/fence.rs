//! In: text, perhaps an answer of a model with its code in a Markdown fence. Out: the code alone, everything else blank.
//! May touch: nothing. Blanks instead of cuts: lines keep their numbers and bytes their offsets.
//! Security boundary: no.

use std::ops::Range;

/// Languages, as written behind the fence, that a block of code for Mayfly may have.
const LANGUAGES: [&str; 10] = ["ts", "typescript", "js", "javascript", "mts", "mjs", "cts", "cjs", "tsx", "jsx"];

/// Where lines begin that look like a backtick fence: offsets of their first backtick.
pub fn backtick_lines(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices("```").map(|(offset, _)| offset).filter(|&offset| {
        let before = text.get(..offset).unwrap_or_default();
        let on_line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
        on_line.bytes().all(|byte| byte == b' ' || byte == b'\t')
    })
}

/// The text with all but its first block of code blanked; none if it has no fence.
///
/// Prefers the first block in a language of ours or in none; a block that is never closed reaches to the end of the text.
pub fn first_block(text: &str) -> Option<String> {
    let mut first = None;
    for (language, range) in (Blocks { text, lines: lines(text) }) {
        if in_comment(text, &range) {
            continue;
        }
        if language.is_empty() || LANGUAGES.iter().any(|ours| language.eq_ignore_ascii_case(ours)) {
            return Some(blank_outside(text, &range));
        }
        first.get_or_insert(range);
    }
    first.map(|range| blank_outside(text, &range))
}

/// An example in a comment of a script that has an error elsewhere must not run in place of the script. Only a comment
/// that begins its line counts: `/*` within a line of prose is rather a path.
fn in_comment(text: &str, block: &Range<usize>) -> bool {
    let before = text.get(..block.start).unwrap_or_default();
    let Some((head, inside)) = before.rsplit_once("/*") else { return false };
    let begins_line = head.rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
    begins_line && !inside.contains("*/")
}

fn blank_outside(text: &str, block: &Range<usize>) -> String {
    let mut out = String::with_capacity(text.len());
    for (offset, char) in text.char_indices() {
        if block.contains(&offset) || matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}') {
            out.push(char);
        } else {
            out.extend(std::iter::repeat_n(' ', char.len_utf8()));
        }
    }
    out
}

struct Blocks<'t, L> {
    text: &'t str,
    lines: L,
}

impl<'t, L: Iterator<Item = (usize, &'t str)>> Iterator for Blocks<'t, L> {
    type Item = (&'t str, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let (opening, start) = self
            .lines
            .by_ref()
            .find_map(|(offset, line)| Some((Fence::opening(line)?, (offset + line.len()).min(self.text.len()))))?;
        let closing = self.lines.by_ref().find(|(_, line)| opening.is_closed_by(line));
        Some((opening.language, start..closing.map_or(self.text.len(), |(offset, _)| offset)))
    }
}

/// Lines with the offset of their first byte, without their ends.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = offset;
        offset += line.len();
        (start, line.trim_end_matches(['\n', '\r']))
    })
}

struct Fence<'t> {
    mark: char,
    length: usize,
    language: &'t str,
}

impl<'t> Fence<'t> {
    /// Three or more backticks or tildes, then the language and whatever else, as CommonMark has it; any indentation,
    /// because models put blocks into lists.
    fn opening(line: &'t str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let length = line.len() - info.len();
        let language = info.split([' ', '\t', '{', '}', ',', ':']).find(|word| !word.is_empty()).unwrap_or_default();
        (length >= 3 && !info.contains('`')).then_some(Self {
            mark,
            length,
            language: language.trim_start_matches('.'),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.length && line.chars().all(|char| char == self.mark)
    }
}
