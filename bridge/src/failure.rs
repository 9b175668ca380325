//! In: what went wrong in any room. Out: the one shape in which a script and the audit hear of it.
//! May touch: nothing.
//! Security boundary: yes; the texts reach scripts, so they are ours plus what the script said: no secret, no address, no
//! upstream's words but those of a tool that failed, which were searched before.

use crate::ask::Target;

/// Why policy refused: a closed set, `reason` of a `PolicyError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No allow rule reaches this URL.
    NoRule,
    /// A deny rule matches; no allow rule outweighs it.
    DeniedByRule,
    /// An allow rule reaches this URL, but not with this method.
    MethodNotAllowed,
    /// The host is, or resolves to, an address that is not public, and the rule does not say `private = true`.
    PrivateAddress,
    /// The URL carries a user name or password.
    Userinfo,
    /// Neither http nor https.
    Scheme,
    /// The path can be read in two ways where a rule restricts paths.
    AmbiguousPath,
    /// The reply contained a credential and was withheld.
    CredentialEchoed,
    /// More calls than the run's limit, at once or in total.
    TooManyCalls,
    /// The run was begun with fewer tools than the tenant has, and without this one.
    NotGranted,
    /// The credential of this rule comes with the run, and this one has brought none.
    CredentialMissing,
    /// Somebody would have to say yes, and nobody can be asked.
    NeedsApproval,
    /// Somebody was asked, and this is not what was approved.
    NotApproved,
    /// The call may have been sent before its run's process ended, and sending it twice could do harm.
    OutcomeUnknown,
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Reason::NoRule => "no_rule",
            Reason::DeniedByRule => "denied_by_rule",
            Reason::MethodNotAllowed => "method_not_allowed",
            Reason::PrivateAddress => "private_address",
            Reason::Userinfo => "userinfo",
            Reason::Scheme => "scheme",
            Reason::AmbiguousPath => "ambiguous_path",
            Reason::CredentialEchoed => "credential_echoed",
            Reason::TooManyCalls => "too_many_calls",
            Reason::NotGranted => "not_granted",
            Reason::CredentialMissing => "credential_missing",
            Reason::NeedsApproval => "needs_approval",
            Reason::NotApproved => "not_approved",
            Reason::OutcomeUnknown => "outcome_unknown",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Policy(Reason),
    Tool,
    Network,
    /// A reply that is larger than it may be. For the script a network failure like others; the audit tells them apart.
    Limit,
    Timeout,
    Usage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    /// What happened and what to do about it.
    pub text: String,
    /// The rule that decided; empty when none did.
    pub rule: String,
    pub method: String,
    /// Without userinfo, query and fragment.
    pub url: String,
    /// Of a tool: what the upstream answered, 0 when it did not.
    pub status: u16,
    /// What it said with that, as JSON; searched for credentials like any reply.
    pub body: String,
}

impl Failure {
    fn new(kind: Kind, text: impl Into<String>) -> Failure {
        let (rule, method, url, body) = Default::default();
        Failure { kind, text: text.into(), rule, method, url, status: 0, body }
    }

    pub fn policy(reason: Reason, rule: &str, text: impl Into<String>) -> Failure {
        Failure { rule: rule.to_owned(), ..Failure::new(Kind::Policy(reason), text) }
    }

    /// Of a call that may have been sent before its run's process ended.
    pub fn outcome_unknown() -> Failure {
        let text = "the process that ran this script ended while the call was on its way: nobody knows whether it was done, \
                    and it is not done twice; look at the service before you call again";
        Failure::policy(Reason::OutcomeUnknown, "", text)
    }

    pub fn network(text: impl Into<String>) -> Failure {
        Failure::new(Kind::Network, text)
    }

    pub fn limit(text: impl Into<String>) -> Failure {
        Failure::new(Kind::Limit, text)
    }

    pub fn timeout(text: impl Into<String>) -> Failure {
        Failure::new(Kind::Timeout, text)
    }

    pub fn usage(text: impl Into<String>) -> Failure {
        Failure::new(Kind::Usage, text)
    }

    pub fn tool(text: impl Into<String>) -> Failure {
        Failure::new(Kind::Tool, text)
    }

    pub fn at(mut self, method: &str, url: &str) -> Failure {
        (self.method, self.url) = (method.to_owned(), url.to_owned());
        self
    }

    pub fn about(self, target: &Target) -> Failure {
        self.at(target.method().as_str(), &target.shown())
    }

    /// A word for the audit: the policy reason, or the kind.
    pub fn word(&self) -> &'static str {
        match self.kind {
            Kind::Policy(reason) => reason.word(),
            Kind::Tool => "tool",
            Kind::Network => "network",
            Kind::Limit => "limit",
            Kind::Timeout => "timeout",
            Kind::Usage => "usage",
        }
    }
}
