//! In: answers of the bridge about stored scripts, as messages. Out: the same as values of ours, and a condition as a message.
//! May touch: nothing.
//! Security boundary: no; what the bridge says is believed.

use super::scripts::{Condition, ScriptContent, ScriptInfo, Tags, Written};
use super::{DoorError, RefusedKind, gone};
use mayfly_schemas::bridge_capnp::{
    condition, entity_tags, listed, script_answer, script_content, script_info, script_refusal, stored_script, written,
};

pub(super) fn write_known(mut to: capnp::data_list::Builder<'_>, known: &[Vec<u8>]) {
    for (at, digest) in (0..).zip(known) {
        to.set(at, digest);
    }
}

pub(super) fn stored(answer: script_answer::Reader<'_>) -> Result<(ScriptInfo, Option<ScriptContent>), DoorError> {
    match answer.which().map_err(|unknown| gone(unknown.into()))? {
        script_answer::Script(script) => {
            let script = script.map_err(gone)?;
            Ok((script.get_info().and_then(info).map_err(gone)?, content(script).map_err(gone)?))
        }
        script_answer::Refused(refused) => Err(refusal(refused)),
    }
}

pub(super) fn info(info: script_info::Reader<'_>) -> capnp::Result<ScriptInfo> {
    Ok(ScriptInfo {
        name: info.get_name()?.to_string()?,
        version: info.get_version(),
        digest: info.get_digest()?.to_vec(),
        source_bytes: info.get_source_bytes(),
        created_at_ms: info.get_created_at_ms(),
        role: info.get_role()?.to_string()?,
        rollback_to: Some(info.get_rollback_to()).filter(|version| *version > 0),
        public: info.get_public(),
    })
}

pub(super) fn content(script: stored_script::Reader<'_>) -> capnp::Result<Option<ScriptContent>> {
    let read = |content: script_content::Reader<'_>| {
        let module = |module: mayfly_schemas::bridge_capnp::script_module::Reader<'_>| {
            Ok((module.get_name()?.to_string()?, module.get_source()?.to_string()?))
        };
        let modules = content.get_modules()?.iter().map(module).collect::<capnp::Result<_>>()?;
        Ok(ScriptContent { main: content.get_main()?.to_string()?, modules })
    };
    script.has_content().then(|| read(script.get_content()?)).transpose()
}

pub(super) fn read_written(outcome: written::Reader<'_>) -> Result<Written, DoorError> {
    match outcome.which().map_err(|unknown| gone(unknown.into()))? {
        written::Stored(stored) => Ok(Written {
            info: stored.get_script().and_then(info).map_err(gone)?,
            created: stored.get_created(),
            changed: stored.get_changed(),
        }),
        written::Refused(refused) => Err(refusal(refused)),
    }
}

pub(super) fn read_listed(answer: listed::Reader<'_>) -> Result<Vec<ScriptInfo>, DoorError> {
    match answer.which().map_err(|unknown| gone(unknown.into()))? {
        listed::Scripts(scripts) => scripts.map_err(gone)?.iter().map(|script| info(script).map_err(gone)).collect(),
        listed::Refused(refused) => Err(refusal(refused)),
    }
}

pub(super) fn write_condition(mut to: condition::Builder<'_>, from: &Condition) -> capnp::Result<()> {
    write_tags(to.reborrow().init_if_match(), &from.if_match)?;
    write_tags(to.init_if_none_match(), &from.if_none_match)
}

fn write_tags(mut to: entity_tags::Builder<'_>, from: &Tags) -> capnp::Result<()> {
    match from {
        Tags::Absent => to.set_absent(()),
        Tags::Any => to.set_any(()),
        Tags::List(tags) => to.set_list(&tags[..])?,
    }
    Ok(())
}

pub(super) fn refusal(refused: capnp::Result<script_refusal::Reader<'_>>) -> DoorError {
    refused.and_then(read_refusal).unwrap_or_else(gone)
}

fn read_refusal(refused: script_refusal::Reader<'_>) -> capnp::Result<DoorError> {
    use script_refusal::Kind;
    let kind = match refused.get_kind()? {
        Kind::Unauthorized => RefusedKind::Unauthorized,
        Kind::Forbidden => RefusedKind::Forbidden,
        Kind::NotFound => RefusedKind::NotFound,
        Kind::Quota => RefusedKind::Quota,
        Kind::Changed => RefusedKind::Changed,
        Kind::Condition => RefusedKind::Condition,
        Kind::TooLarge => RefusedKind::TooLarge,
        Kind::Invalid => RefusedKind::Invalid,
        Kind::Overloaded => RefusedKind::Overloaded,
        Kind::StoreFull => RefusedKind::StoreFull,
        Kind::StoreUnavailable => RefusedKind::StoreUnavailable,
        Kind::Internal => RefusedKind::Internal,
    };
    let detail = refused.get_detail()?.to_string()?;
    Ok(DoorError::Refused { kind, detail, retry_after_ms: refused.get_retry_after_ms() })
}

/// The bridge said what no bridge of ours says.
pub(super) fn odd(what: &str) -> DoorError {
    DoorError::Unavailable(what.into())
}
