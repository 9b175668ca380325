//! In: runs that are parked and taken up over Cap'n Proto, and a database that somebody else writes to. Out: what the bridge
//! gives back, which is what it was given or nothing.
//! May touch: temporary folders.
//! Security boundary: no; holds the tests of `parked.rs` and `seal.rs`.

use crate::harness::{Bridge, Connection, Setup, run, until};
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{
    looked_at, open_parked_answer, park_outcome, parked_head, parked_runs, session, taken_up,
};
use rusqlite::types::Value;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

const IMAGE: &[u8] = b"image: canary-of-a-parked-run";
const ENGINE: &str = "engine-digest";

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn bridge() -> (Bridge, String, String) {
    let mut setup = Setup::new();
    // Each take counts as a run.
    let limits = "[limits]\nruns_per_minute = 1000000\n";
    let (acme, evil) = (setup.tenant("acme", limits), setup.tenant("evil", ""));
    (setup.start(), acme, evil)
}

/// What the answer of a refusal is, and nothing where there is none.
async fn park(session: &session::Client, run: &str, sequence: u64, image: &[u8]) -> Result<(), Kind> {
    let mut request = session.park_request();
    let mut to = request.get().init_run();
    to.set_run(run);
    to.set_sequence(sequence);
    to.set_created_at_ms(now_ms());
    to.set_expires_at_ms(now_ms() + 60_000);
    to.set_engine(ENGINE);
    to.set_head(format!("head {sequence}").as_bytes());
    to.set_rest(b"rest");
    to.set_image(image);
    let reply = request.send().promise.await.unwrap();
    match reply.get().unwrap().get_outcome().unwrap().which().unwrap() {
        park_outcome::Kept(()) => Ok(()),
        park_outcome::Refused(refused) => Err(refused.unwrap().get_kind().unwrap()),
    }
}

async fn runs(connection: &Connection, token: &str) -> parked_runs::Client {
    let mut request = connection.bridge.open_parked_request();
    let mut ask = request.get().init_ask();
    ask.set_token(token.as_bytes());
    ask.set_act(true);
    let reply = request.send().promise.await.unwrap();
    let reply = reply.get().unwrap();
    assert!(matches!(reply.get_answer().unwrap().which().unwrap(), open_parked_answer::Admitted(_)));
    reply.get_parked().unwrap()
}

async fn take(runs: &parked_runs::Client, run: &str, sequence: u64) -> Result<(Vec<u8>, session::Client), Kind> {
    let mut request = runs.take_request();
    request.get().set_run(run);
    request.get().set_sequence(sequence);
    let reply = request.send().promise.await.unwrap();
    let reply = reply.get().unwrap();
    match reply.get_answer().unwrap().which().unwrap() {
        taken_up::Run(run) => {
            let run = run.unwrap();
            assert_eq!(run.get_rest().unwrap(), b"rest");
            Ok((run.get_image().unwrap().to_vec(), reply.get_session().unwrap()))
        }
        taken_up::Refused(refused) => Err(refused.unwrap().get_kind().unwrap()),
    }
}

async fn look(runs: &parked_runs::Client, run: &str) -> Result<(u64, Vec<u8>, parked_head::State), Kind> {
    let mut request = runs.look_request();
    request.get().set_run(run);
    let reply = request.send().promise.await.unwrap();
    match reply.get().unwrap().get_answer().unwrap().which().unwrap() {
        looked_at::Parked(head) => {
            let head = head.unwrap();
            Ok((head.get_sequence(), head.get_head().unwrap().to_vec(), head.get_state().unwrap()))
        }
        looked_at::Refused(refused) => Err(refused.unwrap().get_kind().unwrap()),
    }
}

fn database(bridge: &Bridge) -> PathBuf {
    bridge.folder.path().join("state/mayfly.db")
}

#[test]
fn a_run_is_given_back_as_it_was_to_one_taker_of_its_tenant() {
    run(async {
        let (bridge, acme, evil) = bridge();
        let opened = bridge.session(&acme).await;
        // The harness's sessions are all of one run.
        assert_eq!(park(&opened.session, "run_2", 1, IMAGE).await, Err(Kind::Invalid), "a session parks its own run");
        assert_eq!(park(&opened.session, "run_1", 1, IMAGE).await, Ok(()));
        drop(opened);
        let connection = bridge.connect().await;
        let (own, others) = (runs(&connection, &acme).await, runs(&connection, &evil).await);
        assert_eq!(look(&others, "run_1").await, Err(Kind::NotFound));
        assert_eq!(take(&others, "run_1", 1).await.err(), Some(Kind::NotFound));
        assert_eq!(look(&own, "run_1").await, Ok((1, b"head 1".to_vec(), parked_head::State::Parked)));
        let (image, session) = take(&own, "run_1", 1).await.unwrap();
        assert_eq!(image, IMAGE);
        assert_eq!(take(&own, "run_1", 1).await.err(), Some(Kind::Changed));
        assert_eq!(park(&session, "run_1", 1, IMAGE).await, Err(Kind::Changed), "the next sequence is 2");
        assert_eq!(park(&session, "run_1", 2, b"another").await, Ok(()));
        let (image, session) = take(&own, "run_1", 2).await.unwrap();
        assert_eq!(image, b"another");
        session.ended_request().send().promise.await.unwrap();
        assert_eq!(look(&own, "run_1").await, Err(Kind::NotFound));
        drop((session, own, others, connection));
        let audit = bridge.stop();
        for action in ["park", "take"] {
            assert!(audit.contains(&format!("\"action\":\"{action}\"")), "{audit}");
        }
    });
}

