//! In: `traceparent` and `tracestate` of a request (W3C Trace Context). Out: what is valid of them, and headers that go on.
//! May touch: nothing.
//! Security boundary: yes; these come from outside and go into logs, records and requests as they are, so only what the
//! standard allows is kept: hexadecimal digits, and lists of printable words.

/// Longest `tracestate` that is kept, and its members (section 3.3.1 of the standard).
const STATE_BYTES_MAX: usize = 512;
const STATE_MEMBERS_MAX: usize = 32;
/// Defined so far: sampled, and random.
const FLAGS_KNOWN: u8 = 0b11;

/// The place of a request in a trace that somebody else began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// 32 and 16 hexadecimal digits, small letters, not all zero.
    id: String,
    parent: String,
    flags: u8,
    /// Of tracing systems, handed on as it is; empty where there is none or it is not valid.
    state: String,
}

impl Trace {
    /// Nothing where `parent` is not valid. A `state` that is not valid is left out.
    pub fn parse(parent: &str, state: &str) -> Option<Trace> {
        let (version, rest) = parent.split_once('-')?;
        let (id, rest) = rest.split_once('-')?;
        let (span, rest) = rest.split_once('-')?;
        let (flags, more) = rest.split_once('-').map_or((rest, None), |(flags, more)| (flags, Some(more)));
        let version = hex(version, 2).then_some(version)?;
        // Versions to come may say more behind another `-`; `ff` is none.
        if version == "ff" || (version == "00" && more.is_some()) {
            return None;
        }
        let is_id = |text: &str, digits| hex(text, digits) && text.bytes().any(|digit| digit != b'0');
        if !is_id(id, 32) || !is_id(span, 16) || !hex(flags, 2) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()? & FLAGS_KNOWN;
        let state = if is_state(state) { state.to_owned() } else { String::new() };
        Some(Trace { id: id.to_owned(), parent: span.to_owned(), flags, state })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn state(&self) -> &str {
        &self.state
    }

    /// As it came.
    pub fn parent(&self) -> String {
        self.with_parent(&self.parent)
    }

    /// For a request of our own in this trace; `span` is 64 random bits.
    pub fn child(&self, span: u64) -> String {
        self.with_parent(&format!("{:016x}", span.max(1)))
    }

    fn with_parent(&self, parent: &str) -> String {
        format!("00-{}-{parent}-{:02x}", self.id, self.flags)
    }
}

fn hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_state(state: &str) -> bool {
    let members: Vec<&str> = state.split(',').map(str::trim).filter(|member| !member.is_empty()).collect();
    state.len() <= STATE_BYTES_MAX && members.len() <= STATE_MEMBERS_MAX && members.into_iter().all(is_member)
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let in_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let in_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&key.len())
        && key.bytes().all(in_key)
        && key.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && (1..=256).contains(&value.len())
        && value.bytes().all(in_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn what_the_standard_allows_is_continued() {
        let valid = format!("00-{ID}-b7ad6b7169203331-01");
        let trace = Trace::parse(&valid, "rojo=00f067aa0ba902b7, congo@x=t61").unwrap();
        assert_eq!((trace.id(), trace.parent(), trace.state()), (ID, valid, "rojo=00f067aa0ba902b7, congo@x=t61"));
        assert_eq!(trace.child(0xab), format!("00-{ID}-00000000000000ab-01"));
        assert_eq!(trace.child(0), format!("00-{ID}-0000000000000001-01"));
        // A version to come, with more behind it and flags that nobody knows: told on in the words of this one.
        let later = Trace::parse(&format!("cc-{ID}-b7ad6b7169203331-ff-what-else"), "").unwrap();
        assert_eq!(later.parent(), format!("00-{ID}-b7ad6b7169203331-03"));
    }

    #[test]
    fn everything_else_is_ignored() {
        let zero = "0".repeat(32);
        for wrong in [
            String::new(),
            "00".into(),
            format!("00-{ID}-b7ad6b7169203331"),
            format!("00-{ID}-b7ad6b7169203331-01-more"),
            format!("00-{ID}-b7ad6b7169203331-1"),
            format!("00-{ID}-b7ad6b7169203331-011"),
            format!("00-{ID}-b7ad6b7169203331-0g"),
            format!("ff-{ID}-b7ad6b7169203331-01"),
            format!("0-{ID}-b7ad6b7169203331-01"),
            format!("00-{zero}-b7ad6b7169203331-01"),
            format!("00-{ID}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", ID.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", &ID[1..]),
            format!(" 00-{ID}-b7ad6b7169203331-01"),
            format!("00-{ID}-b7ad6b716920333\n-01"),
        ] {
            assert_eq!(Trace::parse(&wrong, ""), None, "{wrong:?}");
        }
        let valid = format!("00-{ID}-b7ad6b7169203331-00");
        for state in ["novalue", "=x", "A=1", "a=b=c", "a=\u{e9}", "a=", &"a".repeat(600), &["a=1"; 33].join(",")] {
            assert_eq!(Trace::parse(&valid, state).unwrap().state(), "", "{state:?}");
        }
    }
}
