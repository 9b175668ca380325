//! In: two versions of a tenant's file. Out: what `mayfly policy diff` calls gained and lost, and that it misses nothing.
//! May touch: a temporary folder.
//! Security boundary: no; holds the tests of `diff/`.

use mayfly_bridge::{Difference, Inline, Settings, diff, explain};
use mayfly_schemas::limits::{CEILINGS, DEFAULTS};
use std::path::Path;

fn settings_in(text: &str, folder: &Path) -> Settings {
    let text = format!("tenant = \"t\"\n{text}");
    let inline = vec![Inline { file: "t.toml".into(), text, folder: folder.to_owned() }];
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

fn settings(text: &str) -> Settings {
    settings_in(text, Path::new("."))
}

fn between(old: &str, new: &str) -> Difference {
    diff(&settings(old), &settings(new)).unwrap_or_else(|mistakes| panic!("{old}\n---\n{new}\n{mistakes:?}"))
}

fn rule(line: &str) -> String {
    format!("[[rule]]\nname = \"{}\"\n{line}\n", line.replace('"', "'").replace('\n', " "))
}

fn rules(lines: &[&str]) -> String {
    let known = "[[credential]]\nname = \"a\"\nfrom = \"env:A\"\nheader = \"authorization\"\n\
                 [[credential]]\nname = \"b\"\nfrom = \"env:B\"\nheader = \"authorization\"\n";
    known.to_owned() + &lines.iter().map(|line| rule(line)).collect::<String>()
}

/// `(gained, lost)`, and the other way round when the versions are exchanged.
#[test]
fn rules_that_reach_more_are_told_from_rules_that_reach_less() {
    #[rustfmt::skip]
    let table: &[(&[&str], &[&str], bool, bool)] = &[
        // The same in other words.
        (&["allow = \"https://x.test/a\"", "allow = \"https://x.test/b\""], &["allow = \"https://x.test/b\"", "allow = \"https://x.test/a\""], false, false),
        (&["allow = \"https://x.test/**\""], &["allow = \"https://x.test:443\""], false, false),
        (&["allow = \"https://x.test/**\""], &["allow = \"https://x.test/**\"", "allow = \"https://x.test/a\""], false, true), // a path that can be read in two ways
        (&["allow = \"https://x.test/a/**\""], &["allow = \"https://x.test/a\"", "allow = \"https://x.test/a/*/**\""], false, false),
        (&["allow = \"https://*.x.test/a\""], &["allow = \"https://*.x.test/a\"", "allow = \"https://b.x.test/a\""], false, false),
        // Scheme, host, port.
        (&["allow = \"https://x.test/a\""], &["allow = \"http://x.test:443/a\""], true, true),
        (&["allow = \"https://x.test/a\""], &["allow = \"https://x.test:444/a\""], true, true),
        (&["allow = \"https://b.x.test/a\""], &["allow = \"https://*.x.test/a\""], true, false),
        (&["allow = \"https://*.x.test/a\""], &["allow = \"https://**.x.test/a\""], true, false),
        (&["allow = \"https://**.x.test/a\""], &["allow = \"https://**/a\""], true, false),
        (&["allow = \"https://1.2.3.4/a\""], &["allow = \"https://**/a\""], true, false),
        (&["allow = \"https://**/a\""], &["allow = \"https://*.*/a\"", "allow = \"https://*/a\""], false, true),
        (&["allow = \"http://[2606:4700::1]/a\""], &["allow = \"http://[2606:4700::2]/a\""], true, true),
        (&["allow = \"http://1.*/a\"", "allow = \"http://*.2.test/a\""], &["allow = \"http://*.2.test/a\""], false, true),
        // Paths.
        (&["allow = \"https://x.test/a/*\""], &["allow = \"https://x.test/a/**\""], true, false),
        (&["allow = \"https://x.test/a\""], &["allow = \"https://x.test/a/\""], true, true),
        (&["allow = \"https://x.test/*/b\""], &["allow = \"https://x.test/**/b\""], true, false),
        (&["allow = \"https://x.test/**/b/**\""], &["allow = \"https://x.test/**/b/**/c\""], false, true),
        (&["allow = \"https://x.test/\""], &["allow = \"https://x.test/**\""], true, false),
        (&["allow = \"https://x.test/a\""], &["allow = \"https://x.test/%61\""], false, false),
        // Methods.
        (&["allow = \"https://x.test/a\"\nmethods = [\"GET\"]"], &["allow = \"https://x.test/a\"\nmethods = [\"GET\", \"PUT\"]"], true, false),
        (&["allow = \"https://x.test/a\"\nmethods = [\"GET\"]"], &["allow = \"https://x.test/a\""], true, false),
        (&["deny = \"https://x.test/a\"\nmethods = [\"PUT\"]", "allow = \"https://x.test/a\""], &["deny = \"https://x.test/a\"", "allow = \"https://x.test/a\""], false, true),
        // Deny rules.
        (&["allow = \"https://x.test/**\"", "deny = \"https://x.test/a/**\""], &["allow = \"https://x.test/**\""], true, false),
        (&["allow = \"https://x.test/**\"", "deny = \"https://x.test/a/**\""], &["allow = \"https://x.test/**\"", "deny = \"https://x.test/a/*\""], true, false),
        (&["allow = \"https://x.test/a\"", "deny = \"https://x.test/b\""], &["allow = \"https://x.test/a\""], false, false),
        (&["allow = \"https://x.test/*\"", "deny = \"https://x.test/A\""], &["allow = \"https://x.test/*\"", "deny = \"https://x.test/a\""], false, false),
        (&["allow = \"https://x.test/A\"", "deny = \"https://x.test/a\""], &["allow = \"https://x.test/A\"", "deny = \"https://x.test/b\""], true, false),
        (&["allow = \"https://**\"", "deny = \"https://x.test/a\""], &["allow = \"https://**\"", "deny = \"https://*.test/a\""], false, true),
        (&["allow = \"https://x.test/A/*\"", "deny = \"https://x.test/a/b\""], &["allow = \"https://x.test/A/*\""], true, false),
        // Credentials, and which of two rules decides.
        (&["allow = \"https://x.test/a\""], &["allow = \"https://x.test/a\"\ncredential = \"a\""], true, false),
        (&["allow = \"https://x.test/a\"\ncredential = \"b\""], &["allow = \"https://x.test/a\"\ncredential = \"a\""], true, true),
        (&["allow = \"https://x.test/**\"\ncredential = \"a\"", "allow = \"https://x.test/a\""], &["allow = \"https://x.test/**\"\ncredential = \"a\""], true, false),
        // Private addresses.
        (&["allow = \"http://x.test/a\""], &["allow = \"http://x.test/a\"\nprivate = true"], true, false),
        (&[], &["allow = \"http://127.0.0.1/a\"\nprivate = true"], true, false),
        (&[], &["allow = \"http://127.0.0.1/a\""], false, false),
        (&[], &["allow = \"http://**\""], true, false),
    ];
    for (old, new, gains, loses) in table {
        let (forth, back) = (between(&rules(old), &rules(new)), between(&rules(new), &rules(old)));
        let found = (!forth.gained.is_empty(), !forth.lost.is_empty());
        assert_eq!(found, (*gains, *loses), "{old:?} -> {new:?}\n{forth}");
        assert_eq!((!back.lost.is_empty(), !back.gained.is_empty()), found, "{new:?} -> {old:?}\n{back}");
        assert!(forth.gained.iter().all(|change| change.exact), "{forth}");
    }
}

#[test]
fn everything_else_that_opens_something_is_told() {
    let token = |digit: &str, role: &str| format!("[[token]]\nsha256 = \"{}\"\nrole = \"{role}\"\n", digit.repeat(64));
    let set = |more: &str| {
        format!(
            "[[tools]]\nname = \"shop\"\n{more}[[tools.operation]]\nname = \"get\"\nurl = \"https://x.test/v1/{{id}}\"\n\
             input_schema = {{ type = \"object\", properties = {{ id = {{ type = \"string\" }} }}, required = [\"id\"] }}\n"
        )
    };
    let credential =
        |from: &str| format!("[[credential]]\nname = \"c\"\nfrom = \"{from}\"\nheader = \"authorization\"\n");
    let route =
        |path: &str, script: &str| format!("[[route]]\nhost = \"a.test\"\npath = \"{path}\"\nscript = \"{script}\"\n");
    let mcp = |url: &str| format!("[[tools]]\nname = \"shop\"\nmcp = \"{url}\"\n");
    let deny = rule("deny = \"https://x.test/v1/*/secrets\"");
    #[rustfmt::skip]
    let table: Vec<(String, String, bool, bool, &str)> = vec![
        (String::new(), token("a", "runner"), true, false, "of role runner is new"),
        (token("a", "runner"), token("a", "deployer"), true, false, "is deployer, was runner"),
        (token("a", "auditor"), token("a", "runner"), true, false, "is runner, was auditor"),
        (token("a", "admin"), token("a", "runner"), false, true, "is runner, was admin"),
        (token("a", "runner"), token("b", "runner"), true, true, "is new"),
        (String::new(), "[limits]\ncpu_ms = 20000\n".into(), false, true, "lowered from 30000 to 20000"),
        ("[limits]\ncpu_ms = 500\n".into(), "[limits]\ncpu_ms = 600\n".into(), true, false, "the highest cpu_ms is raised from 500 to 600"),
        ("[limits]\nruns_in_flight = 2\n".into(), "[limits]\nruns_in_flight = 3\n".into(), true, false, "runs_in_flight is raised"),
        (String::new(), "[[script]]\nname = \"s\"\npublic = true\n".into(), true, false, "everybody may call it"),
        (String::new(), route("/*", "s"), true, false, "the route a.test/* to script \"s\" is new"),
        (route("/v1", "s") + &route("/*", "all"), route("/*", "all"), true, true, "the route a.test/* to script \"all\" answers what"),
        (route("/v1", "s") + &route("/v2/*", "o"), route("/v2/*", "o"), false, true, "not there any more"),
        (credential("env:A"), credential("file:b"), true, false, "`from` of credential `c` is another"),
        (String::new(), set(""), true, false, "tools \"shop\" are new: shop.get"),
        (set(""), set("").replace("{id}", "x/{id}"), true, false, "send something else: shop.get"),
        (set(""), set("").replace("type = \"string\"", "type = \"number\""), true, false, "send something else: shop.get"),
        (credential("env:A") + &set(""), credential("env:A") + &set("credential = \"c\"\n"), true, false, "of tools \"shop\" (https://x.test/**) with credential `c`"),
        (set(""), set("private = true\n"), true, false, "on private addresses too"),
        (set("") + &deny, set(""), true, false, "of tools \"shop\" (https://x.test/**); before: denied by rule"),
        (set(""), set("") + &deny, false, true, "denied by rule"),
        (mcp("https://x.test/a"), mcp("https://x.test/b"), true, false, "MCP server https://x.test/b"),
        ("[[tools]]\nname = \"m\"\nmcp_command = [\"a\"]\n".into(), "[[tools]]\nname = \"m\"\nmcp_command = [\"a\"]\nenv = { B = \"1\" }\n".into(), true, false, "`env` of tools \"m\" is another"),
    ];
    for (old, new, gains, loses, words) in table {
        let found = between(&old, &new);
        let told = (!found.gained.is_empty(), !found.lost.is_empty());
        assert_eq!(told, (gains, loses), "{old}\n->\n{new}\n{found}");
        assert!(found.to_string().contains(words), "{words}: {found}");
        assert_eq!(between(&new, &new), Difference::default(), "{new}");
    }
}

#[test]
fn a_tenant_that_comes_or_goes_is_told_with_all_that_it_may() {
    let nobody = Settings { inline: vec![], ..settings("") };
    let found = diff(&nobody, &settings(&rules(&["allow = \"https://x.test/a\""]))).unwrap();
    let kinds: Vec<&str> = found.gained.iter().map(|change| change.kind).collect();
    assert_eq!((kinds, found.lost.len()), (vec!["file", "request"], 0), "{found}");
    let found = diff(&settings(&rules(&["allow = \"https://x.test/a\""])), &nobody).unwrap();
    assert_eq!((found.gained.len(), found.lost.len()), (0, 2), "{found}");
}

#[test]
fn what_would_take_too_long_to_compare_counts_as_gained() {
    let many: Vec<String> = (0..12).map(|n| format!("allow = \"https://x.test/**/a{n}/**/b{n}/**/c{n}/**\"")).collect();
    let lines: Vec<&str> = many.iter().map(String::as_str).collect();
    let began = std::time::Instant::now();
    let found = between(&rules(&lines), &rules(&lines[1..]));
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    assert_eq!(between(&rules(&lines), &rules(&lines)), Difference::default(), "the same needs no comparison");
    assert_eq!((found.gained.len(), found.gained[0].exact), (1, false), "{found}");
    assert!(found.to_string().contains("cannot be decided exactly; counts as gained"), "{found}");
}

#[test]
fn a_wrong_file_is_no_difference() {
    let mistakes = diff(&settings(""), &settings("[[rule]]\nname = \"r\"\nalow = \"x\"\n")).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.to_string().contains("alow")), "{mistakes:?}");
}

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn words(&mut self, of: &[&str], most: usize, between: &str) -> String {
        let count = self.below(most) + 1;
        (0..count).map(|_| self.one(of)).collect::<Vec<_>>().join(between)
    }

    fn rule(&mut self) -> String {
        let scheme = self.one(&["https", "https", "http"]);
        let host = match self.below(8) {
            0 => "**".to_owned(),
            1 => "1.2.3.4".to_owned(),
            2 => "localhost".to_owned(),
            _ => self.words(&["a", "b", "*", "**"], 2, ".") + ".test",
        };
        let path = match self.below(6) {
            0 => String::new(),
            _ => format!("/{}", self.words(&["a", "B", "%62", "a;b", "*", "**"], 4, "/")) + self.one(&["", "", "/"]),
        };
        let methods = self.one(&["", "", "methods = [\"GET\"]\n", "methods = [\"GET\", \"PUT\"]\n"]);
        let pattern = format!("{scheme}://{host}{path}");
        match self.below(3) {
            0 => format!("deny = \"{pattern}\"\n{methods}"),
            _ => {
                let whole = !host.contains('*');
                let private = if whole && self.below(3) == 0 { "private = true\n" } else { "" };
                let named = whole && (scheme == "https" || !private.is_empty()) && self.below(3) == 0;
                format!("allow = \"{pattern}\"\n{methods}{private}{}", if named { "credential = \"a\"\n" } else { "" })
            }
        }
    }

    fn url(&mut self) -> String {
        let host = match self.below(8) {
            0 => "1.2.3.4".to_owned(),
            1 => "localhost".to_owned(),
            _ => self.words(&["a", "b", "c"], 3, ".") + ".test",
        };
        let parts = ["a", "b", "B", "A", "a;b", "b;", ";", "c", "%2561", "a%2fb", "%41", ""];
        format!("{}://{host}/{}", self.one(&["https", "http"]), self.words(&parts, 5, "/"))
    }
}

