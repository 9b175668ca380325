//! In: a skeleton. Out: its date and its time in the form that CLDR lists interval patterns by, and the nearest listed.
//! May touch: the locale's data.
//! Security boundary: no. The rules are those of ICU's DateIntervalFormat and DateIntervalInfo (Unicode-3.0), told anew.

use super::generator::Generator;
use super::skeleton::{Token, tokens};
use crate::data::{Data, Section};

/// A skeleton in two.
#[derive(Debug, Default)]
pub struct Normal {
    pub date: String,
    pub time: String,
    pub normal_date: String,
    pub normal_time: String,
}

pub fn split(skeleton: &str) -> Normal {
    let mut parts = Normal::default();
    let count = |letter: char| skeleton.chars().filter(|own| *own == letter).count();
    let mut hour = None;
    for letter in skeleton.chars() {
        match letter {
            'E' | 'd' | 'M' | 'y' => parts.date.push(letter),
            'h' | 'H' | 'k' | 'K' => {
                hour.get_or_insert(letter);
                parts.time.push(letter);
            }
            'm' | 'z' | 'v' | 'O' => parts.time.push(letter),
            'a' | 'b' | 'B' | 's' | 'S' | 'Z' | 'V' | 'A' => {
                parts.time.push(letter);
                parts.normal_time.push(letter);
            }
            _ => {
                parts.date.push(letter);
                parts.normal_date.push(letter);
            }
        }
    }
    let repeat = |out: &mut String, letter: char, count: usize| out.extend(std::iter::repeat_n(letter, count));
    repeat(&mut parts.normal_date, 'y', count('y'));
    let narrow =
        |letter: char, least: usize| if count(letter) < least { count(letter).min(1) } else { count(letter).min(5) };
    repeat(&mut parts.normal_date, 'M', narrow('M', 3));
    repeat(&mut parts.normal_date, 'E', narrow('E', 4));
    repeat(&mut parts.normal_date, 'd', count('d').min(1));
    parts.normal_time.extend(hour);
    repeat(&mut parts.normal_time, 'm', count('m').min(1));
    for letter in ['z', 'v', 'O'] {
        repeat(&mut parts.normal_time, letter, if count(letter) <= 3 { count(letter).min(1) } else { 4 });
    }
    parts
}

/// The skeleton with its hour as the locale writes it, and with the period of the day that belongs to it.
pub fn normal_hours(skeleton: &str, generator: &Generator, hour: char) -> String {
    let is_hour = |c: char| matches!(c, 'h' | 'H' | 'k' | 'K');
    let is_period = |c: char| matches!(c, 'a' | 'b' | 'B');
    let Some(letter) = skeleton.chars().find(|c| is_hour(*c)) else { return skeleton.to_owned() };
    let hours = skeleton.chars().filter(|c| is_hour(*c)).count();
    let periods = skeleton.chars().filter(|c| is_period(*c)).count();
    let own = generator.best(&letter.to_string(), hour, false);
    let shown: String = tokens(&own)
        .filter_map(|token| if let Token::Field(letter, _) = token { Some(letter) } else { None })
        .collect();
    let of = |letters: &[char]| letters.iter().copied().find(|letter| shown.contains(*letter));
    let hour = of(&['h', 'K', 'k']).unwrap_or('H');
    let period = of(&['b', 'B']).or_else(|| skeleton.chars().find(|c| is_period(*c))).unwrap_or('a');
    let length = match (periods, hours) {
        (5.., _) | (_, 5..) => 5,
        (3.., _) | (_, 3..) => 3,
        _ => 1,
    };
    let mut out = String::new();
    let mut written = false;
    for c in skeleton.chars().filter(|c| !is_period(*c)) {
        match (is_hour(c), written) {
            (false, _) => out.push(c),
            (true, true) => {}
            (true, false) => {
                written = true;
                out.push(hour);
                if matches!(hour, 'h' | 'K') {
                    out.extend(std::iter::repeat_n(period, length));
                }
            }
        }
    }
    out
}

/// How often each letter stands in a skeleton.
#[derive(Clone)]
pub struct Widths(Vec<(char, u8)>);

impl Widths {
    pub fn of(skeleton: &str) -> Widths {
        let mut widths = Widths(Vec::new());
        for letter in skeleton.chars() {
            widths.set(letter, widths.get(letter).saturating_add(1));
        }
        widths
    }

    pub fn get(&self, letter: char) -> u8 {
        self.0.iter().find(|(own, _)| *own == letter).map_or(0, |(_, count)| *count)
    }

    pub fn set(&mut self, letter: char, count: u8) {
        self.0.retain(|(own, _)| *own != letter);
        self.0.push((letter, count));
    }
}

const DIFFERENT_FIELD: i32 = 0x1000;
const WORD_FOR_NUMBER: i32 = 0x100;

/// The listed skeleton that is nearest, and how near: 0 the same, 1 other widths, 2 other letters of the same fields,
/// -1 other fields.
pub fn nearest(data: Data, skeleton: &str) -> Option<(&'static str, i32)> {
    let replaced = skeleton.contains(['z', 'k', 'K', 'a', 'b', 'O']);
    let plain: String = skeleton
        .chars()
        .filter_map(|letter| match letter {
            'z' | 'O' => Some('v'),
            'k' => Some('H'),
            'K' => Some('h'),
            'a' | 'b' => None,
            other => Some(other),
        })
        .collect();
    let wanted = Widths::of(&plain);
    let mut best = None;
    let mut best_distance = i32::MAX;
    for (listed, _) in data.with_prefix(Section::Dates, "i.") {
        let widths = Widths::of(listed);
        let (mut distance, mut difference) = (0, 1);
        let letters = wanted.0.iter().chain(widths.0.iter().filter(|(letter, _)| wanted.get(*letter) == 0));
        for (letter, _) in letters {
            let (own, other) = (i32::from(wanted.get(*letter)), i32::from(widths.get(*letter)));
            if own == 0 || other == 0 {
                (distance, difference) = (distance + DIFFERENT_FIELD, -1);
            } else if *letter == 'M' && (own <= 2) != (other <= 2) {
                distance += WORD_FOR_NUMBER;
            } else {
                distance += (own - other).abs();
            }
        }
        if distance < best_distance {
            best_distance = distance;
            best = Some((listed, if distance == 0 { 0 } else { difference }));
        }
    }
    best.map(|(listed, difference)| (listed, if replaced && difference != -1 { 2 } else { difference }))
}
