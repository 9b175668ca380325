//! In: paths of tools, groups or shared types, and a budget of tokens. Out: the declarations of just these.
//! May touch: nothing.
//! Security boundary: no.
//!
//! What is asked for comes first, then the shared types it needs, the nearest first. Types that the budget has no room
//! for are `unknown /* cut: describe NAME */`: the deepest, that is, the ones a caller needs last. Before a type goes,
//! comments on properties do. Where even the tools alone are too much, their comments go, then the types of the last, then the last.

use crate::catalogue::{Catalogue, UnknownPath};
use crate::declarations::{Declared, Detail, Shared, Tree, definition, name_of, namespace, tool};
use crate::limits::{BYTES_PER_TOKEN, DESCRIBE_PATHS_MAX};
use crate::names::unreserved;
use crate::tool::Tool;
use crate::typescript::Direction;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// About what the lines of groups around a tool take.
const FRAME_BYTES: usize = 48;

impl Catalogue {
    /// Declarations of the tools at `paths` (or of all tools below a path that is a group, or of a shared type such as
    /// `github.Issue`), with the shared types that they need, within about `token_budget` tokens of 4 bytes.
    pub fn describe(&self, paths: &[&str], token_budget: usize) -> Result<String, UnknownPath> {
        let budget = token_budget.saturating_mul(BYTES_PER_TOKEN);
        let (mut tools, mut asked): (Vec<&Tool>, Vec<Shared<'_>>) = (Vec::new(), Vec::new());
        for path in paths.iter().take(DESCRIBE_PATHS_MAX) {
            match self.find(path) {
                Ok(tool) => tools.push(tool),
                Err(unknown) => match (self.below(path), self.shared(path)) {
                    (below, _) if !below.is_empty() => tools.extend(below),
                    (_, Some(shared)) => asked.push(shared),
                    _ => return Err(unknown),
                },
            }
        }
        let mut seen = HashSet::new();
        tools.retain(|tool| seen.insert(&tool.path));
        Ok(self.within(&tools, &asked, budget))
    }

    fn within(&self, tools: &[&Tool], asked: &[Shared<'_>], budget: usize) -> String {
        let mut for_tools = budget;
        // What is cut leaves a line each: where those are too much, the tools get less.
        for _ in 0..8 {
            let text = self.attempt(tools, asked, budget, for_tools);
            if text.len() <= budget || for_tools == 0 {
                return text;
            }
            for_tools = for_tools.min(text.len()).saturating_sub(text.len() - budget);
        }
        self.attempt(tools, asked, budget, 0)
    }

    fn attempt<'a>(&'a self, tools: &[&'a Tool], asked: &[Shared<'a>], budget: usize, for_tools: usize) -> String {
        let (details, needs) = details(tools, for_tools);
        let mut tree = Tree::default();
        for (tool, detail) in tools.iter().zip(&details) {
            detail.iter().for_each(|detail| tree.insert(tool, *detail));
        }
        let tree = if tools.is_empty() { String::new() } else { tree.declaration() };
        let room = budget.saturating_sub(tree.len());
        let bare = details.contains(&Some(Detail::Bare));
        let untyped = tools.iter().zip(&details).filter(|(_, detail)| **detail == Some(Detail::Name));
        let untyped: Vec<&str> = untyped.map(|(tool, _)| &*tool.path).collect();
        let absent = details.iter().filter(|detail| detail.is_none()).count();
        let mut cut: Vec<String> = listed("types of", &untyped).into_iter().collect();
        cut.extend((absent > 0).then(|| format!("{absent} more tools")));
        let (mut text, cuts) = self.types(&needs, asked, &cut, room, bare);
        if !bare && cuts > 0 {
            let (short, short_cuts) = self.types(&needs, asked, &cut, room, true);
            // Fields say more than what is said about them.
            text = if short_cuts < cuts { short } else { text };
        }
        text + &tree
    }

    /// The nearest types that there is room for, behind the note that says what is missing, and how many are. What was
    /// asked for by name is given, whatever the room.
    fn types<'a>(
        &'a self,
        needs: &[Shared<'a>],
        asked: &[Shared<'a>],
        cut: &[String],
        room: usize,
        bare: bool,
    ) -> (String, usize) {
        let (mut seen, mut types) = (HashSet::new(), Vec::new());
        let mut waiting: VecDeque<Shared<'_>> = asked.iter().chain(needs).copied().collect();
        let mut sum = 0;
        while let Some(shared) = waiting.pop_front() {
            if sum > room && types.len() >= asked.len() {
                break;
            }
            if seen.insert(shared) {
                let declared = self.declared(shared, bare);
                sum += declared.text.len();
                waiting.extend(&declared.needs);
                types.push((shared, declared));
            }
        }
        loop {
            let stubs = stubs(needs, &types);
            let text = self.text(&types, &stubs, cut, bare);
            if text.len() <= room || types.len() <= asked.len() {
                return (text, stubs.len());
            }
            // Several at once where much is missing: every try writes all that is left.
            let excess = text.len() - room;
            let mut freed = 0;
            while freed < excess / 2 + 1 && types.len() > asked.len() {
                freed += types.pop().map_or(0, |(_, declared)| declared.text.len());
            }
        }
    }

    fn text(&self, types: &[(Shared<'_>, Declared<'_>)], stubs: &[Shared<'_>], cut: &[String], bare: bool) -> String {
        let mut texts: BTreeMap<&str, String> = BTreeMap::new();
        for (shared, declared) in types {
            texts.entry(shared.source).or_default().push_str(&declared.text);
        }
        for shared in stubs {
            texts.entry(shared.source).or_default().push_str(&self.stub(*shared));
        }
        let names: Vec<String> =
            stubs.iter().map(|shared| format!("{}.{}", shared.source, self.type_name(*shared))).collect();
        let mut missing: Vec<String> = Vec::new();
        missing.extend(bare.then(|| "comments on properties".to_owned()));
        missing.extend_from_slice(cut);
        missing.extend(listed("shared types", &names.iter().map(String::as_str).collect::<Vec<_>>()));
        let mut out = String::new();
        if !missing.is_empty() {
            out.push_str(&format!("// Cut to fit the budget: {}.\n", missing.join("; ")));
        }
        texts.iter().for_each(|(source, texts)| out.push_str(&namespace(source, texts)));
        out
    }

    fn stub(&self, shared: Shared<'_>) -> String {
        let name = self.type_name(shared);
        format!("  type {name} = unknown /* cut: describe {}.{name} */;\n", shared.source)
    }

    fn declared<'a>(&'a self, shared: Shared<'a>, bare: bool) -> Declared<'a> {
        let source = self.sources().iter().find(|source| &*source.name == shared.source);
        source.map_or_else(
            || Declared { text: String::new(), needs: Vec::new() },
            |source| definition(&source.definitions, shared, bare),
        )
    }

    fn type_name<'a>(&'a self, shared: Shared<'a>) -> &'a str {
        let source = self.sources().iter().find(|source| &*source.name == shared.source);
        let definition = source.and_then(|source| source.definitions.find(shared.name));
        definition.map_or(shared.name, |definition| name_of(definition, shared.direction))
    }

    /// Tools of a group.
    fn below(&self, path: &str) -> Vec<&Tool> {
        let path = path.trim_end_matches(['.', '*']).split('.').map(unreserved).collect::<Vec<_>>().join(".");
        let path = format!("{path}.");
        self.tools().filter(|tool| tool.path.starts_with(&path)).collect()
    }

    fn shared(&self, path: &str) -> Option<Shared<'_>> {
        let (source, name) = path.split_once('.')?;
        let source = self.sources().iter().find(|known| &*known.name == source)?;
        source.definitions.iter().find_map(|definition| {
            let direction = match () {
                () if &*definition.name == name => Direction::Output,
                () if definition.input_name.as_deref() == Some(name) => Direction::Input,
                () => return None,
            };
            Some(Shared { source: &source.name, name: &definition.name, direction })
        })
    }
}

/// How much of each tool fits, `None` for nothing, and which types that needs. The first is always there. What is written
/// to find out is about as long as the budget, however many tools there are.
fn details<'a>(tools: &[&'a Tool], budget: usize) -> (Vec<Option<Detail>>, Vec<Shared<'a>>) {
    for detail in [Detail::Full, Detail::Bare] {
        let (mut needs, mut used) = (Vec::new(), FRAME_BYTES);
        let fits = tools.iter().all(|each| {
            let declared = tool(each, 3, detail);
            used += FRAME_BYTES + declared.text.len();
            needs.extend(declared.needs);
            used <= budget
        });
        if fits {
            return (vec![Some(detail); tools.len()], needs);
        }
    }
    let (mut details, mut needs, mut used) = (Vec::new(), Vec::new(), FRAME_BYTES);
    for each in tools {
        let mut fitting = None;
        for detail in [Detail::Bare, Detail::Name] {
            let declared = tool(each, 3, detail);
            let bytes = FRAME_BYTES + declared.text.len();
            if used + bytes <= budget || (detail == Detail::Name && details.is_empty()) {
                used += bytes;
                needs.extend(declared.needs);
                fitting = Some(detail);
                break;
            }
        }
        details.push(fitting);
        if fitting.is_none() {
            break;
        }
    }
    details.resize(tools.len(), None);
    (details, needs)
}

/// Types that are named by what is chosen, and are not chosen themselves.
fn stubs<'a>(needs: &[Shared<'a>], types: &[(Shared<'a>, Declared<'a>)]) -> Vec<Shared<'a>> {
    let mut seen: HashSet<Shared<'_>> = types.iter().map(|(shared, _)| *shared).collect();
    let named = needs.iter().chain(types.iter().flat_map(|(_, declared)| &declared.needs));
    named.copied().filter(|shared| seen.insert(*shared)).collect()
}

/// `what a, b and 3 more`
fn listed(what: &str, all: &[&str]) -> Option<String> {
    let shown: Vec<&str> = all.iter().take(5).copied().collect();
    let more = if all.len() > 5 { format!(" and {} more", all.len() - 5) } else { String::new() };
    (!all.is_empty()).then(|| format!("{what} {}{more}", shown.join(", ")))
}
