//! The part of `raw` that is about watching providers.

use schemars::JsonSchema;
use serde::Deserialize;

/// A page that answers well while the provider is well. It is asked without any key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHealthCheck {
    /// The page.
    #[schemars(example = &"http://127.0.0.1:8000/health")]
    pub(super) url: String,
    /// Between two checks, in milliseconds.
    #[serde(default = "default_check_every_ms")]
    #[schemars(range(min = 1000, max = 3_600_000))]
    pub(super) every_ms: u64,
    /// The status of a provider that is well; any other one is a failed check.
    #[serde(default = "default_expect_status")]
    #[schemars(range(min = 200, max = 299))]
    pub(super) expect_status: u16,
}

fn default_check_every_ms() -> u64 {
    30_000
}

fn default_expect_status() -> u16 {
    200
}

pub(super) fn default_probe_every_ms() -> u64 {
    30_000
}

/// How the way to a provider is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawProbe {
    /// Not at all.
    #[default]
    Off,
    /// By a new connection and a `HEAD` of the endpoint's root, without the key.
    Connect,
    /// By a new connection and `GET {base_url}/models`, with the key.
    Models,
}

/// A page on which a provider publishes its troubles. It is asked without any key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatusFeed {
    /// The page; redirects are not followed.
    #[schemars(example = &"https://status.example.com/api/v2/summary.json")]
    pub(super) url: String,
    /// Its form.
    #[schemars(example = &"statuspage")]
    pub(super) kind: RawFeedKind,
    /// Only what has this text in the name of a component or the title of an incident counts. Left out, everything does.
    #[serde(default)]
    pub(super) component: Option<String>,
    /// Between two readings, in milliseconds.
    #[serde(default = "default_feed_every_ms")]
    #[schemars(range(min = 10_000, max = 3_600_000))]
    pub(super) every_ms: u64,
}

fn default_feed_every_ms() -> u64 {
    60_000
}

/// The form of a status feed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawFeedKind {
    /// JSON as Statuspage gives at `/api/v2/summary.json`, and everyone compatible with it.
    Statuspage,
    /// RSS or Atom.
    Rss,
}
