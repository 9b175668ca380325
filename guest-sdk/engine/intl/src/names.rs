//! In: a locale and a code. Out: what the locale calls the language, region, script, currency or calendar.
//! May touch: nothing.
//! Security boundary: no.

use crate::data::{Data, Section};
use crate::number::names::currency_name;
use crate::parts::fill_text;

/// The name of a canonical code; `None` where the locale has none. `kind` is ECMA-402's type, `style` its style.
pub fn name(data: Data, kind: &str, style: &str, dialect: bool, code: &str) -> Option<String> {
    let short = style != "long";
    match kind {
        "language" => language(data, short, dialect, code),
        "region" => plain(data, Section::Regions, short, code),
        "script" => plain(data, Section::Scripts, short, code),
        // In every style the name: a symbol is what NumberFormat has.
        "currency" => currency_name(data, code).map(str::to_owned),
        "calendar" => data.get(Section::Calendars, cldr_calendar(code)).map(str::to_owned),
        _ => data.get(Section::Fields, &format!("name.{}.{style}", cldr_field(code))).map(str::to_owned),
    }
}

fn plain(data: Data, section: Section, short: bool, code: &str) -> Option<String> {
    let abbreviated = if short { data.get(section, &format!("{code}.short")) } else { None };
    abbreviated.or_else(|| data.get(section, code)).map(str::to_owned)
}

/// "American English", or "English (United States)" where the locale has no name for the whole.
fn language(data: Data, short: bool, dialect: bool, code: &str) -> Option<String> {
    let name = |code: &str| plain(data, Section::Languages, short, code);
    let subtags: Vec<&str> = code.split('-').collect();
    let (language, rest) = subtags.split_first()?;
    let script =
        rest.first().copied().filter(|subtag| subtag.len() == 4 && !subtag.starts_with(|c: char| c.is_ascii_digit()));
    let region = rest.get(usize::from(script.is_some())).copied().filter(|subtag| matches!(subtag.len(), 2 | 3));
    // A name of the whole comes first, but only of the whole: "English (Latin, United States)".
    let with: Vec<&str> = script.into_iter().chain(region).collect();
    let whole = std::iter::once(*language).chain(with.iter().copied()).collect::<Vec<_>>().join("-");
    let found = if dialect { name(&whole).map(|name| (name, with)) } else { None };
    let found = found.or_else(|| name(language).map(|name| (name, Vec::new())));
    let (base, covered) = found?;
    let script_name = script
        .filter(|script| !covered.contains(script))
        .map(|code| plain(data, Section::Scripts, short, code).unwrap_or(code.to_owned()));
    let region_name = region
        .filter(|region| !covered.contains(region))
        .map(|code| plain(data, Section::Regions, short, code).unwrap_or(code.to_owned()));
    let variants = rest
        .iter()
        .skip(usize::from(script.is_some()) + usize::from(region.is_some()))
        .map(|variant| variant.to_uppercase());
    let details: Vec<String> = script_name.into_iter().chain(region_name).chain(variants).collect();
    let [pattern, separator] = data.list(Section::Languages, "patterns");
    let brackets = |text: String| text.replace('(', "[").replace(')', "]").replace('（', "［").replace('）', "］");
    let joined = details.into_iter().map(brackets).reduce(|left, right| fill_text(separator, &[&left, &right]));
    Some(joined.map_or(base.clone(), |details| fill_text(pattern, &[&base, &details])))
}

fn cldr_calendar(code: &str) -> &str {
    match code {
        "gregory" => "gregorian",
        "ethioaa" => "ethiopic-amete-alem",
        "islamicc" => "islamic-civil",
        code => code,
    }
}

fn cldr_field(code: &str) -> &str {
    match code {
        "weekOfYear" => "week",
        "dayPeriod" => "dayperiod",
        "timeZoneName" => "zone",
        code => code,
    }
}
