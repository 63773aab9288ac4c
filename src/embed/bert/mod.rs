//! A BERT encoder read from the files of its model: tokenize, run the layers in bytes, keep what some of them say.
//!
//! The only folder that names candle: it reads the tensors, and its floats are what the bytes are measured against. Texts go
//! through one at a time: a prompt arrives alone, and without padding there is no mask to apply.

mod device;
mod fast;
mod reference;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;
mod weights;

use std::path::Path;

use parking_lot::Mutex;
use thiserror::Error;

pub use self::device::{Chip, OnDevice};
use self::fast::{Encoder, Scratch};
pub use self::reference::Reference;
use self::shape::Shape;
use self::tokens::Tokens;
pub use self::weights::WeightsError;
use super::fetch::ModelFiles;
use super::manifest::Model;
use super::wordpiece::{VocabularyError, WordPiece};
use super::{EmbedError, Embedder, Embedding, Features};
use crate::simd::Simd;

/// Changes whenever the same weights give other vectors.
const SCHEME: &str = "bytes-1";
/// A loaded model.
pub struct Bert {
    encoder: Encoder,
    tokens: Tokens,
    /// Layers, counted from 1, whose view is kept. A middle one knows what kind of task a text is, the last one what it is
    /// about; reading may stop at any of them.
    taps: Vec<usize>,
    stops: Vec<usize>,
    fingerprint: String,
    /// Of those who are not reading right now.
    scratches: Mutex<Vec<Scratch>>,
}

/// Why a model cannot be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read `{path}`; run `semroute models pull`")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The weights are not this model's.
    #[error("the weights `{path}` are not those of the model; run `semroute models verify`")]
    Weights {
        /// The file.
        path: String,
        /// What is wrong with them.
        #[source]
        source: WeightsError,
    },
    /// The architecture cannot be read.
    #[error("cannot read the architecture `{path}`; run `semroute models verify`")]
    Architecture {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// There is no such device.
    #[error("no such device: {reason}; build with its feature, or write `device: cpu`")]
    Device {
        /// In candle's words.
        reason: String,
    },
    /// The tokenizer cannot be read.
    #[error("cannot use the tokenizer `{path}`; run `semroute models verify`")]
    Tokenizer {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: VocabularyError,
    },
}

impl Bert {
    /// Loads a model from files that have been verified, to run on some instruction set.
    ///
    /// # Errors
    /// Names the file that cannot be used, and the remedy.
    pub fn load(files: &ModelFiles, model: &Model, simd: Simd) -> Result<Self, LoadError> {
        let (shape, taps) = (Shape::read(&files.config)?, model.taps.clone());
        let encoder = Encoder::load(&files.weights, &shape, model.pooling, simd);
        let encoder = encoder.map_err(|source| LoadError::weights(&files.weights, source))?;
        let (pooling, hash) = (model.pooling, model.weights.sha256);
        let tokens = Tokens::new(read_vocabulary(&files.tokenizer)?, &model.prefix);
        Ok(Self {
            encoder,
            stops: (1..=taps.len()).map(|taps| taps * shape.width).collect(),
            fingerprint: format!("{hash}/{SCHEME}/{pooling:?}/{taps:?}/{}", tokens.scheme()),
            tokens,
            taps,
            scratches: Mutex::default(),
        })
    }

    /// The ids of a text between the model's marks, cut to the head and the tail of what the model reads.
    #[must_use]
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokens.of(text)
    }

    /// The bare forward pass over tokens; `enough` may end it as in [`Embedder::read`].
    ///
    /// # Errors
    /// When a token has no place in the model, or what comes out has no direction.
    pub fn forward(
        &self,
        ids: &[u32],
        enough: &mut dyn FnMut(&[f32]) -> bool,
    ) -> Result<Features, EmbedError> {
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        let mut features = Ok(Vec::new());
        let ran = self.encoder.forward(ids, &mut scratch, &mut |layer, view| {
            if !self.taps.contains(&layer) {
                return true;
            }
            features = std::mem::replace(&mut features, Err(EmbedError::Degenerate)).and_then(
                |mut so_far| {
                    so_far.extend_from_slice(Embedding::new(view)?.as_slice());
                    Ok(so_far)
                },
            );
            let is_last = self.taps.last() == Some(&layer);
            !is_last && features.as_ref().is_ok_and(|so_far| !enough(so_far))
        });
        self.scratches.lock().push(scratch);
        ran.map_err(|error| EmbedError::Model { reason: error.to_string() })?;
        features.map(Features::new)
    }
}

impl Embedder for Bert {
    fn stops(&self) -> &[usize] {
        &self.stops
    }

    fn read(
        &self,
        text: &str,
        enough: &mut dyn FnMut(&[f32]) -> bool,
    ) -> Result<Features, EmbedError> {
        self.forward(&self.tokens(text), enough)
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for Bert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bert").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path)
        .map_err(|source| LoadError::Read { path: path.display().to_string(), source })
}

impl LoadError {
    fn weights(path: &Path, source: WeightsError) -> Self {
        Self::Weights { path: path.display().to_string(), source }
    }
}

fn read_vocabulary(path: &Path) -> Result<WordPiece, LoadError> {
    WordPiece::from_json(&read(path)?)
        .map_err(|source| LoadError::Tokenizer { path: path.display().to_string(), source })
}
