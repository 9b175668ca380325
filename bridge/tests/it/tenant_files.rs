//! In: tenant files with mistakes. Out: every mistake, with file, line and what to do.
//! May touch: temporary folders.
//! Security boundary: no; holds the tests of tenants and fields.

use crate::harness::Setup;
use mayfly_bridge::check_tenants;

fn mistakes(text: &str) -> Vec<String> {
    let setup = Setup::new();
    setup.write("acme", text);
    let folder = setup.settings.tenants.as_ref().unwrap().display().to_string();
    check_tenants(&setup.settings).iter().map(|mistake| mistake.to_string().replace(&folder, "")).collect()
}

/// A file with these lines after its first.
fn one(lines: &str) -> String {
    let found = mistakes(&format!("tenant = \"acme\"\n{lines}"));
    assert_eq!(found.len(), 1, "{lines}: {found:?}");
    found[0].clone()
}

fn rule(lines: &str) -> String {
    one(&format!("[[rule]]\nname = \"r\"\n{lines}\n"))
}

#[test]
fn a_whole_file_without_mistakes_loads() {
    let text = r#"
tenant = "acme"
[[token]]
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
role = "auditor"
[[credential]]
name = "path"
from = "env:PATH"
header = "X-Api-Key"
[[rule]]
name = "read repositories"
allow = "https://api.example.com/repos/**"
methods = ["GET"]
credential = "path"
private = false
[[rule]]
name = "never secrets"
deny = "https://api.example.com/repos/*/*/actions/secrets/**"
[[rule]]
name = "every public host"
allow = "http://**"
[[script]]
name = "hello"
public = true
[[route]]
host = "api.example.com"
path = "/v1/*"
script = "hello"
[[route]]
host = "api.example.com"
path = "/v1"
script = "hello"
[[route]]
host = "localhost"
script = "not-public"
[limits]
memory_mib = 64
runs_in_flight = 64
runs_per_minute = 6000
"#;
    assert_eq!(mistakes(text), Vec::<String>::new());
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_lines() {
    let found = mistakes(
        "tenant = \"acme\"\ncolor = 1\n[[token]]\nrole = \"king\"\n[[rule]]\nname = 7\n[limits]\nmemroy_mib = 1\n",
    );
    assert_eq!(
        found,
        [
            "/acme.toml:2: unknown key `color`\n  hint: known here: tenant, token, approvals, credential, rule, tools, script, route, limits",
            "/acme.toml:3: this [[token]] has no `sha256`",
            "/acme.toml:4: unknown role `king`\n  hint: roles: runner, deployer, auditor, admin",
            "/acme.toml:5: this [[rule]] has neither `allow` nor `deny`",
            "/acme.toml:6: `name` is a string, not integer",
            "/acme.toml:8: unknown key `memroy_mib`\n  hint: did you mean `memory_mib`?",
        ]
    );
}

#[test]
fn each_mistake_says_where_and_what_to_do() {
    #[rustfmt::skip]
    let table = [
        (mistakes("x").remove(0), "/acme.toml:1: "),
        (mistakes("").remove(0), "/acme.toml:1: the file has no `tenant`"),
        (mistakes("tenant = \"a/b\"").remove(0), "`a/b` is no tenant name"),
        (one("[[token]]\nsha256 = \"mf_abc\"\n"), ":3: `sha256` is not 64 hexadecimal digits\n  hint: `mayfly token new`"),
        (one("[[tools]]\nname = \"github\"\nopenapi = \"x\"\n"), "x cannot be read: entity not found"),
        (one("[token]\n"), ":2: `token` is not a list of tables\n  hint: write [[token]]"),
        (rule("allow = \"https://x.test/**\"\ndeny = \"https://x.test/**\""), ":5: this [[rule]] has both `allow` and `deny`"),
        (rule("allow = \"https://x.test/**\"\nalow = \"\""), ":5: unknown key `alow`\n  hint: did you mean `allow`?"),
        (rule("allow = \"https://x.test/**\"\ncredential = \"gihub\""), ":5: there is no credential `gihub`"),
        (rule("allow = \"https://x.test/**\"\nmethods = [\"get\"]"), ":5: `get` is no method\n  hint: did you mean `GET`?"),
        (rule("allow = \"https://x.test/**\"\nmethods = [\"CONNECT\"]"), "the method CONNECT is never sent"),
        (rule("allow = \"https://x.test/**\"\nmethods = []"), "`methods` is empty"),
        (rule("allow = \"https://x.test/**\"\nmethods = \"GET\""), "`methods` is a list of strings, not string"),
        (rule("allow = \"https://x.test/**\"\nprivate = \"yes\""), "`private` is true or false, not string"),
        (rule("allow = \"http://**\"\nprivate = true"), "`private = true` needs a rule that names its host"),
        (rule("allow = \"http://*.corp.test/**\"\nprivate = true"), "`private = true` needs a rule that names its host"),
        (rule("deny = \"https://x.test/**\"\nprivate = true"), "a deny rule has no `credential` and no `private`"),
        (rule("allow = \"x.test/**\""), ":4: `x.test/**`: no scheme\n  hint: scheme, host, port and path"),
        (rule("allow = \"ftp://x.test/**\""), "neither http nor https"),
        (rule("allow = \"HTTPS://x.test/**\""), "neither http nor https"),
        (rule("allow = \"https:///x\""), "a host is needed"),
        (rule("allow = \"https://u@x.test/\""), "a host is needed, without user and password"),
        (rule("allow = \"https://x.test/?a\""), "a query or fragment takes no part"),
        (rule("allow = \"https://api-*.x.test/\""), "a `*` stands for a whole label"),
        (rule("allow = \"https://x.test/repo-*\""), "a `*` stands for a whole segment"),
        (rule("allow = \"https://x.test/a/../b\""), "the path can be read in two ways"),
        (rule("allow = \"https://x.test/a//b\""), "the path can be read in two ways"),
        (rule("allow = \"https://x.test/a%2fb\""), "the path can be read in two ways"),
        (rule("allow = \"https://x.test:99999/\""), "invalid port"),
        (rule("allow = \"https://[::1/\""), "invalid IPv6"),
        (one("[limits]\nmemory_mib = 4096\n"), ":3: memory_mib = 4096 is above the limit 128\n  hint: a tenant may only lower"),
        (one("[limits]\nmemory_mib = 1\n"), "memory_mib = 1 is below the minimum 8"),
        (one("[limits]\ncpu_ms = -1\n"), "`cpu_ms` is a whole number, not integer"),
        (one("[limits]\nruns_in_flight = 9999999999\n"), "runs_in_flight = 9999999999 is too large"),
        (one("[limits]\ntimers = 99999999999\n"), "timers = 99999999999 is too large"),
    ];
    for (got, expected) in table {
        assert!(got.contains(expected), "{got}\n  does not contain\n{expected}");
    }
}

#[test]
fn a_mistake_in_a_credential_names_its_source_and_never_its_value() {
    let credential = |from: &str, more: &str| one(&format!("[[credential]]\nname = \"k\"\nfrom = \"{from}\"\n{more}"));
    let header = "header = \"authorization\"\n";
    #[rustfmt::skip]
    let table = [
        (credential("env:MAYFLY_TEST_NOT_SET", header), ":4: environment variable MAYFLY_TEST_NOT_SET is not set\n  hint: set it for"),
        (credential("file:missing", header), "/missing cannot be read: entity not found"),
        (credential("vault:x", header), "the vault has no secret `x`"),
        (credential("openbao:x", header), "`openbao:` credentials are not in this version\n  hint: write env:NAME, file:PATH, vault:NAME, or run where each run brings its own"),
        (credential("sk-live-oops", header), ":4: `from` names no source of a credential\n  hint: write env:NAME, file:PATH, vault:NAME, or run where each run brings its own"),
        (credential("env:PATH", ""), ":2: this [[credential]] has no `header`\n  hint: most services take `authorization`"),
        (credential("env:PATH", "header = \"a b\"\n"), "`a b` cannot carry a credential"),
        (credential("env:PATH", "header = \"host\"\n"), "`host` cannot carry a credential"),
        (credential("env:PATH", "header = \"x\"\nformat = \"Bearer\"\n"), "`format` needs one `{}`"),
        (credential("env:PATH", "header = \"x\"\nformat = \"{}{}\"\n"), "`format` needs one `{}`"),
        (credential("env:PATH", "header = \"x\"\nfromat = \"{}\"\n"), "did you mean `format`?"),
    ];
    for (got, expected) in table {
        assert!(got.contains(expected), "{got}\n  does not contain\n{expected}");
    }
    assert!(!credential("sk-live-oops", header).contains("oops"), "it may be the value itself");
    let setup = Setup::new();
    setup.secret("key", "two\nlines-of-secret");
    setup.secret("empty", "\n");
    let file = |name: &str| format!("[[credential]]\nname = \"{name}\"\nfrom = \"file:{name}\"\nheader = \"x\"\n");
    setup.write("acme", &format!("tenant = \"acme\"\n{}{}", file("key"), file("empty")));
    let found: Vec<String> = check_tenants(&setup.settings).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("the value of credential `key` has characters that no header can carry"), "{found:?}");
    assert!(found[1].contains("empty is empty"), "{found:?}");
    assert!(!found[0].contains("lines-of-secret"));
}

