//! In: rules and URLs. Out: which rule decides, and why. Pure: asked through `explain`, nothing is sent.
//! May touch: nothing.
//! Security boundary: no; holds the tests of decide, patterns and ask.

use crate::harness::{Setup, allow_private, fetch, get, run, tenant_file};
use mayfly_bridge::{Explanation, Inline, Settings, check_tenants, explain};
use mayfly_schemas::limits::{CEILINGS, DEFAULTS};

fn settings(rules: &str) -> Settings {
    let (_, text) = tenant_file("acme", rules);
    let inline = vec![Inline { file: "acme.toml".into(), text, folder: ".".into() }];
    Settings {
        tenants: None,
        inline,
        tokens: vec![],
        state: None,
        database: None,
        master_key: None,
        host: None,
        trace_upstreams: false,
        guard: None,
        ceilings: CEILINGS,
        defaults: DEFAULTS,
    }
}

fn rule(name: &str, line: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\n{line}\n")
}

fn ask(settings: &Settings, method: &str, url: &str) -> Explanation {
    explain(settings, "acme", method, url).unwrap()
}

/// The reason, or "allow".
fn verdict(rules: &str, url: &str) -> String {
    let explanation = ask(&settings(rules), "GET", url);
    if explanation.allowed { "allow".into() } else { explanation.reason }
}

#[test]
fn nothing_is_allowed_that_no_rule_allows() {
    for url in ["https://x/", "http://1.1.1.1/", "http://127.0.0.1/", "https://[::1]/"] {
        assert_eq!(verdict("", url), "no_rule", "{url}");
    }
    assert_eq!(
        ask(&settings(""), "GET", "https://x/?secret=1#f").why,
        "no rule of tenant \"acme\" allows GET https://x/; add one to its file or call something else"
    );
}

#[test]
fn patterns_match_what_they_say() {
    #[rustfmt::skip]
    let table = [
        // scheme and port
        ("https://x.test/**", "https://x.test/a", true),
        ("https://x.test/**", "http://x.test/a", false),
        ("https://x.test/**", "https://x.test:8443/a", false),
        ("https://x.test/**", "https://x.test:443/a", true),
        ("https://x.test:8443/**", "https://x.test:8443/a", true),
        ("https://x.test:8443/**", "https://x.test/a", false),
        ("http://x.test:443/**", "https://x.test/a", false),
        // host
        ("https://x.test/**", "https://X.TEST/a", true),
        ("https://X.Test/**", "https://x.test/a", true),
        ("https://x.test/**", "https://x.test./a", true),
        ("https://x.test/**", "https://x.test.evil/a", false),
        ("https://x.test/**", "https://evil-x.test/a", false),
        ("https://x.test/**", "https://a.x.test/a", false),
        ("https://*.x.test/**", "https://a.x.test/a", true),
        ("https://*.x.test/**", "https://a.b.x.test/a", false),
        ("https://*.x.test/**", "https://x.test/a", false),
        ("https://**.x.test/**", "https://a.b.x.test/a", true),
        ("https://**.x.test/**", "https://x.test/a", true),
        ("https://**.x.test/**", "https://ax.test/a", false),
        ("https://a.*.test/**", "https://a.b.test/a", true),
        ("https://bücher.test/**", "https://xn--bcher-kva.test/", true),
        ("https://x.test/**", "https://ｘ．ｔｅｓｔ/", true),
        ("https://x.test/**", "https://x\u{ad}.test/", true),
        ("https://x.test/**", "https://x。test/", true),
        ("https://x.test/**", "https://x%2etest/", true),
        // every host of one scheme
        ("http://**", "http://anything.at.all/and/path", true),
        ("http://**", "https://anything.at.all/", false),
        ("https://**", "https://anything.at.all/", true),
        ("https://**", "http://anything.at.all/", false),
        ("http://**", "http://8.8.8.8/", true),
        ("http://**", "http://x.test:81/", false),
        // IP literals match only themselves and `**`
        ("http://8.8.8.8/**", "http://8.8.8.8/a", true),
        ("http://8.8.8.8/**", "http://134744072/a", true),
        ("http://8.8.8.8/**", "http://0x8.8.8.8/a", true),
        ("http://8.8.8.*/**", "http://8.8.8.8/a", false),
        // path
        ("https://x.test", "https://x.test/any/path", true),
        ("https://x.test/", "https://x.test/", true),
        ("https://x.test/", "https://x.test/a", false),
        ("https://x.test/repos/**", "https://x.test/repos/a/b", true),
        ("https://x.test/repos/**", "https://x.test/repos", true),
        ("https://x.test/repos/**", "https://x.test/repos/", true),
        ("https://x.test/repos/**", "https://x.test/reposx", false),
        ("https://x.test/repos/**", "https://x.test/Repos/a", false),
        ("https://x.test/repos/*", "https://x.test/repos/a", true),
        ("https://x.test/repos/*", "https://x.test/repos/a/b", false),
        ("https://x.test/repos/*/issues", "https://x.test/repos/a/issues", true),
        ("https://x.test/repos/**/issues", "https://x.test/repos/a/b/issues", true),
        ("https://x.test/repos/**/issues", "https://x.test/repos/issues", true),
        ("https://x.test/repos/**/issues", "https://x.test/repos/a/b/issues/1", false),
        ("https://x.test/repos/**", "https://x.test/repos/../admin", false),
        ("https://x.test/repos/**", "https://x.test/repos/%2e%2e/admin", false),
        ("https://x.test/repos/**", "https://x.test/repos/.%2E/admin", false),
        ("https://x.test/repos/**", "https://x.test\\repos\\..\\admin", false),
        ("https://x.test/repos/**", "https://x.test/%72epos/a", true),
        ("https://x.test/repos/**", "https://x.test/a/../repos/b", true),
        ("https://x.test/repos/**", "https://x.test/re\npos/b", true),
        ("https://x.test/repos/**", "https://x.test/?/repos/", false),
        ("https://x.test/repos/**", "https://x.test/#/repos/", false),
        ("https://x.test/a%20b/**", "https://x.test/a b/c", true),
    ];
    for (pattern, url, expected) in table {
        let got = verdict(&rule("r", &format!("allow = \"{pattern}\"")), url);
        assert_eq!(got, if expected { "allow" } else { "no_rule" }, "{pattern} and {url}");
    }
}

