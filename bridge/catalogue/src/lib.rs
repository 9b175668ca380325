//! Tools for scripts that models write: descriptions of APIs in; typed declarations, search and checked requests out.
//!
//! A model that is given a thousand tools reads a thousand schemas. Here it is given three: it searches, it reads the
//! TypeScript declarations of what it found, and it writes a script that calls `tools.github.issues.create({...})`. This
//! crate is the part of that without sockets, files or clocks: a [`Catalogue`] is made of text, and everything it says is
//! a function of that text.
//!
//! ```
//! use mayfly_catalogue::{Catalogue, Source, prepare};
//! use serde_json::json;
//!
//! let text = r##"{"openapi": "3.1.0", "servers": [{"url": "https://api.example/v1"}], "paths": {
//!     "/repos/{repo}/issues": {"post": {
//!         "operationId": "issues/create",
//!         "summary": "Create an issue",
//!         "parameters": [{"name": "repo", "in": "path", "required": true, "schema": {"type": "string"}}],
//!         "requestBody": {"required": true, "content": {"application/json": {"schema": {
//!             "type": "object", "required": ["title"],
//!             "properties": {"title": {"type": "string"}, "labels": {"type": "array", "items": {"type": "string"}}}}}}},
//!         "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/issue"}}}}}}}},
//!     "components": {"schemas": {"issue": {"type": "object", "required": ["number"],
//!         "properties": {"number": {"type": "integer"}}}}}}"##;
//! let github = Source::openapi("github", text, None)?;
//! assert!(github.warnings().is_empty());
//! let catalogue = Catalogue::new(vec![github])?;
//!
//! let hits = catalogue.search("open a new issue", 3);
//! assert_eq!(hits[0].path, "github.issues.create");
//! assert_eq!(
//!     hits[0].signature,
//!     "github.issues.create(input: { repo: string; title: string; labels?: string[] }): Promise<github.Issue>"
//! );
//!
//! let declarations = catalogue.describe(&["github.issues.create"], 2_000)?;
//! assert!(declarations.contains("interface Issue { number: number }"));
//!
//! let tool = catalogue.find("github.issues.create")?;
//! let refused = prepare(tool, &json!({"repo": "a/b", "title": "t", "labels": ["x", 3]})).unwrap_err();
//! assert_eq!(refused.to_string(), "github.issues.create: labels[1] must be a string, got 3");
//! let request = prepare(tool, &json!({"repo": "a/b", "title": "t"}))?;
//! assert_eq!(request.url.as_str(), "https://api.example/v1/repos/a%2Fb/issues");
//! assert_eq!(request.body.as_deref(), Some(br#"{"title":"t"}"#.as_slice()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In
//!
//! A [`Source`] is a named set of tools. Its name is the first segment of their paths and a global of the script.
//!
//! | importer | reads | a mistake in one operation |
//! |---|---|---|
//! | [`Source::openapi`] | OpenAPI 3.0 and 3.1, JSON or YAML, at most 32 MiB | a warning in [`Source::warnings`]; the others stay |
//! | [`Source::mcp`] | the entries of MCP's `tools/list` | a warning; the others stay |
//! | [`Source::http`] | operations of a tenant's file, [`HttpTool`] | an error: the operator wrote it and can repair it |
//!
//! Two operations of one name, and names that cannot be globals, are a [`LoadError`] at once; of two tools of an MCP server
//! that come to one name the first is kept.
//!
//! - **Paths.** `issues/create` and `issues.create` are `issues.create`, `list-for-repo` is `listForRepo`. An operation
//!   without an id is named by its request: `GET /pets/{id}` is `getPetsById`. Words of JavaScript, and what the guest's
//!   `tools` proxy answers itself (`then`, `toJSON`, ...), get a trailing `_`; [`Catalogue::find`] takes them without, too.
//! - **Arguments** are one flat object: parameters by their names, and beside them the properties of a body that is a
//!   closed object schema without names that are taken; any other body is one argument `body`. Of two parameters of one
//!   name, the one in the path keeps it; the other is `id_query`, `id_header`. Arguments nobody declared are refused.
//! - **Files** (`format: binary`, `application/octet-stream`) are a string, sent as UTF-8, or
//!   `{ base64, filename?, type? }`, sent as the bytes.
//! - **Results** are the schema of the first 2xx response that is JSON; without one, `unknown`.
//! - **References** stay references. Those that leave the document are never fetched: their place is `unknown`, with a
//!   warning. So are circles without anything in them.
//!
//! Schemas come to one dialect, JSON Schema 2020-12. Not read: `$anchor`, `$dynamicRef`, `unevaluatedProperties`,
//! `unevaluatedItems`, `discriminator`, `xml`, path items that are references, `trace`, callbacks, webhooks, security
//! schemes (the bridge adds credentials, whatever a description says), `encoding` other than `deepObject` in forms.
//!
//! # Out
//!
//! | | gives | errors |
//! |---|---|---|
//! | [`Catalogue::search`] | [`Hit`]s, best first: path, one line, signature | none; nothing found is empty |
//! | [`Catalogue::describe`] | declarations of tools, groups or shared types, in about so many tokens (bytes / 4) | [`UnknownPath`], with the nearest |
//! | [`Catalogue::declarations`] | declarations of everything, or of what a [`Narrow`] leaves, for a type checker | none |
//! | [`members`] | the same of a source whose tools go by other names | none |
//! | [`Catalogue::find`] | the [`Tool`]: hints, [`Operation`], schemas | [`UnknownPath`] |
//! | [`check`] | nothing, when the arguments fit | [`ArgumentError`], in words to repair them by |
//! | [`check_result`] | nothing, when the result fits | the same |
//! | [`prepare`] | the [`HttpRequest`], checked before | the same |
//!
//! A request has no credential, and none of its arguments can become one: `authorization`, `host`, `cookie` and what is the
//! connection's are never parameters. Values in a path stay one segment, unless the description itself marks a parameter as
//! several (`x-multi-segment`, `allowReserved`); then slashes separate, and still nothing is empty, `.` or `..`.
//!
//! Shared schemas are types in a namespace of their source, `github.Issue`; where properties are only read or only written
//! there is `github.IssueInput` besides. What the budget of [`Catalogue::describe`] has no room for is
//! `unknown /* cut: describe github.Issue */`, and the first line says so.
//!
//! # Bounds
//!
//! All in [`limits`]. Texts of third parties cannot leave their comment, string or name, and show no character that is not
//! seen. Neither the depth of schemas, the length of chains of references nor the branching of unions decides how deep
//! this crate recurses or how long a check takes.
//!
//! GitHub's 1,223 operations: `bridge/catalogue/check-github`, and for figures the example `github-figures`.
#![forbid(unsafe_code)]

pub mod limits;

mod names;
mod nearest;
mod text;
mod words;

mod definitions;
mod document;
mod schema;
mod template;
mod tool;
mod yaml;

mod http;
mod mcp;
mod openapi;
mod source;

mod catalogue;
mod declarations;
mod describe;
mod search;
mod typescript;

mod cost;
mod explain;
mod prepare;
mod validate;

pub use catalogue::{Catalogue, Narrow, UnknownPath};
pub use declarations::members;
pub use http::HttpTool;
pub use mcp::{McpAnnotations, McpTool};
pub use openapi::servers::checked as checked_base;
pub use prepare::{HttpRequest, prepare};
pub use search::Hit;
pub use source::{LoadError, Source};
pub use tool::{Body, BodyFields, Content, Hints, HttpOperation, Operation, Parameter, Place, Style, Tool};
pub use validate::{ArgumentError, check, check_result};
