//! All figures of one evaluation; serialised, they are what scripts read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::figures::{Figures, figures};
use super::judge::Judged;
use super::rows::{OUT_OF_SCOPE, Row};
use super::split::Fold;
use super::times::micros;

/// What was evaluated.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// The local model.
    pub embedder: String,
    /// Labelled prompts learnt from; with folds, by all of them together.
    pub examples_n: usize,
    /// Judged rows whose text was learnt from as well. They are easier than a new prompt.
    pub seen_n: usize,
}

/// How often each label was said of the rows of each, those out of scope included; pairs that do not occur are left out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Confusion(pub(super) BTreeMap<String, BTreeMap<String, usize>>);

/// A fold of a cross-validation.
#[derive(Debug, Clone, Serialize)]
pub struct FoldFigures {
    /// Rows in scope.
    pub n: usize,
    /// Rows learnt from.
    pub train_n: usize,
    /// Rows whose label no row learnt from has; they cannot be right.
    pub unknown_label_n: usize,
    /// Share of rows where the label was found.
    pub accuracy: f64,
    /// Share of rows where the label or an accepted one was found.
    pub accept_accuracy: f64,
    /// The values of the field that were held out; nothing when the folds were not made by a field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<String>,
}

/// All figures of one evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Over all judged rows.
    #[serde(flatten)]
    pub all: Figures,
    /// By field and value.
    pub slices: BTreeMap<String, BTreeMap<String, Figures>>,
    /// By label and what was said.
    pub confusion: Confusion,
    /// By fold; nothing unless there are several.
    pub folds: Vec<FoldFigures>,
    /// What was evaluated.
    #[serde(flatten)]
    pub source: Source,
}

/// Rows, how they were split, and what was said of them.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// Every row that was learnt from or judged.
    pub rows: &'a [Row],
    /// How they were split.
    pub folds: &'a [Fold],
    /// The field whose values were held out together.
    pub group_by: Option<&'a str>,
    /// The judged ones.
    pub judged: &'a [Judged],
}

impl Report {
    /// Counts over all judged rows, over each value of the fields in `slices`, and over each of several folds.
    #[must_use]
    pub fn new(evaluation: Evaluation<'_>, slices: &[String], source: Source) -> Self {
        let Evaluation { folds, judged, .. } = evaluation;
        let several = if folds.len() > 1 { folds } else { &[] };
        Self {
            all: figures(&judged.iter().collect::<Vec<&Judged>>()),
            slices: slices.iter().map(|name| (name.clone(), evaluation.slice(name))).collect(),
            confusion: Confusion::new(judged),
            folds: several.iter().map(|fold| evaluation.fold(fold)).collect(),
            source,
        }
    }
}

impl Evaluation<'_> {
    fn slice(&self, field: &str) -> BTreeMap<String, Figures> {
        let mut groups: BTreeMap<String, Vec<&Judged>> = BTreeMap::new();
        for each in self.judged {
            let value = self.rows.get(each.row).map(|row| row.group(field).into_owned());
            groups.entry(value.unwrap_or_default()).or_default().push(each);
        }
        groups.into_iter().map(|(value, group)| (value, figures(&group))).collect()
    }

    fn fold(&self, fold: &Fold) -> FoldFigures {
        let of_fold = |each: &&Judged| fold.test.binary_search(&each.row).is_ok();
        let Figures { n, accuracy, accept_accuracy, .. } =
            figures(&self.judged.iter().filter(of_fold).collect::<Vec<&Judged>>());
        let label = |at: &usize| self.rows.get(*at).and_then(|row| row.label.as_deref());
        let known: BTreeSet<Option<&str>> = fold.train.iter().map(label).collect();
        let is_unknown = |at: &&usize| label(at).is_some() && !known.contains(&label(at));
        let mut held_out: Vec<String> = Vec::new();
        if let Some(field) = self.group_by {
            let tests = fold.test.iter().filter_map(|at| self.rows.get(*at));
            held_out = tests.map(|row| row.group(field).into_owned()).collect();
            held_out.sort();
            held_out.dedup();
        }
        FoldFigures {
            n,
            train_n: fold.train.len(),
            unknown_label_n: fold.test.iter().filter(is_unknown).count(),
            accuracy,
            accept_accuracy,
            held_out,
        }
    }
}

impl Confusion {
    fn new(judged: &[Judged]) -> Self {
        let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for row in judged {
            let label = row.label.as_deref().unwrap_or(OUT_OF_SCOPE).to_owned();
            let said = row.opinion.predicted.clone();
            *counts.entry(label).or_default().entry(said).or_default() += 1;
        }
        Self(counts)
    }

    pub(super) fn at(&self, label: &str, said: &str) -> usize {
        self.0.get(label).and_then(|of_label| of_label.get(said)).copied().unwrap_or(0)
    }

    /// Every label that was said of a row, in order.
    pub(super) fn said(&self) -> Vec<&str> {
        let mut said: Vec<&str> =
            self.0.values().flat_map(|of_label| of_label.keys().map(String::as_str)).collect();
        said.sort_unstable();
        said.dedup();
        said
    }
}

/// A judged row as one line of a file, for other programs to count with.
#[must_use]
pub fn prediction(row: &Row, judged: &Judged) -> Value {
    let opinion = &judged.opinion;
    json!({
        "row": judged.row,
        "place": row.place.to_string(),
        "label": judged.label,
        "accept": judged.accept,
        "predicted": opinion.predicted,
        "accepted": judged.is_accepted(),
        // As wide as the figures are counted with, so that a reader finds the same bins and ranks.
        "confidence": f64::from(opinion.confidence),
        "outlier": f64::from(opinion.outlier),
        "abstained": opinion.abstained,
        "depth": opinion.depth.label(),
        "embed_us": micros(opinion.embed),
        "decide_us": micros(opinion.decide),
    })
}
