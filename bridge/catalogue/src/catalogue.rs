//! In: sources. Out: one immutable catalogue, in which tools are looked up, searched and described.
//! May touch: nothing.
//! Security boundary: no; who may call what is decided elsewhere.

use crate::declarations;
use crate::names::unreserved;
use crate::nearest::nearest;
use crate::search::{Hit, Index};
use crate::source::{LoadError, Source};
use crate::text::quoted;
use crate::tool::Tool;
use std::collections::HashMap;
use std::sync::Arc;

/// All tools that a tenant's scripts may see.
#[derive(Debug, Default)]
pub struct Catalogue {
    sources: Vec<Arc<Source>>,
    /// Path to source and place in it.
    paths: HashMap<Box<str>, (usize, usize)>,
    index: Index,
}

/// There is nothing at a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no tool `{path}`; {}", if .nearest.is_empty() { "search for one".to_owned() } else { format!("did you mean {}?", .nearest.join(" or ")) })]
pub struct UnknownPath {
    pub path: String,
    /// Paths that were probably meant, nearest first.
    pub nearest: Vec<String>,
}

/// Some of a catalogue: tools, groups and sources, by their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrow(Vec<String>);

impl Narrow {
    /// Of paths that a catalogue knew once.
    pub fn again(paths: Vec<String>) -> Narrow {
        Narrow(paths)
    }

    pub fn paths(&self) -> &[String] {
        &self.0
    }

    /// Whether a tool is part of it. `path` is the tool's own.
    pub fn allows(&self, path: &str) -> bool {
        let within = |kept: &String| {
            path.strip_prefix(kept.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.iter().any(within)
    }

    /// Whether anything of the source with this name is part of it.
    pub fn has_of(&self, source: &str) -> bool {
        self.0.iter().any(|kept| kept.split('.').next() == Some(source))
    }
}

impl Catalogue {
    /// Fails when two sources have one name. Sources may be shared: where one of many has changed, the others are not read
    /// again.
    pub fn new(sources: Vec<impl Into<Arc<Source>>>) -> Result<Catalogue, LoadError> {
        let sources: Vec<Arc<Source>> = sources.into_iter().map(Into::into).collect();
        let mut names = std::collections::HashSet::new();
        if let Some(twice) = sources.iter().find(|source| !names.insert(source.name.to_string())) {
            return Err(LoadError::SourceTwice(twice.name.to_string()));
        }
        let places = sources.iter().enumerate().flat_map(|(number, source)| {
            source.tools.iter().enumerate().map(move |(at, tool)| (tool.path.clone(), (number, at)))
        });
        let paths = places.collect();
        let index = Index::build(sources.iter().flat_map(|source| &source.tools));
        Ok(Catalogue { sources, paths, index })
    }

    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// In the order of their sources.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.sources.iter().flat_map(|source| &source.tools)
    }

    /// The tool at a path, with or without `tools.` before it. `repos.delete` finds `repos.delete_` too: JavaScript takes
    /// either.
    pub fn find(&self, path: &str) -> Result<&Tool, UnknownPath> {
        let path = path.strip_prefix("tools.").unwrap_or(path);
        let found = self.at(path).or_else(|| {
            let unreserved: Vec<_> = path.split('.').map(unreserved).collect();
            self.at(&unreserved.join("."))
        });
        found.ok_or_else(|| {
            let known = self.paths.keys().map(|path| &**path);
            let nearest = nearest(path, known, 3).into_iter().map(str::to_owned).collect();
            UnknownPath { path: quoted(path), nearest }
        })
    }

    fn at(&self, path: &str) -> Option<&Tool> {
        let (source, at) = self.paths.get(path)?;
        self.sources.get(*source)?.tools.get(*at)
    }

    /// TypeScript declarations of everything; for `mayfly types` and for checking scripts, too long for a model.
    pub fn declarations(&self) -> String {
        declarations::everything(&self.sources, |_| true)
    }

    /// The same of what a run is left.
    pub fn declarations_within(&self, narrow: &Narrow) -> String {
        declarations::everything(&self.sources, |tool| narrow.allows(&tool.path))
    }

    /// What is left of it for a run that asked for these paths alone: of tools, of groups of them, or names of sources. The
    /// error has the place of the path that leads nowhere.
    pub fn narrow(&self, paths: &[&str]) -> Result<Narrow, (usize, UnknownPath)> {
        let mut kept = Vec::with_capacity(paths.len());
        for (at, path) in paths.iter().enumerate() {
            let bare = path.strip_prefix("tools.").unwrap_or(path);
            match self.find(bare) {
                Ok(tool) => kept.push(tool.path.to_string()),
                // A source without tools is one whose server has not come yet.
                Err(_) if self.sources.iter().any(|source| *source.name == *bare) => kept.push(bare.to_owned()),
                Err(_) if self.is_below_an_empty_source(bare) => kept.push(bare.to_owned()),
                Err(unknown) => match self.group(bare) {
                    Some(group) => kept.push(group),
                    None => return Err((at, unknown)),
                },
            }
        }
        Ok(Narrow(kept))
    }

    fn is_below_an_empty_source(&self, path: &str) -> bool {
        let name = path.split('.').next().unwrap_or_default();
        self.sources.iter().any(|source| *source.name == *name && source.tools.is_empty())
    }

    /// The group at a path, as its tools have it.
    fn group(&self, path: &str) -> Option<String> {
        let segments: Vec<_> = path.trim_end_matches(['.', '*']).split('.').map(unreserved).collect();
        let group = segments.join(".");
        let has = |tool: &Tool| tool.path.strip_prefix(group.as_str()).is_some_and(|rest| rest.starts_with('.'));
        self.tools().any(has).then_some(group)
    }

    /// The tools that fit a question in plain words, best first.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let found = self.index.search(query, limit);
        let tools: Vec<&Tool> = self.tools().collect();
        found.into_iter().filter_map(|(at, score)| tools.get(at).map(|tool| Hit::new(tool, score))).collect()
    }
}
