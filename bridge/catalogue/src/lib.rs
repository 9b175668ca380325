//! x
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

pub use catalogue::{Catalogue, UnknownPath};
pub use http::HttpTool;
pub use mcp::{McpAnnotations, McpTool};
pub use prepare::{HttpRequest, prepare};
pub use search::Hit;
pub use source::{LoadError, Source};
pub use tool::{Body, BodyFields, Content, Hints, HttpOperation, Operation, Parameter, Place, Style, Tool};
pub use validate::{ArgumentError, check};
