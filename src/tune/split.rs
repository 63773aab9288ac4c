//! Which rows to learn from and which to judge by. Chance comes from the seed and each row's own text, so that a split stays
//! the same when a file is sorted otherwise, and nearly the same when rows are added.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::rows::Row;

/// Places in a list of rows: what to learn from, and what to judge by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    /// Rows to learn from, in growing order.
    pub train: Vec<usize>,
    /// Rows to judge by, in growing order.
    pub test: Vec<usize>,
}

/// How many rows of a label to learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shots {
    /// Every row.
    All,
    /// As many of each label: those with the lowest `shot`, or any where a row of the label has none.
    First(usize),
}

/// How rows to learn from are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// How many.
    pub shots: Shots,
    /// Another seed draws other rows, and deals them to other folds.
    pub seed: u64,
}

/// One fold of two lists of rows that lie one after the other.
#[must_use]
pub fn held_out(rows: &[Row], train_count: usize, draw: Draw) -> Fold {
    let train: Vec<usize> = (0..train_count).collect();
    Fold { train: learnable(rows, &train, draw), test: (train_count..rows.len()).collect() }
}

/// Folds that each hold about the same share of every label, out of scope included.
#[must_use]
pub fn stratified_folds(rows: &[Row], count: usize, draw: Draw) -> Vec<Fold> {
    let mut by_label: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        by_label.entry(row.label.as_deref()).or_default().push(at);
    }
    // Labels are dealt one after the other, so that the folds differ by one row at most.
    let dealt = by_label.into_values().flat_map(|of_label| shuffled(rows, of_label, draw.seed));
    let mut tests = vec![Vec::new(); count];
    for (turn, at) in dealt.enumerate() {
        if let Some(test) = tests.get_mut(turn % count) {
            test.push(at);
        }
    }
    complete(rows, tests, draw)
}

/// Folds that hold whole groups: rows with the same value of a field are judged together and never learnt from meanwhile.
///
/// The largest group goes first, each into the fold that has the fewest rows. Never more folds than groups.
#[must_use]
pub fn folds_of_groups(rows: &[Row], field: &str, count: usize, draw: Draw) -> Vec<Fold> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        groups.entry(row.group(field).into_owned()).or_default().push(at);
    }
    let mut tests = vec![Vec::new(); count.min(groups.len())];
    let mut largest_first: Vec<Vec<usize>> = groups.into_values().collect();
    // Stable: groups of one size stay in the order of their names.
    largest_first.sort_by_key(|group| std::cmp::Reverse(group.len()));
    for group in largest_first {
        if let Some(emptiest) = tests.iter_mut().min_by_key(|test| test.len()) {
            emptiest.extend(group);
        }
    }
    complete(rows, tests, draw)
}

/// Whatever a fold does not judge by, it may learn from.
fn complete(rows: &[Row], tests: Vec<Vec<usize>>, draw: Draw) -> Vec<Fold> {
    let folds = tests.into_iter().map(|mut test| {
        test.sort_unstable();
        let rest: Vec<usize> =
            (0..rows.len()).filter(|at| test.binary_search(at).is_err()).collect();
        Fold { train: learnable(rows, &rest, draw), test }
    });
    folds.collect()
}

/// Rows out of scope teach no label; of the others as many as asked for.
fn learnable(rows: &[Row], from: &[usize], draw: Draw) -> Vec<usize> {
    let mut by_label: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for at in from {
        if let Some(label) = rows.get(*at).and_then(|row| row.label.as_deref()) {
            by_label.entry(label).or_default().push(*at);
        }
    }
    let mut kept: Vec<usize> =
        by_label.into_values().flat_map(|of_label| first_shots(rows, of_label, draw)).collect();
    kept.sort_unstable();
    kept
}

fn first_shots(rows: &[Row], of_label: Vec<usize>, draw: Draw) -> Vec<usize> {
    let Shots::First(count) = draw.shots else { return of_label };
    let rank = |at: usize| rows.get(at)?.fields.get("shot")?.as_u64();
    let ranked: Option<Vec<(u64, usize)>> =
        of_label.iter().map(|at| Some((rank(*at)?, *at))).collect();
    let mut ordered = match ranked {
        Some(mut ranked) => {
            ranked.sort_unstable();
            ranked.into_iter().map(|(_, at)| at).collect()
        }
        None => shuffled(rows, of_label, draw.seed),
    };
    ordered.truncate(count);
    ordered
}

/// Sorts by a hash of the seed and the text.
fn shuffled(rows: &[Row], mut places: Vec<usize>, seed: u64) -> Vec<usize> {
    places.sort_by_cached_key(|at| {
        let text = rows.get(*at).map_or("", |row| row.text.as_str());
        let hash: [u8; 32] =
            Sha256::new().chain_update(seed.to_le_bytes()).chain_update(text).finalize().into();
        (hash, *at)
    });
    places
}

