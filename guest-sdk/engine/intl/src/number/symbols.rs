//! In: a locale and a numbering system. Out: its digits, signs and patterns.
//! May touch: nothing.
//! Security boundary: no.

use crate::data::{Common, Data, Section, common, list};

/// What a locale writes numbers with.
#[derive(Clone, Debug)]
pub struct Symbols {
    pub digits: [&'static str; 10],
    pub decimal: &'static str,
    pub group: &'static str,
    pub percent: &'static str,
    pub plus: &'static str,
    pub minus: &'static str,
    pub approximately: &'static str,
    pub exponential: &'static str,
    pub infinity: &'static str,
    pub nan: &'static str,
    pub currency_decimal: &'static str,
    pub currency_group: &'static str,
    /// Between hours and minutes.
    pub time: &'static str,
    pub patterns: Patterns,
    /// What stands between digits and a currency's letters: behind a prefix, before a suffix.
    pub spacing: [&'static str; 2],
    pub grouping_min: usize,
    /// The numbering system that these are listed under: the wanted one, or `latn` where the locale has no own.
    pub listed: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub struct Patterns {
    pub decimal: &'static str,
    pub percent: &'static str,
    pub currency: &'static str,
    pub accounting: &'static str,
    pub range: &'static str,
}

/// The locale's numbering system where none is asked for.
pub fn default_numbering(data: Data) -> &'static str {
    let [default, ..] = data.list::<2>(Section::Numbers, "default");
    default
}

/// The ten digits of a numbering system; `None` for one that has none.
pub fn digits(numbering: &str) -> Option<[&'static str; 10]> {
    let text = common(Common::Digits, numbering)?;
    let mut digits = text.char_indices().map(|(at, c)| text.get(at..at + c.len_utf8()).unwrap_or_default());
    Some(std::array::from_fn(|_| digits.next().unwrap_or_default()))
}

impl Symbols {
    pub fn of(data: Data, numbering: &str) -> Symbols {
        let listed = data.get(Section::Numbers, &format!("symbols.{numbering}")).is_some();
        // Names of systems that are listed are in the data; a copy of them is not needed.
        let known = data.list::<2>(Section::Numbers, "default").into_iter().find(|name| *name == numbering);
        let listed = if listed { known.unwrap_or("latn") } else { "latn" };
        // Arabic digits bring their own signs along, also where the locale does not write them.
        let root =
            |key: &str| if listed == numbering { None } else { common(Common::Symbols, &format!("{key}.{numbering}")) };
        let symbols = root("symbols").unwrap_or_else(|| data.text(Section::Numbers, &format!("symbols.{listed}")));
        let [
            decimal,
            group,
            percent,
            plus,
            minus,
            approximately,
            exponential,
            _,
            infinity,
            nan,
            currency_decimal,
            currency_group,
            time,
        ] = list(symbols);
        let [decimal_pattern, percent_pattern, _, currency, accounting, _, _, range, _] =
            data.list(Section::Numbers, &format!("patterns.{listed}"));
        let [_, root_percent, _, root_currency, root_accounting] = list(root("patterns").unwrap_or_default());
        let [_, _, grouping_min] = data.list(Section::Numbers, "default");
        let or = |own: &'static str, other| if own.is_empty() { other } else { own };
        Symbols {
            digits: digits(numbering).unwrap_or(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
            decimal,
            group,
            percent,
            plus,
            minus,
            approximately,
            exponential,
            infinity,
            nan,
            currency_decimal: or(currency_decimal, decimal),
            currency_group: or(currency_group, group),
            time,
            patterns: Patterns {
                decimal: decimal_pattern,
                percent: or(root_percent, percent_pattern),
                currency: or(root_currency, currency),
                accounting: or(root_accounting, accounting),
                range,
            },
            spacing: data.list(Section::Numbers, &format!("spacing.{listed}")),
            grouping_min: grouping_min.parse().unwrap_or(1),
            listed,
        }
    }

    /// A whole number in the locale's digits, with zeros before it.
    pub fn integer(&self, value: u64, digits_min: usize) -> String {
        format!("{value:0digits_min$}").bytes().map(|byte| self.digit(byte - b'0')).collect()
    }

    pub fn digit(&self, digit: u8) -> &'static str {
        self.digits.get(usize::from(digit)).copied().unwrap_or_default()
    }
}
