//! In: a request to `/v1/scripts`. Out: scripts, stored, shown, listed, brought back or deleted.
//! May touch: the request's body; isolates, to see whether a script compiles before it is stored.
//! Security boundary: no; the bridge decides who may. It is asked before anything about the request is told.

use super::conditions;
use super::http::{method_not_allowed, permit, read, token};
use super::query::{entries, number, parameters};
use super::worker::Local;
use crate::admit;
use crate::bridge::{ScriptContent, Scripts};
use crate::limits::{HTTP_BODY_MS, HTTP_SCRIPT_BYTES_MAX};
use crate::prepare::MAIN;
use crate::respond::{self, Problem, Reply};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, Request};
use hyper::body::Incoming as Body;
use mayfly_schemas::limits::Limits;
use mayfly_schemas::names::{SCRIPT_NAME_RULE, is_script_name};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a path under `/v1/scripts` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At<'p> {
    All,
    One(&'p str),
    Versions(&'p str),
    Rollback(&'p str),
}

pub(super) fn at(path: &str) -> Option<At<'_>> {
    let rest = path.strip_prefix("/v1/scripts")?;
    if rest.is_empty() || rest == "/" {
        return Some(At::All);
    }
    let mut parts = rest.strip_prefix('/')?.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, None) if !name.is_empty() => Some(At::One(name)),
        (Some(name), Some("versions"), None) => Some(At::Versions(name)),
        (Some(name), Some("rollback"), None) => Some(At::Rollback(name)),
        _ => None,
    }
}

/// What every answer needs.
struct Visit<'a> {
    local: &'a Local,
    scripts: Scripts,
    tenant: String,
    limits: Limits,
    headers: HeaderMap,
    query: String,
}

pub(super) async fn answer(local: &Local, request: Request<Body>, request_id: &str) -> Result<Reply, Problem> {
    let (head, body) = request.into_parts();
    let at = at(head.uri.path()).unwrap_or(At::All);
    let write = match (at, &head.method) {
        (At::One(_), &Method::PUT | &Method::DELETE) | (At::Rollback(_), &Method::POST) => true,
        (At::All | At::One(_) | At::Versions(_), &Method::GET | &Method::HEAD) => false,
        (At::One(_), _) => return Err(method_not_allowed("GET, PUT or DELETE")),
        (At::Rollback(_), _) => return Err(method_not_allowed("POST")),
        (At::All | At::Versions(_), _) => return Err(method_not_allowed("GET")),
    };
    let name = at.name();
    let token = token(&head.headers)?;
    let opened = local.bridge.scripts(token.as_bytes(), request_id, write, head.method.as_str(), name).await?;
    let (scripts, admission) = opened;
    if at != At::All && !is_script_name(name) {
        return Err(Problem::bad_request(format!("`name`: use {SCRIPT_NAME_RULE}")));
    }
    let query = head.uri.query().unwrap_or_default().to_owned();
    let (tenant, limits, headers) = (admission.tenant, admission.defaults, head.headers);
    let visit = Visit { local, scripts, tenant, limits, headers, query };
    match (at, head.method) {
        (At::All, _) => visit.list().await,
        (At::Versions(name), _) => visit.versions(name).await,
        (At::Rollback(name), _) => visit.rollback(name, body).await,
        (At::One(name), Method::PUT) => visit.put(name, body).await,
        (At::One(name), Method::DELETE) => visit.delete(name).await,
        (At::One(name), _) => visit.get(name).await,
    }
}

