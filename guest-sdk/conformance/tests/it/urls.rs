//! What a script takes a URL for and what the bridge decides about are the same, for all of urltestdata.json.

use crate::{HOST, folder};
use mayfly::isolate::Program;
use mayfly_conformance::host::Ended;
use serde::Deserialize;
use std::sync::Arc;
use url::Url;

const SCRIPT: &str = r#"
export default function (cases) {
  return cases.map(([input, base]) => {
    const url = URL.parse(input, base ?? undefined);
    return url && [url.href, url.protocol, url.hostname, url.port, url.pathname, url.search];
  });
}"#;

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Case {
        input: String,
        base: Option<String>,
    },
    /// Read so that only text passes for one.
    Comment(#[expect(dead_code, reason = "nothing is done with it")] String),
}

type Parts = [String; 6];

fn cases() -> Vec<(String, Option<String>)> {
    let path = folder().join("wpt/url/resources/urltestdata.json");
    // Lone surrogates are not text in Rust, and become U+FFFD in the guest.
    let text = std::fs::read_to_string(path).expect("the data").replace("\\uD800", "\\uFFFD").replace("\\uDFFE", "");
    let entries: Vec<Entry> = serde_json::from_str(&text).expect("the data is JSON");
    let case = |entry| match entry {
        Entry::Case { input, base } => Some((input, base)),
        Entry::Comment(_) => None,
    };
    entries.into_iter().filter_map(case).collect()
}

fn in_guest(cases: &[(String, Option<String>)]) -> Vec<Option<Parts>> {
    let module = HOST.compile("urls.js", SCRIPT.as_bytes()).expect("the script compiles");
    let input = serde_json::to_string(cases).expect("JSON");
    match HOST.run(&Arc::new(Program { modules: vec![module] }), &input, &|_| None) {
        Ended::Returned(json) => serde_json::from_str(&json).expect("the script's answer"),
        Ended::Failed(error) => panic!("{error:?}"),
        Ended::Stopped(stopped) => panic!("{stopped}"),
    }
}

/// With the crate that the bridge has, at the version that the bridge has (`locks.rs`).
fn in_bridge(input: &str, base: Option<&str>) -> Option<Url> {
    match base {
        Some(base) => Url::parse(base).ok()?.join(input).ok(),
        None => Url::parse(input).ok(),
    }
}

#[test]
fn guest_and_bridge_agree_on_every_url() {
    let cases = cases();
    assert!(cases.len() > 800, "{} cases", cases.len());
    for ((input, base), guest) in cases.iter().zip(in_guest(&cases)) {
        let shown = format!("{input:?} against {base:?}");
        let bridge = in_bridge(input, base.as_deref());
        let Some([href, protocol, hostname, port, pathname, search]) = guest else {
            assert!(bridge.is_none(), "{shown}: a URL for the bridge alone: {bridge:?}");
            continue;
        };
        let bridge = bridge.unwrap_or_else(|| panic!("{shown}: a URL for the guest alone: {href}"));
        // What the bridge is sent is the text that the guest made of it.
        let sent = Url::parse(&href).unwrap_or_else(|error| panic!("{shown}: {href} is no URL: {error}"));
        assert_eq!(sent.as_str(), href, "{shown}: the bridge would write it in another way");
        let quirks = (url::quirks::protocol(&sent), url::quirks::hostname(&sent), url::quirks::port(&sent));
        assert_eq!(quirks, (protocol.as_str(), hostname.as_str(), port.as_str()), "{shown}");
        assert_eq!(
            (url::quirks::pathname(&sent), url::quirks::search(&sent)),
            (pathname.as_str(), search.as_str()),
            "{shown}"
        );
        // And it is what the bridge would have made of the script's own words, but for spaces in paths without a host.
        if !bridge.cannot_be_a_base() {
            assert_eq!(bridge.as_str(), href, "{shown}");
        }
        assert_eq!(
            (bridge.host(), bridge.port_or_known_default()),
            (sent.host(), sent.port_or_known_default()),
            "{shown}"
        );
    }
}
