//! Files of labelled prompts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::chat::Prompt;
use crate::tune::{Filter, Fold, Row, parse};

/// The rows of all files that every filter takes. None at all is a mistake.
pub(super) fn rows(files: &[PathBuf], filters: &[Filter]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read `{name}`"))?;
        let parsed = parse(&name, &text)?;
        rows.extend(parsed.into_iter().filter(|row| filters.iter().all(|each| each.takes(row))));
    }
    if rows.is_empty() {
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
        bail!("no row is left of {}; check the files and the filters", names.join(", "));
    }
    Ok(rows)
}

/// What a classifier learns by and judges has to have text; in service such a prompt would go to the default tier.
pub(super) fn check_texts(rows: &[Row]) -> anyhow::Result<()> {
    match rows.iter().find(|row| Prompt::new(&row.text).is_none()) {
        Some(row) => bail!("{}: `text` has no visible character", row.place),
        None => Ok(()),
    }
}

/// Judged rows whose text was learnt from in the same fold.
pub(super) fn seen(rows: &[Row], folds: &[Fold]) -> usize {
    let text = |at: &usize| rows.get(*at).map(|row| row.text.trim());
    let in_fold = |fold: &Fold| {
        let learnt: BTreeSet<Option<&str>> = fold.train.iter().map(text).collect();
        fold.test.iter().filter(|at| learnt.contains(&text(at))).count()
    };
    folds.iter().map(in_fold).sum()
}

/// Says so when rows have labels that cannot be the answer: mostly a file that belongs to something else.
pub(super) fn unknown_labels<'a>(
    rows: impl Iterator<Item = &'a Row>,
    known: &BTreeSet<&str>,
) -> Option<String> {
    let of_label = |row: &'a Row| Some((row, row.label.as_deref()?));
    let unknown: Vec<(&Row, &str)> =
        rows.filter_map(of_label).filter(|(_, label)| !known.contains(label)).collect();
    let (first, label) = unknown.first()?;
    let (n, place) = (unknown.len(), &first.place);
    Some(format!(
        "{n} rows have a label that is never the answer, such as `{label}` ({place}); they count as wrong"
    ))
}
