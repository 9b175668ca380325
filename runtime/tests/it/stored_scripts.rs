//! What somebody who deploys scripts sees.

use crate::harness::server::{Server, mayfly};
use crate::harness::tenants::{ROLES, restart, two_tenant_files, two_tenants};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const ONE: &str = "export default (input) => ({ n: 1, input })";
const TWO: &str = "export default (input) => ({ n: 2, input })";

fn run(server: &Server, token: &str, script: &str) -> Value {
    let body = json!({ "script": script, "input": "in" }).to_string();
    server.as_(token, "POST", "/v1/runs", "", &body).json()
}

#[test]
fn a_script_is_stored_shown_and_run_by_its_name() {
    let (server, acme, _) = two_tenants("", "");
    let body = json!({ "code": ONE }).to_string();
    let stored =
        server.as_(acme.of("deployer"), "PUT", "/v1/scripts/hello", "content-type: application/json\r\n", &body);
    assert_eq!(stored.status, 201, "{}", stored.text);
    assert_eq!(stored.header("location"), Some("/v1/scripts/hello"));
    let (tag, object) = (stored.header("etag").unwrap().to_owned(), stored.json());
    assert_eq!(
        (&object["name"], &object["version"], &object["source_bytes"], &object["role"]),
        (&json!("hello"), &json!(1), &json!(ONE.len()), &json!("deployer"))
    );
    assert_eq!(
        (&object["created"], &object["changed"], &object["public"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(object["path"], "/run/acme/hello/");
    let age_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
        - object["created_at_ms"].as_u64().unwrap();
    assert!(age_ms < 60_000, "{age_ms}");

    let shown = server.as_(acme.of("runner"), "GET", "/v1/scripts/hello", "", "");
    assert_eq!((shown.status, shown.header("etag")), (200, Some(tag.as_str())));
    let shown = shown.json();
    assert_eq!((&shown["main"], &shown["modules"]), (&json!("main.ts"), &json!({ "main.ts": ONE })));
    assert_eq!(shown["digest"], object["digest"]);

    assert_eq!(run(&server, acme.of("runner"), "hello")["result"], json!({ "n": 1, "input": "in" }));
    server.deploy(&acme, "hello", TWO);
    for _ in 0..3 {
        assert_eq!(run(&server, acme.of("runner"), "hello")["result"]["n"], 2, "a deploy holds for the next run");
        assert_eq!(run(&server, acme.of("runner"), "hello@1")["result"]["n"], 1);
        assert_eq!(run(&server, acme.of("runner"), "hello@2")["result"]["n"], 2);
    }
}

#[test]
fn what_cannot_be_run_by_name_is_told() {
    let (server, acme, evil) = two_tenants("", "");
    server.deploy(&acme, "hello", ONE);
    let post = |token: &str, body: Value| server.as_(token, "POST", "/v1/runs", "", &body.to_string());
    for (body, status, words) in [
        (json!({ "script": "nothing" }), 404, "no script \"nothing\""),
        (json!({ "script": "hello@2" }), 404, "no version 2"),
        (json!({ "script": "../hello" }), 404, "no script \"../hello\""),
        (json!({ "script": "hello@x" }), 400, "`name@version`"),
        (json!({ "script": "hello@0" }), 400, "`name@version`"),
        (json!({ "script": 5 }), 400, "`script`"),
        (json!({ "script": "hello", "code": "1" }), 400, "either `script`, or `code`"),
        (json!({ "script": "hello", "modules": {}, "main": "a" }), 400, "either `script`, or `code`"),
    ] {
        let (got, _, detail) = post(acme.of("runner"), body.clone()).problem();
        assert!(got == status && detail.contains(words), "{body}: {got} {detail}");
    }
    assert_eq!(post(evil.of("runner"), json!({ "script": "hello" })).kind(), (404, "not_found".into()));
    assert_eq!(post(acme.of("auditor"), json!({ "script": "hello" })).kind(), (403, "forbidden".into()));
    assert_eq!(post("mf_wrong", json!({ "script": "hello" })).kind(), (401, "unauthorized".into()));
}

#[test]
fn modules_and_plain_source_are_taken_as_their_content_type_says() {
    let (server, acme, _) = two_tenants("", "");
    let put = |headers: &str, body: &str| server.as_(acme.of("admin"), "PUT", "/v1/scripts/hello", headers, body);
    let modules = json!({ "main": "b.ts", "modules": { "b.ts": "import { n } from './a.ts'; export default () => n", "a.ts": "export const n: number = 7" } });
    for (headers, body, result) in [
        ("content-type: text/typescript\r\n", "export default (): number => 1".to_owned(), json!(1)),
        ("content-type: application/javascript; charset=utf-8\r\n", "export default () => 2".into(), json!(2)),
        // curl -T hello.ts
        ("", "export default () => 3".into(), json!(3)),
        // curl --data-binary @hello.ts, curl -d '{...}'
        ("content-type: application/x-www-form-urlencoded\r\n", "export default () => 4".into(), json!(4)),
        ("content-type: application/x-www-form-urlencoded\r\n", json!({ "code": "return 5" }).to_string(), json!(5)),
        ("content-type: application/json\r\n", modules.to_string(), json!(7)),
        ("", modules.to_string(), json!(7)),
    ] {
        let stored = put(headers, &body);
        assert!([200, 201].contains(&stored.status), "{headers}{body}: {}", stored.text);
        assert_eq!(run(&server, acme.of("runner"), "hello")["result"], result, "{headers}{body}");
    }
    let shown = server.as_(acme.of("runner"), "GET", "/v1/scripts/hello", "", "").json();
    assert_eq!((&shown["main"], &shown["modules"]), (&json!("b.ts"), &modules["modules"]));
}

#[test]
fn what_does_not_compile_is_told_with_its_place_and_not_stored() {
    let (server, acme, _) = two_tenants("", "");
    let put = |body: Value| server.as_(acme.of("deployer"), "PUT", "/v1/scripts/hello", "", &body.to_string());
    let refused = put(json!({ "code": "const a = 1;\nlet b = = 2;\n" }));
    let (status, kind, detail) = refused.problem();
    assert_eq!((status, kind.as_str()), (400, "bad_request"));
    assert!(detail.starts_with("main.ts:2:9: SyntaxError: "), "{detail}");
    let error = &refused.json()["error"];
    assert_eq!((&error["kind"], &error["module"]), (&json!("syntax"), &json!("main.ts")));
    assert_eq!((&error["line"], &error["column"], &error["source"]), (&json!(2), &json!(9), &json!("let b = = 2;")));
    // In a module other than the main one, too.
    let refused = put(json!({ "main": "a.ts", "modules": { "a.ts": "import './b.ts'", "b.ts": "class {" } }));
    assert_eq!(refused.json()["error"]["module"], "b.ts", "{}", refused.text);
    for code in ["\0asm\u{1}\0\0\0", &"(".repeat(40_000)] {
        let refused = put(json!({ "code": code }));
        assert_eq!((refused.status, &refused.json()["error"]["kind"]), (400, &json!("syntax")), "{}", refused.text);
    }
    assert_eq!(server.as_(acme.of("deployer"), "GET", "/v1/scripts/hello", "", "").kind(), (404, "not_found".into()));
    // What is there stays.
    server.deploy(&acme, "hello", ONE);
    assert_eq!(put(json!({ "code": "let = ;" })).status, 400);
    assert_eq!(server.as_(acme.of("deployer"), "GET", "/v1/scripts/hello", "", "").json()["version"], 1);
}

#[test]
fn roles_may_what_they_are_for() {
    let (server, acme, _) = two_tenants("", "");
    let body = json!({ "code": ONE }).to_string();
    for role in ROLES {
        let writes = ["deployer", "admin"].contains(&role);
        server.deploy(&acme, "hello", ONE);
        server.deploy(&acme, "hello", TWO);
        for (method, path, body, write) in [
            ("GET", "/v1/scripts", "", false),
            ("GET", "/v1/scripts/hello", "", false),
            ("GET", "/v1/scripts/hello/versions", "", false),
            ("PUT", "/v1/scripts/hello", body.as_str(), true),
            ("POST", "/v1/scripts/hello/rollback", "{\"version\": 1}", true),
            ("DELETE", "/v1/scripts/hello", "", true),
        ] {
            let response = server.as_(acme.of(role), method, path, "", body);
            if write && !writes {
                let (status, kind, detail) = response.problem();
                assert_eq!((status, kind.as_str()), (403, "forbidden"), "{role} {method} {path}");
                assert!(detail.contains(role) && detail.contains("deployer"), "{detail}");
            } else {
                assert!((200..300).contains(&response.status), "{role} {method} {path}: {}", response.text);
            }
        }
        let there = server.as_(acme.of("admin"), "GET", "/v1/scripts/hello", "", "");
        assert_eq!(there.status, if writes { 404 } else { 200 }, "{role}");
    }
    // Who may not store is told so before anything of the body is looked at.
    let refused = server.as_(acme.of("runner"), "PUT", "/v1/scripts/hello", "", "let = ;");
    assert_eq!(refused.kind(), (403, "forbidden".into()));
}

#[test]
fn strangers_learn_nothing_and_other_tenants_only_of_their_own() {
    let (server, acme, evil) = two_tenants("", "");
    server.deploy(&acme, "hello", "export default () => 'of acme'");
    for token in ["", "mf_wrong"] {
        for (method, path) in [
            ("GET", "/v1/scripts"),
            ("GET", "/v1/scripts/hello"),
            ("GET", "/v1/scripts/nothing"),
            ("GET", "/v1/scripts/.."),
            ("GET", "/v1/scripts/hello/versions"),
            ("PUT", "/v1/scripts/hello"),
            ("PUT", "/v1/scripts/A_B"),
            ("POST", "/v1/scripts/hello/rollback"),
            ("DELETE", "/v1/scripts/hello"),
        ] {
            let response = server.as_(token, method, path, "", "what is this");
            assert_eq!(response.kind(), (401, "unauthorized".into()), "{method} {path}");
        }
    }
    let theirs = |method: &str, path: &str, body: &str| server.as_(evil.of("admin"), method, path, "", body);
    assert_eq!(theirs("GET", "/v1/scripts/hello", "").kind(), (404, "not_found".into()));
    assert_eq!(theirs("GET", "/v1/scripts/hello/versions", "").kind(), (404, "not_found".into()));
    assert_eq!(theirs("DELETE", "/v1/scripts/hello", "").kind(), (404, "not_found".into()));
    assert_eq!(theirs("POST", "/v1/scripts/hello/rollback", "{\"version\": 1}").kind(), (404, "not_found".into()));
    assert_eq!(theirs("GET", "/v1/scripts", "").json(), json!({ "scripts": [], "truncated": false }));
    // The same name is another script.
    assert_eq!(server.deploy(&evil, "hello", "export default () => 'of evil'")["version"], 1);
    assert_eq!(run(&server, acme.of("runner"), "hello")["result"], "of acme");
    assert_eq!(run(&server, evil.of("runner"), "hello")["result"], "of evil");
    assert_eq!(theirs("DELETE", "/v1/scripts/hello", "").status, 204);
    assert_eq!(run(&server, acme.of("runner"), "hello")["result"], "of acme");
}

#[test]
fn the_same_content_again_is_no_new_version() {
    let (server, acme, _) = two_tenants("", "");
    let first = server.deploy(&acme, "hello", ONE);
    let again = server.deploy(&acme, "hello", ONE);
    assert_eq!((&again["version"], &again["created"], &again["changed"]), (&json!(1), &json!(false), &json!(false)));
    assert_eq!(again["created_at_ms"], first["created_at_ms"]);
    assert_eq!(server.deploy(&acme, "hello", TWO)["version"], 2);
    assert_eq!(server.deploy(&acme, "hello", ONE)["version"], 3);
}

#[test]
fn versions_are_listed_shown_and_brought_back() {
    let (server, acme, _) = two_tenants("", "");
    for code in ["return 1", "return 2", "return 3"] {
        server.deploy(&acme, "hello", code);
    }
    let get = |path: &str| server.as_(acme.of("auditor"), "GET", path, "", "").json();
    assert_eq!(get("/v1/scripts/hello?version=2")["modules"]["main.ts"], "return 2");
    assert_eq!(get("/v1/scripts/hello?version=9")["kind"], "not_found");
    let rollback = |version: u64| {
        let body = json!({ "version": version }).to_string();
        server.as_(acme.of("deployer"), "POST", "/v1/scripts/hello/rollback", "", &body)
    };
    let back = rollback(1).json();
    assert_eq!((&back["version"], &back["rollback_to"], &back["changed"]), (&json!(4), &json!(1), &json!(true)));
    assert_eq!(run(&server, acme.of("runner"), "hello")["result"], 1);
    assert_eq!(rollback(1).json()["changed"], false);
    assert_eq!(rollback(9).kind(), (404, "not_found".into()));
    assert_eq!(rollback(0).kind(), (400, "bad_request".into()));
    let list = get("/v1/scripts/hello/versions");
    let numbers = |list: &Value| -> Vec<u64> {
        list["versions"].as_array().unwrap().iter().map(|entry| entry["version"].as_u64().unwrap()).collect()
    };
    assert_eq!((numbers(&list), &list["truncated"], list.get("cursor")), (vec![4, 3, 2, 1], &json!(false), None));
    let page = get("/v1/scripts/hello/versions?limit=3");
    assert_eq!((numbers(&page), &page["truncated"], &page["cursor"]), (vec![4, 3, 2], &json!(true), &json!("2")));
    assert_eq!(numbers(&get("/v1/scripts/hello/versions?cursor=2&limit=3")), [1]);
    assert_eq!(numbers(&get("/v1/scripts/hello/versions?cursor=1")), [0; 0]);
}

#[test]
fn a_list_is_cut_and_says_so() {
    let (server, acme, _) = two_tenants("", "");
    for name in ["c", "a", "b"] {
        server.deploy(&acme, name, name);
    }
    let get = |query: &str| server.as_(acme.of("runner"), "GET", &format!("/v1/scripts{query}"), "", "");
    let names = |list: &Value| -> Vec<String> {
        let entries = list["scripts"].as_array().unwrap().iter();
        entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = get("").json();
    assert_eq!((names(&all), &all["truncated"]), (vec!["a".into(), "b".into(), "c".into()], &json!(false)));
    assert!(all["scripts"][0].get("modules").is_none(), "a list has no sources");
    let page = get("?limit=2").json();
    assert_eq!(
        (names(&page), &page["truncated"], &page["cursor"]),
        (vec!["a".into(), "b".into()], &json!(true), &json!("b"))
    );
    let rest = get("?limit=2&cursor=b").json();
    assert_eq!((names(&rest), &rest["truncated"]), (vec!["c".to_owned()], &json!(false)));
    for (query, words) in [
        ("?limit=0", "`limit`"),
        ("?limit=1001", "`limit`: 1001 is above 1000"),
        ("?limit=x", "`limit`"),
        ("?limit=1&limit=2", "`limit`: is there twice"),
        ("?lim=1", "`lim`"),
    ] {
        let (status, _, detail) = get(query).problem();
        assert!(status == 400 && detail.contains(words), "{query}: {detail}");
    }
}

#[test]
fn conditions_are_kept() {
    let (server, acme, _) = two_tenants("", "");
    let put = |headers: &str, code: &str| {
        server.as_(acme.of("deployer"), "PUT", "/v1/scripts/hello", headers, &json!({ "code": code }).to_string())
    };
    let failed = |response: crate::harness::server::Response| {
        assert_eq!(response.kind(), (412, "conflict".into()), "{}", response.text);
    };
    failed(put("if-match: *\r\n", ONE));
    failed(put("if-match: \"v1-0000000000000000\"\r\n", ONE));
    let first = put("if-none-match: *\r\n", ONE);
    assert_eq!(first.status, 201);
    let tag = first.header("etag").unwrap();
    failed(put("if-none-match: *\r\n", TWO));
    failed(put(&format!("if-none-match: {tag}\r\n"), TWO));
    failed(put(&format!("if-match: W/{tag}\r\n"), TWO));
    let second = put(&format!("if-match: \"other\", {tag}\r\n"), TWO);
    assert_eq!((second.status, &second.json()["version"]), (200, &json!(2)));
    failed(put(&format!("if-match: {tag}\r\n"), ONE));
    assert_eq!(put("if-match: v2\r\n", ONE).kind(), (400, "bad_request".into()));

    let new_tag = second.header("etag").unwrap();
    let get = |headers: &str| server.as_(acme.of("runner"), "GET", "/v1/scripts/hello", headers, "");
    for have in [new_tag.to_owned(), format!("W/{new_tag}"), "*".into(), format!("{tag}, {new_tag}")] {
        let response = get(&format!("if-none-match: {have}\r\n"));
        assert_eq!(
            (response.status, response.text.as_str(), response.header("etag")),
            (304, "", Some(new_tag)),
            "{have}"
        );
    }
    assert_eq!(get(&format!("if-none-match: {tag}\r\n")).status, 200);
    let write = |method: &str, path: &str, tag: &str, body: &str| {
        server.as_(acme.of("deployer"), method, path, &format!("if-match: {tag}\r\n"), body)
    };
    failed(write("POST", "/v1/scripts/hello/rollback", tag, "{\"version\": 1}"));
    failed(write("DELETE", "/v1/scripts/hello", tag, ""));
    assert_eq!(write("DELETE", "/v1/scripts/hello", new_tag, "").status, 204);
    assert_eq!(get("").status, 404);
    failed(write("DELETE", "/v1/scripts/hello", "*", ""));
    assert_eq!(server.as_(acme.of("deployer"), "DELETE", "/v1/scripts/hello", "", "").status, 404);
}

#[test]
fn of_many_deploys_on_the_same_version_exactly_one_happens() {
    let (server, acme, _) = two_tenants("", "");
    server.deploy(&acme, "hello", ONE);
    let tag = server.as_(acme.of("runner"), "GET", "/v1/scripts/hello", "", "").header("etag").unwrap().to_owned();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let put = |number: usize| {
            let body = json!({ "code": format!("return {number}") }).to_string();
            let headers = format!("if-match: {tag}\r\n");
            server.as_(acme.of("deployer"), "PUT", "/v1/scripts/hello", &headers, &body).status
        };
        let all: Vec<_> = (0..8).map(|number| scope.spawn(move || put(number))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |status: u16| statuses.iter().filter(|got| **got == status).count();
    assert_eq!((count(200), count(412)), (1, 7), "{statuses:?}");
    assert_eq!(server.as_(acme.of("runner"), "GET", "/v1/scripts/hello", "", "").json()["version"], 2);
}

#[test]
fn names_are_labels_and_nothing_else() {
    let (server, acme, _) = two_tenants("", "");
    let body = json!({ "code": ONE }).to_string();
    let long = "x".repeat(10_000);
    let names = [
        "A", "a_b", "-a", "a-", "a.b", "..", ".", "%2e%2e", "a%2fb", "a%00b", "%", "%C3%A9", "a%20b", "a;b", "a@1",
        "~", "$", &long,
    ];
    for name in names {
        for (method, body) in [("PUT", body.as_str()), ("GET", ""), ("DELETE", "")] {
            let response = server.as_(acme.of("admin"), method, &format!("/v1/scripts/{name}"), "", body);
            let (status, kind, detail) = response.problem();
            assert_eq!((status, kind.as_str()), (400, "bad_request"), "{method} {name}");
            assert!(detail.contains("`name`") && detail.len() < 500, "{detail}");
        }
    }
    for path in ["/v1/scripts/a/b", "/v1/scripts/a/../b", "/v1/scripts/a/versions/1", "/v1/scriptsx"] {
        assert_eq!(server.as_(acme.of("admin"), "GET", path, "", "").status, 404, "{path}");
    }
    // Bytes that are no ASCII do not even come so far.
    let raw = format!(
        "PUT /v1/scripts/\u{e9} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
        acme.of("admin")
    );
    assert_eq!(server.send(raw.as_bytes()).status, 400);
    assert_eq!(server.as_(acme.of("admin"), "GET", "/v1/scripts", "", "").json()["scripts"], json!([]));
    for (method, path, allowed) in [
        ("POST", "/v1/scripts", "GET"),
        ("POST", "/v1/scripts/a", "GET, PUT or DELETE"),
        ("PUT", "/v1/scripts/a/versions", "GET"),
        ("GET", "/v1/scripts/a/rollback", "POST"),
    ] {
        let (status, _, detail) = server.as_(acme.of("admin"), method, path, "", "").problem();
        assert!(status == 405 && detail.contains(allowed), "{method} {path}: {detail}");
    }
}

#[test]
fn bodies_that_are_no_script_are_told_the_field() {
    let (server, acme, _) = two_tenants("", "");
    let put = |headers: &str, body: &str| server.as_(acme.of("admin"), "PUT", "/v1/scripts/hello", headers, body);
    let json_type = "content-type: application/json\r\n";
    let (many, long) = (
        json!({ "main": "m0", "modules": (0..65).map(|n| (format!("m{n}"), "1")).collect::<std::collections::HashMap<_, _>>() }),
        json!({ "main": "m", "modules": { "m": "1", "x".repeat(300): "2" } }),
    );
    for (headers, body, words) in [
        (json_type, "".to_owned(), "not JSON"),
        (json_type, "{".into(), "not JSON"),
        (json_type, "[]".into(), "body"),
        (json_type, "{}".into(), "`code`"),
        (json_type, "{\"code\": 5}".into(), "`code`"),
        (json_type, "{\"code\": \"1\", \"input\": 1}".into(), "`input`"),
        (json_type, "{\"modules\": {\"a\": \"1\"}}".into(), "`main`"),
        (json_type, "{\"modules\": {\"a\": \"1\"}, \"main\": \"b\"}".into(), "`main`"),
        (json_type, many.to_string(), "`modules`: has 65; the limit is 64"),
        (json_type, long.to_string(), "`modules`: a name has 1 to 256 bytes"),
        ("content-type: multipart/form-data; boundary=x\r\n", "--x".into(), "`content-type`"),
        ("content-type: text/html\r\n", "<p>".into(), "`content-type`"),
    ] {
        let (status, kind, detail) = put(headers, &body).problem();
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{body}");
        assert!(detail.contains(words), "{body}: {detail}");
    }
    let rollback = |body: &str| server.as_(acme.of("admin"), "POST", "/v1/scripts/hello/rollback", "", body);
    for body in ["", "{}", "{\"version\": -1}", "{\"version\": \"1\"}", "{\"version\": 1, \"x\": 1}"] {
        assert_eq!(rollback(body).kind(), (400, "bad_request".into()), "{body}");
    }
    assert_eq!(server.as_(acme.of("admin"), "PUT", "/v1/scripts/hello?x=1", "", "return 1").kind().0, 400);
}

#[test]
fn a_script_that_is_too_large_is_refused_with_the_limit() {
    let (server, acme, _) = two_tenants("[limits]\nsource_bytes = 1000\n", "");
    let put = |bytes: usize| {
        server.as_(
            acme.of("admin"),
            "PUT",
            "/v1/scripts/hello",
            "content-type: text/typescript\r\n",
            &format!("/*{}*/", "x".repeat(bytes - 4)),
        )
    };
    let (status, kind, detail) = put(1_001).problem();
    assert_eq!((status, kind.as_str()), (413, "too_large"));
    assert!(detail.contains("1001") && detail.contains("1000"), "{detail}");
    assert_eq!(put(30 << 20).kind(), (413, "too_large".into()));
    assert_eq!(put(1_000).status, 201);
}

#[test]
fn what_was_acknowledged_outlives_the_bridge_and_the_server() {
    let (server, acme, _) = two_tenants("", "");
    for number in 1..=20 {
        let version = server.deploy(&acme, "hello", &format!("return {number}"))["version"].clone();
        assert_eq!(version, number);
    }
    // At once, without a chance to write anything more.
    let killed = Command::new("kill").args(["-9", &server.bridge_pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let back = (0..200).find_map(|_| {
        let response = server.as_(acme.of("runner"), "GET", "/v1/scripts/hello", "", "");
        std::thread::sleep(Duration::from_millis(20));
        assert!([200, 503].contains(&response.status), "{}", response.text);
        (response.status == 200).then(|| response.json())
    });
    assert_eq!(back.expect("the bridge comes back")["version"], 20);
    let server = restart(server);
    assert_eq!(run(&server, acme.of("runner"), "hello")["result"], 20);
    assert_eq!(run(&server, acme.of("runner"), "hello@7")["result"], 7);
}

#[test]
fn without_a_store_scripts_are_refused_and_everything_else_goes_on() {
    let (folder, acme, _) = two_tenant_files("", "[[script]]\nname = \"hello\"\npublic = true\n");
    let file = folder.path().join("state/mayfly.db");
    std::fs::create_dir_all(&file).unwrap();
    let server = Server::start_by(mayfly(), folder);
    let body = json!({ "code": ONE }).to_string();
    let put = || server.as_(acme.of("deployer"), "PUT", "/v1/scripts/hello", "", &body);
    let refused = put();
    assert_eq!(refused.kind(), (503, "store_unavailable".into()));
    assert!(refused.header("retry-after").is_some());
    assert!(!refused.text.contains("mayfly.db"), "where it lies is for the log: {}", refused.text);
    assert!(server.says("mayfly.db"), "{}", server.log());
    assert_eq!(server.as_(acme.of("runner"), "GET", "/v1/scripts", "", "").kind(), (503, "store_unavailable".into()));
    assert_eq!(server.request("GET", "/run/acme/hello/", "", "").kind(), (503, "store_unavailable".into()));
    let by_name = server.as_(acme.of("runner"), "POST", "/v1/runs", "", "{\"script\": \"hello\"}");
    assert_eq!(by_name.kind(), (503, "store_unavailable".into()));
    let plain = server.as_(acme.of("runner"), "POST", "/v1/runs", "", "{\"code\": \"return 1\"}");
    assert_eq!(plain.json()["result"], 1);
    // Mended, it goes on without a restart.
    std::fs::remove_dir(&file).unwrap();
    assert_eq!(put().status, 201);
}

#[test]
fn a_disk_that_takes_no_more_refuses_the_deploy_and_keeps_the_rest() {
    let (folder, acme, _) = two_tenant_files("", "");
    // No file may grow above 256 KiB: as a full disk, without needing one.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 512; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mayfly")]);
    // The engine's cache is larger than that, and has to be there already.
    drop(Server::start(""));
    let server = Server::start_by(command, folder);
    server.deploy(&acme, "small", ONE);
    let large = json!({ "code": format!("return 1 /*{}*/", "x".repeat(900_000)) }).to_string();
    for _ in 0..3 {
        let refused = server.as_(acme.of("deployer"), "PUT", "/v1/scripts/large", "", &large);
        assert!([503, 507].contains(&refused.status), "{} {}", refused.status, refused.text);
        assert!(["store_unavailable", "store_full"].contains(&refused.kind().1.as_str()), "{}", refused.text);
    }
    assert_eq!(server.as_(acme.of("runner"), "GET", "/v1/scripts/large", "", "").status, 404);
    assert_eq!(run(&server, acme.of("runner"), "small")["result"]["n"], 1);
    assert!(!server.log().contains("starting it again"), "nothing died of it: {}", server.log());
    let server = restart(server);
    assert_eq!(run(&server, acme.of("runner"), "small")["result"]["n"], 1);
    assert_eq!(server.as_(acme.of("deployer"), "PUT", "/v1/scripts/large", "", &large).status, 201);
}

#[test]
fn every_attempt_to_change_a_script_is_in_the_audit() {
    let (server, acme, _) = two_tenants("", "");
    let digest = server.deploy(&acme, "hello", ONE)["digest"].clone();
    server.deploy(&acme, "hello", ONE);
    server.as_(acme.of("runner"), "PUT", "/v1/scripts/hello", "x-request-id: tried\r\n", "{}");
    server.as_(acme.of("admin"), "DELETE", "/v1/scripts/hello", "if-match: \"x\"\r\n", "");
    server.as_(acme.of("admin"), "DELETE", "/v1/scripts/hello", "", "");
    let file = server.folder.path().join("state/audit.jsonl");
    let entries: Vec<Value> = (0..100)
        .find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let entries: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            (entries.len() >= 5).then_some(entries)
        })
        .expect("five entries");
    let told = |entry: &Value| {
        let deploy = &entry["deploy"];
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            word(&deploy["action"]),
            word(&entry["verdict"]),
            word(&entry["reason"]),
            word(&deploy["role"]),
            deploy["version"].as_u64(),
        )
    };
    let expected = [
        ("put", "allow", "", "deployer", 1),
        ("put", "allow", "unchanged", "deployer", 1),
        ("", "deny", "role", "runner", 0),
        ("delete", "allow", "condition", "admin", 0),
        ("delete", "allow", "", "admin", 1),
    ];
    for (entry, (action, verdict, reason, role, version)) in entries.iter().zip(expected) {
        assert_eq!(told(entry), (action.into(), verdict.into(), reason.into(), role.into(), Some(version)), "{entry}");
        assert_eq!(
            (&entry["tenant"], &entry["url"], &entry["deploy"]["script"]),
            (&json!("acme"), &json!("/v1/scripts/hello"), &json!("hello"))
        );
    }
    assert_eq!((&entries[0]["deploy"]["digest"], &entries[2]["request_id"]), (&digest, &json!("tried")));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("mf_") && !text.contains("export default"), "no token and no source: {text}");
    let token = entries[0]["deploy"]["token"].as_str().unwrap();
    let tenant = std::fs::read_to_string(server.folder.path().join("tenants/acme.toml")).unwrap();
    assert!(token.len() == 8 && tenant.contains(&format!("sha256 = \"{token}")), "{token}");
}
