//! Tenants with a token for each role, and clients that hold one.

use super::server::{Response, Server, folder, mayfly, write};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

pub const ROLES: [&str; 4] = ["runner", "deployer", "auditor", "admin"];

/// Tokens of one tenant, by role.
pub struct Tokens(Vec<(&'static str, String)>);

impl Tokens {
    pub fn of(&self, role: &str) -> &str {
        &self.0.iter().find(|(known, _)| *known == role).expect("a role").1
    }
}

/// Writes `tenants/{name}.toml`, with `rest` after the tokens.
pub fn tenant(folder: &Path, name: &str, rest: &str) -> Tokens {
    let mut text = format!("tenant = \"{name}\"\n");
    let mut tokens = Vec::new();
    for role in ROLES {
        let (token, sha256) = mayfly_bridge::new_token();
        text += &format!("[[token]]\nsha256 = \"{sha256}\"\nrole = \"{role}\"\n");
        tokens.push((role, token));
    }
    write(folder, &format!("tenants/{name}.toml"), &(text + rest));
    Tokens(tokens)
}

/// A server with tenants `acme` (whose file ends with `rest`) and `evil`, without the one that the harness has otherwise.
pub fn two_tenants(config: &str, rest: &str) -> (Server, Tokens, Tokens) {
    let (folder, acme, evil) = two_tenant_files(config, rest);
    (Server::start_by(mayfly(), folder), acme, evil)
}

pub fn two_tenant_files(config: &str, rest: &str) -> (TempDir, Tokens, Tokens) {
    let folder = folder(config, "");
    let acme = tenant(folder.path(), "acme", rest);
    let evil = tenant(folder.path(), "evil", "");
    (folder, acme, evil)
}

/// The same folder, another process.
pub fn restart(mut server: Server) -> Server {
    let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().expect("a folder"));
    drop(server);
    Server::start_by(mayfly(), folder)
}

impl Server {
    /// A request with a token.
    pub fn as_(&self, token: &str, method: &str, path: &str, headers: &str, body: &str) -> Response {
        self.request(method, path, &format!("authorization: Bearer {token}\r\n{headers}"), body)
    }

    /// Stores `code`, which must be taken.
    pub fn deploy(&self, tokens: &Tokens, name: &str, code: &str) -> Value {
        let body = json!({ "code": code }).to_string();
        let response = self.as_(tokens.of("deployer"), "PUT", &format!("/v1/scripts/{name}"), "", &body);
        assert!([200, 201].contains(&response.status), "{}", response.text);
        response.json()
    }
}

impl Response {
    /// Of the first header of this name, lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The status of a problem, its kind, and its detail.
    pub fn problem(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}\n{}", self.head, self.text);
        let body = self.json();
        assert_eq!(body["status"], self.status);
        let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (self.status, word("kind"), word("detail"))
    }

    pub fn kind(&self) -> (u16, String) {
        let (status, kind, _) = self.problem();
        (status, kind)
    }
}
