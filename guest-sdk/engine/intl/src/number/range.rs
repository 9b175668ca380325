//! In: two numbers. Out: the range between them, with what both share written once, as ICU does it.
//! May touch: nothing.
//! Security boundary: no.

use super::options::Notation;
use super::write::Around;
use super::{NumberFormat, Shown};
use crate::decimal::Decimal;
use crate::parts::{Parts, Source};

impl NumberFormat {
    pub fn format_range(&self, start: &Decimal, end: &Decimal) -> Parts {
        let (first, second) = (self.show(start), self.show(end));
        let mut out = Parts::default();
        if self.same(&first, &second) {
            let around = self.around(&first, true);
            out.append(&around.far.0);
            self.write_near(&around, &self.digits(&first), &mut out);
            out.append(&around.far.1);
            return out;
        }
        let around = (self.around(&first, false), self.around(&second, false));
        let far_once = self.outer.is_some() || around.0.far.0.text.is_empty();
        let near_once = text(&around.0) == text(&around.1) && text(&around.0).chars().count() > 1;
        let exponent = matches!(self.options.notation, Notation::Scientific | Notation::Engineering);
        let between = self.between(exponent || (!near_once && !text(&around.0).is_empty()));
        let far = self.far_of_range(&first, &second);

        out.append(&far.0);
        if near_once && far_once {
            self.write_shared(&around.0, [&first, &second], &between, &mut out);
        } else {
            self.write_each([&around.0, &around.1], [&first, &second], &between, &mut out);
        }
        out.append(&far.1);
        out
    }

    fn same(&self, first: &Shown, second: &Shown) -> bool {
        let (left, right) = (&first.rounded, &second.rounded);
        first.kind == second.kind
            && left.value.digits == right.value.digits
            && left.value.top == right.value.top
            && left.value.negative == right.value.negative
            && first.power == second.power
    }

    /// The dash, with spaces around it where signs or letters would touch it.
    fn between(&self, spaced: bool) -> String {
        let pattern = self.symbols.patterns.range;
        let dash =
            pattern.split_once("{0}").and_then(|(_, rest)| rest.split_once("{1}")).map_or("–", |(dash, _)| dash);
        let space = |touches: Option<char>| if spaced && touches != Some(' ') { " " } else { "" };
        format!("{}{dash}{}", space(dash.chars().next()), space(dash.chars().last()))
    }

    fn far_of_range(&self, first: &Shown, second: &Shown) -> (Parts, Parts, bool) {
        let whole = self.rules.select_range(self.category(first), self.category(second));
        self.outer.as_ref().map(|outer| outer.around(whole)).unwrap_or_default()
    }

    fn write_shared(&self, around: &Around, shown: [&Shown; 2], between: &str, out: &mut Parts) {
        let mut digits = Parts::default();
        for (source, shown) in [Source::Start, Source::End].into_iter().zip(shown) {
            if source == Source::End {
                digits.from(Source::Shared);
                digits.literal(between);
            }
            digits.from(source);
            digits.append(&self.digits(shown));
        }
        self.write_near(around, &digits, out);
    }

    fn write_each(&self, around: [&Around; 2], shown: [&Shown; 2], between: &str, out: &mut Parts) {
        for ((source, shown), around) in [Source::Start, Source::End].into_iter().zip(shown).zip(around) {
            if source == Source::End {
                out.from(Source::Shared);
                out.literal(between);
            }
            out.from(source);
            self.write_near(around, &self.digits(shown), out);
        }
        out.from(Source::Shared);
    }
}

fn text(around: &Around) -> String {
    format!("{}{}", around.near.0.text, around.near.1.text)
}
