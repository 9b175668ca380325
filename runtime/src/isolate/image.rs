//! In: an isolate between two turns. Out: what differs from the engine's own memory, compressed; and back.
//! May touch: guest memory through `guest.rs`.
//! Security boundary: yes, towards who stores images: `from_image` takes bytes that were read back. (What binds an image
//! to its tenant and run, and keeps a forged one out, is encryption in the store.)

use super::engine::Engine;
use super::guest::Guest;
use super::pristine::PAGE_BYTES;
use super::program::Program;
use super::state::{Isolate, Ledger};
use mayfly_schemas::limits::{CEILINGS, Limits};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

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
    /// Their differences (exclusive or) from the engine's pages one after the other, zstd. Most pages were touched in a
    /// few bytes, a reference count or a list's end: the rest of them are zeros then, and vanish.
    compressed: Vec<u8>,
    ledger: Ledger,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    #[error("the image was made by engine {made_by}, this is engine {this}")]
    Engine { made_by: String, this: String },
    #[error("the image is damaged: {0}")]
    Damaged(&'static str),
    #[error("no isolate is free")]
    NoSlot,
}

/// What stands before the compressed pages in `to_bytes`.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    engine: Cow<'a, str>,
    memory_bytes: u64,
    pages: Cow<'a, [u32]>,
    ledger: Cow<'a, Ledger>,
}

impl Image {
    /// For the store: the length of a JSON head, that head, the compressed pages.
    pub fn to_bytes(&self) -> Vec<u8> {
        use Cow::Borrowed;
        let Image { engine, memory_bytes, pages, compressed, ledger } = self;
        let (engine, pages, ledger) = (Borrowed(engine.as_str()), Borrowed(pages.as_slice()), Borrowed(ledger));
        // Plain records: nothing of it can fail.
        let head = serde_json::to_vec(&Head { engine, memory_bytes: *memory_bytes, pages, ledger }).unwrap_or_default();
        let length = (head.len() as u64).to_le_bytes();
        [length.as_slice(), &head, compressed].concat()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Image, ImageError> {
        let damaged = ImageError::Damaged("cut short");
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or(damaged.clone())?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged.clone())?;
        let (head, compressed) = rest.split_at_checked(length).ok_or(damaged)?;
        let head: Head<'_> = serde_json::from_slice(head).map_err(|_| ImageError::Damaged("its head"))?;
        let Head { engine, memory_bytes, pages, ledger } = head;
        let (engine, pages, ledger) = (engine.into_owned(), pages.into_owned(), ledger.into_owned());
        Ok(Image { engine, memory_bytes, pages, compressed: compressed.to_vec(), ledger })
    }

    /// When the run began, in milliseconds since 1970.
    pub fn started_ms(&self) -> f64 {
        self.ledger.origin.started_ms
    }

    /// The same moment, from which chance goes another way.
    pub fn with_seed(mut self, seed: [u8; 32]) -> Image {
        self.ledger.origin.seed = seed;
        self
    }

    pub fn log_lines(&self) -> &[super::logs::LogLine] {
        &self.ledger.logs.lines
    }

    pub fn limits(&self) -> &Limits {
        &self.ledger.limits
    }

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
        // What lies on the stack is dead between turns; a fresh isolate's stack is as good.
        let stack_pages = mayfly_abi::STACK_BYTES as usize / PAGE_BYTES;
        for (index, page) in memory.chunks(PAGE_BYTES).enumerate().skip(stack_pages) {
            let pristine = engine.pristine.page(index);
            if page != pristine {
                pages.push(index as u32);
                contents.extend(page.iter().zip(pristine).map(|(now, before)| now ^ before));
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
        if image.ledger.limits.at_most(&CEILINGS) != image.ledger.limits {
            return Err(ImageError::Damaged("limits above the ceilings"));
        }
        let memory_mib = image.ledger.limits.memory_mib;
        let bytes_max = u64::from(memory_mib) * mayfly_schemas::limits::MIB;
        if image.memory_bytes > bytes_max || image.pages.len() as u64 > bytes_max / PAGE_BYTES as u64 {
            return Err(ImageError::Damaged("larger than its memory limit"));
        }
        let mut contents = zstd::bulk::decompress(&image.compressed, image.pages.len() * PAGE_BYTES)
            .map_err(|_| ImageError::Damaged("not decompressible"))?;
        if contents.len() != image.pages.len() * PAGE_BYTES {
            return Err(ImageError::Damaged("pages missing"));
        }
        let mut guest = Guest::engine(engine, memory_mib).map_err(|_| ImageError::NoSlot)?;
        guest.grow_to(image.memory_bytes as usize).map_err(|_| ImageError::Damaged("memory size"))?;
        for (index, page) in image.pages.iter().zip(contents.chunks_mut(PAGE_BYTES)) {
            let pristine = engine.pristine.page(*index as usize);
            page.iter_mut().zip(pristine).for_each(|(difference, before)| *difference ^= before);
            let address = *index as usize * PAGE_BYTES;
            guest.write(address, page).map_err(|_| ImageError::Damaged("page out of memory"))?;
        }
        Ok(Isolate::around(guest, program, image.ledger.clone()))
    }
}
