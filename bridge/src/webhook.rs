//! In: a call that waits for a yes. Out: a signed message to the URL that the tenant's file names.
//! May touch: what the rooms of a request may.
//! Security boundary: yes; the message goes through them like a fetch: the tenant's deny rules, checked addresses. It says what
//! waits, and nothing of the request's body.
//!
//! `mayfly-signature: t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY` under the secret: whoever gets it knows that it is ours
//! and how old it is. It is sent until it is taken (any 2xx), a few times; the run waits in any case.

use crate::approvals::{Held, Place};
use crate::ask::{Ask, Body, Words};
use crate::audit::Entry;
use crate::credentials::secret;
use crate::decide::decide;
use crate::dial::dial;
use crate::failure::Failure;
use crate::fields::{Reading, Table};
use crate::lane::Lane;
use crate::mcp::one_url;
use crate::record::Call;
use crate::resolve::pin;
use crate::scrub::scrub;
use crate::secret::Secret;
use crate::sign::sign;
use crate::tenants::{Frame, Rule, check_rule};
use crate::tokens::hex;
use aws_lc_rs::hmac;
use mayfly_schemas::limits::{WEBHOOK_MS, WEBHOOK_REPLY_BYTES_MAX, WEBHOOK_TRIES};
use serde_json::json;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a tenant wants to hear of what waits.
pub struct Webhook {
    url: String,
    rule: Arc<Rule>,
    secret: Secret,
}

impl Webhook {
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// `webhook`, `secret` and `private` of `[approvals]`.
pub fn read(
    reading: &mut Reading<'_>,
    table: Table<'_>,
    frame: &Frame<'_>,
    files: &mut Vec<PathBuf>,
) -> Option<Webhook> {
    let private = reading.flag(table, "private");
    let url = reading.text(table, "webhook")?;
    if !table.map.contains_key("secret") {
        let hint = "`secret = \"env:NAME\"`, file: or vault:; whoever gets the messages checks their signature with it";
        reading.hinted(url.at, "a webhook needs a `secret`", hint);
        return None;
    }
    let secret = secret(reading, table, "secret", frame, files)?;
    let (target, pattern) = one_url(reading, "webhook", "POST", &url)?;
    check_rule(reading, table, true, &pattern, false, private);
    let rule = Rule {
        name: "approvals webhook".to_owned(),
        allow: true,
        pattern,
        methods: vec![http::Method::POST],
        credential: None,
        private,
        hold: false,
        idempotent: false,
    };
    Some(Webhook { url: target.as_str().to_owned(), rule: Arc::new(rule), secret })
}

/// Tells of a call that waits, where somebody wants to hear of it. Nobody waits for it.
pub fn tell(lane: &Rc<Lane>, place: Place, tool: &str, held: &Held) {
    let Some(tenant) = lane.shared.directory.tenant(&place.tenant) else { return };
    if tenant.webhook.is_none() {
        return;
    }
    let Place { tenant, run, call } = &place;
    let body = json!({
        "type": "approval.pending", "tenant": tenant, "run": run, "call": call, "tool": tool, "method": held.method,
        "url": held.url, "digest": hex(&held.digest()), "body_bytes": held.body.len(), "at_ms": since_1970().as_millis() as u64,
    });
    let (lane, body) = (lane.clone(), body.to_string());
    tokio::task::spawn_local(async move {
        let mut pause = Duration::from_secs(1);
        for attempt in 1..=WEBHOOK_TRIES {
            let sent = tokio::time::timeout(Duration::from_millis(WEBHOOK_MS), send(&lane, &place, &body)).await;
            match sent {
                Ok(Ok(status)) if (200..300).contains(&status) => return,
                Ok(Ok(status)) => tracing::warn!(tenant = place.tenant, run = place.run, status, attempt, "a webhook"),
                Ok(Err(failure)) => {
                    tracing::warn!(tenant = place.tenant, run = place.run, why = failure.text, attempt, "a webhook");
                }
                Err(_) => tracing::warn!(tenant = place.tenant, run = place.run, attempt, "a webhook did not answer"),
            }
            tokio::time::sleep(pause).await;
            pause *= 4;
        }
    });
}

async fn send(lane: &Lane, place: &Place, body: &str) -> Result<u16, Failure> {
    let gone = || Failure::network("the webhook is not in the tenant's file any more");
    let tenant = lane.shared.directory.tenant(&place.tenant).ok_or_else(gone)?;
    let Webhook { url, rule, secret } = tenant.webhook.as_ref().ok_or_else(gone)?;
    let seconds = since_1970().as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let signature = hex(hmac::sign(&key, format!("{seconds}.{body}").as_bytes()).as_ref());
    let headers = vec![
        ("content-type".to_owned(), b"application/json".to_vec()),
        ("mayfly-signature".to_owned(), format!("t={seconds},v1={signature}").into_bytes()),
    ];
    let words =
        Words { method: "POST".to_owned(), url: url.clone(), headers, body: Body::Whole(body.to_owned().into()) };
    let ask = Ask::parse(words)?;
    let entry = Entry {
        tenant: place.tenant.clone(),
        run: place.run.clone(),
        call: place.call,
        action: "webhook",
        ..Entry::default()
    };
    let mut call = Call::start(entry, lane.shared.audit.clone());
    call.asks(ask.target());
    let sent = async {
        let upstreams = lane.upstreams(&tenant);
        let permit = decide(&tenant, &ask, Some(rule))?;
        call.permitted(&permit.rule().name);
        let pinned = pin(permit, &upstreams.names, &lane.shared.lookup).await?;
        let signed = sign(pinned, None, None);
        call.sends(None, body.len());
        let raw = dial(signed, &upstreams, WEBHOOK_REPLY_BYTES_MAX).await?;
        let (head, _) = scrub(raw, &tenant, tenant.scrubber.clone(), &lane.shared)?;
        call.received(head.status);
        Ok(head.status)
    };
    let sent: Result<u16, Failure> = sent.await;
    if let Err(failure) = &sent {
        call.failed(failure);
    }
    call.end().await;
    sent
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
