//! In: the name of a time zone, a point in time. Out: the offset from UTC there and then.
//! May touch: the IANA time zone database in `intl.bin`; zones that were used are kept.
//! Security boundary: no.

use crate::data::{ZONE_GROUPS, ZONES};
use jiff_core::Timestamp;
use jiff_core::tz::{OffsetInfo, tzif};
use std::cell::RefCell;
use std::rc::Rc;

/// Zones that are kept; the database has six hundred names.
const KEPT_MAX: usize = 32;

#[derive(Clone)]
pub struct Zone(Rc<Inner>);

struct Inner {
    /// As the database spells it; offsets as `+hh:mm`.
    name: String,
    rules: Rules,
}

enum Rules {
    Fixed(i32),
    Named(tzif::TimeZone),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    pub seconds: i32,
    pub dst: bool,
}

/// Seconds of 400 years, after which the Gregorian calendar repeats itself, weekdays included.
const CYCLE: i64 = 146_097 * 86_400;

impl Zone {
    pub fn utc() -> Zone {
        Zone(Rc::new(Inner { name: "UTC".to_owned(), rules: Rules::Fixed(0) }))
    }

    /// A name in any case, or an offset; `None` for what is neither.
    pub fn find(name: &str) -> Option<Zone> {
        thread_local! {
            static KEPT: RefCell<Vec<Zone>> = const { RefCell::new(Vec::new()) };
        }
        if name.eq_ignore_ascii_case("utc") {
            return Some(Zone::utc());
        }
        if let Some(seconds) = offset(name) {
            let (sign, size) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
            let name = format!("{sign}{:02}:{:02}", size / 60, size % 60);
            return Some(Zone(Rc::new(Inner { name, rules: Rules::Fixed(seconds) })));
        }
        let kept = KEPT.with_borrow(|kept| kept.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)).cloned());
        kept.or_else(|| {
            let zone = Zone::load(name)?;
            KEPT.with_borrow_mut(|kept| {
                kept.truncate(KEPT_MAX - 1);
                kept.insert(0, zone.clone());
            });
            Some(zone)
        })
    }

    fn load(name: &str) -> Option<Zone> {
        let known = |line: &str| line.split('\t').next().is_some_and(|known| known.eq_ignore_ascii_case(name));
        let mut parts = ZONES.lines().iter().find(|line| known(line))?.split('\t');
        let name = parts.next().filter(|name| *name != "Factory")?.to_owned();
        let mut number = || parts.next()?.parse::<usize>().ok();
        let (group, start, length) = (number()?, number()?, number()?);
        let file = ZONE_GROUPS.get(group)?.inflate_once().get(start..)?.get(..length)?;
        Some(Zone(Rc::new(Inner { name, rules: Rules::Named(tzif::TimeZone::parse(file).ok()?) })))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Without a name, known by its offset alone.
    pub fn is_offset(&self) -> bool {
        self.0.name.starts_with(['+', '-'])
    }

    pub fn at(&self, ms: i64) -> Offset {
        match &self.0.rules {
            Rules::Fixed(seconds) => Offset { seconds: *seconds, dst: false },
            Rules::Named(rules) => timestamp(ms.div_euclid(1000))
                .map_or(Offset { seconds: 0, dst: false }, |at| read(&rules.to_offset_info(at))),
        }
    }

    /// Whether daylight saving time is kept within half a year of `ms`, as ICU asks it.
    pub fn has_dst_near(&self, ms: i64) -> bool {
        const NEAR_SECONDS: i64 = 184 * 86_400;
        let (Rules::Named(rules), Some(now)) = (&self.0.rules, timestamp(ms.div_euclid(1000))) else { return false };
        let before = now.checked_add_seconds(1).ok().and_then(|after| rules.previous_transition(after));
        if let Some(before) = before
            && now.as_second() - before.timestamp().as_second() < NEAR_SECONDS
            && before
                .timestamp()
                .checked_sub_seconds(1)
                .is_ok_and(|earlier| rules.to_offset_info(earlier).dst().is_dst())
        {
            return true;
        }
        let after = rules.next_transition(now);
        after
            .is_some_and(|after| after.timestamp().as_second() - now.as_second() < NEAR_SECONDS && after.dst().is_dst())
    }
}

fn read(info: &OffsetInfo) -> Offset {
    Offset { seconds: info.offset().seconds(), dst: info.dst().is_dst() }
}

/// A time that the library can hold (years to 9999) and that is the same one in the calendar's cycle.
fn timestamp(seconds: i64) -> Option<Timestamp> {
    let (low, high) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let folded =
        if seconds > high { seconds - (seconds - high).div_euclid(CYCLE) * CYCLE - CYCLE } else { seconds.max(low) };
    Timestamp::from_second(folded).ok()
}

/// `+hh`, `+hhmm` or `+hh:mm` in seconds.
fn offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.chars().next()? {
        '+' => (1, text.get(1..)?),
        '-' => (-1, text.get(1..)?),
        // A proper minus sign.
        '\u{2212}' => (-1, text.get(3..)?),
        _ => return None,
    };
    let digits = match rest.len() {
        5 if rest.get(2..3) == Some(":") => format!("{}{}", rest.get(..2)?, rest.get(3..)?),
        2 | 4 => rest.to_owned(),
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Ok(0), str::parse).ok()?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Names of all zones, spelt as the database does.
pub fn names() -> impl Iterator<Item = &'static str> {
    ZONES.lines().iter().filter_map(|line| line.split('\t').next()).filter(|name| *name != "Factory")
}
