//! In: the files of `data`. Out: the sections of every locale, without their keys, which are listed once for all.
//! May touch: the data folder.
//! Security boundary: no.

use crate::pack::Pack;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// In the order of `Section` in `src/data.rs`.
const SECTIONS: [&str; 11] = [
    "numbers",
    "currencies",
    "units",
    "lists",
    "dates",
    "fields",
    "zones",
    "languages",
    "regions",
    "scripts",
    "calendars",
];
/// In the order of `Common` in `src/data.rs`.
const COMMON: [&str; 14] = [
    "plurals",
    "ordinals",
    "ranges",
    "digits",
    "symbols",
    "fractions",
    "hours",
    "periods",
    "weeks",
    "calendars",
    "zones",
    "metazones",
    "golden",
    "units",
];

type Lines = BTreeMap<String, String>;

#[derive(Default)]
struct Locale {
    parent: Option<String>,
    sections: BTreeMap<String, Lines>,
}

pub fn write(folder: &Path, pack: &mut Pack) -> String {
    let mut locales = BTreeMap::new();
    let mut common = Locale::default();
    for file in fs::read_dir(folder).expect("the data is there") {
        let path = file.expect("the data folder is readable").path();
        let text = fs::read_to_string(&path).expect("the data is readable");
        if path.ends_with("supplemental.txt") {
            common = read(&text).remove("").expect("sections without a locale");
        } else {
            locales.extend(read(&text));
        }
    }
    let keys = SECTIONS.map(|section| keys_of(section, &locales));
    let mut index = String::new();
    let pieces = keys.each_ref().map(|keys| pack.add(keys.join("\n").as_bytes())).join(", ");
    let _ = writeln!(index, "pub static KEYS: [Piece; {}] = [{pieces}];", SECTIONS.len());
    let pieces = COMMON.map(|section| pack.add(plain(common.sections.get(section)).as_bytes())).join(", ");
    let _ = writeln!(index, "pub static COMMON: [Piece; {}] = [{pieces}];", COMMON.len());

    let aliases = common.sections.get("aliases").expect("aliases");
    let tags: BTreeSet<&str> = locales.keys().chain(aliases.keys()).map(String::as_str).collect();
    let place = |tag: &str| tags.iter().position(|known| *known == tag).unwrap_or_else(|| panic!("{tag} has no data"));
    let _ = writeln!(index, "pub static LOCALES: &[(&str, Entry)] = &[");
    for tag in &tags {
        let entry = match (locales.get(*tag), aliases.get(*tag)) {
            (Some(locale), _) => match &locale.parent {
                Some(parent) => {
                    format!("Entry::Child({}, {})", place(parent), pack.add(changes(locale, &keys).as_bytes()))
                }
                None => {
                    let pieces: Vec<String> = SECTIONS
                        .iter()
                        .zip(&keys)
                        .map(|(name, keys)| pack.add(values(locale, name, keys).as_bytes()))
                        .collect();
                    format!("Entry::Base([{}])", pieces.join(", "))
                }
            },
            (None, Some(of)) => format!("Entry::Alias({})", place(of)),
            (None, None) => unreachable!("tags are those of locales and aliases"),
        };
        let _ = writeln!(index, "    (\"{tag}\", {entry}),");
    }
    index.push_str("];\n");
    index
}

/// The locales of a file; sections before any locale stand under the empty name.
fn read(text: &str) -> BTreeMap<String, Locale> {
    let mut found: BTreeMap<String, Locale> = BTreeMap::new();
    let (mut tag, mut section) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("= ") {
            let (name, parent) = head.split_once(" < ").map_or((head, None), |(name, parent)| (name, Some(parent)));
            tag = name.to_owned();
            found.entry(tag.clone()).or_default().parent = parent.map(str::to_owned);
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else {
            let (key, value) = line.split_once('\t').unwrap_or((line, ""));
            let lines = found.entry(tag.clone()).or_default().sections.entry(section.clone()).or_default();
            lines.insert(key.to_owned(), unescape(value));
        }
    }
    found
}

/// `\uXXXX` as the character it stands for.
fn unescape(value: &str) -> String {
    let mut parts = value.split("\\u");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = u32::from_str_radix(&part[..4], 16).expect("four hexadecimal digits");
        out.push(char::from_u32(code).expect("a character"));
        out.push_str(&part[4..]);
    }
    out
}

fn keys_of(section: &str, locales: &BTreeMap<String, Locale>) -> Vec<String> {
    let lines = locales.values().filter_map(|locale| locale.sections.get(section));
    lines.flat_map(Lines::keys).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// The values alone, in the order of the keys.
fn values(locale: &Locale, section: &str, keys: &[String]) -> String {
    let empty = Lines::new();
    let lines = locale.sections.get(section).unwrap_or(&empty);
    let values: Vec<&str> = keys.iter().map(|key| lines.get(key).map_or("", String::as_str)).collect();
    values.join("\n")
}

/// What a child changes: section, number of the key, value.
fn changes(locale: &Locale, keys: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (number, (section, keys)) in SECTIONS.iter().zip(keys).enumerate() {
        for (key, value) in locale.sections.get(*section).into_iter().flatten() {
            let at = keys.binary_search(key).expect("the keys are all of them");
            let _ = writeln!(out, "{number}\t{at}\t{value}");
        }
    }
    out
}

fn plain(lines: Option<&Lines>) -> String {
    let lines = lines.expect("every section is there");
    lines.iter().map(|(key, value)| format!("{key}\t{value}")).collect::<Vec<_>>().join("\n")
}
