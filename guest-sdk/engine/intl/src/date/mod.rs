//! In: a locale, options, points in time. Out: dates and times as the locale writes them, as text or in parts.
//! May touch: nothing.
//! Security boundary: no.

pub mod civil;
mod format;
pub mod generator;
mod interval;
mod interval_skeleton;
mod skeleton;
pub mod zone;
pub mod zone_names;

use crate::data::{Data, Section};
use crate::number::symbols::Symbols;
use crate::parts::{Parts, Source, fill, fill_text};
use format::{Moment, Pattern, Words};
use generator::Generator;
use interval::{Intervals, Range};
use skeleton::{Skeleton, Token, tokens};
use std::cell::OnceCell;
use std::rc::Rc;
use zone::Zone;
use zone_names::ZoneNames;

/// What a DateTimeFormat can be asked for, after its surface has checked it.
pub struct Options {
    /// 0 full, 1 long, 2 medium, 3 short.
    pub date_style: Option<usize>,
    pub time_style: Option<usize>,
    /// Letters of the fields that are wanted where no style is; hours as `j`.
    pub skeleton: String,
    /// Letter of the hours that is asked for: K, h, H, k.
    pub hour: Option<char>,
    pub hour12: Option<bool>,
    pub numbering: String,
    /// Of the locale, or the most likely one.
    pub region: String,
    pub zone: Zone,
}

pub struct DateTimeFormat {
    zone: Zone,
    words: Words,
    /// As text, and taken apart.
    text: String,
    pattern: Pattern,
    generator: Rc<Generator>,
    hour: char,
    /// Made for the first range.
    intervals: OnceCell<Intervals>,
}

