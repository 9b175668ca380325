//! In: tools, then questions in plain words. Out: the tools that fit, best first.
//! May touch: nothing.
//! Security boundary: no.
//!
//! BM25F (Robertson and Zaragoza, 2009): words of the path, the summary, the description, the names of arguments and of
//! fields of the result count by where they stand. A word of the question also stands for words that begin with it and
//! for its synonyms, at a discount. An inverted index in sorted arrays; of 1,200 operations about 1 MB.

use crate::declarations::one_line;
use crate::definitions::{Definitions, PREFIX, parsed};
use crate::limits::{HIT_DESCRIPTION_BYTES_MAX, HITS_MAX, PREFIX_WORDS_MAX, QUERY_WORDS_MAX};
use crate::text::comment;
use crate::tool::{Operation, Tool};
use crate::words::{stems, synonyms};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// One tool that fits a question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    pub path: String,
    /// One line, cut.
    pub description: String,
    /// Comparable within one search only.
    pub score: f32,
    /// `github.issues.create(input: { owner: string; ... }): Promise<github.Issue>`, cut.
    pub signature: String,
}

impl Hit {
    pub(crate) fn new(tool: &Tool, score: f32) -> Hit {
        let text = if tool.summary.is_empty() { &tool.description } else { &tool.summary };
        let description = comment(text, HIT_DESCRIPTION_BYTES_MAX);
        Hit { path: tool.path.to_string(), description, score, signature: one_line(tool) }
    }
}

#[derive(Debug, Default)]
pub struct Index {
    /// Sorted.
    words: Vec<Box<str>>,
    /// For each word: tools it stands for, with the weight it has there.
    postings: Vec<Box<[(u32, f32)]>>,
    tools: usize,
    /// For each tool: the words of its path below the source. Of two tools that fit alike, the one that says little else
    /// is meant.
    paths: Vec<Box<[u32]>>,
}

const PATH: f32 = 6.0;
const SUMMARY: f32 = 4.0;
const DESCRIPTION: f32 = 1.0;
const ARGUMENT: f32 = 1.0;
const RESULT: f32 = 0.3;
/// Of the same word, more than so much is no more.
const SATURATION: f32 = 6.0;
const TO_THE_POINT: f32 = 0.5;
const PREFIX_DISCOUNT: f32 = 0.5;
const SYNONYM_DISCOUNT: f32 = 0.6;