#[test]
fn a_credential_goes_only_where_the_rule_names_the_owner_and_not_in_clear() {
    let with = |rule: &str| {
        let credential = "[[credential]]\nname = \"k\"\nfrom = \"env:PATH\"\nheader = \"x\"\n";
        mistakes(&format!("tenant = \"acme\"\n{credential}[[rule]]\nname = \"r\"\ncredential = \"k\"\n{rule}\n"))
    };
    assert_eq!(with("allow = \"https://*.example.com/**\""), Vec::<String>::new());
    assert_eq!(with("allow = \"http://x.test/**\"\nprivate = true"), Vec::<String>::new());
    for pattern in ["https://**", "https://**.com/**", "https://*/**", "https://*.*.com/**"] {
        let found = with(&format!("allow = \"{pattern}\""));
        assert!(
            found.len() == 1 && found[0].contains("a credential needs a rule that names its host"),
            "{pattern}: {found:?}"
        );
    }
    assert!(with("allow = \"http://x.test/**\"")[0].contains("over plain http"));
    assert!(with("deny = \"https://x.test/**\"")[0].contains("a deny rule has no `credential`"));
}

#[test]
fn two_of_a_kind_are_mistakes() {
    let rules = "[[rule]]\nname = \"r\"\nallow = \"https://x.test\"\n".repeat(2);
    assert!(one(&rules).contains(":6: there is another rule \"r\""));
    let credentials = "[[credential]]\nname = \"k\"\nfrom = \"env:PATH\"\nheader = \"x\"\n".repeat(2);
    assert!(one(&credentials).contains(":7: there is another credential `k`"));
    let setup = Setup::new();
    let token = format!("[[token]]\nsha256 = \"{}\"\n", "a".repeat(64));
    setup.write("one", &format!("tenant = \"acme\"\n{token}"));
    setup.write("two", &format!("tenant = \"acme\"\n{token}"));
    setup.write("zzz", &format!("tenant = \"other\"\n{token}"));
    let found: Vec<String> = check_tenants(&setup.settings).iter().map(ToString::to_string).collect();
    assert!(found[0].contains("two.toml: another file has the tenant \"acme\" already"), "{found:?}");
    assert!(found[1].contains("zzz.toml: a token of tenant \"other\" is listed already"), "{found:?}");
}

