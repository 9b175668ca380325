//! Runs that wait where another one waits.

use crate::harness::server::{Response, Server, TOKEN};
use crate::harness::tenants::{restart, two_tenants};
use serde_json::{Value, json};

fn fork(server: &Server, id: &Value, body: &str) -> Response {
    let path = format!("/v1/runs/{}/fork", id.as_str().unwrap());
    server.request("POST", &path, &format!("authorization: Bearer {TOKEN}\r\n"), body)
}

fn children(server: &Server, id: &Value, n: u32) -> Vec<Value> {
    let response = fork(server, id, &json!({ "n": n }).to_string());
    assert_eq!(response.status, 201, "{}", response.text);
    response.json()["runs"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect()
}

const CODE: &str = "const drawn = Math.random(); console.log('before'); const said = await tools.ask({ drawn });
    return [said, drawn, Math.random(), crypto.randomUUID()]";

#[test]
fn children_have_the_same_past_and_each_its_own_future() {
    let server = Server::start("");
    let parent = server.paused(CODE, &["ask"]);
    let all = children(&server, &parent["id"], 3);
    assert_eq!(server.look(&parent["id"]).json()["status"], "paused", "it stays as it is");
    let mut ends: Vec<Value> = Vec::new();
    for (said, id) in all.iter().chain([&parent["id"]]).enumerate() {
        let before = server.look(id).json();
        assert_eq!((&before["id"], &before["status"]), (id, &json!("paused")));
        assert_eq!((&before["pending"], &before["logs"][0]["text"]), (&parent["pending"], &json!("before")));
        let last = server.answer(id, 1, json!(said));
        assert_eq!((&last["result"][0], &last["id"]), (&json!(said), id), "{last:#}");
        ends.push(last["result"].clone());
    }
    let all_differ =
        |at: usize| ends.iter().map(|end| end[at].to_string()).collect::<std::collections::HashSet<_>>().len();
    assert_eq!((all_differ(1), all_differ(2), all_differ(3)), (1, 4, 4), "{ends:?}");
}

#[test]
fn children_are_in_the_store_and_can_be_forked_again() {
    let server = Server::start("");
    let parent = server.paused(CODE, &["ask"]);
    let child = children(&server, &parent["id"], 1).remove(0);
    let server = restart(server);
    let grandchild = children(&server, &child, 1).remove(0);
    assert_eq!(server.answer(&grandchild, 1, json!("deep"))["result"][0], "deep");
    assert_eq!(server.answer(&child, 1, json!("less"))["result"][0], "less");
}

#[test]
fn what_cannot_be_forked_says_why() {
    let (server, acme, evil) = two_tenants("", "");
    let body = json!({ "code": CODE, "external": [{ "name": "ask" }] }).to_string();
    let id = server.as_(acme.of("runner"), "POST", "/v1/runs", "", &body).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/runs/{id}/fork");
    let as_ = |token: &str, body: &str| server.as_(token, "POST", &path, "", body);
    for (body, words) in
        [("{\"n\":0}", "`n`: is 0"), ("{\"n\":101}", "1 to 100"), ("{\"m\":1}", "unknown field"), ("", "not JSON")]
    {
        let (status, _, detail) = as_(acme.of("runner"), body).problem();
        assert!(status == 400 && detail.contains(words), "{body}: {detail}");
    }
    assert_eq!(as_(evil.of("admin"), "{}").kind(), (404, "not_found".into()));
    assert_eq!(as_(acme.of("auditor"), "{}").kind(), (403, "forbidden".into()));
    server.as_(acme.of("runner"), "DELETE", &format!("/v1/runs/{id}"), "", "");
    let (status, _, detail) = as_(acme.of("runner"), "{}").problem();
    assert!(status == 409 && detail.contains("only a paused run can be forked"), "{detail}");
}
