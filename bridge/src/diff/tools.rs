//! In: the sets of tools of two versions of one tenant. Out: operations, servers and approvals gained and lost.
//! May touch: nothing.
//! Security boundary: yes; see `mod.rs`. What an operation does with its arguments is compared for being the same, no more.

use super::{Report, Version, listed, reach};
use crate::tenants::Rule;
use crate::toolbox::Toolbox;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::{Table, Value};

/// Keys that say what the operations are, which are compared themselves, or what rules say better.
const COMPARED: [&str; 7] = ["name", "openapi", "base", "operation", "credential", "private", "approve"];

pub fn compare(report: &mut Report<'_>, old: &Version, new: &Version) {
    let (before, after) = (tables(&old.file), tables(&new.file));
    for (name, table) in &after {
        match before.get(name) {
            None => {
                report.gained("tools", format!("tools \"{name}\" are new: {}", what(&new.tenant.toolbox, name, table)))
            }
            Some(known) => {
                operations(report, name, &old.tenant.toolbox, &new.tenant.toolbox);
                keys(report, name, known, table);
                documents(report, name, known, table);
                approvals(report, name, known, table);
            }
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        report.lost("tools", format!("tools \"{name}\" are not there any more"));
    }
    for name in after.keys().filter(|name| before.contains_key(*name)) {
        rights(report, name, old, new);
    }
}

fn tables(file: &Table) -> BTreeMap<&str, &Table> {
    let sets = file.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table);
    sets.filter_map(|table| Some((table.get("name")?.as_str()?, table))).collect()
}

fn what(toolbox: &Toolbox, name: &str, table: &Table) -> String {
    let of_server = |key: &str| table.get(key).map(|value| format!("the MCP server {value}"));
    if let Some(server) = of_server("mcp").or_else(|| of_server("mcp_command")) {
        return server;
    }
    if let Some(url) = remote(table) {
        return format!("whatever the document {url} lists");
    }
    let operations = fingerprints(toolbox, name);
    let paths: Vec<&str> = operations.keys().map(String::as_str).collect();
    listed(&paths)
}

/// The URL of a document that is read over the network, whose operations nobody knows here.
fn remote(table: &Table) -> Option<&str> {
    table.get("openapi").and_then(Value::as_str).filter(|place| place.contains("://"))
}

fn documents(report: &mut Report<'_>, name: &str, old: &Table, new: &Table) {
    if let Some(url) = remote(new)
        && (remote(old) != Some(url) || old.get("base") != new.get("base"))
    {
        let base = new.get("base").and_then(Value::as_str).unwrap_or_default();
        report.gained("tools", format!("tools \"{name}\" are whatever the document {url} lists, at {base}"));
    }
}

/// Each operation with all that decides what it sends.
fn fingerprints(toolbox: &Toolbox, name: &str) -> BTreeMap<String, String> {
    let source = toolbox.fixed(name);
    let tools = source.iter().flat_map(|source| source.tools());
    tools.map(|tool| (tool.path.to_string(), format!("{:?} {}", tool.operation, tool.input_schema()))).collect()
}

