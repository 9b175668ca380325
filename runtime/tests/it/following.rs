//! The events of a run, told again and from anywhere on.

use crate::harness::runs::{Event, events, read_until};
use crate::harness::server::{Response, Server, TOKEN, mayfly};
use crate::harness::tenants::two_tenants;
use crate::runs::list;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const CODE: &str = "console.log('one'); await tools.other({}).catch(() => console.warn('two'));
    const sum = await tools.add({ a: 1 }); console.log('three'); return sum";

fn path(id: &Value) -> String {
    format!("/v1/runs/{}/events", id.as_str().unwrap())
}

fn after(server: &Server, id: &Value, seen: u64) -> Response {
    let headers = format!("authorization: Bearer {TOKEN}\r\naccept: text/event-stream\r\nlast-event-id: {seen}\r\n");
    server.request("GET", &path(id), &headers, "")
}

/// A stream that the test reads by itself.
fn open(server: &Server, id: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    let head = format!("GET {} HTTP/1.1\r\nhost: mayfly\r\nauthorization: Bearer {TOKEN}\r\n\r\n", path(id));
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

fn names(events: &[Event]) -> Vec<(u64, &str)> {
    events.iter().map(|event| (event.id, event.name.as_str())).collect()
}

fn begun(server: &Server) -> (Value, Vec<Event>) {
    let (_, told) = server.followed("/v1/runs", json!({ "code": CODE, "external": [{ "name": "add" }] }));
    (told.last().unwrap().data["id"].clone(), told)
}

#[test]
fn an_ended_run_tells_its_events_under_the_same_numbers() {
    let server = Server::start("");
    let (id, mut told) = begun(&server);
    let said = json!({ "outcomes": [{ "call": 2, "value": 3 }] });
    told.extend(server.followed(&format!("/v1/runs/{}/continue", id.as_str().unwrap()), said).1);
    told.retain(|event| event.name != "paused");
    let again = events(&after(&server, &id, 0).text);
    assert_eq!(names(&again), names(&told));
    assert_eq!(names(&again), [(1, "log"), (2, "call"), (3, "log"), (4, "call"), (6, "log"), (7, "result")]);
    for (again, told) in again.iter().zip(&told).filter(|(again, _)| again.id != 4) {
        assert_eq!(again.data, told.data);
    }
    assert_eq!(again[3].data["verdict"], "allow", "a call that was answered since");
    for seen in 0..7 {
        let rest = events(&after(&server, &id, seen).text);
        let expected: Vec<u64> = [1, 2, 3, 4, 6, 7].into_iter().filter(|id| *id > seen).collect();
        assert_eq!(rest.iter().map(|event| event.id).collect::<Vec<_>>(), expected, "{seen}");
    }
    assert_eq!(after(&server, &id, 7).status, 204, "nothing comes any more");
    assert_eq!(after(&server, &id, 70).status, 204);
}

#[test]
fn a_run_is_followed_through_its_pauses_to_its_end() {
    let server = Server::start_with("[runtime]\npark_after_ms = 900000\n", "", &[]);
    let (id, _) = begun(&server);
    let mut stream = open(&server, &id);
    let head = read_until(&mut stream, "event: paused");
    assert!(head.contains("text/event-stream") && head.contains("\"one\"") && head.contains("\"two\""), "{head}");
    let mut late = open(&server, &id);
    read_until(&mut late, "event: paused");
    server.answer(&id, 2, json!(3));
    for stream in [&mut stream, &mut late] {
        let rest = read_until(stream, "\r\n0\r\n\r\n");
        assert_eq!(names(&events(&rest)), [(6, "log"), (7, "result")], "{rest}");
    }
}

#[test]
fn events_are_followed_when_they_happen() {
    let server = Server::start("");
    let code =
        "console.log('first'); await new Promise((done) => setTimeout(done, 400)); console.log('second'); return 1";
    let id = server.begin(json!({ "code": code, "wait": false }))["id"].clone();
    let mut stream = open(&server, &id);
    let began = Instant::now();
    read_until(&mut stream, "first");
    assert!(began.elapsed() < Duration::from_millis(350), "{:?}", began.elapsed());
    let rest = read_until(&mut stream, "\r\n0\r\n\r\n");
    assert_eq!(names(&events(&rest)), [(2, "log"), (3, "result")]);
    let mut stream =
        open(&server, &server.begin(json!({ "code": "for (;;);", "wait": false, "limits": { "cpu_ms": 300 } }))["id"]);
    let rest = read_until(&mut stream, "\r\n0\r\n\r\n");
    assert_eq!(names(&events(&rest)), [(1, "result")]);
    assert_eq!(events(&rest)[0].data["error"]["kind"], "cpu_limit");
}

#[test]
fn a_stream_says_that_it_is_still_there_while_nothing_happens() {
    let server = Server::start_with("[runtime]\npark_after_ms = 900000\n", "", &[]);
    let (id, _) = begun(&server);
    let mut stream = open(&server, &id);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let began = Instant::now();
    read_until(&mut stream, "\n: still here\n\n");
    assert!(began.elapsed() > Duration::from_secs(14), "{:?}", began.elapsed());
    server.cancel(&id);
    assert_eq!(names(&events(&read_until(&mut stream, "\r\n0\r\n\r\n"))), [(6, "result")]);
}

#[test]
fn who_follows_ends_nothing_by_going_away() {
    let server = Server::start("");
    let code = "console.log('here'); await new Promise((done) => setTimeout(done, 400)); return 1";
    let id = server.begin(json!({ "code": code, "wait": false }))["id"].clone();
    let mut stream = open(&server, &id);
    read_until(&mut stream, "here");
    drop(stream);
    assert_eq!(server.until(&id, "completed")["result"], 1);
}

#[test]
fn a_run_that_leaves_memory_ends_its_streams_and_is_told_from_the_store() {
    let server = Server::start_with("[runtime]\npark_after_ms = 300\n", "", &[]);
    let (id, _) = begun(&server);
    let mut stream = open(&server, &id);
    read_until(&mut stream, "event: paused");
    let last = read_until(&mut stream, "\r\n0\r\n\r\n");
    assert_eq!(names(&events(&last)), [(5, "paused")], "once more, before it ends: {last}");
    assert!(server.says("\"message\":\"parked\""));
    let told = events(&after(&server, &id, 0).text);
    assert_eq!(names(&told), [(1, "log"), (2, "call"), (3, "log"), (4, "call"), (5, "paused")]);
    assert_eq!((&told[2].data["text"], &told[4].data["pending"][0]["call"]), (&json!("two"), &json!(2)));
    assert_eq!(names(&events(&after(&server, &id, 3).text)), [(4, "call"), (5, "paused")]);
    assert_eq!((after(&server, &id, 5).status, events(&after(&server, &id, 5).text).len()), (200, 0));
    // It comes back with its numbers.
    let said = json!({ "outcomes": [{ "call": 2, "value": 3 }] });
    let (_, more) = server.followed(&format!("/v1/runs/{}/continue", id.as_str().unwrap()), said);
    assert_eq!(names(&more), [(6, "log"), (7, "result")]);
    let all = events(&after(&server, &id, 0).text);
    assert_eq!(names(&all), [(1, "log"), (2, "call"), (3, "log"), (4, "call"), (6, "log"), (7, "result")]);
}

#[test]
fn a_parked_run_that_is_over_says_so() {
    let server = Server::start_with("[runtime]\npark_after_ms = 0\npause_ms = 400\n", "", &[]);
    let (id, _) = begun(&server);
    server.until(&id, "cancelled");
    let told = events(&after(&server, &id, 4).text);
    assert_eq!(names(&told), [(6, "result")]);
    assert_eq!((&told[0].data["status"], told[0].data.get("pending")), (&json!("cancelled"), None));
    assert_eq!(after(&server, &id, 6).status, 204);
}

#[test]
fn a_run_has_so_many_who_follow_it_and_no_more() {
    let server = Server::start_with("[runtime]\npark_after_ms = 900000\n", "", &[]);
    let (id, _) = begun(&server);
    let mut streams: Vec<TcpStream> = (0..64).map(|_| open(&server, &id)).collect();
    streams.iter_mut().for_each(|stream| drop(read_until(stream, "event: paused")));
    let (status, kind, detail) = after(&server, &id, 0).problem();
    assert_eq!((status, kind.as_str()), (429, "quota"), "{detail}");
    drop(streams.pop());
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let mut stream = open(&server, &id);
        if read_until(&mut stream, "\r\n\r\n").starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(Instant::now() < until, "no place comes free");
    }
}

