//! In: the text of one tenant file. Out: the tenant, or every mistake in the file at once.
//! May touch: the sources of its credentials (`secret.rs`).
//! Security boundary: yes; a rule read more widely than it was written is a hole. What is odd is a mistake, not a guess.

use crate::credentials::{Credential, credential_of, credentials};
use crate::fields::{At, Reading, Table};
use crate::patterns::Pattern;
use crate::quota::Quota;
use crate::routes::{self, Declared};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::shelf::Stored;
use crate::tokens::{Role, TokenHash, parse_hash};
use crate::toolbox::{self, Toolbox};
use crate::vault::Vault;
use crate::webhook::{self, Webhook};
use http::Method;
use mayfly_schemas::limits::{Limits, LimitsAsked, RUNS_IN_FLIGHT, RUNS_PER_MINUTE};
use mayfly_schemas::strict::Mistake;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::DeTable;

/// One tenant as its file says; replaced as a whole when the file changes.
pub struct Tenant {
    pub name: String,
    /// Unique among all loaded tenants of this process: what belongs to a former version is never used for a newer one.
    pub version: u64,
    pub tokens: Vec<(TokenHash, Role)>,
    pub rules: Vec<Arc<Rule>>,
    pub ceilings: Limits,
    pub defaults: Limits,
    pub runs_in_flight: u32,
    pub runs_per_minute: u32,
    pub credentials: Vec<Arc<Credential>>,
    pub scrubber: Arc<Scrubber>,
    pub quota: Arc<Quota>,
    /// What the file says about scripts, and what outlives its reloads.
    pub declared: Declared,
    /// Roles of those who may say yes to calls that wait; otherwise everybody who may run code.
    pub approvers: Option<Vec<Role>>,
    /// Who hears of such calls.
    pub webhook: Option<Webhook>,
    pub stored: Arc<Stored>,
    pub toolbox: Toolbox,
    /// Files besides its own whose change makes this tenant a new one: credentials, descriptions of tools.
    pub read_files: Vec<PathBuf>,
}

pub struct Rule {
    pub name: String,
    pub allow: bool,
    pub pattern: Pattern,
    /// Empty: every method.
    pub methods: Vec<Method>,
    pub credential: Option<Arc<Credential>>,
    pub private: bool,
    /// Somebody has to say yes to each call.
    pub hold: bool,
    /// A call may be sent twice where nobody knows whether it was sent: the service knows its `idempotency-key`.
    pub idempotent: bool,
}

impl Tenant {
    /// What replies are searched for.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        values(&self.credentials).chain(self.toolbox.secrets())
    }

    /// Whether a token of this role may say yes to a call that waits. Where a `model` may be who says it, the file has to name
    /// the role.
    pub fn may_approve(&self, role: Role, model: bool) -> bool {
        role.may_run() && self.approvers.as_ref().map_or(!model, |roles| roles.contains(&role))
    }
}

fn values(credentials: &[Arc<Credential>]) -> impl Iterator<Item = &Secret> {
    credentials.iter().filter_map(|credential| Some(&credential.sent.as_ref()?.value))
}

/// What a file is read with.
pub struct Frame<'a> {
    /// Relative paths of `file:` credentials start here.
    pub folder: &'a Path,
    pub ceilings: &'a Limits,
    pub defaults: &'a Limits,
    /// Whether credentials are needed, or only their names (`mayfly policy` runs without them).
    pub values: bool,
    pub vault: &'a Vault,
}

const TENANT_KEYS: [&str; 9] =
    ["tenant", "token", "approvals", "credential", "rule", "tools", "script", "route", "limits"];
const RULE_KEYS: [&str; 8] = ["name", "allow", "deny", "methods", "credential", "private", "hold", "idempotent"];
/// Why a file is no tenant. The files that it names are told here too: one that appears may be what was missing.
pub struct Rejected {
    pub mistakes: Vec<Mistake>,
    pub read_files: Vec<PathBuf>,
}

