//! In: the patterns of two versions of a tenant's rules. Out: URLs, at least one for each way in which a URL can match them.
//! May touch: nothing.
//! Security boundary: yes; a way that is missing here is a gain that `mayfly policy diff` does not tell.
//!
//! A pattern is a word of literals, `*` and `**` over labels and over segments: a regular language. All patterns are stepped
//! together, as a set of places reached in each, and each set of places is looked at once (the subset construction): what is
//! left of a URL then matters no more than which patterns have come to their end. At each set only the words that some pattern
//! asks for next can make a difference; all others are as good as one that nobody wrote. So the comparison is exact, and a
//! sample is a real URL, to which the rules' own code gives its verdict.
//!
//! Of a segment, deny rules read a second form (`ask.rs`, loose): a word that some deny rule asks for in that form is tried in
//! a spelling that no exact pattern has, and so is a segment that is nothing in that form.

use crate::ask::{Target, loose_segments, plain_letters};
use crate::patterns::{HostPattern, Part, Pattern};
use mayfly_schemas::limits::POLICY_DIFF_STEPS_MAX;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::IpAddr;
use url::Host;

/// Hosts that the same patterns match, under one scheme and port.
pub struct Hosts {
    /// Which patterns, by their index.
    pub patterns: Vec<usize>,
    /// One host that somebody wrote out: the only one that these patterns match together.
    pub is_one: bool,
    pub urls: Vec<String>,
}

/// More ways to match than are looked at, or one that no URL could be made for.
#[derive(Debug)]
pub struct Undecided;

/// A place reached in a pattern: which one, and how many of its parts are behind it.
type Spot = (usize, usize);
type Globs<'p> = BTreeMap<usize, &'p [Part]>;

/// `denying`: those of the patterns, by index, that are held against the loose form too.
pub fn samples(patterns: &[&Pattern], denying: &HashSet<usize>) -> Result<Vec<Hosts>, Undecided> {
    let mut left = POLICY_DIFF_STEPS_MAX;
    let origins: BTreeSet<(&str, u16)> = patterns.iter().map(|pattern| pattern.origin()).collect();
    let mut found = Vec::new();
    for (scheme, port) in origins {
        let here: Vec<usize> = at(patterns, |pattern| pattern.origin() == (scheme, port));
        for (host, reaching, is_one) in hosts(patterns, &here, &mut left)? {
            let front = format!("{scheme}://{host}:{port}");
            let (exact, loose) = forms(patterns, &reaching, denying);
            let mut urls = paths(&front, &exact, &loose, &mut left)?;
            // One that servers read in two ways: where no rule restricts paths they are all alike, elsewhere all are refused.
            urls.push(format!("{front}/a%2fb"));
            found.push(Hosts { patterns: reaching, is_one, urls });
        }
    }
    Ok(found)
}

fn at(patterns: &[&Pattern], fits: impl Fn(&Pattern) -> bool) -> Vec<usize> {
    patterns.iter().enumerate().filter(|(_, pattern)| fits(pattern)).map(|(index, _)| index).collect()
}

/// One host for each set of patterns that match it.
fn hosts(
    patterns: &[&Pattern],
    here: &[usize],
    left: &mut usize,
) -> Result<Vec<(String, Vec<usize>, bool)>, Undecided> {
    let among = |fits: &dyn Fn(&HostPattern) -> bool| -> Vec<usize> {
        here.iter().copied().filter(|index| patterns.get(*index).is_some_and(|pattern| fits(pattern.host()))).collect()
    };
    let any = among(&|host| matches!(host, HostPattern::Any));
    let mut found: BTreeMap<Vec<usize>, String> = BTreeMap::new();
    let addresses: BTreeSet<IpAddr> = here
        .iter()
        .filter_map(|index| match patterns.get(*index)?.host() {
            HostPattern::Address(address) => Some(*address),
            _ => None,
        })
        .collect();
    for address in &addresses {
        let mut reaching = among(&|host| matches!(host, HostPattern::Address(written) if written == address));
        reaching.extend(&any);
        reaching.sort_unstable();
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        found.insert(reaching, host);
    }
    let globs: Globs<'_> = here
        .iter()
        .filter_map(|index| match patterns.get(*index)?.host() {
            HostPattern::Labels(labels) => Some((*index, labels.as_slice())),
            _ => None,
        })
        .collect();
    let start = (close(&globs, globs.keys().map(|index| (*index, 0)).collect()), String::new());
    let mut seen = HashSet::from([start.0.clone()]);
    let mut queue = VecDeque::from([start]);
    while let Some((spots, host)) = queue.pop_front() {
        let literals = literals(&globs, &spots);
        *left = left.checked_sub((spots.len() + 1) * (literals.len() + 1)).ok_or(Undecided)?;
        let other = other("any", |word| literals.contains(word));
        for label in literals.iter().copied().chain([other.as_str()]) {
            let next = close(&globs, step(&globs, &spots, label));
            let name = if host.is_empty() { label.to_owned() } else { format!("{host}.{label}") };
            let mut reaching = ends(&globs, &next);
            reaching.extend(&any);
            reaching.sort_unstable();
            if !reaching.is_empty() && is_domain(&name) {
                found.entry(reaching).or_insert_with(|| name.clone());
            }
            if !next.is_empty() && seen.insert(next.clone()) {
                queue.push_back((next, name));
            }
        }
    }
    let is_one = |reaching: &[usize]| {
        reaching.iter().any(|index| patterns.get(*index).is_some_and(|pattern| pattern.names_host()))
    };
    Ok(found.into_iter().map(|(reaching, host)| (host, reaching.clone(), is_one(&reaching))).collect())
}

