//! Makes an encoder in bytes from the floats of a model's file, a tensor at a time.
//!
//! Some channels of a normalised row are ten times as loud as the others, whatever the text (28 against 1.6 before the first
//! feed-forward part of all-MiniLM-L6-v2), and would alone decide the step of a row's bytes. So a probe runs through the layers
//! that are there already, before the next one is made: channels are divided by the root of their loudness, and the weights
//! that read them multiplied by it. That brings the mean cosine to the floats' vectors from 0.9983 to 0.9990.

use std::path::Path;

use super::attention::Heads;
use super::pack::{Inputs, Linear};
use super::product::Panels;
use super::rows::Norm;
use super::{Encoder, Layer, Scratch, Words, to_f32};
use crate::embed::bert::shape::Shape;
use crate::embed::bert::weights::{Weights, WeightsError};
use crate::embed::manifest::Pooling;
use crate::simd::{Floats, LANES, Simd, nearest};

/// Tokens of the probe, spread over the whole vocabulary.
const PROBE_TOKENS: usize = 32;
/// Channels count as at least this loud, against the average.
const QUIET: f32 = 0.1;
/// Fractions of an octave to which tapers are rounded, so that all processors make the same bytes of a weight.
const TAPER_STEPS: f32 = 8.0;
/// Rows of the word table that are read at a time.
const WORDS_AT_A_TIME: usize = 2_048;
/// Largest magnitude of a byte of the word table.
const LARGEST_WORD_BYTE: f32 = 127.0;

impl Encoder {
    /// Reads a model's file.
    pub(in crate::embed::bert) fn load(
        path: &Path,
        shape: &Shape,
        pooling: Pooling,
        simd: Simd,
    ) -> Result<Self, WeightsError> {
        shape.check()?;
        let mut loader =
            Loader { weights: Weights::open(path)?, shape, simd, scratch: Scratch::default() };
        std::thread::scope(|scope| {
            // Half of the file is the word table, which waits for nothing.
            let words = scope.spawn(|| Words::load(&mut Weights::open(path)?, shape));
            let (layers, norm, positions) = loader.layers()?;
            let words = words.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            let heads = loader.heads();
            Ok(Self { simd, heads, words, positions, layers, norm, pooling })
        })
    }
}

struct Loader<'a> {
    weights: Weights,
    shape: &'a Shape,
    simd: Simd,
    /// What the probe has become so far.
    scratch: Scratch,
}

