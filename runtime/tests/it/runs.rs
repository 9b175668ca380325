//! Runs as things of their own: begun without waiting, looked at, listed, cancelled, followed.

use crate::harness::runs::read_until;
use crate::harness::server::{Server, TOKEN};
use crate::harness::tenants::two_tenants;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn a_run_that_nobody_waits_for_goes_on() {
    let server = Server::start("");
    let code = "console.log('begun'); await new Promise((done) => setTimeout(done, 300)); return 'done'";
    let response = server.post(&json!({ "code": code, "wait": false }).to_string());
    assert_eq!(response.status, 202, "{}", response.text);
    let begun = response.json();
    let id = begun["id"].as_str().unwrap();
    assert_eq!(response.header("location"), Some(format!("/v1/runs/{id}").to_ascii_lowercase().as_str()));
    assert!(response.header("x-mayfly-run").is_some());
    assert_eq!((&begun["status"], begun.get("result")), (&json!("running"), None), "{begun:#}");
    std::thread::sleep(Duration::from_millis(100));
    let running = server.look(&begun["id"]).json();
    assert_eq!((&running["status"], &running["logs"][0]["text"]), (&json!("running"), &json!("begun")), "{running:#}");
    let ended = server.until(&begun["id"], "completed");
    assert_eq!((&ended["result"], &ended["logs"][0]["text"]), (&json!("done"), &json!("begun")));
    let failed = server.begin(json!({ "code": "null.x", "wait": false }));
    assert_eq!(server.until(&failed["id"], "failed")["error"]["name"], "TypeError");
    let paused = server.begin(json!({ "code": "await tools.ask({})", "external": [{ "name": "ask" }], "wait": false }));
    server.until(&paused["id"], "paused");
    assert_eq!(server.answer(&paused["id"], 1, json!("x"))["result"], "x");
}

#[test]
fn a_loop_is_cancelled_within_a_tick_or_two_and_its_place_is_free() {
    let server = Server::start("[limits]\nruns_in_flight = 1\n");
    let mut took = Vec::new();
    // A machine that runs all tests at once is slow at times; a loop that is not seen to is slow every time.
    while took.iter().all(|took| *took > Duration::from_millis(20)) {
        assert!(took.len() < 30, "{took:?}");
        let id =
            server.begin(json!({ "code": "for (;;);", "wait": false, "limits": { "cpu_ms": 1000 } }))["id"].clone();
        std::thread::sleep(Duration::from_millis(50));
        let began = Instant::now();
        let ended = server.cancel(&id).json();
        took.push(began.elapsed());
        assert_eq!(
            (&ended["status"], &ended["error"]["kind"]),
            (&json!("cancelled"), &json!("cancelled")),
            "{ended:#}"
        );
        assert_eq!(server.look(&id).json(), ended);
        assert_eq!(server.cancel(&id).json(), ended, "once more changes nothing");
        let until = Instant::now() + Duration::from_millis(100);
        while server.post(r#"{"code":"1"}"#).status != 200 {
            assert!(Instant::now() < until, "its place is not free");
        }
    }
}

#[test]
fn the_slot_of_a_cancelled_loop_is_another_runs_within_ten_milliseconds() {
    let server = Server::start("[limits]\nruns_in_flight = 1\n");
    let mut took = Vec::new();
    // As above: a slow machine is slow at times, a slot that is kept is kept every time.
    while took.iter().all(|took| *took > Duration::from_millis(10)) {
        assert!(took.len() < 50, "{took:?}");
        let body = json!({ "code": "for (;;);", "wait": false, "limits": { "cpu_ms": 5000 } }).to_string();
        let looping = std::iter::repeat_with(|| server.post(&body)).find(|begun| begun.status == 202).unwrap();
        let id = looping.json()["id"].clone();
        // Somewhere between two ticks, which begin with the loop.
        std::thread::sleep(Duration::from_millis(30 + took.len() as u64 % 5));
        let other = || server.post(r#"{"code":"return 1"}"#);
        assert_eq!(other().kind(), (429, "quota".into()), "the only slot is taken");
        let began = Instant::now();
        assert_eq!(server.cancel(&id).json()["status"], "cancelled");
        while other().status != 200 {
            assert!(began.elapsed() < Duration::from_secs(5), "its place is not free");
        }
        took.push(began.elapsed());
    }
    eprintln!("from the request to cancel to the result of another run: {took:?}");
}

#[test]
fn whatever_a_run_waits_for_it_is_cancelled() {
    let server = Server::start("");
    for (code, status) in [
        ("await new Promise((done) => setTimeout(done, 20000))", "running"),
        ("await tools.ask({})", "paused"),
        ("await Promise.all([tools.ask({}), new Promise((done) => setTimeout(done, 20000))])", "running"),
    ] {
        let id = server.begin(json!({ "code": code, "external": [{ "name": "ask" }], "wait": false }))["id"].clone();
        server.until(&id, status);
        std::thread::sleep(Duration::from_millis(200));
        let began = Instant::now();
        let ended = server.cancel(&id).json();
        assert_eq!(ended["status"], "cancelled", "{code}: {ended:#}");
        assert!(began.elapsed() < Duration::from_millis(500), "{code}: {:?}", began.elapsed());
        assert!(ended.get("pending").is_none());
        let is_short = ended["usage"]["wall_us"].as_u64() < Some(190_000);
        assert_eq!(is_short, status == "paused", "what it waited for people is not on its clock: {ended:#}");
    }
}

#[test]
fn who_waits_for_a_run_is_told_that_somebody_cancelled_it() {
    let server = Server::start("");
    let waiting = std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| server.begin(json!({ "code": "await new Promise((done) => setTimeout(done, 20000))" })));
        let id = loop {
            let listed = list(&server, "?status=running");
            if let Some(run) = listed["runs"].as_array().unwrap().first() {
                break run["id"].clone();
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        server.cancel(&id);
        waiting.join().unwrap()
    });
    assert_eq!(
        (&waiting["status"], &waiting["error"]["message"]),
        (&json!("cancelled"), &json!("the run was cancelled"))
    );
}

