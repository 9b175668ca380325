//! What a run asks for itself: fewer tools than its tenant has, and credentials of its own.

use crate::harness::server::{Server, TOKEN, folder, mayfly};
use crate::harness::upstream::{Upstream, respond};
use serde_json::{Value, json};
use tempfile::TempDir;

const OWN: &str = "own-canary-0123456789abcdef";
const FILES: &str = "file-canary-fedcba9876543210";

/// Says which key came; `/echo` sends it back.
fn upstream() -> Upstream {
    Upstream::start(|request, stream| {
        let key = request.lines().find_map(|line| line.strip_prefix("x-key: ")).unwrap_or("none").to_owned();
        let body = match request.starts_with("GET /echo") {
            true => json!({ "echo": key }),
            false => json!({ "own": key == format!("k {OWN}"), "file": key == format!("k {FILES}") }),
        };
        respond(stream, "200 OK", "content-type: application/json\r\n", &body.to_string());
    })
}

fn server(upstream: &Upstream, config: &str) -> Server {
    let address = upstream.address;
    let operation = |name: &str| {
        format!("[[tools.operation]]\nname = \"{name}\"\nmethod = \"GET\"\nurl = \"http://{address}/{name}\"\n")
    };
    let tenant = format!(
        "[[credential]]\nname = \"key\"\nfrom = \"env:FILE_KEY\"\nheader = \"x-key\"\nformat = \"k {{}}\"\n\
         [[credential]]\nname = \"users\"\nfrom = \"run\"\nheader = \"x-key\"\nformat = \"k {{}}\"\n\
         [[rule]]\nname = \"mine\"\nallow = \"http://{address}/mine/**\"\ncredential = \"key\"\nprivate = true\n\
         [[rule]]\nname = \"theirs\"\nallow = \"http://{address}/theirs/**\"\ncredential = \"users\"\nprivate = true\n\
         [[rule]]\nname = \"echo\"\nallow = \"http://{address}/echo\"\ncredential = \"key\"\nprivate = true\n\
         [[tools]]\nname = \"shop\"\nprivate = true\ncredential = \"users\"\n{}{}{}\
         [[tools]]\nname = \"notes\"\nprivate = true\n{}",
        operation("orders.get"),
        operation("orders.list"),
        operation("pay"),
        operation("add"),
    );
    start(folder(config, &tenant))
}

fn start(folder: TempDir) -> Server {
    let mut command = mayfly();
    command.env("FILE_KEY", FILES);
    Server::start_by(command, folder)
}

fn told(server: &Server, body: Value) -> Value {
    let object = server.begin(body);
    assert_eq!(object["status"], "completed", "{object:#}");
    object["result"].clone()
}

const CALLS: &str = "const told = {};
    for (const [name, call] of Object.entries({ get: () => tools.shop.orders.get(), list: () => tools.shop.orders.list(),
        pay: () => tools.shop.pay(), add: () => tools.notes.add(), spelt: () => tools.shop['orders']['get']() }))
        told[name] = await call().then(() => 'ok', (error) => `${error.name} ${error.reason ?? ''}`.trim());
    return [told, typeof shop, typeof notes]";

#[test]
fn a_run_calls_only_the_tools_that_it_was_left() {
    let upstream = upstream();
    let server = server(&upstream, "");
    let credentials = json!({ "users": OWN });
    let all = told(&server, json!({ "code": CALLS, "credentials": credentials }));
    let ok = json!({ "get": "ok", "list": "ok", "pay": "ok", "add": "ok", "spelt": "ok" });
    assert_eq!(all, json!([ok, "function", "function"]));
    let before = upstream.requests().len();
    let no = "PolicyError not_granted";
    for (tools, expected) in [
        (
            json!(["shop.orders.get"]),
            json!([{ "get": "ok", "list": no, "pay": no, "add": no, "spelt": "ok" }, "function", "undefined"]),
        ),
        (
            json!(["tools.shop.orders"]),
            json!([{ "get": "ok", "list": "ok", "pay": no, "add": no, "spelt": "ok" }, "function", "undefined"]),
        ),
        (
            json!(["shop.orders.*", "notes"]),
            json!([{ "get": "ok", "list": "ok", "pay": no, "add": "ok", "spelt": "ok" }, "function", "function"]),
        ),
        (json!([]), json!([{ "get": no, "list": no, "pay": no, "add": no, "spelt": no }, "undefined", "undefined"])),
    ] {
        let body = json!({ "code": CALLS, "tools": tools, "credentials": credentials });
        assert_eq!(told(&server, body), expected, "{tools}");
    }
    assert_eq!(upstream.requests().len() - before, 2 + 3 + 4, "what was refused has reached nobody");
    // The next run of the same token has all of them again.
    assert_eq!(told(&server, json!({ "code": CALLS, "credentials": credentials }))[0], ok);
}

