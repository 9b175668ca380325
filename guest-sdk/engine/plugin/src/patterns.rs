//! In: a URL pattern as text or by its components. Out: the components as expressions that JavaScript runs.
//! May touch: nothing but the one function of the prelude that it is given.
//! Security boundary: no. What a script may reach is the bridge's matter, whose own patterns these are not.

use rquickjs::{Array, Coerced, Ctx, Exception, Function, Object, Persistent, Result, Value, qjs};
use std::cell::RefCell;
use std::ptr::NonNull;
use url::Url;
use urlpattern::quirks::{MatchInput, parse_match_input};
use urlpattern::regexp::RegExp;
use urlpattern::{
    RegexSyntax, UrlPattern, UrlPatternInit, UrlPatternMatchInput, UrlPatternOptions, component::Component,
};

pub fn register<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    natives.set("urlPattern", Function::new(ctx.clone(), pattern)?)?;
    natives.set("urlPatternInput", Function::new(ctx.clone(), input)?)
}

/// A regular expression of the script's own engine. The parser needs to run one only to learn whether a protocol is a
/// special one.
struct Expression {
    pattern: String,
    flags: String,
}

/// What runs expressions while a pattern is parsed.
struct Engine {
    ctx: NonNull<qjs::JSContext>,
    matches: Persistent<Function<'static>>,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

impl RegExp for Expression {
    fn syntax() -> RegexSyntax {
        RegexSyntax::EcmaScript
    }

    fn parse(pattern: &str, flags: &str, _force_eval: bool) -> std::result::Result<Self, ()> {
        // Whether it is one is seen by the prelude, which makes it.
        Ok(Expression { pattern: pattern.to_owned(), flags: flags.to_owned() })
    }

    fn matches<'a>(&self, text: &'a str) -> Option<Vec<Option<&'a str>>> {
        ENGINE.with_borrow(|engine| {
            let engine = engine.as_ref()?;
            // SAFETY: it is the context that `pattern` was called with, and `pattern` has not returned.
            let ctx = unsafe { Ctx::from_raw(engine.ctx) };
            let matches = engine.matches.clone().restore(&ctx).ok()?;
            let matched = matches.call::<_, bool>((self.pattern.as_str(), self.flags.as_str(), text));
            if matched.is_err() {
                // No expression at all: the prelude says so when it makes it.
                drop(ctx.catch());
            }
            matched.unwrap_or_default().then(Vec::new)
        })
    }

    fn pattern_string(&self) -> &str {
        &self.pattern
    }
}

/// `[components, hasRegExpGroups]`, each component as pattern, expression and names of its groups.
fn pattern<'js>(
    ctx: Ctx<'js>,
    input: Value<'js>,
    base: Option<Coerced<String>>,
    ignore_case: bool,
    matches: Function<'js>,
) -> Result<Array<'js>> {
    let engine = Engine { ctx: ctx.as_raw(), matches: Persistent::save(&ctx, matches) };
    ENGINE.replace(Some(engine));
    let parsed = init_of(&ctx, input, base.map(|base| base.0)).and_then(|init| {
        let options = UrlPatternOptions { ignore_case, regex_syntax: RegexSyntax::EcmaScript };
        UrlPattern::<Expression>::parse(init, options).map_err(|error| refuse(&ctx, &error.to_string()))
    });
    ENGINE.replace(None);
    let parsed = parsed?;
    let components = Array::new(ctx.clone())?;
    for (index, component) in in_order(&parsed).into_iter().enumerate() {
        components.set(index, told(&ctx, component)?)?;
    }
    let result = Array::new(ctx)?;
    result.set(0, components)?;
    result.set(1, parsed.has_regexp_groups())?;
    Ok(result)
}

fn in_order(pattern: &UrlPattern<Expression>) -> [&Component<Expression>; 8] {
    let UrlPattern { protocol, username, password, hostname, port, pathname, search, hash } = pattern;
    [protocol, username, password, hostname, port, pathname, search, hash]
}

fn told<'js>(ctx: &Ctx<'js>, component: &Component<Expression>) -> Result<Array<'js>> {
    let told = Array::new(ctx.clone())?;
    told.set(0, component.pattern_string.as_str())?;
    told.set(1, component.regexp.as_ref().map_or("", |expression| expression.pattern.as_str()))?;
    told.set(2, component.group_name_list.clone())?;
    Ok(told)
}

fn init_of<'js>(ctx: &Ctx<'js>, input: Value<'js>, base: Option<String>) -> Result<UrlPatternInit> {
    if let Some(list) = input.as_array() {
        if base.is_some() {
            return Err(refuse(ctx, "a base URL is for text; give `baseURL` beside the other parts"));
        }
        return components(list)?.ok_or_else(|| refuse(ctx, "`baseURL` is not a URL"));
    }
    let text: String = input.get()?;
    let base = base.map(|base| Url::parse(&base)).transpose().map_err(|_| refuse(ctx, "the base is not a URL"))?;
    UrlPatternInit::parse_constructor_string::<Expression>(&text, base).map_err(|error| refuse(ctx, &error.to_string()))
}

/// The components of a list that the prelude made; nothing where its base URL is none.
fn components(list: &Array<'_>) -> Result<Option<UrlPatternInit>> {
    let part = |index: usize| list.get::<Option<String>>(index);
    let Ok(base_url) = part(8)?.map(|base| Url::parse(&base)).transpose() else { return Ok(None) };
    let (protocol, username, password, hostname) = (part(0)?, part(1)?, part(2)?, part(3)?);
    let (port, pathname, search, hash) = (part(4)?, part(5)?, part(6)?, part(7)?);
    Ok(Some(UrlPatternInit { protocol, username, password, hostname, port, pathname, search, hash, base_url }))
}

/// The eight components of a URL that is given by some of them, or `null` where they make none.
fn input<'js>(ctx: Ctx<'js>, list: Array<'js>) -> Result<Value<'js>> {
    let parsed = components(&list)?.and_then(|init| parse_match_input(UrlPatternMatchInput::Init(init)));
    let Some(MatchInput { protocol, username, password, hostname, port, pathname, search, hash }) = parsed else {
        return Ok(Value::new_null(ctx));
    };
    let parts = Array::new(ctx)?;
    for (index, part) in [protocol, username, password, hostname, port, pathname, search, hash].into_iter().enumerate()
    {
        parts.set(index, part)?;
    }
    Ok(parts.into_value())
}

fn refuse(ctx: &Ctx<'_>, what: &str) -> rquickjs::Error {
    Exception::throw_type(ctx, &format!("URLPattern: {what}."))
}
