//! In: the frames that a turn wrote. Out: what it asks for, in types; and the answers on their way back.
//! May touch: nothing.
//! Security boundary: yes. The frames come from arbitrary Wasm.

use super::guest::Stopped;
use mayfly_abi::{Effect, EffectKind, OutcomeKind};
use serde::{Deserialize, Serialize};

/// One effect that somebody outside must answer by its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub number: u32,
    /// Number of the call within the run, from 1; 0 for what is no call: a timer, a part of a body.
    pub call: u32,
    pub kind: AskKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    Fetch {
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        redirect: String,
        /// The body comes by `Write` to the stream of the ask's number, and `body` is empty.
        upload: bool,
        #[serde(with = "base64_bytes")]
        body: Vec<u8>,
    },
    /// `tool` without `tools.`; `args` is JSON.
    Call {
        tool: String,
        args: String,
    },
    Timer {
        delay_ms: f64,
    },
    /// The next bytes of a stream: of the reply to the fetch of that number, or of the HTTP request ([`EXCHANGE`]).
    Read {
        stream: u32,
    },
    /// The next bytes for a stream: of the body of the fetch of that number, or of the HTTP response ([`EXCHANGE`]).
    Write {
        stream: u32,
        end: bool,
        #[serde(with = "base64_bytes")]
        bytes: Vec<u8>,
    },
}

/// The number of the streams that belong to no fetch: the bodies of the HTTP request that a run answers, and of its response.
pub const EXCHANGE: u32 = 0;

impl AskKind {
    /// Counted against the limits of calls.
    pub fn is_call(&self) -> bool {
        matches!(self, AskKind::Fetch { .. } | AskKind::Call { .. })
    }
}

/// The head of the HTTP response that a run gives. Its numbers and texts are the guest's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResponseHead {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// More follows by `Write`.
    #[serde(default)]
    pub stream: bool,
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// An answer as the guest gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivered {
    pub fulfilled: bool,
    /// As `mayfly_abi::OutcomeKind` says.
    pub meta: String,
    #[serde(with = "base64_bytes")]
    pub body: Vec<u8>,
}

/// How an ask ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// `meta` and `body` as `mayfly_abi::OutcomeKind::Fulfilled` says.
    Fulfilled {
        meta: String,
        body: Vec<u8>,
    },
    Rejected(Rejection),
}

/// Becomes a JavaScript error of the class `name`; every further field becomes a property of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rejection {
    pub name: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the upstream said with that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
}

/// One effect frame, understood.
pub(super) enum Told {
    Ask { number: u32, kind: AskKind },
    Cancel { number: u32 },
    Respond(ResponseHead),
    Log { level: String, text: String },
    LogLinesLost { count: u32 },
    Result { json: String },
    Error(GuestError),
}

/// An error as the guest tells it. Positions are those of the JavaScript.
#[derive(Debug, Default, Deserialize)]
pub(super) struct GuestError {
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub stack: String,
    #[serde(default)]
    pub path: String,
}

#[derive(Deserialize)]
struct FetchMeta {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    redirect: String,
    #[serde(default)]
    upload: bool,
}

#[derive(Deserialize)]
struct StreamMeta {
    stream: u32,
    #[serde(default)]
    end: bool,
}

#[derive(Deserialize)]
struct CallMeta {
    tool: String,
}

#[derive(Deserialize)]
struct TimerMeta {
    delay_ms: f64,
}

#[derive(Deserialize)]
struct LogMeta {
    level: String,
}

impl Answer {
    /// Fulfilled, and nothing to tell.
    pub fn nothing() -> Answer {
        Answer::Fulfilled { meta: String::new(), body: Vec::new() }
    }

    /// The next bytes of a stream; with `end` the last ones.
    pub fn part(body: Vec<u8>, end: bool) -> Answer {
        Answer::Fulfilled { meta: if end { r#"{"end":true}"#.to_owned() } else { String::new() }, body }
    }

    /// A tool's result as JSON text.
    pub fn json(text: &str) -> Answer {
        Answer::Fulfilled { meta: String::new(), body: text.as_bytes().to_vec() }
    }

    pub(super) fn frame(&self) -> (OutcomeKind, Vec<u8>, &[u8]) {
        match self {
            Answer::Fulfilled { meta, body } => (OutcomeKind::Fulfilled, meta.clone().into_bytes(), body),
            Answer::Rejected(rejection) => {
                (OutcomeKind::Rejected, serde_json::to_vec(rejection).unwrap_or_default(), &[])
            }
        }
    }

    /// For a tape.
    pub fn delivered(&self) -> Delivered {
        let (kind, meta, body) = self.frame();
        let meta = String::from_utf8(meta).unwrap_or_default();
        Delivered { fulfilled: kind == OutcomeKind::Fulfilled, meta, body: body.to_vec() }
    }
}

impl Delivered {
    pub(super) fn kind(&self) -> OutcomeKind {
        if self.fulfilled { OutcomeKind::Fulfilled } else { OutcomeKind::Rejected }
    }
}

/// Bytes in JSON, where they are to be kept.
mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(de::Error::custom)
    }
}

pub(super) fn understand(effect: &Effect<'_>) -> Result<Told, Stopped> {
    let number = effect.number;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match effect.kind {
        EffectKind::Fetch => {
            let FetchMeta { method, url, headers, redirect, upload } = meta(effect)?;
            let body = effect.body.to_vec();
            Told::Ask { number, kind: AskKind::Fetch { method, url, headers, redirect, upload, body } }
        }
        EffectKind::Call => {
            let CallMeta { tool } = meta(effect)?;
            Told::Ask { number, kind: AskKind::Call { tool, args: text(effect.body) } }
        }
        EffectKind::Timer => {
            let TimerMeta { delay_ms } = meta(effect)?;
            Told::Ask { number, kind: AskKind::Timer { delay_ms } }
        }
        EffectKind::Read => Told::Ask { number, kind: AskKind::Read { stream: meta::<StreamMeta>(effect)?.stream } },
        EffectKind::Write => {
            let StreamMeta { stream, end } = meta(effect)?;
            Told::Ask { number, kind: AskKind::Write { stream, end, bytes: effect.body.to_vec() } }
        }
        EffectKind::Respond => Told::Respond(ResponseHead { body: effect.body.to_vec(), ..meta(effect)? }),
        EffectKind::Cancel => Told::Cancel { number },
        EffectKind::Log if effect.meta.is_empty() => Told::LogLinesLost { count: number },
        EffectKind::Log => Told::Log { level: meta::<LogMeta>(effect)?.level, text: text(effect.body) },
        EffectKind::Result => Told::Result { json: text(effect.body) },
        EffectKind::Error => Told::Error(meta(effect)?),
    })
}

fn meta<'a, T: Deserialize<'a>>(effect: &Effect<'a>) -> Result<T, Stopped> {
    serde_json::from_slice(effect.meta).map_err(|_| Stopped::Malformed("effect meta"))
}
