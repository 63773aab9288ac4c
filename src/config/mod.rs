//! The checked configuration: plain data, immutable, every reference resolved.
//!
//! A file goes through four steps, each its own module: `node` (YAML text to a tree that knows its lines, with `variables`
//! of the environment filled in), `shape` (the tree against the schema of `raw`), `raw` (what the user may write, also the
//! reference manual), `check` (raw to the types below). Every step adds its [`Problem`]s to one list, so that a user sees all mistakes at once.
//!
//! Nothing here imports another module of the program, and nothing past `load` and `sources` touches a file or the environment.

mod abilities;
mod catalog;
mod check;
mod date;
mod dialects;
mod examples;
mod known;
mod listed;
mod load;
mod manner;
mod node;
mod outcomes;
mod policy;
mod prices;
mod problem;
mod providers;
mod rate;
mod raw;
mod raw_dialects;
mod raw_provider;
mod raw_watch;
mod secret;
mod shape;
mod sources;
mod target;
#[cfg(test)]
mod tests;
mod tiers;
mod variables;
mod watched;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use abilities::{Abilities, Effort, Modality, Sampling};
pub use catalog::{Catalog, CatalogRow, is_like};
pub use date::Date;
pub use dialects::{FieldRule, Habits, Speech};
pub use load::{ConfigError, Environment, Loaded, load, load_noting, schema};
pub use manner::{
    CacheManner, Content, Echo, Instructions, JsonManner, Links, Manner, PrefillManner,
    SchemaManner, ThinkingManner, ToolIds,
};
#[cfg(test)]
pub(crate) use outcomes::shipped as shipped_outcomes;
pub use outcomes::{LimitHeaders, Meaning, OutcomeRow, Outcomes, Signs, Status};
pub use policy::{Commit, OnBreak, OnRefusal, Order, Patience, Policy, Spill};
pub use prices::{LongPrice, PartialPrice, Price};
pub use problem::{Problem, Severity};
pub use rate::Rate;
pub use secret::Secret;
pub use sources::Sources;
pub use target::{Scopes, Target};
pub use watched::{FeedKind, HealthCheck, Probe, ProbeKind, StatusFeed, Watched};

/// Everything a gateway needs to start, checked.
#[derive(Debug)]
pub struct Config {
    /// Limits and keys of the data listener.
    pub server: Server,
    /// The model that reads prompts.
    pub embedder: Embedder,
    /// What is read of a conversation.
    pub prompt: Prompt,
    /// How neighbours become a query type.
    pub vote: Vote,
    /// How the nearest examples are found.
    pub index: IndexKind,
    /// Every timer of a request.
    pub timers: Timers,
    /// When a target is set aside.
    pub breaker: Breaker,
    /// What targets of which the user says something can do, by `<provider>/<model>`.
    pub models: BTreeMap<String, Arc<Abilities>>,
    /// What is known of all others.
    pub catalog: Catalog,
    /// Providers in file order.
    pub providers: Vec<Arc<Provider>>,
    /// What is asked about providers beside real traffic.
    pub watched: Vec<Watched>,
    /// Tiers in file order.
    pub tiers: Vec<Arc<Tier>>,
    /// The tier of prompts that match no query type well enough.
    pub default_tier: Arc<Tier>,
    /// Query types in file order.
    pub query_types: Vec<Arc<QueryType>>,
    /// Other names for `auto`, `tier/<name>` or `<provider>/<model>`.
    pub aliases: Vec<(String, String)>,
    /// The labelled prompts, in file order; every label is a query type.
    pub examples: Vec<Example>,
    /// What providers' errors and headers mean.
    pub outcomes: Outcomes,
}

/// Limits and keys of the data listener.
#[derive(Debug)]
pub struct Server {
    /// Keys that callers may present; empty means that no key is asked for.
    pub api_keys: Vec<Secret>,
    /// Serve a non-loopback address without any key.
    pub allow_open: bool,
    /// Keys that operators must present to change something; empty means that none is asked for.
    pub admin_keys: Vec<Secret>,
    /// Serve operators on a non-loopback address.
    pub allow_open_admin: bool,
    /// Longest accepted request body.
    pub body_bytes_max: usize,
    /// Most requests in flight; one more is answered 503.
    pub in_flight_max: usize,
    /// How long callers are still accepted after a process manager's signal to stop.
    pub linger: Duration,
}

