//! In: what the holder of a token wants to know about a tenant's stored scripts, or changed. Out: it done, or why not.
//! May touch: the store, through the shelf.
//! Security boundary: yes. The tenant and what its role may do are the capability's own; no message names them. The texts
//! are not looked at here: they are compiled where they run, in isolates.

use crate::audit::{self, Deploy, Entry};
use crate::door::{self, Connection};
use crate::refusal::Refusal;
use crate::store::scripts::{Author, Condition, Content, Info, Key, Tags, Written};
use crate::tenants::Tenant;
use crate::tokens::{Role, hex};
use crate::trigger::{write_info, write_script};
use capnp::capability::Rc;
use capnp_rpc::new_client;
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{bridge, condition, entity_tags, listed, script_content, scripts, written};
use mayfly_schemas::limits::{
    CONDITION_TAGS_MAX, LIST_ENTRIES_MAX, MODULE_NAME_BYTES_MAX, SCRIPT_MODULES_MAX, SCRIPT_REQUESTS_IN_FLIGHT,
    SCRIPT_REQUESTS_PER_MINUTE,
};
use mayfly_schemas::names::{SCRIPT_NAME_RULE, is_script_name};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub async fn open_scripts(
    connection: &std::rc::Rc<Connection>,
    params: bridge::OpenScriptsParams,
    mut results: bridge::OpenScriptsResults,
) -> Result<(), capnp::Error> {
    let ask = params.get()?.get_ask()?;
    let now = connection.lane.shared.directory.current();
    let mut results = results.get();
    let Some((tenant, role)) = now.tokens.look_up(ask.get_token()?) else {
        Refusal::unauthorized().write(results.init_answer().init_refused());
        return Ok(());
    };
    let token = hex(&Sha256::digest(ask.get_token()?)).chars().take(8).collect();
    let request_id = door::identifier(ask.get_request_id()?);
    let (connection, tenant) = (connection.clone(), tenant.clone());
    let mut desk = Desk { connection, tenant, role, may_write: ask.get_write(), request_id, token, seat: None };
    if ask.get_write() && !role.may_deploy() {
        let refusal = desk.may_not_deploy();
        let (method, name) = (door::identifier(ask.get_method()?), door::identifier(ask.get_name()?));
        desk.audit("", &method, &name, &Err(&refusal)).await;
        refusal.write(results.init_answer().init_refused());
        return Ok(());
    }
    match desk.enter() {
        Err(refusal) => refusal.write(results.init_answer().init_refused()),
        Ok(()) => {
            let answer = results.reborrow().init_answer().init_admitted();
            door::write_admission(answer, &desk.tenant, role, now.generation);
            results.set_scripts(new_client(desk));
        }
    }
    Ok(())
}

/// One HTTP request's way to a tenant's scripts.
struct Desk {
    connection: std::rc::Rc<Connection>,
    tenant: Arc<Tenant>,
    role: Role,
    may_write: bool,
    request_id: String,
    token: String,
    seat: Option<u64>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(seat) = self.seat {
            self.connection.leave(seat);
        }
    }
}

impl scripts::Server for Desk {
    async fn put(self: Rc<Self>, params: scripts::PutParams, mut results: scripts::PutResults) -> Answer {
        let params = params.get()?;
        let (name, condition) = (params.get_name()?.to_str()?, read_condition(params.get_condition()?)?);
        let content = read_content(params.get_content()?, &self.tenant)?;
        let outcome = async {
            let key = self.writable(name)?;
            let shelf = &self.connection.lane.shared.shelf;
            Ok(shelf.put(key, &self.tenant.stored, Arc::new(content?), condition?, self.author()).await?)
        };
        self.done("put", "PUT", name, outcome.await, results.get().init_outcome()).await
    }

    async fn rollback(
        self: Rc<Self>,
        params: scripts::RollbackParams,
        mut results: scripts::RollbackResults,
    ) -> Answer {
        let params = params.get()?;
        let (name, condition) = (params.get_name()?.to_str()?, read_condition(params.get_condition()?)?);
        let version = params.get_version();
        let outcome = async {
            let key = self.writable(name)?;
            let (shelf, stored) = (&self.connection.lane.shared.shelf, &self.tenant.stored);
            match shelf.roll_back(key, stored, version, condition?, self.author()).await {
                Err(crate::store::StoreError::NotFound) => Err(Refusal::no_version(name, version)),
                written => Ok(written?),
            }
        };
        self.done("rollback", "POST", name, outcome.await, results.get().init_outcome()).await
    }

