//! What a user may write in `rules/semroute.yaml`. The comments are the reference manual: `semroute schema` prints them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::abilities::RawModel;
use super::raw_provider::RawProvider;

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    /// Version of this format; always 1.
    #[schemars(example = 1)]
    pub(super) version: u64,
    /// Limits and keys of the data listener.
    #[serde(default)]
    pub(super) server: RawServer,
    /// The model that reads prompts.
    #[serde(default)]
    pub(super) embedder: RawEmbedder,
    /// What is read of a conversation.
    #[serde(default)]
    pub(super) prompt: RawPrompt,
    /// How neighbours become a query type.
    #[serde(default)]
    pub(super) vote: RawVote,
    /// How the nearest examples are found.
    #[serde(default)]
    pub(super) index: RawIndex,
    /// Every timer of a request.
    #[serde(default)]
    pub(super) timers: RawTimers,
    /// When a target is set aside.
    #[serde(default)]
    pub(super) breaker: RawBreaker,
    /// What targets can do, by `<provider>/<model>`, where that is something else than the catalogue says.
    #[serde(default)]
    pub(super) models: BTreeMap<String, RawModel>,
    /// Endpoints by name.
    #[schemars(example = json!({"local": {"base_url": "http://127.0.0.1:8000/v1"}}))]
    pub(super) providers: BTreeMap<String, RawProvider>,
    /// Ordered lists of targets by name.
    #[schemars(example = json!({"general": {"targets": ["local/some-model"]}}))]
    pub(super) tiers: BTreeMap<String, RawTier>,
    /// The tier of prompts that match no query type well enough.
    #[schemars(example = &"general")]
    pub(super) default_tier: String,
    /// Kinds of prompts by name; the labels of the examples.
    #[schemars(example = json!({"coding": {"tier": "general"}}))]
    pub(super) query_types: BTreeMap<String, RawQueryType>,
    /// Other names for `auto`, `tier/<name>` or `<provider>/<model>`.
    #[serde(default)]
    pub(super) aliases: BTreeMap<String, String>,
    /// Folder of labelled prompts, relative to this file: every `*.jsonl` in it is read.
    #[serde(default = "default_examples")]
    pub(super) examples: String,
    /// What a provider's error means, relative to this file. Left out, `outcomes.yaml` where there is one, and the
    /// table that is part of the program otherwise.
    #[serde(default)]
    pub(super) outcomes: Option<String>,
    /// Which dialects there are, relative to this file. Left out, `dialects.yaml` where there is one, and the table that is part
    /// of the program otherwise.
    #[serde(default)]
    pub(super) dialects: Option<String>,
    /// What is known of models by their names, relative to this file. Left out, `catalog.yaml` where there is one, and the
    /// catalogue that is part of the program otherwise.
    #[serde(default)]
    pub(super) catalog: Option<String>,
    /// What targets cost where that is something else than the catalogue says, relative to this file. Left out,
    /// `prices.yaml` where there is one.
    #[serde(default)]
    pub(super) prices: Option<String>,
}

fn default_examples() -> String {
    "examples".to_owned()
}

/// Limits and keys of the data listener.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    /// Keys that callers may present, as text, `${NAME}` or `file:PATH`. Without one, no key is asked for.
    pub(super) api_keys: Vec<RawSecret>,
    /// Serve a non-loopback address although no key is set.
    pub(super) allow_open: bool,
    /// Keys of operators, as text, `${NAME}` or `file:PATH`, for everything under `/admin/`. Without one, no key is asked
    /// for, and what a web page sends is refused.
    pub(super) admin_keys: Vec<RawSecret>,
    /// Serve operators on a non-loopback address. Their pages ask for no key; what is under `/admin/` should have one.
    pub(super) allow_open_admin: bool,
    /// Longest accepted request body, in bytes.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub(super) body_bytes_max: usize,
    /// Most requests in flight; one more is answered 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) in_flight_max: usize,
    /// How long callers are still accepted after a process manager's signal to stop, in milliseconds: until load balancers
    /// have seen that `/readyz` says no.
    #[schemars(range(min = 0, max = 600_000))]
    pub(super) linger_ms: u64,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            api_keys: Vec::new(),
            allow_open: false,
            admin_keys: Vec::new(),
            allow_open_admin: false,
            body_bytes_max: 10 * 1024 * 1024,
            in_flight_max: 1024,
            linger_ms: 500,
        }
    }
}

