//! In: language tags. Out: their canonical form, the likely subtags, and the locale whose data stands behind a tag.
//! May touch: nothing.
//! Security boundary: no.

use crate::data::Data;
use icu_locale::{Direction, LanguageIdentifier, Locale, LocaleCanonicalizer, LocaleDirectionality, LocaleExpander};

/// The canonical form of a tag; `None` for what is none (ECMA-402, IsStructurallyValidLanguageTag).
pub fn canonical(tag: &str) -> Option<String> {
    parse(tag).map(|locale| locale.to_string())
}

fn parse(tag: &str) -> Option<Locale> {
    let mut locale = Locale::try_from_str(tag).ok()?;
    LocaleCanonicalizer::new_extended().canonicalize(&mut locale);
    Some(locale)
}

/// Language, script and region with the likely ones put in, or taken out again; extensions stay as they are.
pub fn maximized(tag: &str) -> Option<String> {
    let mut locale = parse(tag)?;
    LocaleExpander::new_extended().maximize(&mut locale.id);
    Some(locale.to_string())
}

pub fn minimized(tag: &str) -> Option<String> {
    let mut locale = parse(tag)?;
    LocaleExpander::new_extended().minimize(&mut locale.id);
    Some(locale.to_string())
}

pub fn is_right_to_left(tag: &str) -> Option<bool> {
    let locale = parse(tag)?;
    LocaleDirectionality::new_extended().get(&locale.id).map(|direction| direction == Direction::RightToLeft)
}

fn likely(tag: &str) -> LanguageIdentifier {
    let mut id = LanguageIdentifier::try_from_str(tag).unwrap_or(LanguageIdentifier::UNKNOWN);
    LocaleExpander::new_extended().maximize(&mut id);
    id
}

/// The region of a tag, or the likely one.
pub fn region(tag: &str) -> String {
    likely(tag).region.map(|region| region.to_string()).unwrap_or_default()
}

/// The locale with data that a canonical tag without extensions means: itself, or what is left of it when subtags are
/// taken away from its end. A script is never lost on the way: Serbian in Latin letters is not Serbian in Cyrillic.
pub fn find(tag: &str) -> Option<Data> {
    let mut rest = tag;
    let found = loop {
        if let Some(data) = Data::find(rest) {
            break data;
        }
        rest = rest.rsplit_once('-')?.0;
    };
    let same_script = rest == tag || likely(tag).script == likely(rest).script;
    same_script.then_some(found)
}
