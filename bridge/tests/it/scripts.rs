//! In: asks for stored scripts as a runtime makes them, and as one would that was taken over. Out: what each may have.
//! May touch: temporary folders.
//! Security boundary: no; holds the tests of trigger, deploy, shelf and routes.

use crate::harness::*;
use mayfly_bridge::new_token;
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{
    listed, open_script_answer, open_scripts_answer, script_answer, scripts, session, written,
};
use std::time::{Duration, Instant};

/// Who asks for what.
#[derive(Clone, Default)]
struct Open<'a> {
    token: &'a str,
    named: Option<(&'a str, &'a str)>,
    routed: (&'a str, &'a str),
    known: Vec<Vec<u8>>,
    begun: Vec<u8>,
}

#[derive(Debug)]
struct Admitted {
    tenant: String,
    name: String,
    version: u64,
    digest: Vec<u8>,
    /// Missing where it was known.
    source: Option<String>,
    public: bool,
    tag: Vec<u8>,
}

type Answer = Result<Option<Admitted>, (Kind, String)>;

async fn open(connection: &Connection, ask: &Open<'_>) -> (Answer, session::Client) {
    let mut request = connection.bridge.open_script_request();
    let mut to = request.get().init_ask();
    to.set_token(ask.token.as_bytes());
    to.set_run("run_1");
    to.set_begun(&ask.begun);
    let mut known = to.reborrow().init_known(ask.known.len() as u32);
    for (at, digest) in (0..).zip(&ask.known) {
        known.set(at, digest);
    }
    match ask.named {
        Some((tenant, script)) => {
            let mut named = to.init_named();
            named.set_tenant(tenant);
            named.set_script(script);
        }
        None => {
            let mut routed = to.init_routed();
            routed.set_host(ask.routed.0);
            routed.set_path(ask.routed.1);
        }
    }
    let sent = request.send();
    let session = sent.pipeline.get_session();
    let response = sent.promise.await.unwrap();
    let answer = match response.get().unwrap().get_answer().unwrap().which().unwrap() {
        open_script_answer::Confirmed(()) => Ok(None),
        open_script_answer::Refused(refused) => {
            let refused = refused.unwrap();
            Err((refused.get_kind().unwrap(), refused.get_detail().unwrap().to_string().unwrap()))
        }
        open_script_answer::Admitted(admitted) => {
            let admitted = admitted.unwrap();
            let script = admitted.get_script().unwrap();
            let info = script.get_info().unwrap();
            let source = script.has_content().then(|| {
                let modules = script.get_content().unwrap().get_modules().unwrap();
                modules.get(0).get_source().unwrap().to_string().unwrap()
            });
            Ok(Some(Admitted {
                tenant: admitted.get_admission().unwrap().get_tenant().unwrap().to_string().unwrap(),
                name: info.get_name().unwrap().to_string().unwrap(),
                version: info.get_version(),
                digest: info.get_digest().unwrap().to_vec(),
                source,
                public: admitted.get_public(),
                tag: admitted.get_tag().unwrap().to_vec(),
            }))
        }
    };
    (answer, session)
}

async fn admitted(connection: &Connection, ask: &Open<'_>) -> Admitted {
    open(connection, ask).await.0.unwrap().expect("admitted")
}

async fn refused(connection: &Connection, ask: &Open<'_>) -> Kind {
    open(connection, ask).await.0.expect_err("refused").0
}

fn named<'a>(token: &'a str, tenant: &'a str, script: &'a str) -> Open<'a> {
    Open { token, named: Some((tenant, script)), ..Open::default() }
}

async fn desk(connection: &Connection, token: &str, write: bool) -> Result<scripts::Client, Kind> {
    let mut request = connection.bridge.open_scripts_request();
    let mut ask = request.get().init_ask();
    ask.set_token(token.as_bytes());
    ask.set_write(write);
    let response = request.send().promise.await.unwrap();
    let response = response.get().unwrap();
    match response.get_answer().unwrap().which().unwrap() {
        open_scripts_answer::Admitted(_) => Ok(response.get_scripts().unwrap()),
        open_scripts_answer::Refused(refused) => Err(refused.unwrap().get_kind().unwrap()),
    }
}

