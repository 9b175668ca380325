//! In: the rules of two versions of one tenant. Out: requests that one of them allows and the other does not, in groups.
//! May touch: nothing.
//! Security boundary: yes; every verdict here is given by `decide.rs` itself, to a URL of `samples.rs`.

use super::samples::{Hosts, samples};
use super::{Report, listed};
use crate::ask::Target;
use crate::decide::verdict;
use crate::failure::{Failure, Kind, Reason};
use crate::patterns::Pattern;
use crate::resolve::is_private_by_name;
use crate::tenants::{Rule, Tenant};
use http::Method;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Everything that is decided alike, found in one direction.
struct Group {
    kind: &'static str,
    words: String,
    methods: BTreeSet<String>,
    example: String,
}

/// One side of a comparison: rules, and what a set of tools is granted beside them.
struct Side<'a> {
    tenant: &'a str,
    rules: &'a [Arc<Rule>],
    grant: Option<&'a Arc<Rule>>,
}

/// What a script's own requests may reach.
pub fn rules(report: &mut Report<'_>, old: &Tenant, new: &Tenant) {
    compare(report, "", (old, None), (new, None));
}

/// What one set of tools may reach with what it is granted, where its rights or the rules above it have changed.
pub fn grants(
    report: &mut Report<'_>,
    set: &str,
    old: (&Tenant, Option<&Arc<Rule>>),
    new: (&Tenant, Option<&Arc<Rule>>),
) {
    compare(report, set, old, new);
}

fn is_same(one: &Rule, other: &Rule) -> bool {
    let credential = |rule: &Rule| rule.credential.as_ref().map(|known| known.name.clone());
    one.allow == other.allow
        && one.pattern.text() == other.pattern.text()
        && one.methods == other.methods
        && one.private == other.private
        && one.hold == other.hold
        && credential(one) == credential(other)
}

fn compare(
    report: &mut Report<'_>,
    set: &str,
    (old, old_grant): (&Tenant, Option<&Arc<Rule>>),
    (new, new_grant): (&Tenant, Option<&Arc<Rule>>),
) {
    let before: Vec<&Arc<Rule>> = old.rules.iter().chain(old_grant).collect();
    let after: Vec<&Arc<Rule>> = new.rules.iter().chain(new_grant).collect();
    if before.len() == after.len() && before.iter().zip(&after).all(|(before, after)| is_same(before, after)) {
        return;
    }
    let patterns: Vec<&Pattern> = before.iter().chain(&after).map(|rule| &rule.pattern).collect();
    let both = before.iter().chain(&after).enumerate();
    let denying: HashSet<usize> = both.filter(|(_, rule)| !rule.allow).map(|(index, _)| index).collect();
    let Ok(hosts) = samples(&patterns, &denying) else {
        let whose = if set.is_empty() { "the rules".to_owned() } else { format!("the rules above tools \"{set}\"") };
        report.unclear("request", format!("{whose} have changed, and are too many `**` to be compared"));
        return;
    };
    let (mut gained, mut lost) = (Vec::new(), Vec::new());
    for hosts in &hosts {
        // Of a grant's rules only what it reaches is of interest; of the rest nothing has been said to this set.
        let reaching = |rules: &[Arc<Rule>], offset: usize| -> Vec<Arc<Rule>> {
            let fits = |index: &usize| hosts.patterns.binary_search(&(index + offset)).is_ok();
            rules.iter().enumerate().filter(|(index, _)| fits(index)).map(|(_, rule)| rule.clone()).collect()
        };
        let (old_rules, new_rules) = (reaching(&old.rules, 0), reaching(&new.rules, before.len()));
        let old_side = Side { tenant: &old.name, rules: &old_rules, grant: old_grant };
        let new_side = Side { tenant: &new.name, rules: &new_rules, grant: new_grant };
        for_each_target(hosts, &old_side, &new_side, |target, method| {
            let (before, after) = (old_side.says(target, hosts.is_one), new_side.says(target, hosts.is_one));
            note(&mut gained, (set, "before"), &before, &after, target, method);
            note(&mut lost, (set, "now"), &after, &before, target, method);
        });
    }
    tell(report, gained, lost);
}

