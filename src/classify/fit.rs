//! What is fitted to examples: the views of a text, how much each of them weighs at each depth, and the bars between depths.
//!
//! A text is first looked at by its form and by what its words mean (a glance), and then, where that is not clear enough, read
//! by the model, whose view can be taken at several stops. Each view is regressed on the labels (`space`, `form`); the scores
//! of all views that a depth has are blended into one place (`blend`), and places are where neighbours are looked for.

use serde::{Deserialize, Serialize};

use super::bars::{Bar, Sides, Verdict};
use super::blend::{Weights, weigh};
use super::form::Form;
use super::matrix::Matrix;
use super::outlier::{Ranks, by_place};
use super::poll::{Poll, narrow, softmax};
use super::ridge::Labels;
use super::space::Space;
use super::taps::Taps;
use crate::config::Vote;
use crate::embed::{BUCKETS, Features, Glance};
use crate::index::IndexError;
use crate::simd::Simd;

/// Changes whenever the same examples give another fit.
pub const FIT_VERSION: u32 = 4;
/// Landmarks of the glance's words: what they cost is a third of a glance. 512 lose two points of this view alone.
const GLANCE_LANDMARKS_MAX: usize = 1_024;
/// Landmarks of the model's views: what they cost is nothing beside the model. 1,024 lose a quarter of a point.
const DEEP_LANDMARKS_MAX: usize = 2_048;
/// Fewest examples of which a fit tells more than the features themselves.
const EXAMPLES_MIN: usize = 16;

/// Examples to fit to, and how they are to be used.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// What is seen of each at a glance.
    pub glances: &'a [Glance],
    /// What the model reads in each; empty when there is only the glance.
    pub features: &'a [&'a Features],
    /// Where the model's reading can stop; empty when there is only the glance.
    pub stops: &'a [usize],
    /// The label of each.
    pub labels: &'a [usize],
    /// What each is known by outside; several may be parts of one.
    pub names: &'a [usize],
    /// What the labels stand for.
    pub sides: &'a Sides,
    /// How neighbours vote.
    pub vote: Vote,
    /// Whether a shallow reading may be the last one.
    pub may_stop: bool,
}

/// Everything that decides, as it can be kept in a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Fit {
    pub(super) sides: Sides,
    pub(super) labels: Vec<usize>,
    pub(super) names: Vec<usize>,
    pub(super) vote: Vote,
    /// Lengths of the features by depth; the glance has none.
    pub(super) stops: Vec<usize>,
    pub(super) views: Option<Views>,
    /// How features are made places, where there are no views.
    pub(super) bare: Taps,
    /// By depth, the places of the examples. Without views only the deepest.
    pub(super) places: Vec<Matrix>,
}

/// Every view, and what is made of them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Views {
    form: Form,
    table: Space,
    deep: Vec<Space>,
    /// By depth.
    weights: Vec<Weights>,
    /// Of the deepest place and of its neighbours' vote.
    pub(super) poll: Poll,
    /// By depth, how far out the examples are.
    pub(super) ranks: Vec<Ranks>,
    /// By depth, without the deepest. Empty when every text is read to the end.
    pub(super) bars: Vec<Bar>,
}

/// What a glance says of the labels: a part of every later place.
#[derive(Debug, Clone, PartialEq)]
pub struct Glanced {
    form: Vec<f32>,
    table: Vec<f32>,
}

impl Fit {
    /// Fits everything. With too few examples, or only one label, features are places, and neighbours decide alone.
    ///
    /// # Errors
    /// When an example cannot be compared with the others.
    pub fn new(examples: &Examples<'_>) -> Result<Self, IndexError> {
        let count = examples.sides.of_label.len();
        let is_enough = examples.labels.len() >= EXAMPLES_MIN && count > 1;
        let fitted = if is_enough { Seen::fit(examples, count) } else { None };
        let (views, bare, places) = match fitted {
            Some(seen) => {
                let (views, places) = seen.blend(examples, count)?;
                (Some(views), Taps::default(), places)
            }
            None => {
                let (taps, deepest) = bare(examples);
                (None, taps, vec![deepest])
            }
        };
        Ok(Self {
            sides: examples.sides.clone(),
            labels: examples.labels.to_vec(),
            names: examples.names.to_vec(),
            vote: examples.vote,
            stops: examples.stops.to_vec(),
            views,
            bare,
            places,
        })
    }

    /// The places of the examples as far down as texts are read.
    #[must_use]
    pub fn deepest_places(&self) -> Vec<&[f32]> {
        self.places.last().map_or_else(Vec::new, |places| places.rows().collect())
    }
}

/// Features as they are, without what all have in common: the model's, or else the glance's.
fn bare(examples: &Examples<'_>) -> (Taps, Matrix) {
    let rows: Vec<&[f32]> = match examples.features {
        [] => examples.glances.iter().map(|glance| glance.meaning.as_slice()).collect(),
        features => features.iter().map(|features| features.as_slice()).collect(),
    };
    let width = [rows.first().map_or(0, |row| row.len())];
    let stops = if examples.stops.is_empty() { &width[..] } else { examples.stops };
    let (simd, taps) = (Simd::best(), Taps::fit(Simd::best(), &rows, stops));
    let places = Matrix::of(rows.len(), taps.width(), |at, row| {
        row.copy_from_slice(rows[at]);
        taps.prepare(simd, row);
    });
    (taps, places)
}

