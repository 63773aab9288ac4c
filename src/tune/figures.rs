//! The figures of a set of judged rows. Their names and meanings are a contract with scripts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::{Depth, Judged};
use super::ranking::{auroc, recall_at_5};
use super::times::{Spread, count, micros};

/// Bins of the calibration error; the usual number.
const ECE_BINS: usize = 15;
/// The share of the surest rows of which `coverage_80_accuracy` speaks, in percent.
const COVERAGE: usize = 80;
/// Standard deviations on either side that hold 95 % of a normal distribution.
const TWO_SIDED_95: f64 = 1.959_963_985;

/// How well a set of rows was judged. Rows out of scope count in the figures named `oos_...` and in the times, nowhere else.
/// No rows give zeros.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Rows in scope.
    pub n: usize,
    /// Rows out of scope.
    pub oos_n: usize,
    /// Share of rows where the label was found.
    pub accuracy: f64,
    /// Share of rows where the label or an accepted one was found.
    pub accept_accuracy: f64,
    /// Where the true share lies, 95 times of 100, if the rows were drawn by chance: Wilson's interval (1927).
    pub accept_accuracy_95: [f64; 2],
    /// Mean of the labels' F1.
    pub macro_f1: f64,
    /// Figures of each label that a row has.
    pub per_label: BTreeMap<String, LabelFigures>,
    /// Share of rows for which each label was said. In a slice of harmless look-alikes, `safety` is the share of false alarms.
    pub predicted_share: BTreeMap<String, f64>,
    /// Share of rows that went to the default tier for want of confidence.
    pub abstain_rate: f64,
    /// The same of the rows out of scope; nothing without such rows.
    pub oos_abstain_rate: Option<f64>,
    /// The chance that a row out of scope has a higher outlier score than one in scope; nothing when either kind is missing.
    pub oos_auroc: Option<f64>,
    /// Share of rows out of scope found when at most 5 % of these in-scope rows are flagged with them.
    pub oos_recall_at_5: Option<f64>,
    /// Expected calibration error of the confidence that a row is accepted: Guo et al. 2017, arXiv 1706.04599.
    pub ece: f64,
    /// Accuracy, accepted ones included, of the surest four fifths (rounded up); of equally sure rows the earlier come first.
    pub coverage_80_accuracy: f64,
    /// Time to read a prompt.
    pub embed_us: Spread,
    /// Time of a whole decision, reading included.
    pub decide_us: Spread,
    /// What was decided at each depth of reading, for the depths that occur.
    pub depths: BTreeMap<Depth, DepthFigures>,
}

