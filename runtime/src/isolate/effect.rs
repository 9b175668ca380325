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
    /// Number of the call within the run, from 1; 0 for a timer, which is no call.
    pub call: u32,
    pub kind: AskKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AskKind {
    Fetch {
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        redirect: String,
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
}

/// One effect frame, understood.
pub(super) enum Told {
    Ask { number: u32, kind: AskKind },
    Cancel { number: u32 },
    Log { level: String, text: String },
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
}

pub(super) fn understand(effect: &Effect<'_>) -> Result<Told, Stopped> {
    let number = effect.number;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match effect.kind {
        EffectKind::Fetch => {
            let FetchMeta { method, url, headers, redirect } = meta(effect)?;
            Told::Ask { number, kind: AskKind::Fetch { method, url, headers, redirect, body: effect.body.to_vec() } }
        }
        EffectKind::Call => {
            let CallMeta { tool } = meta(effect)?;
            Told::Ask { number, kind: AskKind::Call { tool, args: text(effect.body) } }
        }
        EffectKind::Timer => {
            let TimerMeta { delay_ms } = meta(effect)?;
            Told::Ask { number, kind: AskKind::Timer { delay_ms } }
        }
        EffectKind::Cancel => Told::Cancel { number },
        EffectKind::Log => Told::Log { level: meta::<LogMeta>(effect)?.level, text: text(effect.body) },
        EffectKind::Result => Told::Result { json: text(effect.body) },
        EffectKind::Error => Told::Error(meta(effect)?),
    })
}

fn meta<'a, T: Deserialize<'a>>(effect: &Effect<'a>) -> Result<T, Stopped> {
    serde_json::from_slice(effect.meta).map_err(|_| Stopped::Malformed("effect meta"))
}
