//! What somebody sees who asks a stored script over HTTP, and what the script sees of it.

use crate::harness::server::{Server, mayfly};
use crate::harness::tenants::{Tokens, tenant, two_tenant_files, two_tenants};
use crate::harness::upstream::{Upstream, respond};
use mayfly::limits::REQUEST_STREAM_BYTES_MAX;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Tells what it was asked.
const ECHO: &str = "export default { async fetch(request) {
    const body = await request.text();
    const told = { method: request.method, url: request.url, headers: Object.fromEntries(request.headers), body };
    return new Response(JSON.stringify(told), { status: 201, headers: { 'x-answer': 'yes', 'content-type': 'application/json' } });
} }";

const PUBLIC: &str = "[[script]]\nname = \"hello\"\npublic = true\n";

fn says(text: &str) -> String {
    format!("export default {{ fetch: () => new Response({text:?}) }}")
}

/// A server with a public script `hello` of tenant `acme`.
fn public(code: &str) -> (Server, Tokens) {
    let (server, acme, _) = two_tenants("", PUBLIC);
    server.deploy(&acme, "hello", code);
    (server, acme)
}

#[test]
fn a_script_answers_http() {
    let (server, _) = public(ECHO);
    let response = server.request(
        "POST",
        "/run/acme/hello/items/7?q=a%20b&q=",
        "x-mine: é\r\nx-request-id: mine-1\r\n",
        "the body",
    );
    assert_eq!((response.status, response.header("x-answer")), (201, Some("yes")), "{}", response.text);
    assert_eq!(
        (response.header("content-type"), response.header("x-request-id")),
        (Some("application/json"), Some("mine-1"))
    );
    assert!(response.header("x-mayfly-run").is_some_and(|run| run.starts_with("run_01")), "{}", response.head);
    let told = response.json();
    assert_eq!((&told["method"], &told["body"]), (&json!("POST"), &json!("the body")));
    assert_eq!(told["url"], "http://mayfly/items/7?q=a%20b&q=");
    let headers = &told["headers"];
    assert_eq!((&headers["host"], &headers["x-request-id"]), (&json!("mayfly"), &json!("mine-1")));
    assert_eq!((&headers["x-forwarded-prefix"], &headers["x-mine"]), (&json!("/run/acme/hello"), &json!("Ã©")));
}

#[test]
fn what_belongs_to_a_connection_ends_there() {
    let (server, _) = public(
        "export default { fetch: (request) => new Response([...request.headers.keys()].join(), { headers: {
            connection: 'x-private', 'x-private': '1', 'keep-alive': 'timeout=9', 'transfer-encoding': 'gzip', te: 'x',
            'content-length': '3', 'proxy-authenticate': 'Basic', 'x-mayfly-run': 'run_forged', 'x-request-id': 'forged',
            'service-worker-allowed': '/', 'strict-transport-security': 'max-age=1', 'x-kept': '1' } }) }",
    );
    let headers = "te: trailers\r\nkeep-alive: 1\r\nproxy-authorization: Basic eA==\r\nupgrade: h2c\r\nx-hop: 1\r\n\
                   x-forwarded-prefix: /forged\r\nexpect: 100-continue\r\nx-kept: 1\r\n";
    let text = format!("GET /run/acme/hello/ HTTP/1.1\r\nhost: mayfly\r\nconnection: close, x-hop\r\n{headers}\r\n");
    let response = server.send(text.as_bytes());
    let mut names: Vec<&str> = response.text.split(',').collect();
    names.sort();
    assert_eq!(names, ["host", "x-forwarded-prefix", "x-kept", "x-request-id"], "{}", response.head);
    for name in
        ["x-private", "keep-alive", "te", "proxy-authenticate", "service-worker-allowed", "strict-transport-security"]
    {
        assert_eq!(response.header(name), None, "{}", response.head);
    }
    assert_eq!((response.header("connection"), response.header("x-kept")), (Some("close"), Some("1")));
    assert_eq!(response.header("content-length"), Some(response.text.len().to_string().as_str()));
    assert!(!response.head.contains("forged"), "{}", response.head);
}

