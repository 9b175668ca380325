//! In: a number of JavaScript, or the text of one. Out: its decimal digits, exactly as many as it has.
//! May touch: nothing.
//! Security boundary: no.

/// A decimal number, or none. `digits` have no zero at either end; the first of them counts `10^top`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub negative: bool,
    pub kind: Kind,
    pub digits: Vec<u8>,
    pub top: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Finite,
    Infinity,
    NaN,
}

/// Beyond these, text becomes infinity or zero, as the same number would (ECMA-402, StringToIntlMV).
const TOP_MAX: i32 = 308;
const TOP_MIN: i32 = -324;

impl Decimal {
    fn special(kind: Kind, negative: bool) -> Self {
        Decimal { negative, kind, digits: Vec::new(), top: 0 }
    }

    pub fn is_zero(&self) -> bool {
        self.kind == Kind::Finite && self.digits.is_empty()
    }

    /// The power of ten of the first digit; 0 for zero.
    pub fn magnitude(&self) -> i32 {
        if self.digits.is_empty() { 0 } else { self.top }
    }

    /// Times `10^power`.
    pub fn shift(&mut self, power: i32) {
        if !self.digits.is_empty() {
            self.top = self.top.saturating_add(power);
        }
    }

    /// The digit that counts `10^power`.
    pub fn digit(&self, power: i32) -> u8 {
        let at = i64::from(self.top) - i64::from(power);
        usize::try_from(at).ok().and_then(|at| self.digits.get(at)).copied().unwrap_or(0)
    }

    /// The power of ten of the last digit that is not zero; 0 for zero.
    pub fn lowest(&self) -> i32 {
        if self.digits.is_empty() { 0 } else { self.top - (self.digits.len() as i32 - 1) }
    }

    pub fn trim(&mut self) {
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self.top -= zeros as i32;
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.top = 0;
        }
    }

    /// Decimal text as JavaScript writes numbers and BigInts, `Infinity` and `NaN` included; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        match rest {
            "Infinity" => return Some(Decimal::special(Kind::Infinity, negative)),
            "NaN" => return Some(Decimal::special(Kind::NaN, false)),
            _ => {}
        }
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (integer.is_empty() && fraction.is_empty()) || !all_digits(integer) || !all_digits(fraction) {
            return None;
        }
        let digits = integer.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
        let top = i32::try_from(integer.len()).ok()? - 1;
        let mut parsed = Decimal { negative, kind: Kind::Finite, digits, top };
        parsed.trim();
        parsed.shift(power(exponent)?);
        Some(parsed)
    }

    /// The same, with what no number can hold cut to infinity or zero.
    pub fn parse_bounded(text: &str) -> Option<Self> {
        let parsed = Decimal::parse(text)?;
        Some(match parsed.magnitude() {
            TOP_MAX.. if parsed.exceeds_f64() => Decimal::special(Kind::Infinity, parsed.negative),
            ..TOP_MIN => Decimal::special(Kind::Finite, parsed.negative),
            _ => parsed,
        })
    }

    fn exceeds_f64(&self) -> bool {
        let text: String = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let value: Result<f64, _> =
            format!("{}e{}", text, i64::from(self.top) - (self.digits.len() as i64 - 1)).parse();
        value.is_ok_and(f64::is_infinite)
    }
}

impl From<f64> for Decimal {
    /// The shortest digits that mean this number, as JavaScript prints it.
    fn from(value: f64) -> Self {
        if value.is_nan() {
            return Decimal::special(Kind::NaN, false);
        }
        let negative = value.is_sign_negative();
        if value.is_infinite() {
            return Decimal::special(Kind::Infinity, negative);
        }
        Decimal::parse(&format!("{value:e}")).unwrap_or(Decimal::special(Kind::Finite, negative))
    }
}

/// An exponent; one too large to hold is cut, which is far beyond what any number has.
fn power(text: &str) -> Option<i32> {
    let digits = text.trim_start_matches(['-', '+']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || text.len() > digits.len() + 1 {
        return None;
    }
    let size = digits.trim_start_matches('0');
    let size: i32 = if size.len() > 8 { 99_999_999 } else { size.parse().unwrap_or(0) };
    Some(if text.starts_with('-') { -size } else { size })
}
