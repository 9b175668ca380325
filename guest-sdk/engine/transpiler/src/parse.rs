//! In: text that may be wrapped in prose and code fences. Out: the program in it, free of syntax errors, or a refusal.
//! May touch: the arena of this call. The text is never cut, only blanked: every position stays that of the original.
//! Security boundary: no.

use oxc_allocator::{Allocator, ArenaBox, TakeIn};
use oxc_ast::{
    ast::{Expression, FunctionType, Program, Statement},
    builder::AstBuilder,
};
use oxc_diagnostics::{Diagnostics, OxcDiagnostic};
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_span::SourceType;

use crate::{fence, refuse, refuse::Refused, survey::is_erased};

/// Parses the text, or the first block of code in it when it is a chat message around a block.
pub fn parse<'a>(arena: &'a Allocator, text: &'a str) -> Result<Program<'a>, Refused> {
    if text.trim_start().starts_with("```")
        && let Some(block) = fence::first_block(text)
    {
        return parse_code(arena, arena.alloc_str(&block));
    }
    let whole = parse_code(arena, text);
    if whole.as_ref().is_ok_and(|program| !hides_a_fence(program)) {
        return whole;
    }
    match fence::first_block(text) {
        Some(block) => parse_code(arena, arena.alloc_str(&block)),
        None => whole,
    }
}

/// "Done:", a fence and code read as a label and tagged templates. In code, a line can begin with a fence only in a comment.
fn hides_a_fence(program: &Program<'_>) -> bool {
    let in_comment = |offset: usize| {
        program.comments.iter().any(|comment| (comment.span.start..comment.span.end).contains(&(offset as u32)))
    };
    fence::backtick_lines(program.source_text).any(|offset| !in_comment(offset))
}

fn parse_code<'a>(arena: &'a Allocator, code: &'a str) -> Result<Program<'a>, Refused> {
    let mut parsed = parse_as(arena, code, SourceType::ts().with_module(true));
    forgive_nameless_functions(&mut parsed);
    match Refused::first_of(code, &parsed.diagnostics) {
        None => Ok(parsed.program),
        Some(refused) => Err(explain(arena, code, refused)),
    }
}

fn parse_as<'a>(arena: &'a Allocator, code: &'a str, source_type: SourceType) -> ParserReturn<'a> {
    let options =
        ParseOptions { allow_return_outside_function: true, preserve_parens: false, ..ParseOptions::default() };
    Parser::new(arena, code, source_type).with_options(options).parse()
}

/// `async function (input) {...}` alone is no statement, but models write it; oxc goes on without the name, and
/// `tidy` makes an expression of it. Elsewhere than at the top level the name stays required.
fn forgive_nameless_functions(parsed: &mut ParserReturn<'_>) {
    if parsed.panicked || parsed.diagnostics.is_empty() {
        return;
    }
    let nameless = |error: &OxcDiagnostic| {
        error.message == "Expected function name"
            && error.labels.first().is_some_and(|label| {
                parsed.program.body.iter().any(|statement| match statement {
                    Statement::FunctionDeclaration(function) => {
                        function.id.is_none() && function.params.span.start == label.offset()
                    }
                    _ => false,
                })
            })
    };
    let kept: Diagnostics = parsed.diagnostics.iter().filter(|error| !nameless(error)).cloned().collect();
    parsed.diagnostics = kept;
}

/// Undoes accidents of the grammar: a program that is one string is a directive, a nameless function is a declaration,
/// and a `;` too many is a statement.
pub fn tidy<'a>(program: &mut Program<'a>, ast: &AstBuilder<'a>) {
    program.hashbang = None;
    program.body.retain(|statement| !matches!(statement, Statement::EmptyStatement(_)));
    let directives = program.directives.take_in(ast);
    if program.body.iter().all(is_erased) {
        program.body.extend(directives.into_iter().filter(|directive| directive.directive != "use strict").map(
            |directive| {
                let text = Expression::StringLiteral(ArenaBox::new_in(directive.expression, ast));
                Statement::new_expression_statement(directive.span, text, ast)
            },
        ));
    }
    for statement in &mut program.body {
        if matches!(statement, Statement::FunctionDeclaration(function) if function.id.is_none()) {
            let Statement::FunctionDeclaration(mut function) = statement.take_in(ast) else { continue };
            function.r#type = FunctionType::FunctionExpression;
            let span = function.span;
            *statement = Statement::new_expression_statement(span, Expression::FunctionExpression(function), ast);
        }
    }
}

/// What does not parse as TypeScript but does with JSX, is JSX; without this its author reads about type assertions.
fn explain<'a>(arena: &'a Allocator, code: &'a str, refused: Refused) -> Refused {
    if !code.contains("</") && !code.contains("/>") {
        return refused;
    }
    let with_jsx = parse_as(arena, code, SourceType::tsx().with_module(true));
    match with_jsx.diagnostics.is_empty().then(|| refuse::jsx(&with_jsx.program)).flatten() {
        Some(jsx) => jsx,
        None => refused,
    }
}
