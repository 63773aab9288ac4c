//! What a user may write about a provider.

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::RawSecret;
use super::raw_watch::{RawHealthCheck, RawProbe, RawStatusFeed, default_probe_every_ms};

/// An endpoint, its dialect and its credential.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProvider {
    /// What it speaks, by its name in the table of dialects.
    #[serde(default = "default_dialect")]
    pub(super) dialect: String,
    /// Up to what the wire format adds, such as `/chat/completions`. Left out, the one of the dialect.
    #[schemars(example = &"https://api.openai.com/v1")]
    #[serde(default)]
    pub(super) base_url: Option<String>,
    /// The key: `${NAME}`, `file:PATH` or text. Left out, no key is sent; a `${NAME}` that is not set leaves the provider out.
    #[serde(default)]
    pub(super) api_key: Option<RawSecret>,
    /// Keys that sign requests, for `dialect: bedrock`; `api_key` is sent as a bearer token instead.
    #[serde(default)]
    pub(super) aws: Option<RawAws>,
    /// A service account's key, for `dialect: vertex`: `file:PATH` of the JSON document. `api_key` is sent as a token instead.
    #[serde(default)]
    pub(super) service_account: Option<RawSecret>,
    /// The region of `dialect: bedrock`.
    #[schemars(example = &"eu-central-1")]
    #[serde(default)]
    pub(super) region: Option<String>,
    /// The project of `dialect: vertex`.
    #[serde(default)]
    pub(super) project: Option<String>,
    /// The location of `dialect: vertex`.
    #[schemars(example = &"europe-west4")]
    #[serde(default)]
    pub(super) location: Option<String>,
    /// The version of `dialect: azure`. Left out, the newest stable one.
    #[serde(default)]
    pub(super) api_version: Option<String>,
    /// A page that tells whether the provider is well, such as `/health` of a model server. Left out, none is asked.
    #[serde(default)]
    pub(super) health_check: Option<RawHealthCheck>,
    /// How the way to the provider is measured; nothing of it is ever charged for.
    #[serde(default)]
    pub(super) probe: RawProbe,
    /// Between two probes, in milliseconds.
    #[serde(default = "default_probe_every_ms")]
    #[schemars(range(min = 1000, max = 3_600_000))]
    pub(super) probe_every_ms: u64,
    /// What the provider publishes about its own troubles. Left out, nothing is read.
    #[serde(default)]
    pub(super) status_feed: Option<RawStatusFeed>,
}

/// Keys of Amazon Web Services.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAws {
    /// Access key id.
    pub(super) access_key_id: RawSecret,
    /// Secret access key.
    pub(super) secret_access_key: RawSecret,
    /// Session token, of temporary keys.
    #[serde(default)]
    pub(super) session_token: Option<RawSecret>,
}

fn default_dialect() -> String {
    "openai".to_owned()
}
