//! In: paths and URLs of the suite. Out: the files they name, below its folder.
//! May touch: the suite's folder, reading only.
//! Security boundary: no, but a path never leads out of the folder.

use super::handlers;
use crate::host::{Reply, Request};
use std::path::{Path, PathBuf};

/// Where tests believe that they were loaded from.
pub const ORIGIN: &str = "http://web-platform.test:8000";

pub struct Folder<'a> {
    root: &'a Path,
}

impl<'a> Folder<'a> {
    pub fn new(root: &'a Path) -> Folder<'a> {
        Folder { root }
    }

    /// A script that the file `from` names. One name is another file's on the suite's own server too.
    pub fn script(&self, from: &str, name: &str) -> Option<String> {
        let name = if name == "/resources/WebIDLParser.js" { "/resources/webidl2/lib/webidl2.js" } else { name };
        let path = match name.strip_prefix('/') {
            Some(absolute) => self.path(absolute),
            None => self.path(&format!("{}/{name}", from.rsplit_once('/').map_or("", |(folder, _)| folder))),
        };
        std::fs::read(path?).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The answer to a fetch; nothing for other servers. Files that a server would run are not there, but for a few.
    pub fn reply(&self, request: &Request<'_>) -> Option<Reply> {
        let path = request.url.strip_prefix(ORIGIN)?.split(['?', '#']).next()?;
        if let Some(reply) = handlers::reply(path, request) {
            return Some(reply);
        }
        let found = self.path(path).filter(|path| path.is_file() && path.extension().is_none_or(|end| end != "py"));
        let body = found.and_then(|path| std::fs::read(path).ok());
        let (status, text) = if body.is_some() { (200, "OK") } else { (404, "Not Found") };
        let headers = vec![("content-type".into(), content_type(path).into())];
        Some(Reply { status, text, headers, body: body.unwrap_or_default() })
    }

    fn path(&self, path: &str) -> Option<PathBuf> {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()?),
                _ => parts.push(part),
            }
        }
        Some(self.root.join(parts.join("/")))
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("json") => "application/json",
        Some("js") => "text/javascript",
        Some("html") => "text/html",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}
