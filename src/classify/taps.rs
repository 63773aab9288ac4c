//! The views that a model has of a text at several of its layers, made comparable.

use serde::{Deserialize, Serialize};

use super::matrix::count;
use crate::simd::Simd;

/// How the taps of features are centred and put side by side.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Taps {
    means: Vec<f32>,
    stops: Vec<usize>,
}

impl Taps {
    pub(super) fn fit(simd: Simd, features: &[&[f32]], stops: &[usize]) -> Self {
        let mut means = vec![0.0; stops.last().copied().unwrap_or(0)];
        for row in features {
            simd.add(&mut means, row, 1.0 / count(features.len()));
        }
        Self { means, stops: stops.to_vec() }
    }

    /// Components of all taps together.
    pub(super) fn width(&self) -> usize {
        self.means.len()
    }

    /// Each tap without the mean of the examples, at equal lengths that together make one.
    pub(super) fn prepare(&self, simd: Simd, row: &mut [f32]) {
        simd.add(row, &self.means, -1.0);
        let mut start = 0;
        for stop in &self.stops {
            let tap = &mut row[start..*stop];
            let length = (simd.dot(tap, tap) * count(self.stops.len())).sqrt();
            if length.is_normal() {
                tap.iter_mut().for_each(|value| *value /= length);
            }
            start = *stop;
        }
    }
}
