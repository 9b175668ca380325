//! In: two versions of the tenant files. Out: which reach was gained between them, and which was lost.
//! May touch: those files and the documents of tools that they name; no credential.
//! Security boundary: yes; people merge a change because nothing is gained by it. What cannot be decided counts as gained,
//! and says so.

mod reach;
mod rest;
mod samples;
mod tools;

use crate::reload;
use crate::settings::Settings;
use crate::tenants::{self, Frame, Tenant};
use crate::vault::Vault;
use mayfly_schemas::limits::POLICY_DIFF_NAMES_MAX;
use mayfly_schemas::strict::Mistake;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a change of tenant files changes for those who run code.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub gained: Vec<Change>,
    pub lost: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    pub tenant: String,
    /// `request`, `credential`, `private`, `tools`, `token`, `script`, `route`, `limit`, `file`.
    pub kind: &'static str,
    /// In words for a person.
    pub what: String,
    /// A request of that kind, such as `GET https://api.example.com:443/any`; empty where no request shows it.
    pub example: String,
    /// Whether it is so, or only could not be ruled out.
    pub exact: bool,
}

/// One tenant's file, read.
struct Version {
    tenant: Arc<Tenant>,
    file: toml::Table,
}

/// Gathers the changes of one tenant.
struct Report<'a> {
    tenant: &'a str,
    found: Difference,
}

pub fn diff(old: &Settings, new: &Settings) -> Result<Difference, Vec<Mistake>> {
    let (old_tenants, new_tenants) = (versions(old)?, versions(new)?);
    let names: std::collections::BTreeSet<&String> = old_tenants.keys().chain(new_tenants.keys()).collect();
    let mut all = Difference::default();
    for name in names {
        let mut report = Report { tenant: name, found: Difference::default() };
        match (old_tenants.get(name), new_tenants.get(name)) {
            (Some(before), Some(after)) => compare(&mut report, before, after),
            (Some(before), None) => {
                report.lost("file", "the tenant is not there any more".to_owned());
                compare(&mut report, before, &nobody(name, old)?);
            }
            (None, Some(after)) => {
                report.gained("file", "the tenant is new".to_owned());
                compare(&mut report, &nobody(name, new)?, after);
            }
            (None, None) => {}
        }
        all.gained.append(&mut report.found.gained);
        all.lost.append(&mut report.found.lost);
    }
    Ok(all)
}

fn compare(report: &mut Report<'_>, old: &Version, new: &Version) {
    reach::rules(report, &old.tenant, &new.tenant);
    tools::compare(report, old, new);
    rest::compare(report, old, new);
}

fn versions(settings: &Settings) -> Result<BTreeMap<String, Version>, Vec<Mistake>> {
    let read = reload::tenants_without_credentials(settings)?;
    let version = |(tenant, text): (Arc<Tenant>, String)| {
        let file = toml::from_str(&text).unwrap_or_default();
        (tenant.name.clone(), Version { tenant, file })
    };
    Ok(read.into_iter().map(version).collect())
}

/// A tenant that may do nothing, under the same ceilings.
fn nobody(name: &str, settings: &Settings) -> Result<Version, Vec<Mistake>> {
    let text = format!("tenant = \"{name}\"\n");
    let vault = Vault::of(settings);
    let frame = Frame {
        folder: Path::new(""),
        ceilings: &settings.ceilings,
        defaults: &settings.defaults,
        values: false,
        vault: &vault,
    };
    let tenant = tenants::parse(name, &text, &frame).map_err(|rejected| rejected.mistakes)?;
    Ok(Version { tenant: Arc::new(tenant), file: toml::from_str(&text).unwrap_or_default() })
}

impl Report<'_> {
    fn change(&self, kind: &'static str, what: String, example: String, exact: bool) -> Change {
        Change { tenant: self.tenant.to_owned(), kind, what, example, exact }
    }

    fn gained(&mut self, kind: &'static str, what: String) {
        self.found.gained.push(self.change(kind, what, String::new(), true));
    }

    fn lost(&mut self, kind: &'static str, what: String) {
        self.found.lost.push(self.change(kind, what, String::new(), true));
    }

    /// Something is different, and whether it opens or closes something is not decided here.
    fn unclear(&mut self, kind: &'static str, what: String) {
        self.found.gained.push(self.change(kind, what, String::new(), false));
    }

    /// Where more is more reach.
    fn number(&mut self, kind: &'static str, name: &str, old: u64, new: u64) {
        match old.cmp(&new) {
            std::cmp::Ordering::Less => self.gained(kind, format!("{name} is raised from {old} to {new}")),
            std::cmp::Ordering::Greater => self.lost(kind, format!("{name} is lowered from {old} to {new}")),
            std::cmp::Ordering::Equal => {}
        }
    }
}

/// Some of the names, and how many more there are.
fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(POLICY_DIFF_NAMES_MAX).copied().collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// For people: what was gained first, since somebody has to agree to it.
impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (title, mark, changes) in [("gained", '+', &self.gained), ("lost", '-', &self.lost)] {
            let mut tenant = None;
            for change in changes {
                if tenant != Some(&change.tenant) {
                    tenant = Some(&change.tenant);
                    writeln!(f, "{}: {title}", change.tenant)?;
                }
                writeln!(f, "  {mark} {}", change.what)?;
                if !change.exact {
                    writeln!(f, "      cannot be decided exactly; counts as gained")?;
                }
                if !change.example.is_empty() {
                    writeln!(f, "      for example {}", change.example)?;
                }
            }
        }
        match (self.gained.len(), self.lost.len()) {
            (0, 0) => writeln!(f, "nothing gained, nothing lost"),
            (0, _) => writeln!(f, "nothing gained"),
            _ => Ok(()),
        }
    }
}