/// Figures of one label.
#[derive(Debug, Clone, Serialize)]
pub struct LabelFigures {
    /// Rows with this label.
    pub n: usize,
    /// Of the rows for which it was said, the share that has it.
    pub precision: f64,
    /// Of the rows that have it, the share for which it was said.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// Figures of the rows that were read equally deep.
#[derive(Debug, Clone, Serialize)]
pub struct DepthFigures {
    /// Share of all rows, those out of scope included.
    pub share: f64,
    /// Share of those in scope that is accepted; nothing without such rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_accuracy: Option<f64>,
    /// Mean time of a whole decision, in microseconds.
    pub decide_us: f64,
}

/// Counts.
#[must_use]
pub fn figures(judged: &[&Judged]) -> Figures {
    let (inside, outside): (Vec<&Judged>, Vec<&Judged>) =
        judged.iter().copied().partition(|row| row.label.is_some());
    let per_label = per_label(&inside);
    let outliers = |rows: &[&Judged]| rows.iter().map(|row| row.opinion.outlier).collect();
    let (inner, outer): (Vec<f32>, Vec<f32>) = (outliers(&inside), outliers(&outside));
    let f1s: f64 = per_label.values().map(|label| label.f1).sum();
    Figures {
        n: inside.len(),
        oos_n: outside.len(),
        accuracy: share(&inside, Judged::is_exact).unwrap_or(0.0),
        accept_accuracy: share(&inside, Judged::is_accepted).unwrap_or(0.0),
        accept_accuracy_95: wilson(&inside),
        macro_f1: if per_label.is_empty() { 0.0 } else { f1s / count(per_label.len()) },
        per_label,
        predicted_share: predicted_share(&inside),
        abstain_rate: share(&inside, |row| row.opinion.abstained).unwrap_or(0.0),
        oos_abstain_rate: share(&outside, |row| row.opinion.abstained),
        oos_auroc: auroc(&inner, &outer),
        oos_recall_at_5: recall_at_5(&inner, &outer),
        ece: ece(&inside),
        coverage_80_accuracy: coverage_accuracy(&inside),
        embed_us: Spread::of(judged.iter().map(|row| row.opinion.embed)),
        decide_us: Spread::of(judged.iter().map(|row| row.opinion.decide)),
        depths: depths(judged),
    }
}

/// Nothing when there are no rows.
fn share(rows: &[&Judged], holds: impl Fn(&Judged) -> bool) -> Option<f64> {
    let held = rows.iter().filter(|row| holds(row)).count();
    (!rows.is_empty()).then(|| count(held) / count(rows.len()))
}

fn wilson(rows: &[&Judged]) -> [f64; 2] {
    let Some(accuracy) = share(rows, Judged::is_accepted) else { return [0.0; 2] };
    let (n, z2) = (count(rows.len()), TWO_SIDED_95.powi(2));
    let centre = accuracy + z2 / (2.0 * n);
    let half = TWO_SIDED_95 * (accuracy * (1.0 - accuracy) / n + z2 / (4.0 * n * n)).sqrt();
    [centre - half, centre + half].map(|end| (end / (1.0 + z2 / n)).clamp(0.0, 1.0))
}

/// Rows with the label, rows for which it was said, rows where both agree.
#[derive(Default)]
struct Counts {
    n: usize,
    said: usize,
    hits: usize,
}

fn per_label(inside: &[&Judged]) -> BTreeMap<String, LabelFigures> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for row in inside {
        let counted = counts.entry(row.label.as_deref().unwrap_or_default()).or_default();
        counted.n += 1;
        counted.hits += usize::from(row.is_exact());
    }
    for row in inside {
        if let Some(counted) = counts.get_mut(row.opinion.predicted.as_str()) {
            counted.said += 1;
        }
    }
    let figures = counts.into_iter().map(|(label, Counts { n, said, hits })| {
        let precision = if said == 0 { 0.0 } else { count(hits) / count(said) };
        let (recall, f1) = (count(hits) / count(n), 2.0 * count(hits) / count(n + said));
        (label.to_owned(), LabelFigures { n, precision, recall, f1 })
    });
    figures.collect()
}

fn predicted_share(inside: &[&Judged]) -> BTreeMap<String, f64> {
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    for row in inside {
        *said.entry(&row.opinion.predicted).or_default() += 1;
    }
    let shares =
        said.into_iter().map(|(label, n)| (label.to_owned(), count(n) / count(inside.len())));
    shares.collect()
}

/// The mean distance between confidence and accuracy, over bins of equal width; a border belongs to the upper bin.
fn ece(inside: &[&Judged]) -> f64 {
    let mut bins = [(0.0_f64, 0_usize); ECE_BINS];
    for row in inside {
        let confidence = f64::from(row.opinion.confidence);
        let place = confidence.clamp(0.0, 1.0) * count(ECE_BINS);
        let bin = (0..ECE_BINS).rev().find(|bin| count(*bin) <= place).unwrap_or(0);
        if let Some((sum, right)) = bins.get_mut(bin) {
            *sum += confidence;
            *right += usize::from(row.is_accepted());
        }
    }
    let gaps: f64 = bins.iter().map(|(sum, right)| (sum - count(*right)).abs()).sum();
    if inside.is_empty() { 0.0 } else { gaps / count(inside.len()) }
}

fn coverage_accuracy(inside: &[&Judged]) -> f64 {
    let mut surest = inside.to_vec();
    surest.sort_by(|a, b| b.opinion.confidence.total_cmp(&a.opinion.confidence));
    surest.truncate((inside.len() * COVERAGE).div_ceil(100));
    share(&surest, Judged::is_accepted).unwrap_or(0.0)
}

/// What was decided at each depth of reading, for the depths that occur.
#[must_use]
pub fn depths(judged: &[&Judged]) -> BTreeMap<Depth, DepthFigures> {
    let mut by_depth: BTreeMap<Depth, Vec<&Judged>> = BTreeMap::new();
    for row in judged {
        by_depth.entry(row.opinion.depth).or_default().push(row);
    }
    let figures = by_depth.into_iter().map(|(depth, rows)| {
        let inside: Vec<&Judged> = rows.iter().copied().filter(|row| row.label.is_some()).collect();
        let times: f64 = rows.iter().map(|row| micros(row.opinion.decide)).sum();
        let share_of_all = count(rows.len()) / count(judged.len());
        let accept_accuracy = share(&inside, Judged::is_accepted);
        let decide_us = times / count(rows.len());
        (depth, DepthFigures { share: share_of_all, accept_accuracy, decide_us })
    });
    figures.collect()
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
