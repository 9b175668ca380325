//! In: an empty store. Out: nothing, or a panic that says which promise it broke.
//! May touch: the store it is given.
//! Security boundary: no.

use super::{BOUNDS, always, author, content, if_match, key};
use mayfly_bridge::store::scripts::{Condition, Content, Info, Tags};
use mayfly_bridge::store::{Store, StoreError};
use std::sync::Arc;

type Any = Arc<dyn Store>;

async fn put(store: &Any, tenant: &str, name: &str, source: &str) -> Info {
    store.put(key(tenant, name), content(source), always(), author()).await.unwrap().info
}

/// The source of a version's main module.
async fn source(store: &Any, tenant: &str, name: &str, version: Option<u64>) -> Option<String> {
    let info = store.info(key(tenant, name), version).await.unwrap()?;
    let content = store.content(tenant.into(), info.digest).await.unwrap().expect("a version has its content");
    Some(content.modules[&content.main].clone())
}

async fn names(store: &Any, tenant: &str, after: &str, limit: u32) -> Vec<String> {
    store.list(tenant.into(), after.into(), limit).await.unwrap().into_iter().map(|info| info.name).collect()
}

async fn numbers(store: &Any, name: &str, before: Option<u64>, limit: u32) -> Vec<u64> {
    let versions = store.versions(key("acme", name), before, limit).await.unwrap();
    versions.into_iter().map(|info| info.version).collect()
}

pub async fn what_is_put_is_got_back(store: &Any) {
    let modules = [("main.ts".into(), "import './a.ts'".into()), ("a.ts".into(), "1".into())];
    let content = Content { main: "main.ts".into(), modules: modules.into() };
    let written = store.put(key("acme", "hello"), Arc::new(content.clone()), always(), author()).await.unwrap();
    assert_eq!((written.created, written.changed), (true, true));
    let info = written.info;
    assert_eq!((info.name.as_str(), info.version, info.source_bytes), ("hello", 1, 16));
    assert_eq!((info.digest, info.role.as_str()), (content.digest(), "deployer"));
    assert_eq!((info.created_at_ms, info.rollback_to), (1_700_000_000_123, None));
    assert_eq!(store.info(key("acme", "hello"), None).await.unwrap(), Some(info.clone()));
    assert_eq!(store.info(key("acme", "hello"), Some(1)).await.unwrap(), Some(info.clone()));
    assert_eq!(store.content("acme".into(), info.digest).await.unwrap(), Some(content));
    let second = store.put(key("acme", "hello"), super::content("2"), always(), author()).await.unwrap();
    assert_eq!((second.created, second.changed, second.info.version), (false, true, 2));
    assert_eq!(source(store, "acme", "hello", None).await.unwrap(), "2");
    assert_eq!(source(store, "acme", "hello", Some(1)).await.unwrap(), "import './a.ts'");
}

pub async fn what_is_not_there_is_not_there(store: &Any) {
    assert_eq!(store.info(key("acme", "hello"), None).await, Ok(None));
    assert_eq!(store.content("acme".into(), [0; 32]).await, Ok(None));
    assert_eq!((names(store, "acme", "", 9).await.len(), numbers(store, "hello", None, 9).await.len()), (0, 0));
    assert_eq!(store.delete(key("acme", "hello"), always()).await, Err(StoreError::NotFound));
    assert_eq!(store.roll_back(key("acme", "hello"), 1, always(), author()).await, Err(StoreError::NotFound));
    put(store, "acme", "hello", "1").await;
    for version in [0, 2, u64::MAX] {
        assert_eq!(store.info(key("acme", "hello"), Some(version)).await, Ok(None));
        assert_eq!(store.roll_back(key("acme", "hello"), version, always(), author()).await, Err(StoreError::NotFound));
    }
}

pub async fn the_same_content_is_no_new_version(store: &Any) {
    let first = put(store, "acme", "hello", "1").await;
    let again = store.put(key("acme", "hello"), content("1"), always(), author()).await.unwrap();
    assert_eq!((again.created, again.changed, &again.info), (false, false, &first));
    // The same as an older one is new again.
    put(store, "acme", "hello", "2").await;
    let third = put(store, "acme", "hello", "1").await;
    assert_eq!((third.version, third.digest, third.rollback_to), (3, first.digest, None));
}

