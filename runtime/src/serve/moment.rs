//! In: a point in time as a client writes it. Out: milliseconds since 1970.
//! May touch: nothing.
//! Security boundary: no.

use crate::respond::Problem;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// RFC 3339, a date of it alone (which begins at midnight, UTC), or milliseconds since 1970. What lies before 1970 is 0.
pub(super) fn moment(text: &str, name: &str) -> Result<u64, Problem> {
    let digits = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    let ms = if digits { text.parse().ok() } else { rfc3339(text) };
    ms.map(|ms: i64| u64::try_from(ms).unwrap_or(0)).ok_or_else(|| {
        let hint = "write 2026-12-01T09:30:00Z, or milliseconds since 1970";
        Problem::bad_request(format!("`{name}`: {text:?} is no point in time; {hint}"))
    })
}

fn rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00:00Z"));
    let mut parts = date.split('-');
    let (year, month) = (number(parts.next()?, 4, 9_999)?, number(parts.next()?, 2, 12)?);
    let day = number(parts.next()?, 2, days_in(year, month)?)?;
    if parts.next().is_some() || day == 0 {
        return None;
    }
    // The `+` of an offset is a blank after a query was decoded by the book.
    let zone = time.find(['Z', 'z', '+', '-', ' '])?;
    let (time, zone) = time.split_at_checked(zone)?;
    Some(days_from_civil(year, month, day) * DAY_MS + time_ms(time)? - offset_ms(zone)?)
}

fn time_ms(time: &str) -> Option<i64> {
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':');
    // A leap second is the second after it.
    let (hour, minute, second) =
        (number(parts.next()?, 2, 23)?, number(parts.next()?, 2, 59)?, number(parts.next()?, 2, 60)?);
    if parts.next().is_some() || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(((hour * 60 + minute) * 60 + second) * 1_000 + ms)
}

fn offset_ms(zone: &str) -> Option<i64> {
    let (sign, offset) = zone.split_at_checked(1)?;
    if sign.eq_ignore_ascii_case("z") {
        return offset.is_empty().then_some(0);
    }
    let (hours, minutes) = offset.split_once(':')?;
    let ms = (number(hours, 2, 23)? * 60 + number(minutes, 2, 59)?) * 60_000;
    Some(if sign == "-" { -ms } else { ms })
}

fn number(text: &str, digits: usize, max: i64) -> Option<i64> {
    let right = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| right && *number <= max)
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days since 1970. Howard Hinnant, `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_and_programs_write_them() {
        for (text, expected) in [
            ("0", 0),
            ("1798761599999", 1_798_761_599_999),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56.789Z", 951_827_696_789),
            ("2026-12-31t23:59:59.9999999z", 1_798_761_599_999),
            ("2026-12-31T23:59:60Z", 1_798_761_600_000),
            ("2000-02-29T14:34:56.789+02:00", 951_827_696_789),
            ("2000-02-29T14:34:56.789 02:00", 951_827_696_789),
            ("2000-02-29T07:04:56.7-05:30", 951_827_696_700),
            ("2000-02-29", 951_782_400_000),
            ("1969-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(moment(text, "since"), Ok(expected), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "2026-01-00",
            "2026-1-1",
            "2026-01-01T24:00:00Z",
            "2026-01-01T10:00Z",
            "2026-01-01T10:00:00",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00+2",
            "2026-01-01T10:00:00Zulu",
            "+5",
            "-5",
            "99999999999999999999",
            "é026-01-01",
        ] {
            assert!(moment(text, "since").is_err(), "{text}");
        }
    }
}
