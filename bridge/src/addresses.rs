//! In: an IP address. Out: whether it is a public one.
//! May touch: nothing.
//! Security boundary: yes; this table is what stands between a script and the machine's own network.
//!
//! Source: IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and successors). `Ipv4Addr::is_global` is not
//! stable in the Rust we build with. An IPv6 address that carries an IPv4 one is public only where that one is too: a
//! gateway would unwrap it. Stricter than the registries in one place: of IPv6 only 2000::/3 is public at all, because
//! nothing else has been handed out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NOT_PUBLIC_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),       // this network, unspecified
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // carrier-grade NAT; metadata of some clouds
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, metadata
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 31, 196, 0], 24), // AS112
    ([192, 52, 193, 0], 24), // AMT
    ([192, 88, 99, 0], 24),  // 6to4 relays
    ([192, 168, 0, 0], 16),  // private
    ([192, 175, 48, 0], 24), // AS112
    ([198, 18, 0, 0], 15),   // benchmarking
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, broadcast
];

/// Metadata services that live at public-looking addresses.
const METADATA_V4: &[[u8; 4]] = &[[168, 63, 129, 16]];

const NOT_PUBLIC_V6: &[([u16; 8], u32)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments: Teredo, ORCHID, benchmarking, AMT, DET
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), // AS112
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match carried(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |(net, bits): &([u8; 4], u32)| {
        let shift = 32 - bits;
        u32::from(address) >> shift == u32::from(Ipv4Addr::from(*net)) >> shift
    };
    !NOT_PUBLIC_V4.iter().any(within) && !METADATA_V4.contains(&address.octets())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |(net, bits): &([u16; 8], u32)| {
        let shift = 128 - bits;
        u128::from(address) >> shift == u128::from(Ipv6Addr::from(*net)) >> shift
    };
    u128::from(address) >> 125 == 0b001 && !NOT_PUBLIC_V6.iter().any(within)
}

/// The IPv4 address inside: v4-mapped `::ffff:0:0/96`, v4-translated `::ffff:0:0:0/96`, v4-compatible `::/96`, NAT64
/// `64:ff9b::/96`, 6to4 `2002::/16`. Not public whatever they carry, and so not unwrapped: `::` and `::1`, NAT64 with a
/// local prefix `64:ff9b:1::/48`, Teredo `2001::/32`, site-local, link-local and ULA (all outside 2000::/3 or listed above).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let low = || Ipv4Addr::from((u128::from(address) & 0xffff_ffff) as u32);
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => Some(low()),
        [0, 0, 0, 0, 0, 0, high, rest] if high != 0 || rest > 1 => Some(low()),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(low()),
        [0x2002, high, rest, ..] => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(rest))),
        _ => None,
    }
}