pub async fn a_rollback_is_a_new_version_with_the_content_of_an_old_one(store: &Any) {
    for text in ["1", "2", "3"] {
        put(store, "acme", "hello", text).await;
    }
    let back = store.roll_back(key("acme", "hello"), 1, always(), author()).await.unwrap();
    assert_eq!((back.info.version, back.info.rollback_to, back.changed, back.created), (4, Some(1), true, false));
    assert_eq!(source(store, "acme", "hello", None).await.unwrap(), "1");
    let again = store.roll_back(key("acme", "hello"), 1, always(), author()).await.unwrap();
    assert_eq!((again.info.version, again.changed), (4, false));
    assert_eq!(source(store, "acme", "hello", Some(3)).await.unwrap(), "3");
    let wrong = store.roll_back(key("acme", "hello"), 2, if_match("v3-0"), author()).await;
    assert_eq!(wrong, Err(StoreError::Conflict { current: Some(4) }));
}

pub async fn a_deleted_script_is_forgotten_with_all_its_versions(store: &Any) {
    let shared = put(store, "acme", "other", "shared").await;
    let own = put(store, "acme", "hello", "own").await;
    let current = put(store, "acme", "hello", "shared").await;
    let wrong = store.delete(key("acme", "hello"), if_match(&own.tag())).await;
    assert_eq!(wrong, Err(StoreError::Conflict { current: Some(2) }));
    let gone = store.delete(key("acme", "hello"), if_match(&current.tag())).await.unwrap();
    assert_eq!((gone.info, gone.changed), (current, true));
    assert_eq!(source(store, "acme", "hello", None).await, None);
    assert_eq!(numbers(store, "hello", None, 9).await, [0; 0]);
    assert_eq!(store.content("acme".into(), own.digest).await, Ok(None));
    assert!(store.content("acme".into(), shared.digest).await.unwrap().is_some(), "another script needs it");
    assert_eq!(put(store, "acme", "hello", "new").await.version, 1);
}

pub async fn tenants_with_the_same_names_do_not_meet(store: &Any) {
    put(store, "acme", "hello", "of acme").await;
    let theirs = put(store, "evil", "hello", "of evil").await;
    put(store, "evil", "only-theirs", "x").await;
    assert_eq!(source(store, "acme", "hello", None).await.unwrap(), "of acme");
    assert_eq!(names(store, "acme", "", 9).await, ["hello"]);
    assert_eq!(store.content("acme".into(), theirs.digest).await, Ok(None));
    assert_eq!(store.info(key("acme", "only-theirs"), None).await, Ok(None));
    assert_eq!(store.delete(key("acme", "only-theirs"), always()).await, Err(StoreError::NotFound));
    store.delete(key("evil", "hello"), always()).await.unwrap();
    assert_eq!(source(store, "acme", "hello", None).await.unwrap(), "of acme");
    // No name is a pattern, and none ends where the next begins.
    put(store, "a", "b-c", "1").await;
    for (tenant, name) in [("%", "hello"), ("a-b", "c"), ("a", "b_c"), ("ACME", "hello"), ("acme", "hell%")] {
        assert_eq!(store.info(key(tenant, name), None).await, Ok(None), "{tenant} {name}");
    }
}

pub async fn a_write_happens_only_while_its_condition_holds(store: &Any) {
    let none_yet = Condition { if_none_match: Tags::Any, ..always() };
    let some = Condition { if_match: Tags::Any, ..always() };
    let put =
        |text: &str, condition: &Condition| store.put(key("acme", "hello"), content(text), condition.clone(), author());
    assert_eq!(put("1", &some).await, Err(StoreError::Conflict { current: None }));
    assert_eq!(put("1", &none_yet).await.unwrap().info.version, 1);
    assert_eq!(put("2", &none_yet).await, Err(StoreError::Conflict { current: Some(1) }));
    let second = put("2", &some).await.unwrap().info;
    assert_eq!(put("3", &if_match("v1-0000")).await, Err(StoreError::Conflict { current: Some(2) }));
    // The condition counts also where nothing would change.
    assert_eq!(put("2", &none_yet).await, Err(StoreError::Conflict { current: Some(2) }));
    assert_eq!(put("3", &if_match(&second.tag())).await.unwrap().info.version, 3);
    assert_eq!(source(store, "acme", "hello", None).await.unwrap(), "3");
}

pub async fn of_many_writes_on_one_condition_exactly_one_happens(store: &Any) {
    let first = put(store, "acme", "hello", "0").await;
    let write =
        |number: u32| store.put(key("acme", "hello"), content(&format!("{number}!")), if_match(&first.tag()), author());
    let results = futures::future::join_all((0..50).map(write)).await;
    let won: Vec<usize> = (0..).zip(&results).filter(|(_, result)| result.is_ok()).map(|(number, _)| number).collect();
    assert_eq!(won.len(), 1, "{results:?}");
    let lost = results.iter().filter(|result| **result == Err(StoreError::Conflict { current: Some(2) })).count();
    assert_eq!(lost, 49);
    assert_eq!(source(store, "acme", "hello", None).await.unwrap(), format!("{}!", won[0]));
}

