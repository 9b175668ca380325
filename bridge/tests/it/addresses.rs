//! In: every spelling of every address that is not public. Out: refusals, before and after DNS.
//! May touch: loopback.
//! Security boundary: no; holds the tests of addresses and resolve.

use crate::harness::upstream::{Upstream, ok};
use crate::harness::*;
use mayfly_bridge::{Inline, Settings, explain};
use mayfly_schemas::bridge_capnp::failure::Kind;
use mayfly_schemas::limits::{CEILINGS, DEFAULTS};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const EVERY_HOST: &str = "[[rule]]\nname = \"every\"\nallow = \"http://**\"\n";

/// First, an inner, and the last address of each range.
const NOT_PUBLIC_V4: &[[&str; 3]] = &[
    ["0.0.0.0", "0.1.2.3", "0.255.255.255"],
    ["10.0.0.0", "10.1.2.3", "10.255.255.255"],
    ["100.64.0.0", "100.100.100.200", "100.127.255.255"],
    ["127.0.0.0", "127.0.0.1", "127.255.255.255"],
    ["169.254.0.0", "169.254.169.254", "169.254.255.255"],
    ["172.16.0.0", "172.20.1.1", "172.31.255.255"],
    ["192.0.0.0", "192.0.0.170", "192.0.0.255"],
    ["192.0.2.0", "192.0.2.1", "192.0.2.255"],
    ["192.31.196.0", "192.31.196.1", "192.31.196.255"],
    ["192.52.193.0", "192.52.193.1", "192.52.193.255"],
    ["192.88.99.0", "192.88.99.1", "192.88.99.255"],
    ["192.168.0.0", "192.168.1.1", "192.168.255.255"],
    ["192.175.48.0", "192.175.48.1", "192.175.48.255"],
    ["198.18.0.0", "198.19.1.1", "198.19.255.255"],
    ["198.51.100.0", "198.51.100.1", "198.51.100.255"],
    ["203.0.113.0", "203.0.113.1", "203.0.113.255"],
    ["224.0.0.0", "239.255.255.250", "239.255.255.255"],
    ["240.0.0.0", "250.1.2.3", "255.255.255.255"],
    ["168.63.129.16", "168.63.129.16", "168.63.129.16"],
];

const NOT_PUBLIC_V6: &[&str] = &[
    "::",
    "::1",
    "::2",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b:1::",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b::127.0.0.1",
    "100::",
    "100::1",
    "2001::",
    "2001::1",
    "2001:0:53aa:64c:0:ffff:f5ff:fffe",
    "2001:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff:ffff::1",
    "2001:db8::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "8000::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::1",
    "ff02::1",
    "ffff::1",
    "1fff::1",
    "0:0:0:0:ffff:0:127.0.0.1",
];

const PUBLIC: &[&str] = &[
    "1.0.0.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "203.0.112.255",
    "223.255.255.255",
    "168.63.129.15",
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00::1",
    "3ffe::1",
    "2002:808:808::1",
    "64:ff9b::8.8.8.8",
    "::ffff:8.8.8.8",
];

/// One IPv4 address as URLs can write it: decimal, octal, hexadecimal, short, mixed, fullwidth, percent-encoded, and
/// inside an IPv6 address in each of the ways a gateway would unwrap.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let number = u32::from(address);
    let [a, b, c, d] = address.octets();
    let low = u32::from(address) & 0xffff;
    let fullwidth: String = address
        .to_string()
        .chars()
        .map(|letter| match letter {
            '.' => '。',
            digit => char::from_u32(0xff10 + digit as u32 - '0' as u32).unwrap(),
        })
        .collect();
    let mut hosts = vec![
        address.to_string(),
        format!("{address}."),
        number.to_string(),
        format!("0x{number:x}"),
        format!("0X{number:08X}"),
        format!("0{number:o}"),
        format!("{a}.{}", number & 0xff_ffff),
        format!("{a}.{b}.{low}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0x{a:x}.{b}.0{low:o}"),
        format!("000{a:o}.{b}.{c}.{d}"),
        fullwidth,
        address.to_string().replace('.', "%2e"),
        address.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
    ];
    let embedded = [
        Ipv6Addr::from(0xffff_0000_0000_u128 | u128::from(number)),
        Ipv6Addr::from(0xffff_0000_0000_0000_u128 | u128::from(number)),
        Ipv6Addr::from((0x64_ff9b_u128 << 96) | u128::from(number)),
        Ipv6Addr::from((0x64_ff9b_0001_u128 << 80) | u128::from(number)),
        Ipv6Addr::from((0x2002_u128 << 112) | (u128::from(number) << 80) | 1),
        Ipv6Addr::from(u128::from(number)),
    ];
    hosts.extend(embedded.iter().map(|address| format!("[{address}]")));
    hosts.push(format!("[::ffff:{address}]"));
    hosts.push(format!("[0:0:0:0:0:FFFF:{:X}:{:X}]", number >> 16, low));
    hosts
}