/// The model that reads prompts.
#[derive(Debug)]
pub struct Embedder {
    /// What reads.
    pub model: EmbedderModel,
    /// Where a local one runs.
    pub device: Device,
    /// The server, when it is one.
    pub remote: Option<RemoteModel>,
    /// Longest wait for one prompt to be read; past it a glance decides.
    pub deadline: Duration,
}

/// What reads prompts, and how deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbedderModel {
    /// Glances alone: nothing to download, microseconds.
    Static,
    /// Every prompt is read to the end by a local model.
    Minilm,
    /// A glance where that is clear enough, and else the local model, as deep as is needed.
    Cascade,
    /// Every prompt is read to the end by bge-small-en-v1.5.
    BgeSmall,
    /// Every prompt is read to the end by e5-small-v2.
    E5Small,
    /// Every prompt is read by a model behind a server.
    Remote,
}

/// Where a local model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// On the processor, in bytes.
    Cpu,
    /// On a graphics processor, by CUDA.
    Cuda,
    /// On a graphics processor, by Metal.
    Metal,
}

impl EmbedderModel {
    /// As it is written.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Minilm => "minilm",
            Self::Cascade => "cascade",
            Self::BgeSmall => "bge-small",
            Self::E5Small => "e5-small",
            Self::Remote => "remote",
        }
    }

    /// The local model's name in `models/manifest.toml`.
    #[must_use]
    pub fn local(self) -> Option<&'static str> {
        match self {
            Self::Minilm | Self::Cascade => Some("minilm"),
            Self::BgeSmall => Some("bge-small"),
            Self::E5Small => Some("e5-small"),
            Self::Static | Self::Remote => None,
        }
    }

    /// Whether a prompt is read only as deep as is clear enough.
    #[must_use]
    pub fn may_stop(self) -> bool {
        match self {
            Self::Cascade => true,
            Self::Static | Self::Minilm | Self::BgeSmall | Self::E5Small | Self::Remote => false,
        }
    }
}

/// A model behind a server that answers `POST {base_url}/embeddings`.
#[derive(Debug)]
pub struct RemoteModel {
    /// Where and with which key; not one of the providers of chats.
    pub endpoint: Arc<Provider>,
    /// What the server calls the model.
    pub name: String,
    /// Length of one of its vectors.
    pub dimensions: usize,
}

/// What is read of a conversation.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// Read the beginning of the system prompt before the user's turn.
    pub system: bool,
    /// Who answers in languages that nobody here speaks; the default tier when it is left out.
    pub other_languages: Option<Arc<Tier>>,
}

/// How neighbours become a query type.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    /// How many nearest examples vote.
    pub neighbours: usize,
    /// Weight of a neighbour is `exp(sharpness * (cosine - 1))`.
    pub sharpness: f32,
}

/// How the nearest examples are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndexKind {
    /// By a scan, or by a graph where there are many examples.
    #[default]
    Auto,
    /// By a graph, unless it misses neighbours.
    Hnsw,
    /// By a scan.
    Exact,
}

/// Every timer of a request.
#[derive(Debug, Clone, Copy)]
pub struct Timers {
    /// One deadline for everything a request does, all attempts together.
    pub total: Duration,
    /// TCP and TLS to one provider.
    pub connect: Duration,
    /// From sending a streamed request to its first content.
    pub first_content: Duration,
    /// Between two pieces of one answer.
    pub idle: Duration,
    /// From sending an unstreamed request to its response head.
    pub answer: Duration,
}

/// When a target is set aside, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Consecutive failures that open it.
    pub failures: u32,
    /// First time open; doubles with every failed probe.
    pub open: Duration,
    /// Longest time open.
    pub open_max: Duration,
}

/// An endpoint, its dialect and its credential.
#[derive(Debug)]
pub struct Provider {
    /// Key under `providers`.
    pub name: String,
    /// The wire format that it speaks.
    pub dialect: Dialect,
    /// How it is spoken to.
    pub speech: Speech,
    /// Up to what the wire format adds; no trailing slash.
    pub base_url: String,
    /// How it is told who pays.
    pub credential: Credential,
    /// The region of a signature.
    pub region: Option<String>,
}

