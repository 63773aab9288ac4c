//! Where a classifier is plugged in: fitted on the rows of a fold to learn from, asked about those to judge by.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::rows::Row;
use super::split::Fold;

/// How deep a prompt was read before it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Not at all; it was remembered.
    Cache,
    /// By its tokens and characters alone.
    Glance,
    /// Through the model's first layers.
    Skim,
    /// Through the whole model.
    Full,
}

impl Depth {
    /// As it is written in figures.
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

/// What a classifier says of a prompt, and how long that took.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// The label, or the tier.
    pub predicted: String,
    /// How sure it is, 0 to 1.
    pub confidence: f32,
    /// How far from everything known; a higher one is more likely out of scope.
    pub outlier: f32,
    /// How deep it was read.
    pub depth: Depth,
    /// The default tier was chosen for want of confidence.
    pub abstained: bool,
    /// Time to read the prompt.
    pub embed: Duration,
    /// Time of the whole decision, reading included.
    pub decide: Duration,
}

/// A row with what was said of it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its place in the list of rows.
    pub row: usize,
    /// What is right; nothing when it is out of scope.
    pub label: Option<String>,
    /// What also counts as right.
    pub accept: Vec<String>,
    /// What was said.
    pub opinion: Opinion,
}

impl Judged {
    /// Whether the label was found.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.label.as_ref() == Some(&self.opinion.predicted)
    }

    /// Whether the label, or another one that counts as right, was found.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.is_exact() || (self.label.is_some() && self.accept.contains(&self.opinion.predicted))
    }
}

/// The rows of a fold to learn from, with their labels as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Training<'a> {
    /// Places in the list of rows.
    pub rows: &'a [usize],
    /// The label of each of them, as a place in `names`.
    pub labels: Vec<usize>,
    /// The labels in order. Each has at least one row; one that a fold holds out altogether is not among them.
    pub names: Vec<&'a str>,
}

impl<'a> Training<'a> {
    fn new(rows: &'a [Row], places: &'a [usize]) -> Self {
        let label = |at: &usize| rows.get(*at).and_then(|row| row.label.as_deref()).unwrap_or("");
        let names: Vec<&str> =
            places.iter().map(label).collect::<BTreeSet<&str>>().into_iter().collect();
        let number = |at: &usize| names.partition_point(|name| *name < label(at));
        Self { rows: places, labels: places.iter().map(number).collect(), names }
    }
}

/// Fits a classifier to each fold and lets it judge the fold's test rows. The result is in the order of the rows.
///
/// # Errors
/// The first one of `fit` or `judge`.
pub fn judge_folds<M, E>(
    rows: &[Row],
    folds: &[Fold],
    fit: impl Fn(&Training<'_>) -> Result<M, E>,
    mut judge: impl FnMut(&M, &Row) -> Result<Opinion, E>,
) -> Result<Vec<Judged>, E> {
    let mut judged = Vec::new();
    for fold in folds {
        let model = fit(&Training::new(rows, &fold.train))?;
        for (at, row) in fold.test.iter().filter_map(|at| Some((*at, rows.get(*at)?))) {
            let (label, accept) = (row.label.clone(), row.accept.clone());
            judged.push(Judged { row: at, label, accept, opinion: judge(&model, row)? });
        }
    }
    judged.sort_by_key(|each| each.row);
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use super::super::rows::parse;
    use super::*;

    /// Knows the label of every text that it learnt, and says the first one for any other.
    fn by_heart(rows: &[Row], folds: &[Fold]) -> Vec<Judged> {
        let fit = |training: &Training<'_>| {
            let learnt = training.rows.iter().zip(&training.labels);
            let known = learnt
                .map(|(at, label)| (rows[*at].text.clone(), training.names[*label].to_owned()));
            Ok::<Vec<(String, String)>, ()>(known.collect())
        };
        let judge = |known: &Vec<(String, String)>, row: &Row| {
            let found = known.iter().find(|(text, _)| *text == row.text).unwrap_or(&known[0]);
            Ok(Opinion {
                predicted: found.1.clone(),
                confidence: 1.0,
                outlier: 0.0,
                depth: Depth::Full,
                abstained: false,
                embed: Duration::ZERO,
                decide: Duration::ZERO,
            })
        };
        judge_folds(rows, folds, fit, judge).expect("no errors")
    }

    #[test]
    fn every_fold_is_judged_by_what_it_may_learn() {
        let lines = [("t", "x"), ("u", "y"), ("t", "z"), ("u", "y")]
            .map(|(text, label)| format!(r#"{{"text":"{text}","label":"{label}"}}"#));
        let rows = parse("f", &lines.join("\n")).expect("rows");
        let folds = [
            Fold { train: vec![2, 3], test: vec![0, 1] },
            Fold { train: vec![0, 1], test: vec![2, 3] },
        ];
        let judged = by_heart(&rows, &folds);
        let said: Vec<(usize, &str)> =
            judged.iter().map(|each| (each.row, each.opinion.predicted.as_str())).collect();
        assert_eq!(said, [(0, "z"), (1, "y"), (2, "x"), (3, "y")]);
        let training = Training::new(&rows, &folds[0].train);
        assert_eq!((training.names, training.labels), (vec!["y", "z"], vec![1, 0]));
    }

    #[test]
    fn nothing_is_right_about_a_row_out_of_scope() {
        let rows = parse(
            "f",
            concat!(
                r#"{"text":"t","label":"x"}"#,
                "\n",
                r#"{"text":"u","label":"y","accept":["x"]}"#,
                "\n",
                r#"{"text":"v","label":null,"accept":["x"]}"#
            ),
        )
        .expect("rows");
        let folds = [Fold { train: vec![0], test: vec![0, 1, 2] }];
        let judged = by_heart(&rows, &folds);
        assert!(judged.iter().all(|each| each.opinion.predicted == "x"), "{judged:?}");
        let right: Vec<(bool, bool)> =
            judged.iter().map(|each| (each.is_exact(), each.is_accepted())).collect();
        assert_eq!(right, [(true, true), (false, true), (false, false)]);
    }
}
