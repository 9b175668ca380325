//! In: a locale, and the fields that are wanted. Out: the locale's pattern for just these fields.
//! May touch: the locale's data; what was read of a locale is kept.
//! Security boundary: no. The search is ICU's DateTimePatternGenerator (Unicode-3.0), told anew, ties included.

use super::skeleton::{self, Distance, FIELDS, Skeleton, Token, tokens};
use crate::data::{Common, Data, Section, common};
use crate::parts::fill_text;
use std::cell::RefCell;
use std::rc::Rc;

/// Locales whose patterns are kept.
const KEPT_MAX: usize = 8;

struct Known {
    skeleton: Skeleton,
    pattern: String,
    /// CLDR gave the skeleton; otherwise it was read off the pattern.
    specified: bool,
}

pub struct Generator {
    data: Data,
    known: Vec<Known>,
    /// Letter of the hour that the locale prefers.
    hour: char,
    decimal: &'static str,
    glue: [&'static str; 4],
}

/// Names of the fields in `append.*` and `name.*`.
const APPENDED: [(&str, &str); FIELDS] = [
    ("Era", "era"),
    ("Year", "year"),
    ("Quarter", "quarter"),
    ("Month", "month"),
    ("Week", "week"),
    ("", ""),
    ("Day-Of-Week", "weekday"),
    ("", ""),
    ("", ""),
    ("Day", "day"),
    ("", "dayperiod"),
    ("Hour", "hour"),
    ("Minute", "minute"),
    ("Second", "second"),
    ("", ""),
    ("Timezone", "zone"),
];

/// Fields that stand on the date's side of a pattern with date and time.
const DATE_MASK: u32 = (1 << skeleton::DAY_PERIOD) - 1;

impl Generator {
    /// `region`: whose clock decides about hours.
    pub fn of(data: Data, region: &str, decimal: &'static str) -> Rc<Generator> {
        thread_local! {
            static KEPT: RefCell<Vec<(String, Rc<Generator>)>> = const { RefCell::new(Vec::new()) };
        }
        let key = format!("{} {region}", data.tag());
        let kept =
            KEPT.with_borrow(|kept| kept.iter().find(|(own, _)| *own == key).map(|(_, generator)| generator.clone()));
        kept.unwrap_or_else(|| {
            let made = Rc::new(Generator::new(data, region, decimal));
            KEPT.with_borrow_mut(|kept| {
                kept.truncate(KEPT_MAX - 1);
                kept.insert(0, (key, made.clone()));
            });
            made
        })
    }

    fn new(data: Data, region: &str, decimal: &'static str) -> Generator {
        let mut generator = Generator {
            data,
            known: Vec::new(),
            hour: preferred_hour(data, region),
            decimal,
            glue: data.list(Section::Dates, "glue.at"),
        };
        for letter in ["G", "y", "M", "E", "d", "a", "H", "m", "s", "S", "v"] {
            generator.add(letter, None);
        }
        let (dates, times) =
            (data.list::<4>(Section::Dates, "style.date"), data.list::<4>(Section::Dates, "style.time"));
        for (date, time) in dates.into_iter().zip(times) {
            generator.add(date, None);
            generator.add(time, None);
        }
        for (skeleton, pattern) in data.with_prefix(Section::Dates, "a.") {
            generator.add(pattern, Some(skeleton));
        }
        // The order decides among equals: by the first letter, capitals first, then as they were added.
        generator.known.sort_by_key(|known| known.skeleton.first());
        generator
    }

    /// Of several patterns for the same fields the first stays, unless CLDR names the skeleton of a later one.
    fn add(&mut self, pattern: &str, skeleton: Option<&str>) {
        let own = Skeleton::of(skeleton.unwrap_or(pattern));
        let specified = skeleton.is_some();
        let same_base = self.known.iter().find(|known| known.skeleton.same_base(&own));
        if same_base.is_some_and(|known| !known.specified) && !specified {
            return;
        }
        let same = self.known.iter().find(|known| known.skeleton.same_letters(&own));
        if same.is_some_and(|known| !specified || known.specified) {
            return;
        }
        let replaced = self.known.iter_mut().find(|known| {
            known.skeleton.same_base(&own) && (0..FIELDS).all(|field| known.skeleton.kind(field) == own.kind(field))
        });
        match replaced {
            Some(known) => {
                known.pattern = pattern.to_owned();
                known.specified = specified;
            }
            None => self.known.push(Known { skeleton: own, pattern: pattern.to_owned(), specified }),
        }
    }

    pub fn hour(&self) -> char {
        self.hour
    }

    /// The pattern for `wanted`. `hour` is the letter of hours that the caller prefers; with `keep_hour`, the count of
    /// its letters is kept too.
    pub fn best(&self, wanted: &str, hour: char, keep_hour: bool) -> String {
        let search = Search { generator: self, wanted: Skeleton::of(wanted), hour, keep_hour };
        search.best()
    }
}

/// The hour letter of the locale's region; `j` in skeletons.
pub fn preferred_hour(data: Data, region: &str) -> char {
    let language = data.tag().split('-').next().unwrap_or_default();
    let own = common(Common::Hours, &format!("{language}-{region}")).or_else(|| common(Common::Hours, region));
    own.or_else(|| common(Common::Hours, "001")).and_then(|value| value.chars().next()).unwrap_or('H')
}

struct Search<'a> {
    generator: &'a Generator,
    wanted: Skeleton,
    hour: char,
    keep_hour: bool,
}

