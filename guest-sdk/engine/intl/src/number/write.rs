//! In: a number as it will be shown. Out: its text in parts: sign, affixes, digits, names.
//! May touch: nothing.
//! Security boundary: no.

use super::options::{Notation, Style};
use super::pattern::{Affix, Pattern};
use super::{NumberFormat, Shown, Sign};
use crate::decimal::Kind;
use crate::parts::Parts;
use crate::plural::{Category, Operands};

/// What stands around the digits: before and behind.
#[derive(Default)]
pub(super) struct Around {
    /// Sign, currency, percent, compact letters.
    pub near: (Parts, Parts),
    /// Names of units and currencies; with them, sometimes, the whole number is said.
    pub far: (Parts, Parts, bool),
    /// The pattern has no place for digits ("mille").
    pub no_digits: bool,
}

impl NumberFormat {
    pub(super) fn write(&self, shown: &Shown, out: &mut Parts) {
        let around = self.around(shown, false);
        out.append(&around.far.0);
        if !around.far.2 {
            self.write_near(&around, &self.digits(shown), out);
        }
        out.append(&around.far.1);
    }

    /// Digits with what is near them. A currency's letters are kept apart from digits (UTS 35, currencySpacing).
    pub(super) fn write_near(&self, around: &Around, digits: &Parts, out: &mut Parts) {
        let (before, behind) = &around.near;
        let (first, last) = (digits.text.chars().next(), digits.text.chars().last());
        let (left, right) = (before.text.chars().last(), behind.text.chars().next());
        let apart = |kind: Option<&str>, digit: Option<char>, letter: Option<char>| {
            kind == Some("currency") && digit.is_some_and(char::is_numeric) && letter.is_some_and(is_letter_like)
        };
        out.append(before);
        if apart(before.runs().last().map(|run| run.0), first, left) {
            out.literal_from(self.symbols.spacing[0], digits.runs().next().map(|run| run.2));
        }
        if !around.no_digits {
            out.append(digits);
        }
        if apart(behind.runs().next().map(|run| run.0), last, right) {
            out.literal_from(self.symbols.spacing[1], digits.runs().last().map(|run| run.2));
        }
        out.append(behind);
    }

    /// With `approximately`, the mark of that stands before the number's own sign.
    pub(super) fn around(&self, shown: &Shown, approximately: bool) -> Around {
        let finite = shown.kind == Kind::Finite;
        let category = if finite { self.rules.select(&Operands::of(&shown.rounded, 0)) } else { Category::Other };
        let compact = self.compact.as_ref().filter(|_| finite);
        let compact = compact.and_then(|compact| compact.pattern(shown.magnitude, &shown.rounded, category));
        let kind = if compact.is_some() { "compact" } else { "literal" };
        let mut around = Around {
            near: self.affixes(compact.unwrap_or(&self.pattern), shown.sign, approximately, kind),
            no_digits: compact.is_some_and(|pattern| pattern.zeros == 0),
            ..Around::default()
        };
        if let Some(outer) = &self.outer {
            around.far = outer.around(self.category(shown));
        }
        around
    }

    fn affixes(&self, pattern: &Pattern, sign: Sign, approximately: bool, kind: &'static str) -> (Parts, Parts) {
        let marked = sign != Sign::None || approximately;
        let own = pattern.negative.as_ref().filter(|(prefix, suffix)| {
            sign == Sign::Minus || (marked && (prefix.contains(&Affix::Minus) || suffix.contains(&Affix::Minus)))
        });
        let mut mark = Parts::default();
        if approximately {
            mark.push("approximatelySign", self.symbols.approximately);
        }
        match sign {
            Sign::Minus => mark.push("minusSign", self.symbols.minus),
            Sign::Plus => mark.push("plusSign", self.symbols.plus),
            Sign::None => {}
        }
        let mut around = (Parts::default(), Parts::default());
        let (prefix, suffix) = match own {
            Some((prefix, suffix)) => (prefix, suffix),
            None => {
                around.0.append(&mark);
                (&pattern.prefix, &pattern.suffix)
            }
        };
        self.affix(prefix, &mark, kind, &mut around.0);
        self.affix(suffix, &mark, kind, &mut around.1);
        around
    }

