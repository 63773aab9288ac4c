//! What a model can do: what the catalogue knows, overlaid by what the user says, one field at a time.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Date, Price};

/// What a target can do. Nothing in a field means that nobody has said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Abilities {
    /// Tokens that it can read, its answer included.
    pub context: Option<u64>,
    /// Tokens that it can write.
    pub max_output: Option<u64>,
    /// Tokens to allow it where the caller allows any number and its dialect wants one.
    pub default_max_tokens: Option<u64>,
    /// Whether it sees images.
    pub images: Option<bool>,
    /// Whether it hears audio.
    pub audio: Option<bool>,
    /// Whether it reads files, such as PDF.
    pub files: Option<bool>,
    /// What it answers in.
    pub output: Option<Vec<Modality>>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
    /// Whether it calls several tools at once.
    pub parallel_tools: Option<bool>,
    /// Whether it answers in a JSON schema.
    pub json_schema: Option<bool>,
    /// Whether it goes on with an answer that the conversation ends with.
    pub prefill: Option<bool>,
    /// How hard it can be asked to think, from least to most; an empty list where it does not think.
    pub reasoning: Option<Vec<Effort>>,
    /// Which parameters of sampling it takes.
    pub sampling: Option<Sampling>,
    /// Whether it tells the probabilities of its tokens.
    pub logprobs: Option<bool>,
    /// Most answers to one request.
    pub choices: Option<u64>,
    /// The day from which it may no longer be there.
    pub deprecated: Option<Date>,
    /// What it costs.
    pub price: Option<Price>,
}

/// What a model reads or answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Audio.
    Audio,
    /// Files, such as PDF.
    File,
}

impl Modality {
    /// As it is written.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }
}

/// How hard a model is asked to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// As it does by itself, mostly.
    Medium,
    /// Hard.
    High,
    /// Harder.
    Xhigh,
    /// As hard as it can.
    Max,
}

impl Effort {
    /// As it is written.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }
}

/// Which of `temperature` and `top_p` a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Both, at once too.
    Any,
    /// Either, not both at once.
    One,
    /// Both, unless it is asked to think.
    WithoutReasoning,
    /// None, or only the values that it has by itself.
    Fixed,
}

impl Sampling {
    /// As it is written.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::One => "one",
            Self::WithoutReasoning => "without_reasoning",
            Self::Fixed => "fixed",
        }
    }
}

/// What a target can do. What is left out is as the catalogue says, or unknown; nobody is left out for what is unknown.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawModel {
    /// Tokens that it can read, its answer included.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) context: Option<u64>,
    /// Tokens that it can write.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) max_output: Option<u64>,
    /// Tokens to allow it where the caller allows any number and its dialect wants one.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) default_max_tokens: Option<u64>,
    /// Whether it sees images.
    pub(super) images: Option<bool>,
    /// Whether it hears audio.
    pub(super) audio: Option<bool>,
    /// Whether it reads files, such as PDF.
    pub(super) files: Option<bool>,
    /// What it answers in.
    pub(super) output: Option<Vec<Modality>>,
    /// Whether it calls tools.
    pub(super) tools: Option<bool>,
    /// Whether it calls several tools at once.
    pub(super) parallel_tools: Option<bool>,
    /// Whether it answers in a JSON schema.
    pub(super) json_schema: Option<bool>,
    /// Whether it goes on with an answer that the conversation ends with. Where nobody says, it is asked to only by callers.
    pub(super) prefill: Option<bool>,
    /// How hard it can be asked to think; an empty list where it does not think.
    pub(super) reasoning: Option<Vec<Effort>>,
    /// Which parameters of sampling it takes.
    pub(super) sampling: Option<Sampling>,
    /// Whether it tells the probabilities of its tokens.
    pub(super) logprobs: Option<bool>,
    /// Most answers to one request.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) choices: Option<u64>,
    /// The day from which it may no longer be there, `YYYY-MM-DD`.
    #[schemars(example = json!("2026-12-01"))]
    pub(super) deprecated: Option<String>,
}

impl Abilities {
    /// What the user says, and where the user says nothing, what the catalogue says. The price stays the catalogue's.
    pub(super) fn overlaid(&self, user: &RawModel) -> Self {
        Self {
            context: user.context.or(self.context),
            max_output: user.max_output.or(self.max_output),
            default_max_tokens: user.default_max_tokens.or(self.default_max_tokens),
            images: user.images.or(self.images),
            audio: user.audio.or(self.audio),
            files: user.files.or(self.files),
            output: user.output.clone().or_else(|| self.output.clone()),
            tools: user.tools.or(self.tools),
            parallel_tools: user.parallel_tools.or(self.parallel_tools),
            json_schema: user.json_schema.or(self.json_schema),
            prefill: user.prefill.or(self.prefill),
            reasoning: user.reasoning.as_deref().map(ordered).or_else(|| self.reasoning.clone()),
            sampling: user.sampling.or(self.sampling),
            logprobs: user.logprobs.or(self.logprobs),
            choices: user.choices.or(self.choices),
            deprecated: user.deprecated.as_deref().and_then(Date::parse).or(self.deprecated),
            price: self.price,
        }
    }
}

/// From least to most, each once.
pub(super) fn ordered(efforts: &[Effort]) -> Vec<Effort> {
    let mut sorted = efforts.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}
