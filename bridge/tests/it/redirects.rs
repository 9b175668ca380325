//! In: upstreams that point elsewhere. Out: each hop decided, resolved and signed anew.
//! May touch: loopback.
//! Security boundary: no; holds the tests of redirect.

use crate::harness::upstream::{Upstream, ok, reply};
use crate::harness::*;
use mayfly_schemas::bridge_capnp::{failure::Kind, fetch_ask::Redirect};

/// Redirects `/to?STATUS?URL` and says for every other path what it got.
fn redirecting() -> Upstream {
    Upstream::http(|request| {
        let path = request.split(' ').nth(1).unwrap();
        match path.strip_prefix("/to?") {
            Some(to) => {
                let (status, url) = to.split_once('?').unwrap();
                reply(&format!("{status} Moved"), &format!("location: {url}\r\n"), "moved")
            }
            None => ok(request.lines().next().unwrap()),
        }
    })
}

struct Scene {
    here: Upstream,
    there: Upstream,
    bridge: Bridge,
    token: String,
}

/// `here` has a credential and may be reached wholly, `there` has none and `/closed` of it is closed.
fn scene() -> Scene {
    let (here, there) = (redirecting(), redirecting());
    let mut setup = Setup::new();
    setup.names(&[("api.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"]), ("inside.test", &["10.0.0.1"])]);
    setup.secret("key", "the-real-key-12345");
    let rules = with_credential(&here.url("/**"))
        + &allow_private("there", &format!("http://other.test:{}/open/**", there.port))
        + &allow_private("there to", &format!("http://other.test:{}/to", there.port))
        + "[[rule]]\nname = \"inside\"\nallow = \"http://inside.test/**\"\n[[rule]]\nname = \"tls\"\nallow = \"https://**\"\n";
    let token = setup.tenant("acme", &rules);
    Scene { here, there, bridge: setup.start(), token }
}

impl Scene {
    fn to(&self, status: u16, url: &str) -> String {
        self.here.url(&format!("/to?{status}?{url}"))
    }

    fn there(&self, path: &str) -> String {
        format!("http://other.test:{}{path}", self.there.port)
    }
}

#[test]
fn a_redirect_on_the_same_origin_is_followed_with_its_credential() {
    run(async {
        let scene = scene();
        let opened = scene.bridge.session(&scene.token).await;
        let outcome = fetch(&opened.session, &get(scene.to(302, "/end?q=1"))).await;
        assert!(outcome.body().starts_with("GET /end?q=1 "));
        assert!(
            matches!(&outcome.got, Got::Response { redirected: true, url, .. } if *url == scene.here.url("/end?q=1"))
        );
        let requests = scene.here.requests();
        assert!(requests.len() == 2 && requests.iter().all(|request| request.contains("Bearer the-real-key-12345")));
    });
}

#[test]
fn neither_our_credential_nor_the_scripts_own_follows_to_another_origin() {
    run(async {
        for status in [301, 302, 303, 307, 308] {
            let scene = scene();
            let opened = scene.bridge.session(&scene.token).await;
            let mut ask = get(scene.to(status, &scene.there("/open/a"))).header("x-stays", "1");
            for name in ["authorization", "cookie", "x-api-key", "proxy-authorization"] {
                ask = ask.header(name, "SCRIPTS-OWN");
            }
            let outcome = fetch(&opened.session, &ask).await;
            assert_eq!((outcome.status(), outcome.rule.as_str()), (200, "there"));
            let request = scene.there.requests().remove(0);
            assert!(!request.contains("the-real-key-12345") && !request.contains("SCRIPTS-OWN"), "{status}: {request}");
            assert!(
                request.contains("x-stays: 1") && request.contains(&format!("host: other.test:{}", scene.there.port))
            );
        }
    });
}

#[test]
fn a_redirect_to_what_policy_refuses_is_refused_and_not_asked() {
    run(async {
        let scene = scene();
        let opened = scene.bridge.session(&scene.token).await;
        let there = scene.there.port;
        let closed = [
            (scene.there("/closed"), "no_rule"),
            (scene.there("/open/../closed"), "no_rule"),
            (scene.there("/open/..%2fclosed"), "ambiguous_path"),
            (format!("http://127.0.0.1:{there}/open/a"), "no_rule"),
            (format!("http://api.test:{there}/open/a"), "no_rule"),
            (format!("//other.test:{there}/closed"), "no_rule"),
            (format!("http://user:pw@other.test:{there}/open/a"), "userinfo"),
            ("http://169.254.169.254/latest/meta-data".into(), "no_rule"),
            ("http://inside.test/".into(), "private_address"),
            ("https://127.0.0.1/".into(), "private_address"),
            ("https://inside.test/".into(), "private_address"),
            ("file:///etc/passwd".into(), "scheme"),
            ("javascript:alert(1)".into(), "scheme"),
            ("data:text/html,x".into(), "scheme"),
        ];
        for status in [301, 302, 303, 307, 308] {
            for (url, reason) in &closed {
                let outcome = fetch(&opened.session, &get(scene.to(status, url))).await;
                assert_eq!(outcome.reason(), *reason, "{status} {url}");
            }
        }
        assert_eq!(scene.there.count(), 0);
    });
}