    async fn delete(self: Rc<Self>, params: scripts::DeleteParams, mut results: scripts::DeleteResults) -> Answer {
        let params = params.get()?;
        let (name, condition) = (params.get_name()?.to_str()?, read_condition(params.get_condition()?)?);
        let outcome = async {
            let key = self.writable(name)?;
            match self.connection.lane.shared.shelf.delete(key, &self.tenant.stored, condition?).await {
                Err(crate::store::StoreError::NotFound) => Err(Refusal::not_found(name)),
                written => Ok(written?),
            }
        };
        self.done("delete", "DELETE", name, outcome.await, results.get().init_outcome()).await
    }

    async fn get(self: Rc<Self>, params: scripts::GetParams, mut results: scripts::GetResults) -> Answer {
        let params = params.get()?;
        let (name, version) = (params.get_name()?.to_str()?, Some(params.get_version()).filter(|number| *number > 0));
        let found = async {
            let found = self.connection.lane.shared.shelf.version(&self.key(name)?, version).await?;
            found.ok_or_else(|| match version {
                Some(version) => Refusal::no_version(name, version),
                None => Refusal::not_found(name),
            })
        };
        let answer = results.get().init_answer();
        match found.await {
            Ok((info, content)) => write_script(answer.init_script(), &info, self.is_public(name), Some(&content)),
            Err(refusal) => {
                refusal.write(answer.init_refused());
                Ok(())
            }
        }
    }

    async fn list(self: Rc<Self>, params: scripts::ListParams, mut results: scripts::ListResults) -> Answer {
        let params = params.get()?;
        let (after, limit) = (params.get_after()?.to_str()?.to_owned(), one_more(params.get_limit()));
        let listed = self.connection.lane.shared.shelf.store().list(self.tenant.name.clone(), after, limit);
        self.listed(listed.await.map_err(Refusal::from), results.get().init_answer())
    }

    async fn versions(
        self: Rc<Self>,
        params: scripts::VersionsParams,
        mut results: scripts::VersionsResults,
    ) -> Answer {
        let params = params.get()?;
        let (name, limit) = (params.get_name()?.to_str()?, one_more(params.get_limit()));
        let before = Some(params.get_before()).filter(|number| *number > 0);
        let listed = async {
            let versions = self.connection.lane.shared.shelf.store().versions(self.key(name)?, before, limit).await?;
            // Of a script that is there, there is at least one.
            match versions.is_empty() && before.is_none() {
                true => Err(Refusal::not_found(name)),
                false => Ok(versions),
            }
        };
        self.listed(listed.await, results.get().init_answer())
    }
}

type Answer = Result<(), capnp::Error>;

impl Desk {
    /// These requests have a quota of their own.
    fn enter(&mut self) -> Result<(), Refusal> {
        let (in_flight, per_minute) = (SCRIPT_REQUESTS_IN_FLIGHT, SCRIPT_REQUESTS_PER_MINUTE);
        let place = self.tenant.stored.quota.enter(in_flight, per_minute, Instant::now()).map_err(|full| {
            let (flying, minute) = (("script requests in flight", in_flight), ("script requests a minute", per_minute));
            Refusal::quota(&self.tenant, full, flying, minute)
        })?;
        self.seat = Some(self.connection.keep(place, None));
        Ok(())
    }

    fn key(&self, name: &str) -> Result<Key, Refusal> {
        match is_script_name(name) {
            true => Ok(Key { tenant: self.tenant.name.clone(), name: name.to_owned() }),
            false => {
                let detail = format!("\"{}\" is no name of a script: use {SCRIPT_NAME_RULE}", door::cut(name));
                Err(Refusal::new(Kind::Invalid, detail))
            }
        }
    }

    fn writable(&self, name: &str) -> Result<Key, Refusal> {
        match self.may_write && self.role.may_deploy() {
            true => self.key(name),
            false => Err(self.may_not_deploy()),
        }
    }

    fn may_not_deploy(&self) -> Refusal {
        let detail = format!("a token of role {} may not change scripts; use one of role deployer", self.role.word());
        Refusal::new(Kind::Forbidden, detail)
    }

    fn author(&self) -> Author {
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Author { role: self.role.word().into(), at_ms }
    }

    fn is_public(&self, name: &str) -> bool {
        self.tenant.declared.public.contains(name)
    }

