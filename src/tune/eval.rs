//! How well decisions agree with labels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bins of the calibration error; the usual number.
const ECE_BINS: usize = 15;
/// The share of the surest decisions of which `coverage_80_accuracy` speaks.
const COVERAGE: f64 = 0.8;

/// A labelled prompt to test with.
#[derive(Debug, Clone, Deserialize)]
pub struct TestRow {
    /// The prompt.
    pub text: String,
    /// The tier, or the query type, that is right.
    pub label: String,
    /// Further ones that count as right.
    #[serde(default)]
    pub accept: Vec<String>,
    /// All other fields, to slice by.
    #[serde(flatten)]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// A test row with its decision; all names are tiers.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What is right.
    pub label: String,
    /// What also counts as right.
    pub accept: Vec<String>,
    /// What was decided.
    pub predicted: String,
    /// How sure the decision is, 0 to 1.
    pub confidence: f32,
    /// The default tier was chosen for want of confidence.
    pub abstained: bool,
    /// Microseconds to read the prompt.
    pub embed_us: u64,
    /// Microseconds for the whole decision, reading included.
    pub decide_us: u64,
}

/// The figures of a set of decisions. Names and meanings are a contract with scripts.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Rows.
    pub n: usize,
    /// Share of rows where the decision is the label.
    pub accuracy: f64,
    /// Share of rows where it is the label or accepted.
    pub accept_accuracy: f64,
    /// Mean of the labels' F1.
    pub macro_f1: f64,
    /// Figures of each label.
    pub per_label: BTreeMap<String, LabelFigures>,
    /// Share of rows that went to the default tier for want of confidence.
    pub abstain_rate: f64,
    /// Nothing until rows can be labelled out of scope.
    pub oos_auroc: Option<f64>,
    /// Nothing until rows can be labelled out of scope.
    pub oos_recall_at_5: Option<f64>,
    /// Expected calibration error: Guo et al. 2017, arXiv 1706.04599.
    pub ece: f64,
    /// Accuracy (accepted ones included) of the surest four fifths.
    pub coverage_80_accuracy: f64,
    /// Time to read a prompt.
    pub embed_us: Percentiles,
    /// Time of a whole decision.
    pub decide_us: Percentiles,
    /// Figures by field and value.
    pub slices: BTreeMap<String, BTreeMap<String, Self>>,
}

/// Figures of one label.
#[derive(Debug, Clone, Serialize)]
pub struct LabelFigures {
    /// Rows with this label.
    pub n: usize,
    /// Of the decisions for it, the share that is right.
    pub precision: f64,
    /// Of its rows, the share that was decided so.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// Middle and tail.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Percentiles {
    /// Half are below.
    pub p50: u64,
    /// 95 of 100 are below.
    pub p95: u64,
}

/// Counts. No rows give zeros.
#[must_use]
pub fn figures(judged: &[&Judged]) -> Figures {
    let per_label = per_label(judged);
    let mean = |sum: f64, n: usize| if n == 0 { 0.0 } else { sum / count(n) };
    let share = |holds: &dyn Fn(&Judged) -> bool| {
        mean(count(judged.iter().filter(|row| holds(row)).count()), judged.len())
    };
    Figures {
        n: judged.len(),
        accuracy: share(&|row| row.predicted == row.label),
        accept_accuracy: share(&is_right),
        macro_f1: mean(per_label.values().map(|label| label.f1).sum(), per_label.len()),
        abstain_rate: share(&|row| row.abstained),
        oos_auroc: None,
        oos_recall_at_5: None,
        ece: ece(judged),
        coverage_80_accuracy: coverage_accuracy(judged),
        embed_us: percentiles(judged.iter().map(|row| row.embed_us).collect()),
        decide_us: percentiles(judged.iter().map(|row| row.decide_us).collect()),
        slices: BTreeMap::new(),
        per_label,
    }
}

fn is_right(row: &Judged) -> bool {
    row.predicted == row.label || row.accept.contains(&row.predicted)
}

fn per_label(judged: &[&Judged]) -> BTreeMap<String, LabelFigures> {
    let labels: std::collections::BTreeSet<&String> = judged.iter().map(|row| &row.label).collect();
    let figures = labels.into_iter().map(|label| {
        let n = judged.iter().filter(|row| row.label == *label).count();
        let decided = judged.iter().filter(|row| row.predicted == *label).count();
        let hits =
            judged.iter().filter(|row| row.predicted == *label && row.label == *label).count();
        let ratio = |of: usize| if of == 0 { 0.0 } else { count(hits) / count(of) };
        let (precision, recall) = (ratio(decided), ratio(n));
        let f1 = if hits == 0 { 0.0 } else { 2.0 * count(hits) / count(n + decided) };
        (label.clone(), LabelFigures { n, precision, recall, f1 })
    });
    figures.collect()
}