#[test]
fn a_redirect_to_no_url_is_a_network_failure() {
    run(async {
        let scene = scene();
        let opened = scene.bridge.session(&scene.token).await;
        for url in ["http://", "http://a:b:c/", "http://[::1"] {
            let outcome = fetch(&opened.session, &get(scene.to(302, url))).await;
            assert_eq!(outcome.failure().0, Kind::Network, "{url}");
        }
    });
}

#[test]
fn a_circle_ends_after_twenty_hops() {
    run(async {
        let around = Upstream::http(|_| reply("302 Found", "location: /again\r\n", ""));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &around.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get(around.url("/"))).await;
        assert_eq!(outcome.failure(), (Kind::Network, "more than 20 redirects; call the last URL directly"));
        assert_eq!(around.requests().len(), 21);
    });
}

#[test]
fn methods_and_bodies_change_as_the_fetch_standard_says() {
    run(async {
        let table = [
            (301, "POST", "GET", false),
            (302, "POST", "GET", false),
            (303, "POST", "GET", false),
            (307, "POST", "POST", true),
            (308, "POST", "POST", true),
            (301, "PUT", "PUT", true),
            (303, "PUT", "GET", false),
            (303, "HEAD", "HEAD", true),
            (302, "GET", "GET", true),
        ];
        for (status, method, then, keeps_body) in table {
            let scene = scene();
            let opened = scene.bridge.session(&scene.token).await;
            let has_body = matches!(method, "POST" | "PUT");
            let body = if has_body { b"the body".to_vec() } else { Vec::new() };
            let ask = Ask { method, body, ..get(scene.to(status, "/end")) }.header("content-type", "text/plain");
            assert_eq!(fetch(&opened.session, &ask).await.status(), 200, "{status} {method}");
            let request = scene.here.requests().remove(1);
            assert!(request.starts_with(&format!("{then} /end ")), "{status} {method}: {request}");
            assert_eq!(request.contains("the body"), has_body && keeps_body, "{status} {method}: {request}");
            assert_eq!(request.contains("content-type"), keeps_body, "{status} {method}: {request}");
        }
    });
}

#[test]
fn manual_gives_the_redirect_and_error_fails() {
    run(async {
        let scene = scene();
        let opened = scene.bridge.session(&scene.token).await;
        let manual = Ask { redirect: Redirect::Manual, ..get(scene.to(302, "/end")) };
        let outcome = fetch(&opened.session, &manual).await;
        assert_eq!((outcome.status(), outcome.body().as_str()), (302, "moved"));
        assert!(
            matches!(&outcome.got, Got::Response { headers, .. } if headers.contains(&("location".into(), "/end".into())))
        );
        let error = Ask { redirect: Redirect::Error, ..manual };
        assert_eq!(fetch(&opened.session, &error).await.failure().0, Kind::Network);
        assert_eq!(scene.here.requests().len(), 2);
    });
}

#[test]
fn what_only_looks_like_a_redirect_is_the_answer() {
    run(async {
        let upstream = Upstream::http(|request| match request.split(' ').nth(1).unwrap() {
            "/none" => reply("302 Found", "", "no location"),
            "/304" => b"HTTP/1.1 304 Not Modified\r\nlocation: /x\r\n\r\n".to_vec(),
            _ => reply("200 OK", "location: /x\r\n", "fine"),
        });
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &allow_private("api", &upstream.url("/**")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        for (path, status) in [("/none", 302), ("/304", 304), ("/200", 200)] {
            assert_eq!(fetch(&opened.session, &get(upstream.url(path))).await.status(), status, "{path}");
        }
    });
}

#[test]
fn a_hop_back_has_the_credential_of_its_own_rule_again() {
    run(async {
        let scene = scene();
        let opened = scene.bridge.session(&scene.token).await;
        let back = scene.there(&format!("/to?302?{}", scene.here.url("/end")));
        let outcome = fetch(&opened.session, &get(scene.to(302, &back)).header("cookie", "SCRIPTS-OWN")).await;
        assert_eq!(outcome.status(), 200);
        let last = scene.here.requests().pop().unwrap();
        assert!(last.contains("Bearer the-real-key-12345") && !last.contains("SCRIPTS-OWN"), "{last}");
    });
}
