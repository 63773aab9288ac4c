//! A transformer boiled down to one short vector a token: what a text looks like at a glance, in microseconds.
//!
//! The table lies in the binary, so that prompts can be read before any model has been fetched. `semroute models distill`
//! makes it. The vector of a text is the sum of its tokens' rows: whatever weight a token has is part of its row, and the
//! length of the sum says nothing. Rows are bytes and sums are 16-bit integers; one factor a dimension makes floats of them
//! at the end.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::manifest::Digest;
use super::wordpiece::{VocabularyError, WordPiece};
use super::{EmbedError, Embedder, Embedding, Features};

/// The table this binary was built with.
const BUILTIN: &[u8] = include_bytes!("../../models/static.bin");
/// First bytes of a table; the last one is the format's version.
const MAGIC: &[u8; 8] = b"semtab\0\x01";
/// Components of a row.
pub const DIMENSIONS: usize = 256;
/// Tokens read from the beginning of a text.
const HEAD_TOKENS: usize = 79;
/// Tokens read from its end: as much as the transformer reads, its two marks aside.
const TAIL_TOKENS: usize = 47;
/// No sum of rows may leave its 16 bits.
const _: () = assert!((HEAD_TOKENS + TAIL_TOKENS) * 128 <= 32_767);
/// Bytes of a SHA-256.
const HASH: usize = 32;

/// The rows of a vocabulary, and the vocabulary.
pub struct StaticTable {
    bytes: Cow<'static, [u8]>,
    /// Where the rows begin in `bytes`; they end with the vocabulary.
    rows_start: usize,
    factors: [f32; DIMENSIONS],
    vocabulary: WordPiece,
    fingerprint: String,
    stops: [usize; 1],
}

/// What a table is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// The hash of the weights that it was distilled from.
    pub(super) source: Digest,
    /// The entries in the order of their ids.
    pub(super) vocabulary: Vec<&'a str>,
    /// What one step of a row's byte is worth, in each dimension.
    pub(super) factors: [f32; DIMENSIONS],
    /// One row an entry, in the same order.
    pub(super) rows: Vec<[i8; DIMENSIONS]>,
}

/// Why bytes are not a table.
#[derive(Debug, Error)]
pub enum TableError {
    /// They begin otherwise, or are of another version.
    #[error("this is no table of this version")]
    Magic,
    /// They end too early or too late.
    #[error("the table is cut off, or something follows it")]
    Length,
    /// The checksum is another one.
    #[error("the table's checksum does not fit")]
    Seal,
    /// The factors are not usable numbers.
    #[error("a factor of the table is not a finite number")]
    Factor,
    /// The vocabulary cannot be used.
    #[error("the table's vocabulary cannot be used")]
    Vocabulary(#[from] VocabularyError),
    /// The vocabulary is not UTF-8.
    #[error("the table's vocabulary is not text")]
    NotText(#[from] std::str::Utf8Error),
}

impl StaticTable {
    /// The table in this binary. Its checksum is left to the tests: reading 8 MB would take longer than everything else here.
    ///
    /// # Errors
    /// Never, in a binary that passed its tests.
    pub fn builtin() -> Result<Self, TableError> {
        Self::open(Cow::Borrowed(BUILTIN))
    }

    /// A table from a file's bytes.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, TableError> {
        check_seal(&bytes)?;
        Self::open(Cow::Owned(bytes))
    }

    fn open(bytes: Cow<'static, [u8]>) -> Result<Self, TableError> {
        let mut rest = Bytes(bytes.strip_prefix(MAGIC).ok_or(TableError::Magic)?);
        let source = Digest(*rest.take_array()?);
        let (entries, text_bytes) = (rest.take_length()?, rest.take_length()?);
        let mut factors = [0.0; DIMENSIONS];
        for factor in &mut factors {
            *factor = f32::from_le_bytes(*rest.take_array()?);
        }
        if !factors.iter().all(|factor| factor.is_finite()) {
            return Err(TableError::Factor);
        }
        let text = std::str::from_utf8(rest.take(text_bytes)?)?;
        let vocabulary = WordPiece::new(text.split('\n'))?;
        let rows_bytes = entries.checked_mul(DIMENSIONS).ok_or(TableError::Length)?;
        let is_whole = rest.0.len() == rows_bytes.saturating_add(HASH);
        if !is_whole || vocabulary.len() != entries {
            return Err(TableError::Length);
        }
        let rows_start = bytes.len() - rest.0.len();
        let seal = bytes.last_chunk::<HASH>().ok_or(TableError::Length)?;
        let fingerprint = format!(
            "static/{}/{}/{HEAD_TOKENS}+{TAIL_TOKENS}",
            source.short(),
            Digest(*seal).short()
        );
        Ok(Self { bytes, rows_start, factors, vocabulary, fingerprint, stops: [DIMENSIONS] })
    }

    /// The vocabulary, which is the transformer's too.
    #[must_use]
    pub fn vocabulary(&self) -> &WordPiece {
        &self.vocabulary
    }

    /// The vector of a text.
    ///
    /// # Errors
    /// When the text has no token that means anything.
    pub fn embed(&self, text: &str) -> Result<Embedding, EmbedError> {
        let mut ids = Vec::with_capacity(HEAD_TOKENS + TAIL_TOKENS);
        self.vocabulary.ids_at_ends(text, HEAD_TOKENS, TAIL_TOKENS, &mut ids);
        let rows = self.rows();
        let mut sums = [0_i16; DIMENSIONS];
        for row in ids.into_iter().filter_map(|id| rows.get(usize::try_from(id).ok()?)) {
            for (sum, byte) in sums.iter_mut().zip(row) {
                *sum += i16::from(byte.cast_signed());
            }
        }
        let scaled = sums.iter().zip(&self.factors).map(|(sum, factor)| f32::from(*sum) * factor);
        Embedding::new(scaled.collect())
    }

    fn rows(&self) -> &[[u8; DIMENSIONS]] {
        let rows = self.bytes.get(self.rows_start..).unwrap_or_default();
        rows.as_chunks().0
    }
}

impl Embedder for StaticTable {
    fn stops(&self) -> &[usize] {
        &self.stops
    }

