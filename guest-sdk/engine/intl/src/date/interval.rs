//! In: the fields that a date format shows. Out: for each field that two dates may differ in, how their range is written.
//! May touch: the locale's data.
//! Security boundary: no. The rules are those of ICU's DateIntervalFormat (Unicode-3.0), told anew.

use super::civil::Civil;
use super::format::Pattern;
use super::generator::Generator;
use super::interval_skeleton::{Normal, Widths, nearest, normal_hours, split};
use super::skeleton::{Token, tokens};
use crate::data::{Data, Section};
use crate::parts::fill_text;

/// Fields that dates are compared by, the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Era,
    Year,
    Month,
    Day,
    HalfDay,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Field {
    /// The largest one that the two differ in.
    pub fn largest_difference(left: &Civil, right: &Civil) -> Option<Field> {
        let fields = |civil: &Civil| {
            [
                (Field::Era, civil.era() as i64),
                (Field::Year, civil.year_of_era()),
                (Field::Month, i64::from(civil.month)),
                (Field::Day, i64::from(civil.day)),
                (Field::HalfDay, i64::from(civil.hour / 12)),
                (Field::Hour, i64::from(civil.hour % 12)),
                (Field::Minute, i64::from(civil.minute)),
                (Field::Second, i64::from(civil.second)),
                (Field::Millisecond, i64::from(civil.millisecond)),
            ]
        };
        let differ = fields(left).into_iter().zip(fields(right)).find(|(left, right)| left.1 != right.1);
        differ.map(|((field, _), _)| field)
    }

    fn letter(self) -> char {
        match self {
            Field::Era => 'G',
            Field::Year => 'y',
            Field::Month => 'M',
            Field::Day => 'd',
            Field::HalfDay => 'a',
            Field::Hour => 'h',
            Field::Minute => 'm',
            Field::Second => 's',
            Field::Millisecond => 'S',
        }
    }

    fn level(self) -> i32 {
        match self {
            Field::Hour => 50,
            field => level(field.letter()).unwrap_or(0),
        }
    }

    pub fn is_of_time(self) -> bool {
        matches!(self, Field::HalfDay | Field::Hour | Field::Minute | Field::Second | Field::Millisecond)
    }
}

/// How small the field of a letter is.
fn level(letter: char) -> Option<i32> {
    Some(match letter {
        'G' | 'z' | 'v' | 'O' | 'Z' => 0,
        'y' | 'Y' | 'u' => 10,
        'M' | 'L' => 20,
        'd' | 'E' | 'c' | 'e' | 'B' | 'b' => 30,
        'a' => 40,
        'h' | 'H' | 'k' | 'K' => 50,
        'm' => 60,
        's' => 70,
        'S' => 80,
        _ => return None,
    })
}

/// Whether a pattern shows nothing as small as `field`.
fn ignores(pattern: &str, field: Field) -> bool {
    tokens(pattern).all(|token| match token {
        Token::Field(letter, _) => level(letter).is_none_or(|level| field.level() > level),
        _ => true,
    })
}

/// How a range is written.
#[derive(Clone, Debug)]
pub enum Range {
    /// The first date by the first pattern, the second by the second one.
    Pair(Pattern, Pattern),
    /// Both by this pattern, put together by the locale's fallback.
    Both(Pattern),
    /// One date, and a range of times.
    Times { date: Pattern, time: Pattern },
    /// What differs is not shown.
    Single,
}

pub struct Intervals {
    data: Data,
    skeleton: String,
    full: String,
    date: Option<String>,
    time: Option<String>,
    found: Vec<(Field, Found)>,
}

#[derive(Clone)]
enum Found {
    Pair(String),
    Both(String),
}

impl Intervals {
    /// `pattern`: the one that single dates are written by; `hour`: the letter of its hours.
    pub fn new(data: Data, generator: &Generator, pattern: &str, hour: char) -> Intervals {
        let skeleton = super::skeleton::Skeleton::of(pattern).to_string();
        let mut intervals = Intervals {
            data,
            full: generator.best(&skeleton, hour, false),
            skeleton: normal_hours(&skeleton, generator, hour),
            date: None,
            time: None,
            found: Vec::new(),
        };
        intervals.fill(generator, hour);
        intervals
    }