fn operations(report: &mut Report<'_>, name: &str, old: &Toolbox, new: &Toolbox) {
    let (before, after) = (fingerprints(old, name), fingerprints(new, name));
    let of = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| -> Vec<String> {
        one.keys().filter(|path| !other.contains_key(*path)).cloned().collect()
    };
    let words = |paths: &[String]| listed(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let (added, removed) = (of(&after, &before), of(&before, &after));
    if !added.is_empty() {
        report.gained("tools", format!("tools \"{name}\" have new operations: {}", words(&added)));
    }
    if !removed.is_empty() {
        report.lost("tools", format!("tools \"{name}\" lack operations: {}", words(&removed)));
    }
    let is_other = |path: &&String| before.get(*path).is_some_and(|known| after.get(*path) != Some(known));
    let changed: Vec<String> = after.keys().filter(is_other).cloned().collect();
    if !changed.is_empty() {
        report.unclear(
            "tools",
            format!("tools \"{name}\" have operations that send something else: {}", words(&changed)),
        );
    }
}

/// Keys that are compared as they are written.
fn keys(report: &mut Report<'_>, name: &str, old: &Table, new: &Table) {
    let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in all.into_iter().filter(|key| !COMPARED.contains(&key.as_str())) {
        match (old.get(key), new.get(key)) {
            (before, after) if before == after => {}
            (_, Some(Value::String(url))) if key == "mcp" => {
                report.gained("tools", format!("tools \"{name}\" are those of the MCP server {url}"));
            }
            _ => report.unclear("tools", format!("`{key}` of tools \"{name}\" is another")),
        }
    }
}

fn approvals(report: &mut Report<'_>, name: &str, old: &Table, new: &Table) {
    let words = |table: &Table| -> BTreeSet<String> {
        let list = table.get("approve").and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (before, after) = (words(old), words(new));
    for word in before.difference(&after) {
        report.gained("tools", format!("`{word}` of tools \"{name}\" needs no approval any more"));
    }
    for word in after.difference(&before) {
        report.lost("tools", format!("`{word}` of tools \"{name}\" needs an approval"));
    }
    if old.get("approve").is_some_and(|value| !value.is_array()) && old.get("approve") != new.get("approve") {
        report.unclear("tools", format!("`approve` of tools \"{name}\" is another"));
    }
}

/// What the set's own requests may reach, redirects included: any of its base, for an upstream chooses where one leads.
fn rights(report: &mut Report<'_>, name: &str, old: &Version, new: &Version) {
    let before: BTreeMap<String, Arc<Rule>> = old.tenant.toolbox.rights(name).collect();
    for (base, after) in new.tenant.toolbox.rights(name) {
        // A base that is new came with operations that are new or changed, and they have been told.
        if let Some(before) = before.get(&base) {
            reach::grants(report, name, (&old.tenant, Some(before)), (&new.tenant, Some(&after)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Difference;

    #[test]
    fn what_a_document_at_another_url_or_with_another_base_lists_is_gained() {
        let table = |url: &str, base: &str| -> Table {
            toml::from_str(&format!("openapi = \"{url}\"\nbase = \"{base}\"")).unwrap()
        };
        let (url, base) = ("https://a.example/api.json", "https://a.example/v1");
        for (other, gained) in [
            (table(url, base), 0),
            (table("https://b.example/api.json", base), 1),
            (table(url, "https://a.example"), 1),
            (toml::from_str("openapi = \"api.json\"").unwrap(), 0),
        ] {
            let mut report = Report { tenant: "t", found: Difference::default() };
            documents(&mut report, "shop", &table(url, base), &other);
            assert_eq!(report.found.gained.len(), gained, "{other}");
        }
    }

    #[test]
    fn a_call_that_needs_no_approval_any_more_is_gained() {
        let table = |text: &str| toml::from_str::<Table>(text).unwrap();
        let none = table("");
        let (one, two) = (table("approve = [\"a\"]"), table("approve = [\"a\", \"b\"]"));
        for (old, new, gained, lost) in
            [(&one, &none, 1, 0), (&none, &two, 0, 2), (&two, &one, 1, 0), (&two, &two, 0, 0), (&one, &two, 0, 1)]
        {
            let mut report = Report { tenant: "t", found: Difference::default() };
            approvals(&mut report, "shop", old, new);
            assert_eq!((report.found.gained.len(), report.found.lost.len()), (gained, lost), "{old} -> {new}");
        }
        let mut report = Report { tenant: "t", found: Difference::default() };
        approvals(&mut report, "shop", &table("approve = true"), &none);
        keys(&mut report, "shop", &table("later = 1"), &none);
        assert!(report.found.gained.len() == 2 && report.found.gained.iter().all(|change| !change.exact));
    }
}
