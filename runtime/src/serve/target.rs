//! In: the head of a request. Out: whether it is for the server itself or for a tenant's script, and the URL that a script sees.
//! May touch: nothing.
//! Security boundary: yes. A path is read once, and one that can be read in two ways is refused: what a proxy before us
//! took for one script's is not another's.
//!
//! The URL that a script sees is what its client asked for, as the WHATWG parser writes it: scheme, host, path, query. Under
//! `/run/{tenant}/{script}` that prefix is taken away, and told in `x-forwarded-prefix`: so the same script sees the same
//! paths there as on a host of its own. The scheme is `https` where a proxy says so in `x-forwarded-proto`.

use super::hosts::{Hosts, Standing, is_always_main};
use crate::bridge::Target;
use crate::limits::URL_BYTES_MAX;
use crate::respond::Problem;
use http::Request;
use http::header::HOST;
use mayfly_schemas::names::is_reserved;
use url::Url;

/// What a request is for.
#[derive(Debug, PartialEq)]
pub(super) enum Wanted {
    Api,
    Script(Script),
}

#[derive(Debug, PartialEq)]
pub(super) struct Script {
    pub target: Target,
    pub url: Url,
    /// What was taken away from the path.
    pub prefix: Option<String>,
    /// Nothing of the server itself is answered on this host.
    pub own_host: bool,
}

pub(super) async fn wanted<B>(hosts: &Hosts, request: &Request<B>) -> Result<Wanted, Problem> {
    let authority = authority(request)?;
    let (host, path) = (host_of(authority), request.uri().path());
    let reserved = is_reserved(path);
    let standing = match host.as_deref() {
        // Without a bridge these are still answered, by whoever asks first.
        Some(host) if matches!(path, "/healthz" | "/readyz") => hosts.known(host),
        Some(host) if !(reserved && is_always_main(host)) => hosts.standing(host).await?,
        _ => Standing::Main,
    };
    match (standing, host) {
        (Standing::Owned, Some(host)) => routed(request, authority, host, true),
        (Standing::Shared, Some(host)) if !reserved => routed(request, authority, host, false),
        _ if path == "/run" || path.starts_with("/run/") => named(request, authority, path),
        _ => Ok(Wanted::Api),
    }
}

fn routed<B>(request: &Request<B>, authority: Option<&str>, host: String, own_host: bool) -> Result<Wanted, Problem> {
    let url = url(request, authority, request.uri().path())?;
    let target = Target::Routed { host, path: url.path().to_owned() };
    Ok(Wanted::Script(Script { target, url, prefix: None, own_host }))
}

fn named<B>(request: &Request<B>, authority: Option<&str>, path: &str) -> Result<Wanted, Problem> {
    let mut parts = path.splitn(5, '/').skip(2);
    let (Some(tenant), Some(script)) = (parts.next(), parts.next()) else { return Ok(Wanted::Api) };
    let rest = format!("/{}", parts.next().unwrap_or_default());
    let target = Target::Named { tenant: tenant.to_owned(), script: script.to_owned() };
    let prefix = format!("/run/{tenant}/{script}");
    let url = url(request, authority, &rest)?;
    two_ways(&prefix)?;
    Ok(Wanted::Script(Script { target, url, prefix: Some(prefix), own_host: false }))
}

fn url<B>(request: &Request<B>, authority: Option<&str>, path: &str) -> Result<Url, Problem> {
    two_ways(path)?;
    let https = request.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let (scheme, authority) = (if https { "https" } else { "http" }, authority.unwrap_or("localhost"));
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let text = format!("{scheme}://{authority}{path}{query}");
    if text.len() > URL_BYTES_MAX {
        return Err(Problem::bad_request(format!("the URL is {} bytes; the limit is {URL_BYTES_MAX}", text.len())));
    }
    Url::parse(&text).map_err(|error| Problem::bad_request(format!("this is no URL ({error})")))
}

/// RFC 9112, section 3.2: the request line's host counts before the `host` header, of which there is at most one.
fn authority<B>(request: &Request<B>) -> Result<Option<&str>, Problem> {
    let mut headers = request.headers().get_all(HOST).iter();
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err(Problem::bad_request("`host`: is there twice"));
    }
    let header = || first.map(|value| value.to_str().map_err(|_| no_host())).transpose();
    let authority = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => header()?.filter(|text| !text.is_empty()),
    };
    match authority {
        Some(text) if host_of(Some(text)).is_none() => Err(no_host()),
        authority => Ok(authority),
    }
}

fn no_host() -> Problem {
    Problem::bad_request("`host`: is no host name with an optional port")
}

