//! The vectors of the examples, kept in a file so that a restart does not read every example again.
//!
//! The file is a convenience, never the truth: it is keyed by the embedder's fingerprint and by each text's hash, sealed by
//! a checksum, and thrown away whenever it does not fit.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use sha2::{Digest, Sha256};

use super::{EmbedError, Embedder, Features};
use crate::chat::Prompt;
use crate::kept::write_whole;

/// First bytes of the file; the last one is the format's version.
const MAGIC: &[u8; 8] = b"semvec\0\x01";
/// Bytes of a SHA-256.
const HASH: usize = 32;

/// Most vectors in the file. It also keeps those of other configurations, so that going back and forth between two costs
/// nothing; beyond this, only the vectors in use are kept.
const KEPT_MAX: usize = 100_000;
/// Finished texts that wait to be counted.
const REPORTS: usize = 64;

type TextHash = [u8; HASH];
type Known = BTreeMap<TextHash, Features>;

/// Hears how many texts have been read, and of how many.
pub type OnProgress<'a> = &'a mut dyn FnMut(usize, usize);

/// Reads every text to the end, taking from the file under `folder` what is already known and writing back what is new.
/// `on_progress(done, total)` is called for texts that have to be read.
///
/// # Errors
/// When the model fails. A file that cannot be read or written costs time, not the start.
pub fn read_examples(
    embedder: &dyn Embedder,
    texts: &[&str],
    folder: &Path,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Features>, EmbedError> {
    let path = file_of(embedder.fingerprint(), folder);
    let length = embedder.stops().last().copied().unwrap_or_default();
    let mut known = read(&path, length).unwrap_or_default();
    let hashes: Vec<TextHash> = texts.iter().map(|text| Sha256::digest(text).into()).collect();
    let unknown: Vec<(TextHash, &str)> = hashes
        .iter()
        .zip(texts)
        .filter(|(hash, _)| !known.contains_key(*hash))
        .map(|(hash, text)| (*hash, *text))
        .collect();
    if !unknown.is_empty() {
        known.extend(read_all(embedder, &unknown, on_progress)?);
    }
    let vectors: Option<Vec<Features>> =
        hashes.iter().map(|hash| known.get(hash).cloned()).collect();
    let vectors = vectors.ok_or(EmbedError::Stopped)?;
    if known.len() > KEPT_MAX {
        known = hashes.into_iter().zip(vectors.iter().cloned()).collect();
    }
    let kept = if unknown.is_empty() { Ok(()) } else { write(&path, &known) };
    if let Err(error) = kept {
        let file = path.display().to_string();
        tracing::warn!(file, %error, "cannot keep the examples' vectors; the next start reads them again");
    }
    Ok(vectors)
}

/// Shares the texts out among as many threads as there are cores, each of which computes alone: a matrix product on two cores
/// is only a fifth faster than on one, and two products at once are twice as fast.
fn read_all(
    embedder: &dyn Embedder,
    texts: &[(TextHash, &str)],
    on_progress: OnProgress<'_>,
) -> Result<Vec<(TextHash, Features)>, EmbedError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let (report, reports) = mpsc::sync_channel(REPORTS);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            let (report, next) = (report.clone(), &next);
            scope.spawn(move || {
                // Each worker takes the next text, so that a few long ones do not hold up one of them.
                alone(|| {
                    while let Some((hash, text)) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let read = read_one(embedder, text).map(|vector| (*hash, vector));
                        if report.send(read).is_err() {
                            return;
                        }
                    }
                });
            });
        }
        drop(report);
        let mut done = Vec::with_capacity(texts.len());
        for read in reports {
            done.push(read?);
            on_progress(done.len(), texts.len());
        }
        Ok(done)
    })
}

/// Examples are cut as prompts are, or a long example would stand elsewhere than the same prompt.
fn read_one(embedder: &dyn Embedder, text: &str) -> Result<Features, EmbedError> {
    let prompt = Prompt::new(text).ok_or(EmbedError::Degenerate)?;
    embedder.read_fully(prompt.as_str())
}

/// From here on nothing is shared out to other threads, except in `read_examples`: times are then those of one core.
pub fn on_one_core() {
    // Refused when something was shared out before; then it is too late, and the times are shorter.
    drop(rayon::ThreadPoolBuilder::new().num_threads(1).build_global());
}

