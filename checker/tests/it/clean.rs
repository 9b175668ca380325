//! Scripts that are right, or that only lack words.

use crate::harness::{block, check, checker, list, root};
use std::path::PathBuf;

/// What is wrong with each on purpose.
const NOT_CLEAN: [(&str, &str); 0] = [];

fn scripts() -> Vec<PathBuf> {
    let mut folders = vec![root().join("runtime/tests/scripts")];
    folders.extend(std::fs::read_dir(root().join("examples")).unwrap().flatten().map(|entry| entry.path()));
    let mut found: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.retain(|path| {
        path.file_name().is_some_and(|name| name != "README.md")
            && path.extension().is_some_and(|end| ["ts", "js", "md"].iter().any(|known| end == *known))
    });
    found.sort();
    found
}

#[test]
fn scripts_of_models_and_examples_check_clean() {
    let Some(checker) = checker() else { return };
    let scripts = scripts();
    assert!(scripts.len() >= 43, "only {} scripts", scripts.len());
    let mut wrong = Vec::new();
    block(async {
        for script in &scripts {
            let found = list(check(&checker, &std::fs::read_to_string(script).unwrap()).await);
            let name = script.file_name().unwrap().to_string_lossy().into_owned();
            if !NOT_CLEAN.iter().any(|(known, _)| *known == name) {
                wrong.extend(found.iter().map(|one| {
                    format!(
                        "{name}:{}:{} {} {} ({:?})\n    {}",
                        one.line, one.column, one.code, one.message, one.suggestion, one.source
                    )
                }));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// JavaScript as models write it, of which TypeScript by itself refuses each.
#[test]
fn what_only_lacks_words_passes() {
    let Some(checker) = checker() else { return };
    let scripts = [
        "const counts = {}; for (const o of (await shop.orders.list()).orders) counts[o.status] = (counts[o.status] ?? 0) + 1; return counts;",
        "let best = null; for (const o of (await shop.orders.list()).orders) if (!best || o.id > best.id) best = o; return best",
        "const out = []; out.push(1); const sum = {}; sum.total = out.length; return sum.total",
        "function page(cursor, size) { return [cursor, size] } return page(1)",
        "async (input) => { try { return input.a.b } catch (e) { return e.message + e.status } }",
        "const note = await notes.add({ list: 'a', text: 'b' }); return note.id + note.deep.er",
        "const days = (new Date() - new Date(0)) / 86400000; return days",
        "class Box { constructor(a) { this.a = a; } get() { return this.a } } return new Box(1).get()",
        "const state = 'open'; const wanted = { state }; wanted.more = 1; return wanted.more",
        "const cache = new Map(); cache.set('a', 1); const by = Object.fromEntries(cache); return by.a",
        "const input = { a: 1 }; return input.a",
        "export default { async fetch(request, env, ctx) { return new Response(request.url) } }",
        "async function (input) { return input }",
        "return",
        "const status = [input.a ? 'open' : 'x'.trim()]; await shop.orders.list({ status })",
        "if (input) { return 1 }\nenum Color { Red }\nnamespace N { export const a = 1 }\nN.a + Color.Red",
        "const said = await tools.confirm({ question: 'sure?' }); return said.deep.er + (await confirm({ question: 'really?', choices: ['no'] })).yes + (await crm.find({ id: 1 })).name",
        "const sums = {}; sums[input.a] = 1; return Object.values(sums).reduce((a, b) => a + b, 0)",
        "const order = {}; order.customer = 'a'; order.lines = []; return await shop.orders.create(order)",
        "const order = { customer: 'a' }; order.lines = []; return await shop.orders.create(order)",
        "const p = { order_id: 1 }; p.body = input; return await shop.orders.replace(p)",
        "const all = Object.entries(JSON.parse('{}')).map(([k, v]) => ({ k, n: v.n, ...v })); return all[0].k",
        "const seen = Object.values({}); for (const one of seen) console.log(one.id, [...one.list]); return seen.length",
        "const here = typeof window !== 'undefined' || typeof Deno === 'object' || typeof require === 'function'; return here",
        "[1, 2].map((x) => x * 2)",
        "",
    ];
    block(async {
        for script in scripts {
            assert_eq!(list(check(&checker, script).await), [], "{script}");
        }
    });
}

/// What must compile under `strict` must check clean here, and the other way round.
#[test]
fn the_declarations_own_tests_agree() {
    let Some(checker) = checker() else { return };
    let folder = root().join("guest-sdk/types/tests");
    let scripts = |name: &str| -> Vec<PathBuf> {
        std::fs::read_dir(folder.join(name)).unwrap().flatten().map(|entry| entry.path()).collect()
    };
    let mut missed = Vec::new();
    block(async {
        // Its tools are any: those of a tenant are not.
        for script in scripts("must").into_iter().filter(|script| !script.ends_with("tools.ts")) {
            let found = list(check(&checker, &std::fs::read_to_string(&script).unwrap()).await);
            assert_eq!(found, [], "{}", script.display());
        }
        // An import that nothing can answer is told by the transpiler, before anything is checked.
        for script in scripts("must-not").into_iter().filter(|script| !script.ends_with("package.ts")) {
            let found = list(check(&checker, &std::fs::read_to_string(&script).unwrap()).await);
            if found.is_empty() {
                missed.push(script.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    });
    assert_eq!(missed, [""; 0]);
}
