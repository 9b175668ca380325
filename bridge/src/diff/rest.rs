//! In: two versions of one tenant. Out: what was gained and lost beside its requests: tokens, credentials, scripts, limits.
//! May touch: nothing.
//! Security boundary: yes; see `mod.rs`. A key that is not known here counts when it differs.

use super::{Report, Version};
use crate::routes::Route;
use crate::tenants::Tenant;
use crate::tokens::{Role, hex};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Keys of a tenant's file that are compared by name, here or elsewhere.
const COMPARED: [&str; 9] =
    ["tenant", "token", "approvals", "credential", "rule", "tools", "script", "route", "limits"];
const RUNS: [&str; 2] = ["runs_in_flight", "runs_per_minute"];

pub fn compare(report: &mut Report<'_>, old: &Version, new: &Version) {
    tokens(report, &old.tenant, &new.tenant);
    credentials(report, &old.file, &new.file);
    approvers(report, &old.tenant, &new.tenant);
    scripts(report, &old.tenant, &new.tenant);
    routes(report, &old.tenant, &new.tenant);
    limits(report, old, new);
    unknown_keys(report, &old.file, &new.file);
    for key in differing(&old.file, &new.file).filter(|key| !COMPARED.contains(key)) {
        report.unclear("file", format!("`{key}` is another"));
    }
}

fn differing<'a>(old: &'a Table, new: &'a Table) -> impl Iterator<Item = &'a str> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter().map(String::as_str).filter(|key| old.get(*key) != new.get(*key))
}

fn tokens(report: &mut Report<'_>, old: &Tenant, new: &Tenant) {
    let by_hash = |tenant: &Tenant| -> BTreeMap<String, Role> {
        tenant.tokens.iter().map(|(hash, role)| (hex(hash), *role)).collect()
    };
    let (before, after) = (by_hash(old), by_hash(new));
    let shown = |hash: &str| hash.chars().take(12).collect::<String>();
    for (hash, role) in &after {
        let word = role.word();
        match before.get(hash) {
            None => report.gained("token", format!("token {}... of role {word} is new", shown(hash))),
            Some(known) if known == role => {}
            Some(known) => {
                let what = format!("token {}... is {word}, was {}", shown(hash), known.word());
                if is_less(*role, *known) { report.lost("token", what) } else { report.gained("token", what) }
            }
        }
    }
    for (hash, role) in before.iter().filter(|(hash, _)| !after.contains_key(*hash)) {
        report.lost("token", format!("token {}... of role {} is not there any more", shown(hash), role.word()));
    }
}

/// Whether all that one role may, the other may too.
fn is_less(role: Role, than: Role) -> bool {
    matches!((role, than), (_, Role::Admin) | (Role::Runner, Role::Deployer))
}

fn credentials(report: &mut Report<'_>, old: &Table, new: &Table) {
    let (before, after) = (by_name(old, "credential"), by_name(new, "credential"));
    for (name, table) in &after {
        if let Some(known) = before.get(name) {
            for key in differing(known, table) {
                report.unclear("credential", format!("`{key}` of credential `{name}` is another"));
            }
        }
    }
}

fn approvers(report: &mut Report<'_>, old: &Tenant, new: &Tenant) {
    let hears = |tenant: &Tenant| tenant.webhook.as_ref().map(|webhook| webhook.url().to_owned());
    match (hears(old), hears(new)) {
        (before, Some(after)) if before.as_ref() != Some(&after) => {
            report.gained("approval", format!("{after} hears of calls that wait"));
        }
        (Some(before), None) => report.lost("approval", format!("{before} does not hear of calls that wait")),
        _ => {}
    }
    for role in Role::running().into_iter().filter_map(Role::parse) {
        for (model, by) in [(false, ""), (true, " over MCP")] {
            let what = |may: &str| format!("a token of role {} may{may} approve calls that wait{by}", role.word());
            match (old.may_approve(role, model), new.may_approve(role, model)) {
                (false, true) => report.gained("approval", what("")),
                (true, false) => report.lost("approval", what(" not")),
                _ => {}
            }
        }
    }
}

