//! In: JavaScript module source and its source map. Out: QuickJS bytecode without source but with the lines and columns of
//! the TypeScript, or the syntax error with its place there.
//! May touch: the isolate's heap; the isolate is thrown away afterwards.
//! Security boundary: no. Parsing hostile source is why this runs in an isolate of its own.

use crate::json::quoted;
use crate::mappings::Mappings;
use crate::modules::{self, Sources};
use crate::positions;
use mayfly_abi::Source;
use rquickjs::{Ctx, Module, Value, WriteOptions};

/// Compiles one module. The error is the JSON that `mayfly-abi` describes at `Answer`.
pub fn compile(ctx: &Ctx<'_>, source: &Source<'_>) -> Result<Vec<u8>, Vec<u8>> {
    let mappings = Mappings::read(source.map);
    modules::provide(Sources::Stubs);
    let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
    let bytecode = Module::declare(ctx.clone(), source.name, source.source).and_then(|module| module.write(options));
    modules::provide(Sources::None);
    match (bytecode, &mappings) {
        (Ok(bytecode), Some(mappings)) => Ok(positions::mapped(bytecode, source.source, mappings)),
        (Ok(bytecode), None) => Ok(bytecode),
        (Err(error), _) => Err(describe(ctx, source.name, &error, mappings.as_ref())),
    }
}

fn describe(ctx: &Ctx<'_>, module: &str, error: &rquickjs::Error, mappings: Option<&Mappings>) -> Vec<u8> {
    let thrown = ctx.catch();
    let property = |name: &str| -> Option<Value<'_>> { thrown.as_object()?.get(name).ok() };
    let text = |name: &str| property(name)?.as_string()?.to_string().ok();
    let message = text("message").unwrap_or_else(|| error.to_string());
    let name = text("name").unwrap_or_else(|| "SyntaxError".to_owned());
    let (line, column) = text("stack").and_then(|stack| position(&stack, module)).unwrap_or((1, 1));
    let (line, column) = mappings.and_then(|mappings| mappings.original(line, column)).unwrap_or((line, column));
    let name = quoted(&name);
    let message = quoted(&message);
    format!(r#"{{"name":{name},"message":{message},"line":{line},"column":{column}}}"#).into_bytes()
}

/// The first `module:line:column` of a stack trace.
fn position(stack: &str, module: &str) -> Option<(u32, u32)> {
    let (_, rest) = stack.split_once(&format!("{module}:"))?;
    let end = rest.find(|c: char| c != ':' && !c.is_ascii_digit()).unwrap_or(rest.len());
    let (line, column) = rest.get(..end)?.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}
