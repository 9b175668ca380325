//! In: scripts by tenant and name. Out: their versions, and the text of each.
//! May touch: nothing; back ends do.
//! Security boundary: no; who may ask for what is decided before, in `deploy.rs` and `trigger.rs`.

use super::Pending;
use mayfly_schemas::limits::{PARKED_BYTES_MAX, PARKED_RUNS_MAX};
use mayfly_schemas::limits::{SCRIPT_VERSIONS_BYTES_MAX, SCRIPT_VERSIONS_MAX, SCRIPTS_BYTES_MAX, SCRIPTS_MAX};
use mayfly_schemas::names::entity_tag;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What tenants have stored. Versions of a script are numbered from 1; the current one is the newest; the number goes up
/// with each write that changes something, a rollback included. Numbers begin anew when a script was deleted.
pub trait Scripts: Send + Sync {
    /// Makes `content` the current version. When it is so already, nothing changes.
    fn put(&self, key: Key, content: Arc<Content>, condition: Condition, author: Author) -> Pending<'_, Written>;

    /// Makes the content of an older version the current one. `NotFound` when that version is not kept (any more).
    fn roll_back(&self, key: Key, version: u64, condition: Condition, author: Author) -> Pending<'_, Written>;

    /// Forgets the script with all its versions, and gives what was current. `NotFound` when there is none.
    fn delete(&self, key: Key, condition: Condition) -> Pending<'_, Written>;

    /// About one version; `None` is the current one.
    fn info(&self, key: Key, version: Option<u64>) -> Pending<'_, Option<Info>>;

    fn content(&self, tenant: String, digest: Digest) -> Pending<'_, Option<Content>>;

    /// Current versions of a tenant's scripts in the order of their names, at most `limit` of those behind `after`.
    fn list(&self, tenant: String, after: String, limit: u32) -> Pending<'_, Vec<Info>>;

    /// Versions of one script, the newest first, at most `limit` of those below `before`.
    fn versions(&self, key: Key, before: Option<u64>, limit: u32) -> Pending<'_, Vec<Info>>;
}

pub type Digest = [u8; 32];

/// A script's place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub tenant: String,
    pub name: String,
}

/// The text of a script: its modules, and which of them starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub main: String,
    pub modules: BTreeMap<String, String>,
}

/// One version, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    pub name: String,
    pub version: u64,
    pub digest: Digest,
    pub source_bytes: u64,
    pub created_at_ms: u64,
    /// Role of the token that made it.
    pub role: String,
    /// The version whose content this is, when it came by rollback.
    pub rollback_to: Option<u64>,
}

/// Who writes, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub role: String,
    pub at_ms: u64,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub info: Info,
    /// There was no such script before.
    pub created: bool,
    /// False: it was so already, and nothing was written.
    pub changed: bool,
}

/// RFC 9110, section 13: what must hold of the current version for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    pub if_match: Tags,
    pub if_none_match: Tags,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tags {
    #[default]
    Absent,
    Any,
    List(Vec<String>),
}

/// How much one tenant may keep.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub scripts: u64,
    pub scripts_bytes: u64,
    pub versions: u64,
    pub versions_bytes: u64,
    /// Parked runs, and what is kept of them.
    pub parked: u64,
    pub parked_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            scripts: SCRIPTS_MAX,
            scripts_bytes: SCRIPTS_BYTES_MAX,
            versions: SCRIPT_VERSIONS_MAX,
            versions_bytes: SCRIPT_VERSIONS_BYTES_MAX,
            parked: PARKED_RUNS_MAX,
            parked_bytes: PARKED_BYTES_MAX,
        }
    }
}

impl Content {
    pub fn bytes(&self) -> u64 {
        self.modules.values().map(|source| source.len() as u64).sum()
    }

    /// Every length is part of it, so that no two contents can meet.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        let mut part = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        part(&self.main);
        for (name, source) in &self.modules {
            part(name);
            part(source);
        }
        hasher.finalize().into()
    }
}

impl Info {
    pub fn tag(&self) -> String {
        entity_tag(self.version, &self.digest)
    }
}

