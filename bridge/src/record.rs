//! In: what happens in one call, as it happens. Out: its entry in the run's call list, and its audit record.
//! May touch: the audit queue.
//! Security boundary: no, but evidence: a call that is cut off leaves its record too. Where a body comes in parts, the entry
//! says what was known at the head, the audit record what it came to.

use crate::ask::Target;
use crate::audit::{self, Audit, Entry};
use crate::failure::{Failure, Kind};
use crate::outgoing::Progress;
use mayfly_schemas::bridge_capnp::record;
use std::sync::Arc;
use std::time::Instant;

/// One call under way. Dropped before its end, it is recorded as cancelled.
pub struct Call {
    entry: Entry,
    upload: Option<Arc<Progress>>,
    started: Instant,
    audit: Audit,
    ended: bool,
}

impl Call {
    /// `entry` says who calls; the rest is filled in here.
    pub fn start(entry: Entry, audit: Audit) -> Call {
        let entry = Entry { time: audit::now(), verdict: "allow", ..entry };
        Call { entry, upload: None, started: Instant::now(), audit, ended: false }
    }

    pub fn of_tool(&mut self, path: &str) {
        self.entry.tool = path.to_owned();
    }

    /// Empty for a fetch.
    pub fn tool(&self) -> &str {
        &self.entry.tool
    }

    /// Sent as what it is there: several requests of HTTP, or a line on a pipe, may be one call.
    pub fn of_server(&mut self, url: &str, rule: &str) {
        (self.entry.method, self.entry.url) = ("MCP".to_owned(), url.to_owned());
        self.entry.rule = rule.to_owned();
    }

    pub fn asks(&mut self, target: &Target) {
        (self.entry.method, self.entry.url) = (target.method().to_string(), target.shown());
        self.entry.rule.clear();
    }

    pub fn permitted(&mut self, rule: &str) {
        self.entry.rule = rule.to_owned();
    }

    pub fn sends(&mut self, credential: Option<&str>, body_bytes: usize) {
        self.entry.bytes_out += body_bytes as u64;
        if let Some(name) = credential
            && !self.entry.credentials.iter().any(|known| known == name)
        {
            self.entry.credentials.push(name.to_owned());
        }
    }

    /// The request's body comes in parts: it is counted as they are sent.
    pub fn uploads(&mut self, progress: Arc<Progress>) {
        self.upload = Some(progress);
    }

    pub fn upload(&self) -> Option<&Arc<Progress>> {
        self.upload.as_ref()
    }

    pub fn received(&mut self, status: u16) {
        self.entry.status = status;
    }

    /// Body bytes, as they came from the upstream.
    pub fn arrived(&mut self, bytes: u64) {
        self.entry.bytes_in += bytes;
    }

    pub fn redirected(&mut self) {
        self.entry.redirects += 1;
    }

    pub fn redirects(&self) -> u32 {
        self.entry.redirects
    }

    pub fn failed(&mut self, failure: &Failure) {
        self.entry.reason = failure.word();
        self.entry.status = 0;
        if let Kind::Policy(_) = failure.kind {
            self.entry.verdict = "deny";
            self.entry.rule.clone_from(&failure.rule);
        }
        if !failure.method.is_empty() {
            (self.entry.method, self.entry.url) = (failure.method.clone(), failure.url.clone());
        }
    }

    /// After the script had the head of the reply: status and rule stay.
    pub fn broke_off(&mut self, failure: &Failure) {
        self.entry.reason = failure.word();
        if let Kind::Policy(_) = failure.kind {
            self.entry.verdict = "deny";
        }
    }

    /// Nothing was sent: somebody has to say yes first.
    pub fn held(&mut self) {
        self.entry.verdict = "hold";
    }

    pub fn cancelled(&mut self) {
        self.entry.verdict = "cancelled";
    }

    /// What the failure does not say about itself, the call knows.
    pub fn place(&self) -> (&str, &str) {
        (&self.entry.method, &self.entry.url)
    }

    pub fn write(&self, mut record: record::Builder<'_>, why: &str) {
        record.set_method(&self.entry.method);
        record.set_url(&self.entry.url);
        record.set_status(self.entry.status);
        record.set_micros(self.started.elapsed().as_micros() as u64);
        record.set_bytes_out(self.bytes_out());
        record.set_bytes_in(self.entry.bytes_in);
        let mut verdict = record.init_verdict();
        verdict.set_allowed(self.entry.verdict == "allow");
        verdict.set_rule(&self.entry.rule);
        verdict.set_reason(why);
    }

    pub async fn end(mut self) {
        self.ended = true;
        let entry = self.finished();
        self.audit.record(entry).await;
    }

    fn bytes_out(&self) -> u64 {
        self.entry.bytes_out + self.upload.as_ref().map_or(0, |upload| upload.sent())
    }

    fn finished(&mut self) -> Entry {
        let (ms, bytes_out) = ((self.started.elapsed().as_micros() as f64) / 1_000.0, self.bytes_out());
        Entry { ms, bytes_out, ..std::mem::take(&mut self.entry) }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            let entry = Entry { verdict: "cancelled", ..self.finished() };
            self.audit.record_now(entry);
        }
    }
}
