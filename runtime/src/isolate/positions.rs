//! In: a stack as the guest tells it. Out: the same without frames that are not the script's, and the place of its first.
//! May touch: nothing; it runs only when an error is told.
//! Security boundary: no. A stack is text that a script can forge; the worst it can do is to point to another line.

use super::outcome::RunError;
use super::program::{Module, Program};

/// Lines of a stack that are kept.
const FRAMES_MAX: usize = 32;
/// The offending line is shown up to here: a minified script is one line.
const SOURCE_BYTES_MAX: usize = 512;

/// Puts the stack into the error, and the place of its first frame that is the script's own.
pub(super) fn locate(error: &mut RunError, stack: &str, program: &Program) {
    let mut lines = Vec::new();
    let missing = missing_name(error);
    for frame in stack.lines().take(FRAMES_MAX) {
        let Some(mut place) = Place::of(frame, program) else {
            // Frames of the prelude say nothing to the author; what is no frame at all is text of the error.
            if !frame.contains("mayfly:") && !frame.contains("(native)") && !frame.trim().is_empty() {
                lines.push(frame.to_owned());
            }
            continue;
        };
        if let (Some(name), None) = (&missing, error.line) {
            place.move_to(name);
        }
        lines.push(place.frame());
        if error.line.is_none() {
            error.module = Some(place.module.name.clone());
            error.line = Some(place.line);
            error.column = Some(place.column);
            error.source = source_line(&place.module.source, place.line);
        }
    }
    error.stack = lines.join("\n");
}

/// The line as it stands in the script, cut where it is too long.
pub fn source_line(source: &str, line: u32) -> Option<String> {
    let text = source.lines().nth((line as usize).checked_sub(1)?)?.trim_end();
    Some(text.get(..text.floor_char_boundary(SOURCE_BYTES_MAX)).unwrap_or_default().to_owned())
}

struct Place<'p> {
    module: &'p Module,
    line: u32,
    column: u32,
    function: &'p str,
}

impl<'p> Place<'p> {
    /// A frame is `    at name (main.ts:3:7)` or `    at main.ts:3:7`.
    fn of(frame: &'p str, program: &'p Program) -> Option<Place<'p>> {
        let trimmed = frame.trim().strip_prefix("at ")?;
        let (function, position) = match trimmed.rsplit_once(" (") {
            Some((function, position)) => (function, position.strip_suffix(')')?),
            None => ("", trimmed),
        };
        let mut parts = position.rsplitn(3, ':');
        let column = parts.next()?.parse().ok().filter(|column| *column > 0)?;
        let line = parts.next()?.parse().ok()?;
        Some(Place { module: program.module(parts.next()?)?, line, column, function })
    }

    fn frame(&self) -> String {
        let Place { module, line, column, function } = self;
        match *function {
            "" | "<anonymous>" => format!("    at {}:{line}:{column}", module.name),
            _ => format!("    at {function} ({}:{line}:{column})", module.name),
        }
    }

    /// QuickJS keeps no position for reading a variable, and tells the one of the call before, or of the function. The
    /// name that is not defined stands somewhere behind it: its next occurrence as a word is the place.
    fn move_to(&mut self, name: &str) {
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
        for (number, text) in (1..).zip(self.module.source.lines()).skip_while(|(number, _)| *number < self.line) {
            let from = if number == self.line { self.column as usize - 1 } else { 0 };
            for (at, _) in text.match_indices(name) {
                let before = text.get(..at).and_then(|text| text.chars().next_back());
                let after = text.get(at + name.len()..).and_then(|text| text.chars().next());
                let column = text.get(..at).map_or(0, |text| text.encode_utf16().count());
                let whole = !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(is_word);
                if whole && column >= from {
                    (self.line, self.column) = (number, column as u32 + 1);
                    return;
                }
            }
        }
    }
}

/// The name in "x is not defined", behind which there may be advice.
fn missing_name(error: &RunError) -> Option<String> {
    let (name, _) = error.message.split_once(" is not defined")?;
    (error.name == "ReferenceError" && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::ErrorKind;

    #[test]
    fn frames_of_the_prelude_are_left_out_and_the_first_of_the_script_is_the_place() {
        let source = "one\ntwo\n    boom()\n".to_owned();
        let program = Program { modules: vec![Module { name: "main.ts".into(), bytecode: Vec::new(), source }] };
        let mut error = RunError::new(ErrorKind::Exception, "Error", "x");
        let stack = "    at f (main.ts:3:5)\n    at start (mayfly:run:9:9)\n    at Promise (native)\n";
        locate(&mut error, stack, &program);
        assert_eq!(error.stack, "    at f (main.ts:3:5)");
        assert_eq!((error.line, error.column), (Some(3), Some(5)));
        assert_eq!(error.source.as_deref(), Some("    boom()"));
    }

    #[test]
    fn a_forged_stack_is_text() {
        let program = Program { modules: Vec::new() };
        let mut error = RunError::new(ErrorKind::Exception, "Error", "x");
        locate(&mut error, "    at f (main.ts:99999999999999:1)\n    at (((::\n  at :\n at main.ts:1:0", &program);
        assert_eq!(error.line, None);
    }
}
