//! In: `GET /v1/tools` and `GET /v1/types`. Out: tools that fit a question; TypeScript of what scripts find.
//! May touch: the bridge.
//! Security boundary: no; the bridge decides whose tools they are.

use super::http::token;
use super::worker::Local;
use crate::bridge::Asker;
use crate::limits::{TOOL_HITS, TOOL_HITS_MAX, TOOL_QUERY_CHARS_MAX};
use crate::respond::{self, Problem, Reply};
use http::Request;
use url::form_urlencoded;

pub(super) async fn search<B>(local: &Local, request: &Request<B>, request_id: &str) -> Result<Reply, Problem> {
    let token = token(request.headers())?;
    let (mut query, mut limit) = (String::new(), TOOL_HITS as u32);
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "query" => query = value.into_owned(),
            "limit" => {
                let number = value.parse().ok().filter(|number| (1..=TOOL_HITS_MAX as u32).contains(number));
                limit = number.ok_or_else(|| Problem::bad_request(format!("`limit`: use 1 to {TOOL_HITS_MAX}")))?;
            }
            other => return Err(Problem::bad_request(format!("`{other}`: known here: query, limit"))),
        }
    }
    if query.chars().count() > TOOL_QUERY_CHARS_MAX {
        return Err(Problem::bad_request(format!("`query`: has more than {TOOL_QUERY_CHARS_MAX} characters")));
    }
    let asker = Asker { token: token.as_bytes(), request_id };
    Ok(respond::found_tools(&local.bridge.search_tools(asker, &query, limit).await?, limit))
}

pub(super) async fn types<B>(local: &Local, request: &Request<B>, request_id: &str) -> Result<Reply, Problem> {
    let token = token(request.headers())?;
    let asker = Asker { token: token.as_bytes(), request_id };
    Ok(respond::types(&mayfly_checker::declarations(&local.bridge.tool_declarations(asker, None).await?)))
}