/// The model that reads prompts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEmbedder {
    /// What reads prompts, and how deep.
    pub(super) model: RawEmbedderModel,
    /// Where the local model runs. A graphics processor needs a program that was built for it.
    pub(super) device: RawDevice,
    /// The server, for `model: remote`.
    pub(super) remote: Option<RawRemote>,
    /// Longest wait for one prompt to be read, in milliseconds; past it a glance decides.
    #[schemars(range(min = 1, max = 60_000))]
    pub(super) deadline_ms: u64,
}

impl Default for RawEmbedder {
    fn default() -> Self {
        Self {
            model: RawEmbedderModel::Cascade,
            device: RawDevice::Cpu,
            remote: None,
            deadline_ms: 500,
        }
    }
}

/// A server that turns texts into vectors: any that answers `POST {base_url}/embeddings` as OpenAI does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRemote {
    /// Up to and without `/embeddings`.
    #[schemars(example = &"http://127.0.0.1:8080/v1")]
    pub(super) base_url: String,
    /// The key: `${NAME}`, `file:PATH` or text. Left out, no key is sent.
    #[serde(default)]
    pub(super) api_key: Option<RawSecret>,
    /// What the server calls the model.
    pub(super) name: String,
    /// Length of one of its vectors.
    #[schemars(range(min = 1, max = 8192))]
    pub(super) dimensions: usize,
}

/// What reads prompts, and how deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawEmbedderModel {
    /// Glances alone, by a table inside the program: nothing to download, microseconds a prompt.
    Static,
    /// all-MiniLM-L6-v2 reads every prompt to the end.
    Minilm,
    /// A glance where that is clear enough, and else all-MiniLM-L6-v2, as deep as is needed.
    Cascade,
    /// bge-small-en-v1.5 reads every prompt to the end.
    #[serde(rename = "bge-small")]
    BgeSmall,
    /// e5-small-v2 reads every prompt to the end.
    #[serde(rename = "e5-small")]
    E5Small,
    /// The one that `remote` describes.
    Remote,
}

/// Where the local model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawDevice {
    /// On the processor, in bytes.
    Cpu,
    /// On the first graphics processor by CUDA, in floats.
    Cuda,
    /// On the first graphics processor by Metal, in floats.
    Metal,
}

/// What is read of a conversation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPrompt {
    /// Read the beginning of the system prompt before the user's turn. It helps where each application has its own, and
    /// harms where one application sends all kinds of prompts.
    pub(super) system: bool,
    /// The tier of prompts in a language that neither the local model nor enough examples speak, unless they belong into a
    /// stricter one. Left out, the default tier.
    pub(super) other_languages: Option<String>,
}

/// How neighbours become a query type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawVote {
    /// How many nearest examples vote.
    #[schemars(range(min = 1, max = 200))]
    pub(super) neighbours: usize,
    /// Weight of a neighbour is `exp(sharpness * (cosine - 1))`.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub(super) sharpness: f32,
}

impl Default for RawVote {
    fn default() -> Self {
        Self { neighbours: 20, sharpness: 10.0 }
    }
}

/// How the nearest examples are found.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawIndex {
    /// By comparing with every example, or by a graph where there are many.
    #[default]
    Auto,
    /// By a graph (HNSW).
    Hnsw,
    /// By comparing with every example.
    Exact,
}

/// Every timer of a request, in milliseconds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTimers {
    /// One deadline for everything a request does, all attempts together.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(super) total_ms: u64,
    /// TCP and TLS to one provider.
    #[schemars(range(min = 1, max = 600_000))]
    pub(super) connect_ms: u64,
    /// From sending a streamed request to its first content, at the latest. Long before, another target is asked as well
    /// (`tiers.<name>.hedge`).
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(super) first_content_ms: u64,
    /// Between two pieces of one answer.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(super) idle_ms: u64,
    /// From sending an unstreamed request to its response head, which providers send when the answer is complete.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub(super) answer_ms: u64,
}

impl Default for RawTimers {
    fn default() -> Self {
        Self {
            total_ms: 600_000,
            connect_ms: 3_000,
            first_content_ms: 60_000,
            idle_ms: 30_000,
            answer_ms: 120_000,
        }
    }
}

