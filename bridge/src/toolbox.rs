//! In: the `[[tools]]` of a tenant file. Out: its catalogue, and for each set the rule under which its own operations go.
//! May touch: the documents that the file names, by reading them; servers and URLs are only named here, `mcp/` asks them.
//! Security boundary: yes; importing a set grants what its own operations reach, with its own credential, and nothing else.

use crate::approvals;
use crate::credentials::{Credential, credential_of};
use crate::fields::{At, Reading, Table};
use crate::mcp::{self, Server};
use crate::patterns::Pattern;
use crate::secret::Secret;
use crate::tenants::{Rule, check_rule};
use crate::vault::Vault;
use arc_swap::ArcSwap;
use http::Method;
use mayfly_catalogue::{Catalogue, HttpTool, Narrow, Operation, Source, Tool, checked_base};
use mayfly_schemas::limits::{MCP_CHILDREN_MAX, MCP_SERVERS_MAX, MCP_SETTLE_MS, TOOL_DOCUMENT_BYTES_MAX};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use toml::de::DeValue;
use url::Url;

const KEYS: [&str; 10] =
    ["name", "openapi", "base", "operation", "mcp", "mcp_command", "env", "credential", "private", "approve"];
const OPERATION_KEYS: [&str; 6] = ["name", "description", "method", "url", "input_schema", "output_schema"];

/// A tenant's tools.
#[derive(Default)]
pub struct Toolbox {
    /// In the order of the file. Each is there from the start, whether or not its server is.
    sets: Vec<Set>,
    /// Of what the sets had when it was made last.
    catalogue: ArcSwap<Catalogue>,
    making: Mutex<()>,
    /// By the base of the operations, for each set.
    grants: BTreeMap<(String, String), Arc<Rule>>,
    /// Tools whose calls wait until somebody says yes, by the name of their set.
    approve: BTreeMap<String, Narrow>,
    /// What was left out of documents, and why.
    pub warnings: Vec<String>,
}

enum Set {
    Fixed(Arc<Source>),
    Server(Arc<Server>),
}

impl Set {
    fn tools(&self) -> Arc<Source> {
        match self {
            Set::Fixed(source) => source.clone(),
            Set::Server(server) => server.tools(),
        }
    }

    fn fixed(&self) -> Option<&Arc<Source>> {
        match self {
            Set::Fixed(source) => Some(source),
            Set::Server(_) => None,
        }
    }

    fn name(&self) -> &str {
        match self {
            Set::Fixed(source) => source.name(),
            Set::Server(server) => &server.name,
        }
    }
}

