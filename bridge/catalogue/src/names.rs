//! In: names as third parties write them (`issues/list-for-repo`). Out: identifiers and dotted paths (`issues.listForRepo`).
//! May touch: nothing.
//! Security boundary: yes; what comes out is written into code without quotes.

use crate::limits::{NAME_BYTES_MAX, PATH_SEGMENTS_MAX};

/// Words of JavaScript, and names that the guest's `tools` proxy answers itself. They get a trailing `_`.
const RESERVED: [&str; 61] = [
    "then",
    "toJSON",
    "constructor",
    "prototype",
    "__proto__",
    "inspect",
    "toString",
    "valueOf",
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "hasOwnProperty",
    "toLocaleString",
    "isPrototypeOf",
    "propertyIsEnumerable",
];

/// Globals of a script that no source may hide.
const GLOBALS: [&str; 28] = [
    "tools",
    "codemode",
    "console",
    "fetch",
    "workspace",
    "global",
    "globalThis",
    "self",
    "window",
    "process",
    "require",
    "module",
    "exports",
    "crypto",
    "performance",
    "navigator",
    "atob",
    "btoa",
    "structuredClone",
    "queueMicrotask",
    "reportError",
    "setTimeout",
    "setInterval",
    "setImmediate",
    "escape",
    "unescape",
    "isNaN",
    "input",
];

/// Types that declarations use or that everybody knows: no shared schema may hide them.
const RESERVED_TYPES: [&str; 26] = [
    "Array",
    "ArrayBuffer",
    "BigInt",
    "Blob",
    "Boolean",
    "Date",
    "Error",
    "File",
    "Function",
    "Map",
    "Number",
    "Object",
    "Partial",
    "Pick",
    "Omit",
    "Promise",
    "Readonly",
    "ReadonlyArray",
    "Record",
    "RegExp",
    "Required",
    "Request",
    "Response",
    "Set",
    "String",
    "Symbol",
];

/// The path of an operation below its source: `/` and `.` separate groups, other odd characters end a word. `None` when
/// nothing that can be a name is left.
pub fn path_of(operation_id: &str) -> Option<String> {
    let segments: Vec<String> = operation_id.split(['/', '.']).filter_map(identifier).collect();
    if segments.is_empty() || segments.len() > PATH_SEGMENTS_MAX {
        return None;
    }
    Some(segments.join("."))
}

/// For an operation without a name: `GET /pets/{id}/toys` is `getPetsByIdToys`.
pub fn path_of_request(method: &str, path: &str) -> Option<String> {
    let mut words = method.to_ascii_lowercase();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        words.push('-');
        if segment.contains('{') {
            words.push_str("by-");
        }
        words.push_str(&segment.replace('_', "-"));
    }
    identifier(&words)
}

/// `list-for-repo` is `listForRepo`, `get_user` stays, `delete` is `delete_`, `2fa` is `_2fa`.
pub fn identifier(text: &str) -> Option<String> {
    let mut name = camel(text);
    if !name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    Some(unreserved(&name).into_owned())
}

/// The name that a script may use for `name`: with a trailing `_` where JavaScript or the proxy has it already.
pub fn unreserved(name: &str) -> std::borrow::Cow<'_, str> {
    if RESERVED.contains(&name) { format!("{name}_").into() } else { name.into() }
}

/// Name of a shared schema: `simple-user` is `SimpleUser`.
pub fn type_name(text: &str) -> String {
    let camel = camel(text);
    let mut letters = camel.trim_start_matches('_').chars();
    let name: String = letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
    if name.is_empty() {
        return "Type".to_owned();
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("_{name}");
    }
    if RESERVED_TYPES.contains(&name.as_str()) {
        return format!("{name}_");
    }
    name
}

pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'_' | b'$'))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
}

/// A source's name is a global variable of the script: lower case first, so that it hides no class.
pub fn is_source_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !RESERVED.contains(&text)
        && !GLOBALS.contains(&text)
}

/// Letters, digits and `_` of `text`; what stands between them makes the next letter a capital.
fn camel(text: &str) -> String {
    let (mut name, mut capital) = (String::new(), false);
    for letter in text.chars() {
        if name.len() >= NAME_BYTES_MAX {
            break;
        }
        if letter.is_ascii_alphanumeric() || letter == '_' {
            name.push(if capital { letter.to_ascii_uppercase() } else { letter });
            capital = false;
        } else {
            capital = !name.is_empty();
        }
    }
    name
}