/// When a target is set aside, and for how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawBreaker {
    /// Consecutive failures that open it.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) failures: u32,
    /// First time open, in milliseconds; doubles with every failed probe.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub(super) open_ms: u64,
    /// Longest time open, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub(super) open_max_ms: u64,
}

impl Default for RawBreaker {
    fn default() -> Self {
        Self { failures: 3, open_ms: 2_000, open_max_ms: 60_000 }
    }
}

/// An ordered list of targets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTier {
    /// `<provider>/<model>` in the order in which they are tried.
    #[schemars(example = json!(["openai/gpt-6-luna"]))]
    pub(super) targets: Vec<String>,
    /// What missing this tier costs against entering it in vain: at 4 a prompt is sent here from a probability of one in five.
    #[serde(default = "default_strictness")]
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub(super) strictness: f32,
    /// Who is tried first among those that are well.
    #[serde(default)]
    pub(super) order: RawOrder,
    /// For `order: weighted`, the share of each target; one that is not named has 1.
    #[serde(default)]
    pub(super) weights: BTreeMap<String, f32>,
    /// From when on an answer belongs to the target that gave its beginning.
    #[serde(default)]
    pub(super) commit: RawCommit,
    /// For `commit: hold`, the events of content that are held back.
    #[serde(default = "default_hold_events")]
    #[schemars(range(min = 1, max = 4096))]
    pub(super) hold_events: usize,
    /// For `commit: hold`, the longest that they are held back, in milliseconds.
    #[serde(default = "default_hold_ms")]
    #[schemars(range(min = 1, max = 600_000))]
    pub(super) hold_ms: u64,
    /// The tier whose targets are tried after all of this one's have failed, or `none`.
    #[serde(default = "default_spill_to")]
    pub(super) spill_to: String,
    /// Whether a target with a brief trouble is tried once more before the next one.
    #[serde(default)]
    pub(super) patience: RawPatience,
    /// Ask the next target as well when the first content of the one before takes much longer than usual; who begins first
    /// answers.
    #[serde(default = "default_hedge")]
    pub(super) hedge: bool,
    /// What follows when a target refuses the content.
    #[serde(default)]
    pub(super) on_refusal: RawOnRefusal,
    /// What follows when an answer breaks off after its beginning was passed on.
    #[serde(default)]
    pub(super) on_break: RawOnBreak,
}

fn default_strictness() -> f32 {
    1.0
}

fn default_hold_events() -> usize {
    32
}

fn default_hold_ms() -> u64 {
    2_000
}

fn default_spill_to() -> String {
    "none".to_owned()
}

fn default_hedge() -> bool {
    true
}

/// Who is tried first among those that are well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawOrder {
    /// As listed.
    #[default]
    Fixed,
    /// Who is expected to have answered first.
    FastestHealthy,
    /// Who is expected to cost least.
    CheapestHealthy,
    /// Drawn by lot.
    Weighted,
}

/// From when on an answer belongs to the target that gave its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCommit {
    /// From its first content on.
    #[default]
    FirstContent,
    /// From some events of content on; what goes wrong before is never seen.
    Hold,
    /// From its end on: nothing is passed on before the answer is complete.
    Full,
}

/// Whether a target with a brief trouble is tried once more before the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawPatience {
    /// Once, after a fifth of a second, or after the two seconds at most that its rate limit asks for.
    #[default]
    Brief,
    /// Never.
    None,
}

/// What follows when a target refuses the content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawOnRefusal {
    /// The refusal is the answer.
    #[default]
    Stop,
    /// The next target is tried.
    TryNext,
}

/// What follows when an answer breaks off after its beginning was passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawOnBreak {
    /// The next target goes on, where it can, or begins anew unseen and goes on where the beginning was the same; otherwise an
    /// error.
    #[default]
    Rescue,
    /// An error in the stream.
    Error,
}

/// A kind of prompt, and the tier that should answer it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQueryType {
    /// Who answers.
    #[schemars(example = &"general")]
    pub(super) tier: String,
    /// Below this probability of its tier the default tier answers.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) min_confidence: f32,
}

/// A key as text, or `file:PATH`.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("format" = SECRET))]
pub(super) struct RawSecret(pub(super) String);

/// Schema format of texts that no message may show.
pub(super) const SECRET: &str = "password";

impl fmt::Debug for RawSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawSecret(redacted)")
    }
}
