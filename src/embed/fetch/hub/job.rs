//! One download through hf-hub, on a thread that can be abandoned.

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use hf_hub::api::sync::{Api, Metadata};
use hf_hub::{Cache, Repo};

use super::{HubError, altered, io_error};
use crate::embed::fetch::local;
use crate::embed::manifest::{ModelFile, is_plain};

/// What the downloading thread reports.
pub(super) enum Event {
    /// So much was here from an earlier try.
    Resumed(u64),
    /// So much was read from the hub.
    Arrived(u64),
    Done(Result<PathBuf, HubError>),
}

/// One download, on a thread of its own.
pub(super) struct Job {
    pub(super) api: Api,
    pub(super) cache: Cache,
    pub(super) repo: Repo,
    pub(super) file: ModelFile,
}

impl Job {
    pub(super) fn run(&self, tx: &SyncSender<Event>) -> Result<PathBuf, HubError> {
        let repo = self.api.repo(self.repo.clone());
        let name = &self.file.name;
        let refused = |source| HubError::Refused { file: name.clone(), source };
        let offer = self.api.metadata(&repo.url(name)).map_err(refused)?;
        self.check(&offer)?;
        self.clear_way(&offer)?;
        let reporter = Reporter { tx: tx.clone(), at_offset: false };
        repo.download_with_progress(name, reporter).map_err(refused)
    }

    /// hf-hub makes paths from these headers, so a hostile mirror could choose where to write.
    fn check(&self, offer: &Metadata) -> Result<(), HubError> {
        for (what, value) in [("etag", offer.etag()), ("commit", offer.commit_hash())] {
            if !is_plain(value) {
                return Err(altered(&self.file, what, value));
            }
        }
        if u64::try_from(offer.size()).ok() != Some(self.file.bytes) {
            return Err(altered(&self.file, "length", &offer.size().to_string()));
        }
        Ok(())
    }

    /// Removes what hf-hub would trip over: a link or file already in the snapshot, which it would
    /// keep (the search found it missing or corrupt), and a leftover that is not shorter than the
    /// file, for which the hub would answer 416.
    fn clear_way(&self, offer: &Metadata) -> Result<(), HubError> {
        let cache = self.cache.repo(self.repo.clone());
        let link = cache.pointer_path(offer.commit_hash()).join(&self.file.name);
        local::discard(&link).map_err(|source| io_error(&link, source))?;
        let part = cache.blob_path(offer.etag()).with_extension("part");
        let is_useless = std::fs::metadata(&part).is_ok_and(|meta| meta.len() >= self.file.bytes);
        if is_useless {
            local::discard(&part).map_err(|source| io_error(&part, source))?;
        }
        Ok(())
    }
}

/// Passes hf-hub's progress on.
struct Reporter {
    tx: SyncSender<Event>,
    /// hf-hub's first report after `init` is the length it resumes from.
    at_offset: bool,
}

impl hf_hub::api::Progress for Reporter {
    fn init(&mut self, _size: usize, _name: &str) {
        self.at_offset = true;
    }

    fn update(&mut self, size: usize) {
        let bytes = size as u64;
        let is_offset = std::mem::take(&mut self.at_offset);
        let event = if is_offset { Event::Resumed(bytes) } else { Event::Arrived(bytes) };
        if self.tx.send(event).is_err() {
            // Nobody waits for this download any more, and hf-hub offers no other way out. This
            // ends the thread, closes the socket and frees the lock, without a panic message.
            std::panic::resume_unwind(Box::new("download abandoned"));
        }
    }

    fn finish(&mut self) {}
}
