//! A checker with the tools of a shop.

use mayfly_checker::message::Answer;
use mayfly_checker::{Ask, Checker, Diagnostic, Launch, Module, Verdict, digest, discover};
use std::path::{Path, PathBuf};

/// What the catalogue makes of the shop's description, and a tool nobody described the result of.
pub fn tools() -> String {
    let shop = include_str!("../../../bridge/catalogue/tests/it/fixtures/orders.d.ts");
    let notes = "  notes: {\n    add(input: { list: string; text: string }): Promise<unknown>;\n  };\n};\n";
    let tools = shop.trim_end().strip_suffix("};").expect("ends with the tools");
    format!("{tools}{notes}declare const shop: typeof tools.shop;\ndeclare const notes: typeof tools.notes;\n")
}

/// Tools of a run alone, as a runtime declares them.
const EXTERNAL: &str = "interface Tools {
  confirm(input: { question: string; choices?: Choice[] }): Promise<unknown>;
  crm: {
    find(input: { id: number }): Promise<{ name: string }>;
  };
}
type Choice = \"yes\" | \"no\";
declare const confirm: typeof tools.confirm;
declare const crm: typeof tools.crm;
";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// `None` where the compiler is not installed.
pub fn checker() -> Option<Checker> {
    match discover(Some(&root().join("target/typescript7/node_modules/.bin/tsc")), None) {
        Ok(installed) => Some(Checker::new(Launch { command: vec![installed.program.clone().into()], installed })),
        Err(absent) => {
            not_run(&absent.to_string());
            None
        }
    }
}

/// Loudly: the runner swallows what `eprintln` says in a test that passes. CI, which installs it, is not to pass without.
fn not_run(why: &str) {
    use std::io::Write;
    assert!(std::env::var_os("CI").is_none(), "NOT RUN: {why}");
    let _ = writeln!(std::io::stderr(), "\n*** NOT RUN: {why}\n");
}

pub fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor").block_on(work)
}

pub async fn check_modules(checker: &Checker, tenant: &str, modules: &[(&str, &str)]) -> Verdict {
    let declarations = tools();
    let modules = modules.iter().map(|(name, source)| Module { name: (*name).into(), source: (*source).into() });
    let (tenant, catalogue) = (tenant.into(), digest(&declarations));
    let (declarations, external, modules) = (Some(declarations), EXTERNAL.to_owned(), modules.collect());
    let ask = Ask { tenant, catalogue, declarations, external, modules };
    match checker.check(&ask).await {
        Answer::Told(verdict) => verdict,
        Answer::DeclarationsWanted => panic!("they were given"),
    }
}

pub async fn check(checker: &Checker, source: &str) -> Verdict {
    check_modules(checker, "acme", &[("main.ts", source)]).await
}

pub fn list(verdict: Verdict) -> Vec<Diagnostic> {
    match verdict {
        Verdict::Clean => Vec::new(),
        Verdict::Wrong { diagnostics, .. } => diagnostics,
        Verdict::NotChecked(reason) => panic!("not checked: {reason}"),
    }
}