/// Runs work so that nothing inside it is shared out to other threads.
fn alone(work: impl FnOnce() + Send) {
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(work),
        // Without a pool of its own the work takes the common one: slower, and as right.
        Err(_no_thread) => work(),
    }
}

fn file_of(fingerprint: &str, folder: &Path) -> PathBuf {
    let name: String = hex(&Sha256::digest(fingerprint)).chars().take(16).collect();
    folder.join(format!("{name}.vectors"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `MAGIC`, dimensions (u32), then per text its hash and its components (f32), then the SHA-256 of all before. Little-endian.
fn write(path: &Path, known: &Known) -> io::Result<()> {
    let dimensions = known.values().next().map_or(0, |vector| vector.as_slice().len());
    let mut bytes = MAGIC.to_vec();
    bytes.extend(u32::try_from(dimensions).unwrap_or(0).to_le_bytes());
    for (hash, vector) in known {
        bytes.extend(hash);
        bytes.extend(vector.as_slice().iter().flat_map(|component| component.to_le_bytes()));
    }
    let seal = Sha256::digest(&bytes);
    bytes.extend(seal);
    write_whole(path, &bytes)
}

/// Nothing when the file is missing, cut, changed, of another version or of another length of features.
fn read(path: &Path, length: usize) -> Option<Known> {
    let bytes = std::fs::read(path).ok()?;
    let (content, seal) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    if Sha256::digest(content).as_slice() != seal {
        return None;
    }
    let (dimensions, rows) = content.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let dimensions = usize::try_from(u32::from_le_bytes(*dimensions)).ok()?;
    if dimensions != length {
        return None;
    }
    let row_bytes = HASH + dimensions * size_of::<f32>();
    rows.chunks_exact(row_bytes).map(read_row).collect()
}

fn read_row(row: &[u8]) -> Option<(TextHash, Features)> {
    let (hash, components) = row.split_first_chunk::<HASH>()?;
    let (components, _) = components.as_chunks::<4>();
    let features: Vec<f32> = components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let is_finite = features.iter().all(|component| component.is_finite());
    is_finite.then(|| (*hash, Features::new(features)))
}

#[cfg(test)]
mod tests {
    use super::super::Embedding;
    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Embedder for Counting {
        fn stops(&self) -> &[usize] {
            &[2]
        }

        fn read(
            &self,
            text: &str,
            _: &mut dyn FnMut(&[f32]) -> bool,
        ) -> Result<Features, EmbedError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let length = u8::try_from(text.len()).expect("short texts");
            Ok(Embedding::new(vec![1.0, f32::from(length)])?.into())
        }

        fn fingerprint(&self) -> &'static str {
            "counting"
        }
    }

    fn embed(texts: &[&str], folder: &Path) -> (Vec<Features>, usize) {
        let embedder = Counting::default();
        let vectors = read_examples(&embedder, texts, folder, &mut |_, _| {}).expect("vectors");
        (vectors, embedder.0.into_inner())
    }

    #[test]
    fn a_second_start_reads_only_what_is_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, read_first) = embed(&["a", "bb"], folder.path());
        let (second, read_second) = embed(&["a", "bb", "ccc"], folder.path());
        assert_eq!((read_first, read_second), (2, 1));
        assert_eq!(second[..2], first[..]);
    }

    #[test]
    fn going_back_to_another_configuration_reads_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, _) = embed(&["a", "bb"], folder.path());
        embed(&["ccc"], folder.path());
        assert_eq!(embed(&["a", "bb"], folder.path()), (first, 0));
    }

    #[test]
    fn a_damaged_file_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, _) = embed(&["a", "bb"], folder.path());
        let path = file_of("counting", folder.path());
        let good = std::fs::read(&path).expect("the file");
        for damage in [good.len() / 2, 3, good.len() - 1] {
            let mut bad = good.clone();
            bad[damage] ^= 1;
            std::fs::write(&path, &bad).expect("written");
            assert_eq!(embed(&["a", "bb"], folder.path()), (first.clone(), 2));
        }
        std::fs::write(&path, &good[..10]).expect("written");
        assert_eq!(embed(&["a", "bb"], folder.path()), (first, 2));
    }
}
