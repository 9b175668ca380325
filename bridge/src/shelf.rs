//! In: a script's place. Out: its current version and text, from memory where that is as good as the store.
//! May touch: the store.
//! Security boundary: no; tenants are told apart by every key.
//!
//! What is current is believed for `SCRIPT_CURRENT_MS`, that there is no such script included. A write through this
//! process ends the belief before it is acknowledged: the tenant's count of writes is part of the key. So a look-up that
//! was on its way meanwhile keeps what it found to itself. Rejected: putting the new version in its place, which such a
//! look-up would overwrite with the old one.

use crate::quota::Quota;
use crate::store::scripts::{Author, Condition, Content, Digest, Info, Key, Written};
use crate::store::{Store, StoreError};
use mayfly_schemas::limits::{SCRIPT_CURRENT_MAX, SCRIPT_CURRENT_MS, SCRIPT_TEXTS_BYTES_MAX};
use moka::future::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};
use std::time::Duration;

/// What a tenant has beside its file as far as scripts are concerned; outlives reloads.
#[derive(Default)]
pub struct Stored {
    /// Of requests to `/v1/scripts`.
    pub quota: Arc<Quota>,
    /// Of requests about runs.
    pub run_quota: Arc<Quota>,
    writes: AtomicU64,
}

pub struct Shelf {
    store: Arc<dyn Store>,
    current: Cache<(Key, u64), Option<Arc<Info>>>,
    texts: Cache<(String, Digest), Arc<Content>>,
    /// Makes what this process says about versions different from what one before it said.
    pub nonce: [u8; 32],
}

/// A version and its text.
pub type Found = (Arc<Info>, Arc<Content>);

/// What an entry weighs beside its text.
const ENTRY_BYTES: u64 = 256;

impl Shelf {
    pub fn new(store: Arc<dyn Store>) -> std::io::Result<Shelf> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
        let current = Cache::builder()
            .max_capacity(SCRIPT_CURRENT_MAX)
            .time_to_live(Duration::from_millis(SCRIPT_CURRENT_MS))
            .build();
        let weigh = |_: &(String, Digest), content: &Arc<Content>| {
            u32::try_from(content.bytes() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let texts = Cache::builder().max_capacity(SCRIPT_TEXTS_BYTES_MAX).weigher(weigh).build();
        Ok(Shelf { store, current, texts, nonce })
    }

    /// For lists, which are not kept in memory.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The current version; those who ask at the same time share one look-up.
    pub async fn current(&self, key: &Key, stored: &Stored) -> Result<Option<Arc<Info>>, StoreError> {
        let place = (key.clone(), stored.writes.load(Acquire));
        let look = async { Ok(self.store.info(key.clone(), None).await?.map(Arc::new)) };
        self.current.try_get_with(place, look).await.map_err(|error: Arc<StoreError>| StoreError::clone(&error))
    }

    /// The text of a version. One that was replaced and forgotten between two looks is none.
    pub async fn text(&self, key: &Key, digest: &Digest) -> Result<Option<Arc<Content>>, StoreError> {
        let place = (key.tenant.clone(), *digest);
        let look = async {
            let content = self.store.content(key.tenant.clone(), *digest).await?;
            content.map(Arc::new).ok_or(StoreError::NotFound)
        };
        match self.texts.try_get_with(place, look).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if *error == StoreError::NotFound => Ok(None),
            Err(error) => Err(StoreError::clone(&error)),
        }
    }

    /// One version with its text; without a number the current one, as the store knows it now.
    pub async fn version(&self, key: &Key, version: Option<u64>) -> Result<Option<Found>, StoreError> {
        let Some(info) = self.store.info(key.clone(), version).await? else { return Ok(None) };
        let content = self.text(key, &info.digest).await?;
        Ok(content.map(|content| (Arc::new(info), content)))
    }

    pub async fn put(
        &self,
        key: Key,
        stored: &Stored,
        content: Arc<Content>,
        condition: Condition,
        author: Author,
    ) -> Result<Written, StoreError> {
        stored.after(self.store.put(key, content, condition, author).await)
    }

    pub async fn roll_back(
        &self,
        key: Key,
        stored: &Stored,
        version: u64,
        condition: Condition,
        author: Author,
    ) -> Result<Written, StoreError> {
        stored.after(self.store.roll_back(key, version, condition, author).await)
    }

    pub async fn delete(&self, key: Key, stored: &Stored, condition: Condition) -> Result<Written, StoreError> {
        stored.after(self.store.delete(key, condition).await)
    }
}

impl Stored {
    /// Also after an error: whether that write took place may not be known.
    fn after<T>(&self, written: T) -> T {
        self.writes.fetch_add(1, AcqRel);
        written
    }
}
