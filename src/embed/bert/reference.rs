//! The forward pass in 32-bit floats on candle: slow and exact, what the one in bytes is measured against.

use candle_core::{DType, Device, IndexOp, Module, Result, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, VarBuilder, embedding, layer_norm, linear, ops};

use super::LoadError;
use super::shape::Shape;
use super::weights::{Weights, WeightsError};
use crate::embed::EmbedError;
use crate::embed::fetch::ModelFiles;
use crate::embed::manifest::{Model, Pooling};

/// The place of a text's first token, behind the mark that begins a text.
const AFTER_THE_MARK: u32 = 1;

/// A BERT encoder whose layers can be looked at one after the other.
pub struct Reference {
    words: Embedding,
    positions: Embedding,
    types: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooling: Pooling,
    device: Device,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    mixed: Linear,
    mixed_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    norm: LayerNorm,
    heads: usize,
}

impl Reference {
    /// Loads a model from files that have been verified.
    ///
    /// # Errors
    /// Names the file that cannot be used, and the remedy.
    pub fn load(files: &ModelFiles, model: &Model) -> std::result::Result<Self, LoadError> {
        Self::load_on(files, model, &Device::Cpu)
    }

    /// The same on any device.
    ///
    /// # Errors
    /// Names the file that cannot be used, and the remedy.
    pub(super) fn load_on(
        files: &ModelFiles,
        model: &Model,
        device: &Device,
    ) -> std::result::Result<Self, LoadError> {
        let shape = Shape::read(&files.config)?;
        let load = || -> std::result::Result<Self, WeightsError> {
            let tensors = Weights::open(&files.weights)?.all()?;
            let tensors = VarBuilder::from_tensors(tensors, DType::F32, device);
            Ok(Self::from_tensors(&shape, model.pooling, &tensors)?)
        };
        load().map_err(|source| LoadError::weights(&files.weights, source))
    }

    pub(super) fn from_tensors(
        shape: &Shape,
        pooling: Pooling,
        tensors: &VarBuilder<'_>,
    ) -> Result<Self> {
        let (width, epsilon) = (shape.width, f64::from(shape.epsilon));
        let from = tensors.pp("embeddings");
        let layer =
            |number: usize| Layer::load(shape, &tensors.pp(format!("encoder.layer.{number}")));
        Ok(Self {
            words: embedding(shape.words, width, from.pp("word_embeddings"))?,
            positions: embedding(shape.positions, width, from.pp("position_embeddings"))?,
            types: embedding(shape.types, width, from.pp("token_type_embeddings"))?,
            norm: layer_norm(width, epsilon, from.pp("LayerNorm"))?,
            layers: (0..shape.layers).map(layer).collect::<Result<_>>()?,
            pooling,
            device: tensors.device().clone(),
        })
    }

    /// Runs the layers one after the other, from 1, and hands over each one's view of the text until `go_on` declines.
    ///
    /// # Errors
    /// When candle fails.
    pub fn forward(
        &self,
        ids: &[u32],
        go_on: &mut dyn FnMut(usize, Vec<f32>) -> bool,
    ) -> std::result::Result<(), EmbedError> {
        self.run(ids, go_on).map_err(|error| EmbedError::Model { reason: error.to_string() })
    }

    /// What the embedding layer makes of tokens that stand alone, one after the other; no layer mixes them.
    ///
    /// # Errors
    /// When candle fails.
    pub fn lone(&self, ids: &[u32]) -> std::result::Result<Vec<f32>, EmbedError> {
        let views = || {
            let ids = Tensor::new(ids, &self.device)?;
            let first = Tensor::full(AFTER_THE_MARK, ids.shape(), &self.device)?;
            self.embed(&ids, &first)?.flatten_all()?.to_vec1()
        };
        views().map_err(|error: candle_core::Error| EmbedError::Model { reason: error.to_string() })
    }

    fn embed(&self, ids: &Tensor, places: &Tensor) -> Result<Tensor> {
        let (words, types) = (self.words.forward(ids)?, self.types.forward(&ids.zeros_like()?)?);
        self.norm.forward(&((words + types)? + self.positions.forward(places)?)?)
    }

    fn run(&self, ids: &[u32], go_on: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<()> {
        let ids = Tensor::new(ids, &self.device)?;
        let places = Tensor::arange(0, u32::try_from(ids.elem_count())?, &self.device)?;
        let mut hidden = self.embed(&ids, &places)?;
        for (number, layer) in (1..).zip(&self.layers) {
            hidden = layer.forward(&hidden)?;
            let view = match self.pooling {
                Pooling::Mean => hidden.mean(0)?,
                Pooling::Cls => hidden.i(0)?,
            };
            if !go_on(number, view.to_vec1()?) {
                break;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reference").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

impl Layer {
    fn load(shape: &Shape, from: &VarBuilder<'_>) -> Result<Self> {
        let (width, inner, epsilon) = (shape.width, shape.inner, f64::from(shape.epsilon));
        let (attention, output) = (from.pp("attention"), from.pp("output"));
        let square = |name: &str| linear(width, width, attention.pp(name));
        Ok(Self {
            query: square("self.query")?,
            key: square("self.key")?,
            value: square("self.value")?,
            mixed: square("output.dense")?,
            mixed_norm: layer_norm(width, epsilon, attention.pp("output.LayerNorm"))?,
            widen: linear(width, inner, from.pp("intermediate.dense"))?,
            narrow: linear(inner, width, output.pp("dense"))?,
            norm: layer_norm(width, epsilon, output.pp("LayerNorm"))?,
            heads: shape.heads,
        })
    }

    fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let mixed = self.mixed.forward(&self.attend(hidden)?)?;
        let hidden = self.mixed_norm.forward(&(mixed + hidden)?)?;
        let inner = self.widen.forward(&hidden)?.gelu_erf()?;
        self.norm.forward(&(self.narrow.forward(&inner)? + hidden)?)
    }

    fn attend(&self, hidden: &Tensor) -> Result<Tensor> {
        let (tokens, width) = hidden.dims2()?;
        let by_head = |part: &Linear| {
            let split = part.forward(hidden)?.reshape((tokens, self.heads, width / self.heads))?;
            split.transpose(0, 1)?.contiguous()
        };
        let (query, key, value) =
            (by_head(&self.query)?, by_head(&self.key)?, by_head(&self.value)?);
        let scale = 1.0 / f64::from(u32::try_from(width / self.heads)?).sqrt();
        let scores = (query.matmul(&key.t()?)? * scale)?;
        let mixed = ops::softmax_last_dim(&scores)?.matmul(&value)?;
        mixed.transpose(0, 1)?.reshape((tokens, width))
    }
}
