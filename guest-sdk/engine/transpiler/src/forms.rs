//! In: a program, plain JavaScript, in any form of CONTRACT.md section 3, and its survey. Out: the same tree as a module
//! whose `export default` is what the engine calls. May touch: that tree; spans stay, so that positions stay.
//! Security boundary: no.
//!
//! | the program | becomes |
//! |---|---|
//! | has a default export | itself |
//! | has other exports and only declarations, one of them clearly the entry | itself and `export { entry as default }` |
//! | has other exports | itself; it is a library, or the engine says that nothing is there to call |
//! | one function (expression, declaration or `const`), or `({ run() {} })` | `export default` of it |
//! | only declarations, one of them a function `main`, `run` or `handler` | itself and `export { main as default }` |
//! | anything else | `export default async function (input) { ...; return LAST }`, imports before it |
//!
//! LAST is the last statement if it is an expression (function declarations behind it do not count); if it is a
//! function, or the name of one declared here, it is called with `input`. The value of a last `if`, `try`, loop or
//! block is not returned.

use oxc_allocator::{ArenaVec, TakeIn};
use oxc_ast::{ast::*, builder::AstBuilder};
use oxc_ecmascript::BoundNames;
use oxc_span::{GetSpan, SPAN, Span};

use crate::survey::{Survey, callable, is_handlers, is_import, named_function, names_function};

/// The parameter of the wrapper, and what a last function is called with.
const INPUT: &str = "input";

pub fn normalise<'a>(program: &mut Program<'a>, survey: &Survey<'a>, ast: &AstBuilder<'a>) {
    let entry = match survey {
        survey if survey.has_default => return,
        survey if survey.exports => survey.exported_entry(),
        survey if survey.single && export_only(program, ast) => return,
        survey => survey.declared_entry(),
    };
    match entry {
        Some((name, span)) => program.body.push(export_as_default(name, span, ast)),
        None if survey.exports => {}
        None => wrap(program, ast),
    }
}

/// The one statement of the program, exported if it is something to call.
fn export_only<'a>(program: &mut Program<'a>, ast: &AstBuilder<'a>) -> bool {
    let Some(statement) = program.body.iter_mut().find(|statement| !is_import(statement) && !is_nothing(statement))
    else {
        return false;
    };
    let span = statement.span();
    let declaration = match statement {
        Statement::ExpressionStatement(it) if callable(&it.expression) || is_handlers(&it.expression) => {
            ExportDefaultDeclarationKind::from(it.expression.take_in(ast))
        }
        Statement::FunctionDeclaration(_) => {
            let Statement::FunctionDeclaration(function) = statement.take_in(ast) else { return false };
            ExportDefaultDeclarationKind::FunctionDeclaration(function)
        }
        Statement::VariableDeclaration(variable) => match named_function(variable) {
            Some(id) => {
                let export = export_as_default(id.name, id.span, ast);
                program.body.push(export);
                return true;
            }
            None => return false,
        },
        _ => return false,
    };
    *statement = Statement::new_export_default_declaration(span, declaration, ast);
    true
}

fn export_as_default<'a>(name: Ident<'a>, span: Span, ast: &AstBuilder<'a>) -> Statement<'a> {
    let specifier = ExportSpecifier::new(
        span,
        ModuleExportName::IdentifierReference(IdentifierReference::new(span, name, ast)),
        ModuleExportName::IdentifierName(IdentifierName::new(span, "default", ast)),
        ImportOrExportKind::Value,
        ast,
    );
    Statement::new_export_named_declaration(span, [specifier], ImportOrExportKind::Value, ast)
}

/// Bare statements become the body of one async function; imports can stand only outside of it.
fn wrap<'a>(program: &mut Program<'a>, ast: &AstBuilder<'a>) {
    let mut outside = ArenaVec::new_in(ast);
    let mut inside = ArenaVec::with_capacity_in(program.body.len(), ast);
    for statement in program.body.take_in(ast) {
        match statement {
            statement if is_nothing(&statement) => {}
            statement if is_import(&statement) => outside.push(statement),
            statement => inside.push(statement),
        }
    }
    let own_input = declares_input(&inside) || declares_input(&outside);
    return_last(&mut inside, ast);
    outside.push(export_wrapper(inside, own_input, ast));
    program.body = outside;
}

/// `;` and `export {}`; the latter is also what is left when types were all that a module exported.
fn is_nothing(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::EmptyStatement(_) => true,
        Statement::ExportNamedDeclaration(it) => it.specifiers.is_empty(),
        _ => false,
    }
}

/// A script with an `input` of its own does not get ours: a parameter beside `const input` would be an error, and one
/// over an import would hide it. `var` and functions may share the name with a parameter.
fn declares_input(statements: &[Statement<'_>]) -> bool {
    let mut found = false;
    let mut look = |id: &BindingIdentifier<'_>| found |= id.name == INPUT;
    for statement in statements {
        match statement {
            Statement::VariableDeclaration(it) if it.kind != VariableDeclarationKind::Var => it.bound_names(&mut look),
            Statement::ClassDeclaration(it) => it.bound_names(&mut look),
            Statement::ImportDeclaration(it) => it.bound_names(&mut look),
            _ => {}
        }
    }
    found
}

fn return_last<'a>(statements: &mut ArenaVec<'a, Statement<'a>>, ast: &AstBuilder<'a>) {
    let counts = |statement: &Statement<'_>| !matches!(statement, Statement::FunctionDeclaration(_));
    let Some(last) = statements.iter().rposition(counts) else { return };
    let Some(Statement::ExpressionStatement(it)) = statements.get(last) else { return };
    let call = callable(&it.expression) || names_function(&it.expression, statements);
    let Some(statement) = statements.get_mut(last) else { return };
    let Statement::ExpressionStatement(it) = statement else { return };
    let (span, mut value) = (it.span, it.expression.take_in(ast));
    if call {
        let input = Argument::new_identifier(value.span(), INPUT, ast);
        value = Expression::new_call_expression(value.span(), value, None, [input], false, ast);
    }
    *statement = Statement::new_return_statement(span, Some(value), ast);
}

fn export_wrapper<'a>(body: ArenaVec<'a, Statement<'a>>, own_input: bool, ast: &AstBuilder<'a>) -> Statement<'a> {
    let mut parameters = ArenaVec::new_in(ast);
    if !own_input {
        let pattern = BindingPattern::new_binding_identifier(SPAN, INPUT, ast);
        parameters.push(FormalParameter::new_plain(SPAN, pattern, ast));
    }
    let kind = FormalParameterKind::FormalParameter;
    let function = Function::boxed(
        SPAN,
        FunctionType::FunctionDeclaration,
        None,
        false,
        true,
        false,
        None,
        None,
        FormalParameters::boxed(SPAN, kind, parameters, None, ast),
        None,
        Some(FunctionBody::boxed(SPAN, [], body, ast)),
        ast,
    );
    let declaration = ExportDefaultDeclarationKind::FunctionDeclaration(function);
    Statement::new_export_default_declaration(SPAN, declaration, ast)
}