#[test]
fn a_private_script_is_run_for_its_own_tenants_tokens_alone() {
    let (server, acme, evil) = two_tenants("", PUBLIC);
    server.deploy(&acme, "secret", ECHO);
    server.deploy(&acme, "hello", ECHO);
    let ask = |token: &str, path: &str| server.as_(token, "GET", path, "", "");
    for path in [
        "/run/acme/secret/",
        "/run/acme/nothing/",
        "/run/nobody/secret/",
        "/run/acme/SECRET/",
        "/run/%2e/x/",
        "/run/acme/secret%2f/",
    ] {
        assert_eq!(
            server.request("GET", path, "", "").kind(),
            if path.contains("%2e") { (400, "bad_request".into()) } else { (401, "unauthorized".into()) },
            "{path}"
        );
        let statuses = [ask("mf_wrong", path), ask(evil.of("admin"), path)].map(|response| response.problem());
        if !path.contains("%2e") {
            assert_eq!((statuses[0].0, statuses[1].0), (401, 404), "{path}");
        }
    }
    // What is told about a script of another tenant is what is told where there is none.
    let told = |path: &str| ask(evil.of("admin"), path).problem().2.replace("nothing", "secret");
    assert_eq!(told("/run/acme/secret/"), told("/run/acme/nothing/"));
    for role in ["runner", "deployer", "admin"] {
        let response = ask(acme.of(role), "/run/acme/secret/x");
        assert_eq!(response.status, 201, "{role}: {}", response.text);
        assert_eq!(response.json()["headers"].get("authorization"), None, "the token is the server's");
    }
    assert_eq!(ask(acme.of("auditor"), "/run/acme/secret/").kind(), (403, "forbidden".into()));
    assert_eq!(ask(acme.of("runner"), "/run/acme/nothing/").kind(), (404, "not_found".into()));
    // Of a public one it is the script's own, whatever it is.
    let theirs = server.request("GET", "/run/acme/hello/", "authorization: Basic abc\r\n", "");
    assert_eq!(theirs.json()["headers"]["authorization"], "Basic abc", "{}", theirs.text);
}

#[test]
fn names_in_a_path_are_taken_as_they_are_or_not_at_all() {
    let (server, acme) = public(ECHO);
    server.deploy(&acme, "secret", &says("secret"));
    for path in [
        "/run/acme/hello/../secret/",
        "/run/acme/hello/%2e%2E/secret/",
        "/run/acme/./hello/",
        "/run/acme/hello/a\\..\\b",
    ] {
        let (status, _, detail) = server.request("GET", path, "", "").problem();
        assert!(status == 400 && detail.contains("two ways"), "{path}: {status} {detail}");
    }
    let long = "x".repeat(10_000);
    for path in [
        "/run/acme/hello%20/",
        "/run/ACME/hello/",
        "/run/acme//hello/",
        &format!("/run/acme/{long}/"),
        &format!("/run/{long}/hello/"),
    ] {
        assert_eq!(server.request("GET", path, "", "").kind(), (401, "unauthorized".into()), "{path}");
        assert_eq!(server.as_(acme.of("admin"), "GET", path, "", "").kind(), (404, "not_found".into()), "{path}");
    }
    for path in ["/run", "/run/", "/run/acme", "/runs/acme/hello"] {
        assert_eq!(server.request("GET", path, "", "").kind(), (404, "not_found".into()), "{path}");
    }
    // Behind its name everything is the script's.
    for (path, seen) in [
        ("/run/acme/hello", "/"),
        ("/run/acme/hello/", "/"),
        ("/run/acme/hello//a//b", "//a//b"),
        ("/run/acme/hello/a%2Fb%2f..%2F", "/a%2Fb%2f..%2F"),
        ("/run/acme/hello/v1/runs", "/v1/runs"),
    ] {
        let told = server.request("GET", path, "", "");
        assert_eq!(told.json()["url"], format!("http://mayfly{seen}"), "{path}");
    }
    assert_eq!(
        server.request("GET", &format!("/run/acme/hello/{}", "y".repeat(20_000)), "", "").kind(),
        (400, "bad_request".into())
    );
}

