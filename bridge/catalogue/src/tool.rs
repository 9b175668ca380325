//! In: nothing. Out: a tool: what it is called, what it takes and gives, and how it is performed.
//! May touch: nothing.
//! Security boundary: no; `names.rs` and the importers make these, and checked what is in them.

use crate::definitions::Definitions;
use crate::validate::Validator;
use serde_json::Value;
use std::sync::{Arc, OnceLock};

/// One operation that a script may call.
#[derive(Debug)]
pub struct Tool {
    /// `github.issues.create`: the source, then groups, then the name; every segment is an identifier.
    pub path: Box<str>,
    /// Of a third party: for people and models, never for a decision.
    pub description: Box<str>,
    /// One line, where the description has a shorter form.
    pub summary: Box<str>,
    pub hints: Hints,
    pub operation: Operation,
    pub(crate) input: Box<str>,
    pub(crate) output: Option<Box<str>>,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) validator: OnceLock<Validator>,
    pub(crate) output_validator: OnceLock<Validator>,
}

/// What a tool does to the world, as its description says. A hint, not a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Hints {
    pub read_only: bool,
    /// Calling again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// May remove or overwrite.
    pub destructive: bool,
}

/// How a tool is performed.
#[derive(Clone, Debug)]
pub enum Operation {
    Http(HttpOperation),
    /// By the MCP server of the source, which knows the tool by this name.
    Mcp {
        tool: Box<str>,
    },
}

#[derive(Clone, Debug)]
pub struct HttpOperation {
    /// Upper case.
    pub method: Box<str>,
    /// `https://api.example.com/v1`: scheme, host, perhaps a path; no query, no user, no final slash.
    pub base: Arc<str>,
    /// `/repos/{owner}/{repo}`; the names in braces are wire names of `parameters` of place `Path`.
    pub path: Box<str>,
    /// Pairs that are always in the query, percent-encoded as they are sent.
    pub query: Box<str>,
    pub parameters: Box<[Parameter]>,
    pub body: Option<Body>,
    /// Value of `accept`.
    pub accept: Box<str>,
}

/// Where one argument goes in an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in the arguments.
    pub argument: Box<str>,
    /// Its name in the request.
    pub wire: Box<str>,
    pub place: Place,
    pub style: Style,
    pub explode: bool,
    /// Query: `:/?@!$'()*,;` stay as they are. Path: slashes separate segments, which may not be empty or dots.
    pub allow_reserved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

/// How arrays and objects are written, in the words of OpenAPI; `Json` is for parameters with `content`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
    Json,
}

#[derive(Clone, Debug)]
pub struct Body {
    pub fields: BodyFields,
    pub content: Content,
    /// Value of `content-type`; a boundary is added to `multipart/form-data`.
    pub content_type: Box<str>,
    /// Form: arrays that are written `name[0]=a&name[1]=b`, not `name=a&name=b`.
    pub deep: Box<[Box<str>]>,
    pub required: bool,
}

/// Which arguments make the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyFields {
    /// One argument is the body.
    Whole(Box<str>),
    /// These arguments are the properties of the body.
    Flat(Box<[Box<str>]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Json,
    FormUrlencoded,
    Multipart,
    Text,
    /// A string is sent as UTF-8, `{ "base64": "..." }` as the bytes it stands for.
    Binary,
}

impl Tool {
    /// The source that the tool belongs to: the first segment of its path.
    pub fn source(&self) -> &str {
        self.path.split('.').next().unwrap_or_default()
    }

    /// JSON Schema 2020-12 of the arguments, whole in itself: what it refers to is under `$defs`.
    pub fn input_schema(&self) -> Value {
        self.definitions.whole(&self.input)
    }

    /// JSON Schema 2020-12 of the result; `None` where its description says nothing.
    pub fn output_schema(&self) -> Option<Value> {
        self.output.as_deref().map(|text| self.definitions.whole(text))
    }
}
