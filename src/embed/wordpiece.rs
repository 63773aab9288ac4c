//! Text to the ids of an uncased BERT vocabulary, the same ids as the `tokenizers` crate and some forty times sooner.
//!
//! Prompts are almost always ASCII, and for ASCII the crate's general machinery (offsets, alignments, added tokens) costs more
//! than a whole decision of the first stage. Here a text is cut at blanks and punctuation into runs; a run of ASCII is looked
//! up at once, and only a run with other characters asks the crate to normalise it. Cutting first is exact: no rule of the
//! normaliser reaches across an ASCII blank or sign.
//!
//! One thing differs on purpose. The texts `[CLS]`, `[SEP]`, `[MASK]`, `[PAD]` and `[UNK]` are ordinary words here, as they are
//! to the person who writes them; the crate would let a prompt place the model's own marks.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

/// Longest vocabulary entry, in bytes; BERT's own longest is 18. It bounds the work at each place of a word.
const PIECE_BYTES_MAX: usize = 32;
/// A longer word is unknown as a whole, a rule of the model's own tokenizer.
const WORD_CHARS_MAX: usize = 100;
/// How a vocabulary writes that a piece continues a word.
const CONTINUES: &str = "##";
/// Marks an empty place of the hash table.
const NONE: u32 = u32::MAX;

/// A vocabulary that can be searched.
pub struct WordPiece {
    /// All entries, one after the other.
    text: String,
    /// Where each entry begins in `text`, and where the last one ends.
    starts: Vec<u32>,
    /// Open addressing by hash; a power of two at least twice as long as the vocabulary.
    slots: Vec<Slot>,
    /// `64 - log2(slots.len())`: what to shift a hash by to get its first slot.
    shift: u32,
    /// Length of the longest entry, without `##`.
    longest: usize,
    marks: Marks,
}

/// The ids of the model's own signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Stands before a text.
    pub start: u32,
    /// Stands after a text.
    pub end: u32,
    /// Stands for a word that the vocabulary cannot spell.
    pub unknown: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The hash's lower half, so that most other entries are passed over without a look at their bytes.
    tag: u32,
    id: u32,
}

/// Where in a word a piece stands. Its value begins the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start = 1,
    Inside = 2,
}

