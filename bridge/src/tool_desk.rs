//! In: what a client wants to know of its tenant's tools. Out: found tools, or their declarations.
//! May touch: nothing.
//! Security boundary: yes; a token sees the tools of its own tenant.

use crate::door::{Refused, identifier};
use crate::lane::Lane;
use crate::toolbox::Toolbox;
use mayfly_catalogue::{Catalogue, Narrow};
use mayfly_schemas::bridge_capnp::{bridge, refusal, tools_answer, tools_ask};
use mayfly_schemas::limits::{
    OWN_TOOLS_MAX, TOOL_DESCRIBE_PATHS_MAX, TOOL_DESCRIBE_TOKENS_MAX, TOOL_HITS_MAX, TOOL_QUERY_CHARS_MAX,
};

pub async fn answer(
    lane: &Lane,
    params: &bridge::ToolsParams,
    results: &mut bridge::ToolsResults,
) -> Result<(), capnp::Error> {
    let ask = params.get()?.get_ask()?;
    let now = lane.shared.directory.current();
    let Some((tenant, role)) = now.tokens.look_up(ask.get_token()?) else {
        let refused = Refused::new(refusal::Kind::Unauthorized, "no such token; `mayfly token new` makes one");
        refused.write(results.get().init_answer().init_refused());
        return Ok(());
    };
    if !role.may_run() {
        let detail = format!("a token of role {} may not call tools; use one of role runner", role.word());
        Refused::new(refusal::Kind::Forbidden, detail).write(results.get().init_answer().init_refused());
        return Ok(());
    }
    tracing::debug!(tenant = tenant.name, request_id = identifier(ask.get_request_id()?), "a look at the tools");
    let tenant = tenant.clone();
    tenant.toolbox.settled().await;
    tell(&tenant.toolbox, ask, results.get().init_answer())
}

/// Of all tools, or of those that a run is left; with the globals that lead to them.
fn declarations(catalogue: &Catalogue, narrow: Option<&Narrow>) -> String {
    let text = narrow.map_or_else(|| catalogue.declarations(), |narrow| catalogue.declarations_within(narrow));
    let names = catalogue.sources().iter().map(|source| source.name());
    let left = names.filter(|name| narrow.is_none_or(|narrow| narrow.has_of(name)));
    let globals: String = left.map(|name| format!("declare const {name}: typeof tools.{name};\n")).collect();
    text + &globals
}

fn tell(toolbox: &Toolbox, ask: tools_ask::Reader<'_>, mut to: tools_answer::Builder<'_>) -> Result<(), capnp::Error> {
    let catalogue = toolbox.catalogue();
    match ask.which()? {
        tools_ask::Search(search) => {
            let search = search?;
            let query: String = search.get_query()?.to_str()?.chars().take(TOOL_QUERY_CHARS_MAX).collect();
            let limit = (search.get_limit() as usize).min(TOOL_HITS_MAX);
            let hits = catalogue.search(&query, limit);
            let mut found = to.init_found();
            found.set_tools(u32::try_from(catalogue.tools().count()).unwrap_or(u32::MAX));
            let mut list = found.init_hits(hits.len() as u32);
            for (at, hit) in (0..).zip(&hits) {
                let mut to = list.reborrow().get(at);
                to.set_path(&hit.path);
                to.set_description(&hit.description);
                to.set_signature(&hit.signature);
                to.set_score(hit.score);
            }
        }
        tools_ask::Describe(describe) => {
            let describe = describe?;
            let mut paths = Vec::new();
            for path in describe.get_paths()?.iter().take(TOOL_DESCRIBE_PATHS_MAX) {
                paths.push(path?.to_str()?);
            }
            let tokens = (describe.get_tokens() as usize).min(TOOL_DESCRIBE_TOKENS_MAX);
            match catalogue.describe(&paths, tokens) {
                Ok(text) => to.set_declarations(&text),
                Err(unknown) => to.set_unknown(unknown.to_string()),
            }
        }
        tools_ask::Declarations(()) => to.set_declarations(declarations(&catalogue, None)),
        tools_ask::Some(paths) => {
            let mut kept = Vec::new();
            for path in paths?.iter().take(OWN_TOOLS_MAX) {
                kept.push(path?.to_str()?);
            }
            match catalogue.narrow(&kept) {
                Ok(narrow) => to.set_declarations(declarations(&catalogue, Some(&narrow))),
                Err((_, unknown)) => to.set_unknown(unknown.to_string()),
            }
        }
    }
    Ok(())
}
