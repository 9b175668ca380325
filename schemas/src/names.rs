//! In: names as clients and operators write them. Out: whether they are ones, and the paths that are nobody's to give away.
//! May touch: nothing.
//! Security boundary: yes; a script's name goes into paths, keys and logs as it is.

/// Longest name of a stored script: that of a label in a host name, so that each can become one.
pub const SCRIPT_NAME_BYTES_MAX: usize = 63;

/// What a script's name must be, in words for who chose another one.
pub const SCRIPT_NAME_RULE: &str =
    "1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends, as in a label of a host name";

/// First segments of paths that are the server's own on its own hosts. No route of a tenant takes them.
pub const RESERVED: [&str; 7] = ["v1", "mcp", "run", "healthz", "readyz", "metrics", "openapi.json"];

pub fn is_script_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let ends = [bytes.first(), bytes.last()];
    (1..=SCRIPT_NAME_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(fits)
        && ends.iter().all(|end| end.is_some_and(|byte| *byte != b'-'))
}

/// Whether a path is the server's own: `/v1` and `/v1/runs`, not `/v10`.
pub fn is_reserved(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    RESERVED.contains(&first)
}

/// The entity tag of one version of a script, without quotes. The digest is in it because versions are counted anew after
/// a script was deleted.
pub fn entity_tag(version: u64, digest: &[u8]) -> String {
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("v{version}-{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_called_as_a_label_of_a_host_name_may_be() {
        for name in ["a", "0", "hello", "a-b", "a--b", "2fa", &"x".repeat(63)] {
            assert!(is_script_name(name), "{name}");
        }
        for name in ["", "-", "-a", "a-", "A", "a_b", "a.b", "..", "a/b", "a%2fb", "é", "a b", "a\0", &"x".repeat(64)]
        {
            assert!(!is_script_name(name), "{name}");
        }
    }

    #[test]
    fn an_entity_tag_tells_versions_and_contents_apart() {
        assert_eq!(entity_tag(3, &[0xab; 32]), "v3-abababababababab");
        assert_eq!(entity_tag(3, &[]), "v3-");
    }

    #[test]
    fn what_is_reserved_is_a_whole_segment() {
        for path in ["/v1", "/v1/", "/v1/runs", "/run/a/b", "/healthz", "//v1/runs"] {
            assert!(is_reserved(path), "{path}");
        }
        for path in ["/", "", "/v10", "/v", "/api/v1", "/V1", "/%761"] {
            assert!(!is_reserved(path), "{path}");
        }
    }
}
