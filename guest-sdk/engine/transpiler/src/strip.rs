//! In: a program that parses, still TypeScript. Out: the same as plain JavaScript, or the early error that scopes show.
//! May touch: the arena of this call. What is JavaScript already stays as it is: QuickJS parses what oxc leaves.
//! Security boundary: no.

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_transformer::{TransformOptions, Transformer};

use crate::refuse::Refused;

/// Types go; enums, namespaces and parameter properties become what they mean.
pub fn strip<'a>(arena: &'a Allocator, name: &str, program: &mut Program<'a>) -> Result<(), Refused> {
    let scoping = check(program)?;
    let transformer = Transformer::new(arena, Path::new(name), &options(name));
    let transformed = transformer.build_with_scoping(scoping, program);
    Refused::first_of(program.source_text, &transformed.diagnostics).map_or(Ok(()), Err)
}

/// Early errors that need scopes: a name declared twice, `await` in a plain function, `break` outside a loop.
fn check(program: &Program<'_>) -> Result<Scoping, Refused> {
    // The transformer takes the values of enum members from here and panics without them.
    let checked = SemanticBuilder::new_compiler().with_enum_eval(true).build(program);
    match Refused::first_of(program.source_text, &checked.diagnostics) {
        Some(refused) => Err(refused),
        None => Ok(checked.semantic.into_scoping()),
    }
}

/// Target esnext, the default: lower ones need helpers from a package that nobody provides here.
fn options(name: &str) -> TransformOptions {
    let mut options = TransformOptions::default();
    // In TypeScript an import that is never used as a value is a type; in JavaScript it may be there for its effects.
    options.typescript.only_remove_type_imports = [".js", ".mjs", ".cjs"].iter().any(|end| name.ends_with(end));
    options
}
