//! Drawing the links with `hnsw_rs`: the one file that names it.
//!
//! Hierarchical navigable small worlds: Malkov and Yashunin, 2018, arXiv 1603.09320. The library sees numbers of rows, never a
//! vector, so none of the ways in which it goes wrong on vectors exists here: there is one length, every distance is a number
//! and none is negative (it panics at both), and equal points, which fill each other's links and cut off all others, enter once.

use std::collections::BTreeMap;

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::hnsw::Hnsw;

use crate::index::rows::Rows;

/// Links of a node on each layer; twice as many on the lowest.
const LINKS: usize = 16;
/// Most layers that the library allows.
const LAYERS: usize = 16;
/// Candidates kept while a node is linked.
const BUILD_CANDIDATES: usize = 100;

/// What the library has drawn, by node; nodes are numbered in the order of their rows.
pub(super) struct Drawing {
    /// The first row of each node.
    pub(super) rows: Vec<u32>,
    /// Further rows equal to a node's: pairs of node and row.
    pub(super) twins: Vec<(u32, u32)>,
    /// The highest layer of each node.
    pub(super) heights: Vec<usize>,
    /// The links of each node by layer, the lowest first.
    pub(super) links: Vec<Vec<Vec<u32>>>,
    /// Where the library begins to search.
    pub(super) entry: usize,
}

/// Draws one node after the other, as threads would make it a different graph each time.
pub(super) fn draw(rows: &Rows) -> Drawing {
    let (distinct, twins) = distinct(rows);
    let library = Hnsw::new(LINKS, distinct.len(), LAYERS, BUILD_CANDIDATES, Apart(rows));
    for (node, row) in distinct.iter().enumerate() {
        library.insert((&[*row], node));
    }
    let points = library.get_point_indexation();
    let top = usize::from(points.get_max_level_observed());
    let mut heights = vec![0; distinct.len()];
    let mut links = vec![Vec::new(); distinct.len()];
    // Of the points on the highest layer, the library enters at the one that came first.
    let mut entry = 0;
    for layer in 0..=top {
        for (place, point) in points.get_layer_iterator(layer).enumerate() {
            let node = point.get_origin_id();
            if place == 0 {
                entry = node;
            }
            if let Some((height, lists)) = heights.get_mut(node).zip(links.get_mut(node)) {
                *height = layer;
                let layers = point.get_neighborhood_id().into_iter().take(top + 1);
                let numbers = layers.map(|list| list.iter().map(|to| number(to.d_id)).collect());
                *lists = numbers.collect();
            }
        }
    }
    Drawing { rows: distinct, twins, heights, links, entry }
}

/// The rows that differ from every row before them, and the pairs of node and row for those that do not.
fn distinct(rows: &Rows) -> (Vec<u32>, Vec<(u32, u32)>) {
    let mut first = BTreeMap::new();
    let (mut nodes, mut twins) = (Vec::new(), Vec::new());
    for row in 0..rows.len() {
        match first.get(rows.levels(row)) {
            Some(node) => twins.push((*node, number(row))),
            None => {
                first.insert(rows.levels(row), number(nodes.len()));
                nodes.push(number(row));
            }
        }
    }
    (nodes, twins)
}

/// An index has fewer rows than this number has values.
pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// How far apart two rows are, given by their numbers.
struct Apart<'a>(&'a Rows);

impl Distance<u32> for Apart<'_> {
    fn eval(&self, one: &[u32], other: &[u32]) -> f32 {
        let (Some(one), Some(other)) = (one.first(), other.first()) else { return 2.0 };
        1.0 - self.0.between(*one as usize, *other as usize)
    }
}
