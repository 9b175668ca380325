//! In: a tenant, a method and a URL. Out: what the rules say to it, and why, without sending anything.
//! May touch: nothing.
//! Security boundary: no; answers operators. It asks the same `decide` as a call does, and looks up no name.

use crate::ask::Target;
use crate::decide::{Considered, judge};
use crate::failure::{Failure, Kind, Reason};
use crate::resolve::{is_private_by_name, private_text};
use crate::tenants::Tenant;

/// Which rule decides, and what every rule had to say.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    pub allowed: bool,
    /// Name of the deciding rule; empty when nothing matched.
    pub rule: String,
    /// A word of the closed set in `failure.rs`; empty when allowed.
    pub reason: String,
    /// In words for a person.
    pub why: String,
    pub method: String,
    pub url: String,
    pub considered: Vec<Considered>,
}

pub fn explain(tenant: &Tenant, method: &str, url: &str) -> Explanation {
    let target = match Target::parse(method, url) {
        Ok(target) => target,
        Err(failure) => return refused(failure, Vec::new()),
    };
    let judgement = judge(tenant, &target);
    let rule = match judgement.outcome {
        Ok(rule) => rule,
        Err(failure) => return refused(failure, judgement.considered),
    };
    if !rule.private && is_private_by_name(target.host()) {
        let text = private_text(target.host(), &rule.name, &tenant.name);
        let failure = Failure::policy(Reason::PrivateAddress, &rule.name, text).about(&target);
        return refused(failure, judgement.considered);
    }
    let credential =
        rule.credential.as_ref().map_or_else(String::new, |known| format!(" with credential `{}`", known.name));
    Explanation {
        allowed: true,
        rule: rule.name.clone(),
        reason: String::new(),
        why: format!("rule \"{}\" allows {} {}{credential}", rule.name, target.method(), target.shown()),
        method: target.method().to_string(),
        url: target.shown(),
        considered: judgement.considered,
    }
}

/// For people: the verdict, why, and what each rule had to say.
impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.allowed { "allow" } else { "deny" };
        writeln!(f, "{verdict}: {} {}\n  {}", self.method, self.url, self.why)?;
        for rule in &self.considered {
            let mark = if rule.matched { "+" } else { " " };
            writeln!(f, "  {mark} {:5} {:30} {:40} {}", rule.effect, rule.rule, rule.pattern, rule.why)?;
        }
        Ok(())
    }
}

fn refused(failure: Failure, considered: Vec<Considered>) -> Explanation {
    let reason = match failure.kind {
        Kind::Policy(reason) => reason.word(),
        _ => "usage",
    };
    Explanation {
        allowed: false,
        rule: failure.rule,
        reason: reason.to_owned(),
        why: failure.text,
        method: failure.method,
        url: failure.url,
        considered,
    }
}
