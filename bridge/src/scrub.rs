//! In: a reply as the upstream sent it. Out: the same, if no form of any of the tenant's credentials is in it.
//! May touch: nothing.
//! Security boundary: yes; the only way from `dial.rs` to a script. On a hit all that was not handed on yet is withheld: a
//! masked reply would tell where the secret stood, and a script could bisect it.
//!
//! Looked for: every credential of the tenant, not only this call's, for a service may store what another call sent it.
//! Where: status text, names and values of headers, final URL, body after decompression; trailers never leave `body.rs`.
//! As: the forms of `forms.rs`, each in any letter case.
//!
//! A body is searched while it arrives, by an automaton (Aho-Corasick) that is stepped byte by byte and kept between the
//! pieces. Its state after a piece is the longest end of what has come that begins a form, so exactly those bytes wait for
//! the next piece: a form that is cut anywhere is found before any of it has left, and text without the beginning of one is
//! not delayed. Rejected: keeping back as many bytes as the longest form has, which holds up every event stream; searching
//! the last bytes again with each piece, which single bytes make quadratic. The automaton is the compact one; the full
//! table would be faster, and megabytes for each credential.
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
use crate::tenants::{Credential, Tenant};
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::{self, NFA};
use aho_corasick::{Anchored, BuildError, automaton::StateID};
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
    target: Target,
    /// How long the upstream may be silent.
    idle: Duration,
    scan: Scan,
    /// Searched; the end of it may begin a form.
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
    For(Automate),
    /// No automaton could be built, so every reply is one that was not searched.
    Everything,
}

struct Automate {
    automaton: NFA,
    start: StateID,
    /// For each state but the start, how many bytes of a form have been seen in it; in the order of the states.
    depths: Vec<(StateID, u32)>,
}

/// How far the search of one text has come.
#[derive(Clone, Copy, Default)]
struct Scan(Option<StateID>);

impl Scrubber {
    pub fn new(credentials: &[Arc<Credential>]) -> Scrubber {
        let forms: Vec<Vec<u8>> = credentials.iter().flat_map(|credential| forms(credential.value.expose())).collect();
        if forms.is_empty() {
            return Scrubber(Search::Nothing);
        }
        // Building fails only for more bytes of credentials than 31 bits count.
        Scrubber(Automate::new(&forms).map_or(Search::Everything, Search::For))
    }

    fn finds(&self, text: &[u8]) -> bool {
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

    /// How many of the last bytes that `scan` has seen may be the beginning of a form.
    fn withheld(&self, scan: Scan) -> usize {
        match &self.0 {
            Search::For(automate) => automate.depth(scan),
            Search::Nothing | Search::Everything => 0,
        }
    }
}

impl Automate {
    fn new(forms: &[Vec<u8>]) -> Result<Automate, BuildError> {
        let automaton = contiguous::Builder::new().ascii_case_insensitive(true).prefilter(false).build(forms)?;
        // The default start kind has an unanchored one.
        let start = automaton.start_state(Anchored::No).unwrap_or(StateID::ZERO);
        let mut depths = Vec::new();
        for form in forms {
            let mut state = start;
            for (depth, byte) in (1..).zip(form) {
                state = automaton.next_state(Anchored::No, state, *byte);
                depths.push((state, depth));
            }
        }
        depths.sort_unstable();
        depths.dedup();
        depths.shrink_to_fit();
        Ok(Automate { automaton, start, depths })
    }

    fn finds(&self, scan: &mut Scan, text: &[u8]) -> bool {
        let mut state = scan.0.unwrap_or(self.start);
        for byte in text {
            state = self.automaton.next_state(Anchored::No, state, *byte);
            if self.automaton.is_special(state) && self.automaton.is_match(state) {
                return true;
            }
        }
        scan.0 = Some(state);
        false
    }

