//! In: options of NumberFormat and PluralRules as the prelude has checked them, numbers. Out: formatted numbers, categories.
//! May touch: nothing.
//! Security boundary: no.

use super::{Any, Core, add, core, data, get, listed, mismatch, text};
use crate::text::Text;
use mayfly_intl::decimal::Decimal;
use mayfly_intl::number::options::{Grouping, Notation, Options, SignDisplay, Style, Width};
use mayfly_intl::number::symbols::Symbols;
use mayfly_intl::number::{NumberFormat, names};
use mayfly_intl::rounding::{Digits, Mode, Priority};
use rquickjs::{Array, Class, Ctx, Exception, FromJs, Object, Result};

pub fn register<'js>(ctx: &Ctx<'js>, intl: &Object<'js>) -> Result<()> {
    add(ctx, intl, "number", number)?;
    add(ctx, intl, "numberText", number_text)?;
    add(ctx, intl, "numberParts", number_parts)?;
    add(ctx, intl, "numberRange", number_range)?;
    add(ctx, intl, "numberRangeParts", number_range_parts)?;
    add(ctx, intl, "category", category)?;
    add(ctx, intl, "categoryOfRange", category_of_range)?;
    add(ctx, intl, "categories", categories)?;
    add(ctx, intl, "separator", separator)?;
    add(ctx, intl, "currencyDigits", |code: Text| names::currency_fraction(&code.0))
}

/// What stands between hours and minutes.
fn separator(ctx: Ctx<'_>, tag: Text, numbering: Text) -> Result<&'static str> {
    Ok(Symbols::of(data(&ctx, &tag.0)?, &numbering.0).time)
}

/// A formatter; `undefined` for a unit without names.
fn number<'js>(ctx: Ctx<'js>, tag: Text, options: Object<'js>) -> Result<Option<Class<'js, Core>>> {
    let data = data(&ctx, &tag.0)?;
    let ordinal = get(&options, "ordinal")?;
    let format = NumberFormat::new(data, read(&ctx, &options)?, ordinal);
    format.map(|format| core(&ctx, Core::Number(Box::new(format)))).transpose()
}

fn read(ctx: &Ctx<'_>, options: &Object<'_>) -> Result<Options> {
    let bad = || Exception::throw_internal(ctx, "an option that the prelude should have refused");
    let style = match text(options, "style")?.as_str() {
        "percent" => Style::Percent,
        "currency" => Style::Currency(text(options, "currency")?),
        "unit" => Style::Unit(text(options, "unit")?),
        _ => Style::Decimal,
    };
    let width = match text(options, "width")?.as_str() {
        "long" | "name" => Width::Long,
        "narrow" | "narrowSymbol" => Width::Narrow,
        "code" => Width::Code,
        _ => Width::Short,
    };
    let notation = match text(options, "notation")?.as_str() {
        "scientific" => Notation::Scientific,
        "engineering" => Notation::Engineering,
        "compact" => Notation::Compact { long: text(options, "compactDisplay")? == "long" },
        _ => Notation::Standard,
    };
    let grouping = match text(options, "useGrouping")?.as_str() {
        "false" => Grouping::Never,
        "always" => Grouping::Always,
        "min2" => Grouping::Min2,
        _ => Grouping::Auto,
    };
    let sign = match text(options, "signDisplay")?.as_str() {
        "always" => SignDisplay::Always,
        "never" => SignDisplay::Never,
        "exceptZero" => SignDisplay::ExceptZero,
        "negative" => SignDisplay::Negative,
        _ => SignDisplay::Auto,
    };
    let digits = Digits {
        integer_min: get(options, "integerMin")?,
        fraction: (get(options, "fractionMin")?, get(options, "fractionMax")?),
        significant: (get(options, "significantMin")?, get(options, "significantMax")?),
        priority: Priority::parse(&text(options, "priority")?).ok_or_else(bad)?,
        increment: get(options, "increment")?,
        mode: Mode::parse(&text(options, "mode")?).ok_or_else(bad)?,
        strip_zeros: get(options, "stripZeros")?,
    };
    let accounting = get(options, "accounting")?;
    Ok(Options { style, width, accounting, notation, digits, grouping, sign, numbering: text(options, "numbering")? })
}

/// A number, or text: that of a BigInt with an `n` behind it.
pub fn decimal<'js>(ctx: &Ctx<'js>, value: Any<'js>) -> Result<Decimal> {
    if let Some(number) = value.as_number() {
        return Ok(Decimal::from(number));
    }
    let text = Text::from_js(ctx, value)?.0;
    let parsed = match text.strip_suffix('n') {
        Some(exact) => Decimal::parse(exact),
        None => Decimal::parse_bounded(&text),
    };
    Ok(parsed.unwrap_or_else(|| Decimal::from(f64::NAN)))
}

fn with<'js, T>(ctx: &Ctx<'js>, core: &Class<'js, Core>, use_it: impl FnOnce(&NumberFormat) -> T) -> Result<T> {
    match &*core.borrow() {
        Core::Number(format) => Ok(use_it(format)),
        _ => Err(mismatch(ctx)),
    }
}

fn number_text<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, value: Any<'js>) -> Result<String> {
    let value = decimal(&ctx, value)?;
    with(&ctx, &core, |format| format.format(&value).text)
}

fn number_parts<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, value: Any<'js>) -> Result<Array<'js>> {
    let value = decimal(&ctx, value)?;
    listed(&ctx, with(&ctx, &core, |format| format.format(&value))?.trimmed(), false)
}

fn number_range<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, start: Any<'js>, end: Any<'js>) -> Result<String> {
    let (start, end) = (decimal(&ctx, start)?, decimal(&ctx, end)?);
    with(&ctx, &core, |format| format.format_range(&start, &end).text)
}

fn number_range_parts<'js>(
    ctx: Ctx<'js>,
    core: Class<'js, Core>,
    start: Any<'js>,
    end: Any<'js>,
) -> Result<Array<'js>> {
    let (start, end) = (decimal(&ctx, start)?, decimal(&ctx, end)?);
    listed(&ctx, with(&ctx, &core, |format| format.format_range(&start, &end))?.trimmed(), true)
}

fn category<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, value: Any<'js>) -> Result<&'static str> {
    let value = decimal(&ctx, value)?;
    with(&ctx, &core, |format| format.category_of(&value).name())
}

fn category_of_range<'js>(
    ctx: Ctx<'js>,
    core: Class<'js, Core>,
    start: Any<'js>,
    end: Any<'js>,
) -> Result<&'static str> {
    let (start, end) = (decimal(&ctx, start)?, decimal(&ctx, end)?);
    with(&ctx, &core, |format| format.category_of_range(&start, &end).name())
}

fn categories<'js>(ctx: Ctx<'js>, core: Class<'js, Core>) -> Result<Vec<&'static str>> {
    with(&ctx, &core, |format| format.categories().into_iter().map(|category| category.name()).collect())
}
