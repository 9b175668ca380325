//! Scripts that are wrong, each in one way: what is told of them, and where.

use crate::harness::{block, check, check_modules, checker, list};
use mayfly_checker::{Diagnostic, Verdict};

/// The script, the place (line and column) of its first mistake, a part of the message, a part of the suggestion.
type Case = (&'static str, (u32, u32), &'static str, &'static str);

const CASES: [Case; 38] = [
    // fields of results
    ("const o = await shop.orders.get({ order_id: 1 });\nreturn o.totl", (2, 10), "'totl' does not exist", ""),
    (
        "const o = await shop.orders.get({ order_id: 1 });\nreturn o.custmer",
        (2, 10),
        "'custmer' does not exist",
        "'customer'",
    ),
    (
        "const { orders } = await shop.orders.list();\nfor (const o of orders)\n  console.log(o.lines[0].quantty)",
        (3, 26),
        "'quantty'",
        "'quantity'",
    ),
    ("return (await shop.orders.list()).map((o) => o.id)", (1, 35), "'map' does not exist", ""),
    (
        "const all = [];\nall.push(await shop.orders.get({ order_id: 1 }));\nreturn all[0].state",
        (3, 15),
        "'state' does not exist",
        "",
    ),
    (
        "const [a] = await Promise.all([shop.orders.get({ order_id: 1 })]);\nreturn a.nr",
        (2, 10),
        "'nr' does not exist",
        "",
    ),
    // fields of arguments
    ("await shop.orders.get({ id: 1 })", (1, 25), "'id' does not exist", ""),
    ("await shop.orders.get({ orderId: 1 })", (1, 25), "'orderId' does not exist", "'order_id'"),
    ("await shop.orders.list({ perPage: 3 })", (1, 26), "'perPage'", "'per_page'"),
    ("await shop.orders.create({ customer: 'a' })", (1, 26), "'lines' is missing", ""),
    (
        "const p = { customer: 'a', lines: [{ sku: 'x' }] };\nawait shop.orders.create(p)",
        (2, 26),
        "'quantity' is missing",
        "",
    ),
    ("await shop.orders.get({ order_id: 'one' })", (1, 25), "'string' is not assignable to type 'number'", ""),
    ("await shop.orders.get(7)", (1, 23), "'number' is not assignable", ""),
    ("await shop.orders.get(7, 8)", (1, 26), "Expected 1 arguments, but got 2", ""),
    ("await shop.orders.get()", (1, 19), "Expected 1 arguments, but got 0", ""),
    // nesting
    ("await shop.orders.list({ after: '2026-01-01' })", (1, 26), "'after' does not exist", ""),
    ("await shop.orders.replace({ order_id: 1, status: 'open' })", (1, 42), "'status' does not exist", ""),
    ("await shop.payments.start({ kind: 'card', number: '1' })", (1, 29), "'kind' does not exist", ""),
    // values of enumerations
    ("await shop.orders.list({ status: ['done'] })", (1, 35), "\"done\"", "\"open\" | \"paid\" | \"sent\""),
    (
        "const { orders } = await shop.orders.list();\nreturn orders.filter((o) => o.status === 'done')",
        (2, 29),
        "no overlap",
        "",
    ),
    ("await shop.payments.start({ body: { kind: 'cash', iban: 'x' } })", (1, 37), "\"cash\"", ""),
    // tools that are not there
    ("await shop.ordes.list()", (1, 12), "'ordes' does not exist", "'orders'"),
    ("await tools.github.issues.list()", (1, 13), "'github' does not exist", ""),
    ("await stripe.charges.create({})", (1, 7), "Cannot find name 'stripe'", ""),
    // tools of the run itself
    ("await confirm()", (1, 7), "Expected 1 arguments, but got 0", ""),
    ("await tools.confirm({ question: 'a', choices: ['maybe'] })", (1, 48), "\"maybe\"", "\"yes\" | \"no\""),
    ("return (await crm.find({ id: 1 })).nam", (1, 36), "'nam' does not exist", "'name'"),
    ("confirm({ question: 'a' });\nreturn 1", (1, 1), "Nobody awaits this call", "`await`"),
    // results that nobody awaited
    ("const o = shop.orders.get({ order_id: 1 });\nreturn o.customer", (2, 10), "'customer' does not exist", "`await`"),
    ("for (const o of shop.orders.list().orders) console.log(o)", (1, 36), "'orders' does not exist", "`await`"),
    ("const { orders } = shop.orders.list();\nreturn orders", (1, 9), "'orders' does not exist", "`await`"),
    ("await shop.orders.get({ order_id: notes.add({ list: 'a', text: 'b' }) })", (1, 25), "Promise", "`await`"),
    ("const r = await fetch('https://a.test');\nreturn r.json().items", (2, 17), "'items' does not exist", "`await`"),
    ("shop.orders.delete_({ order_id: 1 });\nreturn 'done'", (1, 1), "Nobody awaits this call", "`await`"),
    (
        "const { orders } = await shop.orders.list();\nfor (const o of orders) {\n  shop.orders.delete_({ order_id: o.id });\n}",
        (3, 3),
        "Nobody awaits",
        "`await`",
    ),
    // what there is not
    ("const fs = require('fs');", (1, 12), "Cannot find name 'require'", ""),
    ("if (!input) process.exit(1)", (1, 21), "'exit' does not exist", "return"),
    ("return document.title", (1, 8), "Cannot find name 'document'", "no page"),
];

#[test]
fn each_mistake_is_told_at_its_place() {
    let Some(checker) = checker() else { return };
    let mut wrong = Vec::new();
    block(async {
        for (script, place, message, suggestion) in CASES {
            let found = list(check(&checker, script).await);
            let right = found.first().is_some_and(|first| {
                (first.line, first.column) == place
                    && first.message.contains(message)
                    && first.suggestion.as_deref().unwrap_or_default().contains(suggestion)
                    && Some(first.source.as_str()) == script.lines().nth(place.0 as usize - 1)
            });
            if !right {
                wrong.push(format!("{script}\n  expected {place:?} {message} {suggestion}\n  found {found:#?}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same mistake in every form of a script, with characters that bytes and UTF-16 count differently before it.
#[test]
fn places_are_those_of_what_was_sent() {
    let Some(checker) = checker() else { return };
    let forms = [
        ("const ä = '😀'; return (await shop.orders.get({ order_id: 1 })).nr", (1, 65)),
        ("async () => {\n  return (await shop.orders.get({ order_id: 1 })).nr;\n}", (2, 51)),
        ("async function (input) {\n  return (await shop.orders.get({ order_id: 1 })).nr;\n}", (2, 51)),
        ("export default async (input) => (await shop.orders.get({ order_id: 1 })).nr", (1, 74)),
        (
            "export default {\n  async run(input) {\n    return (await shop.orders.get({ order_id: 1 })).nr }\n}",
            (3, 53),
        ),
        ("Here it is:\n\n```ts\nreturn (await shop.orders.get({ order_id: 1 })).nr\n```\nDone.", (4, 49)),
        ("\u{feff}(await shop.orders.get({ order_id: 1 })).nr", (1, 42)),
        ("const o = await shop.orders.get({ order_id: 1 });\r\n\r\no.nr", (3, 3)),
        ("namespace N { export const a = 1 }\n(await shop.orders.get({ order_id: N.a })).nr", (2, 44)),
        ("if (input.x) return 1;\n// export default\n(await shop.orders.get({ order_id: 1 })).nr", (3, 42)),
    ];
    block(async {
        for (script, place) in forms {
            let found = list(check(&checker, script).await);
            let places: Vec<_> = found.iter().map(|one| (one.line, one.column, one.end_column)).collect();
            assert_eq!(places, [(place.0, place.1, place.1 + 2)], "{script}\n{found:#?}");
            assert!(found[0].source.contains(".nr"), "{found:#?}");
        }
    });
}

/// The transpiler takes a function without a name among statements; who asks has compiled the script.
#[test]
fn what_typescript_reads_otherwise_is_not_called_wrong() {
    let Some(checker) = checker() else { return };
    let verdict = block(check(&checker, "const n = 1;\nasync function (input) { return n }"));
    let Verdict::NotChecked(reason) = verdict else { panic!("{verdict:?}") };
    assert_eq!(reason, "TypeScript does not read this script as Mayfly does: Identifier expected.");
}

#[test]
fn every_module_of_a_script_is_checked() {
    let Some(checker) = checker() else { return };
    let main = "import { first } from './lib/orders.ts';\nimport * as other from './plain.js';\nconst o = await first();\nreturn [o.nr, other.b]";
    let orders = "export async function first() { return (await shop.orders.list()).orders[0] }";
    let plain = "export const a = await shop.orders.get({ id: 1 })";
    let modules = [("main.ts", main), ("lib/orders.ts", orders), ("plain.js", plain)];
    let found = list(block(check_modules(&checker, "acme", &modules)));
    let told: Vec<_> =
        found.iter().map(|one: &Diagnostic| (one.module.as_str(), one.line, one.message.as_str())).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(
        told[0].2.contains("'nr' does not exist on type 'Order'") && told[1].2.contains("'b' does not exist"),
        "{told:#?}"
    );
    assert_eq!((told[2].0, told[2].1), ("plain.js", 1), "{told:#?}");
}

#[test]
fn of_many_mistakes_the_first_are_told_and_the_others_counted() {
    let Some(checker) = checker() else { return };
    let script = "shop.nothing();\n".repeat(1_000);
    let long = format!(
        "const o = {{ {} }}; return o.nothing",
        (0..500).map(|n| format!("field{n}: 1")).collect::<Vec<_>>().join(", ")
    );
    let (many, found) = block(async { (check(&checker, &script).await, list(check(&checker, &long).await)) });
    let Verdict::Wrong { diagnostics, more } = many else { panic!("it is wrong") };
    assert_eq!((diagnostics.len(), more, diagnostics[19].line), (20, 980, 20));
    assert!(found[0].message.len() < 700 && found[0].source.len() <= 512, "{found:?}");
}