    pub fn range(&self, left: &Civil, right: &Civil) -> Range {
        let Some(field) = Field::largest_difference(left, right) else { return Range::Single };
        match self.found.iter().find(|(own, _)| *own == field).map(|(_, found)| found) {
            Some(Found::Pair(pattern)) => {
                let (first, second) = pattern.split_at(second_half(pattern));
                Range::Pair(Pattern::parse(first), Pattern::parse(second))
            }
            Some(Found::Both(pattern)) => Range::Both(Pattern::parse(pattern)),
            None if ignores(&self.full, field) => Range::Single,
            None => match (&self.date, &self.time) {
                (Some(date), Some(time)) if field.is_of_time() => {
                    Range::Times { date: Pattern::parse(date), time: Pattern::parse(time) }
                }
                _ => Range::Both(Pattern::parse(&self.full)),
            },
        }
    }

    /// `{0} – {1}`.
    pub fn fallback(&self) -> &'static str {
        self.data.text(Section::Dates, "interval")
    }

    /// Time and date beside each other.
    pub fn glue(&self) -> &'static str {
        let [_, _, medium, _] = self.data.list(Section::Dates, "glue.plain");
        medium
    }

    fn set(&mut self, field: Field, found: Found) {
        self.found.retain(|(own, _)| *own != field);
        self.found.push((field, found));
    }

    fn fill(&mut self, generator: &Generator, hour: char) {
        let Normal { date, time, normal_date, normal_time } = split(&self.skeleton);
        let found = self.fill_separate(generator, hour, &normal_date, &normal_time);
        if time.is_empty() {
            return;
        }
        if date.is_empty() {
            let pattern = generator.best(&format!("yMd{time}"), hour, false);
            for field in [Field::Day, Field::Month, Field::Year] {
                self.set(field, Found::Both(pattern.clone()));
            }
            self.set(Field::Era, Found::Both(generator.best(&format!("GyMd{time}"), hour, false)));
        } else if found {
            let mut skeleton = self.skeleton.clone();
            for field in [Field::Day, Field::Month, Field::Year, Field::Era] {
                if !date.contains(field.letter()) {
                    skeleton.insert(0, field.letter());
                    self.set(field, Found::Both(generator.best(&skeleton, hour, false)));
                }
            }
            let date = generator.best(&date, hour, false);
            for field in [Field::HalfDay, Field::Hour, Field::Minute] {
                if let Some((_, Found::Pair(pattern))) = self.found.iter().find(|(own, _)| *own == field) {
                    let whole = fill_text(self.glue(), &[pattern, &date]);
                    self.set(field, Found::Pair(whole));
                }
            }
        }
    }

    /// Patterns for the date alone or for the time alone; says whether the locale has any.
    fn fill_separate(&mut self, generator: &Generator, hour: char, date: &str, time: &str) -> bool {
        let wanted = if time.is_empty() { date } else { time };
        let Some((near, difference)) = nearest(self.data, wanted) else { return false };
        self.date = (!date.is_empty()).then(|| generator.best(date, hour, false));
        self.time = (!time.is_empty()).then(|| generator.best(time, hour, false));
        if difference < 0 {
            return false;
        }
        if time.is_empty() {
            self.fill_dates(wanted, near, difference);
        } else {
            for field in [Field::Minute, Field::Hour, Field::HalfDay] {
                self.fill_time(field, wanted, near, difference);
            }
        }
        true
    }

    fn fill_time(&mut self, field: Field, wanted: &str, near: &str, difference: i32) {
        let own = pattern(self.data, near, field);
        // A clock of 24 hours knows no halves of the day.
        let of_hour = || if field == Field::HalfDay { pattern(self.data, near, Field::Hour) } else { None };
        let found = own.or_else(|| if ignores(near, field) { None } else { of_hour() });
        if let Some(found) = found {
            self.set(field, Found::Pair(adjust(wanted, near, found, difference)));
        }
    }

    fn fill_dates(&mut self, wanted: &str, near: &str, difference: i32) {
        let (mut wanted, mut near, mut difference) = (wanted.to_owned(), near.to_owned(), difference);
        let mut extended = false;
        for field in [Field::Day, Field::Month, Field::Year, Field::Era] {
            if let Some(found) = pattern(self.data, &near, field) {
                self.set(field, Found::Pair(adjust(&wanted, &near, found, difference)));
                continue;
            }
            if ignores(&near, field) {
                continue;
            }
            // The year may differ where it is not shown: look for a pattern that shows it.
            let (more_wanted, more_near) = (format!("{}{wanted}", field.letter()), format!("{}{near}", field.letter()));
            let mut of = near.clone();
            let mut found = pattern(self.data, &more_near, field);
            if found.is_none()
                && difference == 0
                && let Some((other, own_difference)) = nearest(self.data, &more_near)
                && own_difference >= 0
            {
                difference = own_difference;
                found = pattern(self.data, other, field);
                of = other.to_owned();
            }
            if let Some(found) = found {
                self.set(field, Found::Pair(adjust(&wanted, &of, found, difference)));
                extended |= field == Field::Month;
            }
            if extended {
                (wanted, near) = (more_wanted, more_near);
            }
        }
    }
}

