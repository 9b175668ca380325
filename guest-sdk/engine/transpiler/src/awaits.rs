//! In: a program in its final form. Out: the same, whose async functions tell the errors that pass through them where
//! they were waiting. May touch: that tree; what scripts see of a function does not change, but for `error.stack`.
//! Security boundary: no.
//!
//! When a function goes on after an `await`, those that wait for it are on no stack: QuickJS keeps no way from a promise
//! to who awaits it. So the frames are added on the way out, as the rejection travels (`js/async-frames.ts`):
//!
//! ```js
//! async function f() { const a = await g(); return a }
//! async function f() {
//!     let $at = 0;
//!     try { const a = await ($at = PLACE, g()); return a }
//!     catch ($thrown) { throw __mayfly_async_frame($thrown, $at, "f", "main.ts", FROM, TO); }
//! }
//! ```
//!
//! FROM and TO are the places of the function: an error with a frame between them was made while it ran, and has it already.
//! A `catch` of the script's own around an `await` does the same first, so that it reads a whole stack, too.

use mayfly_abi::{ASYNC_FRAME, PLACE_LINE};
use oxc_allocator::{Allocator, ArenaVec, TakeIn};
use oxc_ast::{ast::*, builder::AstBuilder};
use oxc_ast_visit::{VisitMut, walk_mut};
use oxc_span::{GetSpan, SPAN, Span};
use oxc_syntax::scope::ScopeFlags;

/// `module` is its name, as it stands in stacks.
pub fn tell<'a>(arena: &'a Allocator, module: &str, program: &mut Program<'a>, ast: &AstBuilder<'a>) {
    let text = program.source_text;
    if text.contains(ASYNC_FRAME) || !text.contains("await") {
        return;
    }
    let local = |name: &str| {
        let free = |name: &String| !text.contains(name.as_str());
        let name = (0..).map(|number| format!("${name}{number}")).find(free).unwrap_or_default();
        arena.alloc_str(&name)
    };
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut awaits = Awaits {
        arena,
        ast,
        text,
        lines,
        module: arena.alloc_str(module),
        at: local("at"),
        held: local("held"),
        thrown: local("thrown"),
        open: Vec::new(),
        name: None,
    };
    awaits.visit_program(program);
}

struct Awaits<'a, 'b> {
    arena: &'a Allocator,
    ast: &'b AstBuilder<'a>,
    text: &'a str,
    /// Where each begins, in bytes.
    lines: Vec<usize>,
    module: &'a str,
    /// Names of locals that the script does not use.
    at: &'a str,
    held: &'a str,
    thrown: &'a str,
    /// The functions around, outermost first.
    open: Vec<Open<'a>>,
    /// Of the function that comes next, from what it is assigned to.
    name: Option<&'a str>,
}

struct Open<'a> {
    name: &'a str,
    span: Span,
    awaits: usize,
    /// Whether one `await` stands within another.
    nested: bool,
}

impl<'a> VisitMut<'a> for Awaits<'a, '_> {
    fn visit_function(&mut self, it: &mut Function<'a>, flags: ScopeFlags) {
        let assigned = self.name.take();
        self.enter(it.id.as_ref().map_or(assigned, |id| Some(id.name.as_str())), it.span);
        walk_mut::walk_function(self, it, flags);
        let Some(function) = self.open.pop() else { return };
        if let Some(body) = it.body.as_mut().filter(|_| function.awaits > 0) {
            self.wrap(&function, body);
        }
    }

    fn visit_arrow_function_expression(&mut self, it: &mut ArrowFunctionExpression<'a>) {
        let name = self.name.take();
        self.enter(name, it.span);
        walk_mut::walk_arrow_function_expression(self, it);
        let Some(function) = self.open.pop() else { return };
        if function.awaits == 0 {
            return;
        }
        if let Some(expression) = it.body.as_expression_mut() {
            let (span, value) = (expression.span(), expression.take_in(self.ast));
            let returned = Statement::new_return_statement(span, Some(value), self.ast);
            it.body = ArrowFunctionBody::FunctionBody(FunctionBody::boxed(span, [], [returned], self.ast));
        }
        if let ArrowFunctionBody::FunctionBody(body) = &mut it.body {
            self.wrap(&function, body);
        }
    }

