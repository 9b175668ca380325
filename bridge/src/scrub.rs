//! In: a reply as the upstream sent it. Out: the same, if no form of any of the tenant's credentials is in it.
//! May touch: nothing.
//! Security boundary: yes; the only way from `dial.rs` to a script. On a hit all that was not handed on yet is withheld: a
//! masked reply would tell where the secret stood, and a script could bisect it.
//!
//! Looked for: every credential of the tenant and of the run, not only this call's, for a service may store what another call sent it.
//! Where: status text, names and values of headers, final URL, body after decompression; trailers never leave `body.rs`.
//! As: the forms of `forms.rs`, each in any letter case.
//!
//! A body is searched while it arrives, by an automaton (Aho-Corasick) that is stepped byte by byte and kept between the
//! pieces. No form has a control character in it, so what came up to the last one (a line end, mostly) may leave; what came
//! after it waits, as far as the longest form could reach back. A form that is cut anywhere is so found before any of it has
//! left, and events, which end with a line, are not delayed.
//!
//! How much waits must not depend on what the credential is. Rejected for that: to keep back only what could begin a form,
//! which the automaton's state would tell. A script that has a host to send it texts, or to store them, sees in the sizes of
//! the parts which of its guesses begins a credential, and has it letter by letter. Rejected too: to keep back as many bytes
//! as the longest form has whatever they are, which holds up each event until the next; to search the last bytes again with
//! each piece, which single bytes make quadratic. The automaton is the compact one; the full table would be faster, and
//! megabytes for each credential.
//!
//! What this cannot see: a secret reversed, enciphered, compressed by other means than a content-encoding, broken by line
//! ends, in UTF-16, or told one byte per reply. So a credential belongs only on hosts that do not echo; this is the second
//! wall, not the first.

use crate::ask::Target;
use crate::body::{RawBody, Step};
use crate::budget::Held;
use crate::dial::{RawHead, RawReply};
use crate::failure::{Failure, Reason};
use crate::forms::forms;
use crate::lane::Shared;
use crate::secret::Secret;
use crate::tenants::Tenant;
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::{self, NFA};
use aho_corasick::{Anchored, automaton::StateID};
use bytes::BytesMut;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The head of a reply that a script may see. Only `scrub` makes it.
pub struct CleanHead {
    pub status: u16,
    pub status_text: String,
    pub headers: HeaderMap,
}

/// The body of a reply, as much of it as a script may see. Dropped before its end, it takes its connection with it.
pub struct CleanBody {
    raw: RawBody,
    tenant: Arc<Tenant>,
    scrubber: Arc<Scrubber>,
    target: Target,
    /// How long the upstream may be silent.
    idle: Duration,
    scan: Scan,
    /// Searched; the end of it may have to wait.
    seen: BytesMut,
    held: Held,
    ended: bool,
}

/// Opens a `RawReply`; nobody else has one.
pub struct Key(());

pub struct Scrubber(Search);

enum Search {
    /// There are no credentials.
    Nothing,
    For(Box<Automate>),
    /// No automaton could be built, so every reply is one that was not searched.
    Everything,
}

struct Automate {
    automaton: NFA,
    start: StateID,
    /// At least as many bytes as the longest form has; a power of two, so as not to tell a credential's length.
    reach: usize,
}

/// How far the search of one text has come.
#[derive(Clone, Copy, Default)]
struct Scan {
    state: Option<StateID>,
    /// Bytes since the last one that is in no form.
    open: usize,
}

/// Shorter lines of a secret of several would be found in many replies.
const LINE_BYTES_MIN: usize = 16;