pub fn list(server: &Server, query: &str) -> Value {
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let response = server.request("GET", &format!("/v1/runs{query}"), &headers, "");
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

#[test]
fn runs_are_listed_newest_first() {
    let server = Server::start("");
    let run = |code: &str| {
        // Ids of one millisecond have no order.
        std::thread::sleep(Duration::from_millis(2));
        server.begin(json!({ "code": code, "external": [{ "name": "ask" }] }))["id"].clone()
    };
    let ids = [run("1"), run("null.x"), run("await tools.ask({})"), run("2")];
    let listed = |query: &str| -> Vec<Value> {
        list(&server, query)["runs"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect()
    };
    let mut newest = ids.to_vec();
    newest.reverse();
    assert_eq!(listed(""), newest);
    assert_eq!(listed("?status=completed"), [newest[0].clone(), newest[3].clone()]);
    assert_eq!(listed("?status=paused"), [ids[2].clone()]);
    assert_eq!(listed("?status=running"), Vec::<Value>::new());
    let failed = &list(&server, "?status=failed")["runs"][0];
    assert_eq!((&failed["error"]["kind"], &failed["status"]), (&json!("exception"), &json!("failed")));
    assert!(failed["created_at_ms"].as_u64() > Some(1_700_000_000_000), "{failed}");
    let page = list(&server, "?limit=3");
    assert_eq!(
        (page["runs"].as_array().unwrap().len(), &page["truncated"], &page["cursor"]),
        (3, &json!(true), &ids[1])
    );
    let rest = list(&server, &format!("?limit=3&cursor={}", page["cursor"].as_str().unwrap()));
    assert_eq!((&rest["runs"][0]["id"], rest.get("cursor"), &rest["truncated"]), (&ids[0], None, &json!(false)));
    for query in ["?status=gone", "?limit=0", "?limit=1001", "?limt=1", "?limit=1&limit=2"] {
        let response =
            server.request("GET", &format!("/v1/runs{query}"), &format!("authorization: Bearer {TOKEN}\r\n"), "");
        assert_eq!(response.kind(), (400, "bad_request".into()), "{query}");
    }
    assert_eq!(server.request("PUT", "/v1/runs", "", "").status, 405);
    assert_eq!(server.request("PATCH", "/v1/runs/run_1", "", "").status, 405);
    assert_eq!(server.request("GET", "/v1/runs/run_1/continue", "", "").status, 405);
}

#[test]
fn runs_of_a_stored_script_are_found_by_its_name() {
    let (server, acme, _) = two_tenants("", "");
    server.deploy(&acme, "report", "async () => 1");
    for body in [r#"{"script":"report"}"#, r#"{"script":"report@1"}"#, r#"{"code":"1"}"#] {
        assert_eq!(server.as_(acme.of("runner"), "POST", "/v1/runs", "", body).status, 200);
    }
    let listed = server.as_(acme.of("runner"), "GET", "/v1/runs?script=report", "", "").json();
    let names: Vec<&str> =
        listed["runs"].as_array().unwrap().iter().map(|run| run["script"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{listed:#}");
    assert!(names.contains(&"report") && names.contains(&"report@1"), "{listed:#}");
}

#[test]
fn events_come_in_their_order_across_a_pause() {
    let server = Server::start("");
    let code = "console.log('one'); await tools.other({}).catch(() => console.warn('two'));
        const sum = await tools.add({ a: 1 }); console.log('three'); return sum";
    let (response, events) = server.followed("/v1/runs", json!({ "code": code, "external": [{ "name": "add" }] }));
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["log", "call", "log", "call", "paused"], "{events:?}");
    assert_eq!((&events[0].data["text"], &events[2].data["level"]), (&json!("one"), &json!("warn")));
    assert_eq!((&events[1].data["verdict"], &events[3].data["verdict"]), (&json!("allow"), &json!("hold")));
    let paused = &events[4].data;
    assert_eq!((&paused["status"], &paused["pending"][0]["call"]), (&json!("paused"), &json!(2)));
    let id = paused["id"].as_str().unwrap();
    assert_eq!(response.header("x-mayfly-run"), Some(id.to_ascii_lowercase().as_str()));

    let said = json!({ "outcomes": [{ "call": 2, "value": 3 }] });
    let (_, more) = server.followed(&format!("/v1/runs/{id}/continue"), said);
    let names: Vec<&str> = more.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["log", "result"], "{more:?}");
    assert_eq!((&more[1].data["status"], &more[1].data["result"]), (&json!("completed"), &json!(3)));
    let ids: Vec<u64> = events.iter().chain(&more).map(|event| event.id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn events_are_told_when_they_happen() {
    let server = Server::start("");
    let code =
        "console.log('first'); await new Promise((done) => setTimeout(done, 400)); console.log('second'); return 1";
    let body = json!({ "code": code }).to_string();
    let mut stream = server.open("/v1/runs", "accept: text/event-stream\r\n", &body);
    let began = Instant::now();
    read_until(&mut stream, "first");
    assert!(began.elapsed() < Duration::from_millis(350), "{:?}", began.elapsed());
    let rest = read_until(&mut stream, "event: result");
    assert!(rest.contains("second") && began.elapsed() >= Duration::from_millis(380), "{:?}: {rest}", began.elapsed());
    let refused =
        server.request("POST", "/v1/runs", "authorization: Bearer mf_nobody\r\naccept: text/event-stream\r\n", &body);
    assert_eq!(refused.kind(), (401, "unauthorized".into()), "no stream for a stranger");
}

#[test]
fn a_client_that_goes_away_ends_its_run_unless_that_is_paused_or_needs_nobody() {
    let server = Server::start("");
    let sleeps = "console.log('here'); await new Promise((done) => setTimeout(done, 3000)); return 1";
    let id_of = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("x-mayfly-run: ")).expect("the run's name");
        json!(line.trim())
    };
    // In the middle of a stream.
    let mut stream = server.open("/v1/runs", "accept: text/event-stream\r\n", &json!({ "code": sleeps }).to_string());
    let id = id_of(&read_until(&mut stream, "here"));
    drop(stream);
    let ended = server.until(&id, "cancelled");
    assert_eq!(
        (&ended["error"]["message"], &ended["logs"][0]["text"]),
        (&json!("the client went away"), &json!("here"))
    );
    // While the answer is waited for.
    let stream = server.open("/v1/runs", "", &json!({ "code": sleeps }).to_string());
    let id = loop {
        if let Some(run) = list(&server, "?status=running")["runs"].as_array().unwrap().first() {
            break run["id"].clone();
        }
    };
    drop(stream);
    server.until(&id, "cancelled");
    // Paused: it can be continued by whoever comes.
    let body = json!({ "code": "await tools.ask({}); await new Promise((done) => setTimeout(done, 3000))", "external": [{ "name": "ask" }] });
    let mut stream = server.open("/v1/runs", "accept: text/event-stream\r\n", &body.to_string());
    let id = id_of(&read_until(&mut stream, "event: paused"));
    drop(stream);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.look(&id).json()["status"], "paused");
    // And ends with who continued it.
    let path = format!("/v1/runs/{}/continue", id.as_str().unwrap());
    let stream = server.open(&path, "", r#"{"outcomes":[{"call":1,"value":1}]}"#);
    server.until(&id, "running");
    drop(stream);
    server.until(&id, "cancelled");
    // One that needs nobody goes on.
    let body = json!({ "code": "console.log('here'); await new Promise((done) => setTimeout(done, 300)); return 1", "wait": false });
    let mut stream = server.open("/v1/runs", "accept: text/event-stream\r\n", &body.to_string());
    let id = id_of(&read_until(&mut stream, "here"));
    drop(stream);
    assert_eq!(server.until(&id, "completed")["result"], 1);
}
