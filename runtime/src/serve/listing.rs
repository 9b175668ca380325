//! In: `GET /v1/runs`. Out: lines of a tenant's runs, those in memory and those in the store, newest first.
//! May touch: the runs of this server; the bridge, which keeps those that are parked.
//! Security boundary: yes: whose runs they are, the bridge says.

use super::moment::moment;
use super::query::{entries, parameters_and};
use super::runs::{Caller, Power};
use crate::bridge::{DoorError, Parked, ParkedHead, ParkedState, RefusedKind};
use crate::limits::{LIST_ENTRIES_MAX, TAG_LOOKS_AT_ONCE, TAG_LOOKS_MAX, TAGS_MAX};
use crate::respond::{self, Problem, Reply, RunLine};
use crate::run::{RunStatus, TagWanted, Tags};
use futures::future::join_all;
use serde::Deserialize;

/// Which runs are asked for.
struct Wanted {
    status: Option<RunStatus>,
    script: Option<String>,
    tags: Vec<TagWanted>,
    since_ms: u64,
    until_ms: Option<u64>,
}

/// A run's id has the time when its request came; its `created_at_ms` is later by what admission takes, and less than this.
const ADMISSION_MS: u64 = 60_000;
/// What a ULID has room for.
const ULID_MS_MAX: u64 = (1 << 48) - 1;

pub(super) async fn list(caller: &Caller<'_>, query: &str) -> Result<Reply, Problem> {
    let (parked, admission) = caller.tenant(Power::Look).await?;
    let names = ["status", "script", "since", "until", "cursor", "limit"];
    let ([status, script, since, until, cursor, limit], tags) = parameters_and(query, names, Some("tag"), TAGS_MAX)?;
    let limit = entries(limit)? as usize;
    let wanted = Wanted::read(status, script, since, until, &tags)?;
    let before = wanted.before(cursor);
    let (runs, tenant) = (&caller.local.shared.runs, admission.tenant.as_str());
    let here = runs.list(tenant, before.as_deref(), limit, |run| wanted.is(&RunLine::of(run)));
    let mut lines: Vec<RunLine> = here.iter().map(|run| RunLine::of(run)).collect();
    let elsewhere = |id: &str| runs.find(tenant, id).is_none();
    let lying = lying(&parked, &wanted, before.as_deref(), limit.saturating_add(1), elsewhere).await?;
    lines.extend(lying.lines);
    if let Some(cut) = &lying.cut {
        lines.retain(|line| line.id >= *cut);
    }
    lines.sort_unstable_by(|left, right| right.id.cmp(&left.id));
    Ok(respond::listed_runs(lines, limit, lying.cut))
}

impl Wanted {
    fn read(
        status: Option<String>,
        script: Option<String>,
        since: Option<String>,
        until: Option<String>,
        tags: &[String],
    ) -> Result<Wanted, Problem> {
        let status = status.map(|word| {
            let known = serde_json::from_value::<RunStatus>(word.into());
            known.map_err(|_| Problem::bad_request("`status`: use completed, failed, paused, running or cancelled"))
        });
        let tag = |text: &String| TagWanted::read(text).map_err(|why| Problem::bad_request(format!("`tag`: {why}")));
        Ok(Wanted {
            status: status.transpose()?,
            script,
            tags: tags.iter().map(tag).collect::<Result<_, _>>()?,
            since_ms: since.map_or(Ok(0), |text| moment(&text, "since"))?,
            until_ms: until.map(|text| moment(&text, "until")).transpose()?,
        })
    }

    /// The first id that is not looked at: where a page begins, and none of its time or later.
    fn before(&self, cursor: Option<String>) -> Option<String> {
        let until = self.until_ms.map(|ms| format!("run_{}", ulid::Ulid::from_parts(ms.min(ULID_MS_MAX), 0)));
        match (cursor, until) {
            (Some(cursor), Some(until)) => Some(cursor.min(until)),
            (cursor, until) => cursor.or(until),
        }
    }

