//! In: the `[[credential]]` of a tenant file. Out: each with its value, or every mistake in them.
//! May touch: the sources of their values (`secret.rs`).
//! Security boundary: yes; values are told by nobody, mistakes name where they were sought.

use crate::fields::{At, Reading, Table};
use crate::secret::{Secret, Source};
use crate::tenants::Frame;
use http::{HeaderName, HeaderValue};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

pub struct Credential {
    pub name: String,
    pub header: HeaderName,
    format: String,
    /// `None`: each run brings its own.
    pub sent: Option<Sent>,
}

pub struct Sent {
    /// The header's whole value.
    pub line: Secret,
    /// The secret alone, as it is looked for in replies.
    pub value: Secret,
}

impl Credential {
    pub fn is_same(&self, other: &Credential) -> bool {
        let same_line = match (&self.sent, &other.sent) {
            (Some(one), Some(other)) => one.line.expose() == other.line.expose(),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.name == other.name && self.header == other.header && same_line
    }

    /// With another value; `None` where no header can carry it.
    pub fn with(&self, value: Secret) -> Option<Credential> {
        let (name, header, format) = (self.name.clone(), self.header.clone(), self.format.clone());
        let line = Secret::new(fill(&format, &value));
        HeaderValue::from_bytes(line.expose()).ok()?;
        Some(Credential { name, header, format, sent: Some(Sent { line, value }) })
    }
}

/// Headers whose value is ours or the connection's.
const NO_CREDENTIAL: [&str; 8] =
    ["host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "expect", "accept-encoding"];

type Credentials = (Vec<Arc<Credential>>, HashSet<String>, Vec<PathBuf>);

/// `from` of a credential that each run brings.
const OF_RUN: &str = "run";

/// The credentials that have values or get them from runs, the names of all, and the files they were read from.
pub fn credentials(reading: &mut Reading<'_>, root: Table<'_>, frame: &Frame<'_>) -> Credentials {
    let (mut found, mut known, mut files) = (Vec::new(), HashSet::new(), Vec::new());
    for table in reading.tables(root, "credential") {
        reading.only(table, &["name", "from", "header", "format"]);
        let name = reading.required(table, "name", "this [[credential]]");
        if let Some(name) = &name
            && !known.insert(name.value.to_owned())
        {
            reading.mistake(name.at, format!("there is another credential `{}`", name.value));
        }
        let header = header(reading, table);
        let format = format(reading, table);
        let of_run = reading.text(table, "from").is_some_and(|from| from.value == OF_RUN);
        let value = if of_run { None } else { value(reading, table, frame, &mut files) };
        if let (Some(name), Some(header), Some(format)) = (name, header, format) {
            let format = format.value.to_owned();
            let bare = Credential { name: name.value.to_owned(), header, format, sent: None };
            let Some(value) = value else {
                if of_run {
                    found.push(Arc::new(bare));
                }
                continue;
            };
            let Some(credential) = bare.with(value) else {
                let what = format!("the value of credential `{}` has characters that no header can carry", name.value);
                reading.hinted(table.at, what, "it must be one line of visible characters");
                continue;
            };
            found.push(Arc::new(credential));
        }
    }
    (found, known, files)
}

fn header(reading: &mut Reading<'_>, table: Table<'_>) -> Option<HeaderName> {
    if !table.map.contains_key("header") {
        reading.hinted(table.at, "this [[credential]] has no `header`", "most services take `authorization`");
    }
    let text = reading.text(table, "header")?;
    let name = HeaderName::from_bytes(text.value.as_bytes()).ok();
    let name = name.filter(|name| !NO_CREDENTIAL.contains(&name.as_str()));
    if name.is_none() {
        reading.mistake(text.at, format!("`{}` cannot carry a credential", text.value));
    }
    name
}

fn format<'t>(reading: &mut Reading<'_>, table: Table<'t>) -> Option<At<&'t str>> {
    if !table.map.contains_key("format") {
        return Some(At { value: "{}", at: table.at });
    }
    let format = reading.text(table, "format")?;
    if format.value.matches("{}").count() != 1 {
        reading.hinted(format.at, "`format` needs one `{}` where the value goes", "for example \"Bearer {}\"");
        return None;
    }
    Some(format)
}

fn fill(format: &str, value: &Secret) -> Vec<u8> {
    let (before, after) = format.split_once("{}").unwrap_or((format, ""));
    [before.as_bytes(), value.expose(), after.as_bytes()].concat()
}

fn value(reading: &mut Reading<'_>, table: Table<'_>, frame: &Frame<'_>, files: &mut Vec<PathBuf>) -> Option<Secret> {
    reading.required(table, "from", "this [[credential]]")?;
    secret(reading, table, "from", frame, files)
}

/// What a key that says where a secret is leads to.
pub fn secret(
    reading: &mut Reading<'_>,
    table: Table<'_>,
    key: &str,
    frame: &Frame<'_>,
    files: &mut Vec<PathBuf>,
) -> Option<Secret> {
    let from = reading.text(table, key)?;
    let source = Source::parse(from.value, frame.folder);
    files.extend(source.iter().filter_map(|source| source.file(frame.vault)));
    let value = match source {
        // Nobody sends or scrubs with it; that there is a credential counts all the same.
        Ok(_) if !frame.values => return Some(Secret::new(Vec::new())),
        Ok(source) => source.read(frame.vault),
        Err(error) => Err(error),
    };
    value.map_err(|error| reading.hinted(from.at, error.to_string(), error.hint())).ok()
}

/// `Some(None)` where one is named that is unknown, or that has no value here.
pub fn credential_of(
    reading: &mut Reading<'_>,
    table: Table<'_>,
    credentials: &[Arc<Credential>],
    known: &HashSet<String>,
) -> Option<Option<Arc<Credential>>> {
    let named = reading.text(table, "credential")?;
    if !known.contains(named.value) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = match mayfly_schemas::strict::nearest(named.value, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "each credential is a [[credential]] of this file".to_owned(),
        };
        reading.hinted(named.at, format!("there is no credential `{}`", named.value), hint);
    }
    Some(credentials.iter().find(|known| known.name == named.value).cloned())
}
