//! The index as a whole: answers beside those of the scan, and each way in which the library under the graph is known to go
//! wrong on vectors, files and numbers.

use proptest::prelude::*;

use super::*;
use crate::config::IndexKind::{Auto, Exact, Hnsw};

/// Reproducible numbers from -1 to 1 (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f32::from(self.0.to_le_bytes()[3]) / 127.5 - 1.0
    }

    fn vector(&mut self, dimensions: usize) -> Vec<f32> {
        (0..dimensions).map(|_| self.next()).collect()
    }

    fn near(&mut self, centre: &[f32], spread: f32) -> Vec<f32> {
        centre.iter().map(|x| x + spread * self.next()).collect()
    }

    /// Vectors in clumps, as labelled prompts are; `spread` is how wide a clump is beside the distance between two.
    fn clumps(&mut self, count: usize, dimensions: usize, spread: f32) -> Vec<Vec<f32>> {
        let centres: Vec<Vec<f32>> = (0..12).map(|_| self.vector(dimensions)).collect();
        centres.iter().cycle().take(count).map(|centre| self.near(centre, spread)).collect()
    }
}

fn rows_of(hits: &[Hit]) -> Vec<usize> {
    hits.iter().map(|hit| hit.row).collect()
}

fn graph_over(vectors: &[Vec<f32>]) -> Index {
    let index = Index::build(vectors, Hnsw).expect("vectors with a direction");
    assert!(index.uses_graph());
    index
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_graph_finds_what_the_scan_finds(
        seed in 1_u64.., count in 1_usize..500, dimensions in 8_usize..48, spread in 0.05_f32..2.0,
    ) {
        let mut vectors = Numbers(seed).clumps(count + 20, dimensions, spread);
        let queries = vectors.split_off(count);
        let index = Index::build(&vectors, Hnsw).unwrap();
        prop_assert!(index.uses_graph());
        let (mut found, mut expected) = (0, 0);
        for query in &queries {
            let (near, exact) = (index.nearest(query, 10).unwrap(), index.nearest_exact(query, 10).unwrap());
            prop_assert_eq!(near.len(), exact.len());
            prop_assert!(near.is_sorted_by_key(|hit| Ranked(*hit)));
            let all = index.nearest_exact(query, count).unwrap();
            prop_assert!(near.iter().all(|hit| all.contains(hit)), "a row, once, with the scan's cosine");
            found += near.iter().filter(|hit| exact.contains(hit)).count();
            expected += exact.len();
        }
        prop_assert!(found * 100 >= expected * 98, "{} of {}", found, expected);
    }

    #[test]
    fn the_scan_finds_what_f32_finds(seed in 1_u64.., dimensions in 16_usize..64) {
        let vectors = Numbers(seed).clumps(300, dimensions, 1.0);
        let index = Index::build(&vectors, Exact).unwrap();
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |c: &[f32], d: &[f32]| c.iter().zip(d).map(|(x, y)| x * y).sum::<f32>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        for query in vectors.iter().step_by(30) {
            let hits = index.nearest(query, 10).unwrap();
            let mut exact: Vec<f32> = vectors.iter().map(|vector| cosine(query, vector)).collect();
            prop_assert!(hits.iter().all(|hit| (hit.cosine - exact[hit.row]).abs() < 0.01));
            exact.sort_by(|a, b| b.total_cmp(a));
            prop_assert!((hits[9].cosine - exact[9]).abs() < 0.01);
        }
    }
}

