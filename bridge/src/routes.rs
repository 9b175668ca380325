//! In: `[[script]]` and `[[route]]` of tenant files. Out: whose script a request to a host and path is for.
//! May touch: nothing.
//! Security boundary: yes. A script is private unless its tenant's file says otherwise, and no route takes a path that is
//! the server's own.
//!
//! A route's `host` is one name written out in full. Its `path` is exact (`/v1/orders`) or ends in `/*`, which stands for
//! any number of further segments, none too (`/v1/*` is also `/v1`); no path at all means every path. Of several that
//! match, the longest decides, and of two as long the exact one.

use crate::ask::{ambiguous, plain_letters};
use crate::fields::{At, Reading, Table};
use crate::tenants::Tenant;
use mayfly_schemas::limits::{ROUTE_PATH_BYTES_MAX, ROUTES_MAX};
use mayfly_schemas::names::{SCRIPT_NAME_RULE, is_reserved, is_script_name};
use mayfly_schemas::strict::{Mistake, line_of};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use url::{Host, Url};

/// What one tenant's file says about its scripts.
#[derive(Debug, Default)]
pub struct Declared {
    /// Scripts that everybody may call.
    pub public: HashSet<String>,
    pub routes: Vec<Route>,
}

#[derive(Debug)]
pub struct Route {
    host: String,
    path: Path,
    script: String,
    /// In the tenant's file.
    line: usize,
}

/// A path and, where `below`, what lies under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Path {
    literal: String,
    below: bool,
}

/// The routes of all tenants.
#[derive(Debug, Default)]
pub struct Routes {
    hosts: BTreeMap<String, Vec<Claim>>,
    /// Of the server itself, beside addresses and `localhost`.
    main_host: Option<String>,
}

#[derive(Debug)]
struct Claim {
    path: Path,
    tenant: String,
    script: String,
    place: String,
}

pub fn read(reading: &mut Reading<'_>, root: Table<'_>) -> Declared {
    let mut declared = Declared { public: public(reading, root), routes: Vec::new() };
    let tables = reading.tables(root, "route");
    if let Some(one_too_many) = tables.get(ROUTES_MAX) {
        reading.mistake(one_too_many.at, format!("more than {ROUTES_MAX} routes"));
    }
    let mut seen = HashMap::new();
    for table in tables {
        let Some(route) = route(reading, table) else { continue };
        if let Some(line) = seen.insert((route.host.clone(), route.path.clone()), route.line) {
            let what =
                format!("the [[route]] of line {line} has host \"{}\" and path \"{}\" already", route.host, route.path);
            reading.mistake(table.at, what);
        }
        declared.routes.push(route);
    }
    declared
}

fn public(reading: &mut Reading<'_>, root: Table<'_>) -> HashSet<String> {
    let (mut names, mut public) = (HashSet::new(), HashSet::new());
    for table in reading.tables(root, "script") {
        reading.only(table, &["name", "public"]);
        let is_public = reading.flag(table, "public");
        let Some(name) = script_name(reading, table, "name", "this [[script]]") else { continue };
        if !names.insert(name.value.to_owned()) {
            reading.mistake(name.at, format!("there is another [[script]] \"{}\"", name.value));
        }
        if is_public {
            public.insert(name.value.to_owned());
        }
    }
    public
}

fn script_name<'t>(reading: &mut Reading<'_>, table: Table<'t>, key: &str, of: &str) -> Option<At<&'t str>> {
    let name = reading.required(table, key, of)?;
    if !is_script_name(name.value) {
        reading.hinted(name.at, format!("`{}` is no name of a script", name.value), format!("use {SCRIPT_NAME_RULE}"));
        return None;
    }
    Some(name)
}

fn route(reading: &mut Reading<'_>, table: Table<'_>) -> Option<Route> {
    reading.only(table, &["host", "path", "script"]);
    let host = reading.required(table, "host", "this [[route]]").and_then(|text| host(reading, text));
    let path = match table.map.contains_key("path") {
        false => Some(Path { literal: String::new(), below: true }),
        true => reading.text(table, "path").and_then(|text| path(reading, text)),
    };
    let script = script_name(reading, table, "script", "this [[route]]").map(|name| name.value.to_owned());
    let line = line_of(reading.text, table.at);
    Some(Route { host: host?, path: path?, script: script?, line })
}

fn host(reading: &mut Reading<'_>, text: At<&str>) -> Option<String> {
    let plain = text.value.strip_suffix('.').unwrap_or(text.value);
    let parsed = Host::parse(plain).ok().filter(|_| !plain.contains(['*', '/', '@']));
    if parsed.is_none() {
        let hint = "one name in full, without scheme, port and path: \"api.example.com\"";
        reading.hinted(text.at, format!("`{}` is no host", text.value), hint);
    }
    parsed.map(|host| host.to_string())
}

fn path(reading: &mut Reading<'_>, text: At<&str>) -> Option<Path> {
    let (written, below) = match text.value.strip_suffix("/**").or_else(|| text.value.strip_suffix("/*")) {
        Some(before) => (before, true),
        None => (text.value, false),
    };
    let mut refuse = |what: &str, hint: &str| {
        reading.hinted(text.at, format!("`{}`: {what}", text.value), hint);
        None
    };
    if !text.value.starts_with('/') {
        return refuse("a path begins with `/`", "write `/v1/*`, or leave `path` out for every path");
    }
    if written.contains('*') {
        return refuse("a `*` stands at the end, for all that is below", "write `/v1/*`");
    }
    if written.contains(['?', '#', '\\', ' ', '\t', '\n', '\r']) || text.value.len() > ROUTE_PATH_BYTES_MAX {
        return refuse("this is no path", "a path without query, blanks and backslashes");
    }
    let parsed = Url::parse(&format!("http://host{written}")).map(|url| plain_letters(url.path()));
    let two_ways = written.split('/').any(|segment| matches!(segment, "." | ".."));
    match parsed {
        Ok(path) if !two_ways && !ambiguous(&path) => {
            Some(Path { literal: if written.is_empty() { String::new() } else { path }, below })
        }
        _ => refuse("the path can be read in two ways", "write it without `.`, `..`, `//`, `%2f` and `;`"),
    }
}

