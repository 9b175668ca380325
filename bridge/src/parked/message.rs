//! In: messages about parked runs, or what is to be told of them. Out: the same as values of ours, or as messages.
//! May touch: nothing.
//! Security boundary: yes; sizes are looked at before anything is kept.

use super::now_ms;
use crate::refusal::Refusal;
use crate::store::parked::{Head, Place, Row, State};
use mayfly_schemas::bridge_capnp::script_refusal::Kind;
use mayfly_schemas::bridge_capnp::{parked_head, parked_run};
use mayfly_schemas::limits::{IDENTIFIER_BYTES_MAX, PARKED_RUN_BYTES_MAX, PARKED_TOLD_MS, PAUSE_MS_MAX};

/// Within the bounds that the runtime holds too; it is not believed.
pub(super) fn read_run(
    asked: parked_run::Reader<'_>,
    tenant: &str,
    run: &str,
) -> Result<Result<Row, Refusal>, capnp::Error> {
    let invalid = |detail: &str| Ok(Err(Refusal::new(Kind::Invalid, detail)));
    let (head, rest, image) = (asked.get_head()?, asked.get_rest()?, asked.get_image()?);
    let (engine, script) = (asked.get_engine()?.to_str()?, asked.get_script()?.to_str()?);
    if asked.get_run()?.to_str()? != run {
        return invalid("a session parks its own run");
    }
    if head.len() + rest.len() + image.len() > PARKED_RUN_BYTES_MAX {
        return Ok(Err(Refusal::new(Kind::TooLarge, format!("a parked run may have {PARKED_RUN_BYTES_MAX} bytes"))));
    }
    if asked.get_sequence() == 0 || engine.len() > IDENTIFIER_BYTES_MAX || script.len() > IDENTIFIER_BYTES_MAX {
        return invalid("this is no run that can be parked");
    }
    let expires_at_ms = asked.get_expires_at_ms().min(now_ms() + PAUSE_MS_MAX);
    Ok(Ok(Row {
        place: Place { tenant: tenant.to_owned(), run: run.to_owned() },
        sequence: asked.get_sequence(),
        created_at_ms: asked.get_created_at_ms(),
        expires_at_ms,
        gone_at_ms: expires_at_ms + PARKED_TOLD_MS,
        engine: engine.to_owned(),
        script: script.to_owned(),
        durable: asked.get_durable(),
        head: head.to_vec(),
        rest: rest.to_vec(),
        image: image.to_vec(),
    }))
}

pub(super) fn write_run(mut to: parked_run::Builder<'_>, row: &Row) {
    to.set_run(&row.place.run);
    to.set_sequence(row.sequence);
    to.set_created_at_ms(row.created_at_ms);
    to.set_expires_at_ms(row.expires_at_ms);
    to.set_engine(&row.engine);
    to.set_script(&row.script);
    to.set_head(&row.head);
    to.set_rest(&row.rest);
    to.set_image(&row.image);
    to.set_durable(row.durable);
}

pub(super) fn write_head(mut to: parked_head::Builder<'_>, head: &Head) {
    to.set_run(&head.place.run);
    to.set_sequence(head.sequence);
    to.set_created_at_ms(head.created_at_ms);
    to.set_expires_at_ms(head.expires_at_ms);
    to.set_engine(&head.engine);
    to.set_script(&head.script);
    to.set_head(&head.head);
    to.set_state(match head.state {
        State::Parked => parked_head::State::Parked,
        State::Taken => parked_head::State::Taken,
        State::Lost => parked_head::State::Lost,
        State::Expired => parked_head::State::Expired,
        State::Orphan => parked_head::State::Orphan,
        State::Completed => parked_head::State::Completed,
        State::Failed => parked_head::State::Failed,
        State::Cancelled => parked_head::State::Cancelled,
    });
}
