//! In: a locale, a zone, a point in time. Out: what the zone is called there: "EST", "Central European Time", "GMT+1".
//! May touch: nothing.
//! Security boundary: no. The rules are those of ICU's TimeZoneFormat and TimeZoneGenericNames (Unicode-3.0), told anew.

use super::zone::{Offset, Zone};
use crate::data::{Common, Data, Section, common, common_lines};
use crate::number::symbols::Symbols;
use crate::parts::fill_text;

/// Place of each name in CLDR's lists, long ones; short ones are three further on.
#[derive(Clone, Copy)]
enum Kind {
    Generic = 0,
    Standard = 1,
    Daylight = 2,
}

const SHORT: usize = 3;

pub struct ZoneNames {
    data: Data,
    region: String,
    zone: Zone,
    /// CLDR's own name of the zone.
    canonical: &'static str,
    formats: [&'static str; 7],
    symbols: Symbols,
}

impl ZoneNames {
    pub fn new(data: Data, region: &str, zone: &Zone, symbols: Symbols) -> ZoneNames {
        ZoneNames {
            data,
            region: region.to_owned(),
            zone: zone.clone(),
            canonical: canonical(zone.name()),
            formats: data.list(Section::Zones, "formats"),
            symbols,
        }
    }

    /// The name that `count` letters of a date pattern mean: z, O, v.
    pub fn name(&self, letter: char, count: usize, ms: i64, offset: Offset) -> String {
        let short = count < 4;
        let found = match letter {
            'z' => self.specific(short, ms, offset),
            'v' => self.generic(short, ms, offset),
            _ => None,
        };
        found.unwrap_or_else(|| self.gmt(short, offset.seconds))
    }

    fn specific(&self, short: bool, ms: i64, offset: Offset) -> Option<String> {
        let metazone = self.metazone(ms);
        let daylight = match metazone.and_then(|metazone| metazone.daylight_seconds) {
            // Where summer is the standard (Ireland), CLDR says which offset has which name.
            Some(seconds) => offset.seconds == seconds,
            None => offset.dst,
        };
        let kind = if daylight { Kind::Daylight } else { Kind::Standard };
        self.specific_of(metazone, kind, short).map(str::to_owned)
    }

    fn specific_of(&self, metazone: Option<Metazone>, kind: Kind, short: bool) -> Option<&'static str> {
        self.own(kind, short).or_else(|| self.of_metazone(metazone?.name, kind, short))
    }

