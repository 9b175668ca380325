//! In: what TypeScript finds. Out: whether that is a reason to refuse a script; and the options that TypeScript is given.
//! May touch: nothing.
//! Security boundary: no.
//!
//! The measure: a script that would do what its author means must pass, and what is told must be worth a repair. So types
//! are strict where they know something (fields, arguments, results that nobody awaited, values of enumerations, names)
//! and silent where they only lack words: parameters without types, what may be absent, `unknown`.

use crate::places::byte_at;
use crate::project::Raw;
use crate::vocabulary::Vocabulary;
use serde_json::{Value, json};

/// `strictNullChecks` is off because API descriptions leave out `required` more often than not: with it, nearly every
/// second access to a reply would need a `?.` that changes nothing. `noImplicitAny` is on because with it empty arrays and
/// `let x = null` get types from what is put into them; that a type is missing is not told.
pub fn options() -> Value {
    json!({
        "target": "esnext", "module": "esnext", "moduleResolution": "bundler", "moduleDetection": "force",
        "lib": ["esnext"], "types": [], "noEmit": true, "skipLibCheck": true, "allowImportingTsExtensions": true,
        "strict": false, "noImplicitAny": true, "strictBindCallApply": true,
        "allowUnreachableCode": true, "allowUnusedLabels": true
    })
}

/// Codes that are never told.
pub fn is_style(code: u32) -> bool {
    match code {
        // A type is missing somewhere, or control flow is unusual.
        7000..=7099 => true,
        // Modules: the engine finds them by its own rules, and says which it did not find.
        2307 | 2691 | 2792 | 5097 => true,
        // `return` in statements beside imports.
        1108 => true,
        // `new Date() - new Date()`, which means what it says.
        2362 | 2363 => true,
        // What nobody described, as `Object.values({})` gives it.
        2571 | 2698 | 18046 => true,
        _ => false,
    }
}

/// Whether it is worth a repair. `at` is the place in the script, in UTF-16 units.
pub fn counts(raw: &Raw, code: &str, at: u32, vocabulary: &Vocabulary) -> bool {
    let deepest = raw.deepest();
    if deepest.text.contains("'unknown'") {
        return false;
    }
    let assigned = |name: Option<&str>, this_alone: bool| name.is_some_and(|name| is_assigned(name, code, this_alone));
    match raw.code {
        // An object that is filled later, as JavaScript does it.
        2339 if raw.quoted(1) == Some("{}") => false,
        2339 => !assigned(raw.quoted(0), false),
        2551 => !assigned(raw.quoted(0), true),
        // `typeof window` asks whether there is one.
        2304 | 2552 | 2580..=2584 | 2591..=2593 => {
            !code.get(..byte_at(code, at)).is_some_and(|before| before.trim_end().ends_with("typeof"))
        }
        // A parameter of the script's own function, left out.
        2554 => !raw.related_information.iter().any(|place| place.code == 6210 && place.file_name == raw.file_name),
        2322 | 2345 | 2739 | 2740 | 2741 | 2820 => {
            let literal = code.get(byte_at(code, at)..).is_some_and(|rest| rest.starts_with('{'));
            let filled = match deepest.code {
                2739 | 2740 if deepest.quoted(0) == Some("{}") => true,
                2739 | 2740 => {
                    let names = deepest.text.rsplit(": ").next().unwrap_or_default();
                    names.split(", ").all(|name| is_assigned(name, code, false))
                }
                2741 => assigned(deepest.quoted(0), false),
                _ => false,
            };
            // Any text where one of some words is wanted: it may be one of them.
            (literal || !filled) && !is_wide(&deepest.text, vocabulary)
        }
        _ => true,
    }
}

/// "Type 'string' is not assignable to type '"open" | "closed"'".
fn is_wide(text: &str, vocabulary: &Vocabulary) -> bool {
    let Some((from, to)) = text.split_once(" is not assignable to ") else { return false };
    let literal = |kind: &str| to.contains(kind);
    match () {
        () if from.ends_with("'string'") => literal("'\"") || literal("'`") || named(to, vocabulary).is_some(),
        () if from.ends_with("'number'") => {
            to.split('\'').nth(1).is_some_and(|kind| kind.starts_with(|c: char| c.is_ascii_digit()))
        }
        () => false,
    }
}

/// The words of the type that stands last in a message.
pub fn named<'e>(text: &str, vocabulary: &'e Vocabulary) -> Option<&'e str> {
    vocabulary.words(text.rsplit('\'').nth(1)?)
}

/// Whether the script gives an object this property somewhere: `x.name = ...`, or `this.name = ...` alone.
fn is_assigned(name: &str, code: &str, this_alone: bool) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default();
        let after = code.get(at + name.len()..).unwrap_or_default().trim_start();
        let target = if this_alone { before.ends_with("this.") } else { before.ends_with('.') };
        let operators = ["=", "+=", "-=", "??=", "||=", "&&=", "++", "--"];
        target
            && operators.iter().any(|operator| after.starts_with(operator))
            && !after.starts_with("==")
            && !after.starts_with("=>")
    })
}
