//! In: a decimal number and how it is to be rounded. Out: the digits that are shown.
//! May touch: nothing.
//! Security boundary: no.

use crate::decimal::Decimal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Ceil,
    Floor,
    Expand,
    Trunc,
    HalfCeil,
    HalfFloor,
    HalfExpand,
    HalfTrunc,
    HalfEven,
}

impl Mode {
    pub fn parse(name: &str) -> Option<Mode> {
        Some(match name {
            "ceil" => Mode::Ceil,
            "floor" => Mode::Floor,
            "expand" => Mode::Expand,
            "trunc" => Mode::Trunc,
            "halfCeil" => Mode::HalfCeil,
            "halfFloor" => Mode::HalfFloor,
            "halfExpand" => Mode::HalfExpand,
            "halfTrunc" => Mode::HalfTrunc,
            "halfEven" => Mode::HalfEven,
            _ => return None,
        })
    }
}

/// Which of the two bounds counts, as ECMA-402 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Fraction,
    Significant,
    MorePrecision,
    LessPrecision,
}

impl Priority {
    pub fn parse(name: &str) -> Option<Priority> {
        Some(match name {
            "fractionDigits" => Priority::Fraction,
            "significantDigits" => Priority::Significant,
            "morePrecision" => Priority::MorePrecision,
            "lessPrecision" => Priority::LessPrecision,
            _ => return None,
        })
    }
}

/// How many digits are shown. Minimum and maximum of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    pub integer_min: i32,
    pub fraction: (i32, i32),
    pub significant: (i32, i32),
    pub priority: Priority,
    pub increment: u32,
    pub mode: Mode,
    /// `trailingZeroDisplay: "stripIfInteger"`.
    pub strip_zeros: bool,
}

impl Default for Digits {
    fn default() -> Self {
        Digits {
            integer_min: 1,
            fraction: (0, 3),
            significant: (1, 21),
            priority: Priority::Fraction,
            increment: 1,
            mode: Mode::HalfExpand,
            strip_zeros: false,
        }
    }
}

/// A rounded number and the number of fraction digits that it is shown with.
#[derive(Clone, Debug)]
pub struct Rounded {
    pub value: Decimal,
    pub fraction: i32,
}

impl Digits {
    pub fn round(&self, value: &Decimal) -> Rounded {
        let by_fraction = || self.cut(value, -self.fraction.1, -self.fraction.0);
        let by_significant = || {
            let first = value.magnitude();
            let mut rounded = self.cut(value, first - self.significant.1 + 1, first - self.significant.0 + 1);
            if rounded.value.magnitude() > first {
                // 9.99 became 10.0: one digit less is enough.
                rounded.fraction = shown(&rounded.value, rounded.value.magnitude() - self.significant.0 + 1);
            }
            rounded
        };
        let mut rounded = match self.priority {
            Priority::Fraction => by_fraction(),
            Priority::Significant => by_significant(),
            Priority::MorePrecision | Priority::LessPrecision => {
                // The place of the last digit that each would keep.
                let significant_last = value.magnitude() - self.significant.1 + 1;
                let finer_is_significant = significant_last < -self.fraction.1;
                let equal = significant_last == -self.fraction.1;
                let wanted_significant = (self.priority == Priority::MorePrecision) == finer_is_significant || equal;
                if wanted_significant { by_significant() } else { by_fraction() }
            }
        };
        if self.strip_zeros && rounded.value.lowest() >= 0 {
            rounded.fraction = 0;
        }
        rounded
    }

    /// Digits down to `10^last`; shown at least down to `10^shown_to`.
    fn cut(&self, value: &Decimal, last: i32, shown_to: i32) -> Rounded {
        let value = round_at(value, last, self.increment, self.mode);
        let fraction = shown(&value, shown_to);
        Rounded { value, fraction }
    }
}

/// Fraction digits that show all of the value and at least down to `10^shown_to`.
fn shown(value: &Decimal, shown_to: i32) -> i32 {
    (-value.lowest()).max(-shown_to).max(0)
}

/// Rounds to a multiple of `increment * 10^last`.
fn round_at(value: &Decimal, last: i32, increment: u32, mode: Mode) -> Decimal {
    if value.digits.is_empty() || (increment == 1 && value.lowest() >= last) {
        return value.clone();
    }
    // The digits from 10^last up, divided by the increment; then what is left of them and of the digits below.
    let increment = increment.max(1);
    let first = value.top.max(last);
    let mut quotient = Vec::with_capacity((first - last + 1) as usize);
    let mut remainder = 0;
    for power in (last..=first).rev() {
        remainder = remainder * 10 + u32::from(value.digit(power));
        quotient.push((remainder / increment) as u8);
        remainder %= increment;
    }
    let below = below(value, last);
    let odd = quotient.last().is_some_and(|digit| digit % 2 == 1);
    if rounds_up(value.negative, remainder, below, increment, odd, mode) {
        bump(&mut quotient);
    }
    let top = last + quotient.len() as i32 - 1;
    let mut rounded = Decimal { digits: quotient, top, ..value.clone() };
    multiply(&mut rounded, increment);
    rounded.trim();
    rounded
}

/// What lies below `10^last`: nothing, less than half of it, half, or more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Below {
    Nothing,
    Less,
    Half,
    More,
}

fn below(value: &Decimal, last: i32) -> Below {
    if value.lowest() >= last {
        return Below::Nothing;
    }
    let next = value.digit(last - 1);
    let exact = value.lowest() == last - 1;
    match next {
        5 if exact => Below::Half,
        5.. => Below::More,
        _ => Below::Less,
    }
}

fn rounds_up(negative: bool, remainder: u32, below: Below, increment: u32, odd: bool, mode: Mode) -> bool {
    if remainder == 0 && below == Below::Nothing {
        return false;
    }
    // Against half an increment, in halves: 2 * remainder, and what lies below as 0, less than 1, 1, or more than 1.
    let twice = 2 * remainder;
    let to_half = match (twice.cmp(&increment), below) {
        (std::cmp::Ordering::Equal, Below::Nothing) => std::cmp::Ordering::Equal,
        (std::cmp::Ordering::Equal, _) => std::cmp::Ordering::Greater,
        (std::cmp::Ordering::Less, _) if twice + 1 == increment => below.cmp(&Below::Half),
        (order, _) => order,
    };
    let half = |up_at_half: bool| to_half.is_gt() || (to_half.is_eq() && up_at_half);
    match mode {
        Mode::Ceil => !negative,
        Mode::Floor => negative,
        Mode::Expand => true,
        Mode::Trunc => false,
        Mode::HalfCeil => half(!negative),
        Mode::HalfFloor => half(negative),
        Mode::HalfExpand => half(true),
        Mode::HalfTrunc => half(false),
        Mode::HalfEven => half(odd),
    }
}

fn bump(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return;
        }
        *digit = 0;
    }
    digits.insert(0, 1);
}

fn multiply(value: &mut Decimal, factor: u32) {
    if factor == 1 {
        return;
    }
    let mut carry = 0;
    for digit in value.digits.iter_mut().rev() {
        let product = u32::from(*digit) * factor + carry;
        *digit = (product % 10) as u8;
        carry = product / 10;
    }
    while carry > 0 {
        value.digits.insert(0, (carry % 10) as u8);
        value.top += 1;
        carry /= 10;
    }
}
