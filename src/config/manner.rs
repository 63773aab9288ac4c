//! How a model at a provider wants to be spoken to, where models and providers of one dialect differ. Data, from `rules/dialects.yaml`.

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
    /// What happens to a last turn of the model itself, which it is to go on with.
    pub prefill: PrefillManner,
    /// What it does with marks of what to keep.
    pub cache: CacheManner,
}

/// How a model is told to think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ThinkingManner {
    /// By a word for the effort.
    #[default]
    Effort,
    /// By a number of tokens.
    Budget,
    /// By a switch: on or off.
    Switch,
    /// Not at all.
    None,
}

/// How a model is held to a JSON schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Links {
    /// By the link.
    #[default]
    Fetched,
    /// Not at all: only pictures inside the request are seen.
    Refused,
}

/// What a model does with its own earlier thoughts, in a vendor's field without a seal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Echo {
    /// They are left out.
    #[default]
    None,
    /// It must have back those of turns that called tools: DeepSeek.
    ToolTurns,
}

/// What happens to a last turn of the model itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PrefillManner {
    /// The model goes on with it.
    #[default]
    Plain,
    /// The model goes on with it if it is marked `prefix: true`.
    Marked,
}

/// What a model does with marks of what to keep, in dialects that have such marks but models that refuse them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheManner {
    /// They are left out.
    #[default]
    Unmarked,
    /// It understands them.
    Marked,
}
