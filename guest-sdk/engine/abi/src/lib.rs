//! In: bytes of one border of the isolate. Out: typed frames, or the reason why the bytes are none.
//! May touch: nothing; no dependency, no allocation sized by a number from outside.
//! Security boundary: yes. The host reads effect frames that arbitrary Wasm wrote.
//!
//! A turn is one call into the isolate. The host writes one [`Stimulus`] into memory it got from `cabi_realloc`, calls
//! `mayfly-start`, `mayfly-deliver` or `mayfly-compile` with `(pointer, length)`, and gets the address of a pair
//! of little-endian `u32` back: address and length of the answer. For the first two the answer is a list of effect
//! frames, for `mayfly-compile` and `mayfly-transpile` one [`Answer`].
//!
//! All numbers are little-endian. A `blob` is a `u32` length followed by as many bytes.

#![forbid(unsafe_code)]

/// What transpiled scripts call when an error leaves an `await` (`transpiler/src/awaits.rs`): a binding of the engine's that
/// is no property of the global object.
pub const ASYNC_FRAME: &str = "__mayfly_async_frame";

/// A place in a text is one number: line times this, plus column.
pub const PLACE_LINE: f64 = 16_777_216.0;

/// What the guest asks for. A frame is `kind: u8, number: u32, meta: blob, body: blob`; `meta` is JSON (or empty).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EffectKind {
    /// `meta`: `{"method", "url", "headers": [[name, value]], "redirect": "follow|error|manual", "upload": bool?}`; `body`:
    /// the bytes, unless `upload` says that they come by `Write` to the stream `number`.
    Fetch = 1,
    /// `meta`: `{"tool": "github.repos.get"}`; `body`: the arguments as JSON.
    Call = 2,
    /// `meta`: `{"delay_ms": 12.5}`.
    Timer = 3,
    /// The promise `number` is no longer wanted (`clearTimeout`, `AbortSignal`). No meta, no body.
    Cancel = 4,
    /// `meta`: `{"level": "debug|log|info|warn|error"}`; `body`: the text, UTF-8. Without meta: so many lines more (`number`)
    /// were written than a turn may tell.
    Log = 5,
    /// The run is over; `body`: the result as JSON, empty for `undefined`.
    Result = 6,
    /// The run is over; `meta`: `{"kind": "exception|syntax|not_serializable|memory_limit", "name", "message", "stack",
    /// "path"?}`.
    Error = 7,
    /// `meta`: `{"stream": 5}`: wants the next bytes of the body of the fetch 5's reply, or of the HTTP request (0).
    /// `Cancel` with the stream's number, once its fetch is answered, says that nobody wants the rest.
    Read = 8,
    /// `meta`: `{"stream": 5, "end": false}`; `body`: the next bytes of the fetch 5's body, or of the HTTP response (0).
    /// Answered when there is room for more.
    Write = 9,
    /// The HTTP response's head, once: `meta`: `{"status", "headers": [[name, value]], "stream": bool}`; `body`: its bytes, or
    /// with `stream` the first of them, and `Write` to stream 0 brings the others. Not answered; `number` is 0.
    Respond = 10,
}

/// How an effect ended, as the guest is told. `meta` and `body` as described at the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OutcomeKind {
    /// Timer, Write: both empty. Fetch: `meta` `{"status", "status_text", "headers": [[name, value]], "url", "redirected",
    /// "stream"}`, `body` the bytes, or with `stream` the first of them. Call: `body` the result as JSON (empty:
    /// `undefined`). Read: `body` the next bytes, `meta` empty, or `{"end":true}` when no more follow.
    Fulfilled = 1,
    /// `meta`: `{"name": "PolicyError|ToolError|TypeError|TimeoutError|...", "message", ...}`, where every further field
    /// becomes a property of the error object (`reason`, `rule`, `method`, `url`, `tool`, `status`); `body` empty.
    Rejected = 2,
}

