//! In: an error that was just made, and the calls under way. Out: its stack as text, as V8 has it: the error, then frames.
//! May touch: QuickJS's stack limit, for the while that a stack is told.
//! Security boundary: no.
//!
//! QuickJS's own text has frames only: who logs `error.stack`, as scripts do, would not see the error. Frames of the
//! prelude and of native functions are left out, and those of the constructors that an error of a class of its own went
//! through: the first frame is the place of `new`.

use crate::limits::{STACK_BYTES_MAX, STACK_HEAD_BYTES_MAX, STACK_REPORT_BYTES};
use crate::modules::PRELUDE_PREFIX;
use crate::text::Text;
use rquickjs::function::This;
use rquickjs::{Array, Ctx, FromJs, Function, Object, Persistent, Result, Value, qjs};
use std::cell::RefCell;
use std::fmt::Write;

/// Prototypes of an error that are looked at for its constructors.
const CLASSES_MAX: usize = 16;

/// What QuickJS calls the text that `JSON.parse` reads.
const PARSED_TEXT: &str = "<input>";

/// Gives the prototype of QuickJS's call sites, which has no other name.
const SPECIMEN: &str = r#"(() => {
    let site;
    Error.prepareStackTrace = (error, sites) => { [site] = sites; };
    new Error();
    Error.prepareStackTrace = undefined;
    return Object.getPrototypeOf(site);
})()"#;

/// What a call site can be asked.
#[derive(Clone)]
struct Questions {
    function: Persistent<Function<'static>>,
    name: Persistent<Function<'static>>,
    file: Persistent<Function<'static>>,
    line: Persistent<Function<'static>>,
    column: Persistent<Function<'static>>,
}

thread_local! {
    static QUESTIONS: RefCell<Option<Questions>> = const { RefCell::new(None) };
}

/// Has every error of the context told by `prepare`. A script may set `Error.prepareStackTrace` to its own, as elsewhere.
pub fn register(ctx: &Ctx<'_>) -> Result<()> {
    let sites: Object<'_> = ctx.eval(SPECIMEN)?;
    let question = |name: &str| -> Result<Persistent<Function<'static>>> {
        Ok(Persistent::save(ctx, sites.get::<_, Function<'_>>(name)?))
    };
    let questions = Questions {
        function: question("getFunction")?,
        name: question("getFunctionName")?,
        file: question("getFileName")?,
        line: question("getLineNumber")?,
        column: question("getColumnNumber")?,
    };
    QUESTIONS.replace(Some(questions));
    let error: Object<'_> = ctx.globals().get("Error")?;
    error.set("prepareStackTrace", Function::new(ctx.clone(), prepare)?.with_name("prepareStackTrace")?)
}

/// Raised while it lives: an error about too deep a recursion is told when the stack is used up.
struct MoreStack<'a, 'js>(&'a Ctx<'js>);

impl<'a, 'js> MoreStack<'a, 'js> {
    fn for_report(ctx: &'a Ctx<'js>) -> Self {
        set_stack(ctx, STACK_BYTES_MAX + STACK_REPORT_BYTES);
        MoreStack(ctx)
    }
}

impl Drop for MoreStack<'_, '_> {
    fn drop(&mut self) {
        set_stack(self.0, STACK_BYTES_MAX);
    }
}

fn set_stack(ctx: &Ctx<'_>, bytes: usize) {
    // SAFETY: the runtime is that of a live context; the module's stack is larger than both sizes (`build.rs`).
    unsafe { qjs::JS_SetMaxStackSize(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()), bytes as _) };
}

fn prepare<'js>(ctx: Ctx<'js>, error: Value<'js>, sites: Array<'js>) -> Result<String> {
    let _more = MoreStack::for_report(&ctx);
    let Some(questions) = QUESTIONS.with_borrow(Option::clone) else { return Ok(String::new()) };
    let mut stack = head(&ctx, &error);
    let constructors = constructors(&ctx, &error);
    let mut inside_constructors = true;
    for site in sites.iter::<Value<'js>>() {
        let site = site?;
        let function: Value<'js> = ask(&ctx, &questions.function, &site)?;
        inside_constructors = inside_constructors && function.is_object() && constructors.contains(&address(&function));
        let file: Value<'js> = ask(&ctx, &questions.file, &site)?;
        // Native functions have no file.
        let Some(file) = text(&ctx, file).filter(|file| is_script(file)) else { continue };
        if inside_constructors {
            continue;
        }
        let name = text(&ctx, ask(&ctx, &questions.name, &site)?).unwrap_or_default();
        let (line, column): (i32, i32) = (ask(&ctx, &questions.line, &site)?, ask(&ctx, &questions.column, &site)?);
        // Writing to a String cannot fail.
        let _ = match name.as_str() {
            "" => write!(stack, "\n    at {file}:{line}:{column}"),
            name => write!(stack, "\n    at {name} ({file}:{line}:{column})"),
        };
    }
    Ok(stack)
}

fn is_script(file: &str) -> bool {
    !file.starts_with(PRELUDE_PREFIX) && file != PARSED_TEXT
}

fn ask<'js, T: FromJs<'js>>(ctx: &Ctx<'js>, question: &Persistent<Function<'static>>, site: &Value<'js>) -> Result<T> {
    question.clone().restore(ctx)?.call((This(site.clone()),))
}

/// `name: message`, as `Error.prototype.toString` has it; a part that cannot be read is left out.
fn head<'js>(ctx: &Ctx<'js>, error: &Value<'js>) -> String {
    let part = |key: &str| -> Option<String> {
        match error.as_object()?.get::<_, Value<'js>>(key) {
            Ok(value) => text(ctx, value),
            Err(_) => {
                drop(ctx.catch());
                None
            }
        }
    };
    let (name, mut message) = (part("name").unwrap_or_else(|| "Error".to_owned()), part("message").unwrap_or_default());
    message.truncate(message.floor_char_boundary(STACK_HEAD_BYTES_MAX));
    match (name.is_empty(), message.is_empty()) {
        (true, _) => message,
        (_, true) => name,
        _ => format!("{name}: {message}"),
    }
}

fn text<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Option<String> {
    value.is_string().then(|| Text::from_js(ctx, value).ok())?.map(|text| text.0)
}

/// Addresses of the constructors on the error's prototype chain.
fn constructors(ctx: &Ctx<'_>, error: &Value<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    let mut prototype = error.as_object().and_then(Object::get_prototype);
    while let Some(at) = prototype.filter(|_| found.len() < CLASSES_MAX) {
        match at.get::<_, Value<'_>>("constructor") {
            Ok(constructor) => found.push(address(&constructor)),
            Err(_) => drop(ctx.catch()),
        }
        prototype = at.get_prototype();
    }
    found
}

fn address(value: &Value<'_>) -> usize {
    if !value.is_object() {
        return 0;
    }
    // SAFETY: an object's value holds a pointer; it is used as a number only, while both objects are alive.
    unsafe { qjs::JS_VALUE_GET_PTR(value.as_raw()) as usize }
}