impl Toolbox {
    /// What there is at this moment; made anew when a server has listed something else than before.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        let known = self.catalogue.load_full();
        if self.is_current(&known) {
            return known;
        }
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.catalogue.load_full();
        if self.is_current(&known) {
            return known;
        }
        let sources: Vec<Arc<Source>> = self.sets.iter().map(Set::tools).collect();
        // It fails only for two sets of one name, which was looked at when the file was read.
        let Ok(made) = Catalogue::new(sources) else { return known };
        let made = Arc::new(made);
        self.catalogue.store(made.clone());
        made
    }

    fn is_current(&self, catalogue: &Catalogue) -> bool {
        let known = catalogue.sources();
        known.len() == self.sets.len()
            && self.sets.iter().zip(known).all(|(set, known)| Arc::ptr_eq(&set.tools(), known))
    }

    /// Whether calls of this tool wait until somebody says yes. `path` is the tool's own.
    pub fn needs_approval(&self, path: &str) -> bool {
        self.approves_in(path).is_some_and(|narrow| narrow.allows(path))
    }

    /// Whether any tool of the set that this path leads into waits for approval.
    pub fn approves_in(&self, path: &str) -> Option<&Narrow> {
        let name = path.strip_prefix("tools.").unwrap_or(path).split('.').next().unwrap_or_default();
        self.approve.get(name)
    }

    /// Names of the sets: globals of a script, which do not come and go with a server.
    pub fn names(&self) -> Vec<&str> {
        self.sets.iter().map(Set::name).collect()
    }

    /// The server behind a path, if it is one's.
    pub fn server(&self, path: &str) -> Option<&Arc<Server>> {
        let name = path.strip_prefix("tools.").unwrap_or(path).split('.').next().unwrap_or_default();
        self.servers().find(|server| server.name == name)
    }

    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.sets.iter().filter_map(|set| match set {
            Set::Server(server) => Some(server),
            Set::Fixed(_) => None,
        })
    }

    /// What replies are searched for beside the credentials.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.servers().flat_map(|server| server.secrets())
    }

    /// Waits a moment for servers that have just begun to be connected.
    pub async fn settled(&self) {
        let all = futures::future::join_all(self.servers().map(|server| server.settled()));
        // Who has not come by then is listed later.
        let _ = tokio::time::timeout(Duration::from_millis(MCP_SETTLE_MS), all).await;
    }

    /// Takes over the servers of the file before this one that are still the same, with all that is under way on them.
    pub fn take_over(&mut self, before: &Toolbox) {
        for set in &mut self.sets {
            let Set::Server(server) = set else { continue };
            let Some(known) = before.servers().find(|known| known.name == server.name) else { continue };
            if known.is_same(server) {
                known.wanted.notify_one();
                *server = known.clone();
            } else {
                server.inherit(known);
            }
        }
    }

    /// A set whose operations the file says; `None` for one that its server lists.
    pub fn fixed(&self, name: &str) -> Option<&Arc<Source>> {
        self.sets.iter().filter_map(Set::fixed).find(|source| source.name() == name)
    }

    /// What a set grants to its own requests, by where they go.
    pub fn rights<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (String, Arc<Rule>)> + 'a {
        let own = self.grants.iter().filter(move |((set, _), _)| set == name);
        let own = own.map(|((_, base), rule)| (base.clone(), rule.clone()));
        own.chain(
            self.servers()
                .filter(move |server| server.name == name)
                .filter_map(|server| server.reach().map(|(url, rule)| (url.to_owned(), rule.clone()))),
        )
    }

    /// What the set of this tool grants to its own operations.
    pub fn grant(&self, tool: &Tool) -> Option<&Arc<Rule>> {
        let Operation::Http(operation) = &tool.operation else { return None };
        self.grants.get(&(tool.source().to_owned(), operation.base.to_string()))
    }
}

/// What sets of tools are read with.
pub struct Shelf<'a> {
    pub tenant: &'a str,
    pub folder: &'a Path,
    /// Whether secrets are needed, or only their places.
    pub values: bool,
    pub vault: &'a Vault,
    pub credentials: &'a [Arc<Credential>],
    pub known: &'a HashSet<String>,
    /// Documents that were read: their change makes the tenant a new one.
    pub files: &'a mut Vec<PathBuf>,
}

pub fn read(reading: &mut Reading<'_>, root: Table<'_>, shelf: &mut Shelf<'_>) -> Toolbox {
    let mut toolbox = Toolbox::default();
    let mut names = HashSet::new();
    for table in reading.tables(root, "tools") {
        let Some(set) = set(reading, table, shelf, &mut toolbox.grants) else { continue };
        if let Some(narrow) = approvals::read(reading, table, set.name(), set.fixed()) {
            toolbox.approve.insert(set.name().to_owned(), narrow);
        }
        if let Set::Fixed(source) = &set {
            toolbox
                .warnings
                .extend(source.warnings().iter().map(|text| format!("tools \"{}\": {text}", source.name())));
        }
        if !names.insert(set.name().to_owned()) {
            let what = format!("two sources of tools are called `{}`; give one of them another name", set.name());
            reading.mistake(table.at, what);
        }
        let commands = toolbox.servers().filter(|server| server.is_command()).count();
        if toolbox.servers().count() >= MCP_SERVERS_MAX || commands >= MCP_CHILDREN_MAX {
            let hint = "leave out what no script needs, or run some of them behind one URL";
            let what = format!("more than {MCP_SERVERS_MAX} MCP servers, or {MCP_CHILDREN_MAX} of them commands");
            reading.hinted(table.at, what, hint);
            break;
        }
        toolbox.sets.push(set);
    }
    toolbox
}

