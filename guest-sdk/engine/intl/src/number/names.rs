//! In: a locale, and a currency or a unit. Out: what it is called, and the patterns that put a number beside the name.
//! May touch: nothing.
//! Security boundary: no.

use super::options::Width;
use super::symbols::Symbols;
use crate::data::{Common, Data, Section, common};
use crate::parts::{Parts, fill_text};
use crate::plural::{Category, Forms};

/// Symbol of a currency, in the width asked for; its code where there is none.
pub fn currency_symbol(data: Data, code: &str, width: Width) -> String {
    let [symbol, narrow, ..] = data.list::<4>(Section::Currencies, code);
    let found = match width {
        Width::Narrow if !narrow.is_empty() => narrow,
        Width::Code => "",
        _ => symbol,
    };
    if found.is_empty() { code.to_owned() } else { found.to_owned() }
}

/// A currency's name beside no number.
pub fn currency_name(data: Data, code: &str) -> Option<&'static str> {
    let [_, _, _, name] = data.list(Section::Currencies, code);
    Some(name).filter(|name| !name.is_empty())
}

/// Fraction digits that amounts of a currency have.
pub fn currency_fraction(code: &str) -> i32 {
    let digits = common(Common::Fractions, code).and_then(|value| value.split('\t').next()?.parse().ok());
    digits.unwrap_or(2)
}

/// Patterns with `{0}` for the number and the currency's name in each plural form.
pub fn currency_patterns(data: Data, symbols: &Symbols, code: &str) -> Outer {
    let joined = Forms::parse(data.text(Section::Numbers, &format!("unit.{}", symbols.listed)).split('\t'));
    let names = Forms::parse(data.text(Section::Currencies, code).split('\t').skip(4));
    let plain = currency_name(data, code).unwrap_or(code);
    Outer::new("currency", |category| {
        let name = names.get(category).unwrap_or(plain);
        fill_text(joined.get(category).unwrap_or("{0} {1}"), &["{0}", name])
    })
}

/// Patterns with `{0}` for the number and the unit's name in each plural form; `None` for a unit without data.
pub fn unit_patterns(data: Data, unit: &str, width: Width) -> Option<Outer> {
    if let Some(forms) = forms(data, unit, width) {
        return Some(Outer::new("unit", |category| forms.0.get(category).unwrap_or("{0}").to_owned()));
    }
    let (amount, per) = unit.split_once("-per-")?;
    let (amount, _) = forms(data, amount, width)?;
    let (single, per_pattern) = forms(data, per, width)?;
    let compound = data.text(Section::Units, &format!("per.{}", width.name()));
    let single = single.get(Category::One).unwrap_or_default().replace("{0}", "");
    Some(Outer::new("unit", |category| {
        let amount = amount.get(category).unwrap_or("{0}");
        match per_pattern {
            Some(pattern) => fill_text(pattern, &[amount]),
            None => fill_text(compound, &[amount, single.trim()]),
        }
    }))
}

fn forms(data: Data, unit: &str, width: Width) -> Option<(Forms, Option<&'static str>)> {
    common(Common::Units, unit)?;
    let entries = data.get(Section::Units, &format!("{unit}.{}", width.name()))?;
    let per = entries.split('\t').find_map(|entry| entry.strip_prefix("per="));
    Some((Forms::parse(entries.split('\t')), per))
}

/// What stands around a whole number, sign included, in each plural form.
#[derive(Clone, Debug)]
pub struct Outer {
    kind: &'static str,
    patterns: Vec<String>,
}

impl Outer {
    fn new(kind: &'static str, pattern: impl Fn(Category) -> String) -> Outer {
        Outer { kind, patterns: Category::ALL.into_iter().map(pattern).collect() }
    }

    /// Before the number and behind it; and whether the number is left out ("two days" in one word).
    pub fn around(&self, category: Category) -> (Parts, Parts, bool) {
        let pattern = self.patterns.get(category as usize).map_or("{0}", String::as_str);
        let places = pattern.split_once("{0}");
        let (before, behind) = places.unwrap_or((pattern, ""));
        let mut around = (Parts::default(), Parts::default(), places.is_none());
        around.0.push(self.kind, before);
        around.1.push(self.kind, behind);
        around
    }
}