#[test]
fn what_cannot_be_asked_for_is_told_with_its_field() {
    let upstream = upstream();
    let server = server(&upstream, "");
    for (field, asked, words) in [
        (
            "tools",
            json!(["shop.orders.got"]),
            "`tools[0]`: there is no tool `shop.orders.got`; did you mean shop.orders.get",
        ),
        ("tools", json!(["shop", "shopp"]), "`tools[1]`"),
        ("tools", json!(["shop", 5]), "`tools[1]`"),
        ("tools", json!("shop"), "`tools`"),
        ("tools", json!([""]), "`tools[0]`"),
        ("tools", json!(vec!["shop"; 1_001]), "`tools`: has more than 1000 entries"),
        (
            "credentials",
            json!({ "kee": "x" }),
            "`credentials.kee`: the tenant's file has no [[credential]] of this name; did you mean `key`?",
        ),
        ("credentials", json!({ "key": "" }), "`credentials.key`: has 0 bytes"),
        ("credentials", json!({ "key": "a\nb" }), "`credentials.key`: has characters that no header can carry"),
        ("credentials", json!({ "key": 5 }), "`credentials.key`"),
        ("credentials", json!(["key"]), "`credentials`"),
    ] {
        let response = server.post(&json!({ "code": "1", field: asked }).to_string());
        let (status, kind, detail) = response.problem();
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{asked}: {detail}");
        assert!(detail.contains(words), "{asked}: {detail}");
    }
    assert!(upstream.requests().is_empty());
}

#[test]
fn external_tools_and_those_that_were_left_stand_side_by_side() {
    let upstream = upstream();
    let server = server(&upstream, "");
    let code = "const denied = await tools.shop.pay().catch((error) => error.reason);
        return [await tools.ask({}), (await tools.notes.add()).own, denied]";
    let body = json!({ "code": code, "external": [{ "name": "ask" }], "tools": ["ask", "notes"] });
    let first = server.begin(body);
    assert_eq!(first["status"], "paused", "{first:#}");
    assert_eq!(server.answer(&first["id"], 2, json!("yes"))["result"], json!(["yes", false, "not_granted"]));
}

#[test]
fn a_runs_own_credential_goes_where_the_tenants_file_says_and_nowhere_else() {
    let upstream = upstream();
    let server = server(&upstream, "");
    let code = format!(
        "const get = async (path) => (await fetch('http://{}' + path)).json().catch((error) => error.name);
         return [await get('/mine/x'), await get('/theirs/x').catch((error) => [error.name, error.reason, error.message])]",
        upstream.address
    );
    let with = |credentials: Value| told(&server, json!({ "code": code, "credentials": credentials }));
    let (own, file) = (json!({ "own": true, "file": false }), json!({ "own": false, "file": true }));
    let none = with(json!({}));
    assert_eq!((&none[0], &none[1][0], &none[1][1]), (&file, &json!("PolicyError"), &json!("credential_missing")));
    assert!(none[1][2].as_str().unwrap().contains("`credentials.users`"), "{none}");
    assert_eq!(with(json!({ "users": OWN })), json!([file, own]));
    assert_eq!(with(json!({ "users": OWN, "key": OWN })), json!([own, own]));
    assert_eq!(with(json!({}))[0], file, "it was for that run alone");
    // What is sent back is withheld, as with any other credential.
    let echo = format!(
        "return fetch('http://{}/echo').then((reply) => reply.text()).catch((error) => error.reason)",
        upstream.address
    );
    assert_eq!(told(&server, json!({ "code": echo, "credentials": { "key": OWN } })), "credential_echoed");
    let stolen = format!(
        "return fetch('http://{}/echo', {{ headers: {{ 'x-key': 'mine' }} }}).then((reply) => reply.text()).catch((error) => error.reason)",
        upstream.address
    );
    assert_eq!(told(&server, json!({ "code": stolen, "credentials": { "key": OWN } })), "credential_echoed");
    assert!(!server.log().contains(OWN));
    let audit = std::fs::read_to_string(server.folder.path().join("state/audit.jsonl")).unwrap();
    assert!(audit.contains("\"credentials\":[\"users\"]") && !audit.contains(OWN), "{audit}");
}

#[test]
fn what_a_run_has_of_its_own_outlives_the_server_sealed() {
    let upstream = upstream();
    let server = server(&upstream, "[runtime]\npark_after_ms = 1\n");
    let code = format!(
        "await tools.ask({{}});
         const theirs = await fetch('http://{}/theirs/x').then((reply) => reply.json());
         return [theirs, await tools.shop.pay().catch((error) => error.reason), (await tools.notes.add()).own]",
        upstream.address
    );
    let body =
        json!({ "code": code, "external": [{ "name": "ask" }], "tools": ["notes"], "credentials": { "users": OWN } });
    let id = server.begin(body)["id"].clone();
    assert!(server.says("parked"), "{}", server.log());
    let server = start(server.stop());
    for entry in std::fs::read_dir(server.folder.path().join("state")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for form in [OWN.to_owned(), base64(OWN)] {
            assert!(!bytes.windows(form.len()).any(|part| part == form.as_bytes()), "{}", path.display());
        }
    }
    let last = server.answer(&id, 1, json!(1));
    assert_eq!(last["result"], json!([{ "own": true, "file": false }, "not_granted", false]), "{last:#}");
    let response = server.request("GET", "/v1/runs", &format!("authorization: Bearer {TOKEN}\r\n"), "");
    assert!(!response.text.contains(OWN));
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