    fn read(
        &self,
        text: &str,
        _enough: &mut dyn FnMut(&[f32]) -> bool,
    ) -> Result<Features, EmbedError> {
        self.embed(text).map(Features::from)
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for StaticTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticTable")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Parts<'_> {
    /// `MAGIC`, the source's hash, the number of entries and the bytes of the vocabulary (u32 each), the factors (f32), the
    /// vocabulary joined by line feeds, the rows (i8), then the SHA-256 of all before. Little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let text = self.vocabulary.join("\n");
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.source.0);
        bytes.extend([length(self.rows.len()), length(text.len())].as_flattened());
        bytes.extend(self.factors.iter().flat_map(|factor| factor.to_le_bytes()));
        bytes.extend(text.bytes());
        bytes.extend(self.rows.iter().flatten().map(|step| step.cast_unsigned()));
        let seal = Sha256::digest(&bytes);
        bytes.extend(seal);
        bytes
    }
}

fn check_seal(bytes: &[u8]) -> Result<(), TableError> {
    let (content, seal) = bytes.split_last_chunk::<HASH>().ok_or(TableError::Length)?;
    if Sha256::digest(content).as_slice() == seal { Ok(()) } else { Err(TableError::Seal) }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], TableError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(TableError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<&'a [u8; N], TableError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TableError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn take_length(&mut self) -> Result<usize, TableError> {
        let length = u32::from_le_bytes(*self.take_array()?);
        usize::try_from(length).map_err(|_narrow| TableError::Length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: Vec<[i8; DIMENSIONS]>) -> Parts<'static> {
        let vocabulary = vec!["[UNK]", "[CLS]", "[SEP]", "up", "right"];
        Parts { source: Digest([7; HASH]), vocabulary, factors: [0.5; DIMENSIONS], rows }
    }

    fn small() -> Vec<u8> {
        let mut rows = vec![[0; DIMENSIONS]; 5];
        (rows[3][0], rows[4][1]) = (127, -127);
        parts(rows).to_bytes()
    }

    #[test]
    fn the_table_in_the_binary_is_whole_and_known() {
        let table = StaticTable::from_bytes(BUILTIN.to_vec()).expect("a whole table");
        assert!(BUILTIN.len() < 12_000_000);
        let hash = Digest(Sha256::digest(BUILTIN).into());
        let provenance = include_str!("../../models/static.toml");
        assert!(provenance.contains(&hash.to_string()), "run `semroute models distill` again");
        let model = super::super::manifest::Manifest::builtin().expect("a manifest");
        let weights = model.find("minilm").expect("the model").weights.sha256;
        assert!(provenance.contains(&weights.to_string()) && table.vocabulary.len() == 30_522);
        assert!(table.fingerprint().starts_with(&format!("static/{}/", weights.short())));
    }

    #[test]
    fn texts_that_mean_alike_are_near() {
        let table = StaticTable::builtin().expect("the table");
        let embed = |text: &str| table.embed(text).expect("a vector");
        let poem = embed("write a poem about the sea");
        let verse = embed("compose verses about the ocean");
        let bug = embed("fix the null pointer in this function");
        assert!(poem.cosine(&verse) > poem.cosine(&bug) + 0.1);
        assert_eq!(poem.as_slice().len(), DIMENSIONS);
        assert!(embed("POEM.").cosine(&embed("poem .")) > 0.999);
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let table = StaticTable::builtin().expect("the table");
        for text in ["", " \n", "\u{1}", &"a".repeat(101)] {
            assert!(matches!(table.embed(text), Err(EmbedError::Degenerate)), "{text:?}");
        }
        let long = "the ".repeat(9_000);
        for text in ["[CLS]", "漢字", "🙂 hi", "x\u{0}y", long.as_str()] {
            assert!(table.embed(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let table = StaticTable::from_bytes(small()).expect("a table");
        let vector = table.embed("up up right").expect("a vector");
        let [up, right] = [vector.as_slice()[0], vector.as_slice()[1]];
        assert!((up / right + 2.0).abs() < 1e-5, "{up} {right}");
        assert!(matches!(table.embed("down"), Err(EmbedError::Degenerate)));
    }

    #[test]
    fn damaged_tables_are_errors() {
        let good = small();
        for cut in 0..good.len() {
            assert!(StaticTable::from_bytes(good[..cut].to_vec()).is_err(), "{cut}");
            assert!(StaticTable::open(Cow::Owned(good[..cut].to_vec())).is_err(), "{cut}");
        }
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x55;
            assert!(StaticTable::from_bytes(bad.clone()).is_err(), "{place}");
            // Without its seal a table may mean something else; it must not break anything.
            drop(StaticTable::open(Cow::Owned(bad)).map(|table| table.embed("up").is_ok()));
        }
        assert!(StaticTable::from_bytes([good, vec![0]].concat()).is_err());
        let odd = parts(vec![[1; DIMENSIONS]; 4]).to_bytes();
        assert!(matches!(StaticTable::from_bytes(odd), Err(TableError::Length)));
        let mut parts = parts(vec![[1; DIMENSIONS]; 5]);
        parts.factors[9] = f32::NAN;
        assert!(matches!(StaticTable::from_bytes(parts.to_bytes()), Err(TableError::Factor)));
    }
}
