//! From the library's drawing to flat lists, with the guarantee that a search can reach every node.

use std::cmp::Reverse;

use super::draw::{Drawing, number};
use super::{Graph, Layer};

/// Flat lists of the same links, and of those that lead back.
pub(super) fn freeze(mut drawing: Drawing) -> Graph {
    lead_back(&mut drawing.links);
    connect(&mut drawing.links, drawing.entry);
    raise(&drawing.links, &mut drawing.heights);
    let Drawing { rows, twins, heights, links, entry } = drawing;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let height_of = |node: usize| heights.get(node).copied().unwrap_or_default();
    order.sort_by_key(|node| (*node != entry, Reverse(height_of(*node)), *node));
    let mut numbers = vec![0; order.len()];
    for (place, node) in order.iter().enumerate() {
        if let Some(slot) = numbers.get_mut(*node) {
            *slot = number(place);
        }
    }
    let number_of = |node: u32| numbers.get(node as usize).copied().unwrap_or_default();
    let top = height_of(entry);
    let layers = (0..=top).filter(|_| !rows.is_empty()).map(|layer| {
        let (mut starts, mut ends) = (vec![0], Vec::new());
        for node in order.iter().take_while(|node| height_of(**node) >= layer) {
            ends.extend(list(&links, *node, layer).iter().map(|end| number_of(*end)));
            starts.push(number(ends.len()));
        }
        Layer { starts, ends }
    });
    let layers = layers.collect();
    let rows = order.iter().filter_map(|node| rows.get(*node).copied()).collect();
    let mut twins: Vec<(u32, u32)> =
        twins.into_iter().map(|(node, row)| (number_of(node), row)).collect();
    twins.sort_unstable();
    Graph { layers, rows, twins }
}

/// The library links from upper layers to nodes that are not on them (its first entry, for one). Those are raised.
fn raise(links: &[Vec<Vec<u32>>], heights: &mut [usize]) {
    let top = heights.iter().copied().max().unwrap_or_default();
    for layer in (1..=top).rev() {
        let mut open: Vec<usize> =
            (0..heights.len()).filter(|node| heights[*node] >= layer).collect();
        while let Some(node) = open.pop() {
            for end in list(links, node, layer) {
                let end = *end as usize;
                if let Some(height) = heights.get_mut(end).filter(|height| **height < layer) {
                    *height = layer;
                    open.push(end);
                }
            }
        }
    }
}

/// Makes the links of the lowest layer go both ways. The library keeps a node's nearest links only, so whoever links to a dense
/// clump gets no link back and is found less often, or never.
fn lead_back(links: &mut [Vec<Vec<u32>>]) {
    for node in 0..links.len() {
        for end in list(links, node, 0).to_vec() {
            let there = links.get_mut(end as usize).and_then(|layers| layers.first_mut());
            if let Some(there) = there.filter(|there| !there.contains(&number(node))) {
                there.push(number(node));
            }
        }
    }
}

/// Links whatever is apart from the rest even so with the entry.
fn connect(links: &mut [Vec<Vec<u32>>], entry: usize) {
    let mut reached = vec![false; links.len()];
    spread(links, entry, &mut reached);
    for node in 0..links.len() {
        if reached.get(node) == Some(&false) {
            for (from, to) in [(entry, node), (node, entry)] {
                if let Some(lowest) = links.get_mut(from).and_then(|layers| layers.first_mut()) {
                    lowest.push(number(to));
                }
            }
            spread(links, node, &mut reached);
        }
    }
}

/// Marks what can be reached from a node on the lowest layer.
fn spread(links: &[Vec<Vec<u32>>], from: usize, reached: &mut [bool]) {
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if let Some(mark) = reached.get_mut(node).filter(|mark| !**mark) {
            *mark = true;
            open.extend(list(links, node, 0).iter().map(|end| *end as usize));
        }
    }
}

fn list(links: &[Vec<Vec<u32>>], node: usize, layer: usize) -> &[u32] {
    links.get(node).and_then(|layers| layers.get(layer)).map_or(&[], Vec::as_slice)
}