impl DateTimeFormat {
    pub fn new(data: Data, options: Options) -> DateTimeFormat {
        let symbols = Symbols::of(data, &options.numbering);
        let generator = Generator::of(data, &options.region, symbols.decimal);
        let hour = hour_letter(generator.hour(), &options);
        let text = if options.date_style.is_some() || options.time_style.is_some() {
            styled(data, &generator, hour, &options)
        } else {
            let asked = options.skeleton.contains('j');
            let skeleton = options.skeleton.replace('j', &hour.to_string());
            let pattern = generator.best(&skeleton, generator.hour(), true);
            if asked { with_hour(&pattern, hour) } else { pattern }
        };
        let zone_names = ZoneNames::new(data, &options.region, &options.zone, symbols.clone());
        DateTimeFormat {
            zone: options.zone,
            words: Words { data, symbols, zone_names },
            pattern: Pattern::parse(&text),
            text,
            generator,
            hour,
            intervals: OnceCell::new(),
        }
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    pub fn format(&self, ms: i64) -> Parts {
        let mut out = Parts::default();
        self.words.write(&self.pattern, &Moment::of(ms, &self.zone), &mut out);
        plain_spaces(out)
    }

    pub fn format_range(&self, start_ms: i64, end_ms: i64) -> Parts {
        let intervals =
            self.intervals.get_or_init(|| Intervals::new(self.words.data, &self.generator, &self.text, self.hour));
        let (start, end) = (Moment::of(start_ms, &self.zone), Moment::of(end_ms, &self.zone));
        let mut out = Parts::default();
        match intervals.range(&start.civil, &end.civil) {
            Range::Single => return self.format(start_ms),
            Range::Pair(first, second) => {
                self.words.write(&first, &start, &mut out);
                self.words.write(&second, &end, &mut out);
            }
            Range::Both(pattern) => self.both(intervals, &pattern, [&start, &end], &mut out),
            Range::Times { date, time } => fill(intervals.glue(), &mut out, |place, out| match place {
                0 => self.both(intervals, &time, [&start, &end], out),
                _ => self.words.write(&date, &start, out),
            }),
        }
        sourced(&plain_spaces(out))
    }

    fn both(&self, intervals: &Intervals, pattern: &Pattern, moments: [&Moment; 2], out: &mut Parts) {
        fill(intervals.fallback(), out, |place, out| {
            if let Some(moment) = moments.get(place) {
                self.words.write(pattern, moment, out);
            }
        });
    }

    /// Names and values of `resolvedOptions` that the pattern stands for. The hour cycle is among them where hours are.
    pub fn components(&self) -> Vec<(&'static str, &'static str)> {
        tokens(&self.text)
            .filter_map(|token| if let Token::Field(letter, count) = token { Some((letter, count)) } else { None })
            .flat_map(|(letter, count)| component(letter, count))
            .collect()
    }
}

fn component(letter: char, count: u8) -> Vec<(&'static str, &'static str)> {
    let number = if count == 2 { "2-digit" } else { "numeric" };
    let word = match count {
        4 => "long",
        5 => "narrow",
        _ => "short",
    };
    let zone = |short, long| if count < 4 { short } else { long };
    match letter {
        'G' => vec![("era", word)],
        'y' | 'u' => vec![("year", number)],
        'M' | 'L' => vec![("month", if count < 3 { number } else { word })],
        'd' => vec![("day", number)],
        'E' | 'c' | 'e' => vec![("weekday", word)],
        'b' | 'B' => vec![("dayPeriod", word)],
        'h' => vec![("hour", number), ("hourCycle", "h12")],
        'K' => vec![("hour", number), ("hourCycle", "h11")],
        'H' => vec![("hour", number), ("hourCycle", "h23")],
        'k' => vec![("hour", number), ("hourCycle", "h24")],
        'm' => vec![("minute", number)],
        's' => vec![("second", number)],
        'S' => vec![(
            "fractionalSecondDigits",
            match count {
                1 => "1",
                2 => "2",
                _ => "3",
            },
        )],
        'z' => vec![("timeZoneName", zone("short", "long"))],
        'O' => vec![("timeZoneName", zone("shortOffset", "longOffset"))],
        'v' => vec![("timeZoneName", zone("shortGeneric", "longGeneric"))],
        _ => vec![],
    }
}

/// `hour12` counts before `hourCycle`, and that before what the region prefers.
fn hour_letter(preferred: char, options: &Options) -> char {
    match options.hour12 {
        Some(true) if matches!(preferred, 'h' | 'K') => preferred,
        Some(true) if options.region == "JP" => 'K',
        Some(true) => 'h',
        Some(false) if matches!(preferred, 'H' | 'k') => preferred,
        Some(false) => 'H',
        None => options.hour.unwrap_or(preferred),
    }
}

fn styled(data: Data, generator: &Generator, hour: char, options: &Options) -> String {
    let pick = |key: &str, style: usize| data.list::<4>(Section::Dates, key).get(style).copied().unwrap_or_default();
    let pattern = match (options.date_style, options.time_style) {
        (Some(date), Some(time)) => {
            fill_text(pick("glue.at", date), &[pick("style.time", time), pick("style.date", date)])
        }
        (Some(date), None) => return pick("style.date", date).to_owned(),
        (None, time) => pick("style.time", time.unwrap_or(2)).to_owned(),
    };
    let is_hour = |letter: char| matches!(letter, 'h' | 'H' | 'k' | 'K');
    let own = tokens(&pattern).find_map(|token| match token {
        Token::Field(letter, _) if is_hour(letter) => Some(letter),
        _ => None,
    });
    if own == Some(hour) {
        return pattern;
    }
    // Another clock than the locale's: its pattern is made from the fields.
    let fields = Skeleton::of(&pattern).to_string();
    let fields = fields.chars().filter(|c| !matches!(c, 'a' | 'b' | 'B')).map(|c| if is_hour(c) { hour } else { c });
    with_hour(&generator.best(&fields.collect::<String>(), generator.hour(), true), hour)
}

/// The pattern with this letter for its hours.
fn with_hour(pattern: &str, hour: char) -> String {
    let mut out = String::with_capacity(pattern.len());
    for token in tokens(pattern) {
        match token {
            Token::Field(letter, count) => {
                let is_hour = matches!(letter, 'h' | 'H' | 'k' | 'K');
                if is_hour && out.ends_with('d') {
                    out.push(' ');
                }
                out.extend(std::iter::repeat_n(if is_hour { hour } else { letter }, usize::from(count)));
            }
            Token::Text(text) | Token::Quoted(text) => out.push_str(text),
        }
    }
    out
}

/// Narrow no-break spaces become plain spaces, as in browsers and Node: too much code splits times at " ".
fn plain_spaces(parts: Parts) -> Parts {
    if !parts.text.contains('\u{202f}') {
        return parts;
    }
    let mut out = Parts::default();
    for (kind, text, _) in parts.runs() {
        out.push(kind, &text.replace('\u{202f}', " "));
    }
    out
}

/// From the first to the last field that comes again belongs to one date, what comes again to the other.
fn sourced(parts: &Parts) -> Parts {
    let runs: Vec<_> = parts.runs().collect();
    let mut spans = [(usize::MAX, 0), (usize::MAX, 0)];
    for (at, (kind, ..)) in runs.iter().enumerate().filter(|(_, run)| run.0 != crate::parts::LITERAL) {
        let again = runs.iter().enumerate().skip(at + 1).find(|(_, run)| run.0 == *kind);
        if let Some((again, _)) = again {
            for (span, at) in spans.iter_mut().zip([at, again]) {
                *span = (span.0.min(at), span.1.max(at));
            }
        }
    }
    let mut out = Parts::default();
    for (at, (kind, text, _)) in runs.iter().enumerate() {
        let within = |span: (usize, usize)| (span.0..=span.1).contains(&at);
        out.from(match spans {
            [first, _] if within(first) => Source::Start,
            [_, second] if within(second) => Source::End,
            _ => Source::Shared,
        });
        out.push(kind, text);
    }
    out
}
