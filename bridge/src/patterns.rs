//! In: the text of a rule's pattern, such as `https://*.example.com/repos/**`. Out: a pattern that URLs are held against.
//! May touch: nothing.
//! Security boundary: yes; what matches here may leave the machine.
//!
//! - scheme: `http` or `https`, exactly; `http://**` says nothing about https.
//! - host: labels; `*` is one label, `**` any number (none too). `**` alone is every host, IP literals included; no other
//!   wildcard matches an IP literal. Whether a matched host may be private is decided later, in `resolve.rs`.
//! - port: exactly the one written, or the scheme's own.
//! - path: segments; `*` is one segment, `**` any number (none too: `/repos/**` is also `/repos`). No path at all means
//!   every path; `/` means exactly the root. Query and fragment take no part.
//!
//! Wildcards stand for whole labels and segments: `api-*` reads well and hides what it opens.

use std::net::IpAddr;
use url::{Host, Url};

#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    scheme: String,
    host: HostPattern,
    port: u16,
    path: Option<PathPattern>,
}

#[derive(Clone, Debug)]
pub enum HostPattern {
    Any,
    Address(IpAddr),
    Labels(Vec<Part>),
}

#[derive(Clone, Debug)]
struct PathPattern {
    exact: Vec<Part>,
    loose: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Literal(String),
    One,
    Many,
}

/// Why a pattern is none, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BadPattern {
    pub what: String,
    pub hint: String,
}

/// Where a request goes, in the two readings of its path that rules are held against; see `ask.rs`.
pub struct Place<'a> {
    pub scheme: &'a str,
    pub host: &'a Host<String>,
    pub port: u16,
    pub exact: &'a [String],
    pub loose: &'a [String],
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Pattern, BadPattern> {
        let bad = |what: &str, hint: &str| BadPattern { what: format!("`{text}`: {what}"), hint: hint.to_owned() };
        let shape = "scheme, host, port and path: https://api.example.com/repos/**";
        let Some((scheme, rest)) = text.split_once("://") else { return Err(bad("no scheme", shape)) };
        if !matches!(scheme, "http" | "https") {
            return Err(bad("the scheme is neither http nor https", shape));
        }
        if rest.contains(['?', '#']) {
            return Err(bad("a query or fragment takes no part in a rule", "end the pattern before `?`"));
        }
        if rest.contains(['\\', '\t', '\n', '\r', ' ']) {
            return Err(bad("blanks and backslashes have no place here", shape));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.is_empty() || authority.contains('@') {
            return Err(bad("a host is needed, without user and password", shape));
        }
        let url = Url::parse(text).map_err(|error| bad(&error.to_string(), shape))?;
        let host = host_pattern(&url).ok_or_else(|| bad("a `*` stands for a whole label", "write `*.example.com`"))?;
        let path = match rest.find('/') {
            None => None,
            Some(at) => {
                Some(path_pattern(&url, rest.get(at..).unwrap_or_default()).map_err(|(what, hint)| bad(what, hint))?)
            }
        };
        let port = url.port_or_known_default().ok_or_else(|| bad("no port", shape))?;
        Ok(Pattern { text: text.to_owned(), scheme: scheme.to_owned(), host, port, path })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its parts, for `diff/samples.rs`: scheme and port, host, and the path in its two readings.
    pub fn origin(&self) -> (&str, u16) {
        (&self.scheme, self.port)
    }

    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// Exact and loose; `None` is every path.
    pub fn path(&self) -> Option<(&[Part], &[Part])> {
        self.path.as_ref().map(|path| (path.exact.as_slice(), path.loose.as_slice()))
    }

    /// For an allow rule: the path read exactly.
    pub fn allows(&self, place: &Place<'_>) -> bool {
        self.reaches(place) && self.path.as_ref().is_none_or(|path| glob(&path.exact, place.exact))
    }

    /// For a deny rule: the path read in every way a server might (letter case, `;` parameters, encoded letters, doubled
    /// slashes), because a deny that a spelling gets around is none.
    pub fn denies(&self, place: &Place<'_>) -> bool {
        let path_fits = |path: &PathPattern| glob(&path.exact, place.exact) || glob(&path.loose, place.loose);
        self.reaches(place) && self.path.as_ref().is_none_or(path_fits)
    }

    /// Scheme, host and port fit, whatever the path.
    pub fn reaches(&self, place: &Place<'_>) -> bool {
        self.scheme == place.scheme && self.port == place.port && self.host.fits(place.host)
    }

    pub fn restricts_path(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.exact != [Part::Many])
    }

    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// A host that somebody wrote out in full: nothing a script chooses is in it.
    pub fn names_host(&self) -> bool {
        match &self.host {
            HostPattern::Any => false,
            HostPattern::Address(_) => true,
            HostPattern::Labels(labels) => labels.iter().all(|label| matches!(label, Part::Literal(_))),
        }
    }

    /// The host ends in at least two labels that somebody wrote out: it belongs to one owner.
    pub fn names_domain(&self) -> bool {
        let HostPattern::Labels(labels) = &self.host else { return self.names_host() };
        let literal = |part: &Part| matches!(part, Part::Literal(_));
        self.names_host() || labels.iter().rev().take_while(|part| literal(part)).count() >= 2
    }

    /// Of two allow rules that both fit, the one that says more decides: a host written out in full, then more labels,
    /// then more path segments.
    pub fn weight(&self) -> (bool, usize, usize) {
        let count = |parts: &[Part]| {
            parts
                .iter()
                .map(|part| usize::from(*part != Part::Many) + usize::from(matches!(part, Part::Literal(_))))
                .sum()
        };
        let labels = match &self.host {
            HostPattern::Any => 0,
            HostPattern::Address(_) => usize::MAX,
            HostPattern::Labels(labels) => count(labels),
        };
        (self.names_host(), labels, self.path.as_ref().map_or(0, |path| count(&path.exact)))
    }
}

