//! What the search among the examples and the vote cost, by the number of examples. The model's own time is measured by
//! `semroute bench decide`, which needs the model.
//!
//! The index is also measured in its tail, query by query, and in what it finds: lines on standard output before criterion's.

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use semroute::classify::{Neighbour, tally};
use semroute::config::{IndexKind, QueryType, Tier, Vote};
use semroute::index::Index;

/// Numbers of examples, and of components: as projected for voting, and as the model gives them.
const SIZES: [(usize, usize); 5] =
    [(1_000, 160), (1_000, 384), (10_000, 160), (10_000, 384), (100_000, 160)];
/// Clumps that the vectors lie in, as labelled prompts do; unrelated random vectors have no neighbours worth finding.
const CLUMPS: usize = 150;
/// Directions in which the members of a clump differ most.
const WAYS: usize = 24;
/// Queries asked for each size, and how often each: the fastest answer counts, or the machine's other work would.
const QUERIES: usize = 400;
const ROUNDS: usize = 5;
/// The shipped configuration's vote.
const VOTE: Vote = Vote { neighbours: 15, sharpness: 10.0 };

/// Reproducible vectors (xorshift64) in clumps, the same few ways apart in each.
fn vectors(count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from(state.to_le_bytes()[3]) / 127.5 - 1.0
    };
    let mut directions = |many: usize| -> Vec<Vec<f32>> {
        (0..many).map(|_| (0..dimensions).map(|_| next()).collect()).collect()
    };
    let (centres, ways) = (directions(CLUMPS), directions(WAYS));
    let near = |(mut vector, centre): (Vec<f32>, &Vec<f32>)| {
        let steps = vector.clone();
        vector.iter_mut().zip(centre).for_each(|(x, centre)| *x = 0.5 * *x + centre);
        for (way, step) in ways.iter().zip(steps) {
            vector.iter_mut().zip(way).for_each(|(x, way)| *x += 0.4 * step * way);
        }
        vector
    };
    directions(count).into_iter().zip(centres.iter().cycle()).map(near).collect()
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nearest");
    for (count, dimensions) in SIZES {
        let mut examples = vectors(count + QUERIES, dimensions);
        let queries = examples.split_off(count);
        let Ok(index) = Index::build(&examples, IndexKind::Auto) else { return };
        report(&index, &queries);
        let Some(query) = queries.first() else { return };
        let name = if index.uses_graph() { "graph" } else { "exact" };
        group.bench_function(BenchmarkId::new(name, format!("{count}x{dimensions}")), |bencher| {
            bencher.iter(|| index.nearest(black_box(query), VOTE.neighbours));
        });
    }
    group.finish();
}

/// Prints the median and the tail of a search, and the share of true neighbours it finds.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn report(index: &Index, queries: &[Vec<f32>]) {
    let (mut times, mut found) = (Vec::new(), 0_usize);
    for query in queries {
        let mut fastest = Duration::MAX;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let hits = black_box(index.nearest(black_box(query), 10));
            fastest = fastest.min(begun.elapsed());
            drop(hits);
        }
        times.push(fastest);
        let (near, exact) = (index.nearest(query, 10), index.nearest_exact(query, 10));
        if let (Ok(near), Ok(exact)) = (near, exact) {
            found += near.iter().filter(|hit| exact.contains(hit)).count();
        }
    }
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let recall = found as f64 / (10 * queries.len()) as f64;
    let (median, tail) = (at(50), at(99));
    let line = format!("{index:?}: p50 {median:?}, p99 {tail:?}, recall@10 {recall:.4}");
    if writeln!(std::io::stdout(), "{line}").is_err() {
        // Nobody reads.
    }
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
