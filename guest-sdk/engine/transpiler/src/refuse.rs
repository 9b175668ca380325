//! In: bytes, text, a parsed program, diagnostics of oxc. Out: the one kind of error this crate has, with its place.
//! May touch: nothing. What Mayfly does not take is refused here by name, instead of failing later without a reason.
//! Security boundary: no.

use oxc_ast::ast::{AccessorProperty, Decorator, JSXElement, JSXFragment, Program, Statement, TSModuleReference};
use oxc_ast_visit::Visit;
use oxc_diagnostics::{Diagnostics, OxcDiagnostic};
use oxc_span::{GetSpan, Span};
use serde::Serialize;
use std::borrow::Cow;

/// Why a script is none, in one short sentence, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Name of the JavaScript error: always `SyntaxError`.
    pub name: &'static str,
    pub message: String,
    /// From 1, in the text as given.
    pub line: u32,
    /// From 1, in UTF-16 code units (a BOM is not counted), as editors and QuickJS count.
    pub column: u32,
}

const DECORATORS: &str = "decorators are not supported; call the function on the class or method instead";
const ACCESSOR: &str = "`accessor` fields are not supported; write a getter and a setter";
const IMPORT_REQUIRE: &str = "`import ... = require(...)` is CommonJS; write `import ... from \"...\"`";
const EXPORT_ASSIGNMENT: &str = "`export =` is CommonJS; write `export default`";
const EXPORT_AS_NAMESPACE: &str = "`export as namespace` is for declaration files only";
const JSX: &str = "JSX is not supported; scripts have no element runtime";
pub const RETURN_IN_MODULE: &str = "`return` at the top level works only in a script without exports";

impl Refused {
    pub fn new(message: impl Into<String>, line: u32, column: u32) -> Self {
        Self { name: "SyntaxError", message: message.into(), line, column }
    }

    /// At a byte offset of the text.
    pub fn at(text: &str, offset: u32, message: impl Into<String>) -> Self {
        let (line, column) = place(text, offset as usize);
        Self::new(message, line, column)
    }

    /// `{"name", "message", "line", "column"}`, as the `Answer` frame carries it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The first error among oxc's findings, in words for the author of the script.
    pub fn first_of(text: &str, diagnostics: &Diagnostics) -> Option<Self> {
        let first = diagnostics.errors().min_by_key(|error| offset_of(error))?;
        let offset = offset_of(first).min(text.len() as u32);
        Some(Self::at(text, offset, wording(text, first)))
    }
}

/// The source as UTF-8, or why it is not source at all: only script text is ever accepted.
pub fn text_of(source: &[u8]) -> Result<&str, Refused> {
    if source.starts_with(b"\0asm") {
        return Err(Refused::new("not source text: this is a WebAssembly module", 1, 1));
    }
    // No script begins with a control character; QuickJS bytecode begins with its version, which is one.
    if source.first().is_some_and(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && *byte != 0x0b) {
        return Err(Refused::new("not source text: this is binary data", 1, 1));
    }
    std::str::from_utf8(source).map_err(|error| {
        let (valid, _) = source.split_at(error.valid_up_to());
        let text = std::str::from_utf8(valid).unwrap_or_default();
        Refused::at(text, text.len() as u32, "not source text: not UTF-8")
    })
}

/// The text without its byte order mark; NUL is refused because what reads the text as a C string would end there.
pub fn plain_text(source: &str) -> Result<&str, Refused> {
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    match text.bytes().position(|byte| byte == 0) {
        Some(offset) => Err(Refused::at(text, offset as u32, "NUL character in the source; write `\\0` in a string")),
        None => Ok(text),
    }
}

/// Syntax that parses and that Mayfly still cannot run.
pub fn unsupported(program: &Program<'_>) -> Result<(), Refused> {
    let text = program.source_text;
    if let Some((span, message)) = program.body.iter().find_map(common_js) {
        return Err(Refused::at(text, span.start, message.as_ref()));
    }
    // Without these there is nothing to find, and the walk is saved.
    if !text.contains('@') && !text.contains("accessor") {
        return Ok(());
    }
    Finder::first(program).map_or(Ok(()), Err)
}

