//! In: the statements of a program. Out: what kind of program they make. May touch: nothing; it only looks.
//! Taken while the program is still TypeScript, because stripping turns namespaces into statements.
//! Security boundary: no.

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

use crate::refuse::{RETURN_IN_MODULE, Refused};

/// Names under which models write the function they mean to be called.
const ENTRIES: [&str; 3] = ["main", "run", "handler"];

/// A function with a name, and where the name stands.
type Named<'a> = (Ident<'a>, Span);

pub struct Survey<'a> {
    pub exports: bool,
    pub has_default: bool,
    /// Beside types and imports there is exactly one statement.
    pub single: bool,
    /// Something beside declarations happens at the top level.
    acts: bool,
    declared: Vec<Named<'a>>,
    exported: Vec<Named<'a>>,
}

impl<'a> Survey<'a> {
    /// Refuses a `return` at the top level of what stays a module: the parser let it pass for the sake of bare statements.
    pub fn of(program: &Program<'a>) -> Result<Self, Refused> {
        let mut survey = Self {
            exports: false,
            has_default: false,
            single: program.body.iter().filter(|it| !is_erased(it) && !is_import(it)).count() == 1,
            acts: false,
            declared: Vec::new(),
            exported: Vec::new(),
        };
        program.body.iter().for_each(|statement| survey.look_at(statement));
        survey.exported.extend(exported_by_name(&program.body, &survey.declared));
        match top_level_return(&program.body).filter(|_| survey.exports) {
            Some(span) => Err(Refused::at(program.source_text, span.start, RETURN_IN_MODULE)),
            None => Ok(survey),
        }
    }

    /// The function that an export without default offers: the only one, or the only one with a name of an entry.
    pub fn exported_entry(&self) -> Option<Named<'a>> {
        let clear = match self.exported.as_slice() {
            [only] => Some(*only),
            several => single(several.iter().copied().filter(is_entry)),
        };
        // `fetch` wants a request and not an input: that takes `export default { fetch }`.
        clear.filter(|(name, _)| !self.acts && *name != "fetch")
    }

    /// The function `main`, `run` or `handler` among declarations, when nothing calls it.
    pub fn declared_entry(&self) -> Option<Named<'a>> {
        single(self.declared.iter().copied().filter(is_entry)).filter(|_| !self.acts)
    }

    fn look_at(&mut self, statement: &Statement<'a>) {
        match statement {
            Statement::ExportDefaultDeclaration(it) => {
                let is_type = matches!(it.declaration, ExportDefaultDeclarationKind::TSInterfaceDeclaration(_));
                self.exports |= !is_type;
                self.has_default |= !is_type;
            }
            Statement::ExportNamedDeclaration(it) if it.export_kind.is_value() => self.look_at_names(&it.specifiers),
            Statement::ExportFromDeclaration(it) if it.export_kind.is_value() => self.look_at_names(&it.specifiers),
            Statement::ExportAllDeclaration(it) if it.export_kind.is_value() => {
                self.exports = true;
                self.has_default |= it.exported.as_ref().is_some_and(|name| name.name() == "default");
            }
            Statement::ExportDeclaration(it) if !is_erased_declaration(&it.declaration) => {
                self.exports = true;
                self.exported.extend(function_of(&it.declaration));
            }
            statement if is_erased(statement) || is_import(statement) => {}
            statement => match statement.as_declaration() {
                Some(declaration) => self.declared.extend(function_of(declaration)),
                None => self.acts |= !statement.is_module_declaration(),
            },
        }
    }

    /// `export {}` exports nothing: TypeScript wants it where there is a top-level `await`.
    fn look_at_names(&mut self, specifiers: &[ExportSpecifier<'a>]) {
        self.exports |= !specifiers.is_empty();
        self.has_default |= specifiers.iter().any(|it| it.exported.name() == "default");
    }
}

fn single<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn is_entry((name, _): &Named<'_>) -> bool {
    ENTRIES.contains(&name.as_str())
}

/// `function main() {}; export { main }`.
fn exported_by_name<'a>(statements: &[Statement<'a>], declared: &[Named<'a>]) -> Vec<Named<'a>> {
    let names = statements.iter().filter_map(|statement| match statement {
        Statement::ExportNamedDeclaration(it) if it.export_kind.is_value() => Some(&it.specifiers),
        _ => None,
    });
    names
        .flatten()
        .filter_map(|it| declared.iter().find(|(name, _)| it.local.name() == name.as_str()).copied())
        .collect()
}

fn function_of<'a>(declaration: &Declaration<'a>) -> Option<Named<'a>> {
    let id = match declaration {
        Declaration::FunctionDeclaration(it) if it.body.is_some() => it.id.as_ref(),
        Declaration::VariableDeclaration(it) => named_function(it),
        _ => None,
    }?;
    Some((id.name, id.span))
}

