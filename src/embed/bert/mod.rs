//! A BERT encoder read from the files of its model: tokenize, run the layers in bytes, keep what some of them say.
//!
//! The only folder that names candle: it reads the tensors, and its floats are what the bytes are measured against. Texts go
//! through one at a time: a prompt arrives alone, and without padding there is no mask to apply.

mod fast;
mod reference;
mod shape;
#[cfg(test)]
mod tests;
mod weights;

use std::borrow::Cow;
use std::path::Path;

use parking_lot::Mutex;
use thiserror::Error;
use tokenizers::Tokenizer;

use self::fast::{Encoder, Scratch};
pub use self::reference::Reference;
use self::shape::Shape;
pub use self::weights::WeightsError;
use super::fetch::ModelFiles;
use super::manifest::Model;
use super::{EmbedError, Embedder, Embedding, Features};
use crate::simd::Simd;

/// Changes whenever the same weights give other vectors.
const SCHEME: &str = "bytes-1";
/// Tokens kept from the beginning of a text, the `[CLS]` mark included.
const HEAD_TOKENS: usize = 80;
/// Tokens kept from the end, the `[SEP]` mark included. With 128 in all no accuracy is lost against 256, measured on
/// 2,000 routed prompts, and the slowest text costs half as much.
const TAIL_TOKENS: usize = 48;

/// A loaded model.
pub struct Bert {
    encoder: Encoder,
    tokenizer: Tokenizer,
    prefix: String,
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
    /// The tokenizer cannot be read.
    #[error("cannot read the tokenizer `{path}`: {reason}; run `semroute models verify`")]
    Tokenizer {
        /// The file.
        path: String,
        /// In the tokenizer's words.
        reason: String,
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
        let (prefix, pooling, hash) = (&model.prefix, model.pooling, model.weights.sha256);
        let cut = format!("{HEAD_TOKENS}+{TAIL_TOKENS}");
        Ok(Self {
            encoder,
            tokenizer: load_tokenizer(&files.tokenizer)?,
            prefix: prefix.clone(),
            stops: (1..=taps.len()).map(|taps| taps * shape.width).collect(),
            fingerprint: format!("{hash}/{SCHEME}/{pooling:?}/{taps:?}/{cut}/{prefix}"),
            taps,
            scratches: Mutex::default(),
        })
    }

    /// The ids of a text, cut to the head and the tail of what the model reads.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let text = match self.prefix.as_str() {
            "" => Cow::Borrowed(text),
            prefix => Cow::Owned(format!("{prefix}{text}")),
        };
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| EmbedError::Model { reason: error.to_string() })?;
        let ids = encoding.get_ids();
        match (ids.get(..HEAD_TOKENS), ids.len().checked_sub(TAIL_TOKENS)) {
            (Some(head), Some(tail)) if tail > HEAD_TOKENS => {
                Ok([head, ids.get(tail..).unwrap_or_default()].concat())
            }
            (Some(_) | None, Some(_) | None) => Ok(ids.to_vec()),
        }
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
        self.forward(&self.tokens(text)?, enough)
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

fn load_tokenizer(path: &Path) -> Result<Tokenizer, LoadError> {
    let failed = |reason: String| LoadError::Tokenizer { path: path.display().to_string(), reason };
    let mut tokenizer = Tokenizer::from_file(path).map_err(|error| failed(error.to_string()))?;
    // The published file pads every text to 128 tokens, which costs 70 ms for "hi", and cuts off the end of long ones.
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| failed(error.to_string()))?;
    Ok(tokenizer)
}
