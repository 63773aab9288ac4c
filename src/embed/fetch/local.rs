//! What already lies on this machine, and whether it is what the manifest says.
//!
//! A file counts only after its bytes were hashed in this run: disks and caches lose bits, and
//! other programs write into the Hugging Face cache.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::env::FetchEnv;
use crate::embed::manifest::{Digest, Model, ModelFile};

const HASH_BUFFER_BYTES: usize = 256 * 1024;

/// What was found for one file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file's name.
    pub file: String,
    /// Whether it can be used.
    pub state: FileState,
    /// Where it lies, unless it is missing.
    pub path: Option<PathBuf>,
}

/// Whether a file can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// Its SHA-256 is the pinned one.
    Verified,
    /// It is there, but its bytes are not the pinned ones or cannot be read.
    Corrupt,
    /// It is in none of the caches.
    Missing,
}

/// One file, after looking in every cache.
#[derive(Debug, Clone)]
pub(super) enum Located {
    Verified(PathBuf),
    Corrupt(PathBuf),
    Missing,
}

impl Located {
    pub(super) fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }

    /// Returns the path, after fetching the file if it is not here.
    pub(super) fn or_fetch<E>(
        &mut self,
        fetch: impl FnOnce() -> Result<PathBuf, E>,
    ) -> Result<PathBuf, E> {
        if let Self::Verified(path) = self {
            return Ok(path.clone());
        }
        let path = fetch()?;
        *self = Self::Verified(path.clone());
        Ok(path)
    }

    fn into_report(self, file: &ModelFile) -> FileReport {
        let (state, path) = match self {
            Self::Verified(path) => (FileState::Verified, Some(path)),
            Self::Corrupt(path) => (FileState::Corrupt, Some(path)),
            Self::Missing => (FileState::Missing, None),
        };
        FileReport { file: file.name.clone(), state, path }
    }
}

/// Hashes every file of a model that is on this machine. Nothing is fetched or changed.
pub fn verify(model: &Model, env: &FetchEnv) -> Vec<FileReport> {
    let found = survey(model, env);
    model.files().into_iter().zip(found).map(|(file, at)| at.into_report(file)).collect()
}

/// Tells whether every file lies in some cache with the right length, without hashing.
pub fn is_present(model: &Model, env: &FetchEnv) -> bool {
    let places = places(model, env);
    model.files().iter().all(|file| {
        let is_whole = |dir: &PathBuf| length(&dir.join(&file.name)) == Some(file.bytes);
        places.iter().any(is_whole)
    })
}

/// Looks for each file of the model, in the order of [`Model::files`].
pub(super) fn survey(model: &Model, env: &FetchEnv) -> [Located; 3] {
    let places = places(model, env);
    model.files().map(|file| locate(file, &places))
}

/// The first two places are ours to judge. Under another revision, other bytes are no fault.
const OWNED_PLACES: usize = 2;

fn places(model: &Model, env: &FetchEnv) -> Vec<PathBuf> {
    let mut places = vec![env.model_dir(model)];
    places.extend(env.snapshots(model));
    places
}

fn locate(file: &ModelFile, places: &[PathBuf]) -> Located {
    let mut corrupt = None;
    for (idx, dir) in places.iter().enumerate() {
        let path = dir.join(&file.name);
        let Some(bytes) = length(&path) else { continue };
        if bytes == file.bytes && digest(&path).is_ok_and(|found| found == file.sha256) {
            return Located::Verified(path);
        }
        if idx < OWNED_PLACES {
            corrupt.get_or_insert(path);
        }
    }
    corrupt.map_or(Located::Missing, Located::Corrupt)
}

fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len())
}

/// Hashes a file without holding it in memory.
pub(super) fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        let n = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..n).filter(|piece| !piece.is_empty()) else { break };
        hasher.update(piece);
    }
    Ok(Digest(hasher.finalize().into()))
}

/// Moves a finished file to its place in one step, so that no reader ever sees half of it.
/// Both paths must lie on one file system.
pub(super) fn install(from: &Path, dir: &Path, name: &str) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    File::open(from)?.sync_all()?;
    let to = dir.join(name);
    std::fs::rename(from, &to)?;
    // Makes the rename itself durable. Not every system can sync a folder, and the hash is
    // checked at the next start in any case.
    drop(File::open(dir).and_then(|dir| dir.sync_all()));
    Ok(to)
}

/// Removes a file or a dangling link, if there is one.
pub(super) fn discard(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
