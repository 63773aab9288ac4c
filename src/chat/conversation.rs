//! A conversation as every dialect can say it: what callers' requests are read into, and providers' requests are written from.
//!
//! It has the union of what dialects can say about a conversation, each thing once. What only one vendor knows stays in `others`
//! under its name, so that a translator that knows it may pass it on and every other one has to report its loss.

use serde_json::{Number, Value};

/// A whole request, without the model it is for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation {
    /// Oldest first. Instructions of the application stand where the caller put them.
    pub turns: Vec<Turn>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may, or must; nothing where the caller does not say.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several at once.
    pub parallel_tools: Option<bool>,
    /// The form of the answer.
    pub format: Format,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Most tokens of the answer, reasoning included.
    pub max_tokens: Option<u64>,
    /// How much it should think before it answers.
    pub thinking: Thinking,
    /// Whether the answer should come in pieces.
    pub stream: bool,
    /// Fields that only some vendor knows, by the caller's name for them, as they were written.
    pub others: Vec<(String, Value)>,
}

/// What one speaker says at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub speaker: Speaker,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The speaker's name, where several play the same part.
    pub name: Option<String>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The application: instructions.
    System,
    /// The person, and the results of tools.
    User,
    /// The model.
    Assistant,
}

/// A piece of what is said.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Image(Media),
    /// A recording; its media type names the format, such as `audio/wav`.
    Audio(Media),
    /// A document.
    File(Media),
    /// The model's reason not to answer.
    Refusal(String),
    /// What the model thought.
    Reasoning(Reasoning),
    /// The model calls a tool.
    Call(Call),
    /// What a tool returned.
    Returned(Returned),
    /// Everything up to here may be kept by the provider to be read at a lower price.
    CachePoint(CacheTime),
    /// A piece that only its vendor understands, as it was written.
    Other(Value),
}

/// A picture, a recording or a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Where it is.
    pub source: Source,
    /// Such as `image/png`; nothing where a link does not say.
    pub media_type: Option<String>,
    /// OpenAI's `detail` of a picture: `auto`, `low` or `high`.
    pub detail: Option<String>,
    /// A document's name.
    pub name: Option<String>,
}

/// Where a picture, a recording or a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the request, as base64 without line breaks.
    Inline(String),
    /// Behind a link.
    Link(String),
    /// At the provider, by its id there.
    Stored(String),
}

/// What a model thought. Vendors seal it, and take back only what carries their own seal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// In words, as far as they are shown.
    pub text: String,
    /// The vendor's proof that the words are its model's.
    pub seal: Option<Seal>,
}

/// What only its vendor can read, to be handed back unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Whose it is.
    pub vendor: Vendor,
    /// It stands instead of the words: they are hidden.
    pub is_whole: bool,
    /// As it came.
    pub data: String,
}

/// Who seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// `signature` of a thinking block, `data` of a redacted one.
    Anthropic,
    /// `thoughtSignature`.
    Google,
    /// `encrypted_content` of a reasoning item.
    OpenAi,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The caller knows it by this id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON as the model wrote it, which is not always JSON.
    pub arguments: String,
    /// What the vendor wants back with it.
    pub seal: Option<Seal>,
}

/// What a tool returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    /// Of the call.
    pub id: String,
    /// Text and pictures.
    pub parts: Vec<Part>,
    /// The tool failed.
    pub is_error: bool,
}

/// How long a provider should keep what it has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheTime {
    /// The vendor's usual time; five minutes at Anthropic.
    #[default]
    Usual,
    /// One hour.
    Hour,
}

/// What the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it takes.
    pub takes: Takes,
    /// Keep everything up to here, see [`Part::CachePoint`].
    pub cache: Option<CacheTime>,
}

/// What a tool takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Takes {
    /// An object of this JSON Schema; nothing where the caller gives none.
    Object {
        /// JSON Schema.
        schema: Option<Value>,
        /// The vendor is to hold the model to it.
        strict: Option<bool>,
    },
    /// Free text, or text of a grammar: OpenAI's custom tools. This is their `format`.
    Text(Option<Value>),
    /// The vendor runs it, such as a web search; the whole tool as it was written.
    Hosted(Value),
}

/// Whether the model may call tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Not now.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
    /// Only some of them, and at least one where `required`.
    Among {
        /// Names.
        names: Vec<String>,
        /// At least one.
        required: bool,
    },
}