    /// A name that the zone has for itself.
    fn own(&self, kind: Kind, short: bool) -> Option<&'static str> {
        // The first value is the city.
        pick(self.data.get(Section::Zones, &format!("z.{}", self.canonical))?, 1 + kind as usize, short)
    }

    fn of_metazone(&self, metazone: &str, kind: Kind, short: bool) -> Option<&'static str> {
        pick(self.data.get(Section::Zones, &format!("m.{metazone}"))?, kind as usize, short)
    }

    fn metazone(&self, ms: i64) -> Option<Metazone> {
        let minute = ms.div_euclid(60_000);
        let uses = common(Common::Metazones, self.canonical)?;
        uses.split('\t').filter_map(Metazone::parse).find(|metazone| metazone.from <= minute && minute < metazone.to)
    }

    fn generic(&self, short: bool, ms: i64, offset: Offset) -> Option<String> {
        if self.zone.is_offset() {
            return None;
        }
        self.generic_non_location(short, ms, offset).or_else(|| self.generic_location())
    }

    fn generic_non_location(&self, short: bool, ms: i64, offset: Offset) -> Option<String> {
        if let Some(name) = self.own(Kind::Generic, short) {
            return Some(name.to_owned());
        }
        let metazone = self.metazone(ms)?;
        let generic = self.of_metazone(metazone.name, Kind::Generic, short);
        if !offset.dst && !self.zone.has_dst_near(ms) {
            let standard = self.specific_of(Some(metazone), Kind::Standard, short);
            // Some locales have one name for both, which says nothing of the time of the year.
            if let Some(standard) = standard.filter(|name| generic.is_none_or(|generic| !same_text(name, generic))) {
                return Some(standard.to_owned());
            }
        }
        let generic = generic?;
        let golden = golden(metazone.name, &self.region);
        let away = golden.filter(|golden| *golden != self.canonical).and_then(Zone::find);
        let away = away.is_some_and(|golden| golden.at(ms) != offset);
        Some(if away { self.partial_location(metazone.name, generic) } else { generic.to_owned() })
    }

    /// "Pacific Time (Whitehorse)".
    fn partial_location(&self, metazone: &str, generic: &str) -> String {
        let region = region_of(self.canonical);
        let place = match region {
            Some(region) if golden(metazone, region) == Some(self.canonical) => self.region_name(region),
            _ => self.city(),
        };
        fill_text(self.formats[6], &[&place, generic])
    }

    /// "Germany Time", "Vancouver Time".
    fn generic_location(&self) -> Option<String> {
        let region = region_of(self.canonical)?;
        let primary =
            common(Common::Zones, self.canonical).and_then(|value| value.split('\t').nth(1)) == Some("primary");
        let place = if primary { self.region_name(region) } else { self.city() };
        Some(fill_text(self.formats[3], &[&place]))
    }

    fn region_name(&self, region: &str) -> String {
        self.data.get(Section::Regions, region).unwrap_or(region).to_owned()
    }

    fn city(&self) -> String {
        let own = self.data.get(Section::Zones, &format!("z.{}", self.canonical));
        let own = own.and_then(|value| value.split('\t').next()).filter(|city| !city.is_empty());
        let last = self.canonical.rsplit('/').next().unwrap_or_default();
        own.map_or_else(|| last.replace('_', " "), str::to_owned)
    }

    /// "GMT+1", "GMT+01:00".
    fn gmt(&self, short: bool, seconds: i32) -> String {
        let [hour_format, gmt_format, ..] = self.formats;
        let (positive, negative) = hour_format.split_once(';').unwrap_or((hour_format, hour_format));
        let pattern = if seconds < 0 { negative } else { positive };
        let size = seconds.unsigned_abs();
        let (hours, minutes, rest) = (size / 3600, size / 60 % 60, size % 60);
        let digits = |value: u32, min: usize| self.symbols.integer(u64::from(value), min);
        let separator = pattern.split_once('H').and_then(|(_, rest)| rest.trim_start_matches('H').chars().next());
        let separator = separator.filter(|c| *c != 'm').map(String::from).unwrap_or_default();
        let sign = pattern.split('H').next().unwrap_or_default();
        let mut text = format!("{sign}{}", digits(hours, if short { 1 } else { 2 }));
        if !short || minutes > 0 || rest > 0 {
            text.push_str(&separator);
            text.push_str(&digits(minutes, 2));
            if rest > 0 {
                text.push_str(&separator);
                text.push_str(&digits(rest, 2));
            }
            text.push_str(pattern.rsplit('m').next().unwrap_or_default());
        }
        fill_text(gmt_format, &[&text])
    }
}

fn pick(values: &'static str, place: usize, short: bool) -> Option<&'static str> {
    let place = place + if short { SHORT } else { 0 };
    values.split('\t').nth(place).filter(|name| !name.is_empty())
}

fn same_text(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

/// CLDR's metazones begin with 1970 and end with the year 9999, in minutes since 1970.
const METAZONES_FROM: i64 = 0;
const METAZONES_TO: i64 = 4_223_371_679;

/// A name that zones share while they keep the same time.
#[derive(Clone, Copy)]
struct Metazone {
    name: &'static str,
    /// In minutes since 1970.
    from: i64,
    to: i64,
    /// Offset of daylight time, where the database sees it the other way round.
    daylight_seconds: Option<i32>,
}

impl Metazone {
    fn parse(text: &'static str) -> Option<Metazone> {
        let mut words = text.split(' ');
        let name = words.next()?;
        let from = words.next()?.parse().unwrap_or(METAZONES_FROM);
        let to = words.next()?.parse().unwrap_or(METAZONES_TO);
        let hours = words.nth(1).and_then(|word| word.parse::<i32>().ok());
        Some(Metazone { name, from, to, daylight_seconds: hours.map(|hours| hours * 3600) })
    }
}

/// The zone that a metazone means in a region.
fn golden(metazone: &str, region: &str) -> Option<&'static str> {
    let entries = common(Common::Golden, metazone)?;
    let of = |wanted: &str| entries.split('\t').find_map(|entry| entry.strip_prefix(wanted)?.strip_prefix('='));
    of(region).or_else(|| of("001"))
}

fn region_of(canonical: &str) -> Option<&'static str> {
    common(Common::Zones, canonical)?.split('\t').next().filter(|region| !region.is_empty())
}

/// CLDR's own name of a zone; its names change less than those of the database.
pub fn canonical(name: &str) -> &'static str {
    let lines = common_lines(Common::Zones);
    let own = |line: &&'static str| {
        let mut values = line.split('\t');
        let first = values.next();
        first == Some(name) || values.nth(3).is_some_and(|others| others.split(' ').any(|other| other == name))
    };
    match lines.iter().find(own).and_then(|line| line.split('\t').next()) {
        // ECMA-402 takes Greenwich Mean Time for another name of UTC.
        Some("Etc/GMT") => "Etc/UTC",
        found => found.unwrap_or(""),
    }
}