#[test]
fn events_are_told_to_their_tenant_alone() {
    let (server, acme, evil) = two_tenants("", "");
    let ended = server.as_(acme.of("runner"), "POST", "/v1/runs", "", r#"{"code":"return 1"}"#).json();
    let path = path(&ended["id"]);
    assert_eq!(server.as_(evil.of("admin"), "GET", &path, "", "").kind(), (404, "not_found".into()));
    assert_eq!(server.as_("mf_nobody", "GET", &path, "last-event-id: x\r\n", "").kind(), (401, "unauthorized".into()));
    let told = server.as_(acme.of("auditor"), "GET", &path, "", "");
    assert_eq!(names(&events(&told.text)), [(1, "result")]);
    let wrong = server.as_(acme.of("runner"), "GET", &path, "last-event-id: x\r\n", "");
    assert_eq!(wrong.kind(), (400, "bad_request".into()));
    assert_eq!(server.as_(acme.of("runner"), "POST", &path, "", "").status, 405);
    assert_eq!(server.as_(acme.of("runner"), "GET", "/v1/runs/run_1/events", "", "").status, 404);
}

#[test]
fn a_durable_run_is_told_after_its_server_is_gone() {
    let server = Server::start("");
    let body = json!({ "code": "console.log('one'); await tools.no({}).catch(() => 0); console.log('two'); return 3", "durable": true, "tags": { "user": "ann" } });
    let (_, told) = server.followed("/v1/runs", body);
    let id = told.last().unwrap().data["id"].clone();
    let server = Server::start_by(mayfly(), server.stop());
    let again = events(&after(&server, &id, 0).text);
    assert_eq!(names(&again), names(&told));
    assert_eq!(names(&again), [(1, "log"), (2, "call"), (3, "log"), (4, "result")]);
    assert_eq!((&again[3].data["result"], &again[3].data["tags"]["user"]), (&json!(3), &json!("ann")));
    assert_eq!(names(&events(&after(&server, &id, 3).text)), [(4, "result")]);
    assert_eq!(after(&server, &id, 4).status, 204);
    let found = list(&server, "?tag=user:ann&status=completed");
    assert_eq!(found["runs"][0]["id"], id, "{found:#}");
}
