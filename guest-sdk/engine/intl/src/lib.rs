//! In: locales, options, numbers, points in time. Out: text as people in these places write it, by CLDR and IANA's zones.
//! May touch: its own data, compiled in; what was used of it is kept in memory.
//! Security boundary: no.
#![forbid(unsafe_code)]

pub mod casing;
pub mod collate;
pub mod data;
pub mod date;
pub mod decimal;
pub mod list;
pub mod locale;
pub mod names;
pub mod number;
pub mod parts;
pub mod plural;
pub mod relative;
pub mod rounding;
pub mod segment;
