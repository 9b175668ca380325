//! In: URL text from the prelude. Out: its parts as the URL standard says (`url::quirks` is that standard's interface).
//! May touch: nothing.
//! Security boundary: no. The bridge parses and judges every URL again.

use crate::text::Text;
use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Function, IntoJs, Object, Result, Value};
use url::{Position, Url, form_urlencoded, quirks};

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
    parts(ctx, read(&input.0, None))
}

/// The whole URL as the standard writes it, or `null`.
fn href<'js>(ctx: Ctx<'js>, input: Text, base: Opt<Text>) -> Result<Value<'js>> {
    match read(&input.0, base.0.as_ref().map(|base| base.0.as_str())) {
        Some(url) => String::from(url).into_js(&ctx),
        None => Ok(Value::new_null(ctx)),
    }
}

/// Parses as the crate does, and then does what the standard has changed since: of the spaces at the end of an opaque
/// path, which only a query or a fragment can keep there, the last is written as `%20`.
fn read(input: &str, base: Option<&str>) -> Option<Url> {
    let parsed = match base {
        Some(base) => Url::parse(base).and_then(|base| base.join(input)),
        None => Url::parse(input),
    };
    let url = parsed.ok()?;
    if !url.cannot_be_a_base() || !url.path().ends_with(' ') {
        return Some(url);
    }
    let path = url.path().strip_suffix(' ').unwrap_or_default();
    let rest = url.as_str().get(url.scheme().len() + 1 + url.path().len()..).unwrap_or_default();
    Url::parse(&format!("{}:{path}%20{rest}", url.scheme())).ok()
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
        "href" => match read(value, None) {
            Some(parsed) => url = parsed,
            None => return Ok(Value::new_null(ctx)),
        },
        "protocol" => drop(quirks::set_protocol(&mut url, value)),
        "username" => drop(quirks::set_username(&mut url, value)),
        "password" => drop(quirks::set_password(&mut url, value)),
        "host" => {
            let _refused = quirks::set_host(&mut url, value);
            let has_authority = url.has_authority();
            url = rebuilt(url, has_authority, false);
        }
        "hostname" => {
            let _refused = quirks::set_hostname(&mut url, value);
            let has_authority = url.has_authority();
            url = rebuilt(url, has_authority, false);
        }
        "port" => drop(quirks::set_port(&mut url, value)),
        "pathname" => {
            let has_authority = url.has_authority();
            quirks::set_pathname(&mut url, value);
            url = rebuilt(url, has_authority, value.is_empty());
        }
        "search" => quirks::set_search(&mut url, value),
        _ => quirks::set_hash(&mut url, value),
    }
    parts(ctx, Some(url))
}

/// The crate forgets, when host or path are set, that a path which begins with `//` is written `/.//` where there is no
/// host, and only there; and that a path can be empty where the scheme is none of the web's own.
fn rebuilt(url: Url, has_authority: bool, without_path: bool) -> Url {
    if url.cannot_be_a_base() || matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp" | "file") {
        return url;
    }
    let host_at = url.scheme().len() + if has_authority { "://".len() } else { ":".len() };
    let before = &url[..Position::BeforePath];
    let before = match before.strip_suffix("/.") {
        Some(stripped) if stripped.len() >= host_at => stripped,
        _ => before,
    };
    let path = if without_path && has_authority { "" } else { url.path() };
    let mark = if !has_authority && path.starts_with("//") { "/." } else { "" };
    let text = format!("{before}{mark}{path}{}", &url[Position::AfterPath..]);
    Url::parse(&text).unwrap_or(url)
}

fn parts(ctx: Ctx<'_>, url: Option<Url>) -> Result<Value<'_>> {
    let Some(url) = url else { return Ok(Value::new_null(ctx)) };
    let list = Array::new(ctx.clone())?;
    list.set(0, quirks::href(&url))?;
    list.set(1, origin(&url))?;
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

/// That of a blob's URL is that of the URL in it, but only where a page could come from there.
fn origin(url: &Url) -> String {
    if url.scheme() == "blob" && Url::parse(url.path()).is_ok_and(|inner| !matches!(inner.scheme(), "http" | "https")) {
        return "null".to_owned();
    }
    quirks::origin(url)
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
