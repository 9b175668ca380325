//! In: URL text from the prelude. Out: its parts as the URL standard says (`url::quirks` is that standard's interface).
//! May touch: nothing.
//! Security boundary: no. The bridge parses and judges every URL again.

use crate::text::Text;
use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Function, IntoJs, Object, Result, Value};
use url::{Url, form_urlencoded, quirks};

pub fn register<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    natives.set("urlParse", Function::new(ctx.clone(), parse)?)?;
    natives.set("urlHref", Function::new(ctx.clone(), href)?)?;
    natives.set("urlToFetch", Function::new(ctx.clone(), to_fetch)?)?;
    natives.set("urlSet", Function::new(ctx.clone(), set)?)?;
    natives.set("formParse", Function::new(ctx.clone(), form_parse)?)?;
    natives.set("formSerialize", Function::new(ctx.clone(), form_serialize)?)?;
    Ok(())
}

/// The parts in the order of `guest-sdk/js/url.ts`, or `null`.
fn parse<'js>(ctx: Ctx<'js>, input: Text) -> Result<Value<'js>> {
    parts(ctx, Url::parse(&input.0).ok())
}

/// The whole URL as the standard writes it, or `null`.
fn href<'js>(ctx: Ctx<'js>, input: Text, base: Opt<Text>) -> Result<Value<'js>> {
    let parsed = match base.0 {
        Some(base) => Url::parse(&base.0).and_then(|base| base.join(&input.0)),
        None => Url::parse(&input.0),
    };
    parsed.ok().map(String::from).into_js(&ctx)
}

/// The same of a URL that is to be fetched: `null` for what is none, `false` for one with user name or password.
fn to_fetch<'js>(ctx: Ctx<'js>, input: Text) -> Result<Value<'js>> {
    match Url::parse(&input.0) {
        Ok(url) if url.username().is_empty() && url.password().is_none() => String::from(url).into_js(&ctx),
        Ok(_) => Ok(Value::new_bool(ctx, false)),
        Err(_) => Ok(Value::new_null(ctx)),
    }
}

/// The parts after one of them was set, or `null` where the URL in hand is none (it cannot happen) or `href` is bad.
fn set<'js>(ctx: Ctx<'js>, href: Text, part: Text, value: Text) -> Result<Value<'js>> {
    let Ok(mut url) = Url::parse(&href.0) else { return Ok(Value::new_null(ctx)) };
    let value = value.0.as_str();
    // A setter that refuses its value leaves the URL as it is, as the standard says; `href` alone throws.
    match part.0.as_str() {
        "href" => match Url::parse(value) {
            Ok(parsed) => url = parsed,
            Err(_) => return Ok(Value::new_null(ctx)),
        },
        "protocol" => drop(quirks::set_protocol(&mut url, value)),
        "username" => drop(quirks::set_username(&mut url, value)),
        "password" => drop(quirks::set_password(&mut url, value)),
        "host" => drop(quirks::set_host(&mut url, value)),
        "hostname" => drop(quirks::set_hostname(&mut url, value)),
        "port" => drop(quirks::set_port(&mut url, value)),
        "pathname" => quirks::set_pathname(&mut url, value),
        "search" => quirks::set_search(&mut url, value),
        _ => quirks::set_hash(&mut url, value),
    }
    parts(ctx, Some(url))
}

fn parts(ctx: Ctx<'_>, url: Option<Url>) -> Result<Value<'_>> {
    let Some(url) = url else { return Ok(Value::new_null(ctx)) };
    let list = Array::new(ctx.clone())?;
    list.set(0, quirks::href(&url))?;
    list.set(1, quirks::origin(&url))?;
    list.set(2, quirks::protocol(&url))?;
    list.set(3, quirks::username(&url))?;
    list.set(4, quirks::password(&url))?;
    list.set(5, quirks::host(&url))?;
    list.set(6, quirks::hostname(&url))?;
    list.set(7, quirks::port(&url))?;
    list.set(8, quirks::pathname(&url))?;
    list.set(9, quirks::search(&url))?;
    list.set(10, quirks::hash(&url))?;
    list.into_js(&ctx)
}

/// `application/x-www-form-urlencoded` text as one flat list: name, value, name, value, ...
fn form_parse(ctx: Ctx<'_>, text: Text) -> Result<Array<'_>> {
    let list = Array::new(ctx)?;
    for (index, (name, value)) in form_urlencoded::parse(text.0.as_bytes()).enumerate() {
        list.set(index * 2, name.as_ref())?;
        list.set(index * 2 + 1, value.as_ref())?;
    }
    Ok(list)
}

/// The other way round.
fn form_serialize(list: Array<'_>) -> Result<String> {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for index in (0..list.len()).step_by(2) {
        out.append_pair(&list.get::<Text>(index)?.0, &list.get::<Text>(index + 1)?.0);
    }
    Ok(out.finish())
}
