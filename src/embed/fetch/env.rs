//! What the fetcher takes from its surroundings, read once and passed as a value.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::embed::manifest::Model;

const ENDPOINT: &str = "https://huggingface.co";
/// Long enough for a slow handshake, short enough that a blocked network costs little.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// hf-hub waits for ever; a hub that sends nothing for this long is given up.
const STALL_MAX: Duration = Duration::from_secs(30);
/// pip has its own read timeouts. This bounds an installation that hangs in some other way.
const PIP_MAX: Duration = Duration::from_secs(20 * 60);
const PROXY_KEYS: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Places, addresses and limits for fetching. All fields may be set freely.
#[derive(Debug, Clone)]
pub struct FetchEnv {
    /// The root of Semroute's own cache.
    pub cache: PathBuf,
    /// The Hugging Face cache, which holds `models--…` folders.
    pub hub_cache: PathBuf,
    /// The hub's address, without a slash at the end.
    pub endpoint: String,
    /// The hub token from the environment.
    pub token: Option<SecretString>,
    /// The file that holds a token otherwise.
    pub token_file: PathBuf,
    /// Forbids every network access.
    pub offline: bool,
    /// Whether a proxy is configured, so that the hub need not be reachable directly.
    pub proxied: bool,
    /// The Python interpreters to try, in order.
    pub pythons: Vec<String>,
    /// How long to wait.
    pub limits: Limits,
}

/// How long each kind of silence is tolerated.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until the hub accepts a connection.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub stall: Duration,
    /// For one whole run of Python.
    pub pip: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: CONNECT_MAX, stall: STALL_MAX, pip: PIP_MAX }
    }
}

impl FetchEnv {
    /// Reads the settings through `get`, which answers for one environment variable.
    /// An empty value counts as absent. Without a home directory the caches lie in the current one.
    pub fn from_map(get: &impl Fn(&str) -> Option<String>) -> Self {
        let value = |key: &str| get(key).filter(|value| !value.is_empty());
        let path = |key: &str| value(key).map(PathBuf::from);
        let home = path("HOME").or_else(|| path("USERPROFILE")).unwrap_or_else(|| ".".into());
        let user_cache = path("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache"));
        let hf_home = path("HF_HOME").unwrap_or_else(|| user_cache.join("huggingface"));
        let endpoint = value("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        Self {
            cache: path("SEMROUTE_CACHE").unwrap_or_else(|| user_cache.join("semroute")),
            hub_cache: path("HF_HUB_CACHE").unwrap_or_else(|| hf_home.join("hub")),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: value("HF_TOKEN").map(SecretString::from),
            token_file: path("HF_TOKEN_PATH").unwrap_or_else(|| hf_home.join("token")),
            offline: value("HF_HUB_OFFLINE").is_some_and(|text| is_true(&text)),
            proxied: PROXY_KEYS.into_iter().any(|key| value(key).is_some()),
            pythons: value("SEMROUTE_PYTHON")
                .map_or_else(|| vec!["python3".to_owned(), "python".to_owned()], |own| vec![own]),
            limits: Limits::default(),
        }
    }

    /// The folder of Semroute's cache that holds this model's files.
    pub fn model_dir(&self, model: &Model) -> PathBuf {
        self.model_root(model).join(model.weights.sha256.short())
    }

    /// The hub's address as messages may show it: a password written into it is left out.
    pub(super) fn hub_name(&self) -> String {
        match self.endpoint.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@')))
        {
            Some((scheme, Some((_login, host)))) => format!("{scheme}://{host}"),
            _ => self.endpoint.clone(),
        }
    }

    /// The parent of [`FetchEnv::model_dir`]; the lock and unfinished work lie here.
    pub(super) fn model_root(&self, model: &Model) -> PathBuf {
        self.cache.join("models").join(&model.name)
    }

    /// The folders of the Hugging Face cache that may hold this model's files: the pinned
    /// revision, then any other, because equal bytes are often kept under another commit.
    pub(super) fn snapshots(&self, model: &Model) -> Vec<PathBuf> {
        let folder = format!("models--{}", model.repo.replace('/', "--"));
        let root = self.hub_cache.join(folder).join("snapshots");
        let pinned = root.join(&model.revision);
        let mut others = folders(&root);
        others.retain(|dir| *dir != pinned);
        others.sort();
        others.insert(0, pinned);
        others
    }
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// The spellings huggingface_hub accepts.
fn is_true(text: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> FetchEnv {
        FetchEnv::from_map(&|key| {
            pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_home_directory_is_the_default() {
        let env = env(&[("HOME", "/h"), ("HF_ENDPOINT", ""), ("HF_HUB_OFFLINE", "0")]);
        assert_eq!(env.cache, Path::new("/h/.cache/semroute"));
        assert_eq!(env.hub_cache, Path::new("/h/.cache/huggingface/hub"));
        assert_eq!(env.token_file, Path::new("/h/.cache/huggingface/token"));
        assert_eq!(env.endpoint, ENDPOINT);
        assert_eq!(env.pythons, ["python3", "python"]);
        assert!(!env.offline && !env.proxied);
    }

    #[test]
    fn specific_variables_win_over_general_ones() {
        let env = env(&[
            ("HOME", "/h"),
            ("XDG_CACHE_HOME", "/x"),
            ("HF_HOME", "/hf"),
            ("HF_HUB_CACHE", "/hub"),
            ("SEMROUTE_CACHE", "/s"),
            ("HF_ENDPOINT", "http://mirror/"),
            ("HF_HUB_OFFLINE", "True"),
            ("SEMROUTE_PYTHON", "/py"),
            ("https_proxy", "http://proxy:3128"),
        ]);
        assert_eq!(env.cache, Path::new("/s"));
        assert_eq!(env.hub_cache, Path::new("/hub"));
        assert_eq!(env.token_file, Path::new("/hf/token"));
        assert_eq!(env.endpoint, "http://mirror");
        assert_eq!(env.pythons, ["/py"]);
        assert!(env.offline && env.proxied);
    }

    #[test]
    fn secrets_do_not_show() {
        let env = env(&[("HF_TOKEN", "hf_secret"), ("HF_ENDPOINT", "https://me:pass@hub/x")]);
        assert!(env.token.is_some());
        assert!(!format!("{env:?}").contains("hf_secret"));
        assert_eq!(env.hub_name(), "https://hub/x");
    }
}
