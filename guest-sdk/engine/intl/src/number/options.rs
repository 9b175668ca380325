//! In: nothing. Out: what a NumberFormat can be asked for, after its surface has checked it.
//! May touch: nothing.
//! Security boundary: no.

use crate::rounding::Digits;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    Decimal,
    Percent,
    /// Code in capitals.
    Currency(String),
    /// As ECMA-402 names it: "kilometer-per-hour".
    Unit(String),
}

/// How much of a name is shown; of currencies: symbol, narrow symbol, code, name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Long,
    Short,
    Narrow,
    Code,
}

impl Width {
    pub fn name(self) -> &'static str {
        match self {
            Width::Long => "long",
            Width::Short | Width::Code => "short",
            Width::Narrow => "narrow",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    Standard,
    Scientific,
    Engineering,
    Compact { long: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    Never,
    /// As the locale has it.
    Auto,
    Always,
    /// Where the first group has two digits at least.
    Min2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignDisplay {
    Auto,
    Always,
    Never,
    ExceptZero,
    Negative,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub style: Style,
    pub width: Width,
    pub accounting: bool,
    pub notation: Notation,
    pub digits: Digits,
    pub grouping: Grouping,
    pub sign: SignDisplay,
    /// Of the locale or of the caller; one of those with ten digits.
    pub numbering: String,
}
