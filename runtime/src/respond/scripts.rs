//! In: stored scripts and what came of changing them. Out: HTTP responses of `/v1/scripts`.
//! May touch: nothing.
//! Security boundary: no.

use super::{Reply, json};
use crate::bridge::{ScriptContent, ScriptInfo, Written};
use crate::serve::ReplyBody;
use bytes::Bytes;
use http::header::{ETAG, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use serde::Serialize;
use std::collections::BTreeMap;

/// One version of a script.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    version: u64,
    /// SHA-256 of the content, in hexadecimal digits.
    digest: String,
    source_bytes: u64,
    created_at_ms: u64,
    /// Of the token that made it.
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_to: Option<u64>,
    /// Where it answers HTTP, and whether everybody may call it there.
    path: String,
    public: bool,
}

#[derive(Serialize)]
struct WithSource<'a> {
    #[serde(flatten)]
    shown: Shown<'a>,
    main: &'a str,
    modules: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct AfterWrite<'a> {
    #[serde(flatten)]
    shown: Shown<'a>,
    created: bool,
    changed: bool,
}

#[derive(Serialize)]
struct ScriptList<'a> {
    scripts: Vec<Shown<'a>>,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Serialize)]
struct VersionList<'a> {
    versions: Vec<Shown<'a>>,
    #[serde(flatten)]
    rest: Rest,
}

/// Whether a list was cut, and where it goes on.
#[derive(Serialize)]
struct Rest {
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A version with its text.
pub fn stored(tenant: &str, info: &ScriptInfo, content: &ScriptContent) -> Reply {
    let body = WithSource { shown: shown(tenant, info), main: &content.main, modules: &content.modules };
    tagged(json(StatusCode::OK, &body), info)
}

/// What the client has already.
pub fn not_modified(info: &ScriptInfo) -> Reply {
    let mut reply = Response::new(ReplyBody::from(Bytes::new()));
    *reply.status_mut() = StatusCode::NOT_MODIFIED;
    tagged(reply, info)
}

pub fn written(tenant: &str, written: &Written) -> Reply {
    let Written { info, created, changed } = written;
    let status = if *created { StatusCode::CREATED } else { StatusCode::OK };
    let mut reply = json(status, &AfterWrite { shown: shown(tenant, info), created: *created, changed: *changed });
    if let (true, Ok(place)) = (*created, HeaderValue::from_str(&format!("/v1/scripts/{}", info.name))) {
        reply.headers_mut().insert(LOCATION, place);
    }
    tagged(reply, info)
}

pub fn removed() -> Reply {
    let mut reply = Response::new(ReplyBody::from(Bytes::new()));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// `found` has one more than `limit` when there are more.
pub fn listed_scripts(tenant: &str, found: &[ScriptInfo], limit: usize) -> Reply {
    let (scripts, rest) = cut(tenant, found, limit, |last| last.name.clone());
    json(StatusCode::OK, &ScriptList { scripts, rest })
}

pub fn listed_versions(tenant: &str, found: &[ScriptInfo], limit: usize) -> Reply {
    let (versions, rest) = cut(tenant, found, limit, |last| last.version.to_string());
    json(StatusCode::OK, &VersionList { versions, rest })
}

fn cut<'a>(
    tenant: &str,
    found: &'a [ScriptInfo],
    limit: usize,
    cursor: impl Fn(&ScriptInfo) -> String,
) -> (Vec<Shown<'a>>, Rest) {
    let truncated = found.len() > limit;
    let entries = found.iter().take(limit);
    let cursor = entries.clone().next_back().filter(|_| truncated).map(cursor);
    (entries.map(|info| shown(tenant, info)).collect(), Rest { truncated, cursor })
}

fn shown<'a>(tenant: &str, info: &'a ScriptInfo) -> Shown<'a> {
    Shown {
        name: &info.name,
        version: info.version,
        digest: info.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        source_bytes: info.source_bytes,
        created_at_ms: info.created_at_ms,
        role: &info.role,
        rollback_to: info.rollback_to,
        path: format!("/run/{tenant}/{}/", info.name),
        public: info.public,
    }
}

fn tagged(mut reply: Reply, info: &ScriptInfo) -> Reply {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", info.entity_tag())) {
        reply.headers_mut().insert(ETAG, tag);
    }
    reply
}