#[test]
fn equally_near_vectors_come_in_the_order_of_their_rows() {
    let vectors = [[0.0, 1.0], [1.0, 0.1], [1.0, -0.1], [2.0, 0.2], [1.0, 0.1]];
    for kind in [Exact, Hnsw] {
        let index = Index::build(&vectors, kind).unwrap();
        assert_eq!(rows_of(&index.nearest(&[1.0, 0.1], 4).unwrap()), [1, 3, 4, 2], "{kind:?}");
        assert_eq!(rows_of(&index.nearest(&[1.0, 0.1], 2).unwrap()), [1, 3], "{kind:?}");
        assert_eq!(index.nearest(&[1.0, 0.1], 0).unwrap(), []);
        assert_eq!(index.nearest(&[1.0, 0.1], 99).unwrap().len(), 5);
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    for kind in [Auto, Exact, Hnsw] {
        let index = Index::build::<Vec<f32>>(&[], kind).unwrap();
        assert!(index.is_empty() && !index.uses_graph());
        assert_eq!(index.nearest(&[1.0], 3), Ok(Vec::new()));
        assert_eq!(index.recall().to_bits(), 1.0_f32.to_bits());
    }
}

#[test]
fn auto_scans_until_the_rows_are_large() {
    let index_of = |count: usize| {
        let mut rows = Rows::with_capacity(DIMENSIONS_MAX, count);
        for _ in 0..count {
            rows.push(&vec![1.0; DIMENSIONS_MAX]).unwrap();
        }
        Index { rows, graph: None }
    };
    let (small, large) = (index_of(96), index_of(97));
    assert_eq!((small.wants_graph(Auto), large.wants_graph(Auto)), (false, true));
    assert_eq!((small.wants_graph(Hnsw), large.wants_graph(Exact)), (true, false));
}

// What `hnsw_rs` does on its own with each of the following is written in the test's first line.

#[test]
fn equal_vectors_hide_no_others() {
    // 3,000 equal points made 300 of 300 others unreachable.
    let mut numbers = Numbers(7);
    let popular = numbers.vector(24);
    let others: Vec<Vec<f32>> = (0..300).map(|_| numbers.vector(24)).collect();
    let mut vectors = vec![popular.clone(); 3_000];
    vectors.extend(others.clone());
    let index = graph_over(&vectors);
    for (row, other) in (3_000..).zip(&others) {
        assert_eq!(rows_of(&index.nearest(other, 1).unwrap()), [row]);
    }
    let all = index.nearest(&popular, 3_000).unwrap();
    assert_eq!(rows_of(&all), (0..3_000).collect::<Vec<_>>());
}

#[test]
fn nearly_equal_vectors_hide_no_others() {
    // A clump fills its own links, and nothing leads out of it.
    let mut numbers = Numbers(8);
    let popular = numbers.vector(24);
    let mut vectors: Vec<Vec<f32>> = (0..500).map(|_| numbers.near(&popular, 0.03)).collect();
    let others: Vec<Vec<f32>> = (0..100).map(|_| numbers.vector(24)).collect();
    vectors.extend(others.clone());
    let index = graph_over(&vectors);
    for (row, other) in (500..).zip(&others) {
        assert_eq!(rows_of(&index.nearest(other, 1).unwrap()), [row]);
    }
}

#[test]
fn length_does_not_matter_to_the_graph() {
    // Panics on vectors of length 1.00001.
    let vectors = Numbers(9).clumps(200, 16, 1.0);
    let plain = graph_over(&vectors);
    for factor in [1.00001, 3.0, 1e-20, 1e20] {
        let scaled: Vec<Vec<f32>> =
            vectors.iter().map(|vector| vector.iter().map(|x| x * factor).collect()).collect();
        let index = graph_over(&scaled);
        for query in &scaled {
            let (near, expected) =
                (index.nearest(query, 5).unwrap(), plain.nearest(query, 5).unwrap());
            assert!((near[4].cosine - expected[4].cosine).abs() < 0.01);
        }
    }
}

#[test]
fn vectors_without_direction_are_refused() {
    // A vector with NaN is taken, and from then on the best answer to every query; zero is as near to everything.
    for bad in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [0.0, 0.0], [1e-42, 0.0]] {
        for kind in [Auto, Exact, Hnsw] {
            let built = Index::build(&[[1.0, 2.0], bad, [2.0, 1.0]], kind).err();
            assert_eq!(built, Some(IndexError::NoDirection { row: 1 }), "{bad:?}");
        }
    }
    assert_eq!(Index::build(&[[0.0; 0]], Auto).err(), Some(IndexError::NoDirection { row: 0 }));
}

#[test]
fn vectors_of_another_length_are_refused() {
    // Panics, or compares what both have.
    let vectors = [vec![1.0, 2.0], vec![1.0, 2.0, 3.0]];
    let expected = IndexError::Length { row: 1, found: 3, expected: 2 };
    assert_eq!(Index::build(&vectors, Hnsw).err(), Some(expected));
    let wide = vec![vec![1.0; DIMENSIONS_MAX + 1]];
    assert!(matches!(Index::build(&wide, Auto).err(), Some(IndexError::TooLarge { .. })));
}

#[test]
fn queries_that_cannot_be_compared_are_refused() {
    // Panics on another length; answers NaN with whatever comes first.
    for kind in [Exact, Hnsw] {
        let index = Index::build(&[[1.0, 2.0], [2.0, 1.0]], kind).unwrap();
        let refused = IndexError::QueryLength { found: 1, expected: 2 };
        assert_eq!(index.nearest(&[1.0], 1), Err(refused));
        for bad in [[f32::NAN, 1.0], [0.0, 0.0], [f32::NEG_INFINITY, 1.0]] {
            assert_eq!(index.nearest(&bad, 1), Err(IndexError::QueryNoDirection));
            assert_eq!(index.nearest_exact(&bad, 1), Err(IndexError::QueryNoDirection));
        }
    }
}

#[test]
fn no_row_comes_back_twice() {
    // The same number entered twice comes back twice. Here a row's number is its place.
    let mut vectors = Numbers(10).clumps(150, 12, 0.3);
    vectors.extend(vectors.clone());
    let index = graph_over(&vectors);
    for query in &vectors {
        let mut rows = rows_of(&index.nearest(query, 40).unwrap());
        assert_eq!(rows.len(), 40);
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 40);
    }
}

#[test]
fn the_same_vectors_give_the_same_graph() {
    // Parallel insertion gives another graph each time.
    let vectors = Numbers(11).clumps(300, 16, 1.0);
    let (one, other) = (graph_over(&vectors), graph_over(&vectors));
    assert!(one.graph == other.graph);
}

#[test]
fn every_node_can_be_reached() {
    // Links go one way, and a dense clump forgets who links to it.
    for spread in [0.001, 0.05, 1.0] {
        let vectors = Numbers(12).clumps(300, 8, spread);
        let index = graph_over(&vectors);
        let all = index.nearest(&vectors[0], 300).unwrap();
        assert_eq!(all.len(), 300, "{spread}");
    }
}
