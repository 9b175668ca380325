//! In: a part of a run. Out: it in its row, or the name of an object.
//! May touch: the object store.
//! Security boundary: no.

use super::desk::Work;
use super::statements::{all, get};
use crate::store::StoreError;
use crate::store::parked::Place;
use futures::StreamExt;
use mayfly_schemas::limits::{STORE_OBJECT_BYTES_MIN, STORE_OBJECTS_SWEPT_AT_ONCE, STORE_WAIT_MS};
use std::time::Duration;

/// One of the two is empty.
pub struct Kept {
    pub bytes: Vec<u8>,
    pub object: Option<String>,
}

/// What is large goes to the object store, where there is one.
pub async fn keep(work: &Work, place: &Place, bytes: Vec<u8>) -> Result<Kept, StoreError> {
    match &work.desk.objects {
        Some(objects) if bytes.len() >= STORE_OBJECT_BYTES_MIN => {
            let name = objects.put(&place.tenant, &place.run, bytes).await?;
            Ok(Kept { bytes: Vec::new(), object: Some(name) })
        }
        _ => Ok(Kept { bytes, object: None }),
    }
}

pub async fn fetch(work: &Work, kept: Kept) -> Result<Vec<u8>, StoreError> {
    match (kept.object, &work.desk.objects) {
        (None, _) => Ok(kept.bytes),
        (Some(name), Some(objects)) => objects.get(&name).await,
        (Some(_), None) => Err(StoreError::Unavailable(
            "a part of the run is in an object store, and `objects` in mayfly.toml names none".into(),
        )),
    }
}

/// After the rows that named them are gone; nobody waits for it.
pub fn remove(work: &Work, names: Vec<String>) {
    if let (false, Some(objects)) = (names.is_empty(), work.desk.objects.clone()) {
        let removal = async move { objects.remove(names).await };
        work.desk.after.spawn(tokio::time::timeout(Duration::from_millis(STORE_WAIT_MS), removal));
    }
}

/// What was to be named by a row that is not there after all. Where that is not known, it waits to be found as left over.
pub fn remove_unless_unknown(work: &Work, written: &Result<(), StoreError>, objects: [Option<String>; 2]) {
    if let Err(error) = written
        && !matches!(error, StoreError::Unavailable(_))
    {
        remove(work, objects.into_iter().flatten().collect());
    }
}

/// Removes objects that were written longer ago and that no row names; says how many.
pub async fn sweep_objects(work: &Work, age: Duration) -> Result<usize, StoreError> {
    let Some(objects) = &work.desk.objects else { return Ok(0) };
    let mut batches = objects.old(age).await?.chunks(STORE_OBJECTS_SWEPT_AT_ONCE);
    let mut count = 0;
    while let Some(batch) = batches.next().await {
        let old = batch.into_iter().collect::<Result<Vec<String>, _>>()?;
        let orphans = orphans(work, &old).await?;
        count += orphans.len();
        objects.remove(orphans).await;
    }
    Ok(count)
}

async fn orphans(work: &Work, old: &Vec<String>) -> Result<Vec<String>, StoreError> {
    let session = work.session().await?;
    let text = "SELECT o.name FROM unnest($1::TEXT[]) o (name)
         WHERE NOT EXISTS (SELECT 1 FROM mayfly.parked_runs r WHERE r.rest_object = o.name)
           AND NOT EXISTS (SELECT 1 FROM mayfly.parked_runs r WHERE r.image_object = o.name)";
    all(session.client()?, text, &[old]).await?.iter().map(|row| get(row, 0)).collect()
}
