//! In: what a request wants of stored scripts. Out: what the bridge says to it, and a session for a run of one.
//! May touch: the connection to the bridge.
//! Security boundary: no; the bridge decides.

use super::stored::{content, info, odd, read_listed, read_written, refusal, stored, write_condition, write_known};
use super::{Admission, Bridge, DoorError, Session, gone, translate};
use crate::trace;
use futures::FutureExt;
use mayfly_schemas::bridge_capnp::{bridge, open_script_answer, open_scripts_answer, scripts};
use mayfly_schemas::names::entity_tag;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

/// One request to a stored script.
#[derive(Clone, Copy, Debug)]
pub struct OpenScript<'a> {
    /// Empty when the request brought none.
    pub token: &'a [u8],
    pub run: &'a str,
    pub request_id: &'a str,
    pub target: &'a Target,
    /// Digests of the texts that are at hand.
    pub known: &'a [Vec<u8>],
}

/// How a request says which script it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Named { tenant: String, script: String },
    Routed { host: String, path: String },
}

#[derive(Clone, Debug)]
pub struct AdmittedScript {
    pub admission: Admission,
    pub info: ScriptInfo,
    /// Missing where the digest was known.
    pub content: Option<ScriptContent>,
    /// The request's `authorization` is the script's own.
    pub public: bool,
    pub tag: Vec<u8>,
}

/// One version of a stored script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptInfo {
    pub name: String,
    pub version: u64,
    pub digest: Vec<u8>,
    pub source_bytes: u64,
    pub created_at_ms: u64,
    pub role: String,
    pub rollback_to: Option<u64>,
    pub public: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptContent {
    pub main: String,
    pub modules: BTreeMap<String, String>,
}

/// A tenant's stored scripts, for one request.
pub struct Scripts {
    client: scripts::Client,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub info: ScriptInfo,
    pub created: bool,
    pub changed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    pub if_match: Tags,
    pub if_none_match: Tags,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tags {
    #[default]
    Absent,
    Any,
    List(Vec<String>),
}

/// Hosts that tenants' routes name, and the generation that they are of.
#[derive(Clone, Debug, Default)]
pub struct RouteHosts {
    pub generation: u64,
    /// They serve routes and nothing else.
    pub owned: HashSet<String>,
    /// The server's own, which serve routes too.
    pub shared: HashSet<String>,
}

impl Bridge {
    /// Opens a session for a run of a stored script, and waits for both.
    pub async fn open_script(&self, ask: OpenScript<'_>) -> Result<(Session, AdmittedScript), DoorError> {
        let connection = self.connected().await?;
        let sent = open_script_request(&connection.client, ask, &[]).send();
        let client = sent.pipeline.get_session();
        let response = sent.promise.await.map_err(gone)?;
        let answer = response.get().and_then(|results| results.get_answer()).map_err(gone)?;
        let admitted = match answer.which().map_err(|unknown| gone(unknown.into()))? {
            open_script_answer::Admitted(admitted) => admitted.map_err(gone)?,
            open_script_answer::Refused(refused) => return Err(refusal(refused)),
            open_script_answer::Confirmed(()) => return Err(odd("it confirmed what was not begun")),
        };
        let admitted = AdmittedScript {
            admission: admitted.get_admission().and_then(translate::read_admission).map_err(gone)?,
            info: admitted.get_script().and_then(|script| script.get_info()).and_then(info).map_err(gone)?,
            content: admitted.get_script().and_then(content).map_err(gone)?,
            public: admitted.get_public(),
            tag: admitted.get_tag().map_err(gone)?.to_vec(),
        };
        let answer = std::future::ready(Ok(admitted.admission.clone()));
        Ok((
            Session { client, answer: answer.boxed_local().shared(), bodies: Rc::default(), trace: trace::current() },
            admitted,
        ))
    }