#[test]
fn a_missing_folder_and_a_missing_tenant_are_mistakes() {
    let mut setup = Setup::new();
    let (_, sha256) = mayfly_bridge::new_token();
    setup.settings.tokens.push(mayfly_bridge::ExtraToken {
        tenant: "nobody".into(),
        sha256,
        role: mayfly_bridge::Role::Runner,
    });
    assert!(check_tenants(&setup.settings)[0].what.contains("there is no tenant \"nobody\""));
    setup.settings.tokens.clear();
    setup.settings.tenants = Some(setup.folder.path().join("nowhere"));
    let found = check_tenants(&setup.settings);
    assert!(found.len() == 1 && found[0].what.contains("cannot be read"), "{found:?}");
}

#[test]
fn a_mistake_about_scripts_and_routes_says_where_and_what_to_do() {
    let script = |lines: &str| one(&format!("[[script]]\n{lines}\n"));
    let route = |lines: &str| one(&format!("[[route]]\nscript = \"a\"\n{lines}\n"));
    let path = |path: &str| route(&format!("host = \"h.test\"\npath = \"{path}\""));
    #[rustfmt::skip]
    let table = [
        (script("public = true"), ":2: this [[script]] has no `name`"),
        (script("name = \"A_b\""), ":3: `A_b` is no name of a script\n  hint: use 1 to 63 of a-z"),
        (script("name = \"a\"\npublic = \"yes\""), ":4: `public` is true or false, not string"),
        (script("name = \"a\"\npubic = true"), ":4: unknown key `pubic`\n  hint: did you mean `public`?"),
        (script("name = \"a\"\n[[script]]\nname = \"a\""), ":5: there is another [[script]] \"a\""),
        (one("[script]\n"), ":2: `script` is not a list of tables\n  hint: write [[script]]"),
        (route("path = \"/\""), ":2: this [[route]] has no `host`"),
        (one("[[route]]\nhost = \"h.test\"\n"), ":2: this [[route]] has no `script`"),
        (route("host = \"https://h.test\""), ":4: `https://h.test` is no host\n  hint: one name in full"),
        (route("host = \"*.h.test\""), "`*.h.test` is no host"),
        (route("host = \"h.test:80\""), "`h.test:80` is no host"),
        (route("host = \"h.test/x\""), "`h.test/x` is no host"),
        (route("host = \"\""), "`` is no host"),
        (route("host = \"h.test\"\nscirpt = \"a\""), "unknown key `scirpt`\n  hint: did you mean `script`?"),
        (path("v1"), ":5: `v1`: a path begins with `/`\n  hint: write `/v1/*`, or leave `path` out"),
        (path("/v*"), "`/v*`: a `*` stands at the end"),
        (path("/*/v1"), "`/*/v1`: a `*` stands at the end"),
        (path("/a?b"), "`/a?b`: this is no path"),
        (path("/a/../b"), "the path can be read in two ways"),
        (path("/a//b"), "the path can be read in two ways"),
        (path("/a%2fb"), "the path can be read in two ways"),
        (route("host = \"127.0.0.1\"\npath = \"/v1/*\""), ":2: `path`: \"/v1/*\" is the server's own on its host \"127.0.0.1\"\n  hint: choose another"),
        (route("host = \"localhost\"\npath = \"/healthz\""), "`path`: \"/healthz\" is the server's own"),
        (route("host = \"h.test\"\n[[route]]\nhost = \"H.test.\"\npath = \"/*\"\nscript = \"b\""), ":5: the [[route]] of line 2 has host \"h.test\" and path \"/*\" already"),
    ];
    for (got, expected) in table {
        assert!(got.contains(expected), "{got}\n  does not contain\n{expected}");
    }
}

