//! The architecture's constants, as the model's own `config.json` states them.

use std::path::Path;

use serde::Deserialize;

use super::weights::WeightsError;
use super::{LoadError, read};
use crate::simd::LANES;

/// What `config.json` says; keys that change nothing here are passed over.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "vocab_size")]
    pub(super) words: usize,
    #[serde(rename = "hidden_size")]
    pub(super) width: usize,
    #[serde(rename = "num_hidden_layers")]
    pub(super) layers: usize,
    #[serde(rename = "num_attention_heads")]
    pub(super) heads: usize,
    #[serde(rename = "intermediate_size")]
    pub(super) inner: usize,
    #[serde(rename = "max_position_embeddings")]
    pub(super) positions: usize,
    #[serde(rename = "type_vocab_size")]
    pub(super) types: usize,
    #[serde(rename = "layer_norm_eps")]
    pub(super) epsilon: f32,
    /// Read only so that another activation is refused.
    #[serde(rename = "hidden_act")]
    pub(super) _activation: Activation,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Activation {
    Gelu,
}

impl Shape {
    pub(super) fn read(path: &Path) -> Result<Self, LoadError> {
        serde_json::from_slice(&read(path)?)
            .map_err(|source| LoadError::Architecture { path: path.display().to_string(), source })
    }

    /// Whether the kernels can work in lanes all through.
    pub(super) fn check(&self) -> Result<(), WeightsError> {
        let heads = self.heads.max(1);
        let sizes =
            [("hidden_size", self.width, LANES * heads), ("intermediate_size", self.inner, LANES)];
        let uneven = sizes.into_iter().find(|(_, size, of)| *size == 0 || size % of != 0);
        uneven.map_or(Ok(()), |(what, size, of)| Err(WeightsError::Size { what, size, of }))
    }
}
