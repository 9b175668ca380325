//! In: a locale, a number and a unit of time. Out: how long ago or hence that is: "in 3 days", "yesterday".
//! May touch: nothing.
//! Security boundary: no.

use crate::data::{Data, Section};
use crate::decimal::{Decimal, Kind};
use crate::number::NumberFormat;
use crate::number::options::{Grouping, Notation, Options, SignDisplay, Style, Width};
use crate::parts::{Parts, fill};
use crate::rounding::Digits;

pub struct RelativeTimeFormat {
    data: Data,
    /// "long", "short" or "narrow".
    style: String,
    /// Words instead of numbers where the locale has them.
    words: bool,
    number: NumberFormat,
}

impl RelativeTimeFormat {
    pub fn new(data: Data, style: &str, words: bool, numbering: &str) -> Option<RelativeTimeFormat> {
        let options = Options {
            style: Style::Decimal,
            width: Width::Short,
            accounting: false,
            notation: Notation::Standard,
            digits: Digits::default(),
            grouping: Grouping::Auto,
            sign: SignDisplay::Auto,
            numbering: numbering.to_owned(),
        };
        let number = NumberFormat::new(data, options, false)?;
        Some(RelativeTimeFormat { data, style: style.to_owned(), words, number })
    }

    /// `unit` in the singular: "day". `None` for a number that is none.
    pub fn format(&self, value: &Decimal, unit: &str) -> Option<Parts> {
        if value.kind != Kind::Finite {
            return None;
        }
        let entries = self.data.get(Section::Fields, &format!("{unit}.{}", self.style))?;
        let entry = |key: &str| entries.split('\t').find_map(|entry| entry.strip_prefix(key)?.strip_prefix('='));
        let mut out = Parts::default();
        if self.words
            && let Some(word) = small(value).and_then(|number| entry(&number.to_string()))
        {
            out.literal(word);
            return Some(out);
        }
        let direction = if value.negative { "past" } else { "future" };
        let size = Decimal { negative: false, ..value.clone() };
        let category = self.number.category_of(&size);
        let pattern =
            entry(&format!("{direction}.{}", category.name())).or_else(|| entry(&format!("{direction}.other")))?;
        let number = self.number.format(&size);
        fill(pattern, &mut out, |_, out| out.append(&number));
        Some(out)
    }
}

/// The number, if it is a whole one of those that locales have words for.
fn small(value: &Decimal) -> Option<i32> {
    let size = match value.digits.as_slice() {
        [] => 0,
        [digit] if value.top == 0 => i32::from(*digit),
        _ => return None,
    };
    Some(if value.negative { -size } else { size })
}
