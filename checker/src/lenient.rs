//! In: declarations of tools. Out: the same, where `unknown` says that nobody described the type, as `any`.
//! May touch: nothing.
//! Security boundary: no.
//!
//! A script that reads a field of a result without a schema is right as often as its author knows the API. `unknown` would
//! refuse all of them.

/// Every `unknown` in the place of a type; in comments, texts and names of properties it stays.
pub fn lenient(declarations: &str) -> String {
    let mut out = String::with_capacity(declarations.len());
    let mut rest = declarations;
    while let Some(at) = rest.find(['u', '"', '/', '\'', '`']) {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        let length = match here.as_bytes() {
            [b'/', b'*', ..] => here.find("*/").map_or(here.len(), |end| end + 2),
            [b'/', b'/', ..] => here.find('\n').unwrap_or(here.len()),
            [quote @ (b'"' | b'\'' | b'`'), ..] => text_length(here, *quote),
            _ if is_type(&out, here) => {
                out.push_str("any");
                rest = here.get(WORD.len()..).unwrap_or_default();
                continue;
            }
            _ => 1,
        };
        let (whole, next) = here.split_at(length);
        out.push_str(whole);
        rest = next;
    }
    out.push_str(rest);
    out
}

const WORD: &str = "unknown";

fn is_type(before: &str, here: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$' | '.');
    let Some(after) = here.strip_prefix(WORD) else { return false };
    // A name of a property, of a parameter or of a tool.
    let names = after.trim_start().starts_with([':', '?', '(']);
    !before.ends_with(is_word) && !after.starts_with(is_word) && !names
}

/// With both quotes.
fn text_length(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if byte == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::lenient;

    #[test]
    fn types_become_lenient_and_nothing_else_changes() {
        let table = [
            ("get(input: { a?: unknown }): Promise<unknown>;", "get(input: { a?: any }): Promise<any>;"),
            ("{ [key: string]: unknown }[] | unknown[]", "{ [key: string]: any }[] | any[]"),
            (r#"status: "unknown" | 'unknown';"#, r#"status: "unknown" | 'unknown';"#),
            ("/** unknown */ unknown?: string; // unknown", "/** unknown */ unknown?: string; // unknown"),
            ("unknown(): Promise<shop.unknown>; x: unknownThing", "unknown(): Promise<shop.unknown>; x: unknownThing"),
            (r#"a: "\"unknown", b: unknown"#, r#"a: "\"unknown", b: any"#),
            ("ä: unknown", "ä: any"),
        ];
        for (given, expected) in table {
            assert_eq!(lenient(given), expected);
        }
    }
}
