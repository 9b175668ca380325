//! In: ICU4X's collation data, compiled into this build script. Out: the tailorings of the languages that are carried.
//! May touch: nothing.
//! Security boundary: no.
//!
//! Linking ICU4X's own provider would bring all tailorings along, uncompressed: 900 KiB.

use crate::pack::Pack;
use icu_collator::provider::{Baked, CollationTailoringV1};
use icu_locale::{DataLocale, Locale};
use icu_provider::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Languages whose order is not that of Unicode's root, and kinds beside the standard one. Traditional Chinese is left
/// out: its order by strokes is as large as all others together but those of East Asia.
const CARRIED: [(&str, &str); 25] = [
    ("cs", ""),
    ("da", ""),
    ("es", ""),
    ("fi", ""),
    ("hi", ""),
    ("hr", ""),
    ("hu", ""),
    ("ja", ""),
    ("ko", ""),
    ("no", ""),
    ("pl", ""),
    ("ro", ""),
    ("sk", ""),
    ("sl", ""),
    ("sv", ""),
    ("tr", ""),
    ("uk", ""),
    ("vi", ""),
    ("zh", ""),
    ("de", "phonebk"),
    ("de-AT", "phonebk"),
    ("es", "trad"),
    ("fi", "trad"),
    ("sv", "trad"),
    ("zh-Hant", ""),
];

pub fn write(pack: &mut Pack) -> String {
    let mut found = BTreeMap::new();
    for (tag, kind) in CARRIED {
        let locale: DataLocale = Locale::try_from_str(tag).expect("a tag").into();
        let attributes = DataMarkerAttributes::from_str_or_panic(kind);
        let id = DataIdentifierBorrowed::for_marker_attributes_and_locale(attributes, &locale);
        let request = DataRequest { id, ..DataRequest::default() };
        let tailoring: DataResponse<CollationTailoringV1> = Baked.load(request).expect("a tailoring of ICU4X");
        let bytes = postcard::to_allocvec(tailoring.payload.get()).expect("the data can be serialised");
        // Chinese has its data under its scripts: what is found there has to be asked for there.
        found.insert((tailoring.metadata.locale.unwrap_or(locale).to_string(), kind), bytes);
    }
    let mut index = String::from("pub static COLLATIONS: &[(&str, &str, Piece)] = &[\n");
    for ((locale, kind), bytes) in found {
        let _ = writeln!(index, "    (\"{locale}\", \"{kind}\", {}),", pack.add(&bytes));
    }
    index.push_str("];\n");
    index
}