#[test]
fn every_method_reaches_the_script_but_those_that_no_script_can_be_asked_with() {
    let (server, _) = public(ECHO);
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND"] {
        assert_eq!(server.request(method, "/run/acme/hello/", "", "").json()["method"], method);
    }
    for method in ["TRACE", "TRACK", "CONNECT"] {
        let response = server.request(method, "/run/acme/hello/", "", "");
        assert!([400, 405].contains(&response.status), "{method}: {}", response.status);
    }
    let head = server.request("HEAD", "/run/acme/hello/", "", "");
    assert_eq!((head.status, head.text.as_str(), head.header("x-answer")), (201, "", Some("yes")));
    assert!(head.header("content-length").is_some_and(|length| length != "0"), "{}", head.head);
    // A GET has no body for a script, whatever comes with it.
    assert_eq!(server.request("GET", "/run/acme/hello/", "", "something").json()["body"], "");
}

#[test]
fn routes_give_scripts_hosts_of_their_own() {
    let routes = "[[script]]\nname = \"site\"\npublic = true\n[[script]]\nname = \"api\"\npublic = true\n\
        [[route]]\nhost = \"www.test\"\nscript = \"site\"\n\
        [[route]]\nhost = \"www.test\"\npath = \"/v1/*\"\nscript = \"api\"\n\
        [[route]]\nhost = \"www.test\"\npath = \"/v1/admin/*\"\nscript = \"admin\"\n\
        [[route]]\nhost = \"only.test\"\npath = \"/exact\"\nscript = \"site\"\n";
    let (server, acme, evil) = two_tenants("", routes);
    let tell = |name: &str| {
        format!(
            "export default {{ fetch: (request) => new Response('{name} ' + request.url + ' ' + request.headers.get('x-forwarded-prefix')) }}"
        )
    };
    for name in ["site", "api", "admin"] {
        server.deploy(&acme, name, &tell(name));
    }
    let ask = |host: &str, path: &str, headers: &str| {
        server.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n").as_bytes())
    };
    for (host, path, said) in [
        ("www.test", "/", "site http://www.test/ null"),
        ("WWW.test.:8787", "/a/../b", ""),
        ("www.test:8787", "/a?b", "site http://www.test:8787/a?b null"),
        ("WWW.TEST.", "/x", "site http://www.test./x null"),
        ("www.test", "/v1", "api http://www.test/v1 null"),
        ("www.test", "/v1/runs", "api http://www.test/v1/runs null"),
        ("www.test", "/v10", "site http://www.test/v10 null"),
        ("www.test", "/healthz", "site http://www.test/healthz null"),
        ("www.test", "/run/acme/api/x", "site http://www.test/run/acme/api/x null"),
        ("only.test", "/exact", "site http://only.test/exact null"),
    ] {
        let response = ask(host, path, "x-forwarded-prefix: /forged\r\n");
        match said {
            "" => assert_eq!(response.kind(), (400, "bad_request".into()), "{host} {path}"),
            said => assert_eq!((response.status, response.text.as_str()), (200, said), "{host} {path}"),
        }
    }
    // The longest route decides also where it is private; and nobody comes around it.
    for path in ["/v1/admin", "/v1/admin/x", "/v1/%61dmin/x"] {
        assert_eq!(ask("www.test", path, "").kind(), (401, "unauthorized".into()), "{path}");
        let with = |token: &str| ask("www.test", path, &format!("authorization: Bearer {token}\r\n"));
        assert_eq!(with(evil.of("admin")).status, 404, "{path}");
        assert!(with(acme.of("runner")).text.starts_with("admin "), "{path}");
    }
    // A host of routes has nothing of the server; another one has nothing of routes.
    for path in ["/", "/exact/", "/v1/runs", "/healthz"] {
        assert_eq!(ask("only.test", path, "").kind(), (404, "not_found".into()), "{path}");
    }
    assert_eq!(ask("other.test", "/", "").kind(), (404, "not_found".into()));
    assert_eq!(ask("other.test", "/healthz", "").json(), json!({ "status": "ok" }));
    // The request line's host counts, and there is one.
    let absolute = server.send(b"GET http://www.test/z HTTP/1.1\r\nhost: other.test\r\nconnection: close\r\n\r\n");
    assert_eq!(absolute.text, "site http://www.test/z null");
    let twice = server.send(b"GET / HTTP/1.1\r\nhost: www.test\r\nhost: other.test\r\nconnection: close\r\n\r\n");
    assert_eq!(twice.status, 400);
    for host in ["user@www.test", "www.test/x", "a b", "www.test:port"] {
        assert_eq!(ask(host, "/", "").status, 400, "{host}");
    }
    assert!(ask("www.test", "/", "x-forwarded-proto: https\r\n").text.contains("https://www.test/"));
}

