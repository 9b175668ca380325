//! In: bytecode that QuickJS just wrote, and the way back to the TypeScript. Out: the same with positions of the TypeScript.
//! May touch: nothing.
//! Security boundary: no; it runs where hostile source is compiled, and its answer is trusted no more than that.
//!
//! Only so does everything that tells positions tell the author's: `error.stack` wherever a script reads it, the log, the
//! run's error; and no map is needed when a script runs. Rejected: looking positions up on the host when an error is told,
//! which leaves out every stack that the script itself reads; a source text with everything at its old place, because
//! line breaks have a meaning in JavaScript.
//!
//! The format is that of `JS_WriteObject` in quickjs.c at `VERSION`. Whatever is not understood leaves the bytecode as it
//! is: a script that runs and tells positions of its JavaScript is better than one that does not run.

use crate::mappings::Mappings;

/// `BC_VERSION`. Behind it comes a checksum, which QuickJS does not look at when all of its bits are set.
const VERSION: u8 = 26;
const HEAD_BYTES: usize = 5;

/// In the flags of a function: it has debug information.
const HAS_DEBUG: u16 = 1 << 11;
/// In the flags of a variable: a closure captures it, and one number more is there.
const IS_CAPTURED: u8 = 1 << 6;
/// `JS_EXPORT_TYPE_LOCAL`.
const EXPORT_LOCAL: u8 = 0;

/// `PC2LINE_*`: how a step in the table of positions is packed into one byte.
const LINE_STEP_MIN: i64 = -1;
const LINE_STEPS: i64 = 5;
const FIRST_PACKED: i64 = 1;
const PC_STEP_PACKED_MAX: i64 = (255 - FIRST_PACKED) / LINE_STEPS;

/// The bytecode, compiled from `javascript`, with every position looked up in `mappings`.
pub fn mapped(bytecode: Vec<u8>, javascript: &[u8], mappings: &Mappings) -> Vec<u8> {
    let out = Vec::with_capacity(bytecode.len() + bytecode.len() / 8);
    let lines = javascript.split(|byte| *byte == b'\n').collect();
    let walk = Walk { bytes: &bytecode, at: 0, copied: 0, out, lines, mappings };
    walk.run().unwrap_or(bytecode)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What is before this place in `bytes` is in `out`, or replaced there.
    copied: usize,
    out: Vec<u8>,
    /// Of the JavaScript.
    lines: Vec<&'a [u8]>,
    mappings: &'a Mappings,
}

