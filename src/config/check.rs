//! Raw to checked: every reference resolved, every value that only makes sense beside another one looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::dialects::Dialects;
use super::node::{Kind, Node};
use super::problem::{Problems, did_you_mean, join};
use super::raw::{
    RawBreaker, RawConfig, RawDevice, RawEmbedder, RawEmbedderModel, RawIndex, RawSecret, RawTimers,
};
use super::raw_provider::RawProvider;
use super::watched::watched;
use super::{
    Breaker, Catalog, Config, Credential, Date, Device, Dialect, Embedder, EmbedderModel,
    IndexKind, Outcomes, Price, Prompt, Provider, QueryType, RemoteModel, Secret, Server, Tier,
    Timers, Vote, Watched,
};

/// The only version of the format so far.
const VERSION: u64 = 1;
/// Names that a caller may send as `model` and that no alias or provider may take.
pub(super) const RESERVED: [&str; 2] = ["auto", "tier"];

/// Reads a secret's file; an error is said in words.
pub(super) type ReadFile<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// What a check needs beside the raw configuration.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// The tree, for lines and for variables that are not set.
    pub(super) root: &'a Node,
    /// Reads the file of a secret.
    pub(super) read: ReadFile<'a>,
    /// What is known of models.
    pub(super) known: Known<'a>,
    /// Every dialect by name.
    pub(super) dialects: &'a Dialects,
    /// Where the sandbox listens, when it answers for every provider.
    pub(super) sandbox: Option<&'a str>,
}

/// What is known of models from elsewhere than the configuration.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// By their names.
    pub(super) catalog: &'a Catalog,
    /// What the user says that they cost.
    pub(super) prices: &'a BTreeMap<String, Price>,
    /// They are gone from some day on.
    pub(super) today: Date,
}

/// Checks everything but the examples. `None` only when a problem of severity error was added.
pub(super) fn check(
    raw: &RawConfig,
    around: Around<'_>,
    problems: &mut Problems<'_>,
) -> Option<Config> {
    let before = problems.errors();
    let mut check = Check { around, problems };
    if raw.version != VERSION {
        let message = format!("version `{}` is not known; write {VERSION}", raw.version);
        check.error(&["version"], message);
    }
    let server = check.server(raw);
    let providers = check.providers(&raw.providers);
    let models = check.models(raw);
    let tiers = check.tiers(raw, &providers, &models);
    check.deprecations(&tiers);
    let watched = check.watched(&raw.providers, &providers);
    let query_types = check.query_types(raw, &tiers);
    let default_tier = check.tier(&raw.default_tier, &tiers, &["default_tier"]);
    let other_languages = raw.prompt.other_languages.as_ref();
    let other_languages =
        other_languages.and_then(|tier| check.tier(tier, &tiers, &["prompt", "other_languages"]));
    let timers = check.timers(&raw.timers);
    let breaker = check.breaker(&raw.breaker);
    let aliases = check.aliases(raw);
    let remote = check.remote(&raw.embedder);
    if check.problems.errors() > before {
        return None;
    }
    Some(Config {
        server,
        embedder: Embedder {
            model: match raw.embedder.model {
                RawEmbedderModel::Static => EmbedderModel::Static,
                RawEmbedderModel::Minilm => EmbedderModel::Minilm,
                RawEmbedderModel::Cascade => EmbedderModel::Cascade,
                RawEmbedderModel::BgeSmall => EmbedderModel::BgeSmall,
                RawEmbedderModel::E5Small => EmbedderModel::E5Small,
                RawEmbedderModel::Remote => EmbedderModel::Remote,
            },
            device: match raw.embedder.device {
                RawDevice::Cpu => Device::Cpu,
                RawDevice::Cuda => Device::Cuda,
                RawDevice::Metal => Device::Metal,
            },
            remote,
            deadline: Duration::from_millis(raw.embedder.deadline_ms),
        },
        prompt: Prompt { system: raw.prompt.system, other_languages },
        vote: Vote { neighbours: raw.vote.neighbours, sharpness: raw.vote.sharpness },
        index: match raw.index {
            RawIndex::Auto => IndexKind::Auto,
            RawIndex::Hnsw => IndexKind::Hnsw,
            RawIndex::Exact => IndexKind::Exact,
        },
        timers,
        breaker,
        models,
        providers,
        watched,
        tiers,
        default_tier: default_tier?,
        query_types,
        aliases,
        examples: Vec::new(),
        outcomes: Outcomes { rows: Vec::new(), limits: Vec::new() },
        catalog: Catalog::default(),
    })
}

