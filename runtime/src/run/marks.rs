//! In: the events of a run. Out: their order alone; and, with the run object, the events again under the same numbers.
//! May touch: nothing.
//! Security boundary: no; what is read back was sealed by the bridge or never left this process.

use super::told::Event;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// In which order things happened in a run. What they were stands in its run object already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Log,
    Call(u32),
    /// It paused or ended.
    Stop,
}

/// An event, of which the line or the record is somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<L, C> {
    Log(L),
    Call(C),
    Stop,
}

/// An event as it is told again: log line or record of a call as JSON.
pub type Retold = Piece<Box<RawValue>, Box<RawValue>>;

/// What one of them weighs in memory.
pub const MARK_BYTES: usize = size_of::<Mark>();

#[derive(Deserialize)]
struct Object<'o> {
    #[serde(borrow)]
    logs: Vec<&'o RawValue>,
    #[serde(borrow)]
    calls: Vec<&'o RawValue>,
}

#[derive(Deserialize)]
struct Numbered {
    call: u32,
}

impl Marks {
    /// What ends the text of a run that stops now.
    pub const END: &[u8] = b"s";

    pub fn of(events: &[Event]) -> Marks {
        let mark = |event: &Event| match event {
            Event::Log(_) => Mark::Log,
            Event::Call(record) => Mark::Call(record.call),
            Event::Stop => Mark::Stop,
        };
        Marks(events.iter().map(mark).collect())
    }

    /// Of a parked run: its object, and the order of its events.
    pub fn of_head(head: &[u8]) -> (&[u8], Marks) {
        // JSON as it is written has no line break in it.
        match head.iter().position(|byte| *byte == b'\n').and_then(|at| head.split_at_checked(at)) {
            Some((object, order)) => (object, Marks::read(std::str::from_utf8(order).unwrap_or_default())),
            None => (head, Marks::default()),
        }
    }

    /// How many events there were: the number of the last one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// `l`, `s`, or `c` with the number of the call, one after the other.
    pub fn text(&self) -> String {
        let word = |mark: &Mark| match mark {
            Mark::Log => "l".to_owned(),
            Mark::Stop => "s".to_owned(),
            Mark::Call(call) => format!("c{call}"),
        };
        self.0.iter().map(word).collect()
    }

    /// What cannot be read is left out.
    pub fn read(text: &str) -> Marks {
        let starts = text.char_indices().filter(|(_, letter)| letter.is_ascii_lowercase()).map(|(at, _)| at);
        let ends = starts.clone().skip(1).chain([text.len()]);
        let words = starts.zip(ends).filter_map(|(start, end)| text.get(start..end));
        let mark = |word: &str| match word.split_at_checked(1)? {
            ("l", "") => Some(Mark::Log),
            ("s", "") => Some(Mark::Stop),
            ("c", call) => call.parse().ok().map(Mark::Call),
            _ => None,
        };
        Marks(words.filter_map(mark).collect())
    }

    /// Lines and records in the order of the events, each with its number. Of a run whose order was not kept: lines, then
    /// records, then its stop.
    pub fn in_order<L, C>(
        &self,
        logs: impl IntoIterator<Item = L>,
        calls: impl IntoIterator<Item = (u32, C)>,
    ) -> Vec<(usize, Piece<L, C>)> {
        if self.0.is_empty() {
            let calls = calls.into_iter().map(|(_, call)| Piece::Call(call));
            return (1..).zip(logs.into_iter().map(Piece::Log).chain(calls).chain([Piece::Stop])).collect();
        }
        let (mut logs, mut calls) = (logs.into_iter(), calls.into_iter().collect::<BTreeMap<u32, C>>());
        let piece = |mark: &Mark| match mark {
            Mark::Log => logs.next().map(Piece::Log),
            Mark::Call(call) => calls.remove(call).map(Piece::Call),
            Mark::Stop => Some(Piece::Stop),
        };
        let pieces: Vec<_> = self.0.iter().map(piece).collect();
        (1..).zip(pieces).filter_map(|(number, piece)| Some((number, piece?))).collect()
    }

    /// The events of a run whose object is this JSON.
    pub fn retold(&self, object: &[u8]) -> Vec<(usize, Retold)> {
        let Ok(Object { logs, calls }) = serde_json::from_slice(object) else { return Vec::new() };
        let numbered = |call: &&RawValue| serde_json::from_str::<Numbered>(call.get()).ok().map(|it| it.call);
        let calls = calls.iter().filter_map(|call| Some((numbered(call)?, (*call).to_owned())));
        self.in_order(logs.iter().map(|line| (*line).to_owned()), calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_written_and_read() {
        let marks = Marks(vec![Mark::Log, Mark::Call(12), Mark::Call(3), Mark::Stop, Mark::Log, Mark::Stop]);
        assert_eq!(marks.text(), "lc12c3sls");
        assert_eq!(Marks::read("lc12c3sls"), marks);
        assert_eq!(Marks::read("").count(), 0);
        assert_eq!(Marks::read("xlé7c!c99999999999sq"), Marks(vec![Mark::Stop]));
    }

    #[test]
    fn events_come_again_under_their_numbers() {
        let told = |marks: &str| Marks::read(marks).in_order(["a", "b"], [(2, "two"), (7, "seven")]);
        use Piece::{Call, Log, Stop};
        assert_eq!(
            told("lc7slc2s"),
            [(1, Log("a")), (2, Call("seven")), (3, Stop), (4, Log("b")), (5, Call("two")), (6, Stop)]
        );
        assert_eq!(told("lc9l"), [(1, Log("a")), (3, Log("b"))], "what is not there leaves its number free");
        assert_eq!(told(""), [(1, Log("a")), (2, Log("b")), (3, Call("two")), (4, Call("seven")), (5, Stop)]);
    }
}
