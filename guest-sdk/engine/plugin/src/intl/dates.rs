//! In: options of DateTimeFormat as the prelude has checked them, points in time. Out: formatted dates.
//! May touch: nothing.
//! Security boundary: no.

use super::{Core, add, core, data, get, listed, mismatch, text};
use crate::text::Text;
use mayfly_intl::date::zone::{self, Zone};
use mayfly_intl::date::{DateTimeFormat, Options};
use mayfly_intl::locale;
use mayfly_intl::parts::Parts;
use rquickjs::{Array, Class, Ctx, Exception, Object, Result};

pub fn register<'js>(ctx: &Ctx<'js>, intl: &Object<'js>) -> Result<()> {
    add(ctx, intl, "date", date)?;
    add(ctx, intl, "dateText", date_text)?;
    add(ctx, intl, "dateParts", date_parts)?;
    add(ctx, intl, "dateRange", date_range)?;
    add(ctx, intl, "dateRangeParts", date_range_parts)?;
    add(ctx, intl, "dateComponents", date_components)?;
    add(ctx, intl, "zone", |name: Text| Zone::find(&name.0).map(|zone| zone.name().to_owned()))?;
    add(ctx, intl, "zones", || zone::names().collect::<Vec<_>>())
}

fn date<'js>(ctx: Ctx<'js>, tag: Text, options: Object<'js>) -> Result<Class<'js, Core>> {
    let data = data(&ctx, &tag.0)?;
    let zone = Zone::find(&text(&options, "timeZone")?);
    let style = |name: &str| -> Result<Option<usize>> {
        let given: Option<Text> = get(&options, name)?;
        Ok(given.and_then(|given| ["full", "long", "medium", "short"].iter().position(|known| *known == given.0)))
    };
    let hour_cycle: Option<Text> = get(&options, "hourCycle")?;
    let hour = hour_cycle.and_then(|cycle| match cycle.0.as_str() {
        "h11" => Some('K'),
        "h12" => Some('h'),
        "h23" => Some('H'),
        "h24" => Some('k'),
        _ => None,
    });
    let options = Options {
        date_style: style("dateStyle")?,
        time_style: style("timeStyle")?,
        skeleton: text(&options, "skeleton")?,
        hour,
        hour12: get(&options, "hour12")?,
        numbering: text(&options, "numbering")?,
        region: locale::region(&tag.0),
        zone: zone.ok_or_else(|| Exception::throw_internal(&ctx, "a zone that the prelude should have refused"))?,
    };
    core(&ctx, Core::Date(Box::new(DateTimeFormat::new(data, options))))
}

fn with<'js, T>(ctx: &Ctx<'js>, core: &Class<'js, Core>, use_it: impl FnOnce(&DateTimeFormat) -> T) -> Result<T> {
    match &*core.borrow() {
        Core::Date(format) => Ok(use_it(format)),
        _ => Err(mismatch(ctx)),
    }
}

fn date_text<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, ms: f64) -> Result<String> {
    Ok(formatted(&ctx, &core, ms)?.text)
}

fn date_parts<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, ms: f64) -> Result<Array<'js>> {
    listed(&ctx, formatted(&ctx, &core, ms)?.whole(), false)
}

fn formatted<'js>(ctx: &Ctx<'js>, core: &Class<'js, Core>, ms: f64) -> Result<Parts> {
    with(ctx, core, |format| format.format(ms as i64))
}

fn date_range<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, start: f64, end: f64) -> Result<String> {
    with(&ctx, &core, |format| format.format_range(start as i64, end as i64).text)
}

fn date_range_parts<'js>(ctx: Ctx<'js>, core: Class<'js, Core>, start: f64, end: f64) -> Result<Array<'js>> {
    listed(&ctx, with(&ctx, &core, |format| format.format_range(start as i64, end as i64))?.whole(), true)
}

/// Name, value, name, value, ...
fn date_components<'js>(ctx: Ctx<'js>, core: Class<'js, Core>) -> Result<Vec<&'static str>> {
    let components = with(&ctx, &core, DateTimeFormat::components)?;
    Ok(components.into_iter().flat_map(|(name, value)| [name, value]).collect())
}