fn reason(host: &str) -> String {
    let (_, text) = tenant_file("acme", EVERY_HOST);
    let inline = vec![Inline { file: "acme.toml".into(), text, folder: ".".into() }];
    let settings = Settings {
        tenants: None,
        inline,
        tokens: vec![],
        state: None,
        database: None,
        master_key: None,
        host: None,
        trace_upstreams: false,
        guard: None,
        ceilings: CEILINGS,
        defaults: DEFAULTS,
    };
    let explanation = explain(&settings, "acme", "GET", &format!("http://{host}/")).unwrap();
    if explanation.allowed { "allow".into() } else { explanation.reason }
}

#[test]
fn no_spelling_of_an_address_that_is_not_public_is_let_through() {
    let mut rows = 0;
    for address in NOT_PUBLIC_V4.iter().flatten() {
        for host in spellings(address.parse().unwrap()) {
            assert_eq!(reason(&host), "private_address", "{address} as {host}");
            rows += 1;
        }
    }
    for address in NOT_PUBLIC_V6 {
        let long: String = address.parse::<Ipv6Addr>().unwrap().segments().iter().map(|s| format!("{s:04x}")).join(":");
        for host in [format!("[{address}]"), format!("[{}]", address.to_uppercase()), format!("[{long}]")] {
            assert_eq!(reason(&host), "private_address", "{address} as {host}");
            rows += 1;
        }
    }
    assert!(rows > 1_000, "{rows}");
}

#[test]
fn the_neighbours_of_each_range_are_public() {
    for address in PUBLIC {
        let host = if address.contains(':') { format!("[{address}]") } else { (*address).to_owned() };
        assert_eq!(reason(&host), "allow", "{host}");
    }
}