pub async fn lists_are_in_order_and_as_long_as_asked_for(store: &Any) {
    for name in ["d", "a", "c", "b"] {
        put(store, "acme", name, name).await;
    }
    put(store, "acme", "c", "newer").await;
    assert_eq!(names(store, "acme", "", 9).await, ["a", "b", "c", "d"]);
    assert_eq!(names(store, "acme", "", 2).await, ["a", "b"]);
    assert_eq!(names(store, "acme", "b", 2).await, ["c", "d"]);
    assert_eq!(names(store, "acme", "bb", 1).await, ["c"]);
    assert_eq!(names(store, "acme", "d", 2).await, [""; 0]);
    let listed = store.list("acme".into(), "b".into(), 1).await.unwrap();
    assert_eq!((listed[0].version, listed[0].source_bytes), (2, 5), "current ones are listed");
    for number in 2..=4 {
        put(store, "acme", "a", &number.to_string()).await;
    }
    assert_eq!(numbers(store, "a", None, 9).await, [4, 3, 2, 1]);
    assert_eq!(numbers(store, "a", None, 2).await, [4, 3]);
    assert_eq!(numbers(store, "a", Some(3), 9).await, [2, 1]);
}

pub async fn the_oldest_versions_go_when_there_are_too_many(store: &Any) {
    let oldest = put(store, "acme", "many", "1").await;
    for number in 2..=9 {
        put(store, "acme", "many", &number.to_string()).await;
    }
    assert_eq!(numbers(store, "many", None, 99).await, [9, 8, 7, 6, 5]);
    assert_eq!(store.content("acme".into(), oldest.digest).await, Ok(None), "its text goes too");
    assert_eq!(store.roll_back(key("acme", "many"), 4, always(), author()).await, Err(StoreError::NotFound));
    let large = |letter: &str| letter.repeat(1_000_000);
    for letter in ["a", "b", "c", "d"] {
        put(store, "acme", "large", &large(letter)).await;
    }
    assert_eq!(numbers(store, "large", None, 99).await, [4, 3, 2], "together they are too large");
    // One that is larger alone is kept.
    put(store, "acme", "large", &"x".repeat(3_500_000)).await;
    assert_eq!(numbers(store, "large", None, 99).await, [5]);
}

pub async fn more_than_a_tenant_may_keep_is_refused_and_nothing_is_changed(store: &Any) {
    for name in ["a", "b", "c", "d"] {
        put(store, "acme", name, name).await;
    }
    let fifth = store.put(key("acme", "e"), content("e"), always(), author()).await;
    assert_eq!(fifth, Err(StoreError::TooMuch { what: "stored scripts of one tenant", max: BOUNDS.scripts }));
    assert_eq!(names(store, "acme", "", 9).await, ["a", "b", "c", "d"]);
    assert_eq!(put(store, "other", "e", "e").await.version, 1, "another tenant has its own");
    for name in ["a", "b"] {
        put(store, "acme", name, &name.repeat(3_400_000)).await;
    }
    let more = store.put(key("acme", "c"), content(&"c".repeat(1_500_000)), always(), author()).await;
    assert!(matches!(more, Err(StoreError::TooMuch { max, .. }) if max == BOUNDS.scripts_bytes), "{more:?}");
    assert_eq!(source(store, "acme", "c", None).await.unwrap(), "c");
    store.delete(key("acme", "a"), always()).await.unwrap();
    assert_eq!(put(store, "acme", "c", &"c".repeat(1_500_000)).await.version, 2);
}

pub async fn any_text_is_kept_as_it_is(store: &Any) {
    let texts = ["", "\0", "'; DROP TABLE scripts; --", "\u{1F41D}\u{FEFF}\r\n\u{2028}", "\"\\u0000\"", "x\u{0}y"];
    for (number, text) in (1..).zip(texts) {
        let info = put(store, "acme", "text", text).await;
        assert_eq!((info.version, source(store, "acme", "text", None).await.as_deref()), (number.min(9), Some(text)));
    }
    let odd = Content { main: "ä/\"\n.ts".into(), modules: [("ä/\"\n.ts".into(), "1".into())].into() };
    let info = store.put(key("acme", "odd"), Arc::new(odd.clone()), always(), author()).await.unwrap().info;
    assert_eq!(store.content("acme".into(), info.digest).await.unwrap(), Some(odd));
}