impl Walk<'_> {
    fn run(mut self) -> Option<Vec<u8>> {
        if self.u8()? != VERSION {
            return None;
        }
        self.skip(HEAD_BYTES - 1)?;
        for _ in 0..self.number()? {
            self.atom_text()?;
        }
        self.value()?;
        if self.at != self.bytes.len() {
            return None;
        }
        self.copy_up_to(self.at)?;
        self.out.get_mut(1..HEAD_BYTES)?.fill(0xff);
        Some(self.out)
    }

    /// An entry of the table of atoms: one that QuickJS knows by number, or a text.
    fn atom_text(&mut self) -> Option<()> {
        match self.u8()? {
            0 => self.skip(4),
            _ => self.text(),
        }
    }

    /// The tags are those of `BCTagEnum`; modules hold no others.
    fn value(&mut self) -> Option<()> {
        match self.u8()? {
            1..=4 => Some(()),
            5 | 20 => self.number().map(drop),
            6 => self.skip(8),
            7 => self.text(),
            9 => self.values(),
            10 => {
                let bytes = self.number()?;
                self.skip(bytes)
            }
            11 => {
                self.values()?;
                self.value()
            }
            12 => self.function(),
            13 => self.module(),
            17 => {
                self.text()?;
                self.text()
            }
            _ => None,
        }
    }

    fn values(&mut self) -> Option<()> {
        (0..self.number()?).try_for_each(|_| self.value())
    }

    fn module(&mut self) -> Option<()> {
        self.number()?;
        self.numbers_each(1)?;
        for _ in 0..self.number()? {
            let numbers = if self.u8()? == EXPORT_LOCAL { 2 } else { 3 };
            self.numbers(numbers)?;
        }
        self.numbers_each(1)?;
        self.numbers_each(3)?;
        self.u8()?;
        self.value()
    }

    fn function(&mut self) -> Option<()> {
        let flags = u16::from_le_bytes([self.u8()?, self.u8()?]);
        self.u8()?;
        self.numbers(6)?;
        let (closure_variables, constants, code_bytes) = (self.number()?, self.number()?, self.number()?);
        for _ in 0..self.number()? {
            self.numbers(3)?;
            if self.u8()? & IS_CAPTURED != 0 {
                self.number()?;
            }
        }
        for _ in 0..closure_variables {
            self.numbers(3)?;
        }
        for _ in 0..constants {
            self.value()?;
        }
        self.skip(code_bytes)?;
        if flags & HAS_DEBUG == 0 {
            return Some(());
        }
        self.number()?;
        self.positions()?;
        let source_bytes = self.number()?;
        self.skip(source_bytes)
    }

    /// Where the function begins, and the table from its code to places: read, looked up, written anew.
    fn positions(&mut self) -> Option<()> {
        self.copy_up_to(self.at)?;
        let mut place = (self.number()? as i64, self.number()? as i64);
        let table_bytes = self.number()?;
        let end = self.at.checked_add(table_bytes)?;
        let mut last = self.original(place).unwrap_or((1, 1));
        write_number(&mut self.out, last.0);
        write_number(&mut self.out, last.1);
        let (mut table, mut pc, mut last_pc) = (Vec::with_capacity(table_bytes), 0_i64, 0_i64);
        while self.at < end {
            let (pc_step, line_step) = match i64::from(self.u8()?) {
                0 => (self.number()? as i64, self.signed()?),
                packed => {
                    let packed = packed - FIRST_PACKED;
                    (packed / LINE_STEPS, packed % LINE_STEPS + LINE_STEP_MIN)
                }
            };
            pc += pc_step;
            place = (place.0 + line_step, place.1 + self.signed()?);
            // What the transpiler added belongs to what stands before it.
            let original = self.original(place).unwrap_or(last);
            if original != last {
                write_step(&mut table, pc - last_pc, original.0 - last.0, original.1 - last.1);
                (last, last_pc) = (original, pc);
            }
        }
        write_number(&mut self.out, table.len() as i64);
        self.out.append(&mut table);
        self.copied = end;
        (self.at == end).then_some(())
    }

    fn original(&self, (line, column): (i64, i64)) -> Option<(i64, i64)> {
        let (line, column) = (u32::try_from(line).ok()?, u32::try_from(column).ok()?);
        let (line, column) = self.mappings.original(line, self.callee(line, column))?;
        Some((i64::from(line), i64::from(column)))
    }

    /// QuickJS tells a call by its first argument; people look for what is called, which stands before the bracket.
    fn callee(&self, line: u32, column: u32) -> u32 {
        let before = |line: u32, column: u32| {
            let text = self.lines.get(line.checked_sub(1)? as usize)?;
            text.get(column.checked_sub(2)? as usize).filter(|_| text.is_ascii())
        };
        match before(line, column) {
            Some(b'(') => column - 1,
            _ => column,
        }
    }

    fn copy_up_to(&mut self, end: usize) -> Option<()> {
        self.out.extend_from_slice(self.bytes.get(self.copied..end)?);
        self.copied = end;
        Some(())
    }

    fn u8(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// LEB128, unsigned. Atoms are written so too.
    fn number(&mut self) -> Option<usize> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let byte = self.u8()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(number).ok();
            }
            shift += 7;
            if shift > 28 {
                return None;
            }
        }
    }

    /// The same with the sign in the lowest bit.
    fn signed(&mut self) -> Option<i64> {
        let number = self.number()? as i64;
        Some(if number & 1 == 0 { number >> 1 } else { -(number >> 1) - 1 })
    }

    fn numbers(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    /// A list of entries with as many numbers each.
    fn numbers_each(&mut self, count: usize) -> Option<()> {
        (0..self.number()?).try_for_each(|_| self.numbers(count))
    }

    /// A length with the width of a character in its lowest bit, then the characters.
    fn text(&mut self) -> Option<()> {
        let length = self.number()?;
        self.skip((length >> 1) << (length & 1))
    }
}

fn write_step(table: &mut Vec<u8>, pc_step: i64, line_step: i64, column_step: i64) {
    let packed = FIRST_PACKED + pc_step * LINE_STEPS + line_step - LINE_STEP_MIN;
    if (LINE_STEP_MIN..LINE_STEP_MIN + LINE_STEPS).contains(&line_step) && pc_step <= PC_STEP_PACKED_MAX {
        table.push(packed as u8);
    } else {
        table.push(0);
        write_number(table, pc_step);
        write_signed(table, line_step);
    }
    write_signed(table, column_step);
}

fn write_signed(out: &mut Vec<u8>, number: i64) {
    write_number(out, if number < 0 { ((-number - 1) << 1) | 1 } else { number << 1 });
}

fn write_number(out: &mut Vec<u8>, mut number: i64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
