//! The graph as bytes, so that a restart does not draw it again.
//!
//! `MAGIC`, the SHA-256 of the rows it was drawn over, the lists (each with its length in front, u32, little-endian), and the
//! SHA-256 of all before. A graph is bound to its rows: over others it would answer, and answer wrongly.

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::draw::number;
use super::{Graph, Layer};
use crate::index::rows::Rows;

/// First bytes; the last one is the format's version.
const MAGIC: &[u8; 8] = b"semhnw\0\x01";
/// Bytes of a SHA-256.
const HASH: usize = 32;
/// Most layers.
const LAYERS_MAX: u32 = 16;

/// Why saved bytes are no graph over these rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(in crate::index) enum Unusable {
    /// Nothing, something else, another version, cut or changed.
    #[error("it is cut, changed or of another version")]
    Damaged,
    /// Whole, and drawn over other rows.
    #[error("it belongs to other examples")]
    Foreign,
}

impl Graph {
    /// The graph and what it was drawn over.
    pub(in crate::index) fn to_bytes(&self, rows: &Rows) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(identity(rows));
        bytes.extend(number(self.layers.len()).to_le_bytes());
        for layer in &self.layers {
            put(&mut bytes, layer.starts.iter().copied());
            put(&mut bytes, layer.ends.iter().copied());
        }
        put(&mut bytes, self.rows.iter().copied());
        put(&mut bytes, self.twins.iter().map(|twin| twin.0));
        put(&mut bytes, self.twins.iter().map(|twin| twin.1));
        let seal = Sha256::digest(&bytes);
        bytes.extend(seal);
        bytes
    }

    /// Takes back a graph that was drawn over these rows.
    pub(in crate::index) fn from_bytes(bytes: &[u8], rows: &Rows) -> Result<Self, Unusable> {
        let (content, seal) = bytes.split_last_chunk::<HASH>().ok_or(Unusable::Damaged)?;
        let is_whole = Sha256::digest(content).as_slice() == seal;
        let rest = content.strip_prefix(MAGIC).filter(|_| is_whole).ok_or(Unusable::Damaged)?;
        let (drawn_over, lists) = rest.split_first_chunk::<HASH>().ok_or(Unusable::Damaged)?;
        if *drawn_over != identity(rows) {
            return Err(Unusable::Foreign);
        }
        // The seal holds off accidents, not somebody who seals anew: what is read is checked all the same.
        let graph = Lists(lists).graph().ok_or(Unusable::Damaged)?;
        if graph.fits(rows.len()) { Ok(graph) } else { Err(Unusable::Damaged) }
    }

    /// Whether every row is somewhere and every number leads somewhere.
    fn fits(&self, row_count: usize) -> bool {
        let layers = self.layers.iter().all(|layer| {
            let count = number(layer.len());
            layer.len() <= self.rows.len()
                && layer.starts.is_sorted()
                && layer.starts.last().is_some_and(|last| *last as usize == layer.ends.len())
                && layer.ends.iter().all(|end| *end < count)
        });
        let whole = self.layers.first().is_some_and(|lowest| lowest.len() == self.rows.len());
        let mut missing = vec![true; row_count];
        let twins = self.twins.iter().map(|twin| &twin.1);
        for row in self.rows.iter().chain(twins) {
            if let Some(missing) = missing.get_mut(*row as usize) {
                *missing = false;
            }
        }
        let all = self.rows.len() + self.twins.len() == row_count && !missing.contains(&true);
        layers && whole && all && self.twins.is_sorted()
    }
}

fn put(bytes: &mut Vec<u8>, list: impl ExactSizeIterator<Item = u32>) {
    bytes.extend(number(list.len()).to_le_bytes());
    bytes.extend(list.flat_map(u32::to_le_bytes));
}

/// What a graph is bound to: the rows as they are compared.
fn identity(rows: &Rows) -> [u8; HASH] {
    let mut hash = Sha256::new();
    hash.update(number(rows.dimensions()).to_le_bytes());
    let mut bytes = [0; 4_096];
    for levels in rows.all_levels().chunks(bytes.len()) {
        for (byte, level) in bytes.iter_mut().zip(levels) {
            *byte = level.cast_unsigned();
        }
        hash.update(bytes.get(..levels.len()).unwrap_or_default());
    }
    hash.finalize().into()
}

/// What is left to read.
struct Lists<'a>(&'a [u8]);

impl Lists<'_> {
    fn graph(mut self) -> Option<Graph> {
        let layers = 0..self.number().filter(|count| *count <= LAYERS_MAX)?;
        let layers = layers.map(|_| Some(Layer { starts: self.list()?, ends: self.list()? }));
        let layers = layers.collect::<Option<Vec<_>>>()?;
        let rows = self.list()?;
        let twins = self.list()?.into_iter().zip(self.list()?).collect();
        self.0.is_empty().then_some(Graph { layers, rows, twins })
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn list(&mut self) -> Option<Vec<u32>> {
        let length = self.number()? as usize;
        let (list, rest) = self.0.split_at_checked(length.checked_mul(4)?)?;
        self.0 = rest;
        let (numbers, _) = list.as_chunks::<4>();
        Some(numbers.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let mut rows = Rows::with_capacity(4, 60);
        for row in 0..60_u8 {
            let x = f32::from(row % 40);
            rows.push(&[x, 20.0 - x, (x * 0.7).sin(), 1.0]).expect("a direction");
        }
        rows
    }

    /// What somebody who knows the format could write.
    fn sealed(mut content: Vec<u8>) -> Vec<u8> {
        content.truncate(content.len() - HASH);
        let seal = Sha256::digest(&content);
        content.extend(seal);
        content
    }

    #[test]
    fn what_goes_out_comes_back() {
        let rows = rows();
        let graph = Graph::build(&rows);
        assert_eq!(graph.twins.len(), 20);
        assert_eq!(Graph::from_bytes(&graph.to_bytes(&rows), &rows), Ok(graph));
    }

    #[test]
    fn every_cut_is_noticed() {
        let rows = rows();
        let whole = Graph::build(&rows).to_bytes(&rows);
        for length in 0..whole.len() {
            assert_eq!(Graph::from_bytes(&whole[..length], &rows), Err(Unusable::Damaged));
        }
    }

    #[test]
    fn numbers_that_lead_nowhere_are_refused_under_a_good_seal() {
        let rows = rows();
        let whole = Graph::build(&rows).to_bytes(&rows);
        let query = rows.row(7);
        for at in (MAGIC.len() + HASH..whole.len() - HASH).step_by(4) {
            for wrong in [u32::MAX, 61, 0] {
                let mut bytes = whole.clone();
                bytes[at..at + 4].copy_from_slice(&wrong.to_le_bytes());
                // Most are refused; what is not refused is a graph with another link, and answers as one.
                if let Ok(graph) = Graph::from_bytes(&sealed(bytes), &rows) {
                    let hits = graph.search(&rows, &query, 60);
                    assert!(hits.iter().all(|hit| hit.row < rows.len()));
                }
            }
        }
    }

    #[test]
    fn other_rows_are_noticed() {
        let graph = Graph::build(&rows());
        let bytes = graph.to_bytes(&rows());
        let mut more = rows();
        more.push(&[1.0, 0.0, 0.0, 0.0]).expect("a direction");
        assert_eq!(Graph::from_bytes(&bytes, &more), Err(Unusable::Foreign));
    }
}