fn for_each_target(hosts: &Hosts, old: &Side<'_>, new: &Side<'_>, mut see: impl FnMut(&Target, &str)) {
    let written: BTreeSet<&str> =
        old.rules.iter().chain(new.rules).flat_map(|rule| &rule.methods).map(Method::as_str).collect();
    // All that nobody writes are alike.
    let mut other = "GET".to_owned();
    while written.contains(other.as_str()) {
        other = if other == "GET" { "OTHER".to_owned() } else { other + "X" };
    }
    for url in &hosts.urls {
        for method in written.iter().copied().chain([other.as_str()]) {
            let Ok(target) = Target::parse(method, url) else { continue };
            see(
                &target,
                if method != other {
                    method
                } else if written.is_empty() {
                    EVERY
                } else {
                    OTHERS
                },
            );
        }
    }
}

impl Side<'_> {
    /// What is decided for a target, and what `resolve.rs` would say to its host. Where a pattern stands for many hosts, none
    /// of its rules may be `private`, and the public ones among them count.
    fn says(&self, target: &Target, is_one: bool) -> Result<Arc<Rule>, Failure> {
        let rule = verdict(self.tenant, self.rules, target, self.grant)?;
        if is_one && !rule.private && is_private_by_name(target.host()) {
            return Err(Failure::policy(Reason::PrivateAddress, &rule.name, ""));
        }
        Ok(rule)
    }
}

/// Adds what `more` allows and `less` does not.
fn note(
    groups: &mut Vec<Group>,
    (set, when): (&str, &str),
    less: &Result<Arc<Rule>, Failure>,
    more: &Result<Arc<Rule>, Failure>,
    target: &Target,
    method: &str,
) {
    let Ok(rule) = more else { return };
    let by = match set {
        "" => format!("by rule \"{}\" ({})", rule.name, rule.pattern.text()),
        set if rule.name == format!("tools {set}") => format!("of tools \"{set}\" ({})", rule.pattern.text()),
        set => format!("of tools \"{set}\" by rule \"{}\" ({})", rule.name, rule.pattern.text()),
    };
    let name = |rule: &Rule| rule.credential.as_ref().map(|known| known.name.clone());
    let mut add = |kind, words: String| {
        let known = groups.iter_mut().find(|group| group.kind == kind && group.words == words);
        match known {
            Some(group) => {
                group.methods.insert(method.to_owned());
            }
            None => groups.push(Group {
                kind,
                words,
                methods: BTreeSet::from([method.to_owned()]),
                example: format!("{} {}", target.method(), target.shown()),
            }),
        }
    };
    match less {
        Err(refused) => add("request", format!("{by}; {when}: {}", because(refused))),
        Ok(other) => {
            if let Some(credential) = name(rule)
                && name(other).as_ref() != Some(&credential)
            {
                let without = name(other).map_or("none".to_owned(), |other| format!("`{other}`"));
                add("credential", format!("{by} with credential `{credential}`; {when}: {without}"));
            }
            if other.hold && !rule.hold {
                add("approval", format!("{by} without anybody's approval"));
            }
            if rule.private && !other.private {
                add("private", format!("{by} on private addresses too"));
            }
        }
    }
}

fn because(refused: &Failure) -> String {
    let rule = &refused.rule;
    match refused.kind {
        Kind::Policy(Reason::DeniedByRule) => format!("denied by rule \"{rule}\""),
        Kind::Policy(Reason::MethodNotAllowed) => format!("not a method of rule \"{rule}\""),
        Kind::Policy(Reason::AmbiguousPath) => format!("a path that can be read in two ways, beside rule \"{rule}\""),
        Kind::Policy(Reason::PrivateAddress) => format!("a private address, without `private` in rule \"{rule}\""),
        _ => "no rule".to_owned(),
    }
}

fn tell(report: &mut Report<'_>, gained: Vec<Group>, lost: Vec<Group>) {
    let changes = |report: &Report<'_>, groups: Vec<Group>| -> Vec<super::Change> {
        let change = |group: Group| {
            let words = format!("{} {}", methods(&group.methods), group.words);
            report.change(group.kind, words, group.example, true)
        };
        groups.into_iter().map(change).collect()
    };
    let (mut gained, mut lost) = (changes(report, gained), changes(report, lost));
    report.found.gained.append(&mut gained);
    report.found.lost.append(&mut lost);
}

/// In the place of a method: all of them, and all that no rule of that host writes. No method has such a name.
const EVERY: &str = "every method";
const OTHERS: &str = "every other method";

fn methods(names: &BTreeSet<String>) -> String {
    if names.contains(EVERY) {
        return EVERY.to_owned();
    }
    let written: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != OTHERS).collect();
    match (names.contains(OTHERS), written.is_empty()) {
        (true, true) => OTHERS.to_owned(),
        (true, false) => format!("{} and {OTHERS}", listed(&written)),
        (false, _) => listed(&written),
    }
}
