//! In: a run object. Out: result on standard output, everything else on standard error, and the exit status.
//! May touch: standard streams.
//! Security boundary: yes, towards the terminal: a script's text is shown without its control characters.

use super::paint::{self, Paint};
use mayfly::isolate::ErrorKind;
use mayfly::run::{RunObject, Verdict};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// The result, for programs on a pipe and for people on a terminal.
pub fn result(object: &RunObject) {
    object.result.iter().for_each(|result| json(result.get()));
}

/// JSON on standard output: in lines on a terminal, as it is otherwise.
pub fn json(json: &str) {
    let text = match std::io::stdout().is_terminal() {
        true => indented(json),
        false => json.to_owned(),
    };
    // Nobody reads on: that is their business.
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub fn logs(object: &RunObject, paint: Paint) {
    for line in &object.logs {
        let level = match line.level.as_str() {
            "error" => paint.red("error"),
            "warn" => paint.yellow("warn "),
            level => paint.dim(&format!("{level:5}")),
        };
        eprintln!("{level} {}", plain(&line.text));
    }
    if object.truncated.contains(&"logs") {
        eprintln!("{}", paint.dim("      (more was logged than the limit keeps)"));
    }
}

pub fn error(object: &RunObject, paint: Paint) {
    let Some(error) = &object.error else { return };
    let kind = serde_json::to_value(error.kind).ok();
    let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or_default();
    eprintln!("{} {}", paint.red(&format!("{kind}:")), plain(&format!("{}: {}", error.name, error.message)));
    if let (Some(module), Some(line)) = (&error.module, error.line) {
        let column = error.column.unwrap_or(1);
        eprintln!("  at {}:{line}:{column}", plain(module));
        if let Some(source) = &error.source {
            eprintln!("  {} {}", paint.dim(&format!("{line:4} |")), plain(source));
            let before: String = source.chars().take(column as usize - 1).map(pad).collect();
            eprintln!("  {} {before}{}", paint.dim("     |"), paint.red("^"));
        }
    }
    if error.stack.lines().count() > 1 {
        eprintln!("{}", paint.dim(&plain(&error.stack)));
    }
}

/// One line: what the run cost.
pub fn usage(object: &RunObject, paint: Paint) {
    let usage = &object.usage;
    let status = match &object.error {
        None => paint.green("completed"),
        Some(error) if error.kind == ErrorKind::Cancelled => paint.yellow("cancelled"),
        Some(_) => paint.red("failed"),
    };
    let ms = |micros: u64| format!("{:.2} ms", micros as f64 / 1000.0);
    if usage.start_us == 0 {
        let costs = format!("in {}: not started", ms(usage.usage.wall_us));
        return eprintln!("{status} {}", paint.dim(&costs));
    }
    let costs = format!(
        "in {}: compiled in {}, isolate started and first turn in {}, CPU {}, memory {:.1} MiB, {} call{}",
        ms(usage.usage.wall_us),
        ms(usage.prepare_us),
        ms(usage.start_us),
        ms(usage.usage.cpu_us),
        usage.usage.memory_peak_bytes as f64 / (1024.0 * 1024.0),
        usage.usage.calls,
        if usage.usage.calls == 1 { "" } else { "s" },
    );
    eprintln!("{status} {}", paint.dim(&costs));
}

/// Calls as a table: who was asked, what was decided, by which rule, how it went and how long it took.
pub fn calls(object: &RunObject, paint: Paint) {
    if object.calls.is_empty() {
        return;
    }
    let rule = |call: &mayfly::run::CallRecord| call.rule.clone().unwrap_or_else(|| "no rule".into());
    let width = |cells: &dyn Fn(&mayfly::run::CallRecord) -> usize, least: usize| {
        object.calls.iter().map(cells).max().unwrap_or(0).clamp(least, 60)
    };
    let urls = width(&|call| call.url.len(), 3);
    let rules = width(&|call| rule(call).len(), 4);
    let head = format!("  # verdict {:6} {:urls$} {:rules$} status      ms", "method", "url", "rule");
    eprintln!("{}", paint.dim(&head));
    for call in &object.calls {
        let verdict = match call.verdict {
            Verdict::Allow => paint.green("allow  "),
            Verdict::Deny => paint.red("deny   "),
            Verdict::Hold => paint.dim("hold   "),
        };
        let status = call.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let (method, url, rule) = (plain(&call.method), plain(&call.url), rule(call));
        eprintln!("{:3} {verdict} {method:6} {url:urls$} {rule:rules$} {status:>6} {:7.2}", call.call, call.ms);
    }
}

pub fn paint_for_stdout() -> Paint {
    Paint(paint::wanted(std::io::stdout().is_terminal()))
}

pub fn paint_for_stderr() -> Paint {
    Paint(paint::wanted(std::io::stderr().is_terminal()))
}

/// CONTRACT section 1: 0 result, 1 the script failed, 3 a limit ended it, 5 our fault.
pub fn status(object: &RunObject) -> ExitCode {
    use ErrorKind::*;
    let Some(error) = &object.error else { return ExitCode::SUCCESS };
    ExitCode::from(match error.kind {
        CpuLimit | WallLimit | MemoryLimit | CallLimit | ResultLimit | SourceLimit => 3,
        Internal => 5,
        Syntax | Type | Exception | Deadlock | NotSerializable | Cancelled => 1,
    })
}

/// Control characters could move the cursor or write to the clipboard of a terminal.
pub fn plain(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character,
        character if character.is_control() => '\u{fffd}',
        character => character,
    };
    text.chars().map(shown).collect()
}

pub fn pad(character: char) -> char {
    if character == '\t' { '\t' } else { ' ' }
}

/// JSON with line breaks. Works on the text, so that numbers and the order of keys stay as the script wrote them.
fn indented(json: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) =
        (String::with_capacity(json.len() * 2), 0usize, false, false);
    let mut previous = ' ';
    for character in json.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            out.push(character);
            previous = character;
            continue;
        }
        let opened = matches!(previous, '{' | '[');
        let closes = matches!(character, '}' | ']');
        depth = if closes { depth.saturating_sub(1) } else { depth };
        if (opened != closes) || (previous == ',' && !closes) {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
        depth += usize::from(matches!(character, '{' | '['));
        in_string = character == '"';
        out.push(character);
        if character == ':' {
            out.push(' ');
        }
        previous = character;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_without_being_changed() {
        let json = r#"{"a":[1,2,{}],"b":"x,\"{","c":[],"d":12345678901234567890.10}"#;
        let shown = indented(json);
        assert_eq!(
            shown,
            "{\n  \"a\": [\n    1,\n    2,\n    {}\n  ],\n  \"b\": \"x,\\\"{\",\n  \"c\": [],\n  \"d\": 12345678901234567890.10\n}"
        );
        assert_eq!(shown.chars().filter(|c| !c.is_whitespace()).collect::<String>(), json);
    }

    #[test]
    fn a_script_cannot_drive_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\u{9b}c\td"), "a\u{fffd}[2Jb\u{fffd}c\td");
    }
}