#[cfg(test)]
mod tests {
    use super::super::rows::parse;
    use super::*;

    /// Rows by label, source and shot; their texts are their places.
    fn rows(of: &[(&str, &str, Option<u32>)]) -> Vec<Row> {
        let line = |(at, (label, source, shot)): (usize, &(&str, &str, Option<u32>))| {
            let shot = shot.map_or(String::new(), |shot| format!(r#","shot":{shot}"#));
            format!(r#"{{"text":"{at}","label":"{label}","source":"{source}"{shot}}}"#)
        };
        let text: Vec<String> = of.iter().enumerate().map(line).collect();
        parse("f", &text.join("\n")).expect("rows")
    }

    fn all(seed: u64) -> Draw {
        Draw { shots: Shots::All, seed }
    }

    fn first(count: usize, seed: u64) -> Draw {
        Draw { shots: Shots::First(count), seed }
    }

    fn tests(folds: &[Fold]) -> Vec<Vec<usize>> {
        folds.iter().map(|fold| fold.test.clone()).collect()
    }

    #[test]
    fn rows_out_of_scope_are_judged_and_not_learnt() {
        let rows = rows(&[("a", "", None), ("oos", "", None), ("b", "", None), ("oos", "", None)]);
        let fold = held_out(&rows, 2, all(0));
        assert_eq!(fold, Fold { train: vec![0], test: vec![2, 3] });
    }

    #[test]
    fn shots_are_taken_by_rank() {
        let ranked =
            [("a", "", Some(3)), ("b", "", Some(1)), ("a", "", Some(1)), ("a", "", Some(2))];
        let rows = rows(&ranked);
        let train = |count: usize| held_out(&rows, 4, first(count, 7)).train;
        assert_eq!(train(1), [1, 2]);
        assert_eq!(train(2), [1, 2, 3]);
        assert_eq!(train(9), [0, 1, 2, 3]);
    }

    #[test]
    fn shots_without_rank_are_drawn_by_the_seed() {
        let rows = rows(&[("a", "", None); 40]);
        let train = |seed: u64| held_out(&rows, 40, first(5, seed)).train;
        assert_eq!(train(1).len(), 5);
        assert_eq!(train(1), train(1));
        assert_ne!(train(1), train(2));
        // One more row leaves those drawn before in place.
        let six = held_out(&rows, 40, first(6, 1)).train;
        assert!(train(1).iter().all(|at| six.contains(at)), "{six:?}");
    }

    #[test]
    fn folds_hold_every_row_once_and_each_label_evenly() {
        let mut of = vec![("a", "", None); 10];
        of.extend([("b", "", None); 5]);
        of.extend([("oos", "", None); 3]);
        let rows = rows(&of);
        let folds = stratified_folds(&rows, 5, all(3));
        let mut judged: Vec<usize> = tests(&folds).concat();
        judged.sort_unstable();
        assert_eq!(judged, (0..18).collect::<Vec<usize>>());
        for fold in &folds {
            let label = |at: &usize| rows[*at].value("label").map(std::borrow::Cow::into_owned);
            let count = |name: &str| {
                fold.test.iter().filter(|at| label(at).as_deref() == Some(name)).count()
            };
            assert_eq!((count("a"), count("b")), (2, 1));
            assert!(count("oos") <= 1);
            let learnt = (0..15).filter(|at| !fold.test.contains(at));
            assert_eq!(fold.train, learnt.collect::<Vec<usize>>());
        }
        assert_eq!(folds, stratified_folds(&rows, 5, all(3)));
        assert_ne!(tests(&folds), tests(&stratified_folds(&rows, 5, all(4))));
    }

    #[test]
    fn groups_stay_whole_and_fill_the_emptiest_fold() {
        let of: Vec<(&str, &str, Option<u32>)> = ["p", "q", "q", "q", "r", "r", "s", "p", "r"]
            .map(|source| ("a", source, None))
            .to_vec();
        let rows = rows(&of);
        // q and r have three rows, p two, s one: q | r, then p to the first of the equal folds, s to the other.
        let folds = folds_of_groups(&rows, "source", 2, all(0));
        assert_eq!(tests(&folds), [vec![0, 1, 2, 3, 7], vec![4, 5, 6, 8]]);
        assert_eq!(folds[0].train, [4, 5, 6, 8]);
        assert_eq!(folds_of_groups(&rows, "source", 9, all(0)).len(), 4);
        assert_eq!(folds_of_groups(&rows, "nowhere", 9, all(0)).len(), 1);
    }
}
