//! A fit at work: what is seen of a text to shares of labels, as shallow as is clear enough.

use serde::Serialize;

use super::bars::Sides;
use super::fit::{Fit, Glanced};
use super::outlier::{by_neighbours, by_place};
use super::poll::{softmax, votes};
use crate::config::IndexKind;
use crate::embed::Glance;
use crate::index::{Hit, Index, IndexError};
use crate::simd::Simd;

/// Who lies further out than so many of the examples is always read to the end, however clear it seems.
const OUTLIER_MAX: f32 = 0.95;

/// How sure two texts together have to be to lead to a stricter side than the one that decides.
const RAISE_MIN: f32 = 0.5;

/// How deep a text was read before it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Not at all; it was remembered.
    Cache,
    /// By its form and its words alone.
    Glance,
    /// Through the model's first layers.
    Skim,
    /// Through the whole model.
    Full,
}

impl Depth {
    /// As it is written in figures, headers and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Glance => "glance",
            Self::Skim => "skim",
            Self::Full => "full",
        }
    }
}

/// What is said of a text.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// How deep it was read.
    pub depth: Depth,
    /// The same as a number: a glance is 0, and each stop of the model one more.
    pub at: usize,
    /// The share of each label, all together 1.
    pub shares: Vec<f32>,
    /// Where it lies at that depth.
    pub place: Vec<f32>,
    /// Its neighbours, nearest first; nothing yet when it was decided without asking them.
    pub neighbours: Vec<Hit>,
    /// How far it is from everything known: the share of the examples that are less far from all others.
    pub outlier: f32,
}

/// A fit, and the index of each depth.
#[derive(Debug)]
pub struct Classifier {
    fit: Fit,
    indexes: Vec<Index>,
}

impl Classifier {
    /// Puts a fit to work, given the index over its deepest places.
    ///
    /// # Errors
    /// When the places of a shallow depth cannot be compared with each other.
    pub fn new(fit: Fit, deepest: Index) -> Result<Self, IndexError> {
        let shallow = fit.places.iter().rev().skip(1).rev();
        let built = shallow
            .map(|places| Index::build(&places.rows().collect::<Vec<&[f32]>>(), IndexKind::Exact));
        let mut indexes: Vec<Index> = built.collect::<Result<_, _>>()?;
        indexes.push(deepest);
        Ok(Self { fit, indexes })
    }

    /// What a glance says; nothing when there were too few examples to fit anything.
    #[must_use]
    pub fn glance(&self, glance: &Glance) -> Option<Glanced> {
        self.fit.views.as_ref().map(|views| views.glance(glance))
    }

    /// Whether there is no deeper reading than a glance.
    #[must_use]
    pub fn reads_at_a_glance(&self) -> bool {
        self.fit.stops.is_empty()
    }

    /// What is said of a text: after a glance alone, when `features` are empty, or after the model read so much.
    #[must_use]
    pub fn judge(&self, glance: &Glance, glanced: Option<&Glanced>, features: &[f32]) -> Judgement {
        match (&self.fit.views, glanced) {
            (Some(views), Some(glanced)) => {
                let at = self.depth(features.len());
                let place = views.place(glanced, at, features);
                if at + 1 < self.indexes.len() { self.alone(at, place) } else { self.polled(place) }
            }
            (None, _) | (Some(_), None) => {
                let seen = if features.is_empty() { &glance.meaning } else { features };
                self.polled(self.bare(seen))
            }
        }
    }

    /// Whether a shallow reading can ever be the last one.
    #[must_use]
    pub fn may_stop(&self) -> bool {
        self.fit.views.as_ref().is_some_and(|views| !views.bars.is_empty())
    }

    /// Whether a judgement may be the last one, or the text has to be read on.
    #[must_use]
    pub fn is_enough(&self, judgement: &Judgement) -> bool {
        let Some(views) = &self.fit.views else {
            return judgement.place.len() == self.fit.bare.width();
        };
        if judgement.at + 1 == self.indexes.len() {
            return true;
        }
        let verdict = self.fit.sides.verdict(&judgement.shares);
        let bar = views.bars.get(judgement.at);
        judgement.outlier <= OUTLIER_MAX
            && bar.is_some_and(|bar| bar.is_cleared(&self.fit.sides, verdict))
    }

