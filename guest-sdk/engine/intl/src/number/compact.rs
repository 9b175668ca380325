//! In: a locale's compact patterns. Out: for a power of ten, by how much to shorten the number and what to write for that.
//! May touch: nothing.
//! Security boundary: no.

use super::pattern::Pattern;
use crate::data::{Data, Section};
use crate::decimal::Decimal;
use crate::plural::Category;
use crate::rounding::{Digits, Rounded};

/// Of one power of ten and one plural form.
#[derive(Clone, Debug)]
struct Entry {
    power: i32,
    form: &'static str,
    pattern: Pattern,
    /// The pattern is `0`: such numbers are written in full.
    plain: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Compact(Vec<Entry>);

impl Compact {
    /// `kind` is the locale's list: short, long or money, with the numbering system.
    pub fn of(data: Data, key: &str) -> Compact {
        let entry = |text: &'static str| {
            let (head, pattern) = text.split_once('=')?;
            let (power, form) = head.split_once(' ')?;
            let plain = pattern == "0";
            Some(Entry { power: power.parse().ok()?, form, pattern: Pattern::parse(pattern), plain })
        };
        Compact(data.text(Section::Numbers, key).split('\t').filter_map(entry).collect())
    }

    /// Rounds the number in its compact form, and gives the power of ten that the form leaves out.
    pub fn round(&self, value: &Decimal, digits: &Digits) -> (Rounded, i32, i32) {
        let magnitude = value.magnitude();
        let short = |power: i32| {
            let mut value = value.clone();
            value.shift(-power);
            digits.round(&value)
        };
        let left_out = self.left_out(magnitude);
        let rounded = short(left_out);
        if rounded.value.is_zero() || rounded.value.magnitude() == magnitude - left_out {
            return (rounded, left_out, magnitude);
        }
        // 999.9K became 1000K: that is 1M.
        let more = self.left_out(magnitude + 1);
        if more == left_out { (rounded, left_out, magnitude + 1) } else { (short(more), more, magnitude + 1) }
    }

    fn left_out(&self, magnitude: i32) -> i32 {
        // A form without a digit ("mille") says nothing of how many there are.
        match self.at(magnitude).find(|entry| entry.pattern.zeros > 0) {
            Some(entry) if !entry.plain => entry.power - (entry.pattern.zeros as i32 - 1),
            _ => 0,
        }
    }

    /// Entries of the highest power that is not above `magnitude`.
    fn at(&self, magnitude: i32) -> impl Iterator<Item = &Entry> {
        let power = self.0.iter().map(|entry| entry.power).filter(|power| *power <= magnitude).max();
        self.0.iter().filter(move |entry| Some(entry.power) == power)
    }

    /// The pattern for a number whose magnitude was this; `None` where it is written in full.
    pub fn pattern(&self, magnitude: i32, shown: &Rounded, category: Category) -> Option<&Pattern> {
        let find = |form: &str| self.at(magnitude).find(|entry| entry.form == form);
        let exactly_one = shown.value.digits == [1] && shown.value.top == 0;
        let exact = if exactly_one { find("1") } else { None };
        let entry = exact.or_else(|| find(category.name())).or_else(|| find("other"))?;
        (!entry.plain).then_some(&entry.pattern)
    }
}
