//! In: secrets in the local vault. Out: credentials made of them, and nothing of them on the disk.
//! May touch: loopback and a temporary folder.
//! Security boundary: no; holds the tests of `vault.rs`.

use crate::harness::upstream::{Upstream, ok};
use crate::harness::*;
use mayfly_bridge::{Settings, Vault, VaultError, check_tenants};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const VALUE: &str = "tok-5f1b-very-secret";

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn credential(upstream: &Upstream) -> String {
    with_credential(&upstream.url("/**")).replace("file:key", "vault:key")
}

#[test]
fn a_credential_comes_from_the_vault_and_follows_it() {
    run(async {
        let upstream = Upstream::http(|_| ok("hi"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"])]);
        let token = setup.tenant("acme", &credential(&upstream));
        let vault = Vault::of(&setup.settings);
        assert_eq!(vault.set("key", VALUE.as_bytes()), Ok(true));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        fetch(&opened.session, &get(upstream.url("/a"))).await;
        assert!(upstream.requests()[0].contains(&format!("authorization: Bearer {VALUE}\r\n")));
        // What is set anew holds without a restart.
        assert_eq!(vault.set("key", b"tok-another-value"), Ok(false));
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            fetch(&opened.session, &get(upstream.url("/b"))).await;
            if upstream.requests().last().unwrap().contains("tok-another-value") {
                return;
            }
        }
        panic!("the new value is not used");
    });
}

#[test]
fn nothing_on_the_disk_tells_a_value_and_only_this_user_reads_it() {
    let setup = Setup::new();
    let vault = Vault::of(&setup.settings);
    vault.set("a", VALUE.as_bytes()).unwrap();
    vault.set("b.2", VALUE.as_bytes()).unwrap();
    let state = setup.folder.path().join("state");
    let (one, other) = (std::fs::read(state.join("vault/a")).unwrap(), std::fs::read(state.join("vault/b.2")).unwrap());
    assert!(one.starts_with(b"mayfly-vault-1\n") && one.len() == 15 + 12 + VALUE.len() + 16, "{}", one.len());
    for window in VALUE.as_bytes().windows(6) {
        assert!(!one.windows(6).any(|bytes| bytes == window) && !other.windows(6).any(|bytes| bytes == window));
    }
    assert_ne!(one[27..], other[27..], "the same value is sealed differently each time");
    for (file, expected) in [("vault", 0o700), ("vault/a", 0o600), ("master.key", 0o600)] {
        assert_eq!(mode(&state.join(file)), expected, "{file}");
    }
    let key = std::fs::read_to_string(state.join("master.key")).unwrap();
    assert!(key.len() == 65 && key.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()), "64 hexadecimal digits");
    assert_eq!(vault.list(), Ok(vec!["a".to_owned(), "b.2".to_owned()]));
    let left: Vec<_> =
        std::fs::read_dir(state.join("vault")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no drafts: {left:?}");
}

#[test]
fn a_file_opens_under_its_own_name_and_key_alone() {
    let setup = Setup::new();
    let (vault, state) = (Vault::of(&setup.settings), setup.folder.path().join("state"));
    vault.set("low", b"low-value").unwrap();
    vault.set("high", VALUE.as_bytes()).unwrap();
    let told = |name: &str| {
        let from = format!("[[credential]]\nname = \"c\"\nfrom = \"vault:{name}\"\nheader = \"x\"\n");
        setup.write("acme", &format!("tenant = \"acme\"\n{from}"));
        check_tenants(&setup.settings).iter().map(ToString::to_string).collect::<String>()
    };
    assert_eq!((told("low"), told("high")), (String::new(), String::new()));
    // Whoever can write files must not give one tenant's credential to another.
    std::fs::copy(state.join("vault/high"), state.join("vault/low")).unwrap();
    assert!(told("low").contains("the secret `low` cannot be opened"), "{}", told("low"));
    let mut changed = std::fs::read(state.join("vault/high")).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(state.join("vault/high"), &changed).unwrap();
    assert!(told("high").contains("cannot be opened"));
    for short in [0, 15, 27, 40] {
        std::fs::write(state.join("vault/high"), &changed[..short]).unwrap();
        assert!(told("high").contains("cannot be opened"), "{short}");
    }
    vault.set("high", VALUE.as_bytes()).unwrap();
    std::fs::write(state.join("master.key"), "0".repeat(64)).unwrap();
    assert!(told("high").contains("sealed with another master key"));
    std::fs::write(state.join("master.key"), "not a key").unwrap();
    assert!(told("high").contains("is not 32 bytes in hexadecimal or base64"));
    assert!(told("../key").contains("`../key` is no name of a secret"));
}

#[test]
fn a_master_key_may_lie_elsewhere() {
    let setup = Setup::new();
    let path = setup.folder.path().join("elsewhere.key");
    std::fs::write(&path, format!("{}\n", "ab".repeat(32))).unwrap();
    let with = |source: String| Vault::of(&Settings { master_key: Some(source), ..setup.settings.clone() });
    with(format!("file:{}", path.display())).set("a", VALUE.as_bytes()).unwrap();
    assert!(!setup.folder.path().join("state/master.key").exists());
    let unset = with("env:MAYFLY_TEST_NO_SUCH_KEY".into()).set("b", b"x");
    assert!(matches!(unset, Err(VaultError::Master(_))), "{unset:?}");
    assert!(matches!(with("00ff".into()).set("b", b"x"), Err(VaultError::Master(_))));
    let vault = with(format!("file:{}", path.display()));
    assert_eq!(vault.set("c", b""), Err(VaultError::Empty));
    assert_eq!(vault.set("c", &[b'x'; 20_000]), Err(VaultError::TooLong));
    assert_eq!(vault.remove("c"), Err(VaultError::Missing("c".into())));
    assert_eq!((vault.remove("a"), vault.list()), (Ok(()), Ok(vec![])));
    let nowhere = Vault::of(&Settings { state: None, ..setup.settings.clone() });
    assert_eq!(nowhere.list(), Err(VaultError::NoState));
}
