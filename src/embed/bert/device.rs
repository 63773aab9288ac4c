//! The model in floats on a device of candle's, for machines with a graphics processor and a fleet's traffic on one of them.
//!
//! Everywhere else the pass in bytes is faster: one text at a time leaves a graphics processor idle.

use candle_core::Device;

use super::reference::Reference;
use super::tokens::Tokens;
use super::{LoadError, read_vocabulary};
use crate::embed::fetch::ModelFiles;
use crate::embed::manifest::Model;
use crate::embed::{EmbedError, Embedder, Embedding, Features};

/// Changes whenever the same weights give other vectors.
const SCHEME: &str = "floats-1";

/// A processor that floats are computed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chip {
    /// The processor itself, to test with.
    Cpu,
    /// The first graphics processor, by CUDA.
    Cuda,
    /// The first graphics processor, by Metal.
    Metal,
}

impl Chip {
    fn open(self) -> candle_core::Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda => Device::new_cuda(0),
            Self::Metal => Device::new_metal(0),
        }
    }

    /// Whether this program was built for it.
    #[must_use]
    pub fn is_built(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Metal => cfg!(feature = "metal"),
        }
    }
}

/// A model on a device.
pub struct OnDevice {
    model: Reference,
    tokens: Tokens,
    taps: Vec<usize>,
    stops: Vec<usize>,
    fingerprint: String,
}

impl OnDevice {
    /// Loads a model from files that have been verified.
    ///
    /// # Errors
    /// Names the file that cannot be used, or says that there is no such device.
    pub fn load(files: &ModelFiles, model: &Model, chip: Chip) -> Result<Self, LoadError> {
        let device =
            chip.open().map_err(|error| LoadError::Device { reason: error.to_string() })?;
        let tokens = Tokens::new(read_vocabulary(&files.tokenizer)?, &model.prefix);
        let (hash, pooling, taps) = (model.weights.sha256, model.pooling, model.taps.clone());
        let fingerprint = format!("{hash}/{SCHEME}/{pooling:?}/{taps:?}/{}", tokens.scheme());
        Ok(Self {
            model: Reference::load_on(files, model, &device)?,
            tokens,
            stops: (1..=taps.len()).map(|taps| taps * model.dimensions).collect(),
            taps,
            fingerprint,
        })
    }
}

impl Embedder for OnDevice {
    fn stops(&self) -> &[usize] {
        &self.stops
    }

    fn read(
        &self,
        text: &str,
        enough: &mut dyn FnMut(&[f32]) -> bool,
    ) -> Result<Features, EmbedError> {
        let mut features = Ok(Vec::new());
        self.model.forward(&self.tokens.of(text), &mut |layer, view| {
            let is_last = self.taps.last() == Some(&layer);
            if self.taps.contains(&layer) {
                match (&mut features, Embedding::new(view)) {
                    (Ok(so_far), Ok(tap)) => so_far.extend_from_slice(tap.as_slice()),
                    (_, Err(error)) => features = Err(error),
                    (Err(_), Ok(_)) => {}
                }
                return !is_last && features.as_ref().is_ok_and(|so_far| !enough(so_far));
            }
            true
        })?;
        features.map(Features::new)
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for OnDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnDevice").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