pub fn parse(file: &str, text: &str, frame: &Frame<'_>) -> Result<Tenant, Rejected> {
    let mut reading = Reading { file, text, mistakes: Vec::new() };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reading.mistake(error.span().map_or(0, |span| span.start), error.message());
    }
    let root = Table { map: root.get_ref(), at: 0 };
    reading.only(root, &TENANT_KEYS);
    let name = tenant_name(&mut reading, root);
    let tokens = reading.tables(root, "token").into_iter().filter_map(|table| token(&mut reading, table)).collect();
    let (credentials, known, mut read_files) = credentials(&mut reading, root, frame);
    let rules = rules(&mut reading, root, &credentials, &known);
    let (folder, files) = (frame.folder, &mut read_files);
    let toolbox = toolbox::read(
        &mut reading,
        root,
        &mut toolbox::Shelf {
            tenant: &name,
            folder,
            values: frame.values,
            vault: frame.vault,
            credentials: &credentials,
            known: &known,
            files,
        },
    );
    let declared = routes::read(&mut reading, root);
    let (approvers, webhook) = match reading.table(root, "approvals") {
        Some(table) => {
            reading.only(table, &["roles", "webhook", "secret", "private"]);
            (approvers(&mut reading, table), webhook::read(&mut reading, table, frame, &mut read_files))
        }
        None => (None, None),
    };
    let limits = limits(&mut reading, root, frame);
    if !reading.mistakes.is_empty() {
        reading.mistakes.sort_by_key(|mistake| mistake.line);
        return Err(Rejected { mistakes: reading.mistakes, read_files });
    }
    Ok(Tenant {
        name,
        version: 0,
        tokens,
        rules,
        ceilings: limits.ceilings,
        defaults: frame.defaults.at_most(&limits.ceilings),
        runs_in_flight: limits.runs_in_flight,
        runs_per_minute: limits.runs_per_minute,
        scrubber: Arc::new(Scrubber::new(values(&credentials).chain(toolbox.secrets()))),
        credentials,
        approvers,
        webhook,
        quota: Arc::default(),
        declared,
        stored: Arc::default(),
        toolbox,
        read_files,
    })
}

fn tenant_name(reading: &mut Reading<'_>, root: Table<'_>) -> String {
    let Some(name) = reading.required(root, "tenant", "the file") else { return String::new() };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.value.is_empty() || name.value.len() > 64 || !name.value.bytes().all(fits) {
        let hint = "use up to 64 letters, digits, `-`, `_` and `.`";
        reading.hinted(name.at, format!("`{}` is no tenant name", name.value), hint);
    }
    name.value.to_owned()
}

fn token(reading: &mut Reading<'_>, table: Table<'_>) -> Option<(TokenHash, Role)> {
    reading.only(table, &["sha256", "role"]);
    let hash = reading.required(table, "sha256", "this [[token]]").and_then(|text| {
        let hash = parse_hash(text.value);
        if hash.is_none() {
            let hint = "`mayfly token new` prints the line; the token itself does not belong here";
            reading.hinted(text.at, "`sha256` is not 64 hexadecimal digits", hint);
        }
        hash
    });
    let role = match reading.text(table, "role") {
        None => Some(Role::Runner).filter(|_| !table.map.contains_key("role")),
        Some(word) => Role::parse(word.value).or_else(|| {
            let hint = format!("roles: {}", Role::WORDS.join(", "));
            reading.hinted(word.at, format!("unknown role `{}`", word.value), hint);
            None
        }),
    };
    Some((hash?, role?))
}

fn approvers(reading: &mut Reading<'_>, table: Table<'_>) -> Option<Vec<Role>> {
    let words = reading.texts(table, "roles")?;
    if words.is_empty() {
        reading.mistake(table.at, "`roles` is empty: nobody could say yes; leave it out, or name a role");
    }
    let role = |word: At<&str>| {
        let role = Role::parse(word.value).filter(|role| role.may_run());
        if role.is_none() {
            let hint = format!("roles that may act on runs: {}", Role::running().join(", "));
            reading.hinted(word.at, format!("`{}` is no role that can approve", word.value), hint);
        }
        role
    };
    Some(words.into_iter().filter_map(role).collect())
}

fn rules(
    reading: &mut Reading<'_>,
    root: Table<'_>,
    credentials: &[Arc<Credential>],
    known: &HashSet<String>,
) -> Vec<Arc<Rule>> {
    let mut names = HashSet::new();
    let mut rules = Vec::new();
    for table in reading.tables(root, "rule") {
        reading.only(table, &RULE_KEYS);
        let name = reading.required(table, "name", "this [[rule]]");
        if let Some(name) = &name
            && !names.insert(name.value.to_owned())
        {
            reading.mistake(name.at, format!("there is another rule \"{}\"", name.value));
        }
        let reach = reach(reading, table);
        let methods = methods(reading, table);
        let credential = credential_of(reading, table, credentials, known);
        let (private, hold) = (reading.flag(table, "private"), reading.flag(table, "hold"));
        let idempotent = reading.flag(table, "idempotent");
        let (Some(name), Some((allow, pattern))) = (name, reach) else { continue };
        if hold && !allow {
            reading.mistake(table.at, "a deny rule has no `hold`: nobody is asked about what is denied");
        }
        if idempotent && !allow {
            reading.mistake(table.at, "a deny rule has no `idempotent`: what it matches is never sent");
        }
        check_rule(reading, table, allow, &pattern, credential.is_some(), private);
        let credential = credential.flatten();
        rules.push(Arc::new(Rule {
            name: name.value.to_owned(),
            allow,
            pattern,
            methods,
            credential,
            private,
            hold,
            idempotent,
        }));
    }
    rules
}

