//! In: an HTTP request's host and path, or a name, with a token or without. Out: a session and the script that it is for.
//! May touch: the store, through the shelf.
//! Security boundary: yes. Without a token only a script whose tenant's file says `public` is run, or known to exist.

use crate::door::{self, Connection};
use crate::quota::Place;
use crate::refusal::Refusal;
use crate::reload::Snapshot;
use crate::session::{Origin, Session};
use crate::store::scripts::{Content, Info, Key};
use crate::tenants::Tenant;
use crate::tokens::Role;
use capnp_rpc::new_client;
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{bridge, open_script_ask, script_content, script_info, stored_script};
use mayfly_schemas::limits::{SCRIPT_KNOWN_MAX, URL_BYTES_MAX};
use mayfly_schemas::names::is_script_name;
use sha2::{Digest, Sha256};
use std::rc::Rc;
use std::sync::Arc;

/// Whose script a request is for, and whether everybody may call it.
struct Target {
    tenant: Arc<Tenant>,
    name: String,
    public: bool,
    role: Role,
}

/// What the runtime gets to know.
struct Opened {
    target: Target,
    info: Arc<Info>,
    /// Missing where the runtime knows it.
    content: Option<Arc<Content>>,
    tag: [u8; 32],
    place: Place,
}

pub async fn open_script(
    connection: &Rc<Connection>,
    params: bridge::OpenScriptParams,
    mut results: bridge::OpenScriptResults,
) -> Result<(), capnp::Error> {
    let ask = params.get()?.get_ask()?;
    let now = connection.lane.shared.directory.current();
    let opened = open(connection, &now, ask).await?;
    let mut results = results.get();
    let Opened { target, info, content, tag, place } = match opened {
        Ok(opened) => opened,
        Err(refusal) => {
            refusal.write(results.init_answer().init_refused());
            return Ok(());
        }
    };
    let answer = results.reborrow().init_answer();
    if ask.get_begun()?.is_empty() {
        let mut admitted = answer.init_admitted();
        door::write_admission(admitted.reborrow().init_admission(), &target.tenant, target.role, now.generation);
        admitted.set_public(target.public);
        admitted.set_tag(&tag);
        write_script(admitted.init_script(), &info, target.public, content.as_deref())?;
    } else {
        let mut answer = answer;
        answer.set_confirmed(());
    }
    let (run, request_id) = (door::identifier(ask.get_run()?), door::identifier(ask.get_request_id()?));
    let trace = door::trace(ask.get_traceparent()?, ask.get_tracestate()?);
    let origin = Origin { run, request_id, trace };
    let seat = connection.seat(place);
    results.set_session(new_client(Session::new(connection.clone(), seat, target.tenant, origin)));
    Ok(())
}

/// A stored script of the token's own tenant, for a run that was admitted as any other.
pub async fn script(
    connection: &Rc<Connection>,
    params: bridge::ScriptParams,
    mut results: bridge::ScriptResults,
) -> Result<(), capnp::Error> {
    let ask = params.get()?.get_ask()?;
    let shared = &connection.lane.shared;
    let now = shared.directory.current();
    let (name, version) = (ask.get_name()?.to_str()?, Some(ask.get_version()).filter(|version| *version > 0));
    let answer = results.get().init_answer();
    let refused = match look_up(&now, ask.get_token()?) {
        Err(refusal) => refusal,
        Ok((_, role)) if !role.may_run() => may_not_run(role),
        Ok((tenant, _)) => match find(connection, tenant, name, version, &known(ask.get_known()?)?).await {
            Ok((info, content)) => {
                let public = tenant.declared.public.contains(name);
                return write_script(answer.init_script(), &info, public, content.as_deref());
            }
            Err(refusal) => refusal,
        },
    };
    refused.write(answer.init_refused());
    Ok(())
}

/// The outer error is a message that is none.
async fn open(
    connection: &Rc<Connection>,
    now: &Snapshot,
    ask: open_script_ask::Reader<'_>,
) -> Result<Result<Opened, Refusal>, capnp::Error> {
    let target = match target(now, ask)? {
        Ok(target) => target,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let begun = ask.get_begun()?;
    // Who has begun has the text already: there is nothing more to send than a yes.
    let known = known(ask.get_known()?)?;
    let opened = async {
        let (info, content) = find(connection, &target.tenant, &target.name, None, &known).await?;
        let tag = tag(&connection.lane.shared.shelf.nonce, &target, &info);
        if !begun.is_empty() && begun != tag {
            return Err(Refusal::new(Kind::Changed, "this script, or what it may do, was changed just now"));
        }
        let place = enter(&target.tenant)?;
        Ok(Opened { target, info, content, tag, place })
    };
    Ok(opened.await)
}

fn target(now: &Snapshot, ask: open_script_ask::Reader<'_>) -> Result<Result<Target, Refusal>, capnp::Error> {
    let token = ask.get_token()?;
    let (tenant, name) = match ask.which()? {
        open_script_ask::Named(named) => (named.get_tenant()?.to_str()?, named.get_script()?.to_str()?),
        open_script_ask::Routed(routed) => {
            let (host, path) = (routed.get_host()?.to_str()?, routed.get_path()?.to_str()?);
            if host.len() + path.len() > URL_BYTES_MAX {
                return Ok(Err(Refusal::new(Kind::Invalid, format!("the URL is above {URL_BYTES_MAX} bytes"))));
            }
            match now.routes.find(host, path) {
                Some(found) => found,
                None => return Ok(Err(Refusal::new(Kind::NotFound, format!("there is nothing at {path}")))),
            }
        }
    };
    let found = now.tenants.get(tenant).filter(|_| is_script_name(name));
    if let Some(tenant) = found.filter(|tenant| tenant.declared.public.contains(name)) {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        return Ok(Ok(Target { tenant, name, public: true, role: Role::Runner }));
    }
    Ok(private(now, token, tenant, name))
}

/// Strangers learn nothing here; holders of a token, nothing about other tenants.
fn private(now: &Snapshot, token: &[u8], tenant: &str, name: &str) -> Result<Target, Refusal> {
    if token.is_empty() {
        return Err(Refusal::new(Kind::Unauthorized, "send `Authorization: Bearer TOKEN`"));
    }
    let (owner, role) = look_up(now, token)?;
    if owner.name != tenant || !is_script_name(name) {
        return Err(Refusal::not_found(&door::cut(name)));
    }
    if !role.may_run() {
        return Err(may_not_run(role));
    }
    Ok(Target { tenant: owner.clone(), name: name.to_owned(), public: false, role })
}

fn look_up<'n>(now: &'n Snapshot, token: &[u8]) -> Result<(&'n Arc<Tenant>, Role), Refusal> {
    now.tokens.look_up(token).ok_or_else(Refusal::unauthorized)
}

