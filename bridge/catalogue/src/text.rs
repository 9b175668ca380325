//! In: text of third parties. Out: the same text where it can be part of a declaration, a comment or a message.
//! May touch: nothing.
//! Security boundary: yes; a description must not end its comment, hide what follows it, or look like something else.

use crate::limits::{LITERAL_BYTES_MAX, QUOTED_BYTES_MAX};
use std::fmt::Write;

/// One line for a comment: no control, no invisible and no direction-changing characters, no `*/`, cut to `bytes_max`.
pub fn comment(text: &str, bytes_max: usize) -> String {
    let mut line = String::new();
    for word in unlinked(text).split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        let visible: String = word.chars().filter(|letter| !is_hidden(*letter)).collect();
        if visible.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&visible);
        if line.len() > bytes_max {
            break;
        }
    }
    // After the joining and the filtering, so that nothing can come together to `*/` behind it.
    cut(&line, bytes_max).replace("*/", "*\\/")
}

/// `[text](address)` of Markdown as its text: addresses are half of what GitHub's descriptions say, and nobody follows them.
fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        out.push_str(before);
        let link_text = link.split_once("](").filter(|(text, _)| !text.contains(['[', ']']));
        match link_text.and_then(|(text, behind)| Some((text, behind.split_once(')')?))) {
            Some((text, (address, behind))) if !address.contains([' ', '(']) => {
                out.push_str(text);
                rest = behind;
            }
            _ => {
                out.push('[');
                rest = link;
            }
        }
    }
    out + rest
}

/// At most `bytes_max` bytes of `text`, and an ellipsis where something is missing.
pub fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default().trim_end())
}

/// A string literal of TypeScript.
pub fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() || is_hidden(letter) => {
                let mut units = [0; 2];
                for unit in letter.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Whether a literal of `text` is short enough to stand in a declaration.
pub fn fits_literal(text: &str) -> bool {
    text.len() <= LITERAL_BYTES_MAX
}

/// A name of the caller, in a message.
pub fn quoted(text: &str) -> String {
    let visible: String = text.chars().filter(|letter| !letter.is_control() && !is_hidden(*letter)).collect();
    cut(&visible, QUOTED_BYTES_MAX)
}

/// Characters that are not seen, or that change how others are: zero width, direction, tags, variation, private use.
fn is_hidden(letter: char) -> bool {
    matches!(u32::from(letter),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e
        | 0x2060..=0x206f | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0x10ffff)
}