#[test]
fn an_ambiguous_path_is_refused_where_a_rule_restricts_paths() {
    let paths = [
        "/repos/..%2fadmin",
        "/repos/..%2Fadmin",
        "/repos/..%5cadmin",
        "/repos/%2f",
        "/repos/a%00",
        "/repos/a%0ab",
        "/repos/..;/admin",
        "/repos/..;x=1/admin",
        "/repos/%2e%2e;/admin",
        "/repos//admin",
        "//repos/a",
        "/repos/%252e%252e/",
        "/repos/%25",
        "/repos/%",
        "/repos/%zz",
        "/repos/%c0%af",
        "/repos/%ff",
        "/repos/.;/a",
    ];
    for path in paths {
        let url = format!("https://x.test{path}");
        assert_eq!(verdict(&rule("r", "allow = \"https://x.test/repos/**\""), &url), "ambiguous_path", "{path}");
        let denied = rule("a", "allow = \"https://x.test/**\"") + &rule("d", "deny = \"https://x.test/admin/**\"");
        assert_ne!(verdict(&denied, &url), "allow", "{path}");
        // No rule there speaks of paths: nothing to get around.
        assert_eq!(verdict(&rule("r", "allow = \"https://x.test/**\""), &url), "allow", "{path}");
        let elsewhere = rule("r", "allow = \"https://x.test\"") + &rule("o", "allow = \"https://other.test/repos/**\"");
        assert_eq!(verdict(&elsewhere, &url), "allow", "{path}");
    }
}

