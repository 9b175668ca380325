//! In: a locale, options, a number. Out: the number as the locale writes it, as text or in parts.
//! May touch: nothing.
//! Security boundary: no.

mod compact;
pub mod names;
pub mod options;
mod pattern;
mod range;
pub mod symbols;
mod write;

use crate::data::Data;
use crate::decimal::{Decimal, Kind};
use crate::parts::Parts;
use crate::plural::{Category, Operands, Rules};
use crate::rounding::Rounded;
use compact::Compact;
use names::Outer;
use options::{Grouping, Notation, Options, SignDisplay, Style, Width};
use pattern::Pattern;
use symbols::Symbols;

pub struct NumberFormat {
    options: Options,
    symbols: Symbols,
    pattern: Pattern,
    rules: Rules,
    compact: Option<Compact>,
    /// Name of a unit or currency, which stands outside of the sign.
    outer: Option<Outer>,
    /// What stands for `¤`.
    currency: String,
}

/// A number as it will be shown.
pub struct Shown {
    pub rounded: Rounded,
    kind: Kind,
    sign: Sign,
    /// What a compact form leaves out, or the exponent of the scientific one.
    power: i32,
    /// Before it was shortened: chooses the compact pattern.
    magnitude: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    Minus,
    Plus,
}

impl NumberFormat {
    /// `None` for a unit that CLDR has no name for. With `ordinal`, plural categories are those of "1st, 2nd".
    pub fn new(data: Data, options: Options, ordinal: bool) -> Option<NumberFormat> {
        let symbols = Symbols::of(data, &options.numbering);
        let compact_percent = options.style == Style::Percent && matches!(options.notation, Notation::Compact { .. });
        let outer = match &options.style {
            Style::Currency(code) if options.width == Width::Long => {
                Some(names::currency_patterns(data, &symbols, code))
            }
            // "%" beside digits needs no name, but every other unit does.
            Style::Unit(unit)
                if unit == "percent" && options.width != Width::Long && options.notation == Notation::Standard =>
            {
                None
            }
            Style::Unit(unit) => Some(names::unit_patterns(data, unit, options.width)?),
            Style::Percent if compact_percent => names::unit_patterns(data, "percent", Width::Short),
            _ => None,
        };
        let currency = match &options.style {
            Style::Currency(code) => names::currency_symbol(data, code, options.width),
            _ => String::new(),
        };
        let with_symbol = outer.is_none() && matches!(options.style, Style::Currency(_));
        let text = match &options.style {
            _ if outer.is_some() => symbols.patterns.decimal,
            Style::Currency(_) if options.accounting => symbols.patterns.accounting,
            Style::Currency(_) => symbols.patterns.currency,
            Style::Percent | Style::Unit(_) => symbols.patterns.percent,
            Style::Decimal => symbols.patterns.decimal,
        };
        let compact = match options.notation {
            Notation::Compact { long } => {
                // CLDR has no long forms of money.
                let width = if with_symbol {
                    "money"
                } else if long {
                    "long"
                } else {
                    "short"
                };
                Some(Compact::of(data, &format!("{width}.{}", symbols.listed)))
            }
            _ => None,
        };
        let pattern = Pattern::parse(text);
        let rules = if ordinal { Rules::ordinal(data) } else { Rules::cardinal(data) };
        Some(NumberFormat { rules, options, symbols, pattern, compact, outer, currency })
    }

    pub fn format(&self, value: &Decimal) -> Parts {
        let mut out = Parts::default();
        self.write(&self.show(value), &mut out);
        out
    }

    /// Rounds, shortens, and decides about the sign.
    pub fn show(&self, value: &Decimal) -> Shown {
        let mut value = value.clone();
        if self.options.style == Style::Percent {
            value.shift(2);
        }
        let digits = &self.options.digits;
        let (rounded, power, magnitude) = match (&self.options.notation, &self.compact) {
            _ if value.kind != Kind::Finite => (Rounded { value: value.clone(), fraction: 0 }, 0, 0),
            (_, Some(compact)) => compact.round(&value, digits),
            (Notation::Scientific, _) => self.scientific(&value, 1),
            (Notation::Engineering, _) => self.scientific(&value, 3),
            _ => (digits.round(&value), 0, value.magnitude()),
        };
        let sign = self.sign(value.negative, value.kind, rounded.value.is_zero());
        Shown { rounded, kind: value.kind, sign, power, magnitude }
    }

    fn scientific(&self, value: &Decimal, step: i32) -> (Rounded, i32, i32) {
        let shorten = |magnitude: i32| {
            let power = magnitude.div_euclid(step) * step;
            let mut value = value.clone();
            value.shift(-power);
            (self.options.digits.round(&value), power, magnitude)
        };
        let magnitude = value.magnitude();
        let (rounded, power, _) = shorten(magnitude);
        // 9.9999 became 10.
        if !rounded.value.is_zero() && rounded.value.magnitude() + power > magnitude {
            return shorten(magnitude + 1);
        }
        (rounded, power, magnitude)
    }

    fn sign(&self, negative: bool, kind: Kind, zero: bool) -> Sign {
        let nothing = zero || kind == Kind::NaN;
        match self.options.sign {
            SignDisplay::Never => Sign::None,
            SignDisplay::ExceptZero | SignDisplay::Negative if nothing => Sign::None,
            _ if negative => Sign::Minus,
            SignDisplay::Always | SignDisplay::ExceptZero => Sign::Plus,
            SignDisplay::Auto | SignDisplay::Negative => Sign::None,
        }
    }

    pub fn category_of_range(&self, start: &Decimal, end: &Decimal) -> Category {
        self.rules.select_range(self.category_of(start), self.category_of(end))
    }

    /// Every category that the language has.
    pub fn categories(&self) -> Vec<Category> {
        self.rules.categories()
    }

    /// Plural category of the number as it would be shown.
    pub fn category_of(&self, value: &Decimal) -> Category {
        self.category(&self.show(value))
    }

    fn category(&self, shown: &Shown) -> Category {
        if shown.kind != Kind::Finite {
            return Category::Other;
        }
        let left_out = if self.compact.is_some() { shown.power } else { 0 };
        self.rules.select(&Operands::of(&shown.rounded, left_out))
    }

    fn grouping_min(&self) -> Option<usize> {
        match self.options.grouping {
            Grouping::Never => None,
            Grouping::Auto => Some(self.symbols.grouping_min),
            Grouping::Always => Some(1),
            Grouping::Min2 => Some(self.symbols.grouping_min.max(2)),
        }
    }
}
