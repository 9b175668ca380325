//! In: the text of a TOML file. Out: its meaning, or a mistake with file, line, key and a hint.
//! May touch: nothing; callers read the file.
//! Security boundary: no; operators write these files. Unknown keys are errors because a misspelt rule is a hole.

use serde::de::DeserializeOwned;
use std::fmt;

/// What is wrong in a configuration file, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub file: String,
    /// From 1; 0 when the mistake is in no line (the file is missing).
    pub line: usize,
    pub what: String,
    pub hint: Option<String>,
}

impl Mistake {
    pub fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Mistake { file: file.into(), line, what: what.into(), hint: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what)?,
            line => write!(f, "{}:{}: {}", self.file, line, self.what)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

/// Reads `text` as `T`; `T` must deny unknown fields.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Mistake> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(text, span.start));
        explain(file, line, key_at(text, line), error.message())
    })
}

/// Line of a byte offset, from 1. For mistakes found after parsing, with `toml::Spanned`.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The key that a line gives a value to.
fn key_at(text: &str, line: usize) -> Option<&str> {
    let (key, _) = text.lines().nth(line.checked_sub(1)?)?.split_once('=')?;
    let key = key.trim();
    key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)).then_some(key).filter(|key| !key.is_empty())
}

/// serde says "unknown field `x`, expected one of `a`, `b`": name the nearest of them.
fn explain(file: &str, line: usize, key: Option<&str>, message: &str) -> Mistake {
    let first_line = message.lines().next().unwrap_or(message);
    let mut quoted = first_line.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), first_line.starts_with("unknown field")) else {
        return match key {
            Some(key) => Mistake::new(file, line, format!("`{key}`: {first_line}")),
            None => Mistake::new(file, line, first_line),
        };
    };
    let known: Vec<&str> = quoted.collect();
    let mistake = Mistake::new(file, line, format!("unknown key `{unknown}`"));
    match nearest(unknown, &known) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake.hint(format!("known here: {}", known.join(", "))),
    }
}

/// The known word that a misspelt one most likely meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|candidate| (strsim::jaro_winkler(word, candidate), *candidate));
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LimitsAsked;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[allow(dead_code)]
        limits: LimitsAsked,
    }

    fn mistake(text: &str) -> String {
        read::<File>("mayfly.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_names_file_line_key_and_what_was_meant() {
        assert_eq!(
            mistake("\n[limits]\nmemroy_mib = 3\n"),
            "mayfly.toml:3: unknown key `memroy_mib`\n  hint: did you mean `memory_mib`?"
        );
        assert!(mistake("[limits]\nzzz = 3\n").contains("hint: known here: cpu_ms, wall_ms"));
        assert_eq!(
            mistake("[limits]\ncpu_ms = \"1\"\n"),
            "mayfly.toml:2: `cpu_ms`: invalid type: string \"1\", expected u64"
        );
        assert!(mistake("[limits\n").starts_with("mayfly.toml:1: "));
    }
}
