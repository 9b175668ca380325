//! In: the keys `mcp`, `mcp_command` and `env` of a `[[tools]]`. Out: the server they name, or what is wrong with them.
//! May touch: the sources of secrets in `env` (`secret.rs`).
//! Security boundary: yes; the rule that is made here lets requests out, to this one URL with this one credential.

use super::server::{Command, Place, Server, Value};
use crate::ask::Target;
use crate::credentials::Credential;
use crate::fields::{At, Reading, Table};
use crate::patterns::Pattern;
use crate::secret::{Source, SourceError};
use crate::tenants::{Rule, check_rule};
use crate::vault::Vault;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// What else the set says, and what it is read with.
pub struct Given<'a> {
    pub tenant: &'a str,
    pub folder: &'a Path,
    /// Whether secrets are needed, or only their places.
    pub values: bool,
    pub vault: &'a Vault,
    pub credential: Option<Option<Arc<Credential>>>,
    pub private: bool,
    pub files: &'a mut Vec<PathBuf>,
}

/// `None` where a mistake was told.
pub fn read(reading: &mut Reading<'_>, table: Table<'_>, name: &At<&str>, given: Given<'_>) -> Option<Server> {
    for key in ["openapi", "base", "operation"] {
        if let Some(value) = table.map.get(key) {
            let what = format!("this [[tools]] is an MCP server and has `{key}` too");
            reading.hinted(value.span().start, what, "write two [[tools]] with names of their own");
        }
    }
    let tenant = given.tenant;
    let place = match (table.map.get("mcp"), table.map.get("mcp_command")) {
        (Some(_), Some(command)) => {
            let hint = "write two [[tools]] with names of their own";
            reading.hinted(command.span().start, "this [[tools]] has both `mcp` and `mcp_command`", hint);
            return None;
        }
        (Some(_), None) => http(reading, table, name, given)?,
        (None, _) => command(reading, table, given)?,
    };
    server(reading, name, tenant, place)
}

/// A server at this place, under the name of its set.
pub fn server(reading: &mut Reading<'_>, name: &At<&str>, tenant: &str, place: Place) -> Option<Server> {
    let server = Server::new(name.value, tenant, place);
    if server.is_none() {
        let hint = "a lower-case letter, then letters, digits and `_`; no word of JavaScript or global of a script";
        reading.hinted(name.at, format!("`{}` is no name for tools", name.value), hint);
    }
    server
}

fn http(reading: &mut Reading<'_>, table: Table<'_>, name: &At<&str>, given: Given<'_>) -> Option<Place> {
    if let Some(value) = table.map.get("env") {
        let hint = "`env` is for `mcp_command`; a server at a URL gets a `credential`";
        reading.hinted(value.span().start, "a server at a URL has no environment", hint);
    }
    let url = reading.text(table, "mcp")?;
    let (url, pattern) = one_url(reading, "mcp", "POST", &url)?;
    check_rule(reading, table, true, &pattern, given.credential.is_some(), given.private);
    let rule = Rule {
        name: format!("tools {}", name.value),
        allow: true,
        pattern,
        methods: Vec::new(),
        credential: given.credential.flatten(),
        private: given.private,
        hold: false,
        idempotent: false,
    };
    Some(Place::Http { url: url.as_str().to_owned(), rule: Arc::new(rule) })
}

/// A URL of the file, and the pattern of this path and no other.
pub fn one_url(reading: &mut Reading<'_>, key: &str, method: &str, url: &At<&str>) -> Option<(Url, Pattern)> {
    let target = match Target::parse(method, url.value) {
        Ok(target) => target,
        Err(failure) => {
            let what = format!("`{key}` is no URL that can be called: {}", failure.text);
            reading.hinted(url.at, what, "write the URL in full, such as https://host/path");
            return None;
        }
    };
    // Nothing in it may stand for something else.
    let pattern = Pattern::parse(&target.shown()).ok().filter(|_| !target.is_ambiguous() && !url.value.contains('*'));
    let Some(pattern) = pattern else {
        let what = format!("the URL of `{key}` can be read in two ways");
        reading.hinted(url.at, what, "write it without `*`, `//`, `%2f` and `;`");
        return None;
    };
    Some((target.url().clone(), pattern))
}

