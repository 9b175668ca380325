//! In: what the compiler says. Out: what its author is told: place in the source as it was sent, words, suggestion.
//! May touch: nothing.
//! Security boundary: no. Lists and texts are bounded.

use crate::floating::floating;
use crate::layout::Framed;
use crate::leniency::{counts, is_style, named};
use crate::limits::{DIAGNOSTICS_MAX, FINDINGS_MAX, MESSAGE_BYTES_MAX, TYPE_BYTES_MAX};
use crate::message::{Diagnostic, Verdict};
use crate::places::{byte_at, line, place};
use crate::project::{ERROR, Raw};
use crate::vocabulary::Vocabulary;
use std::ops::Range;

/// One module, and what was found in it.
pub struct Checked<'a> {
    pub module: &'a str,
    /// As it was sent, but for what stands around a fence.
    pub code: &'a str,
    /// As it was checked.
    pub framed: &'a Framed,
    pub raw: Vec<Raw>,
}

pub fn diagnose<'a>(modules: impl Iterator<Item = Checked<'a>>, vocabulary: &Vocabulary) -> Verdict {
    let (mut diagnostics, mut more) = (Vec::new(), 0);
    for checked in modules {
        let mut raw: Vec<&Raw> =
            checked.raw.iter().filter(|raw| raw.category == ERROR && !is_style(raw.code)).collect();
        raw.sort_by_key(|raw| raw.pos);
        // Looking at one takes as long as its script is long: of more than anybody reads, the rest is only counted.
        more += raw.len().saturating_sub(FINDINGS_MAX) as u32;
        raw.truncate(FINDINGS_MAX);
        raw.retain(|raw| counts(raw, checked.code, checked.framed.place(raw.pos), vocabulary));
        more += raw.len().saturating_sub(DIAGNOSTICS_MAX) as u32;
        raw.truncate(DIAGNOSTICS_MAX);
        let mut found: Vec<Diagnostic> = raw.into_iter().map(|raw| told(raw, &checked, vocabulary)).collect();
        for call in floating(checked.code, &vocabulary.roots(checked.code)) {
            let one = unawaited(&call, &checked);
            let inside = |other: &Diagnostic| {
                let (at, from, to) =
                    ((other.line, other.column), (one.line, one.column), (one.end_line, one.end_column));
                at >= from && at < to
            };
            if !found.iter().any(inside) {
                found.push(one);
            }
        }
        found.sort_by_key(|one| (one.line, one.column));
        let room = DIAGNOSTICS_MAX - diagnostics.len();
        more += found.len().saturating_sub(room) as u32;
        diagnostics.extend(found.into_iter().take(room));
    }
    match diagnostics.is_empty() {
        true => Verdict::Clean,
        false => Verdict::Wrong { diagnostics, more },
    }
}

fn told(raw: &Raw, checked: &Checked<'_>, vocabulary: &Vocabulary) -> Diagnostic {
    let length = checked.code.encode_utf16().count() as u32;
    let inside = |offset: u32| checked.framed.place(offset).min(length);
    let (from, to) = (inside(raw.pos), inside(raw.end));
    let ((start_line, column), (end_line, end_column)) = (place(checked.code, from), place(checked.code, to));
    let (message, suggestion) =
        words(raw, checked.code.get(byte_at(checked.code, from)..).unwrap_or_default(), vocabulary);
    Diagnostic {
        module: checked.module.to_owned(),
        line: start_line,
        column,
        end_line,
        end_column,
        code: format!("TS{}", raw.code),
        message: cut(message, MESSAGE_BYTES_MAX),
        suggestion: suggestion.map(|text| cut(text, MESSAGE_BYTES_MAX)),
        source: line(checked.code, start_line),
    }
}

/// A call of a tool that is a statement: what it answers, also with an error, is lost.
fn unawaited(call: &Range<usize>, checked: &Checked<'_>) -> Diagnostic {
    let place = |to: usize| {
        let before = checked.code.get(..to).unwrap_or_default();
        place(checked.code, before.encode_utf16().count() as u32)
    };
    let ((start_line, column), (end_line, end_column)) = (place(call.start), place(call.end));
    Diagnostic {
        module: checked.module.to_owned(),
        line: start_line,
        column,
        end_line,
        end_column,
        code: "MAYFLY1".to_owned(),
        message: "Nobody awaits this call: the run may end before it has answered, and its errors are lost.".to_owned(),
        suggestion: Some("write `await` before it".to_owned()),
        source: line(checked.code, start_line),
    }
}

/// TypeScript's own words without its advice, and the advice.
fn words(raw: &Raw, at: &str, vocabulary: &Vocabulary) -> (String, Option<String>) {
    let mut message = raw.text.clone();
    let mut suggestion = None;
    for mark in [" Did you mean ", " Do you need to "] {
        if let Some((head, advice)) = message.split_once(mark) {
            // Advice about libraries of TypeScript is for projects that can install some.
            suggestion = (mark == " Did you mean ").then(|| format!("did you mean {advice}"));
            message = head.to_owned();
        }
    }
    let mut part = raw;
    while let Some(next) = part.message_chain.first() {
        part = next;
        message = format!("{message} {}", shortened(&part.text));
    }
    let about = |name: &str| {
        at.starts_with(name)
            && !at.get(name.len()..).is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let name = raw.quoted(0).unwrap_or_default();
    let own = match raw.code {
        _ if raw.related_information.iter().any(|place| place.code == 2773) || awaits(raw) => {
            Some("did you forget `await`?".to_owned())
        }
        2304 | 2580..=2584 | 2591..=2593 | 2552 => mayfly_advice::global(name).map(str::to_owned),
        2339 if raw.text.contains("readonly env: Record<string") && about(name) => {
            Some(mayfly_advice::process_member(name).to_string())
        }
        2322 | 2345 | 2820 => named(&raw.deepest().text, vocabulary).map(|words| format!("it is one of {words}")),
        _ => None,
    };
    (shortened(&message), own.or(suggestion))
}

/// Somewhere a promise stands where its value is wanted.
fn awaits(raw: &Raw) -> bool {
    let text = &raw.deepest().text;
    match raw.code {
        2339 | 2551 => raw.deepest().quoted(1).is_some_and(|kind| kind.starts_with("Promise<")),
        2322 | 2345 | 2740 | 2741 | 2739 => {
            text.starts_with("Type 'Promise<") && !text.contains("to type 'Promise<")
                || text.starts_with("Argument of type 'Promise<")
                || text.contains("missing in type 'Promise<")
                || text.contains("missing the following properties from type 'Promise<")
        }
        2365 | 2367 | 2488 | 2461 => text.contains("'Promise<"),
        _ => false,
    }
}

/// Types that are longer than anybody reads end in dots.
fn shortened(text: &str) -> String {
    let mut parts = text.split('\'').enumerate().map(|(number, part)| {
        if number % 2 == 1 && part.len() > TYPE_BYTES_MAX {
            return format!("{}...", part.get(..part.floor_char_boundary(TYPE_BYTES_MAX)).unwrap_or_default());
        }
        part.to_owned()
    });
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |text, part| format!("{text}'{part}"))
}

fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push_str("...");
    }
    text
}