async fn put(desk: &scripts::Client, name: &str, modules: &[(&str, &str)]) -> Result<u64, Kind> {
    let mut request = desk.put_request();
    request.get().set_name(name);
    let mut content = request.get().init_content();
    content.set_main("main.ts");
    let mut list = content.init_modules(modules.len() as u32);
    for (at, (name, source)) in (0..).zip(modules) {
        let mut module = list.reborrow().get(at);
        module.set_name(name);
        module.set_source(source);
    }
    let response = request.send().promise.await.unwrap();
    match response.get().unwrap().get_outcome().unwrap().which().unwrap() {
        written::Stored(stored) => Ok(stored.get_script().unwrap().get_version()),
        written::Refused(refused) => Err(refused.unwrap().get_kind().unwrap()),
    }
}

async fn deploy(connection: &Connection, token: &str, name: &str, source: &str) -> u64 {
    let desk = desk(connection, token, true).await.unwrap();
    put(&desk, name, &[("main.ts", source)]).await.unwrap()
}

/// A tenant whose token deploys.
fn deployer(setup: &Setup, name: &str, rest: &str) -> String {
    let (token, text) = tenant_file(name, rest);
    setup.write(name, &text.replacen("runner", "deployer", 1));
    token
}

/// Whether a session came with the answer: what is called on a null capability fails.
async fn lives(session: &session::Client) -> bool {
    send(session, &get("http://nowhere.test/")).await.is_ok()
}

#[test]
fn a_script_is_found_by_name_and_its_text_is_sent_once() {
    run(async {
        let setup = Setup::new();
        let token = deployer(&setup, "acme", "[[script]]\nname = \"open\"\npublic = true\n");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        deploy(&connection, &token, "open", "text").await;
        let first = admitted(&connection, &named("", "acme", "open")).await;
        assert_eq!((first.tenant.as_str(), first.name.as_str(), first.version), ("acme", "open", 1));
        assert_eq!((first.source.as_deref(), first.public), (Some("text"), true));
        let known = Open { known: vec![vec![9; 32], first.digest.clone()], ..named("", "acme", "open") };
        assert_eq!(admitted(&connection, &known).await.source, None);
        deploy(&connection, &token, "open", "other").await;
        assert_eq!(admitted(&connection, &known).await.source.as_deref(), Some("other"));
        // What is asked for in vain is no reason to break.
        let strange = Open { known: vec![Vec::new(), vec![1; 3], vec![2; 1_000]], ..known };
        assert_eq!(admitted(&connection, &strange).await.version, 2);
    });
}

