//! In: pieces of formatted text, each with its kind. Out: the text, or ECMA-402's parts of it.
//! May touch: nothing.
//! Security boundary: no.

/// Where a part of a range comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Shared,
    Start,
    End,
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Source::Shared => "shared",
            Source::Start => "startRange",
            Source::End => "endRange",
        }
    }
}

/// A run of text of one kind, as ECMA-402 names kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: &'static str,
    pub text: String,
    pub source: Source,
}

pub const LITERAL: &str = "literal";

/// Text that grows, and what each run of it is.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub text: String,
    runs: Vec<(usize, &'static str, Source)>,
    source: Source,
}

impl Parts {
    pub fn push(&mut self, kind: &'static str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        let (end, source) = (self.text.len(), self.source);
        match self.runs.last_mut() {
            Some((last, same, from)) if *same == kind && *from == source => *last = end,
            _ => self.runs.push((end, kind, source)),
        }
    }

    /// A run of its own, also beside one of the same kind.
    pub fn push_apart(&mut self, kind: &'static str, text: &str) {
        if kind == LITERAL {
            return self.push(kind, text);
        }
        self.text.push_str(text);
        self.runs.push((self.text.len(), kind, self.source));
    }

    pub fn literal(&mut self, text: &str) {
        self.push(LITERAL, text);
    }

    /// The same, if it comes from elsewhere.
    pub fn literal_from(&mut self, text: &str, source: Option<Source>) {
        let own = self.source;
        self.source = source.filter(|source| *source != Source::Shared).unwrap_or(own);
        self.literal(text);
        self.source = own;
    }

    /// What is pushed from now on comes from there.
    pub fn from(&mut self, source: Source) {
        self.source = source;
    }

    /// Parts that know where they come from keep that; the others take it from here.
    pub fn append(&mut self, other: &Parts) {
        let own = self.source;
        for (kind, text, source) in other.runs() {
            self.source = if source == Source::Shared { own } else { source };
            self.push(kind, text);
        }
        self.source = own;
    }

    /// The runs as they are.
    pub fn runs(&self) -> impl Iterator<Item = (&'static str, &str, Source)> {
        let mut start = 0;
        self.runs.iter().map(move |(end, kind, source)| {
            let text = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            (*kind, text, *source)
        })
    }

    /// The parts as they are.
    pub fn whole(&self) -> Vec<Part> {
        self.runs().map(|(kind, text, source)| Part { kind, text: text.to_owned(), source }).collect()
    }

    /// The parts of numbers: white space and marks of direction at the edge of a run are literal.
    pub fn trimmed(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut add = |kind: &'static str, text: &str, source: Source| match parts.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.kind == LITERAL && kind == LITERAL && last.source == source => last.text.push_str(text),
            _ => parts.push(Part { kind, text: text.to_owned(), source }),
        };
        for (kind, text, source) in self.runs() {
            if kind == LITERAL || kind == "group" || kind == "element" {
                add(kind, text, source);
                continue;
            }
            let core = text.trim_matches(is_edge);
            let before = text.find(core).unwrap_or(0);
            add(LITERAL, text.get(..before).unwrap_or_default(), source);
            add(kind, core, source);
            add(LITERAL, text.get(before + core.len()..).unwrap_or_default(), source);
        }
        parts
    }
}

/// What ICU takes off the edges of a field.
fn is_edge(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Puts values into the places `{0}`, `{1}`, ... of a pattern. What is around them is literal.
pub fn fill(pattern: &str, out: &mut Parts, mut value: impl FnMut(usize, &mut Parts)) {
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((number, after)) = after.split_once('}') else { break };
        out.literal(before);
        if let Ok(number) = number.parse() {
            value(number, out);
        }
        rest = after;
    }
    out.literal(rest);
}

/// The same with plain text.
pub fn fill_text(pattern: &str, values: &[&str]) -> String {
    let mut out = Parts::default();
    fill(pattern, &mut out, |number, out| out.literal(values.get(number).copied().unwrap_or_default()));
    out.text
}