#[test]
fn on_the_servers_own_hosts_its_own_paths_win() {
    let routes = "[[script]]\nname = \"site\"\npublic = true\n\
        [[route]]\nhost = \"localhost\"\nscript = \"site\"\n[[route]]\nhost = \"main.test\"\npath = \"/*\"\nscript = \"site\"\n";
    let (server, acme, _) = two_tenants("host = \"main.test\"\n", routes);
    server.deploy(&acme, "site", &says("the site"));
    for host in ["localhost", "localhost:8787", "MAIN.test"] {
        let ask = |method: &str, path: &str, headers: &str| {
            server.send(
                format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n").as_bytes(),
            )
        };
        assert_eq!(ask("GET", "/anything", "").text, "the site", "{host}");
        assert_eq!(ask("GET", "/v10", "").text, "the site", "{host}");
        assert_eq!(ask("GET", "/healthz", "").json(), json!({ "status": "ok" }), "{host}");
        assert_eq!(ask("POST", "/v1/runs", "content-length: 0\r\n").kind(), (401, "unauthorized".into()), "{host}");
        assert_eq!(ask("GET", "/v1/unknown", "").kind(), (404, "not_found".into()), "{host}");
        for path in ["/metrics", "/openapi.json"] {
            let response = ask("GET", path, "");
            assert!(response.status == 200 && response.text.contains("mayfly"), "{host} {path}: {}", response.text);
        }
        assert_eq!(ask("GET", "/mcp", "").status, 405, "{host}");
        assert_eq!(ask("GET", "/run/acme/site/", "").text, "the site", "{host}");
    }
}