/// Why a vocabulary cannot be used.
#[derive(Debug, Error)]
pub enum VocabularyError {
    /// The tokenizer's definition is not JSON of the right form.
    #[error("the tokenizer's definition cannot be read")]
    Syntax(#[from] serde_json::Error),
    /// It is a tokenizer of another kind.
    #[error("the tokenizer's {part} is not that of an uncased BERT model")]
    OtherKind {
        /// What differs.
        part: &'static str,
    },
    /// The ids have gaps, or there are too many.
    #[error("the vocabulary's ids are not 0 to {0}")]
    Ids(usize),
    /// A mark is missing.
    #[error("the vocabulary has no `{0}`")]
    NoMark(&'static str),
    /// An entry is longer than any real one.
    #[error("vocabulary entry {id} has more than {PIECE_BYTES_MAX} bytes")]
    TooLong {
        /// Which one.
        id: usize,
    },
}

impl WordPiece {
    /// A vocabulary, its entries in the order of their ids.
    ///
    /// # Errors
    /// When an entry is too long or a mark is missing.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, VocabularyError> {
        let entries: Vec<&str> = entries.into_iter().collect();
        let find = |mark: &'static str| {
            let id = entries.iter().position(|entry| *entry == mark);
            let id = id.and_then(|id| u32::try_from(id).ok());
            id.ok_or(VocabularyError::NoMark(mark))
        };
        let marks = Marks { start: find("[CLS]")?, end: find("[SEP]")?, unknown: find("[UNK]")? };
        let slots = (entries.len() * 2).next_power_of_two();
        let mut vocabulary = Self {
            text: String::new(),
            starts: vec![0],
            slots: vec![Slot { tag: 0, id: NONE }; slots],
            shift: u64::BITS - slots.trailing_zeros(),
            longest: 0,
            marks,
        };
        for (id, entry) in entries.into_iter().enumerate() {
            vocabulary.insert(id, entry)?;
        }
        Ok(vocabulary)
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When it describes anything but the WordPiece of an uncased BERT model, whose rules are the ones built in here.
    pub fn from_json(json: &[u8]) -> Result<Self, VocabularyError> {
        let definition: Definition = serde_json::from_slice(json)?;
        definition.check()?;
        let vocabulary = definition.model.vocab;
        let ids = |last: usize| VocabularyError::Ids(last);
        let last = vocabulary.len().saturating_sub(1);
        let by_id: BTreeMap<u32, &str> =
            vocabulary.iter().map(|(entry, id)| (*id, entry.as_str())).collect();
        let is_dense = by_id.keys().enumerate().all(|(at, id)| usize::try_from(*id) == Ok(at));
        if !is_dense || by_id.len() != vocabulary.len() {
            return Err(ids(last));
        }
        Self::new(by_id.into_values())
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none, which [`Self::new`] does not allow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries in the order of their ids, with `##` where they continue a word.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        (0..).take(self.len()).map(|id| self.entry(id))
    }

    /// The ids of the model's own signs.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// Writes the ids of a whole text to `out`, in place of what was there; without marks.
    pub fn ids(&self, text: &str, out: &mut Vec<u32>) {
        out.clear();
        let mut rest = text;
        while let Some((run, after)) = first_run(rest) {
            self.push_run(run, out);
            rest = after;
        }
    }

    /// As [`Self::ids`], but of a text with more than `head + tail` ids only the first `head` and the last `tail`; what lies
    /// between is never looked at.
    pub fn ids_at_ends(&self, text: &str, head: usize, tail: usize, out: &mut Vec<u32>) {
        out.clear();
        let mut rest = text;
        while let Some((run, after)) = first_run(rest) {
            self.push_run(run, out);
            rest = after;
            if out.len() > head + tail {
                out.truncate(head);
                self.push_tail(text, tail, out);
                return;
            }
        }
    }

    /// Appends the last `count` ids of a text that has at least as many.
    fn push_tail(&self, text: &str, count: usize, out: &mut Vec<u32>) {
        let begin = out.len();
        let mut ids = Vec::new();
        let mut rest = text;
        while let Some((before, run)) = last_run(rest) {
            if out.len() >= begin + count {
                break;
            }
            ids.clear();
            self.push_run(run, &mut ids);
            out.extend(ids.iter().rev());
            rest = before;
        }
        out.truncate(begin + count);
        out.get_mut(begin..).unwrap_or_default().reverse();
    }

    fn push_run(&self, run: &str, out: &mut Vec<u32>) {
        if !run.is_ascii() {
            return self.push_wide(run, out);
        }
        let mut word = [0; WORD_CHARS_MAX];
        let mut length = 0;
        for byte in run.bytes().filter(|byte| !byte.is_ascii_control()) {
            let Some(place) = word.get_mut(length) else { return out.push(self.marks.unknown) };
            *place = byte.to_ascii_lowercase();
            length += 1;
        }
        self.push_word(word.get(..length).unwrap_or_default(), out);
    }

    /// Accents, other scripts, signs that only Unicode knows: rare, and the crate's tables know them all.
    fn push_wide(&self, run: &str, out: &mut Vec<u32>) {
        for word in normalised(run) {
            if word.chars().nth(WORD_CHARS_MAX).is_some() {
                out.push(self.marks.unknown);
            } else {
                self.push_word(word.as_bytes(), out);
            }
        }
    }

    /// Spells a word with the longest entry at each place, from the left.
    fn push_word(&self, word: &[u8], out: &mut Vec<u32>) {
        let begin = out.len();
        let (mut rest, mut place) = (word, Place::Start);
        while !rest.is_empty() {
            let Some((id, after)) = self.longest_entry(rest, place) else {
                out.truncate(begin);
                return out.push(self.marks.unknown);
            };
            out.push(id);
            (rest, place) = (after, Place::Inside);
        }
    }

    fn longest_entry<'a>(&self, text: &'a [u8], place: Place) -> Option<(u32, &'a [u8])> {
        let mut hashes = [0; PIECE_BYTES_MAX];
        let mut hash = seed(place);
        let window = text.len().min(self.longest);
        for (kept, byte) in hashes.iter_mut().zip(text).take(window) {
            hash = step(hash, *byte);
            *kept = hash;
        }
        let lengths = hashes.iter().enumerate().take(window).rev();
        lengths.into_iter().find_map(|(at, kept)| {
            let (piece, after) = text.split_at_checked(at + 1)?;
            Some((self.find(*kept, piece, place)?, after))
        })
    }