#[test]
fn a_route_belongs_to_one_tenant_and_the_first_file_keeps_it() {
    let setup = Setup::new();
    let route = |host: &str, path: &str| format!("[[route]]\nhost = \"{host}\"\npath = \"{path}\"\nscript = \"a\"\n");
    setup.write("one", &format!("tenant = \"one\"\n{}{}", route("h.test", "/a/*"), route("h.test", "/b")));
    setup.write("two", &format!("tenant = \"two\"\n{}{}", route("h.test", "/b/*"), route("H.TEST", "/a/**")));
    let found: Vec<String> = check_tenants(&setup.settings).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("two.toml:6: `host` and `path`: ") && found[0].contains("one.toml:2 has a [[route]] for"),
        "{found:?}"
    );
}

fn tools(lines: &str) -> String {
    one(&format!("[[tools]]\nname = \"t\"\n{lines}\n"))
}

#[test]
fn a_set_of_tools_is_one_server_or_one_description() {
    let told = |lines: &str, what: &str| {
        let found = tools(lines);
        assert!(found.contains(what) && found.contains("/acme.toml:"), "{lines}: {found}");
    };
    told("mcp = \"https://host/mcp\"\nmcp_command = [\"x\"]", "both `mcp` and `mcp_command`");
    told("mcp = \"https://host/mcp\"\nopenapi = \"a.json\"", "is an MCP server and has `openapi` too");
    told("mcp = \"host/mcp\"", "`mcp` is no URL that can be called");
    told("mcp = \"ftp://host/mcp\"", "only http and https");
    told("mcp = \"https://user@host/mcp\"", "must not carry a user name");
    told("mcp = \"https://host/*/mcp\"", "can be read in two ways");
    told("mcp = \"https://host/a%2fmcp\"", "can be read in two ways");
    told("mcp = \"https://host/mcp\"\nenv = { A = \"b\" }", "a server at a URL has no environment");
    told("mcp = 3", "`mcp` is a string");
    told("mcp_command = \"npx x\"", "`mcp_command` is a list of strings");
    told("mcp_command = []", "`mcp_command` names no program");
    told("mcp_command = [\"x\"]\nprivate = true", "`private` has no meaning for `mcp_command`");
    told("mcp_command = [\"x\"]\nenv = \"A=b\"", "`env` is a table");
    told("mcp_command = [\"x\"]\nenv = { A = 3 }", "`A` is a string");
    told("mcp_command = [\"x\"]\nenv = { \"A=B\" = \"c\" }", "is no variable that a command can be given");
    told("mcp_command = [\"x\"]\nenv = { A = \"env:MAYFLY_TEST_UNSET\" }", "MAYFLY_TEST_UNSET is not set");
    told("mcp_command = [\"x\"]\nenv = { A = \"vault:a\" }", "the vault has no secret `a`");
    told("mcp = \"https://host/mcp\"\napprove = \"a\"", "`approve` is a list of strings");
}

#[test]
fn a_credential_goes_to_a_server_over_https_only() {
    let credential = "[[credential]]\nname = \"c\"\nfrom = \"env:PATH\"\nheader = \"authorization\"\n";
    let told =
        one(&format!("{credential}[[tools]]\nname = \"t\"\nmcp = \"http://host.test/mcp\"\ncredential = \"c\"\n"));
    assert!(told.contains("over plain http"), "{told}");
}

#[test]
fn children_are_counted() {
    let many: String = (0..17).map(|n| format!("[[tools]]\nname = \"t{n}\"\nmcp_command = [\"x\"]\n")).collect();
    let told = one(&many);
    assert!(told.contains("more than 64 MCP servers, or 16 of them commands"), "{told}");
    let same =
        one("[[tools]]\nname = \"t\"\nmcp_command = [\"x\"]\n[[tools]]\nname = \"t\"\nmcp = \"https://host/mcp\"\n");
    assert!(same.contains("two sources of tools are called `t`"), "{same}");
}
