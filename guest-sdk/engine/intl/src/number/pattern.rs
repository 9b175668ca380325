//! In: a number pattern of CLDR (UTS 35 part 3). Out: what stands before and behind the digits, and how they are grouped.
//! May touch: nothing.
//! Security boundary: no.

/// A piece of what stands before or behind the digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affix {
    Text(String),
    Currency,
    Percent,
    Minus,
    Plus,
}

#[derive(Clone, Debug, Default)]
pub struct Pattern {
    pub prefix: Vec<Affix>,
    pub suffix: Vec<Affix>,
    /// The same of negative numbers, where the pattern says it.
    pub negative: Option<(Vec<Affix>, Vec<Affix>)>,
    /// Digits of the last group and of those before it; 0 for no groups.
    pub groups: (usize, usize),
    /// Zeros of the digits part: integer digits at least.
    pub zeros: usize,
}

impl Pattern {
    pub fn parse(text: &str) -> Pattern {
        let (positive, negative) = split_subpatterns(text);
        let (prefix, body, suffix) = split(positive);
        let negative = negative.map(split).map(|(prefix, _, suffix)| (affixes(prefix), affixes(suffix)));
        let integer = body.split(['.', 'E']).next().unwrap_or_default();
        Pattern {
            prefix: affixes(prefix),
            suffix: affixes(suffix),
            negative,
            groups: groups(integer),
            zeros: integer.bytes().filter(|byte| *byte == b'0').count(),
        }
    }
}

fn split_subpatterns(text: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    let end = text.bytes().position(|byte| {
        quoted ^= byte == b'\'';
        byte == b';' && !quoted
    });
    match end {
        Some(end) => (text.get(..end).unwrap_or_default(), text.get(end + 1..)),
        None => (text, None),
    }
}

/// Prefix, digits, suffix.
fn split(text: &str) -> (&str, &str, &str) {
    let mut quoted = false;
    let mut start = None;
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        quoted ^= c == '\'';
        let digits = !quoted && matches!(c, '#' | '0'..='9' | ',' | '.' | '@' | 'E');
        match (start, digits) {
            (None, true) => start = Some(at),
            (Some(_), false) => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let start = start.unwrap_or(text.len());
    (
        text.get(..start).unwrap_or_default(),
        text.get(start..end).unwrap_or_default(),
        text.get(end..).unwrap_or_default(),
    )
}

fn affixes(text: &str) -> Vec<Affix> {
    let mut found = Vec::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let affix = match c {
            '\'' if chars.peek() == Some(&'\'') => {
                chars.next();
                None
            }
            '\'' => {
                quoted = !quoted;
                continue;
            }
            _ if quoted => None,
            '¤' => Some(Affix::Currency),
            '%' => Some(Affix::Percent),
            '-' => Some(Affix::Minus),
            '+' => Some(Affix::Plus),
            _ => None,
        };
        match (affix, found.last_mut()) {
            (Some(affix), _) => found.push(affix),
            (None, Some(Affix::Text(text))) => text.push(c),
            (None, _) => found.push(Affix::Text(c.to_string())),
        }
    }
    found
}

fn groups(integer: &str) -> (usize, usize) {
    let mut sizes = integer.split(',').skip(1).map(str::len).collect::<Vec<_>>().into_iter().rev();
    let last = sizes.next().unwrap_or(0);
    (last, sizes.next().unwrap_or(last))
}
