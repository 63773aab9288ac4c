//! Neighbours to shares of labels, and both ways to judge a place to one.

use serde::{Deserialize, Serialize};

use super::blend::weigh;
use super::matrix::Matrix;
use super::outlier::by_neighbours;
use super::ridge::Labels;
use crate::config::{IndexKind, Vote};
use crate::index::{Hit, Index, IndexError};
use crate::simd::Simd;

/// The share of a label that no neighbour has: a vote never rules a label out.
const SHARE_MIN: f32 = 0.01;

/// The share of each label in the neighbours' vote, all together 1. Nothing to count gives nothing.
///
/// A neighbour weighs `exp(sharpness * (cosine - 1))`: the weighted k-nearest-neighbour rule of Dudani (1976) with an
/// exponential kernel.
#[must_use]
pub fn votes(hits: &[Hit], labels: &[usize], count: usize, vote: Vote) -> Option<Vec<f32>> {
    let mut shares = vec![0.0; count];
    let mut total = 0.0;
    for hit in hits {
        let weight = (vote.sharpness * (hit.cosine - 1.0)).exp();
        let label = labels.get(hit.row).copied().unwrap_or(count);
        if let Some(share) = shares.get_mut(label) {
            *share += weight;
            total += weight;
        }
    }
    shares.iter_mut().for_each(|share| *share /= total);
    total.is_normal().then_some(shares)
}

/// Scores to shares that are positive and together 1.
pub(super) fn softmax(mut scores: Vec<f32>) -> Vec<f32> {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    scores.iter_mut().for_each(|score| *score -= most);
    Simd::best().exp(&mut scores);
    let total: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= total);
    scores
}

/// How much a place weighs, and how much the vote of the neighbours there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Poll {
    place: f32,
    votes: f32,
}

/// What a poll says of the examples that it was fitted to.
pub(super) struct Polled {
    pub(super) shares: Matrix,
    /// How far out each example is.
    pub(super) outliers: Vec<f32>,
}

impl Poll {
    /// Fits the weights to examples, each without its own vote. Returns them with what they say of each example.
    pub(super) fn fit(
        places: &Matrix,
        labels: Labels<'_>,
        vote: Vote,
    ) -> Result<(Self, Polled), IndexError> {
        let rows: Vec<&[f32]> = places.rows().collect();
        let index = Index::build(&rows, IndexKind::Exact)?;
        // The votes, and behind them how far out the example is.
        let asked = Matrix::of(rows.len(), labels.count + 1, |at, row| {
            // What was indexed can be asked for.
            let mut hits = index.nearest(rows[at], vote.neighbours + 1).unwrap_or_default();
            hits.retain(|hit| hit.row != at);
            let shares = votes(&hits, labels.of, labels.count, vote);
            let (voted, outlier) = row.split_at_mut(labels.count);
            voted.copy_from_slice(&logarithms(shares.as_deref().unwrap_or_default(), labels.count));
            outlier.fill(by_neighbours(&hits));
        });
        let voted = Matrix::of(rows.len(), labels.count, |at, row| {
            row.copy_from_slice(&asked.row(at)[..labels.count]);
        });
        let outliers = asked.rows().filter_map(|row| row.last().copied()).collect();
        let [place, votes, ..] = weigh(&[places, &voted], labels).map(narrow);
        let poll = Self { place, votes };
        let shares = Matrix::of(rows.len(), labels.count, |at, row| {
            row.copy_from_slice(&poll.blended(rows[at], voted.row(at)));
        });
        Ok((poll, Polled { shares, outliers }))
    }

    /// The shares of a place with these votes.
    pub(super) fn shares(self, place: &[f32], votes: Option<&[f32]>) -> Vec<f32> {
        self.blended(place, &logarithms(votes.unwrap_or_default(), place.len()))
    }

    fn blended(self, place: &[f32], voted: &[f32]) -> Vec<f32> {
        let both = place.iter().zip(voted);
        softmax(both.map(|(score, vote)| self.place * score + self.votes * vote).collect())
    }
}

/// Logarithms of votes, the same for every label where nobody voted.
fn logarithms(votes: &[f32], count: usize) -> Vec<f32> {
    (0..count).map(|at| (votes.get(at).copied().unwrap_or(0.0) + SHARE_MIN).ln()).collect()
}

/// Weights are small numbers that were rounded before.
#[expect(clippy::cast_possible_truncation, reason = "no digit beyond a float's matters")]
pub(super) fn narrow(weight: f64) -> f32 {
    weight as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hits: &[(usize, f32)], sharpness: f32, expected: Option<[f32; 3]>) {
        let labels = [0, 1, 2, 0];
        let hits: Vec<Hit> =
            hits.iter().map(|(row, cosine)| Hit { row: *row, cosine: *cosine }).collect();
        let shares = votes(&hits, &labels, 3, Vote { neighbours: 5, sharpness });
        let Some(expected) = expected else { return assert!(shares.is_none()) };
        for (share, wanted) in shares.expect("votes").iter().zip(expected) {
            assert!((share - wanted).abs() < 1e-4, "{share} {wanted}");
        }
    }

    #[test]
    fn near_neighbours_weigh_more() {
        check(&[(0, 0.9), (3, 0.9), (1, 0.9)], 0.0, Some([2.0 / 3.0, 1.0 / 3.0, 0.0]));
        check(&[(2, 1.0), (0, 0.5), (1, 0.5)], 10.0, Some([0.00665, 0.00665, 0.98670]));
        check(&[], 10.0, None);
        // A row without a label votes for nobody.
        check(&[(9, 1.0)], 10.0, None);
    }

    #[test]
    fn shares_are_positive_and_together_one() {
        let shares = softmax(vec![1_000.0, 999.0, -1_000.0]);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((shares[0] / shares[1] - 1.0_f32.exp()).abs() < 1e-3, "{shares:?}");
        assert!(shares[2] >= 0.0);
    }

    #[test]
    fn a_vote_that_is_always_right_is_believed() {
        let mut places = Matrix::zeros(300, 2);
        for at in 0..300 {
            // Neighbours share the first sign, and with it the label; the place itself says the opposite.
            let sign = if at % 2 == 0 { 1.0 } else { -1.0 };
            let turn = if at % 3 == 0 { 0.1 } else { 0.2 };
            places.row_mut(at).copy_from_slice(&[sign, turn - sign]);
        }
        let labels: Vec<usize> = (0..300).map(|at| 1 - at % 2).collect();
        let labels = Labels { of: &labels, count: 2 };
        let vote = Vote { neighbours: 20, sharpness: 10.0 };
        let (poll, polled) = Poll::fit(&places, labels, vote).expect("directions");
        assert!(poll.votes > 0.5, "{poll:?}");
        assert!(polled.shares.row(0)[1] > 0.9);
    }
}