/// For people who compare two versions of a file.
impl Route {
    pub fn leads_as(&self, other: &Route) -> bool {
        (&self.host, &self.path, &self.script) == (&other.host, &other.path, &other.script)
    }

    /// Whether paths of the other route come to this one when the other is gone.
    pub fn inherits(&self, other: &Route) -> bool {
        self.host == other.host
            && self.path.weight() < other.path.weight()
            && (self.path.matches(&other.path.literal) || other.path.below && other.path.matches(&self.path.literal))
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the route {}{} to script \"{}\"", self.host, self.path, self.script)
    }
}

impl Path {
    fn matches(&self, path: &str) -> bool {
        match path.strip_prefix(self.literal.as_str()) {
            Some("") => true,
            Some(rest) => self.below && (rest.starts_with('/') || self.literal.ends_with('/')),
            None => false,
        }
    }

    /// The larger one decides.
    fn weight(&self) -> (usize, bool) {
        (self.literal.len(), !self.below)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.literal)?;
        f.write_str(if self.below { "/*" } else { "" })
    }
}

impl Routes {
    pub fn new(main_host: Option<&str>) -> Routes {
        Routes { hosts: BTreeMap::new(), main_host: main_host.map(str::to_ascii_lowercase) }
    }

    /// What is taken already stays with whom it was given to first.
    pub fn add(&mut self, file: &str, tenant: &Tenant) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for Route { host, path, script, line } in &tenant.declared.routes {
            if self.is_main(host) && is_reserved(&path.literal) {
                let what = format!("`path`: \"{path}\" is the server's own on its host \"{host}\"");
                mistakes
                    .push(Mistake::new(file, *line, what).hint("choose another path, or a host of the script's own"));
                continue;
            }
            let claims = self.hosts.entry(host.clone()).or_default();
            if let Some(other) = claims.iter().find(|claim| claim.path == *path) {
                let what = format!("`host` and `path`: {} has a [[route]] for \"{host}\" and \"{path}\"", other.place);
                mistakes.push(Mistake::new(file, *line, what).hint("one host and path belongs to one script"));
                continue;
            }
            let (tenant, place) = (tenant.name.clone(), format!("{file}:{line}"));
            claims.push(Claim { path: path.clone(), tenant, script: script.clone(), place });
            claims.sort_by_key(|claim| std::cmp::Reverse(claim.path.weight()));
        }
        mistakes
    }

    /// Tenant and script of the longest route that matches. `path` as the WHATWG parser gives it.
    pub fn find(&self, host: &str, path: &str) -> Option<(&str, &str)> {
        let path = plain_letters(path);
        let claim = self.hosts.get(host)?.iter().find(|claim| claim.path.matches(&path))?;
        Some((&claim.tenant, &claim.script))
    }

    /// Hosts that serve routes and nothing else, and those of the server itself that serve routes too.
    pub fn hosts(&self) -> (Vec<&str>, Vec<&str>) {
        self.hosts.keys().map(String::as_str).partition(|host| !self.is_main(host))
    }

    fn is_main(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok() || self.main_host.as_deref() == Some(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(literal: &str, below: bool) -> Path {
        Path { literal: literal.into(), below }
    }

    #[test]
    fn a_path_matches_itself_and_after_a_star_what_is_below() {
        #[rustfmt::skip]
        let table = [
            (path("", true), "/", true), (path("", true), "/a/b", true),
            (path("/", false), "/", true), (path("/", false), "/a", false),
            (path("/v1", true), "/v1", true), (path("/v1", true), "/v1/", true), (path("/v1", true), "/v1/a/b", true),
            (path("/v1", true), "/v10", false), (path("/v1", true), "/", false), (path("/v1", true), "/V1", false),
            (path("/v1", false), "/v1", true), (path("/v1", false), "/v1/", false), (path("/v1/", false), "/v1/", true),
        ];
        for (path, asked, matches) in table {
            assert_eq!(path.matches(asked), matches, "{path} {asked}");
        }
    }

    #[test]
    fn the_longest_route_decides_and_of_two_as_long_the_exact_one() {
        let claim =
            |path: Path, script: &str| Claim { path, tenant: "t".into(), script: script.into(), place: String::new() };
        let mut claims = vec![
            claim(path("", true), "rest"),
            claim(path("/v1", true), "v1"),
            claim(path("/v1", false), "v1-itself"),
            claim(path("/v1/admin", true), "admin"),
        ];
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.path.weight()));
        let routes = Routes { hosts: [("h".to_owned(), claims)].into(), main_host: None };
        for (asked, script) in [
            ("/", "rest"),
            ("/v1", "v1-itself"),
            ("/v1/", "v1"),
            ("/v1/x", "v1"),
            ("/v1/admin", "admin"),
            ("/v1/%61dmin/x", "admin"),
            ("/v1/administrator", "v1"),
        ] {
            assert_eq!(routes.find("h", asked), Some(("t", script)), "{asked}");
        }
        assert_eq!(routes.find("other", "/"), None);
    }
}
