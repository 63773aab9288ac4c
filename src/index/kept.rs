//! An index whose graph is kept in a file, so that a restart with many examples takes a blink instead of a minute.
//!
//! The file is a convenience, never the truth: it is bound to the very rows it was drawn over, sealed by a checksum, and drawn
//! again whenever it does not fit.

use std::path::Path;

use super::graph::Graph;
use super::{Index, IndexError, rounded};
use crate::config::IndexKind;
use crate::kept::write_whole;

impl Index {
    /// [`Index::build`], with the graph taken from a file where that fits, and kept there where it does not. A file that
    /// cannot be read or written costs time and nothing else. Small sets have no graph and leave no file.
    ///
    /// # Errors
    /// When a vector cannot be compared with the others.
    pub fn open<V: AsRef<[f32]>>(
        vectors: &[V],
        kind: IndexKind,
        path: &Path,
    ) -> Result<Self, IndexError> {
        let mut index = Self { rows: rounded(vectors)?, graph: None };
        if !index.wants_graph(kind) {
            return Ok(index);
        }
        index.graph = std::fs::read(path).ok().and_then(|bytes| {
            let kept = Graph::from_bytes(&bytes, &index.rows);
            kept.inspect_err(|unusable| tracing::info!(%unusable, "drawing the graph again")).ok()
        });
        if index.graph.is_none() {
            index.draw();
            index.keep(path);
        }
        Ok(index)
    }

    fn keep(&self, path: &Path) {
        let Some(graph) = &self.graph else { return };
        if let Err(error) = write_whole(path, &graph.to_bytes(&self.rows)) {
            let file = path.display().to_string();
            tracing::warn!(file, %error, "cannot keep the graph; the next start draws it again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Hit;

    fn vectors() -> Vec<[f32; 8]> {
        let at = |row: u16, i: u16| f32::from((row * 37 + i * i * 11 + row * i) % 29) - 14.0;
        (0..120)
            .map(|row| std::array::from_fn(|i| at(row, u16::try_from(i).expect("below 8"))))
            .collect()
    }

    fn answers(index: &Index) -> Vec<Vec<Hit>> {
        vectors().iter().map(|query| index.nearest(query, 7).expect("a query that fits")).collect()
    }

    #[test]
    fn a_kept_graph_answers_as_the_one_that_was_drawn() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/examples.graph");
        let drawn = Index::open(&vectors(), IndexKind::Hnsw, &path).expect("an index");
        let written = std::fs::metadata(&path).and_then(|file| file.modified()).expect("a file");
        let kept = Index::open(&vectors(), IndexKind::Hnsw, &path).expect("an index");
        let untouched = std::fs::metadata(&path).and_then(|file| file.modified()).expect("a file");
        assert_eq!((kept.uses_graph(), written), (true, untouched));
        assert_eq!(answers(&kept), answers(&drawn));
    }

    #[test]
    fn small_sets_leave_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("examples.graph");
        for kind in [IndexKind::Auto, IndexKind::Exact] {
            Index::open(&vectors(), kind, &path).expect("an index");
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_damaged_file_is_drawn_again() {
        // The library panics on a file that is cut, and loads one with a flipped bit.
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("examples.graph");
        let expected = answers(&Index::open(&vectors(), IndexKind::Hnsw, &path).expect("an index"));
        let whole = std::fs::read(&path).expect("a file");
        let cut = |length: usize| whole[..length].to_vec();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            bytes
        };
        let half = whole.len() / 2;
        for bytes in [
            cut(0),
            cut(5),
            cut(half),
            cut(whole.len() - 1),
            flipped(7),
            flipped(50),
            flipped(half),
        ] {
            std::fs::write(&path, bytes).expect("written");
            let index = Index::open(&vectors(), IndexKind::Hnsw, &path).expect("an index");
            assert_eq!(answers(&index), expected);
            assert_eq!(std::fs::read(&path).expect("a file"), whole, "kept anew");
        }
    }

    #[test]
    fn a_graph_over_other_examples_is_drawn_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("examples.graph");
        let fewer = &vectors()[1..];
        Index::open(fewer, IndexKind::Hnsw, &path).expect("an index");
        let index = Index::open(&vectors(), IndexKind::Hnsw, &path).expect("an index");
        assert_eq!(rows_seen(&index), (0..120).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_done_without() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("not a folder");
        std::fs::write(&file, "").expect("written");
        let path = file.join("examples.graph");
        let index = Index::open(&vectors(), IndexKind::Hnsw, &path).expect("an index");
        assert!(index.uses_graph());
    }

    fn rows_seen(index: &Index) -> Vec<usize> {
        let all = index.nearest(&vectors()[0], 120).expect("a query that fits");
        let mut rows: Vec<usize> = all.iter().map(|hit| hit.row).collect();
        rows.sort_unstable();
        rows
    }
}
