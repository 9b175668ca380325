//! In: a point in time and an offset. Out: date and time of day by the proleptic Gregorian calendar.
//! May touch: nothing.
//! Security boundary: no.

const MS_PER_DAY: i64 = 86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Astronomical: 0 is 1 BC.
    pub year: i64,
    /// From 1.
    pub month: u32,
    pub day: u32,
    /// Sunday is 0.
    pub weekday: usize,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub millisecond: u32,
}

impl Civil {
    /// `local_ms`: milliseconds since 1970 by the clock on the wall.
    pub fn of(local_ms: i64) -> Civil {
        let days = local_ms.div_euclid(MS_PER_DAY);
        let ms = local_ms.rem_euclid(MS_PER_DAY) as u32;
        let (year, month, day) = date(days);
        Civil {
            year,
            month,
            day,
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: ms / 3_600_000,
            minute: ms / 60_000 % 60,
            second: ms / 1000 % 60,
            millisecond: ms % 1000,
        }
    }

    /// 0 before Christ, 1 after.
    pub fn era(&self) -> usize {
        usize::from(self.year > 0)
    }

    pub fn year_of_era(&self) -> i64 {
        if self.year > 0 { self.year } else { 1 - self.year }
    }
}

/// Days since 1970 as a date (Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
fn date(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