    fn visit_await_expression(&mut self, it: &mut AwaitExpression<'a>) {
        let before = self.awaits();
        walk_mut::walk_await_expression(self, it);
        let place = self.place(it.span.start);
        let nested = self.awaits() != before;
        let Some(function) = self.open.last_mut() else { return };
        function.awaits += 1;
        function.nested |= nested;
        let (place, awaited) = (self.assign(self.at, self.number(place)), it.argument.take_in(self.ast));
        // An `await` inside of this one has set a place of its own by the time that this one waits.
        let steps = match nested {
            true => ArenaVec::from_array_in(
                [self.assign(self.held, awaited), place, Expression::new_identifier(SPAN, self.held, self.ast)],
                self.ast,
            ),
            false => ArenaVec::from_array_in([place, awaited], self.ast),
        };
        it.argument = Expression::new_sequence_expression(SPAN, steps, self.ast);
    }

    fn visit_for_of_statement(&mut self, it: &mut ForOfStatement<'a>) {
        walk_mut::walk_for_of_statement(self, it);
        let place = self.place(it.span.start);
        let Some(function) = self.open.last_mut().filter(|_| it.r#await) else { return };
        function.awaits += 1;
        let steps = [self.assign(self.at, self.number(place)), it.right.take_in(self.ast)];
        it.right = Expression::new_sequence_expression(SPAN, steps, self.ast);
    }

    fn visit_try_statement(&mut self, it: &mut TryStatement<'a>) {
        let before = self.awaits();
        self.visit_block_statement(&mut it.block);
        let awaited = self.awaits() != before;
        if let Some(handler) = &mut it.handler {
            self.visit_catch_clause(handler);
            let caught = handler.param.as_ref().and_then(|param| match &param.pattern {
                BindingPattern::BindingIdentifier(id) => Some(id.name.as_str()),
                _ => None,
            });
            if let (Some(function), Some(caught), true) = (self.open.last(), caught, awaited) {
                let told = self.assign(self.at, self.told(function, caught, Some(self.number(0.0))));
                handler.body.body.insert(0, Statement::new_expression_statement(SPAN, told, self.ast));
            }
        }
        if let Some(finalizer) = &mut it.finalizer {
            self.visit_block_statement(finalizer);
        }
    }

    fn visit_variable_declarator(&mut self, it: &mut VariableDeclarator<'a>) {
        if let (BindingPattern::BindingIdentifier(id), Some(init)) = (&it.id, &it.init) {
            self.name = is_function(init).then_some(id.name.as_str());
        }
        walk_mut::walk_variable_declarator(self, it);
    }

    fn visit_assignment_expression(&mut self, it: &mut AssignmentExpression<'a>) {
        walk_mut::walk_assignment_target(self, &mut it.left);
        self.name = match &it.left {
            AssignmentTarget::AssignmentTargetIdentifier(id) if is_function(&it.right) => Some(id.name.as_str()),
            _ => None,
        };
        self.visit_expression(&mut it.right);
    }

    fn visit_object_property(&mut self, it: &mut ObjectProperty<'a>) {
        self.visit_property_key(&mut it.key);
        self.name = is_function(&it.value).then(|| self.key(&it.key)).flatten();
        self.visit_expression(&mut it.value);
    }

    fn visit_method_definition(&mut self, it: &mut MethodDefinition<'a>) {
        self.visit_property_key(&mut it.key);
        self.name = self.key(&it.key);
        self.visit_function(&mut it.value, ScopeFlags::Function);
    }

    fn visit_property_definition(&mut self, it: &mut PropertyDefinition<'a>) {
        self.visit_property_key(&mut it.key);
        if let Some(value) = &mut it.value {
            self.name = is_function(value).then(|| self.key(&it.key)).flatten();
            self.visit_expression(value);
        }
    }

    fn visit_export_default_declaration(&mut self, it: &mut ExportDefaultDeclaration<'a>) {
        self.name = match &it.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(_) => Some("default"),
            other => other.as_expression().is_some_and(is_function).then_some("default"),
        };
        walk_mut::walk_export_default_declaration(self, it);
    }
}

