//! guest-sdk/types/mayfly.d.ts and the isolate say the same: what is declared is there, and what is there is declared.

use crate::harness::script::result;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TYPES: &str = include_str!("../../../guest-sdk/types/mayfly.d.ts");

/// There on purpose and not declared: each tells whoever uses it what to use instead.
const UNDECLARED: [&str; 1] = ["require"];

/// Globals of the language, which TypeScript's own library declares.
const LANGUAGE: &str = "AggregateError Array AsyncDisposableStack DisposableStack SuppressedError ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError \
    FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math \
    NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError Uint16Array \
    Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval \
    globalThis isFinite isNaN parseFloat parseInt undefined unescape";

/// Of QuickJS alone: errors that it throws, and what its own library makes.
const OF_THE_ENGINE: [&str; 2] = ["InternalError", "QuotaExceededError"];

/// `declare const name`, `declare function name`, `declare class name`, with the members of classes.
fn declared() -> BTreeMap<String, Vec<(String, bool)>> {
    let mut names = BTreeMap::new();
    let mut class: Option<String> = None;
    for line in TYPES.lines() {
        let line = line.strip_prefix("declare ").map_or((line, false), |rest| (rest, true));
        match line {
            (rest, true) => {
                let mut words = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
                let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
                class = (kind == "class").then(|| name.clone());
                names.entry(name).or_insert_with(Vec::new);
            }
            ("}", false) => class = None,
            (line, false) => {
                if let (Some(class), Some(member)) = (&class, member(line)) {
                    names.entry(class.clone()).or_insert_with(Vec::new).push(member);
                }
            }
        }
    }
    names
}

/// Name of a class's member, and whether it is static.
fn member(line: &str) -> Option<(String, bool)> {
    let rest = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '/', '*', '}', '[']))?;
    let (rest, is_static) = rest.strip_prefix("static ").map_or((rest, false), |rest| (rest, true));
    let rest = rest.strip_prefix("private ").unwrap_or(rest);
    let rest = rest.strip_prefix("readonly ").unwrap_or(rest);
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty() && name != "constructor").then_some((name, is_static))
}

fn names_of(list: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    list.into_iter().map(Into::into).collect()
}

#[test]
fn every_global_is_declared_and_every_declaration_is_there() {
    let there: BTreeSet<String> =
        serde_json::from_str(&result("return Object.getOwnPropertyNames(globalThis).sort()")).unwrap();
    let language = names_of(LANGUAGE.split_whitespace());
    let declared: BTreeSet<String> = declared().into_keys().chain(language).collect();
    let missing: Vec<_> = declared.difference(&there).collect();
    assert!(missing.is_empty(), "declared and not there: {missing:?}");
    let known: BTreeSet<String> =
        names_of(UNDECLARED).into_iter().chain(names_of(OF_THE_ENGINE)).chain(declared).collect();
    let extra: Vec<_> = there.difference(&known).collect();
    assert!(extra.is_empty(), "there and not declared: {extra:?}");
}

/// Makes one object of each class whose members are not on its prototype.
const SPECIMENS: &str = r#"{
    Event: () => new Event("x"), CustomEvent: () => new CustomEvent("x"), Blob: () => new Blob(), File: () => new File([], "x"),
    AbortController: () => new AbortController(), TextDecoder: () => new TextDecoder(), Request: () => new Request("http://a.example"),
    Response: () => new Response(), PolicyError: () => Object.assign(new PolicyError("x"), { reason: 1, rule: 1, method: 1, url: 1 }),
    ToolError: () => Object.assign(new ToolError("x"), { tool: 1, status: 1, body: 1 }), Buffer: () => Buffer.alloc(1),
}"#;

#[test]
fn every_member_of_a_class_is_there() {
    let classes: Value = declared()
        .into_iter()
        .filter(|(_, members)| !members.is_empty())
        .map(|(name, members)| (name, json!(members)))
        .collect();
    assert!(classes.as_object().unwrap().len() > 30, "{classes}");
    let source = format!(
        "const specimens = {SPECIMENS};
         return Object.entries({classes}).flatMap(([name, members]) => members.filter(([member, isStatic]) => {{
             const made = globalThis[name];
             if (isStatic) return !(member in made);
             return !(member in made.prototype) && !(specimens[name] && member in specimens[name]());
         }}).map(([member]) => `${{name}}.${{member}}`))"
    );
    assert_eq!(result(&source), "[]", "declared and not there");
}

#[test]
fn every_method_of_a_class_is_declared() {
    let all = declared();
    let inherited: BTreeMap<&str, &str> = BTreeMap::from([
        ("Buffer", "Uint8Array"),
        ("DOMException", "Error"),
        ("File", "Blob"),
        ("Request", "Body"),
        ("Response", "Body"),
    ]);
    let mut undeclared = Vec::new();
    for (class, members) in all.iter().filter(|(_, members)| !members.is_empty()) {
        let names: BTreeSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        let own: Vec<String> = serde_json::from_str(&result(&format!(
            "return Object.getOwnPropertyNames({class}.prototype).filter((name) => name !== 'constructor' && name !== 'name')"
        )))
        .unwrap();
        let above: BTreeSet<&str> = match inherited.get(class.as_str()) {
            Some(&"Body") => {
                BTreeSet::from(["body", "bodyUsed", "text", "json", "bytes", "arrayBuffer", "blob", "formData"])
            }
            Some(&"Error") => BTreeSet::from(["message"]),
            Some(&"Uint8Array") => BTreeSet::from(["toLocaleString"]),
            _ => BTreeSet::new(),
        };
        let extra = own
            .iter()
            .filter(|name| !name.starts_with('_') && !names.contains(name.as_str()) && !above.contains(name.as_str()));
        undeclared.extend(extra.map(|name| format!("{class}.{name}")));
    }
    assert_eq!(undeclared, Vec::<String>::new(), "there and not declared");
}