    fn depth(&self, scan: Scan) -> usize {
        let Some(state) = scan.0.filter(|state| *state != self.start) else { return 0 };
        let at = self.depths.binary_search_by_key(&state, |(state, _)| *state);
        at.ok().and_then(|at| self.depths.get(at)).map_or(usize::MAX, |(_, depth)| *depth as usize)
    }
}

/// Looks into the head; the body is looked into as it comes.
pub fn scrub(raw: RawReply, tenant: &Arc<Tenant>, shared: &Shared) -> Result<(CleanHead, CleanBody), Failure> {
    let (target, head, raw) = raw.open(&Key(()));
    let RawHead { status, status_text, headers } = head;
    let scrubber = &tenant.scrubber;
    let in_headers = headers
        .iter()
        .any(|(name, value)| scrubber.finds(name.as_str().as_bytes()) || scrubber.finds(value.as_bytes()));
    if in_headers || scrubber.finds(status_text.as_bytes()) || scrubber.finds(target.url().as_str().as_bytes()) {
        return Err(echoed(tenant, &target));
    }
    let (seen, held, scan) = (BytesMut::new(), Held::new(&shared.budget), Scan::default());
    let (tenant, idle) = (tenant.clone(), shared.body_idle);
    let body = CleanBody { raw, tenant, target, idle, scan, seen, held, ended: false };
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
        if self.tenant.scrubber.finds_more(&mut self.scan, new) {
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
        let withheld = if self.ended { 0 } else { self.tenant.scrubber.withheld(self.scan) };
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

    fn scrubber(secrets: &[&str]) -> Scrubber {
        let forms: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| forms(secret.as_bytes())).collect();
        Scrubber(Automate::new(&forms).map_or(Search::Everything, Search::For))
    }

    /// The longest end of `text` that begins a form, found the slow way.
    fn longest_beginning(forms: &[Vec<u8>], text: &[u8]) -> usize {
        let begins = |form: &[u8], length: usize| {
            let end = text.get(text.len() - length..).unwrap_or_default();
            form.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(end))
        };
        let longest = |form: &Vec<u8>| (0..=form.len().min(text.len())).rev().find(|length| begins(form, *length));
        forms.iter().filter_map(longest).max().unwrap_or(0)
    }

    #[test]
    fn every_form_is_found_wherever_it_is_cut_and_withheld_to_its_first_byte() {
        let secret = "cA~+/nary\"?&<\\key>'\u{e9}%20=1234";
        let scrubber = scrubber(&[secret]);
        for form in forms(secret.as_bytes()) {
            for cut in 1..form.len() {
                let (first, second) = form.split_at(cut);
                let mut scan = Scan::default();
                assert!(!scrubber.finds_more(&mut scan, b"before. "));
                if scrubber.finds_more(&mut scan, first) {
                    continue; // A shorter form is inside.
                }
                assert!(scrubber.withheld(scan) >= cut, "{form:?} at {cut}");
                assert!(scrubber.finds_more(&mut scan, second), "{form:?} at {cut}");
            }
        }
    }

    #[test]
    fn exactly_the_longest_beginning_of_a_form_is_withheld() {
        let secrets = ["abcabcabd-the-key", "ABCABx", "bcabcabcabca", "0000000001"];
        let forms: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| forms(secret.as_bytes())).collect();
        let scrubber = scrubber(&secrets);
        // All the texts of these letters, among them every overlap of the beginnings.
        let (mut text, mut scan, mut seed) = (Vec::new(), Scan::default(), 1_u32);
        for _ in 0..30_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let byte = *b"aAbBc0%\\".get(seed as usize >> 24 & 7).unwrap_or(&b'x');
            if scrubber.finds_more(&mut scan, &[byte]) {
                (text, scan) = (Vec::new(), Scan::default());
                continue;
            }
            text.push(byte);
            text.drain(..text.len().saturating_sub(200));
            assert_eq!(scrubber.withheld(scan), longest_beginning(&forms, &text), "{text:?}");
        }
    }

    #[test]
    fn what_could_not_be_searched_is_withheld() {
        let impossible = Scrubber(Search::Everything);
        assert!(impossible.finds(b"x") && impossible.finds(b""));
        assert!(!Scrubber::new(&[]).finds(b"x"));
    }
}