/// The mean distance between confidence and accuracy, over bins of equal width.
fn ece(judged: &[&Judged]) -> f64 {
    let mut bins = [(0_usize, 0.0_f64, 0_usize); ECE_BINS];
    for row in judged {
        let place = f64::from(row.confidence.clamp(0.0, 1.0)) * count(ECE_BINS);
        let bin = (0..ECE_BINS).rev().find(|bin| count(*bin) <= place).unwrap_or(0);
        if let Some((n, confidence, right)) = bins.get_mut(bin) {
            *n += 1;
            *confidence += f64::from(row.confidence);
            *right += usize::from(is_right(row));
        }
    }
    let gaps: f64 =
        bins.iter().map(|(_, confidence, right)| (confidence - count(*right)).abs()).sum();
    if judged.is_empty() { 0.0 } else { gaps / count(judged.len()) }
}

fn coverage_accuracy(judged: &[&Judged]) -> f64 {
    let mut surest: Vec<&&Judged> = judged.iter().collect();
    surest.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let kept = surest.iter().take_while({
        let mut taken = 0;
        move |_| {
            taken += 1;
            count(taken) <= (COVERAGE * count(judged.len())).ceil()
        }
    });
    let (n, right) =
        kept.fold((0, 0), |(n, right), row| (n + 1, right + usize::from(is_right(row))));
    if n == 0 { 0.0 } else { count(right) / count(n) }
}

fn percentiles(mut values: Vec<u64>) -> Percentiles {
    values.sort_unstable();
    // Nearest rank: the smallest value with at least that share at or below it.
    let at = |percent: usize| {
        let rank = (values.len() * percent).div_ceil(100).max(1);
        values.get(rank - 1).copied().unwrap_or(0)
    };
    Percentiles { p50: at(50), p95: at(95) }
}

/// A count as a number to divide by; exact up to 2^32 rows.
fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, predicted: &str, confidence: f32, accept: &[&str]) -> Judged {
        Judged {
            label: label.to_owned(),
            accept: accept.iter().map(|name| (*name).to_owned()).collect(),
            predicted: predicted.to_owned(),
            confidence,
            abstained: false,
            embed_us: 10,
            decide_us: 20,
        }
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn figures_count_as_by_hand() {
        let rows = [
            row("a", "a", 0.9, &[]),
            row("a", "b", 0.6, &["b"]),
            row("b", "b", 0.8, &[]),
            row("b", "a", 0.5, &[]),
            row("b", "b", 0.7, &[]),
        ];
        let figures = figures(&rows.iter().collect::<Vec<_>>());
        close(figures.accuracy, 0.6);
        close(figures.accept_accuracy, 0.8);
        let b = &figures.per_label["b"];
        assert_eq!(b.n, 3);
        close(b.precision, 2.0 / 3.0);
        close(b.recall, 2.0 / 3.0);
        close(figures.macro_f1, f64::midpoint(0.5, 2.0 / 3.0));
        close(figures.coverage_80_accuracy, 1.0);
        assert_eq!((figures.embed_us.p50, figures.decide_us.p95), (10, 20));
    }

    #[test]
    fn a_calibrated_set_has_no_calibration_error() {
        let right = (0..7).map(|_| row("a", "a", 0.7, &[]));
        let wrong = (0..3).map(|_| row("a", "b", 0.7, &[]));
        let rows: Vec<Judged> = right.chain(wrong).collect();
        close(figures(&rows.iter().collect::<Vec<_>>()).ece, f64::from(0.7_f32) - 0.7);
        let sure: Vec<Judged> = (0..4).map(|_| row("a", "b", 1.0, &[])).collect();
        close(figures(&sure.iter().collect::<Vec<_>>()).ece, 1.0);
    }

    #[test]
    fn no_rows_give_zeros_and_no_panic() {
        let figures = figures(&[]);
        assert_eq!(figures.n, 0);
        close(figures.accuracy + figures.macro_f1 + figures.coverage_80_accuracy, 0.0);
    }
}