/// Imports that are left when types are gone, and that name nothing that a run can bring along: a package, a module of
/// Node, a URL. Whether a relative one is there is known when the script starts.
pub fn imports(program: &Program<'_>) -> Result<(), Refused> {
    let sources = program.body.iter().filter_map(|statement| match statement {
        Statement::ImportDeclaration(it) => Some(&it.source),
        Statement::ExportFromDeclaration(it) => Some(&it.source),
        Statement::ExportAllDeclaration(it) => Some(&it.source),
        _ => None,
    });
    match sources.into_iter().find(|source| !mayfly_advice::is_relative(&source.value)) {
        Some(source) => Err(Refused::at(program.source_text, source.span.start, mayfly_advice::import(&source.value))),
        None => Ok(()),
    }
}

/// The first element in a program that was parsed with JSX.
pub fn jsx(program: &Program<'_>) -> Option<Refused> {
    Finder::first(program)
}

fn common_js(statement: &Statement<'_>) -> Option<(Span, Cow<'static, str>)> {
    let message = match statement {
        Statement::TSExportAssignment(_) => EXPORT_ASSIGNMENT.into(),
        Statement::TSNamespaceExportDeclaration(_) => EXPORT_AS_NAMESPACE.into(),
        Statement::TSImportEqualsDeclaration(import) => match &import.module_reference {
            TSModuleReference::ExternalModuleReference(it) => import_require(&it.expression.value),
            _ => return None,
        },
        _ => return None,
    };
    Some((statement.span(), message))
}

fn import_require(specifier: &str) -> Cow<'static, str> {
    if mayfly_advice::is_relative(specifier) { IMPORT_REQUIRE.into() } else { mayfly_advice::require(specifier).into() }
}

/// The first node, in the order of the source, that parses and cannot run.
struct Finder(Option<(Span, &'static str)>);

impl Finder {
    fn first(program: &Program<'_>) -> Option<Refused> {
        let mut finder = Self(None);
        finder.visit_program(program);
        finder.0.map(|(span, message)| Refused::at(program.source_text, span.start, message))
    }
}

impl<'a> Visit<'a> for Finder {
    /// oxc compiles only the decorators of before ECMAScript's, whose meaning differs: refused rather than half right.
    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        self.0.get_or_insert((decorator.span, DECORATORS));
    }

    /// Part of the decorators' proposal, and unknown to QuickJS like these.
    fn visit_accessor_property(&mut self, property: &AccessorProperty<'a>) {
        self.0.get_or_insert((property.span, ACCESSOR));
    }

    fn visit_jsx_element(&mut self, element: &JSXElement<'a>) {
        self.0.get_or_insert((element.span, JSX));
    }

    fn visit_jsx_fragment(&mut self, fragment: &JSXFragment<'a>) {
        self.0.get_or_insert((fragment.span, JSX));
    }
}

/// Where the author has to look: the second declaration of a name, not the first, which oxc names first too.
fn offset_of(error: &OxcDiagnostic) -> u32 {
    let redeclared = error.message.ends_with("has already been declared");
    let likely = if redeclared { error.labels.last() } else { error.labels.first() };
    let primary = error.labels.iter().find(|label| label.primary()).or(likely);
    primary.map_or(0, |label| label.offset())
}

/// oxc quotes with backticks and leaves the token of "Unexpected token" to its picture of the line.
fn wording(text: &str, error: &OxcDiagnostic) -> String {
    let message = error.message.trim_end_matches('.').replace('`', "\"").replace("\"EOF\"", "the end of the script");
    if message != "Unexpected token" {
        return message;
    }
    let found = error.labels.first().and_then(|label| text.get(label.offset() as usize..)?.get(..label.len() as usize));
    match found {
        None | Some("") => "Unexpected end of the script".to_owned(),
        Some(token) if token.len() <= 32 => format!("Unexpected token \"{token}\""),
        Some(_) => message,
    }
}

/// Line and column from 1, lines as ECMAScript ends them, columns in UTF-16 code units.
fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let (mut line, mut column) = (1, 1);
    let mut chars = before.chars().peekable();
    while let Some(char) = chars.next() {
        let crlf = char == '\r' && chars.peek() == Some(&'\n');
        if matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}') && !crlf {
            (line, column) = (line + 1, 1);
        } else {
            column += char.len_utf16() as u32;
        }
    }
    (line, column)
}