    fn is(&self, line: &RunLine) -> bool {
        self.may_be(line) && self.tags.iter().all(|tag| tag.is_in(&line.tags))
    }

    /// The same as far as it is known without its tags.
    fn may_be(&self, line: &RunLine) -> bool {
        let name = line.script.as_deref().map(|script| script.split('@').next().unwrap_or(script));
        self.status.is_none_or(|status| line.status == status)
            && line.created_at_ms >= self.since_ms
            && self.until_ms.is_none_or(|until_ms| line.created_at_ms < until_ms)
            && (self.script.as_deref())
                .is_none_or(|wanted| name == Some(wanted) || line.script.as_deref() == Some(wanted))
    }

    fn is_after(&self, created_at_ms: u64) -> bool {
        created_at_ms.saturating_add(ADMISSION_MS) < self.since_ms
    }
}

#[derive(Default)]
struct Found {
    lines: Vec<RunLine>,
    /// The last run that was looked at, where there is more to look at than one request may.
    cut: Option<String>,
}

/// Runs that lie in the store, newest first, from before the run `before`, at most `count`. The store's lists have no tags:
/// those stand in what is sealed, and each run that may be told is opened for them.
async fn lying(
    parked: &Parked,
    wanted: &Wanted,
    before: Option<&str>,
    count: usize,
    elsewhere: impl Fn(&str) -> bool,
) -> Result<Found, Problem> {
    let (mut found, mut before, mut looks) = (Found::default(), before.unwrap_or_default().to_owned(), 0);
    loop {
        let mut page = parked.list(&before, LIST_ENTRIES_MAX).await?;
        let more = page.len() > LIST_ENTRIES_MAX as usize;
        page.truncate(LIST_ENTRIES_MAX as usize);
        let Some(last) = page.last() else { break };
        before.clone_from(&last.run);
        let more = more && !wanted.is_after(last.created_at_ms);
        let mut heads = page.into_iter().filter(|head| line(head).is_some_and(|line| wanted.may_be(&line)));
        while found.lines.len() < count {
            let room = TAG_LOOKS_AT_ONCE.min(TAG_LOOKS_MAX.saturating_sub(looks));
            let some: Vec<ParkedHead> = heads.by_ref().filter(|head| elsewhere(&head.run)).take(room).collect();
            let Some(last) = some.last() else { break };
            looks += some.len();
            let cut = (looks >= TAG_LOOKS_MAX).then(|| last.run.clone());
            for looked in join_all(some.iter().map(|head| parked.look(&head.run))).await {
                found.lines.extend(told(looked)?.filter(|line| wanted.is(line)));
            }
            if cut.is_some() && found.lines.len() < count {
                return Ok(Found { cut, ..found });
            }
        }
        if found.lines.len() >= count || !more {
            break;
        }
    }
    found.lines.truncate(count);
    Ok(found)
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(default)]
    tags: Tags,
}

/// `None`: it is not there any more.
fn told(looked: Result<ParkedHead, DoorError>) -> Result<Option<RunLine>, Problem> {
    match looked {
        Ok(head) => {
            let tags = serde_json::from_slice::<Tagged>(head.object()).map(|tagged| tagged.tags);
            Ok(line(&head).map(|line| RunLine { tags: tags.unwrap_or_default(), ..line }))
        }
        Err(DoorError::Refused { kind: RefusedKind::NotFound, .. }) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// One that is taken is told by who has it.
fn line(head: &ParkedHead) -> Option<RunLine> {
    let status = match head.state {
        ParkedState::Taken => return None,
        ParkedState::Parked => RunStatus::Paused,
        ParkedState::Orphan => RunStatus::Running,
        ParkedState::Completed => RunStatus::Completed,
        ParkedState::Lost | ParkedState::Failed => RunStatus::Failed,
        ParkedState::Expired | ParkedState::Cancelled => RunStatus::Cancelled,
    };
    let ParkedHead { run: id, created_at_ms, script, .. } = head.clone();
    Some(RunLine { id, status, created_at_ms, script, tags: Tags::default(), error: None })
}
