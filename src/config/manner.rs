//! How a model at a provider wants to be spoken to, where models and providers of one dialect differ. Data, from `rules/dialects.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

/// How one target wants to be spoken to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manner {
    /// How it is told to think.
    pub thinking: ThinkingManner,
    /// How it is held to a JSON schema.
    pub schema: SchemaManner,
    /// How it is told to answer in JSON.
    pub json: JsonManner,
    /// What ids of tool calls may be.
    pub tool_ids: ToolIds,
    /// How it is given a picture that is behind a link.
    pub links: Links,
    /// What it does with its own earlier thoughts.
    pub echo: Echo,
    /// What its answers consist of.
    pub content: Content,
    /// What it calls instructions of the application.
    pub instructions: Instructions,
    /// What happens to a last turn of the model itself, which it is to go on with.
    pub prefill: PrefillManner,
    /// What it does with marks of what to keep.
    pub cache: CacheManner,
}

/// How a model is told to think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingManner {
    /// By a word for the effort.
    #[default]
    Effort,
    /// By a number of tokens.
    Budget,
    /// By a switch, `enable_thinking`.
    Switch,
    /// By a word for the effort; not to think is another field, `thinking`.
    Disabled,
    /// Not at all.
    None,
}

/// How a model is held to a JSON schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaManner {
    /// By the dialect's own field.
    #[default]
    Native,
    /// By a tool that it must call.
    Tool,
    /// By asking for any JSON object, with the schema in the instructions.
    Object,
    /// By the instructions alone.
    Words,
}

/// How a model is told to answer in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JsonManner {
    /// By the dialect's own field.
    #[default]
    Native,
    /// By the dialect's own field, which is refused unless the conversation has the word.
    Word,
    /// By the instructions alone.
    Words,
}

/// What ids of tool calls may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolIds {
    /// Anything.
    #[default]
    Any,
    /// Letters, digits, `_` and `-`.
    Plain,
    /// Nine letters and digits.
    Nine,
}

/// How a model is given a picture that is behind a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// By the link.
    #[default]
    Fetched,
    /// Not at all: only pictures inside the request are seen.
    Refused,
}

/// What a model does with its own earlier thoughts, and with marks that other vendors understand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Echo {
    /// They are left out.
    #[default]
    None,
    /// It must have back those of turns that called tools.
    ToolTurns,
    /// Everything that a caller writes is passed on.
    All,
}

/// What a model's answers consist of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A text.
    #[default]
    Text,
    /// A text, or a list of parts where clients expect a text: such an answer never passes as it is.
    Parts,
}

/// What a model calls instructions of the application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Instructions {
    /// `system`.
    #[default]
    System,
    /// As the caller calls them, `developer` too.
    Kept,
}

/// What happens to a last turn of the model itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrefillManner {
    /// The model goes on with it.
    #[default]
    Plain,
    /// The model goes on with it if it is marked `prefix: true`.
    Marked,
    /// It is refused: the model has to be asked to go on.
    Refused,
}

/// What a model does with marks of what to keep, in dialects that have such marks but models that refuse them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheManner {
    /// They are left out.
    #[default]
    Unmarked,
    /// It understands them.
    Marked,
}
