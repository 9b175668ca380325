//! In: options of Collator, RelativeTimeFormat, ListFormat and DisplayNames, strings. Out: orders, sentences, names, segments.
//! May touch: nothing.
//! Security boundary: no.

use super::numbers::decimal;
use super::{Any, Core, add, core, data, get, listed, mismatch, strings, text};
use crate::text::Text;
use mayfly_intl::collate::{self, Comparer, Options, Sensitivity};
use mayfly_intl::list::ListFormat;
use mayfly_intl::relative::RelativeTimeFormat;
use mayfly_intl::segment::{self, Granularity};
use mayfly_intl::{casing, names};
use rquickjs::{Array, Class, Ctx, Object, Result};

pub fn register<'js>(ctx: &Ctx<'js>, intl: &Object<'js>) -> Result<()> {
    add(ctx, intl, "comparer", comparer)?;
    add(ctx, intl, "compare", compare)?;
    add(ctx, intl, "caseFirst", case_first)?;
    add(ctx, intl, "collations", |language: Text| collate::kinds(&language.0))?;
    add(ctx, intl, "relative", relative)?;
    add(ctx, intl, "relativeText", relative_text)?;
    add(ctx, intl, "relativeParts", relative_parts)?;
    add(ctx, intl, "list", list)?;
    add(ctx, intl, "listText", list_text)?;
    add(ctx, intl, "listParts", list_parts)?;
    add(ctx, intl, "name", name)?;
    add(ctx, intl, "segment", segmented)?;
    add(ctx, intl, "needsDictionary", |text: Text| segment::needs_dictionary(&text.0).map(String::from))?;
    add(ctx, intl, "upper", |text: Text, tag: Text| casing::upper(&text.0, &tag.0))?;
    add(ctx, intl, "lower", |text: Text, tag: Text| casing::lower(&text.0, &tag.0))
}

/// `undefined` where the order needs data that is not here.
fn comparer<'js>(ctx: Ctx<'js>, tag: Text, options: Object<'js>) -> Result<Option<Class<'js, Core>>> {
    let sensitivity = match text(&options, "sensitivity")?.as_str() {
        "base" => Sensitivity::Base,
        "accent" => Sensitivity::Accent,
        "case" => Sensitivity::Case,
        _ => Sensitivity::Variant,
    };
    let (kind, case_first) = (text(&options, "collation")?, text(&options, "caseFirst")?);
    let options = Options {
        locale: &tag.0,
        kind: &kind,
        sensitivity,
        numeric: get(&options, "numeric")?,
        case_first: &case_first,
        ignore_punctuation: get(&options, "ignorePunctuation")?,
    };
    Comparer::new(&options).map(|comparer| core(&ctx, Core::Comparer(Box::new(comparer)))).transpose()
}

fn compare<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, left: Text, right: Text) -> Result<i32> {
    match &*core.borrow() {
        Core::Comparer(comparer) => Ok(comparer.compare(&left.0, &right.0) as i32),
        _ => Err(mismatch(&ctx)),
    }
}

fn case_first<'js>(ctx: Ctx<'js>, core: Class<'js, Core>) -> Result<&'static str> {
    match &*core.borrow() {
        Core::Comparer(comparer) => Ok(comparer.case_first()),
        _ => Err(mismatch(&ctx)),
    }
}

fn relative<'js>(
    ctx: Ctx<'js>,
    tag: Text,
    style: Text,
    words: bool,
    numbering: Text,
) -> Result<Option<Class<'js, Core>>> {
    let format = RelativeTimeFormat::new(data(&ctx, &tag.0)?, &style.0, words, &numbering.0);
    format.map(|format| core(&ctx, Core::Relative(Box::new(format)))).transpose()
}

fn relative_text<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, value: Any<'js>, unit: Text) -> Result<Option<String>> {
    let value = decimal(&ctx, value)?;
    match &*core.borrow() {
        Core::Relative(format) => Ok(format.format(&value, &unit.0).map(|parts| parts.text)),
        _ => Err(mismatch(&ctx)),
    }
}

fn relative_parts<'js>(
    ctx: Ctx<'js>,
    core: Class<'js, Core>,
    value: Any<'js>,
    unit: Text,
) -> Result<Option<Array<'js>>> {
    let value = decimal(&ctx, value)?;
    match &*core.borrow() {
        Core::Relative(format) => {
            format.format(&value, &unit.0).map(|made| listed(&ctx, made.trimmed(), false)).transpose()
        }
        _ => Err(mismatch(&ctx)),
    }
}

fn list<'js>(ctx: Ctx<'js>, tag: Text, key: Text) -> Result<Class<'js, Core>> {
    core(&ctx, Core::List(ListFormat::new(data(&ctx, &tag.0)?, &key.0)))
}

fn list_text<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, items: Array<'js>) -> Result<String> {
    match &*core.borrow() {
        Core::List(format) => Ok(format.format(&strings(&items)?).text),
        _ => Err(mismatch(&ctx)),
    }
}

fn list_parts<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, items: Array<'js>) -> Result<Array<'js>> {
    match &*core.borrow() {
        Core::List(format) => listed(&ctx, format.format(&strings(&items)?).whole(), false),
        _ => Err(mismatch(&ctx)),
    }
}

fn name(ctx: Ctx<'_>, tag: Text, kind: Text, style: Text, dialect: bool, code: Text) -> Result<Option<String>> {
    Ok(names::name(data(&ctx, &tag.0)?, &kind.0, &style.0, dialect, &code.0))
}

/// Ends of the segments; those of words that are words have 0.5 added.
fn segmented(text: Text, granularity: Text) -> Vec<f64> {
    let granularity = match granularity.0.as_str() {
        "word" => Granularity::Word,
        "sentence" => Granularity::Sentence,
        _ => Granularity::Grapheme,
    };
    let ends = segment::segment(&text.0, granularity);
    ends.into_iter().map(|(end, is_word)| f64::from(end) + if is_word { 0.5 } else { 0.0 }).collect()
}
