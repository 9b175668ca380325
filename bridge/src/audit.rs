//! In: one record for each call. Out: a line of JSON in `audit.jsonl`, or a tracing event of the target `audit`.
//! May touch: that one file.
//! Security boundary: no, but evidence: names and decisions, never a value of a credential, a header, a body or a query.
//!
//! Writing happens on a thread of its own behind a bounded queue; a call waits for room in it, so a slow disk slows calls
//! down instead of losing records. Only a call that nobody waits for any more (its client is gone) tries once.

use mayfly_schemas::limits::{AUDIT_GATHER_MS, AUDIT_QUEUE_MAX};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// One call.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Entry {
    /// RFC 3339, UTC.
    pub time: String,
    pub tenant: String,
    pub run: String,
    pub request_id: String,
    /// Of the request that began the run, 32 hexadecimal digits; empty without one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace: String,
    pub call: u32,
    /// Path of the tool that was called; empty for a fetch.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// `allow` (it was sent, or policy would have let it), `deny`, `hold` (somebody has to say yes; when somebody has, the call
    /// has another record), or `cancelled` (the client or the script went away).
    pub verdict: &'static str,
    pub rule: String,
    /// Policy reason or kind of failure; empty for a reply that came to its end. With a status: why its body broke off.
    pub reason: &'static str,
    pub method: String,
    /// Without userinfo, query and fragment.
    pub url: String,
    pub status: u16,
    pub ms: f64,
    pub bytes_out: u64,
    pub bytes_in: u64,
    /// Names of the credentials that were sent.
    pub credentials: Vec<String>,
    pub redirects: u32,
    /// Of a run that leaves memory or comes back: `park`, `take`, `forget`. Of a call that waited: `approve`, `reject`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub action: &'static str,
    /// Of a call that somebody decided about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Of a request that changes a stored script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Deploy>,
}

/// Who wanted to do what to which script, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Deploy {
    /// `put`, `rollback`, `delete`.
    pub action: &'static str,
    pub script: String,
    /// 0 and empty when nothing was stored.
    pub version: u64,
    pub digest: String,
    pub role: &'static str,
    /// First 8 digits of the token's SHA-256, as its [[token]] begins.
    pub token: String,
}

/// Who decided about which request.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Decision {
    /// SHA-256 of the request's method, URL and body.
    pub digest: String,
    pub role: &'static str,
    /// First 8 digits of the token's SHA-256, as its [[token]] begins.
    pub token: String,
}

enum Word {
    Record(Box<Entry>),
    End,
}

#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<Word>,
    lost: Arc<AtomicU64>,
}

impl Audit {
    /// Starts the writer; it ends after `end`, when it has written what was queued before.
    pub fn start(state: Option<&Path>) -> std::io::Result<(Audit, std::thread::JoinHandle<()>)> {
        let file = state.map(open).transpose()?;
        let (queue, words) = mpsc::channel(AUDIT_QUEUE_MAX);
        let lost = Arc::<AtomicU64>::default();
        let counter = lost.clone();
        let writer = std::thread::Builder::new().name("audit".into()).spawn(move || write(words, file, &counter))?;
        Ok((Audit { queue, lost }, writer))
    }

    pub async fn record(&self, entry: Entry) {
        if self.queue.send(Word::Record(Box::new(entry))).await.is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// For a call that was cut off: nobody can wait.
    pub fn record_now(&self, entry: Entry) {
        if self.queue.try_send(Word::Record(Box::new(entry))).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    pub async fn end(&self) {
        // It fails when the writer is gone already.
        let _ = self.queue.send(Word::End).await;
    }

    /// Records that could not be written since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

fn open(state: &Path) -> std::io::Result<File> {
    crate::store::make_folder(state)?;
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(state.join("audit.jsonl"))?;
    // One that was made by somebody else may be open to others.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

fn write(mut words: mpsc::Receiver<Word>, file: Option<File>, lost: &AtomicU64) {
    let mut file = file.map(BufWriter::new);
    while let Some(Word::Record(first)) = words.blocking_recv() {
        // Others gather meanwhile, and none of them has to wake this thread.
        std::thread::sleep(Duration::from_millis(AUDIT_GATHER_MS));
        let mut batch = vec![*first];
        let mut ended = false;
        while let Ok(word) = words.try_recv() {
            match word {
                Word::Record(entry) => batch.push(*entry),
                Word::End => ended = true,
            }
        }
        if let Err(error) = write_batch(&batch, file.as_mut()) {
            lost.fetch_add(batch.len() as u64, Relaxed);
            tracing::error!(%error, records = batch.len(), "audit records could not be written");
        }
        if ended {
            return;
        }
    }
}

fn write_batch(batch: &[Entry], file: Option<&mut BufWriter<File>>) -> std::io::Result<()> {
    let Some(file) = file else {
        for entry in batch {
            tracing::info!(target: "audit", record = %serde_json::to_string(entry)?);
        }
        return Ok(());
    };
    for entry in batch {
        serde_json::to_writer(&mut *file, entry)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// Now, as RFC 3339 with milliseconds. Date from days: Howard Hinnant, `civil_from_days`.
pub fn now() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64))
}

fn rfc3339(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(super::rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(super::rfc3339(951_827_696_789), "2000-02-29T12:34:56.789Z");
        assert_eq!(super::rfc3339(1_798_761_599_999), "2026-12-31T23:59:59.999Z");
    }
}
