//! In: CLDR's plural rules of a language, and a number as it is shown. Out: its plural category.
//! May touch: nothing.
//! Security boundary: no.

use crate::data::{Common, Data, common};
use crate::rounding::Rounded;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

impl Category {
    pub const ALL: [Category; 6] =
        [Category::Zero, Category::One, Category::Two, Category::Few, Category::Many, Category::Other];

    pub fn name(self) -> &'static str {
        match self {
            Category::Zero => "zero",
            Category::One => "one",
            Category::Two => "two",
            Category::Few => "few",
            Category::Many => "many",
            Category::Other => "other",
        }
    }

    fn parse(name: &str) -> Category {
        Category::ALL.into_iter().find(|category| category.name() == name).unwrap_or(Category::Other)
    }
}

/// The operands of UTS 35 part 3, of a number as it is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Operands {
    /// The last 18 digits of the integer part, and whether it has more.
    integer: u64,
    large: bool,
    /// Fraction digits with and without trailing zeros: v, f, w, t.
    v: u64,
    f: u64,
    w: u64,
    t: u64,
    /// Power of ten that a compact form leaves out.
    e: u64,
}

/// Digits beyond these, before and behind the point, decide nothing in any rule.
const DIGITS_MAX: i32 = 18;

impl Operands {
    pub fn of(shown: &Rounded, exponent: i32) -> Self {
        // A compact form means the whole number: what it leaves out counts.
        let mut value = shown.value.clone();
        value.shift(exponent);
        let number = |last: i32, first: i32| {
            (last..=first).rev().fold(0_u64, |sum, power| sum * 10 + u64::from(value.digit(power)))
        };
        let integer = number(0, DIGITS_MAX - 1);
        let fraction = (shown.fraction - exponent).clamp(0, DIGITS_MAX);
        let trimmed = (-value.lowest()).clamp(0, DIGITS_MAX);
        Operands {
            integer,
            large: value.magnitude() >= DIGITS_MAX,
            v: fraction as u64,
            f: number(-fraction, -1),
            w: trimmed as u64,
            t: number(-trimmed, -1),
            e: exponent.max(0) as u64,
        }
    }

    /// Value of an operand; `None` for one that equals no whole number.
    fn get(&self, name: u8, modulus: u64) -> Option<u64> {
        let value = match name {
            b'n' if self.t != 0 => return None,
            b'n' | b'i' if modulus == 0 && self.large => return None,
            b'n' | b'i' => self.integer,
            b'v' => self.v,
            b'w' => self.w,
            b'f' => self.f,
            b't' => self.t,
            _ => self.e,
        };
        Some(if modulus == 0 { value } else { value % modulus })
    }
}

/// `i % 10 = 2..4,7`, or its negation.
#[derive(Clone, Debug)]
struct Relation {
    operand: u8,
    modulus: u64,
    negated: bool,
    ranges: Vec<(u64, u64)>,
}

impl Relation {
    fn parse(text: &str) -> Relation {
        let mut words = text.split_whitespace();
        let operand = words.next().and_then(|word| word.bytes().next()).unwrap_or(b'n');
        let mut modulus = 0;
        let mut sign = words.next().unwrap_or("=");
        if sign == "%" {
            modulus = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            sign = words.next().unwrap_or("=");
        }
        let ranges = words.next().unwrap_or_default().split(',').filter_map(|range| {
            let (from, to) = range.split_once("..").unwrap_or((range, range));
            Some((from.parse().ok()?, to.parse().ok()?))
        });
        Relation { operand, modulus, negated: sign == "!=", ranges: ranges.collect() }
    }

    fn holds(&self, operands: &Operands) -> bool {
        let within = operands
            .get(self.operand, self.modulus)
            .is_some_and(|value| self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&value)));
        within != self.negated
    }
}

/// Rules of a language: a category holds where all relations of one of its alternatives do.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<(Category, Vec<Vec<Relation>>)>,
    ranges: Vec<(Category, Category, Category)>,
}

impl Rules {
    pub fn cardinal(data: Data) -> Rules {
        Rules::read(Common::Plurals, data)
    }

    pub fn ordinal(data: Data) -> Rules {
        Rules::read(Common::Ordinals, data)
    }

    fn read(section: Common, data: Data) -> Rules {
        let language = data.tag().split('-').next().unwrap_or_default();
        // Of all locales only pt-PT has rules of its own.
        let text = common(section, data.tag()).or_else(|| common(section, language)).unwrap_or_default();
        let rule = |entry: &str| {
            let (name, rule) = entry.split_once('=')?;
            let all = |alternative: &str| alternative.split(" and ").map(Relation::parse).collect();
            Some((Category::parse(name), rule.split(" or ").map(all).collect()))
        };
        let range = |entry: &str| {
            let (ends, whole) = entry.split_once('=')?;
            let (start, end) = ends.split_once(' ')?;
            Some((Category::parse(start), Category::parse(end), Category::parse(whole)))
        };
        let ranges = common(Common::Ranges, language).unwrap_or_default();
        Rules {
            rules: text.split('\t').filter_map(rule).collect(),
            ranges: ranges.split('\t').filter_map(range).collect(),
        }
    }

    pub fn select(&self, operands: &Operands) -> Category {
        let holds = |alternatives: &Vec<Vec<Relation>>| {
            alternatives.iter().any(|all| all.iter().all(|relation| relation.holds(operands)))
        };
        self.rules
            .iter()
            .find(|(_, alternatives)| holds(alternatives))
            .map_or(Category::Other, |(category, _)| *category)
    }

    /// The category of a range between two numbers of these categories.
    pub fn select_range(&self, start: Category, end: Category) -> Category {
        let same = |(from, to, _): &&(Category, Category, Category)| *from == start && *to == end;
        self.ranges.iter().find(same).map_or(Category::Other, |(_, _, whole)| *whole)
    }

    /// Every category that the language has, in CLDR's order.
    pub fn categories(&self) -> Vec<Category> {
        let has =
            |category: &Category| *category == Category::Other || self.rules.iter().any(|(known, _)| known == category);
        Category::ALL.into_iter().filter(has).collect()
    }
}

/// `one=...` entries, as `generate` writes them.
#[derive(Clone, Debug, Default)]
pub struct Forms(Vec<(Category, &'static str)>);

impl Forms {
    pub fn parse(entries: impl Iterator<Item = &'static str>) -> Forms {
        let known = |name: &str| Category::ALL.into_iter().find(|category| category.name() == name);
        Forms(
            entries
                .filter_map(|entry| entry.split_once('='))
                .filter_map(|(name, form)| Some((known(name)?, form)))
                .collect(),
        )
    }

    pub fn get(&self, category: Category) -> Option<&'static str> {
        let find = |wanted: Category| self.0.iter().find(|(known, _)| *known == wanted).map(|(_, form)| *form);
        find(category).or_else(|| find(Category::Other))
    }
}