impl HostPattern {
    fn fits(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (HostPattern::Any, _) => true,
            (HostPattern::Address(address), Host::Ipv4(other)) => *address == IpAddr::V4(*other),
            (HostPattern::Address(address), Host::Ipv6(other)) => *address == IpAddr::V6(*other),
            (HostPattern::Labels(labels), Host::Domain(name)) => {
                let names: Vec<String> = name.split('.').map(str::to_owned).collect();
                glob(labels, &names)
            }
            _ => false,
        }
    }
}

fn host_pattern(url: &Url) -> Option<HostPattern> {
    match url.host()? {
        Host::Ipv4(address) => Some(HostPattern::Address(address.into())),
        Host::Ipv6(address) => Some(HostPattern::Address(address.into())),
        Host::Domain("**") => Some(HostPattern::Any),
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let labels: Option<Vec<Part>> = name.split('.').map(part).collect();
            labels.filter(|labels| !labels.contains(&Part::Literal(String::new()))).map(HostPattern::Labels)
        }
    }
}

fn path_pattern(url: &Url, written: &str) -> Result<PathPattern, (&'static str, &'static str)> {
    let path = crate::ask::plain_letters(url.path());
    if written.split('/').any(|segment| matches!(segment, "." | "..")) || crate::ask::ambiguous(&path) {
        return Err(("the path can be read in two ways", "write it without `.`, `..`, `//`, `%2f` and `;`"));
    }
    let whole = ("a `*` stands for a whole segment", "write `/repos/*/issues`");
    let exact: Vec<Part> = crate::ask::segments(&path).map(part).collect::<Option<_>>().ok_or(whole)?;
    let loose =
        crate::ask::loose_segments(&path).iter().map(|segment| part(segment)).collect::<Option<_>>().ok_or(whole)?;
    Ok(PathPattern { exact, loose })
}

fn part(text: &str) -> Option<Part> {
    match text {
        "*" => Some(Part::One),
        "**" => Some(Part::Many),
        text if text.contains('*') => None,
        text => Some(Part::Literal(text.to_owned())),
    }
}

/// Wildcard match with one point to fall back to (the last `**`): at most parts x items steps.
fn glob(parts: &[Part], items: &[String]) -> bool {
    let (mut at_part, mut at_item) = (0, 0);
    let mut fall_back: Option<(usize, usize)> = None;
    while let Some(item) = items.get(at_item) {
        let step = match parts.get(at_part) {
            Some(Part::Many) => {
                fall_back = Some((at_part + 1, at_item));
                at_part += 1;
                continue;
            }
            Some(Part::One) => true,
            Some(Part::Literal(text)) => text == item,
            None => false,
        };
        if step {
            (at_part, at_item) = (at_part + 1, at_item + 1);
            continue;
        }
        let Some((part, eaten)) = fall_back else { return false };
        fall_back = Some((part, eaten + 1));
        (at_part, at_item) = (part, eaten + 1);
    }
    parts.iter().skip(at_part).all(|part| *part == Part::Many)
}
