//! In: async functions. Out: what tells their frames to errors, in the places where it must stand.
//! May touch: nothing. What the frames look like in a stack is tested from outside (`runtime/tests/it/errors.rs`).
//! Security boundary: no.
#![allow(clippy::unwrap_used, clippy::panic)]

/// Without what every row has in common; places as `line:column`.
fn told(source: &str) -> String {
    let done = mayfly_transpiler::transpile("main.ts", source).unwrap_or_else(|refused| panic!("{refused:?}"));
    let text = done.javascript.split_whitespace().collect::<Vec<_>>().join(" ");
    let place = |word: &str| -> Option<String> {
        let number: u64 = word.parse().ok().filter(|number| *number > 1 << 24)?;
        Some(format!("{}:{}", number >> 24, number & 0xff_ffff))
    };
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let (digits, rest) = word.split_at(word.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
        out.push_str(&place(digits).unwrap_or_else(|| digits.to_owned()));
        out.push_str(rest);
    }
    out
}

#[test]
fn a_function_that_awaits_says_where_it_was() {
    assert_eq!(
        told("export async function load() {\n  const a = await get(1);\n  return a;\n}"),
        "export async function load() { let $at0 = 0; try { const a = await ($at0 = 2:13, get(1)); return a; } \
         catch ($thrown0) { throw __mayfly_async_frame($thrown0, $at0, \"load\", \"main.ts\", 1:8, 4:2); } } \
         export { load as default };"
    );
}

#[test]
fn functions_that_do_not_wait_stay_as_they_are() {
    for source in [
        "export default async () => 1;",
        "export default function() { return \"await\"; }",
        "export default async function() { return (async () => f())(); }",
    ] {
        assert!(!told(source).contains("__mayfly"), "{source}");
    }
    // What the script calls so is not ours to call.
    assert!(!told("const __mayfly_async_frame = 1; export default async () => { await f() }").contains("$at"));
}

#[test]
fn an_await_around_another_sets_its_place_last() {
    let told = told("export default async () => await save(\n await load());");
    assert!(told.contains("await ($held0 = save(await ($at0 = 2:2, load())), $at0 = 1:28, $held0)"), "{told}");
}

#[test]
fn functions_are_named_as_the_language_names_them() {
    let names = |source: &str| -> Vec<String> {
        let told = told(source);
        let calls = told.split("$at0, \"").skip(1);
        calls.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(
        names(
            "const a = async () => { await 1 };\nlet b; b = async function () { await 1 };\n\
             class C { async d() { await 1 } e = async () => { await 1 }; async #f() { await 1 } static async ['g']() { await 1 } }\n\
             const o = { async h() { await 1 }, i: async () => { await 1 }, 'j k': async () => { await 1 } };\n\
             list.map(async (x) => { await x });\nconst l = list.map(async (x) => { await x });\n\
             export default async () => { await 1 };"
        ),
        ["a", "b", "d", "e", "", "g", "h", "i", "j k", "", "", "default"]
    );
}

#[test]
fn a_catch_around_an_await_tells_first_and_once() {
    let told = told("export default async () => { try { await f() } catch (e) { log(e) } try { f() } catch (e) {} }");
    assert!(told.contains("catch (e) { $at0 = (__mayfly_async_frame(e, $at0, \"default\","), "{told}");
    assert!(told.contains("), 0); log(e); }") && told.contains("catch (e) {}"), "{told}");
}

#[test]
fn names_of_the_script_are_not_taken() {
    let told = told("const $at0 = 1, $held = 2; export default async () => { await f($at0) }");
    assert!(told.contains("let $at1 = 0;") && told.contains("f($at0)"), "{told}");
}