fn may_not_run(role: Role) -> Refusal {
    let detail = format!("a token of role {} may not run code; use one of role runner", role.word());
    Refusal::new(Kind::Forbidden, detail)
}

/// A version, and its text unless it is the one that is known.
async fn find(
    connection: &Rc<Connection>,
    tenant: &Tenant,
    name: &str,
    version: Option<u64>,
    known: &[Vec<u8>],
) -> Result<(Arc<Info>, Option<Arc<Content>>), Refusal> {
    if !is_script_name(name) {
        return Err(Refusal::not_found(&door::cut(name)));
    }
    let is_known = |info: &Info| known.iter().any(|digest| info.digest == digest[..]);
    let shelf = &connection.lane.shared.shelf;
    let key = Key { tenant: tenant.name.clone(), name: name.to_owned() };
    if let Some(version) = version {
        let found = shelf.version(&key, Some(version)).await?;
        let (info, content) = found.ok_or_else(|| Refusal::no_version(name, version))?;
        let content = Some(content).filter(|_| !is_known(&info));
        return Ok((info, content));
    }
    let info = shelf.current(&key, &tenant.stored).await?.ok_or_else(|| Refusal::not_found(name))?;
    if is_known(&info) {
        return Ok((info, None));
    }
    match shelf.text(&key, &info.digest).await? {
        Some(content) => Ok((info, Some(content))),
        // Replaced by another bridge, and forgotten, within the time that a version is believed to be current.
        None => {
            let found = shelf.version(&key, None).await?;
            found.map(|(info, content)| (info, Some(content))).ok_or_else(|| Refusal::not_found(name))
        }
    }
}

fn known(digests: capnp::data_list::Reader<'_>) -> Result<Vec<Vec<u8>>, capnp::Error> {
    digests.iter().take(SCRIPT_KNOWN_MAX).map(|digest| Ok(digest?.to_vec())).collect()
}

fn enter(tenant: &Tenant) -> Result<Place, Refusal> {
    let (in_flight, per_minute) = (tenant.runs_in_flight, tenant.runs_per_minute);
    door::enter_run(tenant)
        .map_err(|full| Refusal::quota(tenant, full, ("runs_in_flight", in_flight), ("runs_per_minute", per_minute)))
}

/// Everything that a run which begins before it is admitted relies on. The number of a tenant's loaded file stands for
/// its name, limits and rules; it is never used twice in a process, and the nonce is this process's own.
fn tag(nonce: &[u8], target: &Target, info: &Info) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(nonce);
    hasher.update(target.tenant.version.to_le_bytes());
    hasher.update([u8::from(target.public), target.role as u8]);
    hasher.update(info.version.to_le_bytes());
    hasher.update(info.digest);
    hasher.update(target.name.as_bytes());
    hasher.finalize().into()
}

pub fn write_script(
    mut script: stored_script::Builder<'_>,
    info: &Info,
    public: bool,
    content: Option<&Content>,
) -> Result<(), capnp::Error> {
    write_info(script.reborrow().init_info(), info, public);
    content.map_or(Ok(()), |content| write_content(script.init_content(), content))
}

pub fn write_info(mut to: script_info::Builder<'_>, info: &Info, public: bool) {
    to.set_name(&info.name);
    to.set_version(info.version);
    to.set_digest(&info.digest);
    to.set_source_bytes(info.source_bytes);
    to.set_created_at_ms(info.created_at_ms);
    to.set_role(&info.role);
    to.set_rollback_to(info.rollback_to.unwrap_or(0));
    to.set_public(public);
}

fn write_content(mut to: script_content::Builder<'_>, content: &Content) -> Result<(), capnp::Error> {
    to.set_main(&content.main);
    let count = u32::try_from(content.modules.len()).map_err(|_| capnp::Error::failed("too many modules".into()))?;
    let mut modules = to.init_modules(count);
    for (at, (name, source)) in (0..).zip(&content.modules) {
        let mut module = modules.reborrow().get(at);
        module.set_name(name);
        module.set_source(source);
    }
    Ok(())
}
