//! In: language tags and other identifiers. Out: their canonical forms, and what CLDR knows of them beyond any locale.
//! May touch: nothing.
//! Security boundary: no.

use super::add;
use crate::text::Text;
use mayfly_intl::data::{self, Common, Data, ZONES_VERSION};
use mayfly_intl::locale;
use mayfly_intl::number::symbols;
use rquickjs::{Ctx, Object, Result};

pub fn register<'js>(ctx: &Ctx<'js>, intl: &Object<'js>) -> Result<()> {
    add(ctx, intl, "canonical", |tag: Text| locale::canonical(&tag.0))?;
    add(ctx, intl, "maximized", |tag: Text| locale::maximized(&tag.0))?;
    add(ctx, intl, "minimized", |tag: Text| locale::minimized(&tag.0))?;
    add(ctx, intl, "rightToLeft", |tag: Text| locale::is_right_to_left(&tag.0))?;
    add(ctx, intl, "region", |tag: Text| locale::region(&tag.0))?;
    add(ctx, intl, "find", |tag: Text| locale::find(&tag.0).map(Data::tag))?;
    add(ctx, intl, "languages", languages)?;
    add(ctx, intl, "numbering", |tag: Text| Data::find(&tag.0).map(symbols::default_numbering))?;
    add(ctx, intl, "common", |section: Text, key: Text| {
        section_of(&section.0).and_then(|section| data::common(section, &key.0))
    })?;
    add(ctx, intl, "commonKeys", |section: Text| section_of(&section.0).map_or_else(Vec::new, keys))?;
    add(ctx, intl, "zonesVersion", || ZONES_VERSION)
}

/// Languages that there is data for.
fn languages() -> Vec<&'static str> {
    let mut languages: Vec<&str> = data::tags().filter_map(|tag| tag.split('-').next()).collect();
    languages.dedup();
    languages
}

fn section_of(name: &str) -> Option<Common> {
    Some(match name {
        "digits" => Common::Digits,
        "fractions" => Common::Fractions,
        "hours" => Common::Hours,
        "weeks" => Common::Weeks,
        "calendars" => Common::Calendars,
        "zones" => Common::Zones,
        "units" => Common::Units,
        _ => return None,
    })
}

fn keys(section: Common) -> Vec<&'static str> {
    data::common_lines(section).iter().filter_map(|line| line.split('\t').next()).collect()
}