/// Not what the parser takes for an address: a name whose last label is a number.
fn is_domain(name: &str) -> bool {
    matches!(Host::parse(name), Ok(Host::Domain(parsed)) if parsed == name)
}

/// What has been read of a path: the places in its exact and in its loose form, and whether an empty segment ended it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Read {
    exact: Vec<Spot>,
    loose: Vec<Spot>,
    ended: bool,
}

/// Paths of the patterns in their exact form, and in the loose one where that counts.
fn forms<'p>(patterns: &[&'p Pattern], here: &[usize], denying: &HashSet<usize>) -> (Globs<'p>, Globs<'p>) {
    let (mut exact, mut loose) = (Globs::new(), Globs::new());
    for index in here {
        if let Some((as_written, loosely)) = patterns.get(*index).and_then(|pattern| pattern.path()) {
            exact.insert(*index, as_written);
            if denying.contains(index) {
                loose.insert(*index, loosely);
            }
        }
    }
    (exact, loose)
}

fn paths(front: &str, exact: &Globs<'_>, loose: &Globs<'_>, left: &mut usize) -> Result<Vec<String>, Undecided> {
    let begin = |globs: &Globs<'_>| close(globs, globs.keys().map(|index| (*index, 0)).collect());
    let start = Read { exact: begin(exact), loose: begin(loose), ended: false };
    let (mut seen, mut matched) = (HashSet::from([start.clone()]), HashSet::new());
    let mut queue = VecDeque::from([(start, Vec::<String>::new())]);
    let mut urls = Vec::new();
    while let Some((read, path)) = queue.pop_front() {
        if matched.insert((ends(exact, &read.exact), ends(loose, &read.loose))) {
            urls.push(url(front, &path)?);
        }
        if read.ended {
            continue;
        }
        let segments = segments(exact, loose, &read);
        let steps = (read.exact.len() + read.loose.len() + 1) * segments.len();
        *left = left.checked_sub(steps).ok_or(Undecided)?;
        for segment in segments {
            // `/` alone has no segment, not an empty one.
            if segment.is_empty() && path.is_empty() {
                continue;
            }
            let next = Read {
                exact: close(exact, step(exact, &read.exact, &segment)),
                loose: match loose_form(&segment) {
                    Some(word) => close(loose, step(loose, &read.loose, &word)),
                    None => read.loose.clone(),
                },
                ended: segment.is_empty(),
            };
            if seen.insert(next.clone()) {
                queue.push_back((next, [path.as_slice(), &[segment]].concat()));
            }
        }
    }
    Ok(urls)
}

/// The segments that can make a difference from here on.
fn segments(exact: &Globs<'_>, loose: &Globs<'_>, read: &Read) -> Vec<String> {
    let (asked, asked_loosely) = (literals(exact, &read.exact), literals(loose, &read.loose));
    let is_asked = |segment: &str| asked.contains(segment);
    let mut segments: Vec<String> = asked.iter().map(|word| (*word).to_owned()).collect();
    // In its loose form what a deny rule asks for, in the exact one what nobody wrote.
    for word in &asked_loosely {
        let spelt = plain_letters(&utf8_percent_encode(word, NON_ALPHANUMERIC).to_string());
        segments.push(other(&format!("{spelt};x"), is_asked));
    }
    segments.push(other("any", |segment| is_asked(segment) || asked_loosely.contains(segment)));
    segments.push(other(";x", is_asked));
    segments
}

fn loose_form(segment: &str) -> Option<String> {
    loose_segments(&format!("/{segment}")).pop()
}

/// A URL whose path is read as these segments, or nothing is decided.
fn url(front: &str, path: &[String]) -> Result<String, Undecided> {
    let url = format!("{front}/{}", path.join("/"));
    let target = Target::parse("GET", &url).map_err(|_| Undecided)?;
    if target.is_ambiguous() || target.place().exact != path { Err(Undecided) } else { Ok(url) }
}

/// `word`, made longer until nobody asks for it.
fn other(word: &str, is_asked: impl Fn(&str) -> bool) -> String {
    let mut word = word.to_owned();
    while is_asked(&word) {
        word.push('x');
    }
    word
}

/// `**` may stand for nothing.
fn close(globs: &Globs<'_>, mut spots: Vec<Spot>) -> Vec<Spot> {
    let mut at = 0;
    while let Some((pattern, place)) = spots.get(at).copied() {
        if part(globs, (pattern, place)) == Some(&Part::Many) {
            spots.push((pattern, place + 1));
        }
        at += 1;
    }
    spots.sort_unstable();
    spots.dedup();
    spots
}

fn step(globs: &Globs<'_>, spots: &[Spot], word: &str) -> Vec<Spot> {
    let next = |(pattern, place): &Spot| match part(globs, (*pattern, *place))? {
        Part::Many => Some((*pattern, *place)),
        Part::One => Some((*pattern, place + 1)),
        Part::Literal(text) => (text == word).then_some((*pattern, place + 1)),
    };
    spots.iter().filter_map(next).collect()
}

/// Patterns that have come to their end.
fn ends(globs: &Globs<'_>, spots: &[Spot]) -> Vec<usize> {
    let is_end = |(pattern, place): &&Spot| globs.get(pattern).is_some_and(|parts| parts.len() == *place);
    spots.iter().filter(is_end).map(|(pattern, _)| *pattern).collect()
}

fn literals<'p>(globs: &Globs<'p>, spots: &[Spot]) -> BTreeSet<&'p str> {
    let literal = |spot: &Spot| match globs.get(&spot.0)?.get(spot.1)? {
        Part::Literal(text) => Some(text.as_str()),
        _ => None,
    };
    spots.iter().filter_map(literal).collect()
}

fn part<'p>(globs: &Globs<'p>, (pattern, place): Spot) -> Option<&'p Part> {
    globs.get(&pattern)?.get(place)
}