impl Scrubber {
    /// A credential has no control characters, but the environment of a child may: of such a secret each long line is looked
    /// for.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Scrubber {
        let lines = secrets.into_iter().flat_map(|secret| {
            let secret = secret.expose();
            let whole = !secret.iter().any(|byte| is_in_no_form(*byte));
            secret.split(|byte| is_in_no_form(*byte)).filter(move |line| whole || line.len() >= LINE_BYTES_MIN)
        });
        let forms: Vec<Vec<u8>> = lines.flat_map(forms).collect();
        if forms.is_empty() {
            return Scrubber(Search::Nothing);
        }
        Scrubber::of(&forms)
    }

    /// No automaton is there only for more bytes of credentials than 31 bits count.
    fn of(forms: &[Vec<u8>]) -> Scrubber {
        Scrubber(Automate::new(forms).map_or(Search::Everything, |automate| Search::For(Box::new(automate))))
    }

    pub fn finds(&self, text: &[u8]) -> bool {
        self.finds_more(&mut Scan::default(), text)
    }

    /// Whether `text`, behind all that `scan` has seen, ends or contains a form.
    fn finds_more(&self, scan: &mut Scan, text: &[u8]) -> bool {
        match &self.0 {
            Search::Nothing => false,
            Search::For(automate) => automate.finds(scan, text),
            Search::Everything => true,
        }
    }

    /// How many of the last bytes that `scan` has seen have to wait.
    fn withheld(&self, scan: Scan) -> usize {
        match &self.0 {
            Search::For(automate) => scan.open.min(automate.reach),
            Search::Nothing | Search::Everything => 0,
        }
    }
}