/// `allow` or `deny`: exactly one.
fn reach(reading: &mut Reading<'_>, table: Table<'_>) -> Option<(bool, Pattern)> {
    let (allow, deny) = (reading.text(table, "allow"), reading.text(table, "deny"));
    let (allows, text) = match (allow, deny) {
        (Some(_), Some(deny)) => {
            reading.hinted(deny.at, "this [[rule]] has both `allow` and `deny`", "write two rules; deny wins");
            return None;
        }
        (Some(allow), None) => (true, allow),
        (None, Some(deny)) => (false, deny),
        (None, None) => {
            if !table.map.contains_key("allow") && !table.map.contains_key("deny") {
                reading.mistake(table.at, "this [[rule]] has neither `allow` nor `deny`");
            }
            return None;
        }
    };
    match Pattern::parse(text.value) {
        Ok(pattern) => Some((allows, pattern)),
        Err(error) => {
            reading.hinted(text.at, error.what, error.hint);
            None
        }
    }
}

fn methods(reading: &mut Reading<'_>, table: Table<'_>) -> Vec<Method> {
    let Some(words) = reading.texts(table, "methods") else { return Vec::new() };
    if words.is_empty() {
        reading.hinted(table.at, "`methods` is empty", "leave it out for every method, or the rule for none");
    }
    let mut methods = Vec::new();
    for word in words {
        let upper = word.value.to_ascii_uppercase();
        match Method::from_bytes(word.value.as_bytes()) {
            _ if matches!(upper.as_str(), "CONNECT" | "TRACE" | "TRACK") => {
                reading.mistake(word.at, format!("the method {upper} is never sent"));
            }
            Ok(method) if word.value == upper => methods.push(method),
            _ => reading.hinted(word.at, format!("`{}` is no method", word.value), format!("did you mean `{upper}`?")),
        }
    }
    methods
}

/// What a rule must not combine.
pub fn check_rule(
    reading: &mut Reading<'_>,
    table: Table<'_>,
    allow: bool,
    pattern: &Pattern,
    credential: bool,
    private: bool,
) {
    if !allow && (credential || private) {
        reading.mistake(table.at, "a deny rule has no `credential` and no `private`");
    }
    if allow && private && !pattern.names_host() {
        let hint = "write the host in full: `private = true` opens this network to whatever the pattern matches";
        reading.hinted(table.at, "`private = true` needs a rule that names its host", hint);
    }
    if allow && credential && !pattern.names_domain() {
        let hint = "write at least the last two labels of the host: whoever matches gets the credential";
        reading.hinted(table.at, "a credential needs a rule that names its host", hint);
    }
    if allow && credential && !private && !pattern.is_https() {
        reading.hinted(table.at, "a credential would be sent over plain http", "write https");
    }
}

struct TenantLimits {
    ceilings: Limits,
    runs_in_flight: u32,
    runs_per_minute: u32,
}

fn limits(reading: &mut Reading<'_>, root: Table<'_>, frame: &Frame<'_>) -> TenantLimits {
    let mut limits =
        TenantLimits { ceilings: *frame.ceilings, runs_in_flight: RUNS_IN_FLIGHT, runs_per_minute: RUNS_PER_MINUTE };
    let Some(table) = reading.table(root, "limits") else { return limits };
    let names = limit_names();
    let known: Vec<&str> = names.iter().map(String::as_str).chain(["runs_in_flight", "runs_per_minute"]).collect();
    reading.only(table, &known);
    for name in &names {
        let Some(asked) = reading.number(table, name) else { continue };
        match lowered(limits.ceilings, name, asked.value, frame.ceilings) {
            Ok(lower) => limits.ceilings = lower,
            Err(refused) => reading.hinted(asked.at, refused, "a tenant may only lower the server's limits"),
        }
    }
    let mut runs = |key, default| match reading.number(table, key) {
        None => default,
        Some(At { value, at }) => u32::try_from(value).unwrap_or_else(|_| {
            reading.mistake(at, format!("{key} = {value} is too large"));
            default
        }),
    };
    limits.runs_in_flight = runs("runs_in_flight", RUNS_IN_FLIGHT);
    limits.runs_per_minute = runs("runs_per_minute", RUNS_PER_MINUTE);
    limits
}

fn limit_names() -> Vec<String> {
    match serde_json::to_value(mayfly_schemas::limits::CEILINGS) {
        Ok(serde_json::Value::Object(fields)) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn lowered(limits: Limits, name: &str, value: u64, ceilings: &Limits) -> Result<Limits, String> {
    let asked = serde_json::Value::from_iter([(name.to_owned(), serde_json::Value::from(value))]);
    let asked: LimitsAsked = serde_json::from_value(asked).map_err(|_| format!("{name} = {value} is too large"))?;
    limits.with(&asked, ceilings).map_err(|refused| refused.to_string())
}