/// The locale's interval pattern of a skeleton for dates that differ in `field`.
fn pattern(data: Data, skeleton: &str, field: Field) -> Option<&'static str> {
    let entries = data.get(Section::Dates, &format!("i.{skeleton}"))?;
    let of = |letter: char| {
        entries
            .split('\t')
            .find_map(|entry| entry.strip_prefix(letter)?.strip_prefix('='))
            .filter(|found| !found.is_empty())
    };
    match field {
        Field::HalfDay => of('a').or_else(|| of('B')),
        Field::Hour => of('h').or_else(|| of('H')),
        field => of(field.letter()),
    }
}

/// An interval pattern with the widths of the skeleton that is wanted.
fn adjust(wanted: &str, near: &str, pattern: &str, difference: i32) -> String {
    if difference == 0 {
        return pattern.to_owned();
    }
    let (input, mut best) = (Widths::of(wanted), Widths::of(near));
    let mut pattern = pattern.to_owned();
    if difference == 2 {
        for (letter, instead_of) in [('z', 'v'), ('O', 'v'), ('K', 'h'), ('k', 'H'), ('b', 'a')] {
            if wanted.contains(letter) {
                if instead_of == 'v' {
                    best.set(letter, best.get('v'));
                }
                pattern = replace(&pattern, instead_of, letter);
            }
        }
    }
    for letter in ['a', 'b'] {
        if pattern.contains(letter) && best.get(letter) == 0 {
            best.set(letter, 1);
        }
    }
    let mut out = String::with_capacity(pattern.len());
    for token in tokens(&pattern) {
        match token {
            Token::Text(text) | Token::Quoted(text) => out.push_str(text),
            Token::Field(letter, count) => {
                let of = if letter == 'L' { 'M' } else { letter };
                let widened = best.get(of) == count && input.get(of) > count;
                let count = if widened { input.get(of) } else { count };
                out.extend(std::iter::repeat_n(letter, usize::from(count)));
            }
        }
    }
    out
}

fn replace(pattern: &str, from: char, to: char) -> String {
    let mut out = String::with_capacity(pattern.len());
    for token in tokens(pattern) {
        match token {
            Token::Field(letter, count) => {
                out.extend(std::iter::repeat_n(if letter == from { to } else { letter }, usize::from(count)));
            }
            Token::Text(text) | Token::Quoted(text) => out.push_str(text),
        }
    }
    out
}

/// Where the second date begins: at the first letter that was there before.
fn second_half(pattern: &str) -> usize {
    let mut seen = String::new();
    let mut at = 0;
    for token in tokens(pattern) {
        match token {
            Token::Field(letter, count) => {
                if seen.contains(letter) {
                    return at;
                }
                seen.push(letter);
                at += usize::from(count);
            }
            Token::Text(text) | Token::Quoted(text) => at += text.len(),
        }
    }
    pattern.len()
}
