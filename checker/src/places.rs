//! In: a text and an offset in it, counted in UTF-16 units as TypeScript does. Out: line and column, and the line itself.
//! May touch: nothing.
//! Security boundary: no.

use crate::limits::LINE_BYTES_MAX;

/// Lines and columns from 1; lines end where ECMAScript ends them. An offset behind the end is the end.
pub fn place(text: &str, offset: u32) -> (u32, u32) {
    let (mut line, mut column, mut left) = (1, 1, offset);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let units = character.len_utf16() as u32;
        if left < units {
            break;
        }
        left -= units;
        let first_of_two = character == '\r' && characters.peek() == Some(&'\n');
        if matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}') && !first_of_two {
            (line, column) = (line + 1, 1);
        } else {
            column += units;
        }
    }
    (line, column)
}

/// One line, cut where it is too long.
pub fn line(text: &str, number: u32) -> String {
    let mut lines = text.split(['\n', '\u{2028}', '\u{2029}']).flat_map(|part| {
        let part = part.strip_suffix('\r').unwrap_or(part);
        part.split('\r')
    });
    let line = (number as usize).checked_sub(1).and_then(|before| lines.nth(before)).unwrap_or_default().trim_end();
    line.get(..line.floor_char_boundary(LINE_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// The byte at which a UTF-16 unit stands.
pub fn byte_at(text: &str, offset: u32) -> usize {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        if units >= offset {
            return at;
        }
        units += character.len_utf16() as u32;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_editors_do() {
        let text = "a\r\nbé😀c\rd\u{2028}e";
        let table =
            [(0, (1, 1)), (1, (1, 2)), (3, (2, 1)), (5, (2, 3)), (7, (2, 5)), (9, (3, 1)), (11, (4, 1)), (99, (4, 2))];
        for (offset, expected) in table {
            assert_eq!(place(text, offset), expected, "{offset}");
        }
        let lines: Vec<String> = (0..6).map(|number| line(text, number)).collect();
        assert_eq!(lines, ["", "a", "bé😀c", "d", "e", ""]);
        assert_eq!(text.get(byte_at(text, 7)..), Some("c\rd\u{2028}e"));
    }
}
