//! In: one module as its author wrote it (TypeScript or JavaScript, any form of CONTRACT.md section 3).
//! Out: an ES module whose `export default` the engine calls, and the source map back; or the reason why not.
//! May touch: nothing but its own memory. Security boundary: no; it is guest work and runs in an isolate of its own.

// A module passes through them in the order of `transpile` below.
mod awaits;
mod emit;
mod fence;
mod forms;
mod parse;
mod refuse;
mod strip;
mod survey;
#[cfg(target_family = "wasm")]
mod wasm;

use oxc_allocator::Allocator;
use oxc_ast::{ast::Program, builder::AstBuilder};

pub use refuse::Refused;
use survey::Survey;

/// A module that QuickJS can compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transpiled {
    pub javascript: String,
    /// Source map, JSON, version 3, without `sourcesContent`. Its one source is the module's name; lines and columns
    /// (UTF-16, as the format wants it) are those of the text as given, fences and prose included, without its BOM.
    pub map: String,
}

/// Transpiles one module. Recursion follows the nesting of the source: call it where a stack overflow is contained.
///
/// `name` is the module's name (`main.ts`); names in `.js`, `.mjs` and `.cjs` keep imports that only look unused.
pub fn transpile(name: &str, source: &str) -> Result<Transpiled, Refused> {
    compile(name, source, awaits::tell)
}

/// The same for the engine's own modules, whose functions are in no stack.
pub fn transpile_prelude(name: &str, source: &str) -> Result<Transpiled, Refused> {
    compile(name, source, |_, _, _, _| ())
}

/// `last` changes the program before it is printed.
fn compile(
    name: &str,
    source: &str,
    last: impl for<'a> FnOnce(&'a Allocator, &str, &mut Program<'a>, &AstBuilder<'a>),
) -> Result<Transpiled, Refused> {
    let text = refuse::plain_text(source)?;
    let arena = Allocator::default();
    let ast = AstBuilder::new(&arena);
    let mut program = parse::parse(&arena, text)?;
    refuse::unsupported(&program)?;
    parse::tidy(&mut program, &ast);
    let survey = Survey::of(&program)?;
    strip::strip(&arena, name, &mut program)?;
    refuse::imports(&program)?;
    forms::normalise(&mut program, &survey, &ast);
    last(&arena, name, &mut program, &ast);
    Ok(emit::emit(name, &program))
}

/// The same for bytes of which nobody knows yet whether they are text.
pub fn transpile_bytes(name: &str, source: &[u8]) -> Result<Transpiled, Refused> {
    transpile(name, refuse::text_of(source)?)
}

/// Reads one `Source` frame and gives the `Answer` frame for it.
pub fn answer(frame: &[u8]) -> Vec<u8> {
    let outcome = match mayfly_abi::Source::read(frame) {
        Ok(request) => transpile_bytes(request.name, request.source),
        Err(malformed) => Err(Refused::new(format!("not a source frame: {}", malformed.0), 1, 1)),
    };
    let mut out = Vec::new();
    match &outcome {
        Ok(Transpiled { javascript, map }) => write_answer(&mut out, true, javascript.as_bytes(), map.as_bytes()),
        Err(refused) => write_answer(&mut out, false, refused.to_json().as_bytes(), b""),
    }
    out
}

fn write_answer(out: &mut Vec<u8>, ok: bool, first: &[u8], second: &[u8]) {
    out.reserve_exact(first.len() + second.len() + 9);
    mayfly_abi::Answer { ok, first, second }.write(out);
}
