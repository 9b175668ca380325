//! In: a date pattern or skeleton (UTS 35 part 4). Out: which fields it has, in which form, and how far two are apart.
//! May touch: nothing.
//! Security boundary: no. The measures are those of ICU's DateTimePatternGenerator (Unicode-3.0), told anew.

pub const FIELDS: usize = 16;
pub const ERA: usize = 0;
pub const YEAR: usize = 1;
pub const MONTH: usize = 3;
pub const WEEKDAY: usize = 6;
pub const DAY: usize = 9;
pub const DAY_PERIOD: usize = 10;
pub const HOUR: usize = 11;
pub const MINUTE: usize = 12;
pub const SECOND: usize = 13;
pub const FRACTION: usize = 14;
pub const ZONE: usize = 15;

const NUMERIC: i32 = 0x100;
const NARROW: i32 = -0x101;
const SHORTER: i32 = -0x102;
const SHORT: i32 = -0x103;
const LONG: i32 = -0x104;
const DELTA: i32 = 0x10;

const EXTRA_FIELD: i32 = 0x10000;
const MISSING_FIELD: i32 = 0x1000;

/// A letter from some count on: its field, and a number that says how it is written.
struct Form {
    letter: char,
    field: usize,
    kind: i32,
    count_min: u8,
}

const fn form(letter: char, field: usize, kind: i32, count_min: u8) -> Form {
    Form { letter, field, kind, count_min }
}

static FORMS: &[Form] = &[
    form('G', ERA, SHORT, 1),
    form('G', ERA, LONG, 4),
    form('G', ERA, NARROW, 5),
    form('y', YEAR, NUMERIC, 1),
    form('Y', YEAR, NUMERIC + DELTA, 1),
    form('u', YEAR, NUMERIC + 2 * DELTA, 1),
    form('M', MONTH, NUMERIC, 1),
    form('M', MONTH, SHORT, 3),
    form('M', MONTH, LONG, 4),
    form('M', MONTH, NARROW, 5),
    form('L', MONTH, NUMERIC + DELTA, 1),
    form('L', MONTH, SHORT - DELTA, 3),
    form('L', MONTH, LONG - DELTA, 4),
    form('L', MONTH, NARROW - DELTA, 5),
    form('E', WEEKDAY, SHORT, 1),
    form('E', WEEKDAY, LONG, 4),
    form('E', WEEKDAY, NARROW, 5),
    form('E', WEEKDAY, SHORTER, 6),
    form('c', WEEKDAY, NUMERIC + 2 * DELTA, 1),
    form('c', WEEKDAY, SHORT - 2 * DELTA, 3),
    form('c', WEEKDAY, LONG - 2 * DELTA, 4),
    form('c', WEEKDAY, NARROW - 2 * DELTA, 5),
    form('c', WEEKDAY, SHORTER - 2 * DELTA, 6),
    form('e', WEEKDAY, NUMERIC + DELTA, 1),
    form('e', WEEKDAY, SHORT - DELTA, 3),
    form('e', WEEKDAY, LONG - DELTA, 4),
    form('e', WEEKDAY, NARROW - DELTA, 5),
    form('e', WEEKDAY, SHORTER - DELTA, 6),
    form('d', DAY, NUMERIC, 1),
    form('a', DAY_PERIOD, SHORT, 1),
    form('a', DAY_PERIOD, LONG, 4),
    form('a', DAY_PERIOD, NARROW, 5),
    form('b', DAY_PERIOD, SHORT - DELTA, 1),
    form('b', DAY_PERIOD, LONG - DELTA, 4),
    form('b', DAY_PERIOD, NARROW - DELTA, 5),
    form('B', DAY_PERIOD, SHORT - 3 * DELTA, 1),
    form('B', DAY_PERIOD, LONG - 3 * DELTA, 4),
    form('B', DAY_PERIOD, NARROW - 3 * DELTA, 5),
    form('H', HOUR, NUMERIC + 10 * DELTA, 1),
    form('k', HOUR, NUMERIC + 11 * DELTA, 1),
    form('h', HOUR, NUMERIC, 1),
    form('K', HOUR, NUMERIC + DELTA, 1),
    form('m', MINUTE, NUMERIC, 1),
    form('s', SECOND, NUMERIC, 1),
    form('S', FRACTION, NUMERIC, 1),
    form('v', ZONE, SHORT - 2 * DELTA, 1),
    form('v', ZONE, LONG - 2 * DELTA, 4),
    form('z', ZONE, SHORT, 1),
    form('z', ZONE, LONG, 4),
    form('Z', ZONE, NARROW - DELTA, 1),
    form('Z', ZONE, LONG - DELTA, 4),
    form('Z', ZONE, SHORT - DELTA, 5),
    form('O', ZONE, SHORT - DELTA, 1),
    form('O', ZONE, LONG - DELTA, 4),
];

fn find(letter: char, count: u8) -> Option<&'static Form> {
    let own = FORMS.iter().filter(|form| form.letter == letter);
    let fits = |form: &&Form| form.count_min <= count || form.count_min == 1;
    own.filter(fits).next_back()
}

/// Field of a pattern letter.
pub fn field_of(letter: char) -> Option<usize> {
    find(letter, 1).map(|form| form.field)
}

/// Whether the letter, so many times, is written in digits.
pub fn is_numeric(letter: char, count: u8) -> bool {
    find(letter, count).is_some_and(|form| form.kind > 0)
}