impl Loader<'_> {
    fn heads(&self) -> Heads {
        Heads { count: self.shape.heads, width: self.shape.width / self.shape.heads }
    }

    fn layers(&mut self) -> Result<(Vec<Layer>, Norm, Vec<f32>), WeightsError> {
        let positions = self.positions()?;
        self.start_probe(&positions)?;
        let mut norm = self.norm("embeddings.LayerNorm")?;
        let mut layers = Vec::with_capacity(self.shape.layers);
        for number in 0..self.shape.layers {
            let next = self.norm(&format!("encoder.layer.{number}.output.LayerNorm"))?;
            layers.push(self.layer(number, std::mem::replace(&mut norm, next))?);
        }
        Ok((layers, norm, positions))
    }

    /// All texts here are of the first type, so its part is added to every position.
    fn positions(&mut self) -> Result<Vec<f32>, WeightsError> {
        let Shape { width, positions, types, .. } = *self.shape;
        let first =
            self.weights.floats("embeddings.token_type_embeddings.weight", &[types, width])?;
        let name = "embeddings.position_embeddings.weight";
        let mut all = self.weights.floats(name, &[positions, width])?;
        for position in all.chunks_exact_mut(width) {
            position.iter_mut().zip(&first).for_each(|(x, y)| *x += y);
        }
        Ok(all)
    }

    fn start_probe(&mut self, positions: &[f32]) -> Result<(), WeightsError> {
        let Shape { width, words, .. } = *self.shape;
        let tokens = PROBE_TOKENS.min(words).min(positions.len() / width);
        for (token, position) in (0..tokens).zip(positions.chunks_exact(width)) {
            let word = token * words / tokens;
            let row = self.weights.rows(WORD_TABLE, &[words, width], word..word + 1)?;
            self.scratch.hidden.extend(row.iter().zip(position).map(|(x, y)| x + y));
        }
        Ok(())
    }

    fn norm(&mut self, name: &str) -> Result<Norm, WeightsError> {
        let mut part = |part: &str| {
            let floats = self.weights.floats(&format!("{name}.{part}"), &[self.shape.width])?;
            Ok::<Vec<Floats>, WeightsError>(floats.as_chunks().0.to_vec())
        };
        let (gain, offset) = (part("weight")?, part("bias")?);
        Ok(Norm { tapered: gain.clone(), gain, offset, epsilon: self.shape.epsilon })
    }

    fn layer(&mut self, number: usize, norm: Norm) -> Result<Layer, WeightsError> {
        let name = format!("encoder.layer.{number}");
        let middle_norm = self.norm(&format!("{name}.attention.output.LayerNorm"))?;
        let mut layer = Layer {
            norm,
            joined: Panels::new(0),
            mixed: Panels::new(0),
            middle_norm,
            widen: Panels::new(0),
            narrow: Panels::new(0),
        };
        self.attention(&name, &mut layer)?;
        self.feed_forward(&name, &mut layer)?;
        Ok(layer)
    }

    fn attention(&mut self, name: &str, layer: &mut Layer) -> Result<(), WeightsError> {
        let width = self.shape.width;
        let part = |part: &str| format!("{name}.attention.{part}");
        let taper = layer.norm.fit(&self.scratch.hidden);
        let inputs = Inputs { offset: layer.norm.offset.as_flattened(), taper: &taper };
        // Scores are exponents of two, and grow with the root of a head's width: queries make good for both.
        let factor = std::f32::consts::LOG2_E / to_f32(self.heads().width).sqrt();
        let parts =
            [(part("self.query"), factor), (part("self.key"), 1.0), (part("self.value"), 1.0)];
        layer.joined = self.panels(&parts, [width, width], inputs)?;
        let mixed = [(part("output.dense"), 1.0)];
        layer.mixed = self.panels(&mixed, [width, width], Inputs::default())?;
        self.scratch.normalise(self.simd, &layer.norm);
        layer.attend(self.simd, self.heads(), &mut self.scratch);
        Ok(())
    }

    fn feed_forward(&mut self, name: &str, layer: &mut Layer) -> Result<(), WeightsError> {
        let Shape { width, inner, .. } = *self.shape;
        let taper = layer.middle_norm.fit(&self.scratch.hidden);
        let inputs = Inputs { offset: layer.middle_norm.offset.as_flattened(), taper: &taper };
        let widen = [(format!("{name}.intermediate.dense"), 1.0)];
        layer.widen = self.panels(&widen, [inner, width], inputs)?;
        let narrow = [(format!("{name}.output.dense"), 1.0)];
        layer.narrow = self.panels(&narrow, [width, inner], Inputs::default())?;
        self.scratch.normalise(self.simd, &layer.middle_norm);
        layer.feed(self.simd, &mut self.scratch);
        Ok(())
    }

    /// Linear layers side by side, each with what its outputs are multiplied by.
    fn panels(
        &mut self,
        parts: &[(String, f32)],
        [outputs, depth]: [usize; 2],
        inputs: Inputs<'_>,
    ) -> Result<Panels, WeightsError> {
        let mut panels = Panels::new(depth);
        for (name, factor) in parts {
            let weights = self.weights.floats(&format!("{name}.weight"), &[outputs, depth])?;
            let bias = self.weights.floats(&format!("{name}.bias"), &[outputs])?;
            panels.push(Linear { weights: &weights, bias: &bias, factor: *factor }, inputs);
        }
        Ok(panels)
    }
}

const WORD_TABLE: &str = "embeddings.word_embeddings.weight";

impl Words {
    fn load(weights: &mut Weights, shape: &Shape) -> Result<Self, WeightsError> {
        let Shape { words, width, .. } = *shape;
        let mut table = Self::default();
        for start in (0..words).step_by(WORDS_AT_A_TIME) {
            let range = start..words.min(start + WORDS_AT_A_TIME);
            for row in weights.rows(WORD_TABLE, &[words, width], range)?.chunks_exact(width) {
                let largest = row.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                let step = (largest / LARGEST_WORD_BYTE).max(f32::MIN_POSITIVE);
                let inverse = 1.0 / step;
                let bytes = row.iter().map(|x| nearest(x * inverse).to_le_bytes()[0].cast_signed());
                table.bytes.extend(bytes);
                table.steps.push(step);
            }
        }
        Ok(table)
    }
}

impl Norm {
    pub(super) fn width(&self) -> usize {
        self.gain.len() * LANES
    }

    /// Settles how loud channels are turned down by what the probe looks like here, and returns what each is divided by.
    fn fit(&mut self, hidden: &[f32]) -> Vec<f32> {
        let width = self.width();
        let mut loudness = vec![0.0_f32; width];
        for row in hidden.chunks_exact(width) {
            let mean = row.iter().sum::<f32>() / to_f32(width);
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / to_f32(width);
            let inverse = 1.0 / (variance + self.epsilon).sqrt();
            let gains = self.gain.as_flattened();
            for ((loudest, x), gain) in loudness.iter_mut().zip(row).zip(gains) {
                *loudest = loudest.max(((x - mean) * inverse * gain).abs());
            }
        }
        let average = loudness.iter().sum::<f32>() / to_f32(width);
        let taper = loudness.into_iter().map(|loudness| {
            let octaves = 0.5 * (loudness / average).max(QUIET).log2();
            ((octaves * TAPER_STEPS).round() / TAPER_STEPS).exp2()
        });
        let taper: Vec<f32> = taper.collect();
        let tapered = self.tapered.as_flattened_mut().iter_mut().zip(self.gain.as_flattened());
        tapered.zip(&taper).for_each(|((tapered, gain), taper)| *tapered = gain / taper);
        taper
    }
}
