//! What may be written in `dialects.yaml` about a model's manner and about single fields.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Dialect;
use super::dialects::FieldRule;
use super::manner::{
    CacheManner, Content, Echo, Instructions, JsonManner, Links, Manner, PrefillManner,
    SchemaManner, ThinkingManner, ToolIds,
};

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawProtocol {
    /// OpenAI's chat completions, and every endpoint compatible with it.
    Openai,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's generateContent.
    Gemini,
    /// Cohere's chat, version 2.
    Cohere,
    /// Amazon Bedrock's Converse.
    Bedrock,
}

impl RawProtocol {
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Openai => Dialect::OpenAi,
            Self::Responses => Dialect::Responses,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini => Dialect::Gemini,
            Self::Cohere => Dialect::Cohere,
            Self::Bedrock => Dialect::Bedrock,
        }
    }
}

/// How some models want to be spoken to; what is left out is as before.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawManner {
    thinking: Option<ThinkingManner>,
    schema: Option<SchemaManner>,
    json: Option<JsonManner>,
    tool_ids: Option<ToolIds>,
    links: Option<Links>,
    echo: Option<Echo>,
    content: Option<Content>,
    instructions: Option<Instructions>,
    prefill: Option<PrefillManner>,
    cache: Option<CacheManner>,
}

impl RawManner {
    pub(super) fn apply(&self, to: &mut Manner) {
        to.thinking = self.thinking.unwrap_or(to.thinking);
        to.schema = self.schema.unwrap_or(to.schema);
        to.json = self.json.unwrap_or(to.json);
        to.tool_ids = self.tool_ids.unwrap_or(to.tool_ids);
        to.links = self.links.unwrap_or(to.links);
        to.echo = self.echo.unwrap_or(to.echo);
        to.content = self.content.unwrap_or(to.content);
        to.instructions = self.instructions.unwrap_or(to.instructions);
        to.prefill = self.prefill.unwrap_or(to.prefill);
        to.cache = self.cache.unwrap_or(to.cache);
    }
}

/// What happens to a field; exactly one of them, least and most counted as one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawField {
    /// Leave it out.
    drop: bool,
    /// Call it this.
    rename: Option<String>,
    /// At least this number.
    least: Option<f64>,
    /// At most this number.
    most: Option<f64>,
    /// Other words for some words.
    words: BTreeMap<String, String>,
    /// So many items of a list at most.
    items: Option<usize>,
}

impl RawField {
    pub(super) fn rule(self) -> Option<FieldRule> {
        let Self { drop, rename, least, most, words, items } = self;
        let range = (least.is_some() || most.is_some()).then_some(FieldRule::Range { least, most });
        let words = (!words.is_empty()).then(|| FieldRule::Words(words.into_iter().collect()));
        let mut said = [
            drop.then_some(FieldRule::Drop),
            rename.map(FieldRule::Rename),
            range,
            words,
            items.map(FieldRule::Items),
        ]
        .into_iter()
        .flatten();
        said.next().filter(|_| said.next().is_none())
    }
}