impl EffectKind {
    fn from_byte(byte: u8) -> Option<Self> {
        use EffectKind::*;
        [Fetch, Call, Timer, Cancel, Log, Result, Error, Read, Write, Respond]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

impl OutcomeKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Fulfilled, Self::Rejected].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What every turn is given beside its event: the clock that stands still in it, and the only randomness it gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stimulus {
    /// `Date.now()` of this turn, milliseconds since 1970 (with fraction).
    pub now_ms: f64,
    /// `performance.now()` of this turn, milliseconds since the run began.
    pub elapsed_ms: f64,
    /// Seed of this turn's random stream (ChaCha20); the guest forgets the stream of the turn before.
    pub seed: [u8; 32],
}

/// `mayfly-start`: `stimulus, heap_bytes_max: u32, is_request: u8, tools: blob, input: blob (JSON), body: blob, modules: u32,
/// then name: blob, bytecode: blob each`. The first module is the main one.
#[derive(Clone, Debug, PartialEq)]
pub struct Start<'a> {
    pub stimulus: Stimulus,
    /// QuickJS' own memory limit in bytes.
    pub heap_bytes_max: u32,
    /// The run answers an HTTP request: `input` is `{"method", "url", "headers": [[name, value]], "stream": bool}`, `body` its
    /// bytes, or with `stream` the first of them. Otherwise `input` is the run's input, and `body` is empty.
    pub is_request: bool,
    /// Names of the tenant's sets of tools, a blank between two: each is a global too, where the language has none of that name.
    pub tools: &'a str,
    pub input: &'a [u8],
    pub body: &'a [u8],
    pub modules: Vec<(&'a str, &'a [u8])>,
}

/// `mayfly-deliver`: `stimulus, kind: u8, number: u32, meta: blob, body: blob`.
#[derive(Clone, Debug, PartialEq)]
pub struct Deliver<'a> {
    pub stimulus: Stimulus,
    pub kind: OutcomeKind,
    pub number: u32,
    pub meta: &'a [u8],
    pub body: &'a [u8],
}

/// `mayfly-compile` and `mayfly-transpile`: `name: blob, source: blob, map: blob`. Transpile takes TypeScript and no map;
/// compile takes JavaScript and the source map that transpile made with it (empty: positions stay those of `source`).
#[derive(Clone, Debug, PartialEq)]
pub struct Source<'a> {
    pub name: &'a str,
    pub source: &'a [u8],
    pub map: &'a [u8],
}

/// Answer of `mayfly-compile` and `mayfly-transpile`: `ok: u8, first: blob, second: blob`.
/// Compile: bytecode, whose positions are those that the map leads to, and nothing. Transpile: JavaScript and its source
/// map (JSON, version 3, without `sourcesContent`).
/// With `ok` 0, first is `{"name", "message", "line", "column"}` (lines and columns from 1), second is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'a> {
    pub ok: bool,
    pub first: &'a [u8],
    pub second: &'a [u8],
}

/// One effect as it stands in the answer of a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect<'a> {
    pub kind: EffectKind,
    pub number: u32,
    pub meta: &'a [u8],
    pub body: &'a [u8],
}

/// The bytes are not a frame. The text says which part, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// The engine's stack lies at the bottom of its linear memory, up to here. Between turns nothing on it is alive, so an
/// image leaves it out. The engine is linked with this number.
pub const STACK_BYTES: u32 = 1024 * 1024;

/// More modules than any script has; bounds the reader's loop.
pub const MODULES_MAX: u32 = 256;

impl Start<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        write_stimulus(out, &self.stimulus);
        out.extend_from_slice(&self.heap_bytes_max.to_le_bytes());
        out.push(u8::from(self.is_request));
        write_blob(out, self.tools.as_bytes());
        write_blob(out, self.input);
        write_blob(out, self.body);
        out.extend_from_slice(&(self.modules.len() as u32).to_le_bytes());
        for (name, bytecode) in &self.modules {
            write_blob(out, name.as_bytes());
            write_blob(out, bytecode);
        }
    }

    pub fn read(bytes: &[u8]) -> Result<Start<'_>, Malformed> {
        let mut reader = Reader(bytes);
        let stimulus = reader.stimulus()?;
        let heap_bytes_max = reader.u32("heap limit")?;
        let is_request = reader.u8("is request")? == 1;
        let tools = reader.text("tools")?;
        let input = reader.blob("input")?;
        let body = reader.blob("body")?;
        let count = reader.u32("module count")?;
        if count > MODULES_MAX {
            return Err(Malformed("module count"));
        }
        let modules = (0..count)
            .map(|_| Ok((reader.text("module name")?, reader.blob("bytecode")?)))
            .collect::<Result<_, Malformed>>()?;
        Ok(Start { stimulus, heap_bytes_max, is_request, tools, input, body, modules })
    }
}