impl<'p> At<'p> {
    /// As the client wrote it; empty where none is needed.
    fn name(self) -> &'p str {
        match self {
            At::All => "",
            At::One(name) | At::Versions(name) | At::Rollback(name) => name,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackRequest {
    version: u64,
}

impl Visit<'_> {
    async fn put(&self, name: &str, body: Body) -> Result<Reply, Problem> {
        self.no_query()?;
        let when = conditions::for_write(&self.headers)?;
        let body = read(body, HTTP_SCRIPT_BYTES_MAX, Duration::from_millis(HTTP_BODY_MS)).await?;
        let content = content(&self.headers, &body)?;
        drop(body);
        // Seen now by who can mend it, and not by who calls the script. A program that compiled is kept for its first run.
        let permit = permit(self.local).await?;
        let (script, source_max) = (admit::script_of(content.clone()), self.limits.source_bytes);
        let compiled = self.local.shared.host.programs.prepare(&self.tenant, &script, source_max).await;
        compiled.map_err(Problem::not_a_program)?;
        drop(permit);
        let written = self.scripts.put(name, &content, &when).await?;
        Ok(respond::written(&self.tenant, &written))
    }

    async fn rollback(&self, name: &str, body: Body) -> Result<Reply, Problem> {
        self.no_query()?;
        let when = conditions::for_write(&self.headers)?;
        let body = read(body, ROLLBACK_BYTES_MAX, Duration::from_millis(HTTP_BODY_MS)).await?;
        let RollbackRequest { version } = admit::read(&body)?;
        if version == 0 {
            return Err(Problem::bad_request("`version`: versions are numbered from 1"));
        }
        let written = self.scripts.rollback(name, version, &when).await?;
        Ok(respond::written(&self.tenant, &written))
    }

    async fn delete(&self, name: &str) -> Result<Reply, Problem> {
        self.no_query()?;
        let when = conditions::for_write(&self.headers)?;
        self.scripts.delete(name, &when).await?;
        Ok(respond::removed())
    }

    async fn get(&self, name: &str) -> Result<Reply, Problem> {
        let [version] = self.parameters(["version"])?;
        let version = version.as_deref().map(|text| number(text, "version")).transpose()?;
        let (info, content) = self.scripts.get(name, version).await?;
        if conditions::has_already(&self.headers, &info.entity_tag())? {
            return Ok(respond::not_modified(&info));
        }
        Ok(respond::stored(&self.tenant, &info, &content))
    }

    async fn list(&self) -> Result<Reply, Problem> {
        let [cursor, limit] = self.parameters(["cursor", "limit"])?;
        let limit = entries(limit)?;
        let found = self.scripts.list(cursor.as_deref().unwrap_or_default(), limit).await?;
        Ok(respond::listed_scripts(&self.tenant, &found, limit as usize))
    }

    async fn versions(&self, name: &str) -> Result<Reply, Problem> {
        let [cursor, limit] = self.parameters(["cursor", "limit"])?;
        let (before, limit) = (cursor.as_deref().map(|text| number(text, "cursor")).transpose()?, entries(limit)?);
        let found = self.scripts.versions(name, before, limit).await?;
        Ok(respond::listed_versions(&self.tenant, &found, limit as usize))
    }

    fn parameters<const N: usize>(&self, names: [&str; N]) -> Result<[Option<String>; N], Problem> {
        parameters(&self.query, names)
    }

    fn no_query(&self) -> Result<(), Problem> {
        self.parameters([]).map(|[]| ())
    }
}

/// A number and the JSON around it.
const ROLLBACK_BYTES_MAX: u64 = 4 * 1024;

/// The body of `PUT`, where it is JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutRequest {
    code: Option<String>,
    modules: Option<BTreeMap<String, String>>,
    main: Option<String>,
}

/// Source text, or JSON with one or several modules: as the content type says. `curl` by itself names a form, or nothing:
/// then a JSON object is taken for what it looks like, and everything else for source.
fn content(headers: &HeaderMap, body: &Bytes) -> Result<ScriptContent, Problem> {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = match essence.as_str() {
        "application/json" => true,
        "text/typescript" | "application/typescript" | "text/javascript" | "application/javascript" | "text/plain" => {
            false
        }
        "" | "application/x-www-form-urlencoded" | "application/octet-stream" => {
            serde_json::from_slice::<BTreeMap<String, serde::de::IgnoredAny>>(body).is_ok()
        }
        _ => {
            let detail = "`content-type`: send application/json, text/typescript or application/javascript";
            return Err(Problem::bad_request(detail));
        }
    };
    let script = match is_json {
        true => {
            let PutRequest { code, modules, main } = admit::read(body)?;
            admit::script(code, modules, main)?
        }
        false => {
            let source =
                std::str::from_utf8(body).map_err(|_| Problem::bad_request("the source is not text (UTF-8)"))?;
            admit::script(Some(source.to_owned()), None, None)?
        }
    };
    let main = script.modules.first().map_or_else(|| MAIN.to_owned(), |module| module.name.clone());
    let modules = script.modules.iter().map(|module| (module.name.clone(), module.source.clone())).collect();
    Ok(ScriptContent { main, modules })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_about_one_thing() {
        for (path, expected) in [
            ("/v1/scripts", Some(At::All)),
            ("/v1/scripts/", Some(At::All)),
            ("/v1/scripts/a", Some(At::One("a"))),
            ("/v1/scripts/a%2fb", Some(At::One("a%2fb"))),
            ("/v1/scripts/versions", Some(At::One("versions"))),
            ("/v1/scripts/a/versions", Some(At::Versions("a"))),
            ("/v1/scripts/a/rollback", Some(At::Rollback("a"))),
            ("/v1/scripts/a/", None),
            ("/v1/scripts/a/b", None),
            ("/v1/scripts/a/versions/", None),
            ("/v1/scripts//", None),
            ("/v1/scripts//versions", Some(At::Versions(""))),
            ("/v1/scriptsx", None),
            ("/v1/runs", None),
        ] {
            assert_eq!(at(path), expected, "{path}");
        }
    }
}
