//! In: durable runs over Cap'n Proto, and a database that somebody else writes to; calls that wait for a yes. Out: what the
//! bridge gives back, and what it sends.
//! May touch: temporary folders, loopback.
//! Security boundary: no; holds the tests of `parked/durable.rs` and `approvals.rs`.

use crate::harness::upstream::{Upstream, ok};
use crate::harness::{Bridge, Connection, Setup, allow_private, run};
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{adopted_answer, failure, park_outcome, reply, session};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn outcome(outcome: park_outcome::Reader<'_>) -> Result<(), Kind> {
    match outcome.which().unwrap() {
        park_outcome::Kept(()) => Ok(()),
        park_outcome::Refused(refused) => Err(refused.unwrap().get_kind().unwrap()),
    }
}

async fn begin(session: &session::Client) -> Result<(), Kind> {
    let mut request = session.begin_request();
    let mut to = request.get().init_run();
    to.set_run("run_1");
    to.set_sequence(1);
    to.set_created_at_ms(now_ms());
    to.set_expires_at_ms(now_ms() + 60_000);
    to.set_engine("engine");
    to.set_head(b"head");
    to.set_rest(b"rest");
    to.set_durable(true);
    let reply = request.send().promise.await.unwrap();
    outcome(reply.get().unwrap().get_outcome().unwrap())
}

async fn log(session: &session::Client, number: u64) -> Result<(), Kind> {
    let mut request = session.log_request();
    request.get().set_number(number);
    request.get().set_entry(format!("entry {number}").as_bytes());
    let reply = request.send().promise.await.unwrap();
    outcome(reply.get().unwrap().get_outcome().unwrap())
}

/// The entries of the run that nobody has, with its session.
async fn adopt(connection: &Connection) -> Result<(Vec<String>, session::Client), Kind> {
    let mut request = connection.bridge.adopt_request();
    let mut orphan = request.get().init_orphan();
    orphan.set_tenant("acme");
    orphan.set_run("run_1");
    orphan.set_sequence(1);
    let reply = request.send().promise.await.unwrap();
    let reply = reply.get().unwrap();
    match reply.get_answer().unwrap().which().unwrap() {
        adopted_answer::Adopted(adopted) => {
            let entries = adopted.unwrap().get_entries().unwrap().iter();
            let entries = entries.map(|entry| String::from_utf8(entry.unwrap().to_vec()).unwrap()).collect();
            Ok((entries, reply.get_session().unwrap()))
        }
        adopted_answer::Refused(refused) => Err(refused.unwrap().get_kind().unwrap()),
    }
}

/// A run with four entries that nobody has.
async fn orphaned() -> (Bridge, Connection) {
    let mut setup = Setup::new();
    let token = setup.tenant("acme", "");
    let bridge = setup.start();
    let opened = bridge.session(&token).await;
    begin(&opened.session).await.unwrap();
    for number in 1..=4 {
        log(&opened.session, number).await.unwrap();
    }
    drop(opened);
    let connection = bridge.connect().await;
    loop {
        let mut request = connection.bridge.orphans_request();
        request.get().set_limit(5);
        let found = request.send().promise.await.unwrap();
        if found.get().unwrap().get_runs().unwrap().len() == 1 {
            return (bridge, connection);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_durable_run_is_given_to_one_who_goes_on_with_it() {
    run(async {
        let (bridge, connection) = orphaned().await;
        let (entries, session) = adopt(&connection).await.unwrap();
        assert_eq!(entries, ["entry 1", "entry 2", "entry 3", "entry 4"]);
        assert_eq!(adopt(&connection).await.err(), Some(Kind::Changed));
        assert_eq!(log(&session, 5).await, Ok(()));
        drop(session);
        let folder = bridge.folder.path().join("state");
        for entry in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(7).any(|window| window == b"entry 1"), "{:?}", entry.path());
        }
    });
}

#[test]
fn entries_that_were_altered_left_out_or_moved_are_refused() {
    for harm in [
        "UPDATE run_entries SET entry = CAST(x'00' || substr(entry, 2) AS BLOB) WHERE number = 2",
        "UPDATE run_entries SET entry = substr(entry, 1, length(entry) - 1) WHERE number = 4",
        "DELETE FROM run_entries WHERE number = 2",
        "UPDATE run_entries SET entry = (SELECT entry FROM run_entries WHERE number = 1) WHERE number = 3",
        "UPDATE run_entries SET number = number + 10 WHERE number = 1",
        "UPDATE parked_runs SET rest = head",
    ] {
        run(async move {
            let (bridge, connection) = orphaned().await;
            let database = rusqlite::Connection::open(bridge.folder.path().join("state/mayfly.db")).unwrap();
            assert!(database.execute(harm, ()).unwrap() > 0, "{harm}");
            assert_eq!(adopt(&connection).await.err(), Some(Kind::Internal), "{harm}");
        });
    }
}

#[test]
fn a_yes_that_nobody_gave_is_none() {
    run(async {
        let upstream = Upstream::http(|_| ok("sent"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let rule = allow_private("api", &upstream.url("/**"));
        let token = setup.tenant("acme", &format!("{rule}hold = true\n"));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let ask = async |approved: bool| {
            let mut request = opened.session.fetch_request();
            let mut to = request.get().init_ask();
            to.set_call(1);
            to.set_method("POST");
            to.set_url(upstream.url("/x"));
            to.set_body(b"body");
            to.set_call_ms(5_000);
            to.set_response_bytes(1_000);
            to.set_approved(approved);
            let reply = request.send().promise.await.unwrap();
            let reply = reply.get().unwrap().get_reply().unwrap();
            match reply.which().unwrap() {
                reply::Held(held) => Ok(held.unwrap().get_digest().unwrap().to_vec()),
                reply::Failure(failure) => {
                    let failure = failure.unwrap();
                    assert_eq!(failure.get_kind().unwrap(), failure::Kind::Policy);
                    Err(failure.get_reason().unwrap().to_string().unwrap())
                }
                _ => panic!("it was sent"),
            }
        };
        assert_eq!(ask(false).await.unwrap().len(), 32);
        assert_eq!(ask(true).await, Err("not_approved".to_owned()));
        assert_eq!(upstream.count(), 0);
    });
}
