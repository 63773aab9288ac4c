//! Nearest examples: an exact scan over small sets, a navigable graph over large ones.
//!
//! Both search among directions rounded to one byte a component and rank what they find by two (`rows`), so that ten thousand
//! examples of 384 components take eight megabytes and the scan runs at the speed of memory. The graph (`graph`) is drawn by `hnsw_rs` and searched here; it is
//! checked against the scan before it is used. Nothing is changed in place: an index is replaced by another one.
//!
//! What cannot be compared never gets in: vectors and queries that are zero, not finite or of another length are refused with
//! an error, and no input makes a panic.

mod best;
mod graph;
mod kept;
mod rows;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::config::IndexKind;
use best::{Best, Ranked};
use graph::Graph;
use rows::{Fault, Query, Rows};

/// Bytes of levels up to which `auto` scans: 16,000 examples of 384 components, 32,000 of up to 192. The scan finds everything, in
/// 0.12 ms over 10,000 examples of 384 components and 0.21 over 16,000; the graph takes 0.08 there, misses four neighbours in a
/// thousand, and takes seconds to draw, so it has to save more than a tenth of a millisecond to be worth it.
const SCAN_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Vectors, so that every number of a row and of a link fits four bytes.
const ROWS_MAX: usize = 10_000_000;
/// Components of a vector, so that no sum of products overflows.
const DIMENSIONS_MAX: usize = 65_536;
/// Nodes kept while searching the graph.
const BREADTH: usize = 128;
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

/// Why there is no index, or no answer from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IndexError {
    /// A vector of another length.
    #[error("vector {row} has {found} components and the first one {expected}")]
    Length {
        /// Its place.
        row: usize,
        /// What it has.
        found: usize,
        /// What it should have.
        expected: usize,
    },
    /// A vector that is near to everything or to nothing.
    #[error("vector {row} is zero or not finite")]
    NoDirection {
        /// Its place.
        row: usize,
    },
    /// A query of another length.
    #[error(
        "the query has {found} components and the index {expected}; was it read by another embedder?"
    )]
    QueryLength {
        /// What it has.
        found: usize,
        /// What it should have.
        expected: usize,
    },
    /// A query that is near to everything or to nothing.
    #[error("the query is zero or not finite")]
    QueryNoDirection,
    /// More than can be numbered.
    #[error(
        "{rows} vectors of {dimensions} components are too many; \
         an index holds {ROWS_MAX} of {DIMENSIONS_MAX}"
    )]
    TooLarge {
        /// Vectors.
        rows: usize,
        /// Components of the first.
        dimensions: usize,
    },
}

/// Searchable directions.
pub struct Index {
    rows: Rows,
    graph: Option<Graph>,
}

impl Index {
    /// Builds an index. Vectors need not be of length 1; only their directions are compared.
    ///
    /// # Errors
    /// When a vector cannot be compared with the others.
    pub fn build<V: AsRef<[f32]>>(vectors: &[V], kind: IndexKind) -> Result<Self, IndexError> {
        let mut index = Self { rows: rounded(vectors)?, graph: None };
        if index.wants_graph(kind) {
            index.draw();
        }
        Ok(index)
    }

    /// The `count` nearest vectors, nearest first; equally near ones in the order of their rows.
    ///
    /// # Errors
    /// When the query cannot be compared with the vectors.
    pub fn nearest(&self, query: &[f32], count: usize) -> Result<Vec<Hit>, IndexError> {
        let query = self.query(query)?;
        Ok(query.map_or_else(Vec::new, |query| self.find(&query, count)))
    }

    /// The same by comparing with every vector.
    ///
    /// # Errors
    /// When the query cannot be compared with the vectors.
    pub fn nearest_exact(&self, query: &[f32], count: usize) -> Result<Vec<Hit>, IndexError> {
        let query = self.query(query)?;
        Ok(query.map_or_else(Vec::new, |query| self.scan(&query, count)))
    }