    /// Opens a session for a run that has begun on what was admitted a moment ago. The session's admission is what the
    /// bridge says now: that, or a refusal, after which none of the session's calls has reached anything.
    pub async fn begin_script(&self, ask: OpenScript<'_>, before: &AdmittedScript) -> Result<Session, DoorError> {
        let connection = self.connected().await?;
        let sent = open_script_request(&connection.client, ask, &before.tag).send();
        let client = sent.pipeline.get_session();
        let admission = before.admission.clone();
        let answer = async move {
            let response = sent.promise.await.map_err(gone)?;
            let answer = response.get().and_then(|results| results.get_answer()).map_err(gone)?;
            match answer.which().map_err(|unknown| gone(unknown.into()))? {
                open_script_answer::Confirmed(()) => Ok(admission),
                open_script_answer::Refused(refused) => Err(refusal(refused)),
                open_script_answer::Admitted(_) => Err(odd("it admitted what has begun")),
            }
        };
        Ok(Session { client, answer: answer.boxed_local().shared(), bodies: Rc::default(), trace: trace::current() })
    }

    /// A stored script of the token's tenant; without a version the current one. The content is missing where its
    /// digest is known.
    pub async fn script(
        &self,
        token: &[u8],
        name: &str,
        version: Option<u64>,
        known: &[Vec<u8>],
    ) -> Result<(ScriptInfo, Option<ScriptContent>), DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.script_request();
        let mut ask = request.get().init_ask();
        ask.set_token(token);
        ask.set_name(name);
        ask.set_version(version.unwrap_or(0));
        write_known(ask.init_known(known.len() as u32), known);
        let response = request.send().promise.await.map_err(gone)?;
        stored(response.get().and_then(|results| results.get_answer()).map_err(gone)?)
    }

    /// What the token's tenant has stored. `method` and `name` are for the audit of a refusal.
    pub async fn scripts(
        &self,
        token: &[u8],
        request_id: &str,
        write: bool,
        method: &str,
        name: &str,
    ) -> Result<(Scripts, Admission), DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.open_scripts_request();
        let mut ask = request.get().init_ask();
        ask.set_token(token);
        ask.set_request_id(request_id);
        ask.set_write(write);
        ask.set_method(method);
        ask.set_name(name);
        let response = request.send().promise.await.map_err(gone)?;
        let results = response.get().map_err(gone)?;
        match results.get_answer().and_then(|answer| Ok(answer.which()?)).map_err(gone)? {
            open_scripts_answer::Admitted(admitted) => {
                let admission = admitted.and_then(translate::read_admission).map_err(gone)?;
                Ok((Scripts { client: results.get_scripts().map_err(gone)? }, admission))
            }
            open_scripts_answer::Refused(refused) => Err(refusal(refused)),
        }
    }

    /// `None` when they are those of this generation.
    pub async fn route_hosts(&self, generation: u64) -> Result<Option<RouteHosts>, DoorError> {
        let connection = self.connected().await?;
        let mut request = connection.client.route_hosts_request();
        request.get().set_generation(generation);
        let response = request.send().promise.await.map_err(gone)?;
        let results = response.get().map_err(gone)?;
        if results.get_generation() == generation {
            return Ok(None);
        }
        let set = |list: capnp::Result<capnp::text_list::Reader<'_>>| {
            list?.iter().map(|host| Ok(host?.to_string()?)).collect::<capnp::Result<HashSet<String>>>()
        };
        let (owned, shared) = (set(results.get_owned()).map_err(gone)?, set(results.get_shared()).map_err(gone)?);
        Ok(Some(RouteHosts { generation: results.get_generation(), owned, shared }))
    }
}

