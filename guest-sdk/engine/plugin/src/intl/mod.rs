//! In: calls of the prelude's `intl-*.ts`. Out: what `mayfly-intl` makes of them, as JavaScript values.
//! May touch: the data of `mayfly-intl`.
//! Security boundary: no.

mod dates;
mod locales;
mod numbers;
mod words;

use crate::text::Text;
use mayfly_intl::collate::Comparer;
use mayfly_intl::data::Data;
use mayfly_intl::date::DateTimeFormat;
use mayfly_intl::list::ListFormat;
use mayfly_intl::number::NumberFormat;
use mayfly_intl::parts::{Part, Source};
use mayfly_intl::relative::RelativeTimeFormat;
use rquickjs::class::{JsClass, Readable, Trace, Tracer};
use rquickjs::function::Constructor;
use rquickjs::{Array, Class, Ctx, Exception, FromJs, Function, JsLifetime, Object, Result, Value};

/// What stands behind an object of `Intl`. Scripts never get hold of it.
pub enum Core {
    Number(Box<NumberFormat>),
    Date(Box<DateTimeFormat>),
    Comparer(Box<Comparer>),
    Relative(Box<RelativeTimeFormat>),
    List(ListFormat),
}

impl<'js> Trace<'js> for Core {
    fn trace<'a>(&self, _tracer: Tracer<'a, 'js>) {}
}

// SAFETY: holds nothing of a JavaScript context.
unsafe impl<'js> JsLifetime<'js> for Core {
    type Changed<'to> = Core;
}

impl<'js> JsClass<'js> for Core {
    const NAME: &'static str = "IntlCore";
    type Mutable = Readable;

    fn constructor(_ctx: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}

/// The object that `Intl` in `guest-sdk/js/native.ts` describes.
pub fn register<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    let intl = Object::new(ctx.clone())?;
    locales::register(ctx, &intl)?;
    numbers::register(ctx, &intl)?;
    dates::register(ctx, &intl)?;
    words::register(ctx, &intl)?;
    natives.set("intl", intl)
}

fn core<'js>(ctx: &Ctx<'js>, core: Core) -> Result<Class<'js, Core>> {
    Class::instance(ctx.clone(), core)
}

/// The natives are called with the kind of object that they are for.
fn mismatch(ctx: &Ctx<'_>) -> rquickjs::Error {
    Exception::throw_internal(ctx, "another kind of Intl object")
}

/// The data of a locale that `find` has found.
fn data(ctx: &Ctx<'_>, tag: &str) -> Result<Data> {
    Data::find(tag).ok_or_else(|| Exception::throw_range(ctx, &format!("Intl has no data for '{tag}'.")))
}

/// A property as Rust has it.
fn get<'js, T: FromJs<'js>>(object: &Object<'js>, name: &str) -> Result<T> {
    object.get(name)
}

fn text<'js>(object: &Object<'js>, name: &str) -> Result<String> {
    Ok(object.get::<_, Text>(name)?.0)
}

/// ECMA-402's list of parts; with their sources where they are those of a range.
fn listed<'js>(ctx: &Ctx<'js>, parts: Vec<Part>, with_source: bool) -> Result<Array<'js>> {
    let list = Array::new(ctx.clone())?;
    for (at, part) in parts.into_iter().enumerate() {
        let object = Object::new(ctx.clone())?;
        object.set("type", part.kind)?;
        object.set("value", part.text)?;
        if with_source {
            object.set("source", Source::name(part.source))?;
        }
        list.set(at, object)?;
    }
    Ok(list)
}

/// Puts a function into the object under its name.
fn add<'js, P, F: rquickjs::function::IntoJsFunc<'js, P> + 'js>(
    ctx: &Ctx<'js>,
    object: &Object<'js>,
    name: &str,
    function: F,
) -> Result<()> {
    object.set(name, Function::new(ctx.clone(), function)?)
}

/// A list of strings.
fn strings<'js>(value: &Array<'js>) -> Result<Vec<String>> {
    value.iter::<Text>().map(|item| item.map(|text| text.0)).collect()
}

type Any<'js> = Value<'js>;