    /// Whether the graph answers, or the exact scan.
    #[must_use]
    pub fn uses_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The share of true neighbours that `nearest` finds, over a spread of the indexed vectors.
    #[must_use]
    pub fn recall(&self) -> f32 {
        let step = self.len().div_ceil(RECALL_SAMPLE).max(1);
        let (mut found, mut expected) = (0_u16, 0_u16);
        for row in (0..self.len()).step_by(step) {
            let query = self.rows.row(row);
            let exact = self.scan(&query, RECALL_NEIGHBOURS);
            // Equally near rows may stand for each other, so nearness is compared, not identity.
            let worst = exact.last().map_or(f32::MAX, |hit| hit.cosine);
            let near = self.find(&query, RECALL_NEIGHBOURS);
            let good = near.iter().filter(|hit| hit.cosine >= worst).count();
            expected = expected.saturating_add(u16::try_from(exact.len()).unwrap_or(u16::MAX));
            found = found.saturating_add(u16::try_from(good).unwrap_or(u16::MAX));
        }
        if expected == 0 { 1.0 } else { f32::from(found) / f32::from(expected) }
    }

    fn wants_graph(&self, kind: IndexKind) -> bool {
        match kind {
            IndexKind::Auto => self.rows.all_levels().len() > SCAN_BYTES_MAX,
            IndexKind::Hnsw => !self.is_empty(),
            IndexKind::Exact => false,
        }
    }

    /// Draws the graph, and keeps it if it finds what the scan finds.
    fn draw(&mut self) {
        self.graph = Some(Graph::build(&self.rows));
        let recall = self.recall();
        if recall < RECALL_MIN {
            tracing::warn!(recall, "the graph misses neighbours; searching exactly instead");
            self.graph = None;
        }
    }

    /// Nothing when there is nothing to compare with.
    fn query(&self, query: &[f32]) -> Result<Option<Query>, IndexError> {
        if self.is_empty() {
            return Ok(None);
        }
        let expected = self.rows.dimensions();
        self.rows.query(query).map(Some).map_err(|fault| match fault {
            Fault::Length => IndexError::QueryLength { found: query.len(), expected },
            Fault::NoDirection => IndexError::QueryNoDirection,
        })
    }

    fn find(&self, query: &Query, count: usize) -> Vec<Hit> {
        let Some(graph) = &self.graph else { return self.scan(query, count) };
        let breadth = BREADTH.max(candidates(count));
        self.ranked(query, graph.search(&self.rows, query, breadth), count)
    }

    fn scan(&self, query: &Query, count: usize) -> Vec<Hit> {
        let mut best = Best::new(candidates(count), self.len());
        self.rows.cosines(query, |first, cosines| {
            for (row, cosine) in (first..).zip(cosines) {
                best.offer(Hit { row, cosine: *cosine });
            }
        });
        self.ranked(query, best.into_hits(), count)
    }

    /// The best of some candidates by their finer cosines.
    fn ranked(&self, query: &Query, mut hits: Vec<Hit>, count: usize) -> Vec<Hit> {
        hits.truncate(candidates(count));
        for hit in &mut hits {
            hit.cosine = self.rows.cosine_fine(query, hit.row);
        }
        hits.sort_unstable_by_key(|hit| Ranked(*hit));
        hits.truncate(count);
        hits
    }
}

/// How many to rank for so many answers. Of 5,000 true neighbours among 100,000 real prompts none came later.
fn candidates(count: usize) -> usize {
    count.saturating_add(count / 4).saturating_add(6)
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("vectors", &self.len())
            .field("dimensions", &self.rows.dimensions())
            .field("uses_graph", &self.uses_graph())
            .finish()
    }
}

fn rounded<V: AsRef<[f32]>>(vectors: &[V]) -> Result<Rows, IndexError> {
    let expected = vectors.first().map_or(0, |vector| vector.as_ref().len());
    if vectors.len() > ROWS_MAX || expected > DIMENSIONS_MAX {
        return Err(IndexError::TooLarge { rows: vectors.len(), dimensions: expected });
    }
    let mut rows = Rows::with_capacity(expected, vectors.len());
    for (row, vector) in vectors.iter().enumerate() {
        let vector = vector.as_ref();
        rows.push(vector).map_err(|fault| match fault {
            Fault::Length => IndexError::Length { row, found: vector.len(), expected },
            Fault::NoDirection => IndexError::NoDirection { row },
        })?;
    }
    Ok(rows)
}
