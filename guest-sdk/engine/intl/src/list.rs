//! In: a locale and pieces of text. Out: the pieces as a list: "a, b, and c".
//! May touch: nothing.
//! Security boundary: no.

use crate::data::{Data, Section};
use crate::parts::{Parts, fill};

pub struct ListFormat {
    two: Joint,
    start: &'static str,
    middle: &'static str,
    end: Joint,
}

/// A pattern, and the one that takes its place before certain words.
struct Joint {
    pattern: &'static str,
    other: Option<(&'static str, fn(&str) -> bool)>,
}

impl ListFormat {
    /// `key`: kind and width, "conjunction.long".
    pub fn new(data: Data, key: &str) -> ListFormat {
        let [two, start, middle, end] = data.list(Section::Lists, key);
        let language = data.tag().split('-').next().unwrap_or_default();
        let joint = |pattern| Joint { pattern, other: other(language, pattern) };
        ListFormat { two: joint(two), start, middle, end: joint(end) }
    }

    pub fn format(&self, items: &[String]) -> Parts {
        let element = |text: &str| {
            let mut out = Parts::default();
            out.push("element", text);
            out
        };
        let Some((last, before)) = items.split_last() else { return Parts::default() };
        let Some((second_last, rest)) = before.split_last() else { return element(last) };
        if rest.is_empty() {
            return join(self.two.before(last), &element(second_last), &element(last));
        }
        // From the end, so that each pattern stands around what follows it.
        let mut out = join(self.end.before(last), &element(second_last), &element(last));
        for (at, item) in rest.iter().enumerate().rev() {
            out = join(if at == 0 { self.start } else { self.middle }, &element(item), &out);
        }
        out
    }
}

impl Joint {
    fn before(&self, word: &str) -> &'static str {
        match self.other {
            Some((other, applies)) if applies(word) => other,
            _ => self.pattern,
        }
    }
}

fn join(pattern: &str, left: &Parts, right: &Parts) -> Parts {
    let mut out = Parts::default();
    fill(pattern, &mut out, |place, out| {
        for (kind, text, _) in if place == 0 { left.runs() } else { right.runs() } {
            out.push_apart(kind, text);
        }
    });
    out
}

/// Spanish says "e" and "u" before the same sound, Hebrew joins foreign letters with a dash.
fn other(language: &str, pattern: &str) -> Option<(&'static str, fn(&str) -> bool)> {
    Some(match (language, pattern) {
        ("es", "{0} y {1}") => ("{0} e {1}", sounds_like_i),
        ("es", "{0} o {1}") => ("{0} u {1}", sounds_like_o),
        ("he", "{0} ו{1}") => ("{0} ו-{1}", is_foreign),
        _ => return None,
    })
}

fn sounds_like_i(word: &str) -> bool {
    let word = word.to_lowercase();
    word.starts_with('i') || (word.starts_with("hi") && !word.starts_with("hia") && !word.starts_with("hie"))
}

fn sounds_like_o(word: &str) -> bool {
    let word = word.to_lowercase();
    word.starts_with(['o', '8']) || word.starts_with("ho") || word == "11" || word.starts_with("11 ")
}

fn is_foreign(word: &str) -> bool {
    !word.starts_with(|c| matches!(c, '\u{590}'..='\u{5ff}' | '\u{fb1d}'..='\u{fb4f}'))
}