#[test]
fn zone_ids_and_half_addresses_are_no_urls() {
    for host in [
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[::1",
        "256.256.256.256",
        "1.2.3.4.5",
        "0x100000000",
        "08.8.8.8",
        "[1.2.3.4]",
    ] {
        assert_eq!(reason(host), "usage", "{host}");
    }
}

#[test]
fn localhost_is_this_machine_whatever_its_spelling() {
    for host in ["localhost", "LOCALHOST", "localhost.", "a.localhost", "ｌｏｃａｌｈｏｓｔ", "local%68ost"] {
        assert_eq!(reason(host), "private_address", "{host}");
    }
}

#[test]
fn a_name_is_refused_if_any_of_its_addresses_is_not_public() {
    run(async {
        let mut setup = Setup::new();
        let mut table: Vec<(String, Vec<String>)> = Vec::new();
        for (n, address) in NOT_PUBLIC_V4.iter().flatten().chain(NOT_PUBLIC_V6).enumerate() {
            table.push((format!("only{n}.test"), vec![(*address).to_owned()]));
            table.push((format!("last{n}.test"), vec!["8.8.8.8".into(), "2a00::1".into(), (*address).to_owned()]));
        }
        let rows: Vec<(&str, Vec<&str>)> =
            table.iter().map(|(name, list)| (name.as_str(), list.iter().map(String::as_str).collect())).collect();
        let rows: Vec<(&str, &[&str])> = rows.iter().map(|(name, list)| (*name, list.as_slice())).collect();
        setup.names(&rows);
        let token = setup.tenant("acme", &format!("{EVERY_HOST}[limits]\ncalls = 10000\n"));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        for (name, addresses) in &table {
            let outcome = fetch(&opened.session, &get(format!("http://{name}/"))).await;
            assert_eq!(outcome.reason(), "private_address", "{name} {addresses:?}");
            let (_, message) = outcome.failure();
            assert!(!addresses.iter().any(|address| message.contains(address)), "{message}");
        }
    });
}

#[test]
fn a_name_that_changes_its_address_after_the_check_gains_nothing() {
    run(async {
        let inside = Upstream::http(|_| ok("secret"));
        let asked = Arc::new(AtomicUsize::new(0));
        let mut setup = Setup::new();
        let count = asked.clone();
        setup.lookup(move |_| {
            // Good for whoever asks first, bad for whoever asks again.
            let first = count.fetch_add(1, SeqCst).is_multiple_of(2);
            Ok(Some(vec![if first { IpAddr::from([198, 41, 0, 4]) } else { IpAddr::from([127, 0, 0, 1]) }]))
        });
        let rule = format!("[[rule]]\nname = \"r\"\nallow = \"http://rebind.test:{}/**\"\n", inside.port);
        let token = setup.tenant("acme", &format!("{rule}[limits]\ncalls = 10000\n"));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        for _ in 0..100 {
            let ask = Ask { call_ms: 20, ..get(format!("http://rebind.test:{}/", inside.port)) };
            assert!(matches!(fetch(&opened.session, &ask).await.got, Got::Failure { .. }));
        }
        assert_eq!(asked.load(SeqCst), 100, "one lookup for each call");
        assert_eq!(inside.count(), 0);
    });
}

#[test]
fn private_opens_exactly_the_host_that_the_rule_names() {
    run(async {
        let upstream = Upstream::http(|_| ok("inside"));
        let mut setup = Setup::new();
        setup.names(&[("api.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
        let port = upstream.port;
        let rules = allow_private("named", &format!("http://api.test:{port}/**"))
            + &allow_private("literal", &format!("http://127.0.0.1:{port}/**"))
            + &allow_private("local", &format!("http://localhost:{port}/**"))
            + &format!("[[rule]]\nname = \"every\"\nallow = \"http://**:{port}/**\"\n");
        let token = setup.tenant("acme", &rules);
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        for host in ["api.test", "127.0.0.1", "localhost", "2130706433"] {
            assert_eq!(fetch(&opened.session, &get(format!("http://{host}:{port}/"))).await.body(), "inside", "{host}");
        }
        for host in ["other.test", "127.0.0.2", "[::ffff:7f00:1]", "a.localhost", "0.0.0.0"] {
            let outcome = fetch(&opened.session, &get(format!("http://{host}:{port}/"))).await;
            assert_eq!(outcome.reason(), "private_address", "{host}");
        }
    });
}

#[test]
fn names_of_the_private_network_cannot_be_told_from_names_that_do_not_exist() {
    run(async {
        let mut setup = Setup::new();
        setup.names(&[("intranet.test", &["10.0.0.1"])]);
        let token = setup.tenant("acme", EVERY_HOST);
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let there = fetch(&opened.session, &get("http://intranet.test/")).await;
        let not_there = fetch(&opened.session, &get("http://nothere.test/")).await;
        let text = |outcome: &Outcome| outcome.failure().1.replace("intranet", "X").replace("nothere", "X");
        assert_eq!((there.reason(), text(&there)), (not_there.reason(), text(&not_there)));
    });
}

#[test]
fn a_name_that_cannot_be_resolved_says_so() {
    run(async {
        let mut setup = Setup::new();
        setup.lookup(|name| if name == "x.test" { Ok(None) } else { Err(mayfly_bridge::LookupFailed) });
        let named = |host: &str| format!("[[rule]]\nname = \"{host}\"\nallow = \"http://{host}/**\"\n");
        let token = setup.tenant("acme", &(named("x.test") + &named("y.test")));
        let bridge = setup.start();
        let opened = bridge.session(&token).await;
        let missing = fetch(&opened.session, &get("http://x.test/")).await;
        assert_eq!(missing.failure(), (Kind::Network, "x.test has no address; check the host name"));
        let broken = fetch(&opened.session, &get("http://y.test/")).await;
        assert_eq!(broken.failure(), (Kind::Network, "y.test could not be resolved; try again later"));
    });
}

trait Join {
    fn join(self, separator: &str) -> String;
}

impl<I: Iterator<Item = String>> Join for I {
    fn join(self, separator: &str) -> String {
        self.collect::<Vec<_>>().join(separator)
    }
}
