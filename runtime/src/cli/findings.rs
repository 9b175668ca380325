//! In: what a check came to. Out: lines for people on standard error, in the manner of `tsc --pretty`.
//! May touch: standard error.
//! Security boundary: yes, towards the terminal: a script's text is shown without its control characters.

use super::modules::Loaded;
use super::paint::Paint;
use super::report::{pad, paint_for_stderr, plain};
use mayfly::isolate::RunError;
use mayfly_checker::Diagnostic;
use std::path::Path;

pub fn clean(script: &Path) {
    let paint = paint_for_stderr();
    eprintln!("{} {}", paint.green("checked"), plain(&script.display().to_string()));
}

pub fn unknown(script: &Path, reason: &str) {
    let script = plain(&script.display().to_string());
    eprintln!("{} {script}: {}", paint_for_stderr().yellow("not checked:"), plain(reason));
}

pub fn wrong(loaded: &Loaded, error: &RunError, more: u32) {
    let paint = paint_for_stderr();
    let first = [of_error(error)];
    let all = error.findings.as_ref().map_or(&first[..], |findings| findings.diagnostics.as_slice());
    for one in all {
        let file = plain(&loaded.place(&one.module).display().to_string());
        eprintln!("{}", lines(&file, one, paint));
    }
    match all.len() + more as usize {
        1 => eprintln!("{} 1 error", paint.red("found")),
        count if more > 0 => eprintln!("{} {count} errors, the first {} are shown", paint.red("found"), all.len()),
        count => eprintln!("{} {count} errors", paint.red("found")),
    }
}

/// What does not compile is one finding.
fn of_error(error: &RunError) -> Diagnostic {
    let (line, column) = (error.line.unwrap_or(1), error.column.unwrap_or(1));
    Diagnostic {
        module: error.module.clone().unwrap_or_default(),
        line,
        column,
        end_line: line,
        end_column: column + 1,
        code: error.name.clone(),
        message: error.message.clone(),
        suggestion: None,
        source: error.source.clone().unwrap_or_default(),
    }
}

fn lines(file: &str, one: &Diagnostic, paint: Paint) -> String {
    let Diagnostic { line, column, end_line, end_column, .. } = one;
    let place = paint.bold(&format!("{file}:{line}:{column}"));
    let mut text = format!("{place} {} {} {}\n", paint.red("error"), paint.dim(&one.code), plain(&one.message));
    if let Some(suggestion) = &one.suggestion {
        text += &format!("  {} {}\n", paint.green("hint:"), plain(suggestion));
    }
    if !one.source.is_empty() {
        let shown = units(&one.source);
        let to = if line == end_line { *end_column } else { shown + 1 };
        let before: String = one
            .source
            .chars()
            .scan(1, |at, character| {
                let here = *at;
                *at += character.len_utf16() as u32;
                (here < *column).then(|| pad(character))
            })
            .collect();
        let marks = "~".repeat(to.min(shown + 1).saturating_sub(*column).max(1) as usize);
        text += &format!("  {} {}\n", paint.dim(&format!("{line:4} |")), plain(&one.source));
        text += &format!("  {} {before}{}\n", paint.dim("     |"), paint.red(&marks));
    }
    text
}

fn units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_line_place_and_hint() {
        let one = Diagnostic {
            module: "main.ts".into(),
            line: 12,
            column: 12,
            end_line: 12,
            end_column: 16,
            code: "TS2551".into(),
            message: "Property 'totl' does not exist on type 'Order'.".into(),
            suggestion: Some("did you mean 'total'?".into()),
            source: "\tä = order.totl + 1;".into(),
        };
        let expected = "orders.ts:12:12 error TS2551 Property 'totl' does not exist on type 'Order'.\n\
                        \x20 hint: did you mean 'total'?\n\
                        \x20   12 | \tä = order.totl + 1;\n\
                        \x20      | \t          ~~~~\n";
        assert_eq!(lines("orders.ts", &one, Paint(false)), expected);
    }
}
