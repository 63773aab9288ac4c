//! The local model that reads prompts: text to a unit vector, no network.
//!
//! Libraries for tensors are named in `bert` only. The model lives on its own thread (`reader`), because a forward pass takes
//! milliseconds of pure computation and must not hold up anybody's socket. A glance (`table` and `ngrams`) takes microseconds
//! and needs no thread.

mod bert;
mod distill;
pub mod fetch;
mod glance;
pub mod manifest;
mod ngrams;
mod reader;
mod remote;
mod table;
mod vectors;
mod wordpiece;

use std::sync::Arc;

use thiserror::Error;

pub use bert::{Bert, Chip, LoadError, OnDevice, Reference, WeightsError};
pub use distill::distill;
pub use glance::Glance;
pub use ngrams::{BUCKETS, VERSION as NGRAMS_VERSION, ngrams};
pub use reader::{Enough, Read, Reader, ReaderLimits};
pub use remote::{Ask, Remote};
pub use table::{DIMENSIONS, StaticTable, TableError};
pub use vectors::{OnProgress, on_one_core, read_examples};
pub use wordpiece::{Marks, VocabularyError, WordPiece};

/// A text as a direction: a vector of length 1, finite in every component.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Arc<[f32]>);

impl Embedding {
    /// Scales a vector to length 1.
    ///
    /// # Errors
    /// When a component is not finite, or all are zero: such a vector would be near to everything or to nothing.
    pub fn new(mut vector: Vec<f32>) -> Result<Self, EmbedError> {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !length.is_normal() {
            return Err(EmbedError::Degenerate);
        }
        for x in &mut vector {
            *x /= length;
        }
        Ok(Self(vector.into()))
    }

    /// The components.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Cosine of the angle to another embedding of the same model, from -1 to 1.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0)
    }
}

/// Sum of products, in eight independent sums so that the compiler may use vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (xs, ys) in a_chunks.zip(b_chunks) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// What a text looks like: the taps read so far, each a direction of length 1, one after the other.
///
/// A tap is a place inside a model where its view of the text is taken out. How many there are tells how deep the text was
/// read.
#[derive(Debug, Clone, PartialEq)]
pub struct Features(Arc<[f32]>);

impl Features {
    /// Takes taps that have length 1 each.
    #[must_use]
    pub fn new(taps: Vec<f32>) -> Self {
        Self(taps.into())
    }

    /// The components of all taps.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// How many components were read: one of the embedder's stops.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The deepest tap alone, given where an embedder's taps end.
    ///
    /// # Errors
    /// When it has no direction, which a tap that was read never lacks.
    pub fn deepest(&self, stops: &[usize]) -> Result<Embedding, EmbedError> {
        let start = stops.iter().rev().find(|stop| **stop < self.len()).map_or(0, |stop| *stop);
        Embedding::new(self.0.get(start..).unwrap_or_default().to_vec())
    }
}

impl From<Embedding> for Features {
    /// The features of an embedder that has one tap.
    fn from(only: Embedding) -> Self {
        Self(only.0)
    }
}

/// A model that reads texts. It may take long and is never called on an async thread; several threads may use it at once.
pub trait Embedder: Send + Sync + 'static {
    /// Lengths of the features at every place where reading can stop, growing; at least one.
    fn stops(&self) -> &[usize];

    /// Reads a text. At every stop but the last, `enough` is shown the features so far and may end the reading there.
    ///
    /// # Errors
    /// When the text cannot be tokenized or the model fails; the embedder stays usable.
    fn read(
        &self,
        text: &str,
        enough: &mut dyn FnMut(&[f32]) -> bool,
    ) -> Result<Features, EmbedError>;

    /// Names the model and everything that changes its vectors, such as how texts are cut.
    fn fingerprint(&self) -> &str;

    /// Reads a text to the end.
    ///
    /// # Errors
    /// As [`Embedder::read`].
    fn read_fully(&self, text: &str) -> Result<Features, EmbedError> {
        self.read(text, &mut |_features| false)
    }

    /// The deepest tap of a text.
    ///
    /// # Errors
    /// As [`Embedder::read`].
    fn embed(&self, text: &str) -> Result<Embedding, EmbedError> {
        self.read_fully(text)?.deepest(self.stops())
    }
}

impl Embedder for Box<dyn Embedder> {
    fn stops(&self) -> &[usize] {
        self.as_ref().stops()
    }

    fn read(
        &self,
        text: &str,
        enough: &mut dyn FnMut(&[f32]) -> bool,
    ) -> Result<Features, EmbedError> {
        self.as_ref().read(text, enough)
    }

    fn fingerprint(&self) -> &str {
        self.as_ref().fingerprint()
    }
}

/// Why there is no embedding.
#[derive(Debug, Clone, Error)]
pub enum EmbedError {
    /// More prompts wait than the queue holds.
    #[error("{waiting} prompts are waiting already")]
    Busy {
        /// Length of the queue.
        waiting: usize,
    },
    /// Not in time.
    #[error("no vector within {deadline_ms} ms")]
    Late {
        /// The limit.
        deadline_ms: u128,
    },
    /// The thread that owns the model has ended.
    #[error("the embedder has stopped; restart the gateway")]
    Stopped,
    /// The model or its tokenizer failed.
    #[error("the model failed: {reason}")]
    Model {
        /// In candle's or the tokenizer's words.
        reason: String,
    },
    /// The vector has no direction.
    #[error("the model returned a vector that is zero or not finite")]
    Degenerate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_have_length_one_or_do_not_exist() {
        let embedding = Embedding::new(vec![3.0, 4.0]).expect("a direction");
        assert_eq!(embedding.as_slice(), [0.6, 0.8]);
        assert!(Embedding::new(vec![0.0, 0.0]).is_err());
        assert!(Embedding::new(vec![f32::NAN, 1.0]).is_err());
        assert!(Embedding::new(vec![f32::INFINITY, 1.0]).is_err());
    }

    #[test]
    fn the_deepest_tap_is_the_last_one_read() {
        let features = Features::new(vec![1.0, 0.0, 0.6, 0.8]);
        let deepest = |stops: &[usize]| features.deepest(stops).expect("a direction");
        assert_eq!(deepest(&[2, 4]).as_slice(), [0.6, 0.8]);
        assert_eq!(deepest(&[2, 4, 6]).as_slice(), [0.6, 0.8]);
        assert_eq!(deepest(&[4]).as_slice().len(), 4);
    }

    #[test]
    fn dot_equals_the_plain_sum() {
        let a: Vec<f32> = (0..19_u8).map(f32::from).collect();
        let plain: f32 = a.iter().map(|x| x * x).sum();
        assert!((dot(&a, &a) - plain).abs() < 1e-3);
    }
}