    /// What is said of two texts together, where that leads to a stricter side than the first one, which otherwise decides
    /// alone. Both count alike: shares are multiplied, so that what one of them rules out stays out.
    #[must_use]
    pub fn raised(&self, first: &Judgement, second: &Judgement) -> Option<Judgement> {
        let sides = &self.fit.sides;
        let both = first.shares.iter().zip(&second.shares);
        let mut shares: Vec<f32> = both.map(|(a, b)| (a * b).sqrt()).collect();
        let total: f32 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total.max(f32::MIN_POSITIVE));
        let (from, to) = (sides.verdict(&first.shares), sides.verdict(&shares));
        let is_raised = sides.is_stricter(to.side, from.side) && to.confidence >= RAISE_MIN;
        let deeper = if first.depth > second.depth { first } else { second };
        is_raised.then(|| Judgement { shares, ..deeper.clone() })
    }

    /// The neighbours of a judgement, nearest first.
    #[must_use]
    pub fn neighbours(&self, judgement: &Judgement) -> Vec<Hit> {
        match self.indexes.get(judgement.at) {
            Some(index) if judgement.neighbours.is_empty() => {
                index.nearest(&judgement.place, self.fit.vote.neighbours).unwrap_or_default()
            }
            Some(_) | None => judgement.neighbours.clone(),
        }
    }

    /// What the example in a row is known by outside.
    #[must_use]
    pub fn name(&self, row: usize) -> Option<usize> {
        self.fit.names.get(row).copied()
    }

    /// What the labels stand for.
    #[must_use]
    pub fn sides(&self) -> &Sides {
        &self.fit.sides
    }

    /// Whether a graph answers for the deepest places, or the exact scan.
    #[must_use]
    pub fn uses_graph(&self) -> bool {
        self.indexes.last().is_some_and(Index::uses_graph)
    }

    /// What was seen, as a place. Nothing but what the fit's own embedder reads has one.
    fn bare(&self, seen: &[f32]) -> Vec<f32> {
        let mut place = seen.to_vec();
        if place.len() == self.fit.bare.width() {
            self.fit.bare.prepare(Simd::best(), &mut place);
        }
        place
    }

    /// By the place alone: shallow readings are decided where they are clear, and there neighbours say the same.
    fn alone(&self, at: usize, place: Vec<f32>) -> Judgement {
        let shares = softmax(place.clone());
        let outlier = self.rank(at, by_place(&place));
        let (depth, neighbours) = (self.name_of(at), Vec::new());
        Judgement { depth, at, shares, place, neighbours, outlier }
    }

    /// By the place and its neighbours.
    fn polled(&self, place: Vec<f32>) -> Judgement {
        let (fit, count) = (&self.fit, self.fit.sides.of_label.len());
        let nearest = self.indexes.last().map(|index| index.nearest(&place, fit.vote.neighbours));
        // What the fit's own embedder reads always fits; anything else has no neighbours.
        let neighbours = nearest.and_then(Result::ok).unwrap_or_default();
        let voted = votes(&neighbours, &fit.labels, count, fit.vote);
        let shares = match &fit.views {
            Some(views) => views.poll.shares(&place, voted.as_deref()),
            None => voted.unwrap_or_else(|| vec![0.0; count]),
        };
        let at = self.indexes.len().saturating_sub(1);
        let outlier = self.rank(at, by_neighbours(&neighbours));
        let depth = self.name_of(at);
        Judgement { depth, at, shares, place, neighbours, outlier }
    }

    /// Without a fit there is nothing to compare a measure with.
    fn rank(&self, at: usize, measure: f32) -> f32 {
        let ranks = self.fit.views.as_ref().and_then(|views| views.ranks.get(at));
        ranks.map_or(measure, |ranks| ranks.rank(measure))
    }

    /// The depth at which features of this length are judged.
    fn depth(&self, features: usize) -> usize {
        self.fit.stops.iter().filter(|stop| **stop <= features).count()
    }

    fn name_of(&self, depth: usize) -> Depth {
        match depth {
            _ if self.fit.stops.is_empty() => Depth::Glance,
            _ if depth + 1 >= self.indexes.len() => Depth::Full,
            0 => Depth::Glance,
            _ => Depth::Skim,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::fit::Examples;
    use crate::config::Vote;
    use crate::embed::Features;

    /// Texts of two labels, the first one's side three times as strict, read at a glance and by a model with two stops.
    fn classifier() -> Classifier {
        let glances: Vec<Glance> = (0..400).map(glance).collect();
        let features: Vec<Features> = (0..400).map(features).collect();
        let labels: Vec<usize> = (0..400).map(|at| at % 2).collect();
        let fit = Fit::new(&Examples {
            glances: &glances,
            features: &features.iter().collect::<Vec<&Features>>(),
            stops: &[2, 4],
            labels: &labels,
            names: &labels,
            sides: &Sides { of_label: vec![0, 1], strictness: vec![3.0, 1.0] },
            vote: Vote { neighbours: 5, sharpness: 10.0 },
            may_stop: true,
        });
        let fit = fit.expect("a fit");
        let index = Index::build(&fit.deepest_places(), IndexKind::Exact).expect("directions");
        Classifier::new(fit, index).expect("directions")
    }

    fn sign(at: u16) -> f32 {
        if at.is_multiple_of(2) { 1.0 } else { -1.0 }
    }

    /// Reproducible noise, nearly half as strong as what tells labels apart.
    fn noise(at: u16, seed: u16) -> f32 {
        let [high, _] =
            at.wrapping_mul(25_173).wrapping_add(seed.wrapping_mul(13_849)).to_be_bytes();
        (f32::from(high) / 127.5 - 1.0) * 0.4
    }

    fn glance(at: u16) -> Glance {
        let meaning = vec![sign(at) + noise(at, 1), noise(at, 2), noise(at, 3)];
        Glance { meaning, form: vec![(u32::from(at % 2), 0.6), (u32::from(at % 30) + 2, 0.8)] }
    }

    fn features(at: u16) -> Features {
        let first = [sign(at) + noise(at, 4), noise(at, 5)];
        Features::new([first, [noise(at, 6), sign(at) + noise(at, 7)]].concat())
    }

    fn judge(classifier: &Classifier, at: u16, read: usize) -> Judgement {
        let (glance, features) = (glance(at), features(at));
        let glanced = classifier.glance(&glance);
        classifier.judge(&glance, glanced.as_ref(), &features.as_slice()[..read])
    }

    #[test]
    fn depth_follows_what_was_read() {
        let classifier = classifier();
        for (read, depth) in [(0, Depth::Glance), (2, Depth::Skim), (4, Depth::Full)] {
            let judgement = judge(&classifier, 3, read);
            assert_eq!(judgement.depth, depth);
            assert!(judgement.shares[1] > 0.9, "{judgement:?}");
            let near = classifier.neighbours(&judgement);
            assert!(near.iter().all(|hit| hit.row % 2 == 1), "{near:?}");
        }
    }

    #[test]
    fn a_clear_glance_is_enough_where_reading_may_stop() {
        let (stopping, mut reading) = (classifier(), classifier());
        reading.fit.views.as_mut().expect("views").bars.clear();
        let enough = |classifier: &Classifier, read: usize| {
            (0..100).filter(|at| classifier.is_enough(&judge(classifier, *at, read))).count()
        };
        // Those furthest out are read on.
        let stopped = enough(&stopping, 0);
        assert!(stopped >= 80, "{stopped}");
        assert_eq!((enough(&reading, 0), enough(&reading, 4)), (0, 100));
    }

    fn saying(classifier: &Classifier, strict: f32) -> Judgement {
        Judgement { shares: vec![strict, 1.0 - strict], ..judge(classifier, 3, 4) }
    }

    #[test]
    fn a_second_text_can_only_make_stricter() {
        let classifier = classifier();
        let check = |first: f32, second: f32, raised: bool| {
            let (first, second) = (saying(&classifier, first), saying(&classifier, second));
            assert_eq!(classifier.raised(&first, &second).is_some(), raised);
        };
        check(0.2, 0.95, true);
        // What the first one rules out stays out.
        check(0.001, 0.95, false);
        check(0.2, 0.6, false);
        check(0.9, 0.01, false);
    }
}