#[test]
fn who_has_begun_is_confirmed_or_has_reached_nothing() {
    run(async {
        let setup = Setup::new();
        let public = "[[script]]\nname = \"open\"\npublic = true\n";
        let token = deployer(&setup, "acme", public);
        let settings = setup.settings.clone();
        let bridge = setup.start();
        let connection = bridge.connect().await;
        deploy(&connection, &token, "open", "1").await;
        let first = admitted(&connection, &named("", "acme", "open")).await;
        let begun =
            |tag: &[u8]| Open { begun: tag.to_vec(), known: vec![first.digest.clone()], ..named("", "acme", "open") };
        let (answer, session) = open(&connection, &begun(&first.tag)).await;
        assert!(matches!(answer, Ok(None)) && lives(&session).await, "{answer:?}");
        for wrong in [&[7; 32][..], &first.tag[1..], b"x"] {
            let (answer, session) = open(&connection, &begun(wrong)).await;
            assert!(matches!(answer, Err((Kind::Changed, _))) && !lives(&session).await, "{answer:?}");
        }
        deploy(&connection, &token, "open", "2").await;
        let (answer, session) = open(&connection, &begun(&first.tag)).await;
        assert!(matches!(answer, Err((Kind::Changed, _))) && !lives(&session).await, "{answer:?}");
        // The same text again under other limits is not what was begun on.
        let second = admitted(&connection, &named("", "acme", "open")).await;
        let (_, text) = tenant_file("acme", &format!("{public}[limits]\ncpu_ms = 5\n"));
        write_tenant(&settings, "acme", &text);
        let started = Instant::now();
        while open(&connection, &begun(&second.tag)).await.0.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn a_private_script_is_its_own_tenants() {
    run(async {
        let mut setup = Setup::new();
        let token = deployer(&setup, "acme", "");
        let evil = setup.tenant("evil", "");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        deploy(&connection, &token, "secret", "1").await;
        assert_eq!(admitted(&connection, &named(&token, "acme", "secret")).await.version, 1);
        for script in ["secret", "nothing", "..", ""] {
            assert_eq!(refused(&connection, &named("", "acme", script)).await, Kind::Unauthorized, "{script}");
            assert_eq!(
                refused(&connection, &named(&new_token().0, "acme", script)).await,
                Kind::Unauthorized,
                "{script}"
            );
            assert_eq!(refused(&connection, &named(&evil, "acme", script)).await, Kind::NotFound, "{script}");
        }
        for tenant in ["nobody", "", "acme/secret", "ACME"] {
            assert_eq!(refused(&connection, &named(&token, tenant, "secret")).await, Kind::NotFound, "{tenant}");
            assert_eq!(refused(&connection, &named("", tenant, "secret")).await, Kind::Unauthorized, "{tenant}");
        }
    });
}

#[test]
fn routes_lead_to_scripts_and_hosts_are_told() {
    run(async {
        let mut setup = Setup::new();
        setup.settings.host = Some("main.test".into());
        let token = deployer(
            &setup,
            "acme",
            "[[script]]\nname = \"a\"\npublic = true\n[[route]]\nhost = \"own.test\"\npath = \"/x/*\"\nscript = \"a\"\n\
             [[route]]\nhost = \"main.test\"\npath = \"/x\"\nscript = \"a\"\n",
        );
        let bridge = setup.start();
        let connection = bridge.connect().await;
        deploy(&connection, &token, "a", "1").await;
        let routed = |host: &'static str, path: &'static str| Open { routed: (host, path), ..Open::default() };
        assert_eq!(admitted(&connection, &routed("own.test", "/x/y")).await.name, "a");
        for (host, path) in [("own.test", "/y"), ("other.test", "/x"), ("", ""), ("OWN.test", "/x/y")] {
            assert_eq!(refused(&connection, &routed(host, path)).await, Kind::NotFound, "{host}{path}");
        }
        let long = "/x/".repeat(10_000);
        let too_long = Open { routed: ("own.test", &long), ..Open::default() };
        assert_eq!(refused(&connection, &too_long).await, Kind::Invalid);
        let hosts = |generation: u64| {
            let mut request = connection.bridge.route_hosts_request();
            request.get().set_generation(generation);
            request.send().promise
        };
        let told = hosts(0).await.unwrap();
        let told = told.get().unwrap();
        assert_eq!((told.get_owned().unwrap().len(), told.get_shared().unwrap().len()), (1, 1));
        assert_eq!(told.get_owned().unwrap().get(0).unwrap(), "own.test");
        let again = hosts(told.get_generation()).await.unwrap();
        assert_eq!(again.get().unwrap().get_owned().unwrap().len(), 0);
    });
}

#[test]
fn a_capability_that_was_opened_to_read_does_not_write() {
    run(async {
        let mut setup = Setup::new();
        let token = deployer(&setup, "acme", "");
        let runner = setup.tenant("other", "");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        assert_eq!(desk(&connection, &runner, true).await.err(), Some(Kind::Forbidden));
        assert_eq!(desk(&connection, &new_token().0, false).await.err(), Some(Kind::Unauthorized));
        for token in [&runner, &token] {
            let reading = desk(&connection, token, false).await.unwrap();
            assert_eq!(put(&reading, "a", &[("main.ts", "1")]).await, Err(Kind::Forbidden));
        }
        let writing = desk(&connection, &token, true).await.unwrap();
        assert_eq!(put(&writing, "a", &[("main.ts", "1")]).await, Ok(1));
    });
}

#[test]
fn a_runtime_that_was_taken_over_is_held_to_the_bounds_of_a_script() {
    run(async {
        let setup = Setup::new();
        let token = deployer(&setup, "acme", "[limits]\nsource_bytes = 1000\n");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let desk = desk(&connection, &token, true).await.unwrap();
        let long = "x".repeat(300);
        let names: Vec<String> = (0..65).map(|number| format!("m{number}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        for (name, modules, kind) in [
            ("a", vec![("other.ts", "1")], Kind::Invalid),
            ("a", vec![], Kind::Invalid),
            ("a", vec![("main.ts", "1"), ("main.ts", "2")], Kind::Invalid),
            ("a", vec![("main.ts", "1"), ("", "2")], Kind::Invalid),
            ("a", vec![("main.ts", "1"), (&long, "2")], Kind::Invalid),
            ("a", many, Kind::Invalid),
            ("a", vec![("main.ts", &"x".repeat(1_001))], Kind::TooLarge),
            ("A", vec![("main.ts", "1")], Kind::Invalid),
            ("../a", vec![("main.ts", "1")], Kind::Invalid),
            ("", vec![("main.ts", "1")], Kind::Invalid),
        ] {
            assert_eq!(put(&desk, name, &modules).await, Err(kind), "{name} {modules:?}");
        }
        // Lists are cut whatever is asked for.
        let mut request = desk.list_request();
        request.get().set_limit(u32::MAX);
        let response = request.send().promise.await.unwrap();
        assert!(matches!(response.get().unwrap().get_answer().unwrap().which().unwrap(), listed::Scripts(_)));
    });
}

#[test]
fn places_are_freed_when_a_desk_or_its_connection_goes() {
    run(async {
        let setup = Setup::new();
        let token = deployer(&setup, "acme", "");
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let mut desks = Vec::new();
        let full = loop {
            match desk(&connection, &token, false).await {
                Ok(desk) => desks.push(desk),
                Err(kind) => break kind,
            }
        };
        assert_eq!((full, desks.len()), (Kind::Quota, mayfly_schemas::limits::SCRIPT_REQUESTS_IN_FLIGHT as usize));
        assert_eq!(connection.status().await.1, 0, "they are no sessions");
        assert!(connection.open(&token).await.is_ok(), "runs have their own places");
        drop(connection);
        drop(desks);
        let connection = bridge.connect().await;
        let started = Instant::now();
        while desk(&connection, &token, false).await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_bridge_without_a_folder_stores_nothing_and_runs_everything_else() {
    run(async {
        let mut setup = Setup::new();
        let token = deployer(&setup, "acme", "");
        setup.settings.state = None;
        let bridge = setup.start();
        let connection = bridge.connect().await;
        let writing = desk(&connection, &token, true).await.unwrap();
        assert_eq!(put(&writing, "a", &[("main.ts", "1")]).await, Err(Kind::StoreUnavailable));
        let mut request = connection.bridge.script_request();
        let mut ask = request.get().init_ask();
        ask.set_token(token.as_bytes());
        ask.set_name("a");
        let response = request.send().promise.await.unwrap();
        let script_answer::Refused(refused) = response.get().unwrap().get_answer().unwrap().which().unwrap() else {
            panic!("there is a script")
        };
        assert_eq!(refused.unwrap().get_kind().unwrap(), Kind::StoreUnavailable);
        assert!(connection.open(&token).await.is_ok());
    });
}