    fn affix(&self, affixes: &[Affix], mark: &Parts, kind: &'static str, out: &mut Parts) {
        for affix in affixes {
            match affix {
                Affix::Text(text) => out.push(kind, text),
                Affix::Currency => out.push("currency", &self.currency),
                Affix::Percent => out.push(self.percent_kind(), self.symbols.percent),
                Affix::Minus => out.append(mark),
                Affix::Plus => out.push("plusSign", self.symbols.plus),
            }
        }
    }

    fn percent_kind(&self) -> &'static str {
        if matches!(self.options.style, Style::Unit(_)) { "unit" } else { "percentSign" }
    }

    /// The digits themselves, with exponent.
    pub(super) fn digits(&self, shown: &Shown) -> Parts {
        let mut out = Parts::default();
        match shown.kind {
            Kind::NaN => out.push("nan", self.symbols.nan),
            Kind::Infinity => out.push("infinity", self.symbols.infinity),
            Kind::Finite => self.finite(shown, &mut out),
        }
        out
    }

    fn finite(&self, shown: &Shown, out: &mut Parts) {
        let money = matches!(self.options.style, Style::Currency(_)) && self.outer.is_none();
        let (decimal, group) = if money {
            (self.symbols.currency_decimal, self.symbols.currency_group)
        } else {
            (self.symbols.decimal, self.symbols.group)
        };
        let value = &shown.rounded.value;
        let length = (value.magnitude() + 1).max(self.options.digits.integer_min);
        let scientific = matches!(self.options.notation, Notation::Scientific | Notation::Engineering);
        let grouping = if scientific { None } else { self.grouping_min() };
        for power in (0..length).rev() {
            out.push("integer", self.symbols.digit(value.digit(power)));
            if grouping.is_some_and(|min| self.group_ends(power as usize, length as usize, min)) {
                out.push("group", group);
            }
        }
        if shown.rounded.fraction > 0 {
            out.push("decimal", decimal);
            for power in 1..=shown.rounded.fraction {
                out.push("fraction", self.symbols.digit(value.digit(-power)));
            }
        }
        if scientific {
            out.push("exponentSeparator", self.symbols.exponential);
            if shown.power < 0 {
                out.push("exponentMinusSign", self.symbols.minus);
            }
            out.push("exponentInteger", &self.symbols.integer(u64::from(shown.power.unsigned_abs()), 1));
        }
    }

    /// Whether a group ends before the digit that is followed by `power` others.
    fn group_ends(&self, power: usize, length: usize, min: usize) -> bool {
        let (last, others) = self.pattern.groups;
        if last == 0 || power < last || length < last + min {
            return false;
        }
        power == last || (others > 0 && (power - last) % others == 0)
    }
}

/// What CLDR's `currencyMatch` means in every locale: neither a symbol nor a separator.
fn is_letter_like(c: char) -> bool {
    let symbol = matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' | '¢'..='¦' | '¨' | '©' | '¬' | '®'..='±')
        || matches!(
            c,
            '\u{20a0}'
                ..='\u{20cf}'
                    | '\u{58f}'
                    | '\u{60b}'
                    | '\u{7fe}'
                    | '\u{7ff}'
                    | '\u{9f2}'
                    | '\u{9f3}'
                    | '\u{9fb}'
                    | '\u{af1}'
                    | '\u{bf9}'
                    | '\u{e3f}'
                    | '\u{17db}'
                    | '\u{a838}'
                    | '\u{fdfc}'
                    | '\u{fe69}'
                    | '\u{ff04}'
                    | '\u{ffe0}'
                    | '\u{ffe1}'
                    | '\u{ffe5}'
                    | '\u{ffe6}'
        );
    !symbol && !c.is_whitespace()
}
