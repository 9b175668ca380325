//! In: nothing. Out: what it costs to check a script's types before it runs.
//! May touch: the release binary, the TypeScript compiler where it is installed (`MAYFLY_TSC`, the PATH, or the folder in
//! which the tests look for it).
//! Security boundary: no.

use crate::Error;
use crate::server::executor;
use crate::table::Table;
use mayfly_checker::message::Answer;
use mayfly_checker::{Ask, Checker, Installed, Launch, Module, Verdict, digest, discover};
use std::path::{Path, PathBuf};
use std::time::Instant;

const CHECKS: usize = 300;
const STARTS: usize = 10;

pub fn measure(table: &mut Table) -> Result<(), Error> {
    let installed = match installed() {
        Ok(installed) => installed,
        Err(reason) => {
            eprintln!("group check: NOT RUN: {reason}");
            return Ok(());
        }
    };
    for operations in [10, 1_000] {
        let declarations = catalogue(operations);
        let catalogue = digest(&declarations);
        let (mut starts, mut warm) = (Vec::new(), Vec::new());
        executor()?.block_on(async {
            for _ in 0..STARTS {
                let checker = Checker::new(launch(&installed)?);
                let began = Instant::now();
                one(&checker, &catalogue, Some(&declarations), 0, operations).await?;
                starts.push(began.elapsed());
            }
            let checker = Checker::new(launch(&installed)?);
            one(&checker, &catalogue, Some(&declarations), 0, operations).await?;
            for number in 1..=CHECKS {
                let began = Instant::now();
                one(&checker, &catalogue, None, number, operations).await?;
                warm.push(began.elapsed());
            }
            Ok::<_, Error>(())
        })?;
        table.times(&format!("a check with {operations} tools, warm"), Some(30_000.0), warm);
        table.times(&format!("the first check with {operations} tools: compiler started, tools parsed"), None, starts);
    }
    Ok(())
}

fn installed() -> Result<Installed, Error> {
    let named = std::env::var_os("MAYFLY_TSC").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/typescript7/node_modules/.bin/tsc");
    let named = named.or_else(|| beside.is_file().then_some(beside));
    Ok(discover(named.as_deref(), std::env::var_os("PATH").as_deref())?)
}

/// Confined, as a server does it.
fn launch(installed: &Installed) -> Result<Launch, Error> {
    let binary = std::env::current_exe()?.with_file_name("mayfly");
    let program = installed.program.clone().into();
    let command = vec![binary.into(), "checker".into(), "--become".into(), program, "--".into()];
    Ok(Launch { command, installed: installed.clone() })
}

/// A script that nobody has checked yet, with one mistake.
async fn one(
    checker: &Checker,
    catalogue: &str,
    declarations: Option<&str>,
    number: usize,
    operations: usize,
) -> Result<(), Error> {
    let (first, second) = (number % operations, (number * 7 + 3) % operations);
    let source = format!(
        "const item = await shop.get{first}({{ id: {number} }});\n\
         const parts = await Promise.all(item.lines.map((line) => shop.get{second}({{ id: line.count, state: 'open' }})));\n\
         return parts.filter((part) => part.state === 'open').map((part) => part.totl);"
    );
    let modules = vec![Module { name: "main.ts".into(), source }];
    let declarations = declarations.map(str::to_owned);
    let ask =
        Ask { tenant: "bench".into(), catalogue: catalogue.into(), declarations, external: String::new(), modules };
    match checker.check(&ask).await {
        Answer::Told(Verdict::Wrong { diagnostics, .. }) if diagnostics.len() == 1 => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// Tools as an OpenAPI document becomes them: each with types of its own.
fn catalogue(operations: usize) -> String {
    let mut types = String::new();
    let mut tools = String::new();
    for number in 0..operations {
        types.push_str(&format!(
            "  interface Line{number} {{ sku: string; count: number; labels?: {{ [key: string]: string }} }}\n  \
               /** What operation {number} answers with. */\n  interface Item{number} {{ id: number; total: number; \
               state: \"open\" | \"closed\"; lines: Line{number}[]; parent?: Item{number} | null; note?: string }}\n"
        ));
        tools.push_str(&format!(
            "    /** Get an item of kind {number}, with all of its lines. */\n    get{number}(input: {{\n      \
               /** Its number. @minimum 1 */\n      id: number;\n      state?: \"open\" | \"closed\";\n      \
               page?: {{ size?: number; after?: string }};\n    }}): Promise<shop.Item{number}>;\n"
        ));
    }
    format!(
        "declare namespace shop {{\n{types}}}\ndeclare const tools: {{\n  shop: {{\n{tools}  }};\n}};\ndeclare const shop: typeof tools.shop;\n"
    )
}