/// What a pattern has, by field. A letter of NUL stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skeleton {
    kinds: [i32; FIELDS],
    /// Letter and count, as they were written.
    letters: [(char, u8); FIELDS],
    /// The same, folded to what tells forms apart.
    base: [(char, u8); FIELDS],
}

const NOTHING: (char, u8) = ('\0', 0);

impl Skeleton {
    pub fn of(pattern: &str) -> Skeleton {
        let mut skeleton = Skeleton { kinds: [0; FIELDS], letters: [NOTHING; FIELDS], base: [NOTHING; FIELDS] };
        for token in tokens(pattern) {
            if let Token::Field(letter, count) = token {
                skeleton.put(letter, count);
            }
        }
        if skeleton.has(MINUTE) && skeleton.has(FRACTION) && !skeleton.has(SECOND) {
            skeleton.put('s', 1);
        }
        match skeleton.letter(HOUR).0 {
            'h' | 'K' if !skeleton.has(DAY_PERIOD) => skeleton.put('a', 1),
            'H' | 'k' => skeleton.clear(DAY_PERIOD),
            _ => {}
        }
        skeleton
    }

    fn put(&mut self, letter: char, count: u8) {
        let Some(form) = find(letter, count) else { return };
        let kind = if form.kind > 0 { form.kind + i32::from(count) } else { form.kind };
        self.set(form.field, kind, (letter, count), (letter, form.count_min));
    }

    fn clear(&mut self, field: usize) {
        self.set(field, 0, NOTHING, NOTHING);
    }

    fn set(&mut self, field: usize, kind: i32, letter: (char, u8), base: (char, u8)) {
        let places = (self.kinds.get_mut(field), self.letters.get_mut(field), self.base.get_mut(field));
        if let (Some(own_kind), Some(own_letter), Some(own_base)) = places {
            (*own_kind, *own_letter, *own_base) = (kind, letter, base);
        }
    }

    pub fn kind(&self, field: usize) -> i32 {
        self.kinds.get(field).copied().unwrap_or(0)
    }

    pub fn has(&self, field: usize) -> bool {
        self.kind(field) != 0
    }

    pub fn letter(&self, field: usize) -> (char, u8) {
        self.letters.get(field).copied().unwrap_or(NOTHING)
    }

    pub fn base_count(&self, field: usize) -> u8 {
        self.base.get(field).map_or(0, |(_, count)| *count)
    }

    pub fn same_base(&self, other: &Skeleton) -> bool {
        self.base == other.base
    }

    pub fn same_letters(&self, other: &Skeleton) -> bool {
        self.letters == other.letters
    }

    /// The first letter of the base, which groups skeletons.
    pub fn first(&self) -> char {
        self.base.iter().map(|(letter, _)| *letter).find(|letter| *letter != '\0').unwrap_or('\0')
    }

    /// A bit for each field that is there.
    pub fn mask(&self) -> u32 {
        (0..FIELDS).filter(|field| self.has(*field)).fold(0, |mask, field| mask | 1 << field)
    }

    /// How far `other` is from the fields of `mask` in this, and which of them it lacks or has too many.
    pub fn distance(&self, other: &Skeleton, mask: u32) -> Distance {
        let mut distance = Distance::default();
        for (field, (own, theirs)) in self.kinds.iter().zip(&other.kinds).enumerate() {
            let own = if mask & (1 << field) == 0 { 0 } else { *own };
            if own == *theirs {
                continue;
            }
            if own == 0 {
                distance.size += EXTRA_FIELD;
                distance.extra |= 1 << field;
            } else if *theirs == 0 {
                distance.size += MISSING_FIELD;
                distance.missing |= 1 << field;
            } else {
                distance.size += (own - theirs).abs();
            }
        }
        distance
    }
}

impl std::fmt::Display for Skeleton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (letter, count) in &self.letters {
            for _ in 0..*count {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Distance {
    pub size: i32,
    pub missing: u32,
    pub extra: u32,
}

/// A piece of a date pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    Field(char, u8),
    /// Text without quotes around it, as it stands in the pattern.
    Text(&'a str),
    /// Quoted text, quotes included.
    Quoted(&'a str),
}

/// The pieces of a pattern.
pub fn tokens(pattern: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first {
            '\'' => quoted_end(rest),
            _ if first.is_ascii_alphabetic() => rest.find(|c| c != first).unwrap_or(rest.len()),
            _ => rest.find(|c: char| c == '\'' || c.is_ascii_alphabetic()).unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(match first {
            '\'' => Token::Quoted(piece),
            _ if first.is_ascii_alphabetic() => Token::Field(first, u8::try_from(piece.len()).unwrap_or(u8::MAX)),
            _ => Token::Text(piece),
        })
    })
}

/// The end of a quoted piece. Two quotes are one quote, inside and outside of others.
fn quoted_end(text: &str) -> usize {
    let mut quotes = text.char_indices().skip(1).filter(|(_, c)| *c == '\'').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if at == 1 || quotes.peek() != Some(&(at + 1)) {
            return at + 1;
        }
        quotes.next();
    }
    text.len()
}

/// The text that a quoted piece stands for.
pub fn unquoted(piece: &str) -> String {
    match piece {
        "''" => "'".to_owned(),
        _ => piece.trim_start_matches('\'').trim_end_matches('\'').replace("''", "'"),
    }
}
