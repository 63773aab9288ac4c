//! Every figure against one counted by hand.

use std::time::Duration;

use super::super::judge::Opinion;
use super::*;

/// A row with its label (`oos` for none), what was said, how sure, and what else is accepted.
fn row(label: &str, predicted: &str, confidence: f32, accept: &[&str]) -> Judged {
    Judged {
        row: 0,
        label: (label != "oos").then(|| label.to_owned()),
        accept: accept.iter().map(|name| (*name).to_owned()).collect(),
        opinion: Opinion {
            predicted: predicted.to_owned(),
            confidence,
            outlier: 1.0 - confidence,
            depth: Depth::Full,
            abstained: false,
            embed: Duration::from_micros(10),
            decide: Duration::from_micros(20),
        },
    }
}

fn of(rows: &[Judged]) -> Figures {
    figures(&rows.iter().collect::<Vec<&Judged>>())
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

/// Five rows in scope, of which one is wrong and one only accepted, and two out of scope.
fn mixed() -> [Judged; 7] {
    [
        row("a", "a", 0.9, &[]),
        row("a", "b", 0.6, &["b"]),
        row("oos", "a", 0.55, &["a"]),
        row("b", "b", 0.8, &[]),
        row("b", "a", 0.5, &[]),
        row("oos", "b", 0.1, &[]),
        row("b", "b", 0.7, &[]),
    ]
}

#[test]
fn shares_count_rows_in_scope() {
    let figures = of(&mixed());
    assert_eq!((figures.n, figures.oos_n), (5, 2));
    close(figures.accuracy, 0.6);
    close(figures.accept_accuracy, 0.8);
    close(figures.predicted_share["a"], 0.4);
    close(figures.predicted_share["b"], 0.6);
    // The surest four of five are all accepted.
    close(figures.coverage_80_accuracy, 1.0);
}

#[test]
fn labels_have_precision_recall_and_f1() {
    let figures = of(&mixed());
    let (a, b) = (&figures.per_label["a"], &figures.per_label["b"]);
    assert_eq!((a.n, b.n), (2, 3));
    close(a.precision, 0.5);
    close(a.recall, 0.5);
    close(b.precision, 2.0 / 3.0);
    close(b.recall, 2.0 / 3.0);
    close(figures.macro_f1, f64::midpoint(0.5, 2.0 / 3.0));
    // A label that only the classifier knows is none of the labels, and one that it never says has an F1 of 0.
    let strange = of(&[row("a", "c", 0.5, &[]), row("b", "b", 0.5, &[])]);
    assert_eq!(strange.per_label.keys().collect::<Vec<&String>>(), ["a", "b"]);
    close(strange.macro_f1, 0.5);
}

#[test]
fn outliers_are_ranked_against_rows_in_scope() {
    let figures = of(&mixed());
    // Outlier scores are 0.1, 0.4, 0.2, 0.5, 0.3 in scope; 0.45 is above four of them, 0.9 above all: 9 of 10 pairs.
    close(figures.oos_auroc.expect("both kinds"), 0.9);
    // None of five rows may be flagged, so only 0.9 is found.
    close(figures.oos_recall_at_5.expect("both kinds"), 0.5);
    assert_eq!(of(&[row("a", "a", 0.9, &[])]).oos_auroc, None);
}

#[test]
fn abstentions_are_counted_apart() {
    let mut rows = mixed();
    rows[0].opinion.abstained = true;
    rows[2].opinion.abstained = true;
    let figures = of(&rows);
    close(figures.abstain_rate, 0.2);
    close(figures.oos_abstain_rate.expect("rows out of scope"), 0.5);
}

#[test]
fn a_calibrated_set_has_no_calibration_error() {
    let right = (0..7).map(|_| row("a", "a", 0.7, &[]));
    let wrong = (0..3).map(|_| row("a", "b", 0.7, &[]));
    close(of(&right.chain(wrong).collect::<Vec<Judged>>()).ece, f64::from(0.7_f32) - 0.7);
    close(of(&[row("a", "b", 1.0, &[]), row("a", "b", 1.0, &[])]).ece, 1.0);
    // Two bins: 0.9 sure and wrong, 0.3 sure and accepted; the row out of scope has no say.
    let two = [row("a", "b", 0.9, &[]), row("a", "b", 0.3, &["b"]), row("oos", "a", 1.0, &[])];
    close(of(&two).ece, f64::midpoint(0.9, 0.7));
}

#[test]
fn a_border_belongs_to_the_upper_bin() {
    // In one bin both would nearly cancel out, but 0.6 is 9 / 15 and opens another bin than 0.55.
    let rows = [row("a", "b", 0.55, &[]), row("a", "a", 0.600_000_1, &[])];
    close(of(&rows).ece, f64::midpoint(0.55, 0.4));
}

#[test]
fn the_interval_is_wilsons() {
    // 8 of 10: (0.8 + z^2/20 -+ z sqrt(0.016 + z^2/400)) / (1 + z^2/10).
    let right = (0..8).map(|_| row("a", "a", 0.5, &[]));
    let wrong = (0..2).map(|_| row("a", "b", 0.5, &[]));
    let [low, high] = of(&right.chain(wrong).collect::<Vec<Judged>>()).accept_accuracy_95;
    close(low, 0.490_162_47);
    close(high, 0.943_317_85);
    let [lowest, highest] = of(&[row("a", "a", 0.5, &[])]).accept_accuracy_95;
    assert!(lowest > 0.2 && (highest - 1.0).abs() < 1e-9, "{lowest} {highest}");
}

#[test]
fn depths_share_all_rows() {
    let mut rows = mixed();
    for at in [1, 5] {
        rows[at].opinion.depth = Depth::Glance;
        rows[at].opinion.decide = Duration::from_nanos(5_500);
    }
    rows[2].opinion.depth = Depth::Cache;
    let figures = of(&rows);
    let kinds: Vec<Depth> = figures.depths.keys().copied().collect();
    assert_eq!(kinds, [Depth::Cache, Depth::Glance, Depth::Full]);
    let glance = &figures.depths[&Depth::Glance];
    close(glance.share, 2.0 / 7.0);
    close(glance.decide_us, 5.5);
    assert_eq!(glance.accept_accuracy, Some(1.0));
    assert_eq!(figures.depths[&Depth::Cache].accept_accuracy, None);
    close(figures.depths[&Depth::Full].accept_accuracy.expect("rows in scope"), 0.75);
    close(figures.decide_us.mean, (5.0 * 20.0 + 2.0 * 5.5) / 7.0);
}

#[test]
fn no_rows_give_zeros_and_no_panic() {
    let figures = of(&[]);
    assert_eq!((figures.n, figures.oos_n, figures.oos_auroc), (0, 0, None));
    close(figures.accuracy + figures.macro_f1 + figures.coverage_80_accuracy + figures.ece, 0.0);
    assert!(figures.depths.is_empty());
}