/// The name in `const main = async () => {...}`.
pub fn named_function<'r, 'a>(variable: &'r VariableDeclaration<'a>) -> Option<&'r BindingIdentifier<'a>> {
    let [declarator] = variable.declarations.as_slice() else { return None };
    let BindingPattern::BindingIdentifier(id) = &declarator.id else { return None };
    declarator.init.as_ref().is_some_and(callable).then_some(id)
}

/// A function as it stands, whatever types surround it.
pub fn callable(expression: &Expression<'_>) -> bool {
    matches!(
        expression.get_inner_expression(),
        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_)
    )
}

/// `{ async run(input) {...} }` or `{ fetch: (request) => ... }`: no result, since JSON has no functions, but handlers.
pub fn is_handlers(expression: &Expression<'_>) -> bool {
    let Expression::ObjectExpression(object) = expression.get_inner_expression() else { return false };
    object.properties.iter().any(|property| match property {
        ObjectPropertyKind::ObjectProperty(it) => {
            callable(&it.value) && (it.key.is_specific_static_name("run") || it.key.is_specific_static_name("fetch"))
        }
        ObjectPropertyKind::SpreadProperty(_) => false,
    })
}

/// The bare name of a function that is declared among these statements.
pub fn names_function(expression: &Expression<'_>, statements: &[Statement<'_>]) -> bool {
    let Expression::Identifier(id) = expression.get_inner_expression() else { return false };
    let mut declared = statements.iter().filter_map(|statement| function_of(statement.as_declaration()?));
    declared.any(|(name, _)| name == id.name)
}

pub fn is_import(statement: &Statement<'_>) -> bool {
    matches!(statement, Statement::ImportDeclaration(_) | Statement::TSImportEqualsDeclaration(_))
}

/// Nothing is left of it at run time.
pub fn is_erased(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::EmptyStatement(_) => true,
        Statement::ExportDeclaration(it) => is_erased_declaration(&it.declaration),
        Statement::ExportNamedDeclaration(it) => it.export_kind.is_type() || it.specifiers.is_empty(),
        Statement::ExportFromDeclaration(it) => it.export_kind.is_type(),
        Statement::ExportAllDeclaration(it) => it.export_kind.is_type(),
        Statement::ExportDefaultDeclaration(it) => {
            matches!(it.declaration, ExportDefaultDeclarationKind::TSInterfaceDeclaration(_))
        }
        statement => statement.as_declaration().is_some_and(is_erased_declaration),
    }
}

fn is_erased_declaration(declaration: &Declaration<'_>) -> bool {
    match declaration {
        Declaration::TSTypeAliasDeclaration(_)
        | Declaration::TSInterfaceDeclaration(_)
        | Declaration::TSExternalModuleDeclaration(_)
        | Declaration::TSGlobalDeclaration(_) => true,
        Declaration::FunctionDeclaration(it) => it.declare || it.body.is_none(),
        Declaration::VariableDeclaration(it) => it.declare,
        Declaration::ClassDeclaration(it) => it.declare,
        Declaration::TSEnumDeclaration(it) => it.declare,
        Declaration::TSNamespaceDeclaration(it) => it.declare,
        Declaration::TSImportEqualsDeclaration(it) => it.import_kind.is_type(),
    }
}

/// A `return` that belongs to no function.
fn top_level_return(statements: &[Statement<'_>]) -> Option<Span> {
    let mut finder = ReturnFinder(None);
    statements.iter().for_each(|statement| finder.visit_statement(statement));
    finder.0
}

struct ReturnFinder(Option<Span>);

impl<'a> Visit<'a> for ReturnFinder {
    fn visit_statement(&mut self, statement: &Statement<'a>) {
        if let Statement::ReturnStatement(it) = statement {
            self.0.get_or_insert(it.span());
        } else if statement.as_declaration().is_none() && !statement.is_module_declaration() {
            walk::walk_statement(self, statement);
        }
    }

    /// No expression holds a `return` of the statement around it.
    fn visit_expression(&mut self, _: &Expression<'a>) {}
}
