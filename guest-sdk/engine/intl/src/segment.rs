//! In: text. Out: where its characters, words or sentences begin, in UTF-16 code units.
//! May touch: nothing.
//! Security boundary: no.

use icu_segmenter::{GraphemeClusterSegmenter, SentenceSegmenter, WordSegmenter};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    Grapheme,
    Word,
    Sentence,
}

/// Ends of the segments, and of words whether they are any.
pub fn segment(text: &str, granularity: Granularity) -> Vec<(u32, bool)> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let plain = |ends: &mut dyn Iterator<Item = usize>| {
        ends.map(|end| (end as u32, false)).filter(|(end, _)| *end > 0).collect()
    };
    match granularity {
        Granularity::Grapheme => plain(&mut GraphemeClusterSegmenter::new().segment_utf16(&units)),
        Granularity::Sentence => plain(&mut SentenceSegmenter::new(Default::default()).segment_utf16(&units)),
        Granularity::Word => {
            let words = WordSegmenter::new_for_non_complex_scripts(Default::default());
            let ends = words.segment_utf16(&units).iter_with_word_type();
            ends.map(|(end, kind)| (end as u32, kind.is_word_like())).filter(|(end, _)| *end > 0).collect()
        }
    }
}

/// The first character of a script whose words only a dictionary knows.
pub fn needs_dictionary(text: &str) -> Option<char> {
    text.chars().find(|c| {
        matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{19e0}'..='\u{19ff}' | '\u{a9e0}'..='\u{a9ff}')
            || matches!(c, '\u{aa60}'..='\u{aa7f}' | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}')
            || matches!(c, '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
            || matches!(c, '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
    })
}