#[test]
fn a_route_is_there_within_seconds_of_its_file() {
    let (server, acme, _) = two_tenants("", PUBLIC);
    server.deploy(&acme, "hello", &says("hello"));
    let ask = || server.send(b"GET / HTTP/1.1\r\nhost: new.test\r\nconnection: close\r\n\r\n");
    assert_eq!(ask().status, 404);
    tenant(server.folder.path(), "acme", &format!("{PUBLIC}[[route]]\nhost = \"new.test\"\nscript = \"hello\"\n"));
    let began = Instant::now();
    while ask().text != "hello" {
        assert!(began.elapsed() < Duration::from_secs(6), "the route is not there");
        std::thread::sleep(Duration::from_millis(50));
    }
    // And gone with it, also for whoever asked a moment ago.
    tenant(server.folder.path(), "acme", "[[route]]\nhost = \"new.test\"\nscript = \"hello\"\n");
    let began = Instant::now();
    while ask().status != 401 {
        assert!(began.elapsed() < Duration::from_secs(6), "it is still public");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_deploy_holds_for_the_next_request() {
    let (server, acme) = public(&says("0"));
    for number in 1..=15 {
        let (text, before) = (number.to_string(), (number - 1).to_string());
        for _ in 0..3 {
            assert_eq!(server.request("GET", "/run/acme/hello/", "", "").text, before);
        }
        server.deploy(&acme, "hello", &says(&text));
        assert_eq!(server.request("POST", "/run/acme/hello/", "", "x").text, text);
    }
    let gone = server.as_(acme.of("deployer"), "DELETE", "/v1/scripts/hello", "", "");
    assert_eq!(gone.status, 204);
    assert_eq!(server.request("GET", "/run/acme/hello/", "", "").kind(), (404, "not_found".into()));
}

#[test]
fn a_version_that_is_current_no_more_reaches_nothing() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "ok"));
    let rules =
        format!("{PUBLIC}[[rule]]\nname = \"it\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let (server, acme, _) = two_tenants("", &rules);
    // It calls in its first turn: before anybody has said that it may run.
    let calls = |name: &str| {
        format!(
            "export default {{ async fetch() {{ await fetch('{}'); return new Response('{name}') }} }}",
            upstream.url(&format!("/{name}"))
        )
    };
    server.deploy(&acme, "hello", &calls("old"));
    for number in 1..=5 {
        let ask = || server.request("GET", "/run/acme/hello/", "", "");
        // Believed by every worker now.
        for _ in 0..8 {
            assert_eq!(ask().status, 200);
        }
        let name = format!("new-{number}");
        server.deploy(&acme, "hello", &calls(&name));
        let before = upstream.requests().len();
        for _ in 0..8 {
            assert_eq!(ask().text, name);
        }
        let after = upstream.requests().split_off(before);
        assert_eq!(after.len(), 8);
        assert!(after.iter().all(|request| request.starts_with(&format!("GET /{name} "))), "{after:?}");
    }
}

#[test]
fn of_a_failure_the_tenant_is_told_and_nobody_else() {
    let (server, acme, _) = two_tenants("", PUBLIC);
    let failing = "export default { fetch() {\n  throw new TypeError('the inner word') } }";
    for name in ["hello", "secret"] {
        server.deploy(&acme, name, failing);
    }
    let public = server.request("GET", "/run/acme/hello/", "", "");
    assert_eq!(public.problem(), (500, "internal".into(), "the script failed".into()));
    assert!(!public.text.contains("inner word") && public.json().get("error").is_none(), "{}", public.text);
    let run = public.header("x-mayfly-run").expect("the run's name").to_owned();
    assert!(
        run.starts_with("run_") && public.json()["run"].as_str().is_some_and(|named| named.eq_ignore_ascii_case(&run))
    );
    let private = server.as_(acme.of("runner"), "GET", "/run/acme/secret/", "", "");
    let (status, kind, detail) = private.problem();
    assert_eq!((status, kind.as_str(), detail.as_str()), (500, "internal", "TypeError: the inner word"));
    let error = &private.json()["error"];
    assert_eq!((&error["kind"], &error["line"]), (&json!("exception"), &json!(2)));
    assert!(private.header("x-mayfly-run").is_some());
    // A token does not make a public script tell more.
    let with_token = server.as_(acme.of("admin"), "GET", "/run/acme/hello/", "", "");
    assert!(!with_token.text.contains("inner word"), "{}", with_token.text);
}

#[test]
fn limits_end_a_triggered_run_as_any_other() {
    let (server, acme, _) = two_tenants("[defaults]\nwall_ms = 2000\ncpu_ms = 500\n", PUBLIC);
    server.deploy(
        &acme,
        "hello",
        "export default { async fetch(request) {
        if (request.url.endsWith('/wait')) await new Promise((done) => setTimeout(done, 60000));
        if (request.url.endsWith('/loop')) for (;;);
        if (request.url.endsWith('/memory')) { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)); }
        return new Response('ok');
    } }",
    );
    let ask = |path: &str| server.request("GET", &format!("/run/acme/hello/{path}"), "", "");
    let began = Instant::now();
    assert_eq!(ask("wait").kind(), (504, "internal".into()));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(ask("loop").kind(), (500, "internal".into()));
    assert_eq!(ask("memory").kind(), (500, "internal".into()));
    assert_eq!(ask("").text, "ok");
}