type Grants = BTreeMap<(String, String), Arc<Rule>>;

fn set(reading: &mut Reading<'_>, table: Table<'_>, shelf: &mut Shelf<'_>, grants: &mut Grants) -> Option<Set> {
    reading.only(table, &KEYS);
    let name = reading.required(table, "name", "this [[tools]]")?;
    let credential = credential_of(reading, table, shelf.credentials, shelf.known);
    let private = reading.flag(table, "private");
    if table.map.contains_key("mcp") || table.map.contains_key("mcp_command") {
        let of_run = credential.as_ref().and_then(Option::as_ref).is_some_and(|credential| credential.sent.is_none());
        if of_run {
            let hint = "use a credential with a value; the server is connected once, for all runs";
            reading.hinted(table.at, "an MCP server cannot have a credential that comes with a run", hint);
        }
        let (tenant, folder, values, files) = (shelf.tenant, shelf.folder, shelf.values, &mut *shelf.files);
        let given = mcp::Given { tenant, folder, values, vault: shelf.vault, credential, private, files };
        return mcp::read(reading, table, &name, given).map(|server| Set::Server(Arc::new(server)));
    }
    if let Some(value) = table.map.get("env") {
        reading.hinted(value.span().start, "`env` is for `mcp_command`", "an operation gets a `credential`");
    }
    let granted = Granted { name, credential, private };
    if let Some(url) = reading.text(table, "openapi").filter(|url| url.value.contains("://")) {
        return remote(reading, table, &url, &granted, shelf.tenant, grants);
    }
    let source = source(reading, table, &granted.name, shelf)?;
    let bases: HashSet<String> = source.tools().iter().filter_map(base).collect();
    for base in bases {
        granted.grant(reading, table, base, grants);
    }
    Some(Set::Fixed(Arc::new(source)))
}

/// What a set says of its operations, whichever they are.
struct Granted<'a> {
    name: At<&'a str>,
    credential: Option<Option<Arc<Credential>>>,
    private: bool,
}

impl Granted<'_> {
    fn rule(&self, pattern: Pattern, methods: Vec<Method>, credential: bool) -> Arc<Rule> {
        let (name, allow, private) = (format!("tools {}", self.name.value), true, self.private);
        let credential = self.credential.clone().flatten().filter(|_| credential);
        Arc::new(Rule { name, allow, pattern, methods, credential, private, hold: false, idempotent: false })
    }

    fn grant(&self, reading: &mut Reading<'_>, table: Table<'_>, base: String, grants: &mut Grants) {
        let Ok(pattern) = Pattern::parse(&format!("{base}/**")) else {
            reading.mistake(self.name.at, format!("no call can be sent to `{base}`"));
            return;
        };
        check_rule(reading, table, true, &pattern, self.credential.is_some(), self.private);
        grants.insert((self.name.value.to_owned(), base), self.rule(pattern, Vec::new(), true));
    }
}

/// A document that is read over the network, by `mcp/document.rs`. It is a third party's: `base` is the file's to say.
fn remote(
    reading: &mut Reading<'_>,
    table: Table<'_>,
    url: &At<&str>,
    granted: &Granted<'_>,
    tenant: &str,
    grants: &mut Grants,
) -> Option<Set> {
    if let Some(value) = table.map.get("operation") {
        let hint = "write two [[tools]] with names of their own";
        reading.hinted(value.span().start, "this [[tools]] has both `openapi` and operations", hint);
    }
    let Some(base) = reading.text(table, "base") else {
        let hint = "`base = \"https://api.example.com/v1\"`: where calls go, and the credential with them, is not the document's to say";
        reading.hinted(url.at, "a document at a URL needs `base`", hint);
        return None;
    };
    let checked = checked_base(base.value).map_err(|why| reading.mistake(base.at, why)).ok()?;
    granted.grant(reading, table, checked.to_string(), grants);
    let (target, pattern) = mcp::one_url(reading, "openapi", "GET", url)?;
    // Whoever may see the API's key is the API.
    let same_origin = Url::parse(&checked).is_ok_and(|base| base.origin() == target.origin());
    check_rule(reading, table, true, &pattern, same_origin && granted.credential.is_some(), granted.private);
    let rule = granted.rule(pattern, vec![Method::GET], same_origin);
    let place = mcp::Place::Document { url: target.as_str().to_owned(), rule, base: checked };
    mcp::server(reading, &granted.name, tenant, place).map(|server| Set::Server(Arc::new(server)))
}