impl Deliver<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        write_stimulus(out, &self.stimulus);
        write_frame(out, self.kind as u8, self.number, self.meta, self.body);
    }

    pub fn read(bytes: &[u8]) -> Result<Deliver<'_>, Malformed> {
        let mut reader = Reader(bytes);
        let stimulus = reader.stimulus()?;
        let kind = OutcomeKind::from_byte(reader.u8("outcome kind")?).ok_or(Malformed("outcome kind"))?;
        let number = reader.u32("number")?;
        Ok(Deliver { stimulus, kind, number, meta: reader.blob("meta")?, body: reader.blob("body")? })
    }
}

impl Source<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        write_blob(out, self.name.as_bytes());
        write_blob(out, self.source);
        write_blob(out, self.map);
    }

    pub fn read(bytes: &[u8]) -> Result<Source<'_>, Malformed> {
        let mut reader = Reader(bytes);
        Ok(Source { name: reader.text("name")?, source: reader.blob("source")?, map: reader.blob("map")? })
    }
}

impl Answer<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.ok));
        write_blob(out, self.first);
        write_blob(out, self.second);
    }

    pub fn read(bytes: &[u8]) -> Result<Answer<'_>, Malformed> {
        let mut reader = Reader(bytes);
        let ok = reader.u8("ok")? == 1;
        Ok(Answer { ok, first: reader.blob("first")?, second: reader.blob("second")? })
    }
}

impl Effect<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        write_frame(out, self.kind as u8, self.number, self.meta, self.body);
    }
}

/// Reads effect frames one after the other; ends after the first malformed one.
pub fn effects(bytes: &[u8]) -> impl Iterator<Item = Result<Effect<'_>, Malformed>> {
    let mut reader = Reader(bytes);
    std::iter::from_fn(move || {
        if reader.0.is_empty() {
            return None;
        }
        let effect = reader.effect();
        if effect.is_err() {
            reader.0 = &[];
        }
        Some(effect)
    })
}

fn write_stimulus(out: &mut Vec<u8>, stimulus: &Stimulus) {
    out.extend_from_slice(&stimulus.now_ms.to_le_bytes());
    out.extend_from_slice(&stimulus.elapsed_ms.to_le_bytes());
    out.extend_from_slice(&stimulus.seed);
}

fn write_frame(out: &mut Vec<u8>, kind: u8, number: u32, meta: &[u8], body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&number.to_le_bytes());
    write_blob(out, meta);
    write_blob(out, body);
}

fn write_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        self.take(N, what)?.try_into().map_err(|_| Malformed(what))
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn blob(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let count = self.u32(what)? as usize;
        self.take(count, what)
    }

    fn text(&mut self, what: &'static str) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.blob(what)?).map_err(|_| Malformed(what))
    }

    fn stimulus(&mut self) -> Result<Stimulus, Malformed> {
        let now_ms = f64::from_le_bytes(self.array("clock")?);
        let elapsed_ms = f64::from_le_bytes(self.array("clock")?);
        Ok(Stimulus { now_ms, elapsed_ms, seed: self.array("seed")? })
    }

    fn effect(&mut self) -> Result<Effect<'a>, Malformed> {
        let kind = EffectKind::from_byte(self.u8("effect kind")?).ok_or(Malformed("effect kind"))?;
        let number = self.u32("number")?;
        Ok(Effect { kind, number, meta: self.blob("meta")?, body: self.blob("body")? })
    }
}
