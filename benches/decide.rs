//! What the search among the examples and the vote cost, by the number of examples. The model's own time is measured by
//! `semroute bench decide`, which needs the model.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use semroute::classify::{Neighbour, tally};
use semroute::config::{QueryType, Tier, Vote};
use semroute::embed::Embedding;
use semroute::index::Index;

/// Components of a vector, as of the shipped model.
const DIMENSIONS: usize = 384;
/// Clumps that the vectors lie in, as labelled prompts do; unrelated random vectors have no neighbours worth finding.
const CLUMPS: usize = 27;
/// The shipped configuration's vote.
const VOTE: Vote = Vote { neighbours: 15, sharpness: 10.0 };

/// Reproducible unit vectors (xorshift64).
fn vectors(count: usize) -> Vec<Embedding> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from(state.to_le_bytes()[0]) / 127.5 - 1.0
    };
    let mut direction = |scale: f32| (0..DIMENSIONS).map(|_| scale * next()).collect::<Vec<f32>>();
    let centres: Vec<Vec<f32>> = (0..CLUMPS).map(|_| direction(1.0)).collect();
    let near = |row: usize| {
        let offsets = direction(1.5);
        let centre = centres.iter().cycle().nth(row % CLUMPS).into_iter().flatten();
        Embedding::new(centre.zip(offsets).map(|(x, offset)| x + offset).collect())
    };
    (0..count).map(near).filter_map(Result::ok).collect()
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nearest");
    for count in [500, 2_000, 10_000] {
        let index = Index::build(vectors(count));
        // Not one of the indexed vectors: the generator goes on from where it stopped.
        let Some(query) = vectors(count + 1).pop() else { return };
        group.bench_function(BenchmarkId::new("exact", count), |bencher| {
            bencher.iter(|| index.nearest_exact(black_box(&query), VOTE.neighbours));
        });
        // A small index has no graph, and one that misses neighbours is not used.
        if index.uses_graph() {
            group.bench_function(BenchmarkId::new("graph", count), |bencher| {
                bencher.iter(|| index.nearest(black_box(&query), VOTE.neighbours));
            });
        }
    }
    group.finish();
}

fn vote(criterion: &mut Criterion) {
    let new_tier = |name: &str| Arc::new(Tier { name: name.to_owned(), targets: Vec::new() });
    let tiers = [new_tier("a"), new_tier("b"), new_tier("c")];
    let types: Vec<Arc<QueryType>> = (0..6)
        .zip(tiers.iter().cycle())
        .map(|(number, tier)| {
            let (name, tier) = (format!("type {number}"), Arc::clone(tier));
            Arc::new(QueryType { name, tier, min_confidence: 0.2 })
        })
        .collect();
    let neighbours: Vec<Neighbour> = (0_u8..15)
        .zip(types.iter().cycle())
        .map(|(row, query_type)| Neighbour {
            row: usize::from(row),
            query_type: Arc::clone(query_type),
            cosine: 0.9 - f32::from(row) / 50.0,
        })
        .collect();
    criterion.bench_function("tally/15", |bencher| {
        bencher.iter(|| tally(black_box(&neighbours), VOTE));
    });
}

criterion_group!(benches, search, vote);
criterion_main!(benches);