    fn find(&self, hash: u64, piece: &[u8], place: Place) -> Option<u32> {
        let wanted = lower_half(hash);
        let slots = self.slots_from(hash).take_while(|slot| slot.id != NONE);
        let mut alike = slots.filter(|slot| slot.tag == wanted).map(|slot| slot.id);
        alike.find(|id| {
            let entry = self.entry(*id).as_bytes();
            match place {
                Place::Start => entry == piece,
                Place::Inside => entry.strip_prefix(CONTINUES.as_bytes()) == Some(piece),
            }
        })
    }

    /// The slots where an entry with this hash may lie, the likeliest first; at least half of all are empty.
    fn slots_from(&self, hash: u64) -> impl Iterator<Item = &Slot> {
        let first = usize::try_from(hash >> self.shift).unwrap_or(0);
        let (before, from) = self.slots.split_at_checked(first).unwrap_or((&[], &self.slots));
        from.iter().chain(before)
    }

    fn entry(&self, id: u32) -> &str {
        let bound = |at: u32| {
            let start = usize::try_from(at).ok().and_then(|at| self.starts.get(at));
            start.and_then(|start| usize::try_from(*start).ok()).unwrap_or(self.text.len())
        };
        self.text.get(bound(id)..bound(id.saturating_add(1))).unwrap_or_default()
    }

    fn insert(&mut self, id: usize, entry: &str) -> Result<(), VocabularyError> {
        let (place, piece) = match entry.strip_prefix(CONTINUES) {
            Some(piece) if !piece.is_empty() => (Place::Inside, piece),
            Some(_) | None => (Place::Start, entry),
        };
        if piece.len() > PIECE_BYTES_MAX {
            return Err(VocabularyError::TooLong { id });
        }
        self.longest = self.longest.max(piece.len());
        self.text.push_str(entry);
        self.starts.push(u32::try_from(self.text.len()).unwrap_or(NONE));
        let hash = piece.bytes().fold(seed(place), step);
        let filled = Slot { tag: lower_half(hash), id: u32::try_from(id).unwrap_or(NONE) };
        let first = usize::try_from(hash >> self.shift).unwrap_or(0);
        let count = self.slots.len();
        let mut places = (0..count).map(|offset| (first + offset) % count);
        let free = places.find(|at| self.slots.get(*at).is_some_and(|slot| slot.id == NONE));
        if let Some(slot) = free.and_then(|at| self.slots.get_mut(at)) {
            *slot = filled;
        }
        Ok(())
    }
}

impl std::fmt::Debug for WordPiece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WordPiece").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn seed(place: Place) -> u64 {
    place as u64
}