/// In its one canonical form, without port and final dot. `None` also where it is no host.
fn host_of(authority: Option<&str>) -> Option<String> {
    let authority = authority?;
    if authority.contains(['@', '/', '\\', '?', '#']) {
        return None;
    }
    // Most are written as they should be already.
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => authority,
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'.';
    if !name.is_empty() && name.bytes().all(plain) && !name.ends_with('.') {
        return Some(name.to_owned());
    }
    let url = Url::parse(&format!("http://{authority}/")).ok()?;
    let host = url.host_str()?;
    Some(host.strip_suffix('.').unwrap_or(host).to_owned())
}

fn two_ways(path: &str) -> Result<(), Problem> {
    let dots = |segment: &str| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        matches!(plain.as_str(), "." | "..")
    };
    match path.contains('\\') || path.split('/').any(dots) {
        true => Err(Problem::bad_request("the path can be read in two ways: write it without `.`, `..` and `\\`")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::get(line);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn host(line: &str, headers: &[(&str, &str)]) -> Result<Option<String>, Problem> {
        let request = request(line, headers);
        authority(&request).map(host_of)
    }

    #[test]
    fn a_host_has_one_form_however_it_is_written() {
        for written in
            ["api.test", "API.test", "api.test:80", "api.test:8787", "api.test.", "Api.Test.:1", "api.te\u{ad}st"]
        {
            let request = Request::get("/").header(HOST, written.as_bytes()).body(()).unwrap();
            // What is not ASCII is no header text, and nothing else that is no host passes.
            match authority(&request) {
                Ok(authority) => assert_eq!(host_of(authority).as_deref(), Some("api.test"), "{written}"),
                Err(_) => assert!(!written.is_ascii()),
            }
        }
        assert_eq!(host("/", &[("host", "[::1]:80")]).unwrap().as_deref(), Some("[::1]"));
        assert_eq!(host("/", &[("host", "127.0.0.1:80")]).unwrap().as_deref(), Some("127.0.0.1"));
        assert_eq!(host("/", &[("host", "0x7f.1")]).unwrap().as_deref(), Some("127.0.0.1"));
        assert_eq!(host("/", &[]).unwrap(), None);
        // The request line counts.
        assert_eq!(host("http://a.test/x", &[("host", "b.test")]).unwrap().as_deref(), Some("a.test"));
        for wrong in ["user@a.test", "a b", "a/b", "a.test:x", "a.test:99999", "[::1", "a\\b", "a?b", "1.2.3.4.5"] {
            assert!(host("/", &[("host", wrong)]).is_err(), "{wrong}");
        }
        assert!(host("/", &[("host", "a.test"), ("host", "b.test")]).is_err());
    }

    #[test]
    fn under_run_a_script_sees_what_comes_after_its_name() {
        let given = |line: &str| match named(&request(line, &[]), Some("a.test:8787"), request(line, &[]).uri().path())
        {
            Ok(Wanted::Script(Script { target, url, prefix, .. })) => Ok((target, url.to_string(), prefix)),
            Ok(Wanted::Api) => Err(None),
            Err(problem) => Err(Some(problem)),
        };
        let hello = Target::Named { tenant: "acme".into(), script: "hello".into() };
        for (line, url) in [
            ("/run/acme/hello", "http://a.test:8787/"),
            ("/run/acme/hello/", "http://a.test:8787/"),
            ("/run/acme/hello?q=1", "http://a.test:8787/?q=1"),
            ("/run/acme/hello/v1/a%2Fb?q=%20&q", "http://a.test:8787/v1/a%2Fb?q=%20&q"),
            ("/run/acme/hello//evil.test/x", "http://a.test:8787//evil.test/x"),
            ("/run/acme/hello/@evil.test", "http://a.test:8787/@evil.test"),
        ] {
            assert_eq!(given(line), Ok((hello.clone(), url.to_owned(), Some("/run/acme/hello".into()))), "{line}");
        }
        for line in ["/run", "/run/", "/run/acme"] {
            assert_eq!(given(line), Err(None), "{line}");
        }
        for line in [
            "/run/acme/..",
            "/run/../x/y",
            "/run/acme/hello/../other/x",
            "/run/acme/hello/%2E%2e/x",
            "/run/a/b/.",
            "/run/a/b/c\\d",
        ] {
            assert!(matches!(given(line), Err(Some(_))), "{line}");
        }
    }

    #[test]
    fn a_proxy_says_whether_it_was_https() {
        let scheme = |headers: &[(&str, &str)]| url(&request("/x", headers), Some("a.test"), "/x").unwrap().to_string();
        assert_eq!(scheme(&[]), "http://a.test/x");
        assert_eq!(scheme(&[("x-forwarded-proto", "https")]), "https://a.test/x");
        assert_eq!(scheme(&[("x-forwarded-proto", "javascript")]), "http://a.test/x");
    }
}
