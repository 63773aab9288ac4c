//! The form of a text as counts of short character sequences, the cheapest features that tell prompts apart.
//!
//! Endings, question words, code, numbers and templates all show in sequences of two to five characters. They need no
//! vocabulary and no download: each sequence is hashed to one of [`BUCKETS`] numbers.

/// Numbers that a sequence can be hashed to. Two sequences of one prompt rarely share one.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Changes with everything that changes the numbers below, so that what was learned from them is not used with others.
pub const VERSION: u32 = 1;

const BUCKET_BITS: u32 = 16;
/// Shortest sequence. A single character says too little.
const SHORTEST: usize = 2;
/// Longest sequence. Six and more find nothing that five do not.
const LONGEST: usize = 5;
/// Bytes read from the beginning. With the end they bound the work; more text adds no accuracy.
const HEAD_BYTES: usize = 600;
/// Bytes read from the end, where instructions often follow a pasted text.
const TAIL_BYTES: usize = 300;
/// The kept bytes, a blank at both ends, one in the middle, and zeros so that a whole window can be read at any place.
const PADDED: usize = HEAD_BYTES + TAIL_BYTES + 3 + WINDOW;
/// Bytes looked at from one place: one machine word, of which the lowest [`LONGEST`] count.
const WINDOW: usize = size_of::<u64>();

/// Writes the sequences of a text to `out`, in place of what was there: each bucket once, in the order of first appearance,
/// with `1 + ln(count)` scaled so that the squares sum to 1. Nothing for a text without a visible character.
///
/// Sequences lie within words, the blank before and after a word included; ASCII letters count as lower-case. Any text is
/// allowed: characters outside ASCII are sequences of bytes here.
pub fn ngrams(text: &str, out: &mut Vec<(u32, f32)>) {
    out.clear();
    let mut padded = Padded::default();
    let bytes = text.as_bytes();
    match bytes.get(..HEAD_BYTES).zip(bytes.len().checked_sub(TAIL_BYTES)) {
        Some((head, tail)) if tail > HEAD_BYTES => {
            padded.push_words(head);
            padded.push_blank();
            padded.push_words(bytes.get(tail..).unwrap_or_default());
        }
        Some(_) | None => padded.push_words(bytes),
    }
    padded.push_blank();
    count(&padded, out);
    to_unit_length(out);
}

/// A text in lower case, with one blank before, between and after its words.
struct Padded {
    bytes: [u8; PADDED],
    length: usize,
}

impl Default for Padded {
    fn default() -> Self {
        Self { bytes: [0; PADDED], length: 0 }
    }
}

impl Padded {
    fn push_words(&mut self, text: &[u8]) {
        self.push_blank();
        for byte in text {
            if byte.is_ascii_whitespace() {
                self.push_blank();
            } else {
                self.push(byte.to_ascii_lowercase());
            }
        }
    }