fn by_name<'f>(file: &'f Table, key: &str) -> BTreeMap<&'f str, &'f Table> {
    let tables = file.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table);
    tables.filter_map(|table| Some((table.get("name")?.as_str()?, table))).collect()
}

fn scripts(report: &mut Report<'_>, old: &Tenant, new: &Tenant) {
    let (before, after) = (&old.declared.public, &new.declared.public);
    let sorted = |names: Vec<&String>| names.into_iter().cloned().collect::<BTreeSet<String>>();
    for name in sorted(after.difference(before).collect()) {
        report.gained("script", format!("script \"{name}\" is public: everybody may call it"));
    }
    for name in sorted(before.difference(after).collect()) {
        report.lost("script", format!("script \"{name}\" is not public any more"));
    }
}

/// Keys that are not in this version: whatever they mean, they differ.
fn unknown_keys(report: &mut Report<'_>, old: &Table, new: &Table) {
    for (kind, list, id, known) in [
        ("token", "token", "sha256", ["sha256", "role"].as_slice()),
        (
            "request",
            "rule",
            "name",
            &["name", "allow", "deny", "methods", "credential", "private", "hold", "idempotent"],
        ),
        ("script", "script", "name", &["name", "public"]),
        ("route", "route", "host", &["host", "path", "script"]),
    ] {
        let unknown = |file: &Table| -> BTreeSet<String> {
            let tables = file.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table);
            let told = tables.flat_map(|table| {
                let of = table.get(id).map(Value::to_string).unwrap_or_default();
                table
                    .iter()
                    .filter(|(key, _)| !known.contains(&key.as_str()))
                    .map(move |(key, value)| format!("`{key}` = {value} of the [[{list}]] {of}"))
            });
            told.collect()
        };
        let (before, after) = (unknown(old), unknown(new));
        for key in before.symmetric_difference(&after) {
            report.unclear(kind, format!("{key} is in one version only"));
        }
    }
}

/// A route that goes leaves its paths to the next longest one.
fn routes(report: &mut Report<'_>, old: &Tenant, new: &Tenant) {
    let (before, after) = (&old.declared.routes, &new.declared.routes);
    let among = |route: &Route, routes: &[Route]| routes.iter().any(|known| known.leads_as(route));
    for route in after.iter().filter(|route| !among(route, before)) {
        report.gained("route", format!("{route} is new"));
    }
    for route in before.iter().filter(|route| !among(route, after)) {
        report.lost("route", format!("{route} is not there any more"));
        for heir in after.iter().filter(|heir| heir.inherits(route)) {
            report.gained("route", format!("{heir} answers what {route} did"));
        }
    }
}

fn limits(report: &mut Report<'_>, old: &Version, new: &Version) {
    for (word, limits) in [
        ("the highest", (&old.tenant.ceilings, &new.tenant.ceilings)),
        ("the usual", (&old.tenant.defaults, &new.tenant.defaults)),
    ] {
        let (before, after) = (numbers(limits.0), numbers(limits.1));
        for (name, value) in &after {
            if let Some(known) = before.get(name) {
                report.number("limit", &format!("{word} {name}"), *known, *value);
            }
        }
    }
    report.number("limit", "runs_in_flight", old.tenant.runs_in_flight.into(), new.tenant.runs_in_flight.into());
    report.number("limit", "runs_per_minute", old.tenant.runs_per_minute.into(), new.tenant.runs_per_minute.into());
    let known = numbers(&new.tenant.ceilings);
    let table = |version: &Version| version.file.get("limits").and_then(Value::as_table).cloned().unwrap_or_default();
    let (before, after) = (table(old), table(new));
    for key in differing(&before, &after).filter(|key| !known.contains_key(*key) && !RUNS.contains(key)) {
        report.unclear("limit", format!("`{key}` is another"));
    }
}

fn numbers(limits: &mayfly_schemas::limits::Limits) -> BTreeMap<String, u64> {
    match serde_json::to_value(limits) {
        Ok(serde_json::Value::Object(fields)) => {
            fields.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))).collect()
        }
        _ => BTreeMap::new(),
    }
}
