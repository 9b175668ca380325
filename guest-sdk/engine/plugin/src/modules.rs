//! In: import specifiers and the modules that came with the run. Out: loaded modules, or an error that says what to do.
//! May touch: the list of modules of this turn; nothing can be fetched from anywhere.
//! Security boundary: no.

use mayfly_advice::is_relative;
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Module, Result};
use std::cell::RefCell;

/// Names with this prefix are the prelude's; no script's module can have or import one.
pub const PRELUDE_PREFIX: &str = "mayfly:";

thread_local! {
    static SOURCES: RefCell<Sources> = const { RefCell::new(Sources::None) };
}

/// Where the loader finds the modules of this moment.
pub enum Sources {
    None,
    /// Compiling: every relative import stands for an empty module, because only the importer is wanted.
    Stubs,
    /// Name and bytecode; the bytecode is taken out when it is loaded.
    Bytecode(Vec<(String, Option<Vec<u8>>)>),
}

/// Makes `sources` what imports find.
pub fn provide(sources: Sources) {
    SOURCES.replace(sources);
}

/// Loads the first module and then all that it did not import, so that a later `import()` finds them too.
pub fn load_all<'js>(ctx: &Ctx<'js>) -> Result<Module<'js, Declared>> {
    let names: Vec<String> = SOURCES.with_borrow(|sources| match sources {
        Sources::Bytecode(list) => list.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    });
    let mut main = None;
    for name in &names {
        if let Some(bytecode) = take_bytecode(name) {
            let module = load(ctx, &bytecode)?;
            main.get_or_insert(module);
        }
    }
    main.ok_or_else(|| Exception::throw_type(ctx, "The run has no module."))
}

fn load<'js>(ctx: &Ctx<'js>, bytecode: &[u8]) -> Result<Module<'js, Declared>> {
    // SAFETY: the bytecode comes from the host, which made it with this engine's `mayfly-compile`. Were it anything
    // else, QuickJS could be led astray inside this isolate, which the host takes for granted anyway.
    unsafe { Module::load(ctx.clone(), bytecode) }
}

fn take_bytecode(name: &str) -> Option<Vec<u8>> {
    SOURCES.with_borrow_mut(|sources| match sources {
        Sources::Bytecode(list) => list.iter_mut().find(|(known, _)| known == name)?.1.take(),
        _ => None,
    })
}

/// Resolves relative specifiers to modules of the run; the loader side hands them out.
pub struct Modules;

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        SOURCES.with_borrow(|sources| match sources {
            Sources::Stubs => Ok(name.to_owned()),
            Sources::Bytecode(list) if is_relative(name) => {
                let path = join(base, name);
                let known = |candidate: &String| list.iter().any(|(known, _)| known == candidate);
                candidates(&path).find(known).ok_or_else(|| missing(ctx, base, name, list))
            }
            _ => Err(not_available(ctx, name)),
        })
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if SOURCES.with_borrow(|sources| matches!(sources, Sources::Stubs)) {
            return Module::declare(ctx.clone(), name, "");
        }
        match take_bytecode(name) {
            Some(bytecode) => load(ctx, &bytecode),
            None => Err(not_available(ctx, name)),
        }
    }
}

/// `name` relative to the folder of `base`; `..` above the top stays at the top. The prelude's own modules import
/// each other in the same way.
fn join(base: &str, name: &str) -> String {
    let (prefix, base) = match base.strip_prefix(PRELUDE_PREFIX) {
        Some(rest) => (PRELUDE_PREFIX, rest),
        None => ("", base),
    };
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("{prefix}{}", parts.join("/"))
}

/// The names a path may have been given under: as it is, with the other ending, with an ending appended.
fn candidates(path: &str) -> impl Iterator<Item = String> {
    let stem = ["ts", "js", "mts", "mjs", "tsx", "jsx"].iter().find_map(|end| path.strip_suffix(&format!(".{end}")));
    let swapped = stem.into_iter().flat_map(|stem| [format!("{stem}.ts"), format!("{stem}.js"), stem.to_owned()]);
    let appended = [".ts", ".js", "/index.ts", "/index.js"].map(|end| format!("{path}{end}"));
    [path.to_owned(), format!("./{path}")].into_iter().chain(swapped).chain(appended).collect::<Vec<_>>().into_iter()
}

fn missing(ctx: &Ctx<'_>, base: &str, name: &str, list: &[(String, Option<Vec<u8>>)]) -> Error {
    let known: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).take(20).collect();
    let known = known.join(", ");
    Exception::throw_type(ctx, &format!("Cannot find module '{name}' imported from '{base}'. This run has: {known}."))
}

fn not_available(ctx: &Ctx<'_>, name: &str) -> Error {
    Exception::throw_type(ctx, &mayfly_advice::import(name))
}