#[test]
fn what_answers_no_http_is_an_error_of_the_script() {
    let (server, acme, _) = two_tenants("", "");
    for code in [
        "export default () => 'a result'",
        "return { n: 1 }",
        "export default { fetch: () => 'no Response' }",
        "export default {}",
    ] {
        server.deploy(&acme, "odd", code);
        let response = server.as_(acme.of("runner"), "GET", "/run/acme/odd/", "", "");
        assert_eq!(response.kind(), (500, "internal".into()), "{code}: {}", response.text);
    }
    server.deploy(&acme, "odd", "export default { fetch: () => new Response(null, { status: 204 }) }");
    let response = server.as_(acme.of("runner"), "GET", "/run/acme/odd/", "", "");
    assert_eq!((response.status, response.text.as_str()), (204, ""));
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_before_it_comes() {
    let (server, acme, _) = two_tenants("", PUBLIC);
    let counts =
        "export default { async fetch(request) { return new Response(String((await request.text()).length)) } }";
    server.deploy(&acme, "hello", counts);
    assert_eq!(server.request("POST", "/run/acme/hello/", "", &"x".repeat(2_000_000)).text, "2000000");
    let bytes = REQUEST_STREAM_BYTES_MAX + 1;
    let head = format!(
        "POST /run/acme/hello/ HTTP/1.1\r\nhost: mayfly\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
    );
    assert_eq!(server.send(head.as_bytes()).kind(), (413, "too_large".into()));
}

#[test]
fn the_tenants_quota_holds_for_triggered_runs_too() {
    let (server, acme, _) = two_tenants("", &format!("{PUBLIC}[limits]\nruns_per_minute = 2\n"));
    server.deploy(&acme, "hello", &says("hello"));
    let statuses: Vec<u16> = (0..5).map(|_| server.request("GET", "/run/acme/hello/", "", "").status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    let refused = server.request("GET", "/run/acme/hello/", "", "");
    let (status, kind, detail) = refused.problem();
    assert!(status == 429 && kind == "quota" && detail.contains("runs_per_minute = 2"), "{detail}");
    assert!(refused.header("retry-after").is_some());
    // Who is at that limit can still deploy and bring back.
    server.deploy(&acme, "hello", &says("mended"));
    assert_eq!(server.as_(acme.of("runner"), "POST", "/v1/runs", "", "{\"script\": \"hello\"}").kind().0, 429);
}

#[test]
fn two_tenants_have_scripts_of_one_name() {
    let (folder, acme, _) = two_tenant_files("", PUBLIC);
    let evil = tenant(folder.path(), "evil", PUBLIC);
    let server = Server::start_by(mayfly(), folder);
    server.deploy(&acme, "hello", &says("of acme"));
    server.deploy(&evil, "hello", &says("of evil"));
    for _ in 0..5 {
        assert_eq!(server.request("GET", "/run/acme/hello/", "", "").text, "of acme");
        assert_eq!(server.request("GET", "/run/evil/hello/", "", "").text, "of evil");
    }
}

#[test]
fn two_tenants_cannot_have_one_route() {
    let route = "[[route]]\nhost = \"API.example.com\"\npath = \"/v1/*\"\nscript = \"hello\"\n";
    let (folder, _, _) = two_tenant_files("", route);
    tenant(folder.path(), "evil", &route.replace("API", "api").replace("/*", "/**"));
    let config = folder.path().join("mayfly.toml");
    let output = mayfly().args(["serve", "--config"]).arg(&config).output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("evil.toml:14: `host` and `path`: "), "{said}");
    assert!(said.contains("acme.toml:14 has a [[route]] for \"api.example.com\" and \"/v1/*\""), "{said}");
}

#[test]
fn a_bridge_that_dies_is_told_and_comes_back() {
    let (server, _) = public(&says("hello"));
    assert_eq!(server.request("GET", "/run/acme/hello/", "", "").text, "hello");
    let killed = std::process::Command::new("kill").args(["-9", &server.bridge_pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let mut seen = Vec::new();
    let back = (0..200).any(|_| {
        let response = server.request("GET", "/run/acme/hello/", "", "");
        seen.push(response.status);
        std::thread::sleep(Duration::from_millis(20));
        response.status == 200
    });
    assert!(back && seen.iter().all(|status| [200, 500, 503].contains(status)), "{seen:?}");
}

#[test]
fn a_triggered_script_has_its_tenants_rules_and_nothing_of_the_caller() {
    let upstream = Upstream::start(|_, stream| respond(stream, "200 OK", "", "from upstream"));
    let rules =
        format!("{PUBLIC}[[rule]]\nname = \"it\"\nallow = \"http://{}/**\"\nprivate = true\n", upstream.address);
    let (server, acme, evil) = two_tenants("", &rules);
    let code = format!("export default {{ async fetch() {{
        try {{ return new Response(await (await fetch('{}')).text()) }} catch (error) {{ return new Response(error.name, {{ status: 403 }}) }}
    }} }}", upstream.url("/x"));
    server.deploy(&acme, "hello", &code);
    server.deploy(&evil, "hello", &code);
    assert_eq!(server.request("GET", "/run/acme/hello/", "", "").text, "from upstream");
    let refused = server.as_(evil.of("runner"), "GET", "/run/evil/hello/", "", "");
    assert_eq!((refused.status, refused.text.as_str()), (403, "PolicyError"));
}

