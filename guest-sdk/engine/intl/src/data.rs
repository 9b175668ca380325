//! In: a locale, a section and a key. Out: CLDR's words for it, from the locale itself or from those it inherits from.
//! May touch: the pieces of `intl.bin`; what was inflated once is kept, and all of it together has an end.
//! Security boundary: no.

use miniz_oxide::inflate::decompress_slice_iter_to_slice;
use std::cell::RefCell;
use std::collections::BTreeMap;

include!(concat!(env!("OUT_DIR"), "/index.rs"));

static BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/intl.bin"));

/// What a locale knows, in the order of `build/locales.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Numbers,
    Currencies,
    Units,
    Lists,
    Dates,
    Fields,
    Zones,
    Languages,
    Regions,
    Scripts,
    Calendars,
}

/// What belongs to no locale, in the order of `build/locales.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Common {
    Plurals,
    Ordinals,
    Ranges,
    Digits,
    Symbols,
    Fractions,
    Hours,
    Periods,
    Weeks,
    Calendars,
    Zones,
    Metazones,
    Golden,
    Units,
}

/// Where a deflated piece lies in the blob, and how long it is in full.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    at: u32,
    packed: u32,
    length: u32,
}

const NOTHING: Piece = Piece { at: 0, packed: 0, length: 0 };

/// A locale of the index.
pub enum Entry {
    /// Number of the locale whose data this is.
    Alias(u16),
    /// Number of the parent, and what is different: lines of section, number of the key, value.
    Child(u16, Piece),
    /// Values of every section, in the order of its keys.
    Base([Piece; KEYS.len()]),
}

impl Piece {
    /// The piece in full. It stays in memory: the callers see to it that this is done once.
    fn inflate(self) -> &'static [u8] {
        let packed = BLOB.get(self.at as usize..).and_then(|rest| rest.get(..self.packed as usize)).unwrap_or_default();
        let mut bytes = vec![0; self.length as usize];
        // The build deflated it: it cannot fail, and would be found out by every test.
        let whole = decompress_slice_iter_to_slice(&mut bytes, std::iter::once(packed), false, true);
        if whole.is_ok() { bytes.leak() } else { &[] }
    }

    /// The piece in full, from the first time on.
    pub fn inflate_once(self) -> &'static [u8] {
        thread_local! {
            static KEPT: RefCell<BTreeMap<u32, &'static [u8]>> = const { RefCell::new(BTreeMap::new()) };
        }
        KEPT.with_borrow_mut(|kept| *kept.entry(self.at).or_insert_with(|| self.inflate()))
    }

    /// The piece as lines of text.
    pub fn lines(self) -> &'static Lines {
        thread_local! {
            static KEPT: RefCell<BTreeMap<u32, &'static Lines>> = const { RefCell::new(BTreeMap::new()) };
        }
        if let Some(lines) = KEPT.with_borrow(|kept| kept.get(&self.at).copied()) {
            return lines;
        }
        let lines = if self.length == 0 {
            Lines::default()
        } else {
            Lines::of(std::str::from_utf8(self.inflate()).unwrap_or_default())
        };
        let lines: &'static Lines = Box::leak(Box::new(lines));
        if self.length > 0 {
            KEPT.with_borrow_mut(|kept| kept.insert(self.at, lines));
        }
        lines
    }
}

/// Text by line.
#[derive(Default)]
pub struct Lines {
    text: &'static str,
    starts: Vec<u32>,
}

impl Lines {
    fn of(text: &'static str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1);
        Lines { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    pub fn get(&self, line: usize) -> Option<&'static str> {
        let start = *self.starts.get(line)? as usize;
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| *next as usize - 1);
        self.text.get(start..end)
    }

    pub fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        (0..self.len()).filter_map(|line| self.get(line))
    }

    /// The line whose key, as `key` reads it, is `wanted`. Lines are sorted by it.
    fn search<K: Ord>(&self, wanted: &K, key: impl Fn(&'static str) -> K) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match key(self.get(middle)?).cmp(wanted) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// What follows `key` in its line.
    pub fn value(&self, key: &str) -> Option<&'static str> {
        let line = self.search(&key, |line| line.split('\t').next().unwrap_or_default())?;
        Some(self.get(line)?.split_once('\t').map_or("", |(_, value)| value))
    }
}

/// The values of a line by place; absent ones are empty.
pub fn list<const N: usize>(line: &'static str) -> [&'static str; N] {
    let mut values = line.split('\t');
    std::array::from_fn(|_| values.next().unwrap_or_default())
}

/// A value of a section that belongs to no locale.
pub fn common(section: Common, key: &str) -> Option<&'static str> {
    common_lines(section).value(key)
}

pub fn common_lines(section: Common) -> &'static Lines {
    COMMON.get(section as usize).copied().unwrap_or(NOTHING).lines()
}

/// A locale that there is data for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data(u16);

impl Data {
    pub fn find(tag: &str) -> Option<Data> {
        LOCALES.binary_search_by_key(&tag, |(known, _)| known).ok().map(|at| Data(at as u16))
    }

    pub fn tag(self) -> &'static str {
        LOCALES.get(usize::from(self.0)).map_or("en", |(tag, _)| tag)
    }

    /// Its value, or that of the nearest ancestor that has one.
    pub fn get(self, section: Section, key: &str) -> Option<&'static str> {
        let key = KEYS.get(section as usize)?.lines().search(&key, |line| line)?;
        let mut at = self.0;
        loop {
            at = match &LOCALES.get(usize::from(at))?.1 {
                Entry::Alias(of) => *of,
                Entry::Child(parent, changes) => match changed(changes.lines(), section, key) {
                    Some(value) => return Some(value).filter(|value| !value.is_empty()),
                    None => *parent,
                },
                Entry::Base(sections) => {
                    let value = sections.get(section as usize)?.lines().get(key)?;
                    return Some(value).filter(|value| !value.is_empty());
                }
            }
        }
    }

    /// The value of a key that every locale has; empty if it had not.
    pub fn text(self, section: Section, key: &str) -> &'static str {
        self.get(section, key).unwrap_or_default()
    }

    /// The values of such a key by place; absent ones are empty.
    pub fn list<const N: usize>(self, section: Section, key: &str) -> [&'static str; N] {
        list(self.text(section, key))
    }

    /// Keys of the section that begin with `prefix`, with what follows it, and their values.
    pub fn with_prefix(self, section: Section, prefix: &str) -> Vec<(&'static str, &'static str)> {
        let keys = KEYS.get(section as usize).copied().unwrap_or(NOTHING).lines();
        let own = keys.iter().filter_map(|key| key.strip_prefix(prefix).map(|rest| (key, rest)));
        own.filter_map(|(key, rest)| Some((rest, self.get(section, key)?))).collect()
    }
}

fn changed(changes: &Lines, section: Section, key: usize) -> Option<&'static str> {
    let place = |line: &'static str| {
        let mut parts = line.splitn(3, '\t').map(|part| part.parse::<usize>().unwrap_or(usize::MAX));
        (parts.next(), parts.next())
    };
    let line = changes.search(&(Some(section as usize), Some(key)), place)?;
    changes.get(line)?.splitn(3, '\t').nth(2)
}

/// Every tag that there is data for.
pub fn tags() -> impl Iterator<Item = &'static str> {
    LOCALES.iter().map(|(tag, _)| *tag)
}
