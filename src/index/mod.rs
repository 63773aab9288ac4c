//! Nearest examples: an HNSW graph (`hnsw_rs`) over unit vectors, and an exact scan beside it.
//!
//! Hierarchical navigable small worlds: Malkov and Yashunin, 2018, arXiv 1603.09320. The graph's answers are checked against
//! the exact scan when it is built; a graph that misses neighbours is not used. Vectors enter one after the other, so that
//! the same examples give the same graph.
//!
//! The graph measures the straight line between two points of the unit sphere: it orders them as their cosine does, and unlike
//! one minus a cosine, at which the library panics, rounding never makes it negative.

use hnsw_rs::anndists::dist::distances::DistL2;
use hnsw_rs::hnsw::Hnsw;

use crate::embed::Embedding;

/// Up to here vectors are scanned. The scan stays the faster one up to some thousands (0.12 against 0.20 ms at 2,000 vectors, 0.75
/// against 0.11 at 10,000, `cargo bench`), but either is a small part of reading a prompt, and a graph in daily use is a graph
/// that is tested.
const EXACT_UP_TO: usize = 1_000;
/// Links of a point on each layer of the graph.
const LINKS: usize = 16;
/// Most layers that `hnsw_rs` allows.
const LAYERS: usize = 16;
/// Candidates kept while a point is linked.
const BUILD_CANDIDATES: usize = 100;
/// Candidates kept while searching; recall at 10 is 1.000 on 1,000 vectors and 0.98 on 100,000.
const SEARCH_CANDIDATES: usize = 96;
/// Share of true neighbours that a graph has to find among the checked examples.
const RECALL_MIN: f32 = 0.98;
/// How many examples the check asks for, spread over all.
const RECALL_SAMPLE: usize = 64;
/// How many neighbours the check compares.
const RECALL_NEIGHBOURS: usize = 10;

/// A found example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its place in the list the index was built from.
    pub row: usize,
    /// How near it is, from -1 to 1.
    pub cosine: f32,
}

/// Searchable vectors.
pub struct Index {
    vectors: Vec<Embedding>,
    graph: Option<Hnsw<'static, f32, DistL2>>,
}

impl Index {
    /// Builds the index that suits the number of vectors.
    #[must_use]
    pub fn build(vectors: Vec<Embedding>) -> Self {
        let mut index = Self { vectors, graph: None };
        if index.vectors.len() > EXACT_UP_TO {
            index.graph = Some(graph(&index.vectors));
            let recall = index.recall();
            if recall < RECALL_MIN {
                tracing::warn!(recall, "the graph misses neighbours; searching exactly instead");
                index.graph = None;
            }
        }
        index
    }

    /// The `count` nearest vectors, nearest first; equally near ones in the order of their rows.
    #[must_use]
    pub fn nearest(&self, query: &Embedding, count: usize) -> Vec<Hit> {
        match &self.graph {
            None => self.nearest_exact(query, count),
            Some(graph) => {
                let found = graph.search(query.as_slice(), count, SEARCH_CANDIDATES.max(count));
                let hits = found.into_iter().filter_map(|neighbour| {
                    let vector = self.vectors.get(neighbour.d_id)?;
                    Some(Hit { row: neighbour.d_id, cosine: query.cosine(vector) })
                });
                sorted(hits.collect(), count)
            }
        }
    }

    /// The same by comparing with every vector.
    #[must_use]
    pub fn nearest_exact(&self, query: &Embedding, count: usize) -> Vec<Hit> {
        let cosine = |(row, vector): (usize, &Embedding)| Hit { row, cosine: query.cosine(vector) };
        sorted(self.vectors.iter().enumerate().map(cosine).collect(), count)
    }

    /// Whether the graph answers, or the exact scan.
    #[must_use]
    pub fn uses_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }

    /// The share of true neighbours that `nearest` finds, over a spread of the indexed vectors.
    #[must_use]
    pub fn recall(&self) -> f32 {
        let step = self.vectors.len().div_ceil(RECALL_SAMPLE).max(1);
        let (mut found, mut expected) = (0_u16, 0_u16);
        for query in self.vectors.iter().step_by(step) {
            let exact = self.nearest_exact(query, RECALL_NEIGHBOURS);
            let near = self.nearest(query, RECALL_NEIGHBOURS);
            // Equally near rows may stand for each other, so nearness is compared, not identity.
            let worst = exact.last().map_or(f32::MAX, |hit| hit.cosine) - 1e-6;
            expected = expected.saturating_add(u16::try_from(exact.len()).unwrap_or(u16::MAX));
            let good = near.iter().filter(|hit| hit.cosine >= worst).count();
            found = found.saturating_add(u16::try_from(good).unwrap_or(u16::MAX));
        }
        if expected == 0 { 1.0 } else { f32::from(found) / f32::from(expected) }
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("vectors", &self.vectors.len())
            .field("uses_graph", &self.uses_graph())
            .finish()
    }
}

fn graph(vectors: &[Embedding]) -> Hnsw<'static, f32, DistL2> {
    let mut graph = Hnsw::new(LINKS, vectors.len(), LAYERS, BUILD_CANDIDATES, DistL2);
    for (row, vector) in vectors.iter().enumerate() {
        graph.insert((vector.as_slice(), row));
    }
    graph.set_searching_mode(true);
    graph
}

fn sorted(mut hits: Vec<Hit>, count: usize) -> Vec<Hit> {
    let order = |a: &Hit, b: &Hit| b.cosine.total_cmp(&a.cosine).then(a.row.cmp(&b.row));
    if hits.len() > count && count > 0 {
        hits.select_nth_unstable_by(count - 1, order);
    }
    hits.truncate(count);
    hits.sort_by(order);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible directions in clumps, as labelled prompts are.
    fn directions(count: usize) -> Vec<Embedding> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let byte = u8::try_from(state % 251).expect("below 251");
            f32::from(byte) / 125.0 - 1.0
        };
        let centres: Vec<Vec<f32>> =
            (0..20).map(|_| (0..32).map(|_| next() * 2.0).collect()).collect();
        (0..count)
            .map(|row| {
                let centre = centres[row % centres.len()].clone();
                let vector = centre.into_iter().map(|x| x + next()).collect();
                Embedding::new(vector).expect("a direction")
            })
            .collect()
    }

    #[test]
    fn the_graph_finds_what_the_exact_scan_finds() {
        let index = Index::build(directions(3_000));
        assert!(index.uses_graph());
        assert!(index.recall() >= 0.98, "{}", index.recall());
    }

    #[test]
    fn the_same_vectors_give_the_same_answers() {
        let (one, other) = (Index::build(directions(1_500)), Index::build(directions(1_500)));
        for query in directions(1_600).iter().skip(1_500) {
            assert_eq!(one.nearest(query, 15), other.nearest(query, 15));
        }
    }

    #[test]
    fn few_vectors_are_scanned_and_sorted() {
        let vectors = directions(50);
        let index = Index::build(vectors.clone());
        assert!(!index.uses_graph());
        let hits = index.nearest(&vectors[7], 5);
        assert_eq!((hits.len(), hits[0].row), (5, 7));
        assert!(hits.is_sorted_by(|a, b| a.cosine >= b.cosine));
        assert_eq!(index.nearest(&vectors[0], 500).len(), 50);
        assert_eq!(Index::build(Vec::new()).nearest(&vectors[0], 5), []);
    }
}