#[test]
fn health_is_told_without_a_bridge_and_on_hosts_that_nobody_knows() {
    let (folder, _, _) = two_tenant_files("[bridge]\nsocket = \"nowhere.sock\"\n", PUBLIC);
    let server = Server::start_by(mayfly(), folder);
    let ask = |host: &str, path: &str| {
        server.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes())
    };
    for host in ["127.0.0.1", "localhost", "any.test"] {
        assert_eq!(ask(host, "/healthz").json(), json!({ "status": "ok" }), "{host}");
        assert_eq!(ask(host, "/readyz").json()["status"], Value::from("unavailable"), "{host}");
    }
    assert_eq!(ask("any.test", "/").kind(), (503, "bridge_unavailable".into()));
    assert_eq!(ask("127.0.0.1", "/run/acme/hello/").kind(), (503, "bridge_unavailable".into()));
}

#[test]
fn the_example_tells_events_as_they_happen() {
    let (server, acme, _) = two_tenants("", PUBLIC);
    server.deploy(&acme, "hello", include_str!("../../../examples/events/events.ts"));
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /run/acme/hello/?steps=4 HTTP/1.1\r\nhost: mayfly\r\nconnection: close\r\n\r\n").unwrap();
    let (mut text, mut buffer, mut arrivals) = (String::new(), [0; 4096], Vec::new());
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        arrivals.push(Instant::now());
    }
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let progress = |number: u32| format!("{{\"number\":{number},\"of\":4}}");
    let expected = [progress(1), progress(2), progress(3), progress(4), "{\"sum\":30}".to_owned()];
    assert_eq!(events, expected, "{text}");
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    let took = arrivals[arrivals.len() - 1] - arrivals[0];
    assert!(took > Duration::from_millis(90), "they came all at once, within {took:?}");
    let refused = server.request("GET", "/run/acme/hello/?steps=x", "", "");
    assert_eq!((refused.status, refused.text.as_str()), (400, "steps: 1 to 100\n"));
}