impl Scripts {
    pub async fn put(&self, name: &str, content: &ScriptContent, when: &Condition) -> Result<Written, DoorError> {
        let mut request = self.client.put_request();
        request.get().set_name(name);
        write_condition(request.get().init_condition(), when).map_err(gone)?;
        let mut to = request.get().init_content();
        to.set_main(&content.main);
        let mut modules = to.init_modules(content.modules.len() as u32);
        for (at, (name, source)) in (0..).zip(&content.modules) {
            let mut module = modules.reborrow().get(at);
            module.set_name(name);
            module.set_source(source);
        }
        let response = request.send().promise.await.map_err(gone)?;
        read_written(response.get().and_then(|results| results.get_outcome()).map_err(gone)?)
    }

    pub async fn rollback(&self, name: &str, version: u64, when: &Condition) -> Result<Written, DoorError> {
        let mut request = self.client.rollback_request();
        request.get().set_name(name);
        request.get().set_version(version);
        write_condition(request.get().init_condition(), when).map_err(gone)?;
        let response = request.send().promise.await.map_err(gone)?;
        read_written(response.get().and_then(|results| results.get_outcome()).map_err(gone)?)
    }

    pub async fn delete(&self, name: &str, when: &Condition) -> Result<Written, DoorError> {
        let mut request = self.client.delete_request();
        request.get().set_name(name);
        write_condition(request.get().init_condition(), when).map_err(gone)?;
        let response = request.send().promise.await.map_err(gone)?;
        read_written(response.get().and_then(|results| results.get_outcome()).map_err(gone)?)
    }

    /// Without a version the current one.
    pub async fn get(&self, name: &str, version: Option<u64>) -> Result<(ScriptInfo, ScriptContent), DoorError> {
        let mut request = self.client.get_request();
        request.get().set_name(name);
        request.get().set_version(version.unwrap_or(0));
        let response = request.send().promise.await.map_err(gone)?;
        let (info, content) = stored(response.get().and_then(|results| results.get_answer()).map_err(gone)?)?;
        Ok((info, content.ok_or_else(|| odd("it gave a script without its text"))?))
    }

    /// Current versions by name; one more than `limit` when there are more.
    pub async fn list(&self, after: &str, limit: u32) -> Result<Vec<ScriptInfo>, DoorError> {
        let mut request = self.client.list_request();
        request.get().set_after(after);
        request.get().set_limit(limit);
        let response = request.send().promise.await.map_err(gone)?;
        read_listed(response.get().and_then(|results| results.get_answer()).map_err(gone)?)
    }

    /// The newest first; one more than `limit` when there are more.
    pub async fn versions(&self, name: &str, before: Option<u64>, limit: u32) -> Result<Vec<ScriptInfo>, DoorError> {
        let mut request = self.client.versions_request();
        request.get().set_name(name);
        request.get().set_before(before.unwrap_or(0));
        request.get().set_limit(limit);
        let response = request.send().promise.await.map_err(gone)?;
        read_listed(response.get().and_then(|results| results.get_answer()).map_err(gone)?)
    }
}

impl ScriptInfo {
    /// Without quotes.
    pub fn entity_tag(&self) -> String {
        entity_tag(self.version, &self.digest)
    }
}

type OpenScriptRequest =
    capnp::capability::Request<bridge::open_script_params::Owned, bridge::open_script_results::Owned>;

fn open_script_request(client: &bridge::Client, ask: OpenScript<'_>, begun: &[u8]) -> OpenScriptRequest {
    let mut request = client.open_script_request();
    let mut message = request.get().init_ask();
    message.set_token(ask.token);
    message.set_run(ask.run);
    message.set_request_id(ask.request_id);
    if let Some(trace) = trace::current() {
        message.set_traceparent(trace.parent());
        message.set_tracestate(trace.state());
    }
    write_known(message.reborrow().init_known(ask.known.len() as u32), ask.known);
    message.set_begun(begun);
    match ask.target {
        Target::Named { tenant, script } => {
            let mut named = message.init_named();
            named.set_tenant(tenant);
            named.set_script(script);
        }
        Target::Routed { host, path } => {
            let mut routed = message.init_routed();
            routed.set_host(host);
            routed.set_path(path);
        }
    }
    request
}