impl<'a> Awaits<'a, '_> {
    /// A function of no place is the wrapper around bare statements: the whole text.
    fn enter(&mut self, name: Option<&'a str>, span: Span) {
        let span = if span.is_empty() { Span::new(0, self.text.len() as u32) } else { span };
        self.open.push(Open { name: name.unwrap_or_default(), span, awaits: 0, nested: false });
    }

    /// So far, in the innermost function.
    fn awaits(&self) -> usize {
        self.open.last().map_or(0, |function| function.awaits)
    }

    fn key(&self, key: &PropertyKey<'a>) -> Option<&'a str> {
        let name = key.static_name()?;
        Some(self.arena.alloc_str(&name))
    }

    fn wrap(&self, function: &Open<'a>, body: &mut FunctionBody<'a>) {
        let ast = self.ast;
        let mut locals = ArenaVec::from_array_in([self.local(self.at, Some(self.number(0.0)))], ast);
        if function.nested {
            locals.push(self.local(self.held, None));
        }
        let block = BlockStatement::boxed(SPAN, body.statements.take_in(ast), ast);
        let rethrown = Statement::new_throw_statement(SPAN, self.told(function, self.thrown, None), ast);
        let param =
            CatchParameter::new(SPAN, BindingPattern::new_binding_identifier(SPAN, self.thrown, ast), None, ast);
        let handler = CatchClause::boxed(SPAN, Some(param), BlockStatement::boxed(SPAN, [rethrown], ast), ast);
        let declared = Statement::new_variable_declaration(SPAN, VariableDeclarationKind::Let, locals, false, ast);
        body.statements = ArenaVec::from_array_in(
            [declared, Statement::new_try_statement(SPAN, block, Some(handler), None, ast)],
            ast,
        );
    }

    fn local(&self, name: &'a str, init: Option<Expression<'a>>) -> VariableDeclarator<'a> {
        let id = BindingPattern::new_binding_identifier(SPAN, name, self.ast);
        VariableDeclarator::new(SPAN, id, None, init, false, self.ast)
    }

    /// The call that adds the frame; with `value`, that is its value.
    fn told(&self, function: &Open<'a>, thrown: &'a str, value: Option<Expression<'a>>) -> Expression<'a> {
        let ast = self.ast;
        let text = |text: &'a str| Expression::new_string_literal(SPAN, text, None, ast);
        let arguments = [
            Expression::new_identifier(SPAN, thrown, ast),
            Expression::new_identifier(SPAN, self.at, ast),
            text(function.name),
            text(self.module),
            self.number(self.place(function.span.start)),
            self.number(self.place(function.span.end)),
        ];
        let arguments = ArenaVec::from_iter_in(arguments.into_iter().map(Argument::from), ast);
        let callee = Expression::new_identifier(SPAN, ASYNC_FRAME, ast);
        let call = Expression::new_call_expression(SPAN, callee, None, arguments, false, ast);
        match value {
            Some(value) => Expression::new_sequence_expression(SPAN, [call, value], ast),
            None => call,
        }
    }

    fn assign(&self, name: &'a str, value: Expression<'a>) -> Expression<'a> {
        let target = AssignmentTarget::new_assignment_target_identifier(SPAN, name, self.ast);
        Expression::new_assignment_expression(SPAN, AssignmentOperator::Assign, target, value, self.ast)
    }

    fn number(&self, value: f64) -> Expression<'a> {
        Expression::new_numeric_literal(SPAN, value, None, NumberBase::Decimal, self.ast)
    }

    /// Line and column as one number, both from 1, the column in UTF-16.
    fn place(&self, offset: u32) -> f64 {
        let offset = offset as usize;
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default();
        let column = self.text.get(begin..offset).map_or(0, |text| text.encode_utf16().count());
        line as f64 * PLACE_LINE + (column + 1) as f64
    }
}

fn is_function(value: &Expression<'_>) -> bool {
    match value {
        Expression::ArrowFunctionExpression(_) => true,
        Expression::FunctionExpression(function) => function.id.is_none(),
        _ => false,
    }
}
