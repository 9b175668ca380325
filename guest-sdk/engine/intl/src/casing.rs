//! In: text and a language. Out: the text in upper or lower case, as the language has it.
//! May touch: nothing.
//! Security boundary: no.

use icu_casemap::CaseMapper;
use icu_locale::LanguageIdentifier;

pub fn upper(text: &str, tag: &str) -> String {
    CaseMapper::new().uppercase_to_string(text, &language(tag)).into_owned()
}

pub fn lower(text: &str, tag: &str) -> String {
    CaseMapper::new().lowercase_to_string(text, &language(tag)).into_owned()
}

fn language(tag: &str) -> LanguageIdentifier {
    LanguageIdentifier::try_from_str(tag).unwrap_or(LanguageIdentifier::UNKNOWN)
}
