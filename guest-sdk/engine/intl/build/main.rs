//! In: `data` (CLDR as text), the IANA time zone database and ICU4X's collations. Out: `intl.bin`, all of it deflated in
//! small pieces, and `index.rs`, which says where each piece lies.
//! May touch: the data folder and OUT_DIR.
//! Security boundary: no.

mod collations;
mod locales;
mod pack;
mod zones;

use pack::Pack;
use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=data");
    println!("cargo:rerun-if-changed=build");
    let mut pack = Pack::default();
    let index = [locales::write(Path::new("data"), &mut pack), zones::write(&mut pack), collations::write(&mut pack)];
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("intl.bin"), pack.bytes()).expect("OUT_DIR is writable");
    fs::write(Path::new(&out).join("index.rs"), index.concat()).expect("OUT_DIR is writable");
}
