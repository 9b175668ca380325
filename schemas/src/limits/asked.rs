//! In: limits as somebody asks for them. Out: limits that hold, or the one that cannot be.
//! May touch: nothing.
//! Security boundary: yes, a small one: what was asked for never raises a limit above what is allowed there.

use super::{Limits, MEMORY_MIB_MIN};
use serde::Deserialize;

/// Limits as somebody wrote them: a field that is absent changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsAsked {
    pub cpu_ms: Option<u64>,
    pub wall_ms: Option<u64>,
    pub call_ms: Option<u64>,
    pub memory_mib: Option<u32>,
    pub calls: Option<u32>,
    pub calls_in_flight: Option<u32>,
    pub source_bytes: Option<u64>,
    pub input_bytes: Option<u64>,
    pub result_bytes: Option<u64>,
    pub log_bytes: Option<u64>,
    pub log_lines: Option<u32>,
    pub response_bytes: Option<u64>,
    pub timers: Option<u32>,
}

/// One limit asked for that cannot be: zero, or above what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRefused {
    pub name: &'static str,
    pub asked: u64,
    pub allowed: u64,
}

impl std::fmt::Display for LimitRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.asked < self.allowed {
            return write!(f, "{} = {} is below the minimum {}", self.name, self.asked, self.allowed);
        }
        write!(f, "{} = {} is above the limit {}", self.name, self.asked, self.allowed)
    }
}

macro_rules! each_limit {
    ($use:ident) => {
        $use!(
            cpu_ms,
            wall_ms,
            call_ms,
            memory_mib,
            calls,
            calls_in_flight,
            source_bytes,
            input_bytes,
            result_bytes,
            log_bytes,
            log_lines,
            response_bytes,
            timers
        )
    };
}

impl Limits {
    /// These limits with what was asked put in; each must be at most `ceilings`, and none may be zero.
    pub fn with(mut self, asked: &LimitsAsked, ceilings: &Limits) -> Result<Limits, LimitRefused> {
        macro_rules! put {
            ($($name:ident),*) => {$(
                if let Some(value) = asked.$name {
                    check(stringify!($name), value.into(), ceilings.$name.into())?;
                    self.$name = value;
                }
            )*};
        }
        each_limit!(put);
        Ok(self)
    }

    /// Each limit lowered to the ceiling where it is above it.
    pub fn at_most(mut self, ceilings: &Limits) -> Limits {
        macro_rules! lower {
            ($($name:ident),*) => {$( self.$name = self.$name.min(ceilings.$name); )*};
        }
        each_limit!(lower);
        self
    }
}

fn check(name: &'static str, asked: u64, ceiling: u64) -> Result<(), LimitRefused> {
    let least = match name {
        "memory_mib" => u64::from(MEMORY_MIB_MIN),
        "calls" | "calls_in_flight" | "log_bytes" | "log_lines" | "timers" => 0,
        _ => 1,
    };
    if asked < least {
        return Err(LimitRefused { name, asked, allowed: least });
    }
    if asked > ceiling {
        return Err(LimitRefused { name, asked, allowed: ceiling });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{CEILINGS, DEFAULTS};

    #[test]
    fn a_run_may_lower_a_limit_and_not_raise_it() {
        let lower = LimitsAsked { cpu_ms: Some(50), ..Default::default() };
        assert_eq!(DEFAULTS.with(&lower, &DEFAULTS).map(|limits| limits.cpu_ms), Ok(50));
        let higher = LimitsAsked { cpu_ms: Some(1_001), ..Default::default() };
        let refused = LimitRefused { name: "cpu_ms", asked: 1_001, allowed: 1_000 };
        assert_eq!(DEFAULTS.with(&higher, &DEFAULTS), Err(refused.clone()));
        assert_eq!(refused.to_string(), "cpu_ms = 1001 is above the limit 1000");
    }

    #[test]
    fn a_limit_that_no_run_could_start_with_is_refused() {
        let zero = LimitsAsked { memory_mib: Some(0), ..Default::default() };
        let refused = DEFAULTS.with(&zero, &CEILINGS).unwrap_err();
        assert_eq!(refused.to_string(), "memory_mib = 0 is below the minimum 8");
    }

    #[test]
    fn no_default_is_above_its_ceiling() {
        assert_eq!(DEFAULTS.at_most(&CEILINGS), DEFAULTS);
    }
}
