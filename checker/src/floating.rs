//! In: source text, the names under which tools are called. Out: calls of tools that are a statement by themselves, so that
//! nobody awaits them.
//! May touch: nothing.
//! Security boundary: no.
//!
//! TypeScript does not tell these, and they are the commonest mistake of generated code: the run ends, and cuts them off. This
//! is no parser: it finds `;`, `{` or `}`, a tool, its arguments, and the end of the statement. What is written in another way
//! is not found; what is found is such a call.

use crate::limits::{ARGUMENTS_BYTES_MAX, CALLS_MAX, FLOATING_MAX, REGULAR_EXPRESSION_BYTES_MAX};
use std::ops::Range;

/// Byte ranges of the calls, without what stands behind them.
pub fn floating(code: &str, roots: &[String]) -> Vec<Range<usize>> {
    let plain = blank(code);
    let (mut found, mut looked_at) = (Vec::new(), 0);
    // The text begins a statement too.
    let behind = plain.match_indices([';', '{', '}']).map(|(at, _)| at + 1);
    for from in std::iter::once(0).chain(behind) {
        let rest = plain.get(from..).unwrap_or_default();
        let start = from + rest.len() - rest.trim_start().len();
        let statement = plain.get(start..).unwrap_or_default();
        let Some(name) = tool(statement, roots) else { continue };
        looked_at += 1;
        if let Some(length) = whole_statement(statement, name) {
            found.push(start..start + length);
        }
        if found.len() == FLOATING_MAX || looked_at == CALLS_MAX {
            break;
        }
    }
    found
}

/// The length of `shop.orders.create`, or of `ask` where that itself is a tool, if arguments follow.
fn tool(text: &str, roots: &[String]) -> Option<usize> {
    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$' | '.');
    let name = text.get(..text.find(|character| !is_name(character))?)?;
    let known = |root: &str| roots.iter().any(|known| known == root);
    let is_tool = match name.split_once('.') {
        Some((root, path)) => !path.is_empty() && known(root),
        None => known(&format!("{name}(")),
    };
    if !is_tool {
        return None;
    }
    text.get(name.len()..)?.starts_with('(').then_some(name.len())
}

/// The length of the call, if it is all of the statement.
fn whole_statement(text: &str, name: usize) -> Option<usize> {
    let mut open = 0usize;
    let arguments = text.get(name..)?;
    let near = arguments.char_indices().take_while(|(at, _)| *at < ARGUMENTS_BYTES_MAX);
    let length = near.into_iter().find_map(|(at, character)| {
        match character {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        (open == 0).then_some(at + 1)
    })?;
    let behind = arguments.get(length..)?;
    let next = behind.trim_start();
    let own_line = behind.get(..behind.len() - next.len()).is_some_and(|blank| blank.contains('\n'));
    let begins_statement =
        next.starts_with(|character: char| character.is_alphabetic() || matches!(character, '_' | '$' | '}'));
    // A last expression is the result of the script, and `}` ends a block.
    let ends = next.starts_with([';', '}']) || (own_line && begins_statement);
    let is_result = next.trim_start_matches(';').trim().is_empty();
    (ends && !is_result).then_some(name + length)
}

/// The text with comments, strings, templates and regular expressions blank, byte for byte.
fn blank(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    let mut before = ';';
    while let Some(character) = rest.chars().next() {
        let length = match character {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '/' if "(,=:[!&|?{};+".contains(before) => regular_expression(rest),
            '"' | '\'' | '`' => text(rest, character),
            _ => 0,
        };
        let (whole, next) = rest.split_at(length.max(character.len_utf8()).min(rest.len()));
        if length == 0 {
            out.push_str(whole);
            before = if character.is_whitespace() { before } else { character };
        } else {
            // What a comment leaves says nothing of what comes next; a text does.
            before = if character == '/' && !whole.ends_with('/') { before } else { '"' };
            out.extend(whole.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
        rest = next;
    }
    out
}

/// With both quotes; a template's expressions go with it.
fn text(rest: &str, quote: char) -> usize {
    let mut escaped = true;
    rest.char_indices()
        .find_map(|(at, character)| {
            let ends = !escaped && (character == quote || (character == '\n' && quote != '`'));
            escaped = !escaped && character == '\\';
            ends.then_some(at + character.len_utf8())
        })
        .unwrap_or(rest.len())
}

fn regular_expression(rest: &str) -> usize {
    let near = rest.get(..rest.floor_char_boundary(REGULAR_EXPRESSION_BYTES_MAX)).unwrap_or_default();
    let line = near.lines().next().unwrap_or_default();
    let (mut escaped, mut class) = (true, false);
    line.char_indices()
        .find_map(|(at, character)| {
            let ends = !escaped && !class && character == '/';
            class = !escaped && (character == '[' || (class && character != ']')) || (escaped && class);
            escaped = !escaped && character == '\\';
            ends.then_some(at + 1)
        })
        // A division after all.
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> Vec<&str> {
        let roots = ["tools".to_owned(), "shop".to_owned()];
        floating(code, &roots).into_iter().map(|range| &code[range]).collect()
    }

    #[test]
    fn a_call_that_is_a_statement_is_found() {
        let table = [
            ("shop.add({ id: 1 });\nreturn 1", "shop.add({ id: 1 })"),
            ("for (const x of y) {\n  tools.shop.add({\n    id: x,\n  });\n}", "tools.shop.add({\n    id: x,\n  })"),
            ("const a = 1;\n// then\nshop.add('}', `${a}`)\nreturn a", "shop.add('}', `${a}`)"),
            ("if (a) { shop.add() }\nreturn 2", "shop.add()"),
            ("const r = /[/;{]/.test(s);\nshop.add(/\\)/);\nreturn r", "shop.add(/\\)/)"),
        ];
        for (code, expected) in table {
            assert_eq!(found(code), [expected], "{code}");
        }
    }

    #[test]
    fn hostile_text_costs_no_more_than_its_length() {
        let began = std::time::Instant::now();
        for part in [";shop.a(", "=/[", "(/*", "'\n", "{", "`", "shop.a();\n"] {
            let code = part.repeat(1_000_000 / part.len());
            assert!(found(&code).len() <= FLOATING_MAX);
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn what_somebody_has_is_not_found() {
        let awaited = [
            "await shop.add();\nreturn 1",
            "const p = shop.add();\nawait p;",
            "return shop.add();",
            "shop.add()",
            "shop.add();\n",
            "shop.add().then((x) => x);\nreturn 1",
            "shop.add()\n  .then((x) => x);\nreturn 1",
            "await Promise.all([\n  shop.add(),\n  shop.add(),\n]);",
            "list.map((x) =>\n  shop.add(x)\n);\nreturn 1",
            "const o = { run: () => shop.add(), };\nreturn o",
            "// ; shop.add();\nreturn '; shop.add();'",
            "`;\nshop.add();\n`;\nreturn 1",
            "void shop.add();\nreturn 1",
            "shop.total;\nshopping.add();\nreturn 1",
            "x ? shop.add() : 0;\nreturn 1",
        ];
        for code in awaited {
            assert_eq!(found(code), [""; 0], "{code}");
        }
    }
}