impl Search<'_> {
    fn best(&self) -> String {
        let (known, distance) = self.nearest(u32::MAX);
        if distance.missing == 0 && distance.extra == 0 {
            return known.map(|known| self.adjust(&known.pattern, Some(known), false)).unwrap_or_default();
        }
        let mask = self.wanted.mask();
        let date = self.appended(mask & DATE_MASK);
        let time = self.appended(mask & !DATE_MASK);
        if date.is_empty() || time.is_empty() {
            return date + &time;
        }
        let month = self.wanted.base_count(skeleton::MONTH);
        let style = match month {
            4 if self.wanted.base_count(skeleton::WEEKDAY) > 0 => 0,
            4 => 1,
            3 => 2,
            _ => 3,
        };
        fill_text(self.generator.glue.get(style).copied().unwrap_or("{1} {0}"), &[&time, &date])
    }

    fn nearest(&self, mask: u32) -> (Option<&Known>, Distance) {
        let mut best: (Option<&Known>, Distance) = (None, Distance { size: i32::MAX, ..Distance::default() });
        let mut missing_of_best = -1;
        for known in &self.generator.known {
            let distance = self.wanted.distance(&known.skeleton, mask);
            let better = distance.size < best.1.size
                || (distance.size == best.1.size && missing_of_best < distance.missing as i32);
            if better {
                missing_of_best = distance.missing as i32;
                best = (Some(known), distance);
                if distance.size == 0 {
                    break;
                }
            }
        }
        best
    }

    /// The nearest pattern, with those of the fields that it lacks appended one by one.
    fn appended(&self, mask: u32) -> String {
        if mask == 0 {
            return String::new();
        }
        let (Some(known), mut distance) = self.nearest(mask) else { return String::new() };
        let mut pattern = self.adjust(&known.pattern, Some(known), false);
        let mut specified = Some(known);
        let mut last_missing = 0;
        while distance.missing != 0 && distance.missing != last_missing {
            let (second, fraction) = (1 << skeleton::SECOND, 1 << skeleton::FRACTION);
            if distance.missing & (second | fraction) == fraction && mask & second != 0 {
                pattern = self.adjust(&pattern, specified, true);
                distance.missing &= !fraction;
                continue;
            }
            let starting = distance.missing;
            let (next, found) = self.nearest(starting);
            let Some(next) = next else { break };
            specified = Some(next);
            let appended = self.adjust(&next.pattern, specified, false);
            let top = (starting & !found.missing).checked_ilog2().unwrap_or(0) as usize;
            let (key, name) = APPENDED.get(top).copied().unwrap_or(("", ""));
            let item = self.generator.data.get(Section::Dates, &format!("append.{key}")).unwrap_or("{0} ├{2}: {1}┤");
            let name = self.generator.data.text(Section::Fields, &format!("name.{name}.long"));
            pattern = fill_text(item, &[&pattern, &appended, &format!("'{name}'")]);
            last_missing = starting;
            distance.missing = found.missing;
        }
        pattern
    }

    /// The pattern with its fields in the forms that are wanted.
    fn adjust(&self, pattern: &str, known: Option<&Known>, add_fraction: bool) -> String {
        let mut out = String::with_capacity(pattern.len());
        for token in tokens(pattern) {
            match token {
                Token::Text(text) | Token::Quoted(text) => out.push_str(text),
                Token::Field(letter, count) => {
                    let (letter, count) = self.adjust_field(letter, count, known);
                    out.extend(std::iter::repeat_n(letter, usize::from(count)));
                    if add_fraction && letter == 's' {
                        let (_, digits) = self.wanted.letter(skeleton::FRACTION);
                        out.push_str(self.generator.decimal);
                        out.extend(std::iter::repeat_n('S', usize::from(digits)));
                    }
                }
            }
        }
        out
    }

    fn adjust_field(&self, letter: char, count: u8, known: Option<&Known>) -> (char, u8) {
        let Some(field) = skeleton::field_of(letter).filter(|field| self.wanted.has(*field)) else {
            return (letter, count);
        };
        let (wanted_letter, mut wanted_count) = self.wanted.letter(field);
        if wanted_letter == 'E' {
            wanted_count = wanted_count.max(3);
        }
        let fixed =
            matches!(field, skeleton::MINUTE | skeleton::SECOND) || (field == skeleton::HOUR && !self.keep_hour);
        let mut new_count = wanted_count;
        if fixed {
            new_count = count;
        } else if let Some(known) = known.filter(|known| known.specified && !matches!(wanted_letter, 'c' | 'e')) {
            let in_digits = skeleton::is_numeric(letter, count);
            // Where CLDR's skeleton says what is asked for, the pattern's own count is meant.
            if known.skeleton.letter(field).1 == wanted_count || in_digits != (known.skeleton.kind(field) > 0) {
                new_count = count;
            }
        }
        let keeps_letter = matches!(field, skeleton::HOUR | skeleton::MONTH | skeleton::WEEKDAY)
            || (field == skeleton::YEAR && wanted_letter != 'Y');
        let mut new_letter = if keeps_letter { letter } else { wanted_letter };
        if new_letter == 'E' && new_count < 3 {
            new_letter = 'e';
        }
        if field == skeleton::HOUR {
            new_letter = match (wanted_letter, self.hour) {
                (wanted, preferred) if wanted == preferred => preferred,
                ('h', 'K') => 'K',
                ('H', 'k') => 'k',
                ('k', 'H') => 'H',
                ('K', 'h') => 'h',
                _ => new_letter,
            };
        }
        (new_letter, new_count)
    }
}