/// A wire format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `POST {base_url}/chat/completions`, as OpenAI and everyone compatible with it.
    #[default]
    OpenAi,
    /// `POST {base_url}/responses`.
    Responses,
    /// `POST {base_url}/v1/messages`.
    Anthropic,
    /// `POST {base_url}/models/{model}:generateContent`.
    Gemini,
    /// `POST {base_url}/v2/chat`.
    Cohere,
    /// `POST {base_url}/model/{model}/converse`.
    Bedrock,
}

impl Dialect {
    /// As it is written.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Cohere => "cohere",
            Self::Bedrock => "bedrock",
        }
    }
}

/// How a provider is told who pays.
#[derive(Debug)]
pub enum Credential {
    /// The provider asks for none, such as a model server on the local network.
    NotNeeded,
    /// Sent in a header.
    Key(Secret),
    /// Signs each request.
    Aws {
        /// Access key id.
        id: Secret,
        /// Secret access key.
        secret: Secret,
        /// Session token, of temporary keys.
        session: Option<Secret>,
    },
    /// A service account's key, a JSON document, for which short-lived tokens are had.
    Google(Secret),
    /// The configuration names an environment variable that is not set: the provider is left out of every plan.
    Unset {
        /// The variable to set.
        variable: String,
    },
}

impl Credential {
    /// Every secret of it, to be taken out of what providers say.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let all = match self {
            Self::Key(key) => [Some(key), None, None],
            Self::Aws { id, secret, session } => [Some(id), Some(secret), session.as_ref()],
            // The document is long; what providers could repeat of it is no secret.
            Self::Google(_) | Self::NotNeeded | Self::Unset { .. } => [None, None, None],
        };
        all.into_iter().flatten()
    }

    /// Tells one from another without showing it.
    fn fingerprint(&self) -> u64 {
        match self {
            Self::Key(key) | Self::Aws { id: key, .. } | Self::Google(key) => key.fingerprint(),
            Self::NotNeeded | Self::Unset { .. } => 0,
        }
    }
}

impl Provider {
    /// A provider that speaks a wire format as it is.
    #[must_use]
    pub fn new(name: &str, dialect: Dialect, base_url: &str, credential: Credential) -> Self {
        Self {
            name: name.to_owned(),
            dialect,
            speech: Speech::plain(dialect),
            base_url: base_url.to_owned(),
            credential,
            region: None,
        }
    }
}

impl Provider {
    /// Whether requests can be sent to it at all.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match &self.credential {
            Credential::NotNeeded
            | Credential::Key(_)
            | Credential::Aws { .. }
            | Credential::Google(_) => true,
            Credential::Unset { .. } => false,
        }
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        let host_at = self.base_url.find("://").map_or(0, |at| at + 3);
        let host = self.base_url.get(host_at..).unwrap_or_default();
        let end = host.find('/').unwrap_or(host.len());
        self.base_url.get(..host_at + end).unwrap_or(&self.base_url)
    }
}

/// An ordered list of targets.
#[derive(Debug)]
pub struct Tier {
    /// Key under `tiers`.
    pub name: String,
    /// In the order in which they are tried; at least one.
    pub targets: Vec<Arc<Target>>,
    /// What missing this tier costs against entering it in vain; 1 or more.
    pub strictness: f32,
    /// How its targets are tried.
    pub policy: Policy,
}

/// A kind of prompt, and the tier that should answer it.
#[derive(Debug)]
pub struct QueryType {
    /// Key under `query_types`, and the label of its examples.
    pub name: String,
    /// Who answers.
    pub tier: Arc<Tier>,
    /// Below this probability of the tier the default tier answers.
    pub min_confidence: f32,
}

/// A labelled prompt.
#[derive(Debug, Clone)]
pub struct Example {
    /// The prompt.
    pub text: String,
    /// What it is an example of.
    pub query_type: Arc<QueryType>,
    /// Where it is written.
    pub origin: Origin,
}

/// A line of a file.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The file.
    pub file: Arc<PathBuf>,
    /// Counted from 1.
    pub line: usize,
}

impl Config {
    /// Finds a provider by name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// Finds a tier by name.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<&Arc<Tier>> {
        self.tiers.iter().find(|tier| tier.name == name)
    }

    /// A model that a caller names, whether a tier lists it or not.
    #[must_use]
    pub fn target(&self, provider: &Arc<Provider>, model: &str) -> Target {
        let said = self.models.get(&format!("{}/{model}", provider.name));
        let known = || known::of(&self.catalog, &provider.name, model);
        Target::new(Arc::clone(provider), model, said.cloned().unwrap_or_else(known))
    }
}