fn allowed(settings: &Settings, method: &str, url: &str) -> bool {
    explain(settings, "t", method, url).unwrap().allowed
}

fn numbered(lines: &[String]) -> String {
    let rule = |(at, line): (usize, &String)| format!("[[rule]]\nname = \"{at}\"\n{line}\n");
    rules(&[]) + &lines.iter().enumerate().map(rule).collect::<String>()
}

#[test]
fn whatever_request_is_newly_allowed_something_was_gained_and_examples_are_true() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut newly, mut same, mut gains) = (0, 0, 0);
    for round in 0..400 {
        let old: Vec<String> = (0..dice.below(4) + 1).map(|_| dice.rule()).collect();
        let mut new = old.clone();
        match dice.below(4) {
            0 => new.push(dice.rule()),
            1 => drop(new.remove(dice.below(old.len()))),
            2 => new[dice.below(old.len())] = dice.rule(),
            _ => new.reverse(),
        }
        let (before, after) = (settings(&numbered(&old)), settings(&numbered(&new)));
        let found = diff(&before, &after).unwrap_or_else(|mistakes| panic!("{old:?} {new:?} {mistakes:?}"));
        gains += usize::from(!found.gained.is_empty());
        let (gained, lost): (Vec<_>, Vec<_>) = (
            found.gained.iter().filter(|change| change.kind == "request").collect(),
            found.lost.iter().filter(|change| change.kind == "request").collect(),
        );
        for _ in 0..60 {
            let (method, url) = (dice.one(&["GET", "PUT", "DELETE"]), dice.url());
            match (allowed(&before, method, &url), allowed(&after, method, &url)) {
                (false, true) => {
                    newly += 1;
                    assert!(!gained.is_empty(), "round {round}: {method} {url}\n{old:#?}\n{new:#?}\n{found}");
                }
                (true, false) => {
                    assert!(!lost.is_empty(), "round {round}: {method} {url}\n{old:#?}\n{new:#?}\n{found}");
                }
                _ => same += 1,
            }
        }
        for change in gained {
            let (method, url) = change.example.split_once(' ').expect("method and URL");
            assert!(change.exact && allowed(&after, method, url) && !allowed(&before, method, url), "{change:?}");
        }
    }
    // The dice have thrown what this is about.
    assert!(newly > 100 && same > 5_000 && (50..350).contains(&gains), "{newly} {same} {gains}");
}