impl Condition {
    /// Whether a write may happen while `current` is the current version.
    pub fn holds(&self, current: Option<&Info>) -> bool {
        let is = |tags: &Tags| match (tags, current) {
            (Tags::Absent, _) => None,
            (Tags::Any, current) => Some(current.is_some()),
            (Tags::List(tags), current) => Some(current.is_some_and(|info| tags.contains(&info.tag()))),
        };
        is(&self.if_match).unwrap_or(true) && !is(&self.if_none_match).unwrap_or(false)
    }
}

/// Of versions from the newest on, with digest and size: the first one that is not kept.
pub fn first_to_go(versions: &[(u64, Digest, u64)], bounds: &Bounds) -> Option<u64> {
    let (mut seen, mut bytes) = (std::collections::HashSet::new(), 0);
    for (count, (version, digest, size)) in (0..).zip(versions) {
        if seen.insert(digest) {
            bytes += size;
        }
        // The current one is kept, however large it is.
        if count > 0 && (count >= bounds.versions || bytes > bounds.versions_bytes) {
            return Some(*version);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: u64) -> Info {
        let (name, role) = ("a".into(), "admin".into());
        Info { name, version, digest: [7; 32], source_bytes: 1, created_at_ms: 0, role, rollback_to: None }
    }

    #[test]
    fn a_condition_holds_as_rfc_9110_says() {
        let list = |tags: &[&str]| Tags::List(tags.iter().map(|tag| (*tag).to_owned()).collect());
        let (current, tag, other) = (info(3), "v3-0707070707070707", "v2-0707070707070707");
        #[rustfmt::skip]
        let table = [
            // If-Match, If-None-Match, holds while there is one, holds while there is none
            (Tags::Absent, Tags::Absent, true, true),
            (Tags::Any, Tags::Absent, true, false),
            (Tags::Absent, Tags::Any, false, true),
            (Tags::Any, Tags::Any, false, false),
            (list(&[tag]), Tags::Absent, true, false),
            (list(&[other]), Tags::Absent, false, false),
            (list(&[other, tag]), Tags::Absent, true, false),
            (list(&[]), Tags::Absent, false, false),
            (Tags::Absent, list(&[tag]), false, true),
            (Tags::Absent, list(&[other]), true, true),
            (Tags::Absent, list(&[]), true, true),
            (list(&[tag]), list(&[tag]), false, false),
        ];
        for (if_match, if_none_match, present, absent) in table {
            let condition = Condition { if_match, if_none_match };
            assert_eq!(condition.holds(Some(&current)), present, "{condition:?}");
            assert_eq!(condition.holds(None), absent, "{condition:?}");
        }
    }

    #[test]
    fn no_two_contents_have_one_digest_by_moving_a_border() {
        let content = |main: &str, modules: &[(&str, &str)]| {
            let modules = modules.iter().map(|(name, source)| ((*name).into(), (*source).into())).collect();
            Content { main: main.into(), modules }.digest()
        };
        let digests = [
            content("a", &[("a", "bc")]),
            content("a", &[("ab", "c")]),
            content("ab", &[("a", "bc")]),
            content("a", &[("a", "b"), ("c", "")]),
            content("a", &[("a", ""), ("b", "c")]),
        ];
        assert_eq!(std::collections::HashSet::from(digests).len(), digests.len());
    }

    #[test]
    fn the_oldest_versions_go_first_and_the_current_one_never() {
        let bounds = Bounds { versions: 3, versions_bytes: 100, ..Bounds::default() };
        let version = |number: u64, kind: u8, size: u64| (number, [kind; 32], size);
        assert_eq!(first_to_go(&[], &bounds), None);
        assert_eq!(first_to_go(&[version(1, 1, 1_000)], &bounds), None);
        assert_eq!(first_to_go(&[version(3, 3, 1), version(2, 2, 1), version(1, 1, 1)], &bounds), None);
        assert_eq!(
            first_to_go(&[version(4, 4, 1), version(3, 3, 1), version(2, 2, 1), version(1, 1, 1)], &bounds),
            Some(1)
        );
        assert_eq!(first_to_go(&[version(3, 3, 60), version(2, 2, 60), version(1, 1, 1)], &bounds), Some(2));
        // The same content is kept once.
        assert_eq!(first_to_go(&[version(3, 1, 60), version(2, 2, 30), version(1, 1, 60)], &bounds), None);
    }
}
