//! Lets one process at a time fetch a model.
//!
//! Several gateways often start together on one volume. The lock belongs to an open file, so it
//! cannot outlive its process. Where no lock can be had (a read-only cache, some network file
//! systems) fetching goes on without: installing is atomic, so only work is lost.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::Progress;

/// Unfinished work has this prefix; what a killed process left is removed under the lock.
pub(super) const SCRATCH_PREFIX: &str = ".tmp-";
const LOCK_NAME: &str = ".lock";

#[derive(Debug)]
pub(super) struct Lock {
    /// Held only to be closed.
    _file: File,
    waited: bool,
}

impl Lock {
    pub(super) fn had_to_wait(&self) -> bool {
        self.waited
    }
}

pub(super) fn take(root: &Path, progress: &dyn Progress) -> Option<Lock> {
    std::fs::create_dir_all(root).ok()?;
    let file = File::create(root.join(LOCK_NAME)).ok()?;
    let waited = match file.try_lock() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => {
            progress.note("waiting for another process that fetches this model");
            file.lock().ok()?;
            true
        }
        Err(TryLockError::Error(_)) => return None,
    };
    sweep(root);
    Some(Lock { _file: file, waited })
}

fn sweep(root: &Path) {
    let Ok(entries) = std::fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(SCRATCH_PREFIX) {
            // What cannot be removed costs space, nothing else.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}