fn base(tool: &Tool) -> Option<String> {
    match &tool.operation {
        Operation::Http(operation) => Some(operation.base.to_string()),
        Operation::Mcp { .. } => None,
    }
}

/// From a document or from operations written here: exactly one.
fn source(reading: &mut Reading<'_>, table: Table<'_>, name: &At<&str>, shelf: &mut Shelf<'_>) -> Option<Source> {
    let (document, base) = (reading.text(table, "openapi"), reading.text(table, "base"));
    let operations = reading.tables(table, "operation");
    let made = match (document, operations.is_empty()) {
        (Some(file), true) => {
            let text = document_text(reading, &file, shelf)?;
            (file.at, Source::openapi(name.value, &text, base.map(|base| base.value)))
        }
        (None, false) => {
            let tools: Vec<HttpTool> = operations.into_iter().filter_map(|table| operation(reading, table)).collect();
            (table.at, Source::http(name.value, &tools))
        }
        (Some(file), false) => {
            let hint = "write two [[tools]] with names of their own";
            reading.hinted(file.at, "this [[tools]] has both `openapi` and operations", hint);
            return None;
        }
        (None, true) => {
            let hint = "`openapi = \"api.json\"`, `mcp = \"https://host/mcp\"`, `mcp_command`, or a [[tools.operation]] for each call";
            reading.hinted(table.at, "this [[tools]] has no operations", hint);
            return None;
        }
    };
    let (at, made) = made;
    made.map_err(|error| reading.mistake(at, error.to_string())).ok()
}

fn document_text(reading: &mut Reading<'_>, file: &At<&str>, shelf: &mut Shelf<'_>) -> Option<String> {
    let path = shelf.folder.join(file.value);
    shelf.files.push(path.clone());
    let mut text = String::new();
    let read = std::fs::File::open(&path)
        .and_then(|opened| opened.take(TOOL_DOCUMENT_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 <= TOOL_DOCUMENT_BYTES_MAX => Some(text),
        Ok(_) => {
            reading.mistake(file.at, format!("{} is above {TOOL_DOCUMENT_BYTES_MAX} bytes", path.display()));
            None
        }
        Err(error) => {
            let hint = "paths are relative to the folder of this file";
            reading.hinted(file.at, format!("{} cannot be read: {}", path.display(), error.kind()), hint);
            None
        }
    }
}

fn operation(reading: &mut Reading<'_>, table: Table<'_>) -> Option<HttpTool> {
    reading.only(table, &OPERATION_KEYS);
    let name = reading.required(table, "name", "this [[tools.operation]]");
    let url = reading.required(table, "url", "this [[tools.operation]]");
    let (description, method) = (reading.text(table, "description"), reading.text(table, "method"));
    let schema = |key: &str| table.map.get(key).map(|value| json(value.get_ref()));
    Some(HttpTool {
        name: name?.value.to_owned(),
        description: description.map_or("", |text| text.value).to_owned(),
        method: method.map_or("GET", |text| text.value).to_owned(),
        url: url?.value.to_owned(),
        input_schema: schema("input_schema"),
        output_schema: schema("output_schema"),
    })
}

/// A schema written in TOML is the same in JSON.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())));
            Value::Object(fields.collect::<Map<String, Value>>())
        }
    }
}
