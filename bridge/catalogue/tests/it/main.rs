//! The catalogue from outside: descriptions in, declarations, hits and requests out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arguments;
mod declarations;
mod describe;
mod hostile;
mod http;
mod importing;
mod mcp;
mod requests;
mod search;

use mayfly_catalogue::{Catalogue, Source};
use serde_json::Value;

pub const JSON: &str = include_str!("fixtures/orders-3.0.json");
pub const YAML: &str = include_str!("fixtures/orders-3.1.yaml");

/// The shop of the fixtures.
pub fn shop() -> Catalogue {
    let source = Source::openapi("shop", YAML, None).expect("the fixture loads");
    Catalogue::new(vec![source]).expect("one source")
}

/// An API of the given paths and schemas, at `https://api.example/v1`.
pub fn api(paths: Value, schemas: Value) -> Result<Source, mayfly_catalogue::LoadError> {
    let document = serde_json::json!({"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}});
    Source::openapi("api", &document.to_string(), Some("https://api.example/v1"))
}

pub fn catalogue(paths: Value, schemas: Value) -> Catalogue {
    let source = api(paths, schemas).expect("it loads");
    assert!(source.warnings().is_empty(), "{:#?}", source.warnings());
    Catalogue::new(vec![source]).expect("one source")
}

/// One catalogue for all threads of a process.
#[test]
fn a_catalogue_can_be_shared() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(&shop());
}