#[test]
fn deny_wins_wherever_it_stands_and_however_the_path_is_spelt() {
    let deny = rule("never secrets", "deny = \"https://x.test/repos/*/*/secrets/**\"");
    let allow = rule("all", "allow = \"https://x.test/repos/**\"");
    for rules in [deny.clone() + &allow, allow.clone() + &deny] {
        let spellings = [
            "/repos/a/b/secrets",
            "/repos/a/b/secrets/c",
            "/repos/a/b/SECRETS/c",
            "/repos/a/b/%73ecrets/c",
            "/repos/a/b/secrets;v=1/c",
            "/repos/a/b;x/secrets",
            "/repos/./a/b/secrets",
            "/repos/a/b/secrets/?q",
            "/REPOS/a/b/Secrets",
            "/repos/a/b/c/../secrets",
        ];
        for path in spellings {
            let explanation = ask(&settings(&rules), "GET", &format!("https://x.test{path}"));
            assert_eq!(
                (explanation.reason.as_str(), explanation.rule.as_str()),
                ("denied_by_rule", "never secrets"),
                "{path}"
            );
        }
        assert_eq!(verdict(&rules, "https://x.test/repos/a/b/issues"), "allow");
    }
}

#[test]
fn a_method_that_no_rule_lists_is_refused() {
    let rules = rule("read", "allow = \"https://x.test/**\"\nmethods = [\"GET\", \"HEAD\"]");
    let refused = ask(&settings(&rules), "POST", "https://x.test/");
    assert_eq!((refused.reason.as_str(), refused.rule.as_str()), ("method_not_allowed", "read"));
    assert!(refused.why.contains("GET, HEAD"), "{}", refused.why);
    for method in ["get", "GET", "head"] {
        assert!(ask(&settings(&rules), method, "https://x.test/").allowed, "{method}");
    }
    let denied = rules + &rule("no head", "deny = \"https://x.test/**\"\nmethods = [\"HEAD\"]");
    assert_eq!(ask(&settings(&denied), "HEAD", "https://x.test/").reason, "denied_by_rule");
    assert!(ask(&settings(&denied), "GET", "https://x.test/").allowed);
}

#[test]
fn methods_that_make_tunnels_or_echoes_are_never_sent() {
    for method in ["CONNECT", "TRACE", "TRACK", "connect", "G ET", "", "GET\r\nX: 1", "G\0T"] {
        let explanation = ask(&settings(&rule("r", "allow = \"http://**\"")), method, "http://x.test/");
        assert_eq!((explanation.allowed, explanation.reason.as_str()), (false, "usage"), "{method:?}");
    }
}

#[test]
fn the_most_specific_rule_decides() {
    let rules = [
        rule("every", "allow = \"https://**\""),
        rule("domain", "allow = \"https://**.x.test/**\""),
        rule("label", "allow = \"https://*.x.test/**\""),
        rule("host", "allow = \"https://a.x.test/**\""),
        rule("path", "allow = \"https://a.x.test/repos/**\""),
        rule("method", "allow = \"https://a.x.test/repos/**\"\nmethods = [\"GET\"]"),
        rule("same", "allow = \"https://a.x.test/repos/**\"\nmethods = [\"GET\"]"),
    ];
    let table = [
        ("GET", "https://a.x.test/repos/1", "method"),
        ("PUT", "https://a.x.test/repos/1", "path"),
        ("GET", "https://a.x.test/", "host"),
        ("GET", "https://b.x.test/", "label"),
        ("GET", "https://b.c.x.test/", "domain"),
        ("GET", "https://y.test/", "every"),
    ];
    for (method, url, expected) in table {
        assert_eq!(ask(&settings(&rules.concat()), method, url).rule, expected, "{url}");
        let mut reversed = rules.clone();
        reversed.swap(5, 6);
        reversed.reverse();
        let expected = if expected == "method" { "method" } else { expected };
        assert_eq!(ask(&settings(&reversed.concat()), method, url).rule, expected, "{url} reversed");
    }
}