    fn push_blank(&mut self) {
        let last = self.length.checked_sub(1).and_then(|at| self.bytes.get(at));
        if last != Some(&b' ') {
            self.push(b' ');
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

/// Counts sequences into `out`. A sequence begins at every place and ends at the latest with the next blank.
fn count(padded: &Padded, out: &mut Vec<(u32, f32)>) {
    let mut seen = Seen::new(padded.length * (LONGEST + 1 - SHORTEST));
    for window in padded.bytes.windows(WINDOW).take(padded.length.saturating_sub(1)) {
        let Some(window) = window.first_chunk::<WINDOW>() else { return };
        let blank = window.iter().take(LONGEST).skip(1).position(|byte| *byte == b' ');
        let longest = blank.map_or(LONGEST, |at| at + SHORTEST);
        for length in SHORTEST..=longest {
            seen.count(bucket(u64::from_le_bytes(*window), length), out);
        }
    }
}

/// One multiplication spreads all of a sequence's bits to the highest ones. Bytes past its end are shifted out.
fn bucket(window: u64, length: usize) -> u32 {
    let bits = u64::BITS - 8 * u32::try_from(length).unwrap_or(1);
    let hash = (window << bits).rotate_right(bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(hash >> (u64::BITS - BUCKET_BITS)).unwrap_or(0)
}

/// Where in the output a bucket stands: open addressing, at most half full.
struct Seen {
    /// Place in the output plus one; 0 is free.
    places: Vec<u16>,
    mask: usize,
}

impl Seen {
    fn new(most: usize) -> Self {
        let slots = (most * 2).next_power_of_two();
        Self { places: vec![0; slots], mask: slots - 1 }
    }

    fn count(&mut self, bucket: u32, out: &mut Vec<(u32, f32)>) {
        let mut slot = usize::try_from(bucket).unwrap_or(0) & self.mask;
        while let Some(place) = self.places.get_mut(slot) {
            let Some(at) = usize::from(*place).checked_sub(1) else {
                out.push((bucket, 1.0));
                *place = u16::try_from(out.len()).unwrap_or(0);
                return;
            };
            match out.get_mut(at) {
                Some((known, count)) if *known == bucket => return *count += 1.0,
                Some(_) | None => slot = (slot + 1) & self.mask,
            }
        }
    }
}

/// The logarithm keeps a word that is said ten times from counting ten times.
fn to_unit_length(counts: &mut [(u32, f32)]) {
    let mut squares = 0.0;
    for (_, value) in counts.iter_mut() {
        if *value > 1.0 {
            *value = 1.0 + value.ln();
        }
        squares += *value * *value;
    }
    let length = squares.sqrt();
    for (_, value) in counts.iter_mut() {
        *value /= length;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn grams(text: &str) -> Vec<(u32, f32)> {
        let mut out = vec![(0, 0.0)];
        ngrams(text, &mut out);
        out
    }

    /// The same by the book: all sequences of padded words.
    fn plainly(text: &str) -> BTreeMap<u32, f32> {
        let mut counts = BTreeMap::new();
        for word in text.split_ascii_whitespace() {
            let padded = format!(" {} ", word.to_ascii_lowercase()).into_bytes();
            for length in SHORTEST..=LONGEST {
                for gram in padded.windows(length) {
                    let mut window = [0; WINDOW];
                    window[..length].copy_from_slice(gram);
                    *counts.entry(bucket(u64::from_le_bytes(window), length)).or_insert(0.0) += 1.0;
                }
            }
        }
        counts
    }

    fn check(text: &str) {
        let expected = plainly(text);
        let found = grams(text);
        assert_eq!(found.len(), expected.len(), "{text:?}");
        let squares: f32 = found.iter().map(|(_, value)| value * value).sum();
        assert!(found.is_empty() || (squares - 1.0).abs() < 1e-3, "{text:?}: {squares}");
        let Some((first, unit)) = found.first() else { return };
        let unit = unit / (1.0 + expected[first].ln());
        for (bucket, value) in &found {
            let wanted: f32 = 1.0 + expected[bucket].ln();
            assert!((value / unit - wanted).abs() < 1e-3, "{text:?}");
        }
    }

    #[test]
    fn sequences_lie_within_padded_words() {
        check("a");
        check("Is  this\tas expected?\n");
        check("banana bandana BANANA");
        check("déjà vu 漢字 🙂");
        assert_eq!(grams("a").len(), 3, "` a`, `a ` and ` a `");
        assert_eq!(grams("ab cd"), grams("AB\n\ncd "));
    }

    #[test]
    fn a_text_without_words_has_none() {
        assert!(grams("").is_empty());
        assert!(grams(" \t\r\n ").is_empty());
    }

    #[test]
    fn of_a_long_text_both_ends_count() {
        let long = |start: &str, middle: &str, end: &str| {
            let filler = "word ".repeat(400);
            grams(&format!("{start} {filler} {middle} {filler} {end}"))
        };
        assert_ne!(long("why", "a", "b"), long("how", "a", "b"));
        assert_ne!(long("why", "a", "b"), long("why", "a", "c"));
        assert_eq!(long("why", "a", "b"), long("why", "z", "b"));
        let full: String = (0..30_000_u32).filter_map(|n| char::from_u32(n * 7 + 33)).collect();
        assert!(grams(&full).len() > 1_000);
    }

    proptest! {
        #[test]
        fn any_text_is_counted_like_the_plain_way(text in "[ -~\t\néß漢🙂]{0,120}") {
            check(&text);
        }
    }
}