/// The views, each with the scores that the examples would have had, had they not been among them.
struct Seen {
    form: (Form, Matrix),
    table: (Space, Matrix),
    deep: Vec<(Space, Matrix)>,
}

impl Seen {
    fn fit(examples: &Examples<'_>, count: usize) -> Option<Self> {
        let labels = Labels { of: examples.labels, count };
        let counts: Vec<&[(u32, f32)]> =
            examples.glances.iter().map(|glance| glance.form.as_slice()).collect();
        let meanings: Vec<&[f32]> =
            examples.glances.iter().map(|glance| glance.meaning.as_slice()).collect();
        let features: Vec<&[f32]> = examples.features.iter().map(|each| each.as_slice()).collect();
        let width = meanings.first().map_or(0, |meaning| meaning.len());
        let deep = (1..=examples.stops.len())
            .map(|taps| Space::fit(&features, &examples.stops[..taps], labels, DEEP_LANDMARKS_MAX));
        Some(Self {
            form: Form::fit(&counts, BUCKETS, labels)?,
            table: Space::fit(&meanings, &[width], labels, GLANCE_LANDMARKS_MAX)?,
            deep: deep.collect::<Option<_>>()?,
        })
    }

    /// Finds weights and bars on the examples' scores.
    fn blend(
        self,
        examples: &Examples<'_>,
        count: usize,
    ) -> Result<(Views, Vec<Matrix>), IndexError> {
        let labels = Labels { of: examples.labels, count };
        let (mut weights, mut places) = (Vec::new(), Vec::new());
        for depth in 0..=self.deep.len() {
            let deep =
                depth.checked_sub(1).and_then(|at| self.deep.get(at)).map(|(_, scores)| scores);
            let views: Vec<&Matrix> =
                [&self.form.1, &self.table.1].into_iter().chain(deep).collect();
            let found = weigh(&views, labels);
            places.push(Matrix::of(examples.labels.len(), count, |at, place| {
                blended(&found, views.iter().map(|view| view.row(at)), place);
            }));
            weights.push(found);
        }
        let deepest = places.last().map_or_else(Matrix::default, Matrix::clone);
        let (poll, polled) = Poll::fit(&deepest, labels, examples.vote)?;
        let shallow = places.iter().rev().skip(1).rev();
        let mut ranks: Vec<Ranks> =
            shallow.map(|lie| Ranks::of(lie.rows().map(by_place).collect())).collect();
        ranks.push(Ranks::of(polled.outliers));
        let shares = polled.shares;
        let bars = if examples.may_stop { bars(&places, &shares, examples) } else { Vec::new() };
        let deep = self.deep.into_iter().map(|(space, _)| space).collect();
        let (form, table) = (self.form.0, self.table.0);
        Ok((Views { form, table, deep, weights, poll, ranks, bars }, places))
    }
}

/// The bars of all depths but the deepest, which decides by `shares`.
fn bars(places: &[Matrix], shares: &Matrix, examples: &Examples<'_>) -> Vec<Bar> {
    let sides = examples.sides;
    let right: Vec<usize> = examples
        .labels
        .iter()
        .map(|label| sides.of_label.get(*label).copied().unwrap_or(0))
        .collect();
    let deepest: Vec<Verdict> = shares.rows().map(|shares| sides.verdict(shares)).collect();
    let shallow = places.iter().rev().skip(1).rev();
    let bar = |lie: &Matrix| {
        let here: Vec<Verdict> =
            lie.rows().map(|place| sides.verdict(&softmax(place.to_vec()))).collect();
        Bar::fit(sides, &here, &deepest, &right)
    };
    shallow.map(bar).collect()
}

/// Views' scores as one place.
fn blended<'a>(weights: &Weights, views: impl Iterator<Item = &'a [f32]>, place: &mut [f32]) {
    for (weight, view) in weights.iter().zip(views) {
        Simd::best().add(place, view, narrow(*weight));
    }
}

impl Views {
    pub(super) fn glance(&self, glance: &Glance) -> Glanced {
        Glanced { form: self.form.scores(&glance.form), table: self.table.scores(&glance.meaning) }
    }

    /// Where a text lies, seen at a glance or, at depths from 1, by what the model read of it.
    pub(super) fn place(&self, glanced: &Glanced, depth: usize, features: &[f32]) -> Vec<f32> {
        let deep = depth.checked_sub(1).and_then(|at| self.deep.get(at));
        let deep = deep.map(|space| space.scores(features));
        let views = [glanced.form.as_slice(), &glanced.table].into_iter().chain(deep.as_deref());
        let mut place = vec![0.0; glanced.form.len()];
        if let Some(weights) = self.weights.get(depth) {
            blended(weights, views, &mut place);
        }
        place
    }
}
