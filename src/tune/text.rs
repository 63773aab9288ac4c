//! The figures of one evaluation as tables for people.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use super::figures::Figures;
use super::report::{Confusion, FoldFigures, Report, Source};
use super::times::Spread;

/// Labels up to which the whole confusion matrix fits a terminal.
const MATRIX_LABELS: usize = 12;
/// Mistakes shown where there are more labels.
const MISTAKES: usize = 12;
/// Values that a fold held out, shown by name.
const HELD_OUT: usize = 4;
/// Letters of a label that head a column.
const COLUMN: usize = 9;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Source { embedder, examples_n, seen_n } = &self.source;
        let all = &self.all;
        writeln!(
            f,
            "{} rows judged by {examples_n} examples, embedder {embedder}",
            all.n + all.oos_n
        )?;
        if *seen_n > 0 {
            writeln!(f, "{seen_n} of them are also among the examples; the figures flatter")?;
        }
        write_summary(all, f)?;
        write_times(all, f)?;
        write_labels(all, f)?;
        write!(f, "{}", self.confusion)?;
        write_slices(&self.slices, f)?;
        write_folds(&self.folds, f)
    }
}

fn write_summary(all: &Figures, f: &mut Formatter<'_>) -> Result {
    let [low, high] = all.accept_accuracy_95;
    writeln!(f, "\naccuracy            {:.4}", all.accuracy)?;
    writeln!(f, "accepted            {:.4}  (95 %: {low:.3} to {high:.3})", all.accept_accuracy)?;
    writeln!(f, "  of the surest 80% {:.4}", all.coverage_80_accuracy)?;
    writeln!(f, "macro F1            {:.4}", all.macro_f1)?;
    writeln!(f, "calibration error   {:.4}", all.ece)?;
    writeln!(f, "abstained           {:.4}", all.abstain_rate)?;
    if let (Some(auroc), Some(recall)) = (all.oos_auroc, all.oos_recall_at_5) {
        let n = all.oos_n;
        writeln!(
            f,
            "out of scope        {n} rows, AUROC {auroc:.4}, {recall:.4} found at 5 % false alarms"
        )?;
    }
    Ok(())
}

fn write_times(all: &Figures, f: &mut Formatter<'_>) -> Result {
    writeln!(f, "\ntime, us       mean       p50       p95       p99")?;
    for (name, times) in [("reading", all.embed_us), ("decision", all.decide_us)] {
        let Spread { mean, p50, p95, p99 } = times;
        writeln!(f, "{name:<9} {mean:>9.1} {p50:>9.1} {p95:>9.1} {p99:>9.1}")?;
    }
    writeln!(f, "\ndepth      share  accepted   mean us")?;
    for (depth, each) in &all.depths {
        let accepted =
            each.accept_accuracy.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"));
        let (name, share, time) = (depth.label(), each.share, each.decide_us);
        writeln!(f, "{name:<9} {share:>6.3} {accepted:>9} {time:>9.1}")?;
    }
    Ok(())
}

fn write_labels(all: &Figures, f: &mut Formatter<'_>) -> Result {
    let width = width_of(all.per_label.keys());
    writeln!(f, "\n{:<width$}   rows  precision  recall     F1", "label")?;
    for (label, each) in &all.per_label {
        let (n, precision, recall, f1) = (each.n, each.precision, each.recall, each.f1);
        writeln!(f, "{label:<width$} {n:>6}  {precision:>9.3}  {recall:>6.3}  {f1:>5.3}")?;
    }
    Ok(())
}

fn write_slices(
    slices: &BTreeMap<String, BTreeMap<String, Figures>>,
    f: &mut Formatter<'_>,
) -> Result {
    for (field, values) in slices {
        let width = width_of(values.keys().chain([field]));
        writeln!(f, "\n{field:<width$}   rows  accepted  macro F1  abstained")?;
        for (value, each) in values {
            let (n, accepted, f1) = (each.n + each.oos_n, each.accept_accuracy, each.macro_f1);
            let abstained = each.abstain_rate;
            writeln!(f, "{value:<width$} {n:>6}  {accepted:>8.3}  {f1:>8.3}  {abstained:>9.3}")?;
        }
    }
    Ok(())
}

fn write_folds(folds: &[FoldFigures], f: &mut Formatter<'_>) -> Result {
    if folds.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nfold   rows  examples  accepted  held out")?;
    for (at, fold) in folds.iter().enumerate() {
        let (n, train, accepted) = (fold.n, fold.train_n, fold.accept_accuracy);
        write!(f, "{:>4} {n:>6}  {train:>8}  {accepted:>8.3}", at + 1)?;
        if fold.unknown_label_n > 0 {
            write!(f, "  ({} rows of labels that it did not learn)", fold.unknown_label_n)?;
        }
        let shown = fold.held_out.get(..HELD_OUT).unwrap_or(&fold.held_out);
        write!(f, "  {}", shown.join(", "))?;
        match fold.held_out.len() - shown.len() {
            0 => writeln!(f)?,
            more => writeln!(f, " and {more} more")?,
        }
    }
    Ok(())
}

/// A row of the table is a label, a column is what was said; with many labels, the most frequent mistakes instead.
impl Display for Confusion {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let said = self.said();
        if self.0.len().max(said.len()) > MATRIX_LABELS {
            return self.write_worst(f);
        }
        let width = width_of(self.0.keys());
        write!(f, "\n{:<width$}", "is \\ said")?;
        for name in &said {
            let head: String = name.chars().take(COLUMN).collect();
            write!(f, " {head:>COLUMN$}")?;
        }
        writeln!(f)?;
        for label in self.0.keys() {
            write!(f, "{label:<width$}")?;
            for name in &said {
                write!(f, " {:>COLUMN$}", self.at(label, name))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Confusion {
    fn write_worst(&self, f: &mut Formatter<'_>) -> Result {
        let pairs = self.0.iter().flat_map(|(label, of_label)| {
            of_label.iter().map(move |(said, n)| (*n, label.as_str(), said.as_str()))
        });
        let mut mistakes: Vec<(usize, &str, &str)> =
            pairs.filter(|(_, label, said)| label != said).collect();
        // Stable: equally frequent ones stay in the order of their names.
        mistakes.sort_by_key(|(n, ..)| std::cmp::Reverse(*n));
        mistakes.truncate(MISTAKES);
        writeln!(f, "\nmost frequent mistakes")?;
        for (n, label, said) in mistakes {
            writeln!(f, "{n:>5}  {label} -> {said}")?;
        }
        Ok(())
    }
}

fn width_of<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0).max("is \\ said".len())
}
