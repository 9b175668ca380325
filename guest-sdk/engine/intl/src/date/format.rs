//! In: a date pattern, a point in time. Out: its text in parts.
//! May touch: nothing.
//! Security boundary: no.

use super::civil::Civil;
use super::skeleton::{Token, tokens, unquoted};
use super::zone::{Offset, Zone};
use super::zone_names::ZoneNames;
use crate::data::{Common, Data, Section, common};
use crate::number::symbols::Symbols;
use crate::parts::Parts;

/// A pattern, taken apart.
#[derive(Clone, Debug)]
pub struct Pattern(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Field(char, u8),
    Text(String),
}

impl Pattern {
    pub fn parse(pattern: &str) -> Pattern {
        let piece = |token| match token {
            Token::Field(letter, count) => Piece::Field(letter, count),
            Token::Text(text) => Piece::Text(text.to_owned()),
            Token::Quoted(text) => Piece::Text(unquoted(text)),
        };
        Pattern(tokens(pattern).map(piece).collect())
    }

    fn has(&self, letter: char) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Field(own, _) if *own == letter))
    }
}

/// A point in time, in a zone.
#[derive(Clone, Copy)]
pub struct Moment {
    pub ms: i64,
    pub offset: Offset,
    pub civil: Civil,
}

impl Moment {
    pub fn of(ms: i64, zone: &Zone) -> Moment {
        let offset = zone.at(ms);
        Moment { ms, offset, civil: Civil::of(ms + i64::from(offset.seconds) * 1000) }
    }
}

/// What a locale writes dates with.
pub struct Words {
    pub data: Data,
    pub symbols: Symbols,
    pub zone_names: ZoneNames,
}

const WIDTHS: [&str; 3] = ["a", "w", "n"];

/// Place in `WIDTHS` for a letter that is written so many times.
fn width(count: u8) -> usize {
    match count {
        4 => 1,
        5 => 2,
        _ => 0,
    }
}

impl Words {
    pub fn write(&self, pattern: &Pattern, moment: &Moment, out: &mut Parts) {
        for piece in &pattern.0 {
            match piece {
                Piece::Text(text) => out.literal(text),
                Piece::Field(letter, count) => self.field(*letter, *count, pattern, moment, out),
            }
        }
    }

    fn field(&self, letter: char, count: u8, pattern: &Pattern, moment: &Moment, out: &mut Parts) {
        let civil = &moment.civil;
        let digits = |value: u32| self.symbols.integer(u64::from(value), usize::from(count));
        let (kind, text) = match letter {
            'G' => ("era", self.name("era", count, civil.era(), false)),
            'y' | 'Y' | 'u' => ("year", self.year(civil.year_of_era(), count)),
            'M' | 'L' if count < 3 => ("month", digits(civil.month)),
            'M' | 'L' => ("month", self.name("month", count, civil.month as usize - 1, letter == 'L')),
            'd' => ("day", digits(civil.day)),
            'E' | 'c' | 'e' => ("weekday", self.name("day", count, civil.weekday, letter == 'c')),
            'a' => ("dayPeriod", self.half_day(civil.hour, count)),
            'b' | 'B' => ("dayPeriod", self.day_period(letter, count, pattern, civil)),
            'h' => ("hour", digits((civil.hour + 11) % 12 + 1)),
            'K' => ("hour", digits(civil.hour % 12)),
            'H' => ("hour", digits(civil.hour)),
            'k' => ("hour", digits((civil.hour + 23) % 24 + 1)),
            'm' => ("minute", digits(civil.minute)),
            's' => ("second", digits(civil.second)),
            'S' => ("fractionalSecond", self.fraction(civil.millisecond, count)),
            _ => ("timeZoneName", self.zone_names.name(letter, usize::from(count), moment.ms, moment.offset)),
        };
        out.push(kind, &text);
    }

    fn year(&self, year: i64, count: u8) -> String {
        match count {
            2 => self.symbols.integer(year.unsigned_abs() % 100, 2),
            _ => self.symbols.integer(year.unsigned_abs(), usize::from(count)),
        }
    }

    fn fraction(&self, millisecond: u32, count: u8) -> String {
        let text = format!("{millisecond:03}000000");
        text.bytes().take(usize::from(count)).map(|byte| self.symbols.digit(byte - b'0')).collect()
    }

    fn name(&self, of: &str, count: u8, at: usize, alone: bool) -> String {
        let key = format!("{of}.{}", WIDTHS.get(width(count)).copied().unwrap_or("a"));
        let own = if alone { self.data.get(Section::Dates, &format!("{key}.alone")) } else { None };
        let names = own.unwrap_or_else(|| self.data.text(Section::Dates, &key));
        names.split('\t').nth(at).unwrap_or_default().to_owned()
    }

    fn half_day(&self, hour: u32, count: u8) -> String {
        self.period(if hour < 12 { "am" } else { "pm" }, count).unwrap_or_default().to_owned()
    }

    fn period(&self, name: &str, count: u8) -> Option<&'static str> {
        let names =
            self.data.text(Section::Dates, &format!("period.{}", WIDTHS.get(width(count)).copied().unwrap_or("a")));
        names.split('\t').find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }

    /// "in the morning". Noon is a point in time: it needs the minutes to be 0, where these are shown.
    fn day_period(&self, letter: char, count: u8, pattern: &Pattern, civil: &Civil) -> String {
        let sharp = (!pattern.has('m') || civil.minute == 0) && (!pattern.has('s') || civil.second == 0);
        let rules = rules(self.data);
        // CLDR has midnight too; ICU does not use it, because nobody knows which day it belongs to.
        let noon =
            civil.hour == 12 && sharp && rules.is_some_and(|rules| rules.split('\t').any(|rule| rule == "noon=12"));
        let found = if noon { self.period("noon", count) } else { None };
        if letter == 'b' {
            return found.map_or_else(|| self.half_day(civil.hour, count), str::to_owned);
        }
        let during = || rules?.split('\t').find_map(|rule| during(rule, civil.hour));
        let found = found.or_else(|| self.period(during()?, count));
        found.map_or_else(|| self.half_day(civil.hour, count), str::to_owned)
    }
}

/// Day periods of the locale's language, or of the nearest locale above it that has own ones.
fn rules(data: Data) -> Option<&'static str> {
    let mut tag = data.tag();
    loop {
        if let Some(rules) = common(Common::Periods, tag) {
            return Some(rules);
        }
        tag = tag.rsplit_once('-')?.0;
    }
}

/// The rule's name, if it covers the hour: `night1=21 6`.
fn during(rule: &'static str, hour: u32) -> Option<&'static str> {
    let (name, hours) = rule.split_once('=')?;
    let (from, before) = hours.split_once(' ')?;
    let (from, before): (u32, u32) = (from.parse().ok()?, before.parse().ok()?);
    let within = if from < before { (from..before).contains(&hour) } else { hour >= from || hour < before };
    within.then_some(name)
}
