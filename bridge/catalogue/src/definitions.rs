//! In: the shared schemas of a source, as text. Out: which needs which, and schemas that are whole in themselves.
//! May touch: nothing.
//! Security boundary: no.
//!
//! Schemas are kept as JSON text and parsed when somebody asks: a tree of `Value`s of GitHub's 969 shared schemas takes
//! 20 times the memory of their text.

use crate::limits::SAME_VALUE_DEPTH_MAX;
use crate::validate::Validator;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::OnceLock;

/// How a schema refers to a shared one, after import.
pub const PREFIX: &str = "#/$defs/";

#[derive(Debug, Default)]
pub struct Definitions {
    list: Vec<Definition>,
    index: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
pub struct Definition {
    /// A type name, unique in the source.
    pub name: Box<str>,
    /// Name of the type as an argument, where properties that are only read or only written make the two differ.
    pub input_name: Option<Box<str>>,
    text: Box<str>,
    refs: Box<[usize]>,
    /// Compiled by the first check that comes to it, for all tools of the source.
    pub(crate) validator: OnceLock<Validator>,
}

impl Definition {
    pub fn schema(&self) -> Value {
        parsed(&self.text)
    }
}

impl Definitions {
    /// `taken` has every name of the list. Beside the definitions: names of those that became unknown.
    pub fn new(texts: Vec<(Box<str>, Box<str>)>, mut taken: HashSet<String>) -> (Definitions, Vec<String>) {
        let index: HashMap<Box<str>, usize> =
            texts.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        let mut facts = Vec::with_capacity(texts.len());
        for (_, text) in &texts {
            let schema = parsed(text);
            let refs: Vec<usize> = references(&schema).iter().filter_map(|name| index.get(*name).copied()).collect();
            let mut at_once = Vec::new();
            let depth = immediate(&schema, 0, &mut at_once);
            let at_once = at_once.into_iter().filter_map(|(name, depth)| Some((index.get(name).copied()?, depth)));
            facts.push(Facts { refs, at_once: at_once.collect(), depth, directed: is_directed(&schema) });
        }
        let endless = endless(&facts);
        let directed = directed(&facts);
        let mut unknown = Vec::new();
        let list = texts.into_iter().zip(facts).enumerate();
        let list = list.map(|(at, ((name, text), facts))| {
            let (text, refs) = if endless.contains(&at) {
                unknown.push(name.to_string());
                ("{}".into(), Vec::new())
            } else {
                (text, facts.refs)
            };
            let input_name = directed.contains(&at).then(|| unique(&format!("{name}Input"), &mut taken).into());
            Definition { name, input_name, text, refs: refs.into(), validator: OnceLock::new() }
        });
        let list = list.collect();
        (Definitions { list, index }, unknown)
    }

    pub fn find(&self, name: &str) -> Option<&Definition> {
        self.index.get(name).and_then(|at| self.list.get(*at))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.list.iter()
    }

    /// A schema with all it refers to under `$defs`.
    pub fn whole(&self, text: &str) -> Value {
        let mut schema = parsed(text);
        let defs: Map<String, Value> =
            self.needed(&schema).map(|definition| (definition.name.to_string(), definition.schema())).collect();
        if let (false, Value::Object(object)) = (defs.is_empty(), &mut schema) {
            object.insert("$defs".to_owned(), Value::Object(defs));
        }
        schema
    }

    /// The shared schemas that a schema leads to, nearest first.
    pub fn needed(&self, schema: &Value) -> impl Iterator<Item = &Definition> {
        let roots: Vec<usize> = references(schema).iter().filter_map(|name| self.index.get(*name).copied()).collect();
        self.reach(&roots).into_iter()
    }

    /// The roots and all they lead to, nearest first.
    fn reach(&self, roots: &[usize]) -> Vec<&Definition> {
        let (mut seen, mut found): (HashSet<usize>, _) = (HashSet::new(), Vec::new());
        let mut waiting: VecDeque<usize> = roots.iter().copied().collect();
        while let Some(at) = waiting.pop_front() {
            let Some(definition) = self.list.get(at).filter(|_| seen.insert(at)) else { continue };
            waiting.extend(&definition.refs);
            found.push(definition);
        }
        found
    }
}

/// `name`, or `name2`, `name3`...
pub fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut free = name.to_owned();
    let mut number = 2;
    while !taken.insert(free.clone()) {
        free = format!("{name}{number}");
        number += 1;
    }
    free
}

/// Schemas of our own making.
pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Bool(true))
}

/// Names of the shared schemas that a schema refers to anywhere, each once, in the order of their places.
pub fn references(schema: &Value) -> Vec<&str> {
    let (mut found, mut waiting) = (Vec::new(), vec![schema]);
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(object) => {
                let name = object.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix(PREFIX));
                found.extend(name);
                waiting.extend(object.values().rev());
            }
            Value::Array(items) => waiting.extend(items.iter().rev()),
            _ => {}
        }
    }
    let mut seen = HashSet::new();
    found.retain(|name| seen.insert(*name));
    found
}

