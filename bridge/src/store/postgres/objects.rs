//! In: large parts of parked runs. Out: the same again, by a name that says whose they are.
//! May touch: a folder, or a bucket of an S3-compatible store.
//! Security boundary: no; what is kept was sealed before.
//!
//! An object is written before the row that names it is committed, and removed after the row is gone. What is left over when a
//! process dies between the two is found by `old` and removed when no row names it.

use super::s3;
use crate::store::{StoreError, make_folder};
use futures::StreamExt;
use futures::stream::BoxStream;
use mayfly_schemas::limits::PARKED_RUN_BYTES_MAX;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use url::Url;

/// Of a sealed value beside its content.
const SEAL_BYTES_MAX: u64 = 64 * 1024;

#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Of a local one.
    folder: Option<PathBuf>,
}

impl Objects {
    /// `file:///FOLDER`, which is made, or `s3://BUCKET/PREFIX`.
    pub fn open(address: &str, environment: &[(String, String)]) -> Result<Objects, Error> {
        let invalid =
            || Error::new(ErrorKind::InvalidInput, "`objects` is no file:///FOLDER and no s3://BUCKET/PREFIX");
        let address = Url::parse(address).map_err(|_| invalid())?;
        match address.scheme() {
            "file" => {
                let folder = address.to_file_path().map_err(|()| invalid())?;
                make_folder(&folder)?;
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(Error::other)?;
                let store = Arc::new(store.with_fsync(true).with_automatic_cleanup(true));
                Ok(Objects { store, folder: Some(folder) })
            }
            "s3" => Ok(Objects { store: s3::open(&address, environment)?, folder: None }),
            _ => Err(invalid()),
        }
    }

    /// Durable when this returns; gives its name.
    pub async fn put(&self, tenant: &str, run: &str, bytes: Vec<u8>) -> Result<String, StoreError> {
        self.look_for_folder().await?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable(format!("no name: {error}")))?;
        let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        // Each part is encoded, so that none is two, or none.
        let name = Path::from_iter([tenant, run, &random]);
        self.store.put(&name, bytes.into()).await.map_err(unavailable)?;
        Ok(name.into())
    }

    pub async fn get(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.look_for_folder().await?;
        let found = match self.store.get(&path(name)?).await {
            Err(object_store::Error::NotFound { .. }) => {
                return Err(StoreError::Corrupt(format!("there is no object {name}")));
            }
            found => found.map_err(unavailable)?,
        };
        if found.meta.size > PARKED_RUN_BYTES_MAX as u64 + SEAL_BYTES_MAX {
            return Err(StoreError::Corrupt(format!("object {name} is larger than anything that was kept")));
        }
        Ok(found.bytes().await.map_err(unavailable)?.into())
    }

    /// As well as it can; what stays is an orphan.
    pub async fn remove(&self, names: Vec<String>) {
        for name in names {
            let Ok(path) = path(&name) else { continue };
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => tracing::warn!(object = name, %error, "an object that nothing names is left for later"),
            }
        }
    }

    /// Names of those that were written longer ago.
    pub async fn old(&self, age: Duration) -> Result<BoxStream<'static, Result<String, StoreError>>, StoreError> {
        self.look_for_folder().await?;
        let before = SystemTime::now() - age;
        let old = move |object: Result<ObjectMeta, object_store::Error>| async move {
            match object {
                Ok(object) if SystemTime::from(object.last_modified) > before => None,
                Ok(object) => Some(Ok(object.location.into())),
                Err(error) => Some(Err(unavailable(error))),
            }
        };
        Ok(self.store.list(None).filter_map(old).boxed())
    }

    /// A folder that was taken away comes back with what is in it; one made in its place would hide the loss.
    async fn look_for_folder(&self) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        match tokio::fs::metadata(folder).await {
            Ok(found) if found.is_dir() => Ok(()),
            _ => Err(StoreError::Unavailable(format!("the folder of objects is gone: {}", folder.display()))),
        }
    }
}

fn path(name: &str) -> Result<Path, StoreError> {
    Path::parse(name).map_err(|_| StoreError::Corrupt(format!("{name:?} is no name of an object")))
}

fn unavailable(error: object_store::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