#[test]
fn urls_that_lie_about_where_they_go_are_refused() {
    let table = [
        ("https://user@x.test/", "userinfo"),
        ("https://user:pass@x.test/", "userinfo"),
        ("https://x.test@evil.test/", "userinfo"),
        ("https://:pass@x.test/", "userinfo"),
        ("ftp://x.test/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("data:text/plain,hi", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("ws://x.test/", "scheme"),
        ("/relative", "usage"),
        ("https://", "usage"),
        ("https://x..test/", "usage"),
        ("https://x.test../", "usage"),
        ("https://a b/", "usage"),
        ("https://x.test:99999/", "usage"),
        ("https://evil.test#@x.test/", "no_rule"),
        ("https://evil.test\\@x.test/", "no_rule"),
        ("https://evil.test/@x.test", "no_rule"),
        ("https://x.test.evil.test/", "no_rule"),
        ("https:\\\\evil.test\\x.test", "no_rule"),
    ];
    for (url, expected) in table {
        assert_eq!(verdict(&rule("r", "allow = \"https://x.test/**\""), url), expected, "{url}");
    }
    let long = format!("https://x.test/{}", "a".repeat(16 * 1024));
    assert_eq!(verdict(&rule("r", "allow = \"https://x.test/**\""), &long), "usage");
}

#[test]
fn an_explanation_names_every_rule_that_was_considered() {
    let rules = rule("a", "allow = \"https://x.test/a/**\"\nmethods = [\"GET\"]")
        + &rule("b", "allow = \"https://y.test/**\"")
        + &rule("c", "deny = \"https://x.test/a/b\"");
    let explanation = ask(&settings(&rules), "POST", "https://x.test/a/b?q=secret");
    let considered: Vec<(&str, bool, &str)> =
        explanation.considered.iter().map(|one| (one.rule.as_str(), one.matched, one.why)).collect();
    let expected =
        [("a", false, "the method is not listed"), ("b", false, "scheme, host or port differ"), ("c", true, "matches")];
    assert_eq!(considered, expected);
    assert_eq!(explanation.url, "https://x.test/a/b");
    assert_eq!(check_tenants(&settings(&rules)), []);
    assert!(explain(&settings(""), "nobody", "GET", "https://x/").unwrap_err()[0].what.contains("nobody"));
}

#[test]
fn an_explanation_needs_no_credential() {
    let rules = "[[credential]]\nname = \"k\"\nfrom = \"env:MAYFLY_TEST_NOT_SET\"\nheader = \"authorization\"\n"
        .to_owned()
        + &rule("r", "allow = \"https://x.test/**\"\ncredential = \"k\"");
    assert!(ask(&settings(&rules), "GET", "https://x.test/").allowed);
    let mistakes = check_tenants(&settings(&rules));
    assert!(mistakes[0].what.contains("MAYFLY_TEST_NOT_SET is not set"), "{mistakes:?}");
}

#[test]
fn a_refused_name_is_never_looked_up() {
    run(async {
        let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut setup = Setup::new();
        let log = asked.clone();
        setup.lookup(move |name| {
            log.lock().unwrap().push(name.to_owned());
            Ok(None)
        });
        let token = setup.tenant("acme", &allow_private("r", "http://x.test/a/**"));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        for url in [
            "http://c2VjcmV0.evil.test/",
            "http://x.test.evil.test/",
            "https://x.test/a",
            "http://x.test/b",
            "http://u@x.test/a",
        ] {
            assert!(!fetch(&opened.session, &get(url)).await.allowed, "{url}");
        }
        assert_eq!(asked.lock().unwrap().len(), 0);
        fetch(&opened.session, &get("http://x.test/a")).await;
        assert_eq!(*asked.lock().unwrap(), ["x.test"]);
    });
}

#[test]
fn a_policy_error_says_what_was_decided_about_what() {
    run(async {
        let mut setup = Setup::new();
        let token = setup.tenant("acme", &rule("never", "deny = \"https://x.test/**\""));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let outcome = fetch(&opened.session, &get("https://x.test/a?token=1#x")).await;
        let crate::harness::Got::Failure { reason, rule, method, url, message, .. } = &outcome.got else { panic!() };
        assert_eq!([reason, rule, method, url], ["denied_by_rule", "never", "GET", "https://x.test/a"]);
        assert_eq!(message, "rule \"never\" of tenant \"acme\" denies GET https://x.test/a; call something else");
        assert_eq!((outcome.allowed, outcome.rule.as_str()), (false, "never"));
        let audit = bridge.stop();
        assert!(
            audit.contains("\"verdict\":\"deny\"")
                && audit.contains("\"reason\":\"denied_by_rule\"")
                && !audit.contains("token=1")
        );
    });
}
