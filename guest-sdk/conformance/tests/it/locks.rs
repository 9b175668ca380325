//! The engine has a workspace and a lock of its own: what reads URLs must be the same on both sides.

use crate::folder;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Table;

/// Everything that a URL's meaning follows from: its parser, and the tables behind international names.
const READERS: [&str; 10] = [
    "url",
    "form_urlencoded",
    "percent-encoding",
    "utf8_iter",
    "idna",
    "idna_adapter",
    "icu_normalizer",
    "icu_normalizer_data",
    "icu_properties",
    "icu_properties_data",
];

fn versions(lock: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(lock).expect("a lock file");
    let lock: Table = text.parse().expect("TOML");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("packages") {
        let field = |name: &str| package[name].as_str().expect("text").to_owned();
        versions.entry(field("name")).or_default().push(field("version"));
    }
    versions
}

#[test]
fn guest_and_bridge_read_urls_with_the_same_crates() {
    let bridge = versions(&folder().join("../../Cargo.lock"));
    let guest = versions(&folder().join("../engine/Cargo.lock"));
    for reader in READERS {
        assert_eq!(bridge.get(reader).map(Vec::len), Some(1), "{reader} in Cargo.lock");
        assert_eq!(
            bridge.get(reader),
            guest.get(reader),
            "{reader} differs between Cargo.lock and guest-sdk/engine/Cargo.lock: \
             run `cargo update --precise VERSION {reader}` in the one that is behind"
        );
    }
}
