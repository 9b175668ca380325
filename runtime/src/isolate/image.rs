//! In: an isolate between two turns. Out: the pages that differ from the engine's own, compressed; and back.
//! May touch: guest memory through `guest.rs`.
//! Security boundary: yes, towards who stores images: `from_image` takes bytes that were read back. (What binds an image
//! to its tenant and run, and keeps a forged one out, is encryption in the store.)

use super::engine::Engine;
use super::guest::Guest;
use super::program::Program;
use super::state::{Isolate, Ledger};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Granularity of the comparison: the machine's page, which is also what a write made resident.
const PAGE_BYTES: usize = 4096;
/// zstd level: 1 takes a third of the time of 3 for a few per cent more bytes.
const LEVEL: i32 = 1;

/// A run between two turns. No Wasm stack exists then: this is all there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// The engine that made it, and the only one that can go on with it.
    pub engine: String,
    memory_bytes: u64,
    /// Pages that differ, by their index.
    pages: Vec<u32>,
    /// Their contents one after the other, zstd.
    compressed: Vec<u8>,
    ledger: Ledger,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    #[error("the image was made by engine {made_by}, this is engine {this}")]
    Engine { made_by: String, this: String },
    #[error("the image is damaged: {0}")]
    Damaged(&'static str),
    #[error("no isolate is free")]
    NoSlot,
}

impl Image {
    /// Bytes that have to be kept.
    pub fn bytes(&self) -> usize {
        self.compressed.len() + self.pages.len() * size_of::<u32>()
    }

    pub fn pages(&self) -> usize {
        self.pages.len()
    }
}

impl Isolate {
    /// Takes the image of a waiting run. The isolate can go on, or be dropped.
    pub fn image(&self, engine: &Engine) -> Result<Image, ImageError> {
        let memory = self.memory();
        let mut pages = Vec::new();
        let mut contents = Vec::new();
        for (index, page) in memory.chunks(PAGE_BYTES).enumerate() {
            let start = index * PAGE_BYTES;
            let untouched = match engine.pristine.get(start..start + page.len()) {
                Some(pristine) => page == pristine,
                None => page.iter().all(|byte| *byte == 0),
            };
            if !untouched {
                pages.push(index as u32);
                contents.extend_from_slice(page);
            }
        }
        let compressed = zstd::bulk::compress(&contents, LEVEL).map_err(|_| ImageError::Damaged("not compressible"))?;
        let engine = engine.digest().to_owned();
        Ok(Image { engine, memory_bytes: memory.len() as u64, pages, compressed, ledger: self.ledger.clone() })
    }

    /// Puts an image into a fresh isolate, which then waits for the same answers.
    pub fn from_image(engine: &Engine, program: &Arc<Program>, image: &Image) -> Result<Isolate, ImageError> {
        if image.engine != engine.digest() {
            return Err(ImageError::Engine { made_by: image.engine.clone(), this: engine.digest().to_owned() });
        }
        let memory_mib = image.ledger.limits.memory_mib;
        let bytes_max = u64::from(memory_mib) * mayfly_schemas::limits::MIB;
        if image.memory_bytes > bytes_max || image.pages.len() as u64 > bytes_max / PAGE_BYTES as u64 {
            return Err(ImageError::Damaged("larger than its memory limit"));
        }
        let contents = zstd::bulk::decompress(&image.compressed, image.pages.len() * PAGE_BYTES)
            .map_err(|_| ImageError::Damaged("not decompressible"))?;
        if contents.len() != image.pages.len() * PAGE_BYTES {
            return Err(ImageError::Damaged("pages missing"));
        }
        let mut guest = Guest::engine(engine, memory_mib).map_err(|_| ImageError::NoSlot)?;
        guest.grow_to(image.memory_bytes as usize).map_err(|_| ImageError::Damaged("memory size"))?;
        for (index, page) in image.pages.iter().zip(contents.chunks(PAGE_BYTES)) {
            let address = *index as usize * PAGE_BYTES;
            guest.write(address, page).map_err(|_| ImageError::Damaged("page out of memory"))?;
        }
        Ok(Isolate::around(guest, program, image.ledger.clone()))
    }
}
