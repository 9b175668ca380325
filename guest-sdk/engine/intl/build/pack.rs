//! In: pieces of data. Out: one file of deflated pieces, and where each lies in it, as Rust.
//! May touch: nothing.
//! Security boundary: no.

use miniz_oxide::deflate::compress_to_vec;

/// As small as it gets: it is done once, when the engine is built.
const LEVEL: u8 = 10;

#[derive(Default)]
pub struct Pack {
    bytes: Vec<u8>,
}

impl Pack {
    /// The piece's place, as an expression for `index.rs`.
    pub fn add(&mut self, piece: &[u8]) -> String {
        if piece.is_empty() {
            return "NOTHING".to_owned();
        }
        let packed = compress_to_vec(piece, LEVEL);
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&packed);
        format!("Piece {{ at: {at}, packed: {}, length: {} }}", packed.len(), piece.len())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