/// The form of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Format {
    /// Words.
    #[default]
    Text,
    /// Any JSON object.
    Json,
    /// JSON of a schema.
    Schema {
        /// What the caller calls it.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// JSON Schema.
        schema: Value,
        /// The vendor is to hold the model to it.
        strict: Option<bool>,
    },
}

/// How tokens are drawn. Numbers keep the caller's own digits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2.
    pub temperature: Option<Number>,
    /// 0 to 1.
    pub top_p: Option<Number>,
    /// Among so many.
    pub top_k: Option<u64>,
    /// -2 to 2.
    pub presence_penalty: Option<Number>,
    /// -2 to 2.
    pub frequency_penalty: Option<Number>,
    /// The same for the same.
    pub seed: Option<i64>,
    /// Texts before which the answer ends.
    pub stop: Vec<String>,
    /// So many answers.
    pub choices: Option<u32>,
    /// The likelihood of each token.
    pub logprobs: Option<bool>,
    /// And of so many others.
    pub top_logprobs: Option<u64>,
}

/// How much a model should think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thinking {
    /// In words.
    pub effort: Option<Effort>,
    /// In tokens.
    pub budget_tokens: Option<u64>,
}

/// Tokens of thinking up to which it is little, and usual.
const LITTLE_AND_USUAL: [u64; 2] = [2_048, 8_192];

impl Thinking {
    /// How much in words, where only tokens are said.
    #[must_use]
    pub fn effort_of(tokens: u64) -> Effort {
        let [little, usual] = LITTLE_AND_USUAL;
        match tokens {
            0 => Effort::None,
            few if few <= little => Effort::Low,
            some if some <= usual => Effort::Medium,
            _ => Effort::High,
        }
    }
}

/// How much, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// Hardly.
    Minimal,
    /// A little.
    Low,
    /// As usual.
    Medium,
    /// Much.
    High,
    /// More.
    ExtraHigh,
    /// As much as it can.
    Max,
}

impl Effort {
    /// Every one, least first.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::ExtraHigh,
        Self::Max,
    ];

    /// As OpenAI writes it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads OpenAI's word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.label() == word)
    }
}

impl Media {
    /// What is behind a link, which may carry everything itself (RFC 2397): `data:image/png;base64,…`.
    #[must_use]
    pub fn of_link(link: &str) -> Self {
        let inline = link.strip_prefix("data:").and_then(|rest| rest.split_once(','));
        let (source, media_type) = match inline {
            Some((kind, data)) => {
                let kind = kind.split(';').next().filter(|kind| !kind.is_empty());
                (Source::Inline(data.to_owned()), kind.map(str::to_owned))
            }
            None => (Source::Link(link.to_owned()), None),
        };
        Self { source, media_type, detail: None, name: None }
    }

    /// The link behind which it is, or which carries it. `usual` is its type where nobody says.
    #[must_use]
    pub fn link(&self, usual: &str) -> String {
        match &self.source {
            Source::Inline(data) => {
                format!("data:{};base64,{data}", self.media_type.as_deref().unwrap_or(usual))
            }
            Source::Link(link) | Source::Stored(link) => link.clone(),
        }
    }
}

impl Turn {
    /// A turn of somebody without a name.
    #[must_use]
    pub fn new(speaker: Speaker, parts: Vec<Part>) -> Self {
        Self { speaker, parts, name: None }
    }

    /// Its words, joined by line breaks.
    #[must_use]
    pub fn text(&self) -> String {
        text_of(&self.parts)
    }
}

impl Call {
    /// The arguments as an object. What a model wrote that is no object stands under `input`, so that it is not lost.
    #[must_use]
    pub fn object(&self) -> Value {
        match serde_json::from_str(&self.arguments) {
            Ok(Value::Object(fields)) => Value::Object(fields),
            Ok(other) => serde_json::json!({ "input": other }),
            Err(_) if self.arguments.trim().is_empty() => serde_json::json!({}),
            Err(_) => serde_json::json!({ "input": self.arguments }),
        }
    }
}

/// The words among parts, joined by line breaks.
#[must_use]
pub fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Image(_)
        | Part::Audio(_)
        | Part::File(_)
        | Part::Refusal(_)
        | Part::Reasoning(_)
        | Part::Call(_)
        | Part::Returned(_)
        | Part::CachePoint(_)
        | Part::Other(_) => None,
    });
    texts.collect::<Vec<&str>>().join("\n")
}