/// Control characters but the tab: no header can carry them, so no credential has them and none of its forms.
fn is_in_no_form(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

impl Automate {
    fn new(forms: &[Vec<u8>]) -> Option<Automate> {
        let longest = forms.iter().map(Vec::len).max()?;
        if forms.iter().flatten().any(|byte| is_in_no_form(*byte)) {
            return None;
        }
        let automaton = contiguous::Builder::new().ascii_case_insensitive(true).prefilter(false).build(forms).ok()?;
        let start = automaton.start_state(Anchored::No).ok()?;
        Some(Automate { automaton, start, reach: longest.next_power_of_two() })
    }

    fn finds(&self, scan: &mut Scan, text: &[u8]) -> bool {
        let mut state = scan.state.unwrap_or(self.start);
        for byte in text {
            state = self.automaton.next_state(Anchored::No, state, *byte);
            if self.automaton.is_special(state) && self.automaton.is_match(state) {
                return true;
            }
        }
        scan.state = Some(state);
        scan.open = match text.iter().rposition(|byte| is_in_no_form(*byte)) {
            Some(at) => text.len() - at - 1,
            None => scan.open.saturating_add(text.len()),
        };
        false
    }
}

/// Looks into the head; the body is looked into as it comes.
pub fn scrub(
    raw: RawReply,
    tenant: &Arc<Tenant>,
    scrubber: Arc<Scrubber>,
    shared: &Shared,
) -> Result<(CleanHead, CleanBody), Failure> {
    let (target, head, raw) = raw.open(&Key(()));
    let RawHead { status, status_text, headers } = head;
    let in_headers = headers
        .iter()
        .any(|(name, value)| scrubber.finds(name.as_str().as_bytes()) || scrubber.finds(value.as_bytes()));
    if in_headers || scrubber.finds(status_text.as_bytes()) || scrubber.finds(target.url().as_str().as_bytes()) {
        return Err(echoed(tenant, &target));
    }
    let (seen, held, scan) = (BytesMut::new(), Held::new(&shared.budget), Scan::default());
    let (tenant, idle) = (tenant.clone(), shared.body_idle);
    let body = CleanBody { raw, tenant, scrubber, target, idle, scan, seen, held, ended: false };
    Ok((CleanHead { status, status_text, headers }, body))
}

fn echoed(tenant: &Tenant, target: &Target) -> Failure {
    let text = format!(
        "the reply of {} contained a credential of tenant \"{}\" and was withheld; call something that does not echo it",
        target.shown(),
        tenant.name
    );
    Failure::policy(Reason::CredentialEchoed, "", text).about(target)
}

impl CleanBody {
    /// Waits for more until `until`. May be dropped while it waits: then nothing was taken. A failure ends the body.
    pub async fn more(&mut self, until: Instant) -> Result<Step, Failure> {
        let before = self.seen.len();
        let more = self.raw.more(&Key(()), &mut self.seen, until).await;
        let step = more.map_err(|failure| failure.about(&self.target))?;
        let new = self.seen.get(before..).unwrap_or_default();
        self.held.more(new.len())?;
        if self.scrubber.finds_more(&mut self.scan, new) {
            return Err(echoed(&self.tenant, &self.target));
        }
        self.ended |= step == Step::End;
        Ok(step)
    }

    /// Waits as long as the upstream may be silent.
    pub async fn more_in_time(&mut self) -> Result<Step, Failure> {
        let step = self.more(Instant::now() + self.idle).await?;
        if step == Step::Nothing {
            let (host, ms) = (self.raw.host(), self.idle.as_millis());
            let text = format!("{host} sent no further part of its reply within {ms} ms; try again later");
            return Err(Failure::timeout(text).about(&self.target));
        }
        Ok(step)
    }

    /// How many bytes may leave.
    pub fn ready(&self) -> usize {
        let withheld = if self.ended { 0 } else { self.scrubber.withheld(self.scan) };
        self.seen.len().saturating_sub(withheld)
    }

    /// Bytes that may leave, at most `bytes_max` of them, with their share of the budget.
    pub fn take(&mut self, bytes_max: usize) -> (BytesMut, Held) {
        let bytes = self.seen.split_to(self.ready().min(bytes_max));
        let held = self.held.split(bytes.len());
        (bytes, held)
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Body bytes as they came from the upstream.
    pub fn bytes_in(&self) -> u64 {
        self.raw.bytes_in()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "cA~+/nary\"?&<\\key>'\u{e9}%20=1234";

    fn forms_of(secrets: &[&str]) -> Vec<Vec<u8>> {
        secrets.iter().flat_map(|secret| forms(secret.as_bytes())).collect()
    }

    #[test]
    fn every_form_is_found_wherever_it_is_cut_and_none_of_it_has_left() {
        let forms = forms_of(&[SECRET]);
        let scrubber = Scrubber::of(&forms);
        for form in &forms {
            for cut in 1..form.len() {
                let (first, second) = form.split_at(cut);
                let mut scan = Scan::default();
                assert!(!scrubber.finds_more(&mut scan, b"a line\nand text "));
                if scrubber.finds_more(&mut scan, first) {
                    continue; // A shorter form is inside.
                }
                assert!(scrubber.withheld(scan) >= cut, "{form:?} at {cut}");
                assert!(scrubber.finds_more(&mut scan, second), "{form:?} at {cut}");
            }
        }
    }

    #[test]
    fn what_waits_depends_on_line_ends_and_on_nothing_else() {
        // Each begins in another way and has forms of other lengths, within the same power of two.
        let scrubbers = ["guess-the-key-12", SECRET, "another-key-abcdefghijklmnopq"]
            .map(|secret| Scrubber::of(&forms_of(&[secret])));
        let texts = [
            "guess-the-key-1",
            "cA~+/nary",
            "anoth",
            "x",
            "",
            "67756573732d7468652d6b65792d",
            "two\nlines",
            "end\r\n",
            "\0",
            "a\tb",
        ];
        for text in texts {
            for before in ["", "line\n", "no line "] {
                let mut expected = None;
                for scrubber in &scrubbers {
                    let mut scan = Scan::default();
                    assert!(
                        !scrubber.finds_more(&mut scan, before.as_bytes())
                            && !scrubber.finds_more(&mut scan, text.as_bytes())
                    );
                    let withheld = scrubber.withheld(scan);
                    assert_eq!(*expected.get_or_insert(withheld), withheld, "{before:?} {text:?}");
                }
            }
        }
        let mut scan = Scan::default();
        assert!(!scrubbers[1].finds_more(&mut scan, &[b'x'; 100_000]));
        assert_eq!(
            scrubbers[1].withheld(scan),
            256,
            "the longest form has {}",
            forms_of(&[SECRET]).iter().map(Vec::len).max().unwrap()
        );
        assert!(!scrubbers[1].finds_more(&mut scan, b"\n"));
        assert_eq!(scrubbers[1].withheld(scan), 0);
    }

    #[test]
    fn what_could_not_be_searched_is_withheld() {
        let impossible = Scrubber::of(&[b"a form\nwith a line end".to_vec()]);
        assert!(impossible.finds(b"x") && impossible.finds(b""));
        assert!(!Scrubber::new([]).finds(b"x"));
    }

    #[test]
    fn of_a_secret_with_several_lines_each_long_one_is_found() {
        let key = Secret::new(b"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort\n-----END KEY-----".to_vec());
        let scrubber = Scrubber::new([&key]);
        assert!(scrubber.finds(b"it is MIIEvQIBADANBgkqhkiG9w0B") && !scrubber.finds(b"short and nothing else"));
    }
}