#[test]
fn who_goes_away_without_a_word_leaves_a_lost_run() {
    run(async {
        let (bridge, acme, _) = bridge();
        let opened = bridge.session(&acme).await;
        assert_eq!(park(&opened.session, "run_1", 1, IMAGE).await, Ok(()));
        let connection = bridge.connect().await;
        let own = runs(&connection, &acme).await;
        let other = bridge.connect().await;
        let (_, session) = take(&runs(&other, &acme).await, "run_1", 1).await.unwrap();
        assert_eq!(look(&own, "run_1").await.unwrap().2, parked_head::State::Taken);
        other.cut();
        drop(session);
        while look(&own, "run_1").await.unwrap().2 != parked_head::State::Lost {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(take(&own, "run_1", 1).await.err(), Some(Kind::Changed));
    });
}

#[test]
fn who_goes_away_while_a_run_is_being_given_to_it_leaves_a_lost_run() {
    run(async {
        let (bridge, acme, _) = bridge();
        let opened = bridge.session(&acme).await;
        park(&opened.session, "run_1", 1, IMAGE).await.unwrap();
        let connection = bridge.connect().await;
        let own = runs(&connection, &acme).await;
        // The store cannot write before the taker is gone.
        let held = rusqlite::Connection::open(database(&bridge)).unwrap();
        held.execute_batch("BEGIN IMMEDIATE").unwrap();
        let other = bridge.connect().await;
        let theirs = runs(&other, &acme).await;
        let mut request = theirs.take_request();
        request.get().set_run("run_1");
        request.get().set_sequence(1);
        let taking = tokio::task::spawn_local(request.send().promise);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        other.cut();
        let _ = taking.await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(look(&own, "run_1").await.unwrap().2, parked_head::State::Parked);
        held.execute_batch("COMMIT").unwrap();
        while look(&own, "run_1").await.unwrap().2 != parked_head::State::Lost {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn nothing_of_a_run_can_be_read_in_the_database() {
    run(async {
        let (bridge, acme, _) = bridge();
        let opened = bridge.session(&acme).await;
        assert_eq!(park(&opened.session, "run_1", 1, IMAGE).await, Ok(()));
        let folder = bridge.folder.path().join("state");
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            let bytes = std::fs::read(entry.path()).unwrap();
            files += 1;
            for canary in [&b"canary-of"[..], b"head 1"] {
                assert!(!bytes.windows(canary.len()).any(|window| window == canary), "{:?}", entry.path());
            }
        }
        assert!(files >= 3, "database, log, key");
    });
}

/// All rows of the table, as they are written back.
struct Table {
    database: rusqlite::Connection,
    rows: Vec<Vec<Value>>,
}

/// Columns of `parked_runs`.
const COLUMNS: [&str; 16] = [
    "tenant",
    "run",
    "sequence",
    "created_at_ms",
    "expires_at_ms",
    "gone_at_ms",
    "engine",
    "script",
    "state",
    "process",
    "holder",
    "bytes",
    "head",
    "rest",
    "image",
    "durable",
];
const SEQUENCE: usize = 2;
const HEAD: usize = 12;

impl Table {
    fn open(bridge: &Bridge) -> Table {
        let database = rusqlite::Connection::open(database(bridge)).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        // What is thrown away at the next alteration need not reach the disk.
        database.pragma_update(None, "synchronous", "off").unwrap();
        Table { database, rows: Vec::new() }
    }

    fn read(&self) -> Vec<Vec<Value>> {
        let sql = format!("SELECT {} FROM parked_runs ORDER BY tenant, run", COLUMNS.join(", "));
        let mut statement = self.database.prepare(&sql).unwrap();
        let rows = statement.query_map((), |row| (0..COLUMNS.len()).map(|at| row.get(at)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn write(&self, rows: &[Vec<Value>]) {
        self.database.execute("DELETE FROM parked_runs", ()).unwrap();
        let places = vec!["?"; COLUMNS.len()].join(", ");
        for row in rows {
            let values = rusqlite::params_from_iter(row);
            self.database.execute(&format!("INSERT INTO parked_runs VALUES ({places})"), values).unwrap();
        }
    }
}

fn altered(value: &Value, seed: usize) -> Value {
    match value {
        Value::Blob(bytes) if seed.is_multiple_of(5) => Value::Blob(bytes[..seed % bytes.len()].to_vec()),
        Value::Blob(bytes) => {
            let (mut bytes, bit) = (bytes.clone(), seed * 7_919 % (bytes.len() * 8));
            bytes[bit / 8] ^= 1 << (bit % 8);
            Value::Blob(bytes)
        }
        Value::Integer(number) => Value::Integer(number + 1 + (seed % 3) as i64),
        Value::Text(text) => Value::Text(format!("{text}{}", seed % 10)),
        other => other.clone(),
    }
}

/// `MAYFLY_ALTERATIONS=10000` for more of them.
#[test]
fn a_record_that_was_altered_swapped_or_rolled_back_is_refused() {
    let count: usize = std::env::var("MAYFLY_ALTERATIONS").map_or(300, |count| count.parse().unwrap());
    run(async {
        let (bridge, acme, evil) = bridge();
        let opened = bridge.session(&acme).await;
        park(&opened.session, "run_1", 1, IMAGE).await.unwrap();
        let mut table = Table::open(&bridge);
        let before = table.read();
        let connection = bridge.connect().await;
        let own = runs(&connection, &acme).await;
        let (_, session) = take(&own, "run_1", 1).await.unwrap();
        park(&session, "run_1", 2, IMAGE).await.unwrap();
        let other = bridge.session(&evil).await;
        park(&other.session, "run_1", 1, IMAGE).await.unwrap();
        table.rows = table.read();
        let [ours, theirs] = &table.rows[..] else { panic!("two rows") };
        // The parts of a record each for themselves, and all but what says which moment it is of.
        let mut wrong = Vec::new();
        for at in [HEAD, HEAD + 1, HEAD + 2] {
            for foreign in [&before[0], theirs] {
                let mut row = ours.clone();
                row[at] = foreign[at].clone();
                wrong.push(row);
            }
            let mut row = ours.clone();
            row[at] = ours[HEAD + (at - HEAD + 1) % 3].clone();
            wrong.push(row);
        }
        let mut older = before[0].clone();
        older[SEQUENCE] = ours[SEQUENCE].clone();
        wrong.push(older);
        let mut stranger = theirs.clone();
        (stranger[0], stranger[SEQUENCE]) = (ours[0].clone(), ours[SEQUENCE].clone());
        wrong.push(stranger);
        // Bound are those of which something follows; `gone_at_ms` decides only how long it is told of.
        let bound = [3, 4, 6, HEAD, HEAD + 1, HEAD + 2, HEAD + 3];
        for seed in 0..count {
            let at = bound[seed % bound.len()];
            let mut row = ours.clone();
            row[at] = altered(&row[at], seed / bound.len());
            wrong.push(row);
        }
        for row in wrong {
            table.write(std::slice::from_ref(&row));
            assert_eq!(take(&own, "run_1", 2).await.err(), Some(Kind::Internal), "{row:?}");
        }
        // A whole row of before: it was taken once, and is not again.
        table.write(&before);
        assert_eq!(take(&own, "run_1", 1).await.err(), Some(Kind::Internal));
        table.write(&table.rows);
        assert_eq!(take(&own, "run_1", 2).await.unwrap().0, IMAGE, "as it was it is accepted");
    });
}

#[test]
fn another_key_opens_nothing_and_says_so() {
    run(async {
        let (bridge, acme, _) = bridge();
        let opened = bridge.session(&acme).await;
        park(&opened.session, "run_1", 1, IMAGE).await.unwrap();
        drop(opened);
        let state = bridge.folder.path().join("state");
        let copy = tempfile::tempdir().unwrap();
        until("the log is there", || state.join("mayfly.db-wal").exists()).await;
        for entry in std::fs::read_dir(&state).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        let mut setup = Setup::new();
        setup.settings.state = Some(copy.path().to_owned());
        setup.settings.master_key = Some(format!("file:{}", copy.path().join("other.key").display()));
        std::fs::write(copy.path().join("other.key"), "0f".repeat(32)).unwrap();
        let token = setup.tenant("acme", "");
        let second = setup.start();
        let connection = second.connect().await;
        assert_eq!(look(&runs(&connection, &token).await, "run_1").await, Err(Kind::Internal));
    });
}
