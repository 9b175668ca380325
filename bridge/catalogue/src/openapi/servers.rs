//! In: `servers` of a description. Out: the base URL of an operation.
//! May touch: nothing.
//! Security boundary: yes; credentials are sent to what comes out here. The operator's own base goes before.

use super::{Place, Reading};
use crate::text::quoted;
use serde_json::Value;
use std::sync::Arc;
use url::Url;

impl Reading<'_, '_, '_> {
    pub(super) fn base_of(&mut self, operation: &Value, place: &Place<'_>) -> Result<Arc<str>, String> {
        if let Some(base) = &self.base {
            return Ok(base.clone());
        }
        let own = operation.get("servers").cloned();
        let wider = || place.servers.iter().flatten().find_map(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        let servers = own.or_else(wider).unwrap_or(Value::Null);
        let first = servers.get(0).ok_or("no `servers`; give a base URL with the source")?;
        let text = filled(first)?;
        if let Some(base) = self.bases.get(&text) {
            return Ok(base.clone());
        }
        let base = checked(&text)?;
        self.bases.insert(text, base.clone());
        Ok(base)
    }
}

/// The server's URL with the defaults of its variables.
fn filled(server: &Value) -> Result<String, String> {
    let mut url = server.get("url").and_then(Value::as_str).ok_or("a server without `url`")?.to_owned();
    let variables = server.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    Ok(url)
}

/// An absolute base without user, query, fragment and final slash, as [`crate::HttpOperation::base`] has it.
pub fn checked(text: &str) -> Result<Arc<str>, String> {
    let bad = |why: &str| format!("the server `{}` {why}; give a base URL with the source", quoted(text));
    if text.contains(['{', '}', '\\']) {
        return Err(bad("has variables without values"));
    }
    let url = Url::parse(text).map_err(|_| bad("is no absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("has a user or password in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("has a query or fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').into())
}
