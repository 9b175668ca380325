//! In: a source map as the transpiler writes it. Out: for a place in the JavaScript, the place in the TypeScript.
//! May touch: nothing.
//! Security boundary: no. The map comes from an isolate that read hostile text; a wrong one leads to wrong places.

/// Stands before the one part of the map that is read: one source, no names needed.
const MAPPINGS: &[u8] = br#""mappings":""#;

/// Columns that one line of the map can move by; anything beyond is no map of ours.
const PLACE_MAX: i64 = u32::MAX as i64;

/// Sorted by place in the JavaScript, as the format has them.
pub struct Mappings(Vec<Segment>);

/// Lines and columns count from 0.
struct Segment {
    generated: (u32, u32),
    original: (u32, u32),
}

impl Mappings {
    /// Nothing for what is no map, and for an empty one.
    pub fn read(map: &[u8]) -> Option<Mappings> {
        // Quotes inside of JSON strings are escaped, so that this is found only where it is a key.
        let at = map.windows(MAPPINGS.len()).position(|window| window == MAPPINGS)?;
        let text = map.get(at + MAPPINGS.len()..)?.split(|byte| *byte == b'"').next()?;
        let mut segments = Vec::with_capacity(text.len() / 6);
        let (mut source, mut source_line, mut source_column) = (0, 0, 0);
        for (line, text) in (0..).zip(text.split(|byte| *byte == b';')) {
            let mut column = 0;
            for text in text.split(|byte| *byte == b',').filter(|text| !text.is_empty()) {
                let mut fields = Vlq(text);
                add(&mut column, fields.next()?)?;
                let Some(step) = fields.next() else { continue };
                add(&mut source, step)?;
                add(&mut source_line, fields.next()?)?;
                add(&mut source_column, fields.next()?)?;
                let original = (u32::try_from(source_line).ok()?, u32::try_from(source_column).ok()?);
                segments.push(Segment { generated: (line, u32::try_from(column).ok()?), original });
            }
        }
        (!segments.is_empty()).then_some(Mappings(segments))
    }

    /// Where the code at this place, or the nearest before it on its line, stood. Lines and columns count from 1.
    pub fn original(&self, line: u32, column: u32) -> Option<(u32, u32)> {
        let wanted = (line.checked_sub(1)?, column.checked_sub(1)?);
        let behind = self.0.partition_point(|segment| segment.generated <= wanted);
        let found = self.0.get(behind.checked_sub(1)?)?;
        (found.generated.0 == wanted.0).then_some((found.original.0 + 1, found.original.1 + 1))
    }
}

fn add(place: &mut i64, step: i64) -> Option<()> {
    *place += step;
    (0..PLACE_MAX).contains(place).then_some(())
}

/// Base 64 digits of five bits each, least first, the lowest bit of the number its sign.
struct Vlq<'a>(&'a [u8]);

impl Iterator for Vlq<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let (mut number, mut shift) = (0_i64, 0);
        loop {
            let (digit, rest) = self.0.split_first()?;
            self.0 = rest;
            let digit = i64::from(match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            });
            number |= (digit & 31) << shift;
            shift += 5;
            if digit & 32 == 0 {
                return Some(if number & 1 == 0 { number >> 1 } else { -(number >> 1) });
            }
            if shift > 30 {
                return None;
            }
        }
    }
}