pub(super) struct Check<'a, 'p, 'f> {
    pub(super) around: Around<'a>,
    problems: &'p mut Problems<'f>,
}

impl Check<'_, '_, '_> {
    fn server(&mut self, raw: &RawConfig) -> Server {
        Server {
            api_keys: self.keys("api_keys", &raw.server.api_keys),
            admin_keys: self.keys("admin_keys", &raw.server.admin_keys),
            allow_open: raw.server.allow_open,
            allow_open_admin: raw.server.allow_open_admin,
            body_bytes_max: raw.server.body_bytes_max,
            in_flight_max: raw.server.in_flight_max,
            linger: Duration::from_millis(raw.server.linger_ms),
        }
    }

    fn keys(&mut self, name: &str, written: &[RawSecret]) -> Vec<Secret> {
        let mut keys = Vec::new();
        for (place, key) in written.iter().enumerate() {
            let path = ["server", name, &step(place)];
            // `[${SEMROUTE_API_KEY:-}]` with nothing set means that no key is asked for.
            let asked_for = self.variable(&path).is_none() || !key.0.trim().is_empty();
            if asked_for {
                keys.extend(self.secret(key, &path));
            }
        }
        keys
    }

    fn remote(&mut self, raw: &RawEmbedder) -> Option<RemoteModel> {
        let is_wanted = raw.model == RawEmbedderModel::Remote;
        let Some(remote) = &raw.remote else {
            if is_wanted {
                let message = "`remote` needs `embedder.remote` with base_url, name and dimensions";
                self.error(&["embedder", "model"], message);
            }
            return None;
        };
        if !is_wanted {
            self.error(&["embedder", "remote"], "unused; write `model: remote`, or leave this out");
        }
        let base_url = remote.base_url.trim_end_matches('/').to_owned();
        if let Some(complaint) = bad_url(&base_url) {
            self.error(&["embedder", "remote", "base_url"], complaint);
        }
        if remote.name.trim().is_empty() {
            self.error(
                &["embedder", "remote", "name"],
                "empty; write what the server calls the model",
            );
        }
        let key = remote.api_key.as_ref();
        let key = key.and_then(|key| self.secret(key, &["embedder", "remote", "api_key"]));
        let credential = key.map_or(Credential::NotNeeded, Credential::Key);
        let endpoint = Provider::new("embedder", Dialect::OpenAi, &base_url, credential);
        let endpoint = Arc::new(endpoint);
        Some(RemoteModel { endpoint, name: remote.name.clone(), dimensions: remote.dimensions })
    }

    /// The sandbox stands for every provider, so that nothing is asked about the real ones.
    fn watched(
        &mut self,
        raw: &BTreeMap<String, RawProvider>,
        providers: &[Arc<Provider>],
    ) -> Vec<Watched> {
        let mut found = Vec::new();
        for provider in providers {
            let Some(raw) = raw.get(&provider.name) else { continue };
            let mut complain = |path: &[&str], complaint: &str| {
                let path = [&["providers", &provider.name], path].concat();
                self.error(&path, complaint);
            };
            found.extend(watched(raw, provider, &mut complain));
        }
        if self.around.sandbox.is_some() { Vec::new() } else { found }
    }

    /// A bad key is a problem and, until the file is refused, no key.
    fn query_types(&mut self, raw: &RawConfig, tiers: &[Arc<Tier>]) -> Vec<Arc<QueryType>> {
        let mut query_types = Vec::new();
        for (name, query_type) in self.in_file_order("query_types", &raw.query_types) {
            let path = ["query_types", name, "tier"];
            let Some(tier) = self.tier(&query_type.tier, tiers, &path) else { continue };
            let min_confidence = query_type.min_confidence;
            query_types.push(Arc::new(QueryType { name: name.clone(), tier, min_confidence }));
        }
        if raw.query_types.is_empty() {
            self.error(&["query_types"], "empty; write at least one query type");
        }
        query_types
    }

    fn tier(&mut self, name: &str, tiers: &[Arc<Tier>], path: &[&str]) -> Option<Arc<Tier>> {
        let found = tiers.iter().find(|tier| tier.name == name);
        if found.is_none() {
            let names: Vec<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
            let hint = did_you_mean(name, &names);
            let shown = self.shown(name, path);
            self.error(path, format!("unknown tier {shown}; {hint}"));
        }
        found.map(Arc::clone)
    }

    fn timers(&mut self, raw: &RawTimers) -> Timers {
        if raw.connect_ms >= raw.total_ms {
            let message = "not below timers.total_ms, so no second target would ever be tried";
            self.error(&["timers", "connect_ms"], message);
        }
        Timers {
            total: Duration::from_millis(raw.total_ms),
            connect: Duration::from_millis(raw.connect_ms),
            first_content: Duration::from_millis(raw.first_content_ms),
            idle: Duration::from_millis(raw.idle_ms),
            answer: Duration::from_millis(raw.answer_ms),
        }
    }

    fn breaker(&mut self, raw: &RawBreaker) -> Breaker {
        if raw.open_max_ms < raw.open_ms {
            self.error(&["breaker", "open_max_ms"], "below breaker.open_ms; make it larger");
        }
        Breaker {
            failures: raw.failures,
            open: Duration::from_millis(raw.open_ms),
            open_max: Duration::from_millis(raw.open_max_ms),
        }
    }

    fn aliases(&mut self, raw: &RawConfig) -> Vec<(String, String)> {
        let aliases = self.in_file_order("aliases", &raw.aliases);
        for (alias, meaning) in &aliases {
            let path = ["aliases", alias.as_str()];
            if RESERVED.contains(&alias.as_str()) {
                self.error(&path, "`auto` and `tier` have their own meaning; choose another name");
            }
            let known = match meaning.split_once('/') {
                None => meaning.as_str() == "auto",
                Some(("tier", tier)) => raw.tiers.contains_key(tier),
                Some((provider, model)) => {
                    raw.providers.contains_key(provider) && !model.is_empty()
                }
            };
            if !known {
                let wanted = "write `auto`, `tier/<name>` or `<provider>/<model>`";
                let shown = self.shown(meaning, &path);
                self.error(&path, format!("{shown} names nothing that exists; {wanted}"));
            }
        }
        aliases.into_iter().map(|(alias, meaning)| (alias.clone(), meaning.clone())).collect()
    }

    pub(super) fn error(&mut self, path: &[&str], message: impl Into<String>) {
        let (line, key) = self.place(path);
        self.problems.error(line, &key, message);
    }

    pub(super) fn warning(&mut self, path: &[&str], message: impl Into<String>) {
        let (line, key) = self.place(path);
        self.problems.warning(line, &key, message);
    }

    fn place(&self, path: &[&str]) -> (usize, String) {
        let key = path.iter().fold(String::new(), |key, step| join(&key, step));
        (self.around.root.line_of(path), key)
    }

    /// A value for a message; one from the environment may be a secret, so its variable stands for it.
    pub(super) fn shown(&self, value: &str, path: &[&str]) -> String {
        match self.variable(path) {
            Some(variable) => format!("`${{{variable}}}` from the environment"),
            None => format!("`{value}`"),
        }
    }

    /// The variable that the value at `path` came from.
    pub(super) fn variable(&self, path: &[&str]) -> Option<&str> {
        match self.around.root.at(path) {
            Some(Node { kind: Kind::Expanded { variable, .. }, .. }) => Some(variable),
            Some(_) | None => None,
        }
    }

    /// A map sorts its keys; the file says which comes first.
    pub(super) fn in_file_order<'r, T>(
        &self,
        key: &str,
        map: &'r BTreeMap<String, T>,
    ) -> Vec<(&'r String, &'r T)> {
        let written = match self.around.root.at(&[key]) {
            Some(Node { kind: Kind::Map(entries), .. }) => entries.as_slice(),
            Some(_) | None => &[],
        };
        let mut ordered: Vec<(&String, &T)> = map.iter().collect();
        ordered.sort_by_key(|(name, _)| written.iter().position(|(known, _)| known == *name));
        ordered
    }
}

/// The place in a list as a step of a key path.
pub(super) fn step(place: usize) -> String {
    format!("[{place}]")
}

/// Why a provider's address is none: it has to be an http or https URL that carries no credentials. No complaint shows the
/// address, because a key may be in it.
pub(super) fn bad_url(url: &str) -> Option<&'static str> {
    let carries_query = url.contains(['?', '#']);
    let complaint = "carries a query or fragment; end it before the `?` or `#`";
    bad_page(url).or_else(|| carries_query.then_some(complaint))
}

/// The same of a page, which may have a query.
pub(super) fn bad_page(url: &str) -> Option<&'static str> {
    const WANTED: &str = "not an address; write one such as `https://api.example.com/v1`";
    let has_scheme = url.starts_with("https://") || url.starts_with("http://");
    let parsed = url::Url::parse(url).ok().filter(|_| has_scheme);
    let Some(parsed) = parsed else { return Some(WANTED) };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Some("carries a user or password; put the key under api_key");
    }
    if parsed.fragment().is_some() {
        return Some("carries a fragment; end it before the `#`");
    }
    url.contains(char::is_whitespace).then_some(WANTED)
}
