//! In: nothing. Out: TypeScript's options, and which of its findings are no reason to refuse a script.
//! May touch: nothing.
//! Security boundary: no.
//!
//! The measure: a script that would do what its author means must pass, and what is told must be worth a repair. So types
//! are strict where they know something (fields, arguments, results that nobody awaited, values of enumerations, names)
//! and silent where they only lack words: parameters without types, what may be absent, `unknown`.

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
        _ => false,
    }
}