fn command(reading: &mut Reading<'_>, table: Table<'_>, given: Given<'_>) -> Option<Place> {
    for (key, hint) in [
        ("credential", "give the child what it needs in `env`: { API_KEY = \"env:API_KEY\" }"),
        ("private", "a child opens its own connections, which Mayfly does not see"),
    ] {
        if let Some(value) = table.map.get(key) {
            reading.hinted(value.span().start, format!("`{key}` has no meaning for `mcp_command`"), hint);
        }
    }
    let mut words = reading.texts(table, "mcp_command")?.into_iter();
    let (environment, files) = environment(reading, table, &given)?;
    given.files.extend(files);
    let Some(program) = words.next().filter(|word| !word.value.is_empty()) else {
        let at = table.map.get("mcp_command").map_or(table.at, |value| value.span().start);
        reading.hinted(at, "`mcp_command` names no program", "for example [\"npx\", \"-y\", \"some-mcp-server\"]");
        return None;
    };
    let arguments: Vec<At<&str>> = words.collect();
    if let Some(word) = arguments.iter().chain([&program]).find(|word| word.value.contains('\0')) {
        reading.mistake(word.at, "a word of `mcp_command` has a zero character, which no command can be given");
        return None;
    }
    let (program, arguments) = (program.value.to_owned(), arguments.iter().map(|word| word.value.to_owned()).collect());
    Some(Place::Command(Command { program, arguments, environment, folder: given.folder.to_owned() }))
}

type Environment = (Vec<(String, Value)>, Vec<PathBuf>);

fn environment(reading: &mut Reading<'_>, table: Table<'_>, given: &Given<'_>) -> Option<Environment> {
    let (mut found, mut files) = (Vec::new(), Vec::new());
    if !table.map.contains_key("env") {
        return Some((found, files));
    }
    let variables = reading.table(table, "env")?;
    let mut whole = true;
    for key in variables.map.keys() {
        let (name, at): (&str, usize) = (key.get_ref(), key.span().start);
        let Some(text) = reading.text(variables, name) else {
            whole = false;
            continue;
        };
        if name.is_empty() || name.contains(['=', '\0']) || text.value.contains('\0') {
            reading.mistake(at, format!("`{}` is no variable that a command can be given", name.escape_debug()));
            whole = false;
            continue;
        }
        match value(&text, given, &mut files) {
            Ok(Some(value)) => found.push((name.to_owned(), value)),
            Ok(None) => {}
            Err((what, hint)) => {
                reading.hinted(text.at, what, hint);
                whole = false;
            }
        }
    }
    whole.then_some((found, files))
}

/// `env:NAME`, `file:PATH` and `vault:NAME` are read as those of a credential; everything else is the value itself. `None`: not needed.
fn value(
    text: &At<&str>,
    given: &Given<'_>,
    files: &mut Vec<PathBuf>,
) -> Result<Option<Value>, (String, &'static str)> {
    let kind = text.value.split(':').next().unwrap_or_default();
    if !matches!(kind, "env" | "file" | "vault" | "openbao") || !text.value.contains(':') {
        return Ok(Some(Value::Plain(text.value.to_owned())));
    }
    let told = |error: SourceError| match error {
        SourceError::Unknown => ("this value names no source".to_owned(), error.hint()),
        error => (error.to_string(), error.hint()),
    };
    let source = Source::parse(text.value, given.folder).map_err(told)?;
    files.extend(source.file(given.vault));
    if !given.values {
        return Ok(None);
    }
    let secret = source.read(given.vault).map_err(told)?;
    if secret.expose().contains(&0) {
        return Err(("the value has a zero character, which no command can be given".to_owned(), "it must be text"));
    }
    Ok(Some(Value::Secret(secret)))
}