impl Index {
    pub fn build<'a>(tools: impl Iterator<Item = &'a Tool>) -> Index {
        let mut found: HashMap<String, Vec<(u32, f32)>> = HashMap::new();
        let (mut count, mut path_words) = (0, Vec::new());
        for (at, tool) in tools.enumerate() {
            count = at + 1;
            let weights = weights(tool);
            path_words.push(stems(tool.path.split_once('.').map_or("", |(_, path)| path)));
            for (word, weight) in weights {
                found.entry(word).or_default().push((u32::try_from(at).unwrap_or(u32::MAX), weight));
            }
        }
        let sorted: BTreeMap<String, Vec<(u32, f32)>> = found.into_iter().collect();
        let (words, postings) = sorted.into_iter().map(|(word, list)| (word.into(), list.into())).unzip();
        let mut index = Index { words, postings, tools: count, paths: Vec::new() };
        let number = |word: &String| index.exact(word).and_then(|at| u32::try_from(at).ok());
        index.paths = path_words.iter().map(|words| words.iter().filter_map(number).collect()).collect();
        index
    }

    /// Places of tools and their scores.
    pub fn search(&self, query: &str, limit: usize) -> Vec<(usize, f32)> {
        let mut scores = vec![0.0_f32; self.tools];
        let mut wanted = stems(query);
        wanted.truncate(QUERY_WORDS_MAX);
        // Every word that stands for one of the question, and how well.
        let mut meant: HashMap<usize, f32> = HashMap::new();
        for word in &wanted {
            let alike = self.alike(word);
            // What says the same is as common as all its words are: `fetch` is rare, and means no more than `get`.
            let with = alike.iter().map(|(at, _)| self.postings.get(*at).map_or(0, |list| list.len())).max();
            let rarity = self.rarity(with.unwrap_or_default());
            let mut best: HashMap<u32, f32> = HashMap::new();
            for (at, discount) in alike {
                let known = meant.entry(at).or_default();
                *known = known.max(discount);
                for (tool, weight) in self.postings.get(at).into_iter().flatten() {
                    let score = rarity * discount * weight / (weight + SATURATION);
                    let known = best.entry(*tool).or_default();
                    *known = known.max(score);
                }
            }
            for (tool, score) in best {
                if let Some(sum) = scores.get_mut(tool as usize) {
                    *sum += score;
                }
            }
        }
        let scores = scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0);
        let mut ranked: Vec<(usize, f32)> =
            scores.map(|(at, score)| (at, score * self.to_the_point(at, &meant))).collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        ranked.truncate(limit.min(HITS_MAX));
        ranked
    }

    /// Words of the index that one of the question stands for: itself, longer ones, synonyms.
    fn alike(&self, word: &str) -> Vec<(usize, f32)> {
        let mut alike: Vec<(usize, f32)> = self.exact(word).map(|at| (at, 1.0)).into_iter().collect();
        alike.extend(synonyms(word).iter().filter_map(|word| self.exact(word)).map(|at| (at, SYNONYM_DISCOUNT)));
        alike.extend(self.beginning(word).map(|at| (at, PREFIX_DISCOUNT)));
        alike
    }

    /// How much of a tool's path the question speaks about, from `1 - TO_THE_POINT` to 1.
    fn to_the_point(&self, tool: usize, meant: &HashMap<usize, f32>) -> f32 {
        let Some(path) = self.paths.get(tool).filter(|path| !path.is_empty()) else { return 1.0 };
        let spoken: f32 = path.iter().filter_map(|word| meant.get(&(*word as usize))).sum();
        1.0 - TO_THE_POINT + TO_THE_POINT * spoken / path.len() as f32
    }

    fn exact(&self, word: &str) -> Option<usize> {
        self.words.binary_search_by(|known| (**known).cmp(word)).ok()
    }

    /// Longer words that begin with it, if it is long enough to say something.
    fn beginning(&self, word: &str) -> impl Iterator<Item = usize> {
        let start = self.words.partition_point(|known| &**known <= word);
        let words = self.words.get(start..).unwrap_or_default().iter();
        let begins = words.take_while(move |known| word.len() >= 3 && known.starts_with(word));
        let count = begins.take(PREFIX_WORDS_MAX).count();
        start..start + count
    }

    fn rarity(&self, with: usize) -> f32 {
        let (all, with) = (self.tools as f32, with as f32);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }
}

fn weights(tool: &Tool) -> HashMap<String, f32> {
    let mut weights: HashMap<String, f32> = HashMap::new();
    let mut add = |text: &str, weight: f32, most: f32| {
        for word in stems(text) {
            let sum = weights.entry(word).or_default();
            *sum = (*sum + weight).min(sum.max(most));
        }
    };
    add(&tool.path, PATH, 2.0 * PATH);
    add(&tool.summary, SUMMARY, 3.0 * PATH);
    if tool.description != tool.summary {
        add(&tool.description, DESCRIPTION, 3.0 * PATH);
    }
    if let Operation::Http(operation) = &tool.operation {
        add(&operation.path, DESCRIPTION, 3.0 * PATH);
        add(&operation.method, DESCRIPTION, 3.0 * PATH);
    }
    for name in fields(&parsed(&tool.input), &tool.definitions, 2) {
        add(&name, ARGUMENT, 3.0 * PATH);
    }
    if let Some(output) = &tool.output {
        for name in fields(&parsed(output), &tool.definitions, 2) {
            add(&name, RESULT, 3.0 * PATH);
        }
    }
    weights
}

/// Names of properties, through so many references.
fn fields(schema: &Value, definitions: &Definitions, references: usize) -> Vec<String> {
    let (mut names, mut waiting) = (Vec::new(), vec![(schema.clone(), references)]);
    while let Some((schema, references)) = waiting.pop() {
        if names.len() > 200 || waiting.len() > 100 {
            break;
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix(PREFIX))
            && references > 0
            && let Some(definition) = definitions.find(name)
        {
            names.push(name.to_owned());
            waiting.push((definition.schema(), references - 1));
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            names.extend(properties.keys().cloned());
        }
        waiting.extend(schema.get("items").map(|items| (items.clone(), references)));
        for keyword in ["anyOf", "oneOf", "allOf"] {
            let branches = schema.get(keyword).and_then(Value::as_array);
            waiting.extend(branches.into_iter().flatten().map(|branch| (branch.clone(), references)));
        }
    }
    names
}