struct Facts {
    refs: Vec<usize>,
    /// References that speak about the same value, not about a part of it, and how deep in combinations they stand.
    at_once: Vec<(usize, usize)>,
    /// How deep combinations (`anyOf`, `not`, ...) about the same value are nested.
    depth: usize,
    directed: bool,
}

fn immediate<'a>(schema: &'a Value, depth: usize, found: &mut Vec<(&'a str, usize)>) -> usize {
    let Value::Object(object) = schema else { return depth };
    let name = object.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix(PREFIX));
    found.extend(name.map(|name| (name, depth + 1)));
    let mut deepest = depth;
    let lists = ["anyOf", "oneOf", "allOf"].map(|keyword| object.get(keyword).and_then(Value::as_array));
    let single = ["not", "if", "then", "else"].map(|keyword| object.get(keyword));
    let dependent = object.get("dependentSchemas").and_then(Value::as_object);
    let all = lists.into_iter().flatten().flatten().chain(single.into_iter().flatten());
    for schema in all.chain(dependent.into_iter().flat_map(Map::values)) {
        deepest = deepest.max(immediate(schema, depth + 1, found));
    }
    deepest
}

/// Definitions that lead back to themselves at once, which have no meaning, and those that combine more than
/// `SAME_VALUE_DEPTH_MAX` schemas one in the other about one value, which no stack would take for every part of a value.
fn endless(facts: &[Facts]) -> HashSet<usize> {
    let targets = |fact: &Facts| fact.at_once.iter().map(|(to, _)| *to).collect::<Vec<usize>>();
    let mut edges: Vec<Vec<usize>> = facts.iter().map(targets).collect();
    // What is left from both ends is on a circle, or between two.
    let (_, leading) = settled(&edges);
    let inside = edges.iter().enumerate().map(|(at, to)| if leading.contains(&at) { to.clone() } else { Vec::new() });
    let (_, led_to) = settled(&reversed(&inside.collect::<Vec<_>>()));
    let mut endless: HashSet<usize> = leading.intersection(&led_to).copied().collect();
    for at in &endless {
        edges.get_mut(*at).into_iter().for_each(Vec::clear);
    }
    let (order, _) = settled(&edges);
    let mut heights: HashMap<usize, usize> = HashMap::new();
    for at in order.into_iter().filter(|at| !endless.contains(at)).collect::<Vec<_>>() {
        let Some(fact) = facts.get(at) else { continue };
        let below = fact.at_once.iter().map(|(to, depth)| depth + heights.get(to).copied().unwrap_or_default());
        let height = below.max().unwrap_or_default().max(fact.depth);
        if height > SAME_VALUE_DEPTH_MAX {
            endless.insert(at);
        } else {
            heights.insert(at, height);
        }
    }
    endless
}

/// Nodes in an order in which each comes after those it leads to, and those for which there is none.
fn settled(edges: &[Vec<usize>]) -> (Vec<usize>, HashSet<usize>) {
    let mut open: Vec<usize> = edges.iter().map(Vec::len).collect();
    let users = reversed(edges);
    let mut order: Vec<usize> = open.iter().enumerate().filter(|(_, open)| **open == 0).map(|(at, _)| at).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for user in users.get(at).into_iter().flatten() {
            if let Some(count) = open.get_mut(*user) {
                *count -= 1;
                if *count == 0 {
                    order.push(*user);
                }
            }
        }
    }
    (order, open.iter().enumerate().filter(|(_, open)| **open > 0).map(|(at, _)| at).collect())
}

fn reversed(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (at, to) in edges.iter().enumerate() {
        to.iter().for_each(|to| users.get_mut(*to).into_iter().for_each(|users| users.push(at)));
    }
    users
}

/// Definitions that are read and written differently, themselves or in what they refer to.
fn directed(facts: &[Facts]) -> HashSet<usize> {
    let mut users: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, fact) in facts.iter().enumerate() {
        fact.refs.iter().for_each(|to| users.entry(*to).or_default().push(at));
    }
    let mut waiting: Vec<usize> =
        facts.iter().enumerate().filter(|(_, fact)| fact.directed).map(|(at, _)| at).collect();
    let mut found = HashSet::new();
    while let Some(at) = waiting.pop() {
        if found.insert(at) {
            waiting.extend(users.get(&at).into_iter().flatten());
        }
    }
    found
}

fn is_directed(schema: &Value) -> bool {
    let mut waiting = vec![schema];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(object) => {
                let set = |name: &str| object.get(name) == Some(&Value::Bool(true));
                if set("readOnly") || set("writeOnly") {
                    return true;
                }
                waiting.extend(object.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    false
}
