//! In: an ask and the tenant it comes from. Out: a `Permit` with its rule, or the reason why not.
//! May touch: nothing; the same ask and the same tenant file give the same answer.
//! Security boundary: yes.
//!
//! 1. A deny rule that matches wins, wherever it stands.
//! 2. A path that servers read differently is refused where any rule for that host restricts paths: `/repos/..%2fadmin`
//!    must be neither allowed as `/repos/**` nor missed by a deny of `/admin/**`.
//! 3. Of the allow rules that match, the most specific decides alone, with its credential and its `private`: host written
//!    in full before wildcards, more labels, more path segments, methods listed before any; then the first in the file.
//! 4. Nothing matches: denied.

use crate::ask::{Ask, Target};
use crate::failure::{Failure, Reason};
use crate::tenants::{Rule, Tenant};
use http::Method;
use std::sync::Arc;

/// The right to send one ask, under one rule. Only `decide` makes it.
pub struct Permit {
    ask: Ask,
    rule: Arc<Rule>,
    tenant: Arc<Tenant>,
}

impl Permit {
    pub fn target(&self) -> &Target {
        self.ask.target()
    }

    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    pub fn into_ask(self) -> Ask {
        self.ask
    }
}

/// What the rules say to a target, with what each of them said.
pub struct Judgement {
    pub outcome: Result<Arc<Rule>, Failure>,
    pub considered: Vec<Considered>,
}

/// One rule, and what it had to say.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Considered {
    pub rule: String,
    /// `allow` or `deny`.
    pub effect: &'static str,
    pub pattern: String,
    pub matched: bool,
    pub why: &'static str,
}

/// `grant`: what the set of tools that makes this ask is allowed by itself. Denying rules bind it like any other; without a
/// credential of its own it leaves what an allow rule matches to that rule.
pub fn decide(tenant: &Arc<Tenant>, ask: &Ask, grant: Option<&Arc<Rule>>) -> Result<Permit, Failure> {
    let rule = verdict(&tenant.name, &tenant.rules, ask.target(), grant)?;
    Ok(Permit { ask: ask.clone(), rule, tenant: tenant.clone() })
}

/// The verdict with every rule's part in it, for people.
pub fn judge(tenant: &Tenant, target: &Target) -> Judgement {
    let considered = tenant.rules.iter().map(|rule| consider(rule, target)).collect();
    Judgement { outcome: verdict(&tenant.name, &tenant.rules, target, None), considered }
}

/// Also for `diff/`, which leaves out rules that cannot reach the target.
pub fn verdict(
    tenant: &str,
    rules: &[Arc<Rule>],
    target: &Target,
    grant: Option<&Arc<Rule>>,
) -> Result<Arc<Rule>, Failure> {
    let refuse = |reason, rule: &str, text: String| Err(Failure::policy(reason, rule, text).about(target));
    let (method, shown) = (target.method(), target.shown());
    let place = target.place();
    let denying = rules.iter().find(|rule| !rule.allow && takes(rule, method) && rule.pattern.denies(&place));
    if let Some(rule) = denying {
        let text =
            format!("rule \"{}\" of tenant \"{}\" denies {method} {shown}; call something else", rule.name, tenant);
        return refuse(Reason::DeniedByRule, &rule.name, text);
    }
    let grant = grant.filter(|rule| rule.pattern.allows(&place));
    let restricted = |rule: &&Arc<Rule>| rule.pattern.restricts_path() && rule.pattern.reaches(&place);
    if let (true, Some(rule)) = (target.is_ambiguous(), rules.iter().chain(grant).find(restricted)) {
        let text = format!(
            "the path of {method} {shown} can be read in two ways, and rule \"{}\" of tenant \"{}\" restricts paths there; \
             write it without //, %2f, %5c, %25, ;.. and control characters",
            rule.name, tenant
        );
        return refuse(Reason::AmbiguousPath, &rule.name, text);
    }
    if let Some(rule) = grant.filter(|rule| rule.credential.is_some()) {
        return Ok(rule.clone());
    }
    let reaching = || rules.iter().filter(|rule| rule.allow && rule.pattern.allows(&place));
    // `max_by_key` keeps the last of equals; reversed, that is the first of the file.
    let deciding = reaching().rev().filter(|rule| takes(rule, method)).max_by_key(|rule| weight(rule));
    if let Some(rule) = deciding.or(grant) {
        return Ok(rule.clone());
    }
    if let Some(rule) = reaching().next() {
        let methods: Vec<&str> = rule.methods.iter().map(Method::as_str).collect();
        let text = format!(
            "rule \"{}\" of tenant \"{}\" allows {} there, not {method} {shown}; add the method to it or call something else",
            rule.name,
            tenant,
            methods.join(", ")
        );
        return refuse(Reason::MethodNotAllowed, &rule.name, text);
    }
    let text =
        format!("no rule of tenant \"{}\" allows {method} {shown}; add one to its file or call something else", tenant);
    refuse(Reason::NoRule, "", text)
}

fn takes(rule: &Rule, method: &Method) -> bool {
    rule.methods.is_empty() || rule.methods.contains(method)
}

fn weight(rule: &Rule) -> ((bool, usize, usize), bool) {
    (rule.pattern.weight(), !rule.methods.is_empty())
}

fn consider(rule: &Rule, target: &Target) -> Considered {
    let place = target.place();
    let fits = if rule.allow { rule.pattern.allows(&place) } else { rule.pattern.denies(&place) };
    let why = match (rule.pattern.reaches(&place), fits, takes(rule, target.method())) {
        (false, _, _) => "scheme, host or port differ",
        (_, false, _) => "the path differs",
        (_, _, false) => "the method is not listed",
        _ => "matches",
    };
    Considered {
        rule: rule.name.clone(),
        effect: if rule.allow { "allow" } else { "deny" },
        pattern: rule.pattern.text().to_owned(),
        matched: why == "matches",
        why,
    }
}
