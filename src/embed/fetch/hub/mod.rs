//! Downloads from a Hugging Face hub or a mirror, through the hf-hub crate.
//!
//! hf-hub 0.5 brings the cache layout that other programs share, and resuming. It has no timeouts
//! and cannot be stopped, so it runs on a thread that reports every piece it reads: silence on
//! the channel is a stall, and a report nobody receives any more ends the thread before it writes
//! again. An abandoned thread keeps hf-hub's lock until its socket stirs, hence a stalled file is
//! not tried again in the same call. What it wrote is a correct beginning, and the next call
//! resumes it.

mod job;
mod probe;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use secrecy::ExposeSecret;

use self::job::{Event, Job};
use super::local::{self, Located};
use super::{FetchEnv, ModelFiles, Progress, Source};
use crate::embed::manifest::{Model, ModelFile};

/// How often one file is resumed after the connection broke, as long as bytes arrive.
const RESUMES_MAX: usize = 3;
/// Reports in flight; the downloading thread waits when the reader is behind.
const EVENTS_MAX: usize = 64;

/// Why the hub could not supply a file.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The address is not one.
    #[error("the address has no host; write it as http://host or https://host")]
    Address,
    /// No connection came about.
    #[error("cannot connect: {0}")]
    Unreachable(#[source] io::Error),
    /// The hub answered, but not with the file.
    #[error("`{file}`: {source}")]
    Refused {
        /// The file.
        file: String,
        /// What hf-hub says.
        source: ApiError,
    },
    /// The hub fell silent.
    #[error("`{file}`: nothing arrived for {limit:?}; what came before is kept for the next try")]
    Stalled {
        /// The file.
        file: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The connection kept breaking.
    #[error("`{file}`: the connection broke: {source}; what arrived is kept for the next try")]
    Cut {
        /// The file.
        file: String,
        /// What hf-hub says.
        source: ApiError,
    },
    /// The hub describes or sends other bytes than the pinned ones.
    #[error("`{file}` has {what} `{found}`, which is not the pinned one")]
    Altered {
        /// The file.
        file: String,
        /// The property that differs.
        what: &'static str,
        /// Its value.
        found: String,
    },
    /// hf-hub panicked.
    #[error("`{0}`: hf-hub broke off")]
    Broken(String),
    /// A local file could not be read or removed.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Downloads what `found` lacks.
pub(super) fn fetch(
    model: &Model,
    found: &mut [Located; 3],
    env: &FetchEnv,
    progress: &dyn Progress,
) -> Result<ModelFiles, HubError> {
    let hub = Hub::open(model, env)?;
    let [weights, tokenizer, config] = found;
    let paths = [
        weights.or_fetch(|| hub.file(&model.weights, progress))?,
        tokenizer.or_fetch(|| hub.file(&model.tokenizer, progress))?,
        config.or_fetch(|| hub.file(&model.config, progress))?,
    ];
    Ok(ModelFiles::new(paths, Source::Hub))
}

/// One model's repository.
struct Hub {
    api: Api,
    cache: Cache,
    repo: Repo,
    stall: Duration,
}

impl Hub {
    fn open(model: &Model, env: &FetchEnv) -> Result<Self, HubError> {
        if !env.proxied {
            probe::probe(&env.endpoint, env.limits.connect)?;
        }
        let cache = Cache::new(env.hub_cache.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(env.endpoint.clone())
            .with_token(token(env))
            .with_progress(false)
            .with_user_agent("semroute", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|source| HubError::Refused { file: model.repo.clone(), source })?;
        let revision = model.revision.clone();
        let repo = Repo::with_revision(model.repo.clone(), RepoType::Model, revision);
        Ok(Self { api, cache, repo, stall: env.limits.stall })
    }

    /// Downloads one file until its hash is right: resumed while it breaks, and started over once
    /// if all of it came and is wrong, because the beginning may have been an old leftover.
    fn file(&self, file: &ModelFile, progress: &dyn Progress) -> Result<PathBuf, HubError> {
        let mut resumes = 0;
        let mut restarted = false;
        loop {
            match self.download(file, progress) {
                Ok(path) => {
                    let Some(found) = reject_altered(&path, file)? else { return Ok(path) };
                    if restarted {
                        return Err(altered(file, "SHA-256", &found));
                    }
                    restarted = true;
                    progress.note(&format!("`{}` came out wrong; starting over", file.name));
                }
                Err(HubError::Cut { .. }) if resumes < RESUMES_MAX => resumes += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs one download and watches over it.
    fn download(&self, file: &ModelFile, progress: &dyn Progress) -> Result<PathBuf, HubError> {
        let (tx, rx) = mpsc::sync_channel(EVENTS_MAX);
        let job = Job {
            api: self.api.clone(),
            cache: self.cache.clone(),
            repo: self.repo.clone(),
            file: file.clone(),
        };
        thread::spawn(move || {
            let result = job.run(&tx);
            drop(tx.send(Event::Done(result)));
        });
        progress.start(&file.name, Some(file.bytes));
        let result = watch(&rx, file, self.stall, progress);
        let how = if result.is_ok() { "fetched" } else { "did not get" };
        progress.finish(&format!("{how} {}", file.name));
        result
    }
}

fn watch(
    rx: &mpsc::Receiver<Event>,
    file: &ModelFile,
    stall: Duration,
    progress: &dyn Progress,
) -> Result<PathBuf, HubError> {
    let mut arrived = 0;
    loop {
        match rx.recv_timeout(stall) {
            Ok(Event::Resumed(bytes)) => progress.advance(bytes),
            Ok(Event::Arrived(bytes)) => {
                arrived += bytes;
                progress.advance(bytes);
            }
            Ok(Event::Done(Err(HubError::Refused { file: name, source })))
                if arrived > 0 && matches!(source, ApiError::IoError(_)) =>
            {
                return Err(HubError::Cut { file: name, source });
            }
            Ok(Event::Done(result)) => return result,
            Err(RecvTimeoutError::Timeout) => {
                return Err(HubError::Stalled { file: file.name.clone(), limit: stall });
            }
            Err(RecvTimeoutError::Disconnected) => return Err(HubError::Broken(file.name.clone())),
        }
    }
}

/// Deletes the file and says what it hashes to, if that is not the pinned hash.
fn reject_altered(path: &Path, file: &ModelFile) -> Result<Option<String>, HubError> {
    let digest = local::digest(path).map_err(|source| io_error(path, source))?;
    if digest == file.sha256 {
        return Ok(None);
    }
    // The path is a link into the cache's blobs: both must go, or the next download would find
    // the link and keep it.
    let blob = path.canonicalize().map_err(|source| io_error(path, source))?;
    for bad in [path, &blob] {
        local::discard(bad).map_err(|source| io_error(bad, source))?;
    }
    Ok(Some(digest.to_string()))
}

fn altered(file: &ModelFile, what: &'static str, found: &str) -> HubError {
    HubError::Altered { file: file.name.clone(), what, found: found.to_owned() }
}

fn io_error(path: &Path, source: io::Error) -> HubError {
    HubError::Io { path: path.to_owned(), source }
}

fn token(env: &FetchEnv) -> Option<String> {
    let from_file = || {
        let text = std::fs::read_to_string(&env.token_file).ok()?;
        Some(text.trim().to_owned()).filter(|token| !token.is_empty())
    };
    env.token.as_ref().map(|token| token.expose_secret().to_owned()).or_else(from_file)
}