/// One more byte. The multiplier is odd with its bits well spread; the rotation brings high bits back into play.
fn step(hash: u64, byte: u8) -> u64 {
    (hash.rotate_left(7) ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn lower_half(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
}

/// The first sign or word of a text, and what follows it.
fn first_run(text: &str) -> Option<(&str, &str)> {
    let from = text.bytes().position(|byte| !is_blank(byte))?;
    let text = text.get(from..)?;
    let end = text.bytes().position(ends_word).unwrap_or(text.len());
    text.split_at_checked(end.max(1))
}

/// What precedes the last sign or word of a text, and that.
fn last_run(text: &str) -> Option<(&str, &str)> {
    let to = text.bytes().rposition(|byte| !is_blank(byte))? + 1;
    let text = text.get(..to)?;
    let begin = text.bytes().rposition(ends_word).map_or(0, |at| at + 1);
    text.split_at_checked(begin.min(to - 1))
}

/// Other ASCII control characters are no blanks: the model's tokenizer drops them and joins what they stood between.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn ends_word(byte: u8) -> bool {
    is_blank(byte) || byte.is_ascii_punctuation()
}

/// The words of a text after everything that Unicode asks for.
fn normalised(run: &str) -> Vec<String> {
    let mut text = NormalizedString::from(run);
    let mut words = PreTokenizedString::from("");
    // Both only fail when a rule of the caller's own does, and these have none.
    if BertNormalizer::default().normalize(&mut text).is_ok() {
        words = PreTokenizedString::from(text);
        drop(BertPreTokenizer.pre_tokenize(&mut words));
    }
    let words = words.get_splits(OffsetReferential::Original, OffsetType::None);
    words.into_iter().map(|(word, ..)| word.to_owned()).collect()
}

/// What of a `tokenizer.json` decides whether the rules here are its rules.
#[derive(Deserialize)]
struct Definition {
    normalizer: NormalizerKind,
    pre_tokenizer: Kind,
    model: Model,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

#[derive(Deserialize)]
struct NormalizerKind {
    r#type: String,
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Deserialize)]
struct Model {
    r#type: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: BTreeMap<String, u32>,
}

impl Definition {
    fn check(&self) -> Result<(), VocabularyError> {
        let normalizer = &self.normalizer;
        let is_uncased = normalizer.r#type == "BertNormalizer"
            && normalizer.clean_text
            && normalizer.handle_chinese_chars
            && normalizer.strip_accents.unwrap_or(true)
            && normalizer.lowercase;
        let is_wordpiece = self.model.r#type == "WordPiece"
            && self.model.unk_token == "[UNK]"
            && self.model.continuing_subword_prefix == CONTINUES
            && self.model.max_input_chars_per_word == WORD_CHARS_MAX;
        let parts = [
            ("normalizer", is_uncased),
            ("pre_tokenizer", self.pre_tokenizer.r#type == "BertPreTokenizer"),
            ("model", is_wordpiece),
        ];
        match parts.into_iter().find(|(_, is_same)| !is_same) {
            Some((part, _)) => Err(VocabularyError::OtherKind { part }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::Tokenizer;
    use tokenizers::models::wordpiece::WordPiece as Peer;

    use super::*;
    use crate::embed::StaticTable;

    /// The same vocabulary in the crate, without added tokens.
    fn peer(vocabulary: &WordPiece) -> Tokenizer {
        let lines = vocabulary.entries().collect::<Vec<_>>().join("\n");
        let entries = Peer::read_bytes(lines.as_bytes()).expect("a vocabulary");
        let model = Peer::builder().vocab(entries).build().expect("a model");
        let mut peer = Tokenizer::new(model);
        peer.with_normalizer(Some(BertNormalizer::default())).expect("a normaliser");
        peer.with_pre_tokenizer(Some(BertPreTokenizer));
        peer
    }

    thread_local! {
        static BOTH: (WordPiece, Tokenizer) = {
            let table = StaticTable::builtin().expect("the table");
            let own = WordPiece::new(table.vocabulary().entries()).expect("the vocabulary");
            let peer = peer(&own);
            (own, peer)
        };
    }

    fn check(text: &str) {
        BOTH.with(|(own, peer)| {
            let expected = peer.encode_fast(text, false).expect("ids");
            let expected = expected.get_ids();
            let mut ids = vec![7];
            own.ids(text, &mut ids);
            assert_eq!(ids, expected, "{text:?}");
            for (head, tail) in [(79, 47), (3, 2), (1, 0), (0, 1)] {
                own.ids_at_ends(text, head, tail, &mut ids);
                let cut = match expected.len().checked_sub(tail) {
                    Some(from) if from > head => [&expected[..head], &expected[from..]].concat(),
                    Some(_) | None => expected.to_vec(),
                };
                assert_eq!(ids, cut, "{head} + {tail} of {text:?}");
            }
        });
    }

    #[test]
    fn ids_are_those_of_the_crate() {
        check("");
        check(" \n\t ");
        check("Hello, World! don't");
        check("unaffable embeddings tokenisation 3.14159 C++ e-mail a_b (x)");
        check("a\u{1}b\u{b}c\u{7f}\u{0}d \u{1}");
        check("fn main() { println!(\"{}\", 1 << 8); } // #include <stdio.h>");
        check("déjà vu, naïve café — “quoted” ‘text’… 10 € ½ ﬁne ＡＢ");
        check("漢字 かな 한국어 привет мир αβγ شكرا हिन्दी 🙂👨‍👩‍👧 İstanbul K");
        check(
            "e\u{301} !\u{301} \u{301} a\u{300}\u{301}b \u{fffd}x\u{200d}y\u{feff}\u{a0}z\u{2028}",
        );
    }

    #[test]
    fn long_words_are_unknown_as_a_whole() {
        for length in [99, 100, 101, 1_000] {
            check(&"a".repeat(length));
            check(&"é".repeat(length));
            check(&format!("x {}\u{1} y", "a".repeat(length)));
        }
        check(&"word and number 12, ".repeat(60));
        check(&"漢字".repeat(300));
        check(&format!("{} {}", "=".repeat(300), "QUJDREVGR0g".repeat(90)));
    }

    #[test]
    fn shipped_examples_have_the_ids_of_the_crate() {
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/examples");
        let mut count = 0;
        for file in std::fs::read_dir(examples).expect("the examples") {
            let file = std::fs::read_to_string(file.expect("a file").path()).expect("text");
            for line in file.lines() {
                check(line);
                count += 1;
            }
        }
        assert!(count > 1_000, "{count}");
    }

    #[test]
    fn a_prompt_cannot_place_the_models_marks() {
        let table = StaticTable::builtin().expect("the table");
        let marks = table.vocabulary().marks();
        assert_eq!(marks, Marks { start: 101, end: 102, unknown: 100 });
        let mut ids = Vec::new();
        table.vocabulary().ids("[CLS] a [SEP] b [MASK] [PAD]", &mut ids);
        assert!(ids.iter().all(|id| !(0..=103).contains(id)), "{ids:?}");
    }

    #[test]
    fn vocabularies_that_cannot_be_used_are_errors() {
        let marks = ["[UNK]", "[CLS]", "[SEP]"];
        assert!(matches!(WordPiece::new(["[UNK]", "a"]), Err(VocabularyError::NoMark("[CLS]"))));
        let long = "a".repeat(PIECE_BYTES_MAX + 1);
        let entries = marks.into_iter().chain([long.as_str()]);
        assert!(matches!(WordPiece::new(entries), Err(VocabularyError::TooLong { id: 3 })));
        let unknown = WordPiece::new(marks).expect("a vocabulary without words");
        let mut ids = Vec::new();
        unknown.ids("any word", &mut ids);
        assert_eq!(ids, [0, 0]);
    }

    #[test]
    fn only_an_uncased_wordpiece_definition_is_read() {
        let good = r###"{"normalizer":{"type":"BertNormalizer","clean_text":true,
            "handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
            "pre_tokenizer":{"type":"BertPreTokenizer"},
            "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
            "max_input_chars_per_word":100,
            "vocab":{"[SEP]":2,"[CLS]":1,"[UNK]":0,"go":3,"##ing":4}}}"###;
        let vocabulary = WordPiece::from_json(good.as_bytes()).expect("a vocabulary");
        let mut ids = Vec::new();
        vocabulary.ids("Going going.", &mut ids);
        assert_eq!(ids, [3, 4, 3, 4, 0]);
        for (from, to, message) in [
            ("\"lowercase\":true", "\"lowercase\":false", "normalizer is not"),
            ("BertPreTokenizer", "Whitespace", "pre_tokenizer is not"),
            ("WordPiece", "BPE", "model is not"),
            ("\"go\":3", "\"go\":5", "not 0 to 4"),
            ("\"go\":3", "\"go\":4", "not 0 to 4"),
            ("\"vocab\"", "\"words\"", "cannot be read"),
        ] {
            let bad = good.replace(from, to);
            let error = WordPiece::from_json(bad.as_bytes()).expect_err(to).to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn ascii_has_the_ids_of_the_crate(text in "[\\x00-\\x7f]{0,400}") {
            check(&text);
        }

        #[test]
        fn words_have_the_ids_of_the_crate(text in "([a-zA-Z]{1,12}[ ,.'-]?){0,80}") {
            check(&text);
        }

        #[test]
        fn any_text_has_the_ids_of_the_crate(text in "\\PC{0,200}|(.|\\s){0,60}") {
            check(&text);
        }
    }
}
