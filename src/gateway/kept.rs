//! A fit kept in a file, so that a restart does not fit again.
//!
//! The file is a convenience, never the truth: it is bound to a key that names everything it was made of, sealed by a checksum,
//! and made again whenever it does not fit.

use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::classify::Fit;
use crate::kept::write_whole;

/// First bytes of the file; the last one is the format's version.
const MAGIC: &[u8; 8] = b"semfit\0\x01";
/// Bytes of a SHA-256.
const HASH: usize = 32;

/// Names everything that a fit was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(pub(super) [u8; HASH]);

/// The fit in a file; nothing when it is missing, damaged, or made of something else.
pub(super) fn open(path: &Path, key: &Key) -> Option<Fit> {
    let bytes = std::fs::read(path).ok()?;
    let (content, seal) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    let fit = content.strip_prefix(MAGIC)?.strip_prefix(&key.0)?;
    if Sha256::digest(content).as_slice() != seal {
        tracing::info!(file = %path.display(), "the kept fit is damaged; fitting again");
        return None;
    }
    postcard::from_bytes(fit).ok()
}

/// Keeps a fit. A file that cannot be written costs time, not the start.
pub(super) fn keep(path: &Path, key: &Key, fit: &Fit) {
    if let Err(error) = write(path, key, fit) {
        let file = path.display().to_string();
        tracing::warn!(file, %error, "cannot keep the fit; the next start fits again");
    }
}

/// `MAGIC`, the key, the fit, and the SHA-256 of all before.
fn write(path: &Path, key: &Key, fit: &Fit) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(key.0);
    let mut bytes = postcard::to_extend(fit, bytes).map_err(io::Error::other)?;
    let seal = Sha256::digest(&bytes);
    bytes.extend(seal);
    write_whole(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Examples, Sides};
    use crate::config::Vote;
    use crate::embed::Glance;

    fn fit() -> Fit {
        let glance = |at: u16| {
            let angle = f32::from(at);
            Glance { meaning: vec![angle.sin(), angle.cos()], form: vec![(u32::from(at % 2), 1.0)] }
        };
        let glances: Vec<Glance> = (0..40).map(glance).collect();
        let labels: Vec<usize> = (0..40).map(|at| at % 2).collect();
        let examples = Examples {
            glances: &glances,
            features: &[],
            stops: &[],
            labels: &labels,
            names: &labels,
            sides: &Sides::of_labels(2),
            vote: Vote { neighbours: 5, sharpness: 10.0 },
            may_stop: true,
        };
        Fit::new(&examples).expect("a fit")
    }

    fn places(fit: &Fit) -> Vec<Vec<f32>> {
        fit.deepest_places().iter().map(|place| place.to_vec()).collect()
    }

    #[test]
    fn what_was_kept_is_what_was_fitted() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, key) = (folder.path().join("below/a.fit"), Key([7; HASH]));
        assert!(open(&path, &key).is_none());
        let fit = fit();
        keep(&path, &key, &fit);
        let kept = open(&path, &key).expect("the file");
        assert_eq!(places(&kept), places(&fit));
        assert!(open(&path, &Key([8; HASH])).is_none(), "made of something else");
    }

    #[test]
    fn a_damaged_file_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, key) = (folder.path().join("a.fit"), Key([7; HASH]));
        keep(&path, &key, &fit());
        let good = std::fs::read(&path).expect("the file");
        for at in [0, 20, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).expect("written");
            assert!(open(&path, &key).is_none(), "byte {at}");
        }
        for length in [0, 10, good.len() - 1] {
            std::fs::write(&path, &good[..length]).expect("written");
            assert!(open(&path, &key).is_none(), "{length} bytes");
        }
    }
}