    async fn done(
        &self,
        action: &'static str,
        method: &str,
        name: &str,
        outcome: Result<Written, Refusal>,
        to: written::Builder<'_>,
    ) -> Answer {
        self.audit(action, method, name, &outcome.as_ref()).await;
        match outcome {
            Ok(Written { info, created, changed }) => {
                let mut stored = to.init_stored();
                stored.set_created(created);
                stored.set_changed(changed);
                write_info(stored.init_script(), &info, self.is_public(name));
            }
            Err(refusal) => refusal.write(to.init_refused()),
        }
        Ok(())
    }

    async fn audit(&self, action: &'static str, method: &str, name: &str, outcome: &Result<&Written, &Refusal>) {
        let (version, digest) = outcome.map_or((0, String::new()), |done| (done.info.version, hex(&done.info.digest)));
        let (verdict, reason) = match outcome {
            Ok(Written { changed: true, .. }) => ("allow", ""),
            Ok(Written { changed: false, .. }) => ("allow", "unchanged"),
            Err(refusal) if refusal.word() == "role" => ("deny", "role"),
            Err(refusal) => ("allow", refusal.word()),
        };
        let (script, role, token) = (door::cut(name), self.role.word(), self.token.clone());
        let entry = Entry {
            time: audit::now(),
            tenant: self.tenant.name.clone(),
            request_id: self.request_id.clone(),
            verdict,
            reason,
            method: method.to_owned(),
            url: format!("/v1/scripts/{script}"),
            deploy: Some(Deploy { action, script, version, digest, role, token }),
            ..Entry::default()
        };
        self.connection.lane.shared.audit.record(entry).await;
    }

    fn listed(&self, found: Result<Vec<Info>, Refusal>, to: listed::Builder<'_>) -> Answer {
        match found {
            Ok(found) => {
                let mut scripts = to.init_scripts(u32::try_from(found.len()).unwrap_or(u32::MAX));
                for (at, info) in (0..).zip(&found) {
                    write_info(scripts.reborrow().get(at), info, self.is_public(&info.name));
                }
            }
            Err(refusal) => refusal.write(to.init_refused()),
        }
        Ok(())
    }
}

/// One more than was asked for tells whether there are more.
fn one_more(limit: u32) -> u32 {
    limit.clamp(1, LIST_ENTRIES_MAX) + 1
}

/// Within the bounds that the runtime holds too; it is not believed.
fn read_content(
    content: script_content::Reader<'_>,
    tenant: &Tenant,
) -> Result<Result<Content, Refusal>, capnp::Error> {
    let invalid = |detail: &str| Ok(Err(Refusal::new(Kind::Invalid, detail)));
    let modules = content.get_modules()?;
    if modules.len() as usize > SCRIPT_MODULES_MAX {
        return invalid("too many modules");
    }
    let mut read = Content { main: content.get_main()?.to_string()?, modules: Default::default() };
    for module in modules {
        let (name, source) = (module.get_name()?.to_string()?, module.get_source()?.to_string()?);
        if name.is_empty() || name.len() > MODULE_NAME_BYTES_MAX || read.modules.insert(name, source).is_some() {
            return invalid("a module has no name, one that is too long, or that of another one");
        }
    }
    if !read.modules.contains_key(&read.main) {
        return invalid("the main module is not there");
    }
    let (bytes, max) = (read.bytes(), tenant.ceilings.source_bytes);
    if bytes > max {
        return Ok(Err(Refusal::new(Kind::TooLarge, format!("the source is {bytes} bytes; the limit is {max}"))));
    }
    Ok(Ok(read))
}

fn read_condition(condition: condition::Reader<'_>) -> Result<Result<Condition, Refusal>, capnp::Error> {
    let (if_match, if_none_match) = (read_tags(condition.get_if_match()?)?, read_tags(condition.get_if_none_match()?)?);
    Ok(match (if_match, if_none_match) {
        (Some(if_match), Some(if_none_match)) => Ok(Condition { if_match, if_none_match }),
        _ => Err(Refusal::new(Kind::Invalid, format!("more than {CONDITION_TAGS_MAX} entity tags"))),
    })
}

fn read_tags(tags: entity_tags::Reader<'_>) -> Result<Option<Tags>, capnp::Error> {
    Ok(match tags.which()? {
        entity_tags::Absent(()) => Some(Tags::Absent),
        entity_tags::Any(()) => Some(Tags::Any),
        entity_tags::List(list) => {
            let list = list?;
            if list.len() as usize > CONDITION_TAGS_MAX {
                return Ok(None);
            }
            let tags = list.iter().map(|tag| Ok(tag?.to_string()?));
            Some(Tags::List(tags.collect::<Result<_, capnp::Error>>()?))
        }
    })
}
