//! The best of what has been seen, and the order of answers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Hit;

/// A hit in the order of answers: nearer is less, and of equally near ones the first row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked(pub(super) Hit);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cosine.total_cmp(&self.0.cosine).then(self.0.row.cmp(&other.0.row))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

/// Keeps the best hits of those offered.
pub(super) struct Best {
    count: usize,
    /// The cosine that a further hit has to exceed.
    bar: f32,
    worst_first: BinaryHeap<Ranked>,
}

impl Best {
    /// Keeps so many of at most `of`.
    pub(super) fn new(count: usize, of: usize) -> Self {
        let bar = if count == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { count, bar, worst_first: BinaryHeap::with_capacity(count.min(of)) }
    }

    /// Hits have to come in the order of their rows where their cosines may be equal: what does not exceed the worst is dropped.
    pub(super) fn offer(&mut self, hit: Hit) -> bool {
        if hit.cosine <= self.bar {
            return false;
        }
        if self.worst_first.len() == self.count {
            self.worst_first.pop();
        }
        self.worst_first.push(Ranked(hit));
        if self.worst_first.len() == self.count {
            self.bar = self.worst_first.peek().map_or(self.bar, |worst| worst.0.cosine);
        }
        true
    }

    /// What a hit has to exceed to be kept.
    pub(super) fn bar(&self) -> f32 {
        self.bar
    }

    /// Nearest first.
    pub(super) fn into_hits(self) -> Vec<Hit> {
        self.worst_first.into_sorted_vec().into_iter().map(|ranked| ranked.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize, cosines: &[f32], expected: &[usize]) {
        let mut best = Best::new(count, cosines.len());
        for (row, cosine) in cosines.iter().enumerate() {
            best.offer(Hit { row, cosine: *cosine });
        }
        let rows: Vec<usize> = best.into_hits().iter().map(|hit| hit.row).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn the_nearest_stay_and_ties_keep_the_order_of_rows() {
        check(2, &[0.1, 0.9, 0.5, 0.7], &[1, 3]);
        check(3, &[0.5, 0.5, 0.5, 0.5], &[0, 1, 2]);
        check(3, &[0.5, 0.2, 0.2, 0.2, 0.6], &[4, 0, 1]);
        check(9, &[-0.5, 0.5], &[1, 0]);
        check(0, &[0.5, 0.2], &[]);
    }
}
