//! In: drafts of tools from one of the importers. Out: a source: a named set of tools with their shared schemas.
//! May touch: nothing.
//! Security boundary: yes; two operations of one name would let one answer for the other.

use crate::definitions::Definitions;
use crate::limits::{NAME_BYTES_MAX, OPERATIONS_MAX};
use crate::names::is_source_name;
use crate::schema::Collector;
use crate::text::quoted;
use crate::tool::{Hints, Operation, Tool};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A named set of tools: `github` in `tools.github.issues.create`.
#[derive(Debug)]
pub struct Source {
    pub(crate) name: Box<str>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) warnings: Vec<String>,
}

/// Why a source is none. A single broken operation is a warning instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error(
        "`{0}` is no name for tools: use a lower-case letter, then letters, digits and `_`, up to {NAME_BYTES_MAX}, and no \
         word of JavaScript or global of a script"
    )]
    Name(String),
    #[error("tools \"{source_name}\": {why}")]
    Unreadable { source_name: String, why: String },
    #[error("tools \"{source_name}\": {first} and {second} are both `{path}`; give one of them another name")]
    Collision { source_name: String, path: String, first: String, second: String },
    #[error("two sources of tools are called `{0}`; give one of them another name")]
    SourceTwice(String),
}

/// A tool before its source is whole.
pub struct Draft {
    /// Below the source.
    pub path: String,
    /// What the third party calls it: `POST /repos/{owner}/{repo}/issues (issues/create)`.
    pub origin: String,
    pub summary: String,
    pub description: String,
    pub hints: Hints,
    pub operation: Operation,
    pub input: Box<str>,
    pub output: Option<Box<str>>,
}

impl Source {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// What was left out while loading, and why; at most `limits::WARNINGS_MAX`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn check_name(name: &str) -> Result<(), LoadError> {
        if is_source_name(name) { Ok(()) } else { Err(LoadError::Name(quoted(name))) }
    }

    pub(crate) fn unreadable(name: &str, why: impl Into<String>) -> LoadError {
        LoadError::Unreadable { source_name: name.to_owned(), why: why.into() }
    }

    pub(crate) fn build(name: &str, drafts: Vec<Draft>, collector: Collector) -> Result<Source, LoadError> {
        if drafts.len() > OPERATIONS_MAX {
            let why = format!("{} operations; the limit is {OPERATIONS_MAX}", drafts.len());
            return Err(Source::unreadable(name, why));
        }
        if let (true, Some(why)) = (drafts.is_empty(), collector.first_warning()) {
            return Err(Source::unreadable(name, format!("no operation can be used; {why}")));
        }
        let mut origins: HashMap<&str, &str> = HashMap::new();
        for draft in &drafts {
            if let Some(first) = origins.insert(&draft.path, &draft.origin) {
                let (path, source_name) = (format!("{name}.{}", draft.path), name.to_owned());
                let (first, second) = (first.to_owned(), draft.origin.clone());
                return Err(LoadError::Collision { source_name, path, first, second });
            }
        }
        let (definitions, warnings) = collector.finish();
        let definitions = Arc::new(definitions);
        let tools = drafts.into_iter().map(|draft| tool(name, draft, &definitions)).collect();
        Ok(Source { name: name.into(), tools, definitions, warnings })
    }
}

fn tool(source: &str, draft: Draft, definitions: &Arc<Definitions>) -> Tool {
    Tool {
        path: format!("{source}.{}", draft.path).into(),
        description: draft.description.into(),
        summary: draft.summary.into(),
        hints: draft.hints,
        operation: draft.operation,
        input: draft.input,
        output: draft.output,
        definitions: definitions.clone(),
        validator: OnceLock::new(),
        output_validator: OnceLock::new(),
    }
}
