//! A navigable graph over rows: drawn by `hnsw_rs`, frozen into flat lists of numbers, and searched here.
//!
//! Why the library's own search is not used: on its way down it follows a single link a layer, at every point it takes a lock
//! and counts references, it keeps each vector once more, and a damaged file makes it panic or answer wrongly. What is frozen
//! is links alone, four megabytes for 100,000 rows, which are read back from a file in a blink.
//!
//! It searches by the rows' levels, as the exact scan does: where both find a row, they agree to the last bit.

mod draw;
mod freeze;
mod saved;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Hit;
use super::best::{Best, Ranked};
use super::rows::{Query, Rows};

/// The links on one layer. Those of node `n` are `ends[starts[n]..starts[n + 1]]`.
#[derive(Debug, PartialEq, Eq)]
struct Layer {
    starts: Vec<u32>,
    ends: Vec<u32>,
}

impl Layer {
    fn links(&self, node: usize) -> &[u32] {
        let bounds = self.starts.get(node).zip(self.starts.get(node + 1));
        let links = bounds.and_then(|(from, to)| self.ends.get(*from as usize..*to as usize));
        links.unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}

/// Nodes are the rows that differ. They are numbered so that a layer holds the first ones; a search begins at node 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Graph {
    /// The lowest, which holds every node, first.
    layers: Vec<Layer>,
    /// The first row of each node.
    rows: Vec<u32>,
    /// Further rows that are equal to a node's: pairs of node and row, in order.
    twins: Vec<(u32, u32)>,
}

impl Graph {
    /// Links all rows, one after the other, so that the same rows give the same graph.
    pub(super) fn build(rows: &Rows) -> Self {
        freeze::freeze(draw::draw(rows))
    }

    /// Rows near to the query, nearest first: all that equal one of the `breadth` best nodes found.
    pub(super) fn search(&self, rows: &Rows, query: &Query, breadth: usize) -> Vec<Hit> {
        let Some(lowest) = self.layers.first() else { return Vec::new() };
        let start = self.descend(rows, query);
        let mut unseen = Unseen::of(self.rows.len());
        unseen.take(start.row);
        let mut best = Best::new(breadth, self.rows.len());
        best.offer(start);
        let mut open = BinaryHeap::from([Reverse(Ranked(start))]);
        while let Some(Reverse(Ranked(from))) = open.pop() {
            if from.cosine < best.bar() {
                break;
            }
            for node in lowest.links(from.row) {
                if unseen.take(*node as usize) {
                    let found = self.look(rows, query, *node as usize);
                    if best.offer(found) {
                        open.push(Reverse(Ranked(found)));
                    }
                }
            }
        }
        self.rows_of(&best.into_hits())
    }

    /// Walks to the nearest node of each layer but the lowest.
    fn descend(&self, rows: &Rows, query: &Query) -> Hit {
        let mut at = self.look(rows, query, 0);
        for layer in self.layers.iter().skip(1).rev() {
            loop {
                let around = layer.links(at.row).iter();
                let nearest =
                    around.map(|node| Ranked(self.look(rows, query, *node as usize))).min();
                match nearest {
                    Some(Ranked(next)) if next.cosine > at.cosine => at = next,
                    _ => break,
                }
            }
        }
        at
    }

    /// A node, by its number, and how near it is.
    fn look(&self, rows: &Rows, query: &Query, node: usize) -> Hit {
        let row = self.rows.get(node).map_or(usize::MAX, |row| *row as usize);
        Hit { row: node, cosine: rows.cosine(query, row) }
    }

    fn rows_of(&self, nodes: &[Hit]) -> Vec<Hit> {
        let mut hits = Vec::with_capacity(nodes.len());
        for Hit { row: node, cosine } in nodes {
            let first = self.rows.get(*node).copied();
            let from = self.twins.partition_point(|twin| (twin.0 as usize) < *node);
            let twins = self.twins.iter().skip(from).take_while(|twin| twin.0 as usize == *node);
            let all = first.into_iter().chain(twins.map(|twin| twin.1));
            hits.extend(all.map(|row| Hit { row: row as usize, cosine: *cosine }));
        }
        hits.sort_by_key(|hit| Ranked(*hit));
        hits
    }
}

/// Nodes not yet visited, one bit each.
struct Unseen(Vec<u64>);

impl Unseen {
    fn of(nodes: usize) -> Self {
        Self(vec![u64::MAX; nodes.div_ceil(64)])
    }

    /// Whether a node was still there.
    fn take(&mut self, node: usize) -> bool {
        let bit = 1 << (node % 64);
        self.0.get_mut(node / 64).is_some_and(|word| {
            let was_there = *word & bit != 0;
            *word &= !bit;
            was_there
        })
    }
}
