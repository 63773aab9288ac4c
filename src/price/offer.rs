//! What a list says of a model, whoever publishes it.

use serde_json::value::RawValue;
use thiserror::Error;

use super::{litellm, openrouter};
use crate::config::{Date, Modality, PartialPrice};

/// What a list says of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offer {
    /// What the list calls it.
    pub id: String,
    /// What it costs.
    pub price: PartialPrice,
    /// The day from which its maker no longer serves it.
    pub deprecated: Option<Date>,
    /// Tokens that it can read, its answer included.
    pub context: Option<u64>,
    /// Tokens that it can write.
    pub max_output: Option<u64>,
    /// What it reads.
    pub input: Option<Vec<Modality>>,
    /// What it answers in.
    pub output: Option<Vec<Modality>>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
    /// Whether it calls several tools at once.
    pub parallel_tools: Option<bool>,
    /// Whether it answers in a JSON schema.
    pub json_schema: Option<bool>,
}

/// A list that somebody publishes.
#[derive(Debug)]
pub struct List {
    /// How it is written.
    pub shape: Shape,
    /// Where it is from, for the catalogue.
    pub source: String,
    /// What it says.
    pub offers: Vec<Offer>,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An object of models, with prices for a token as numbers.
    LiteLlm,
    /// `{"data": [...]}`, with prices for a token as text; names have their maker before a slash.
    OpenRouter,
}

/// A list that is none.
#[derive(Debug, Error)]
#[error("`{source_name}` is no such list of models")]
pub struct ListError {
    source_name: String,
    #[source]
    reason: serde_json::Error,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// When the text is something else. A model that cannot be read is left out.
    pub fn read(shape: Shape, source: &str, text: &str) -> Result<Self, ListError> {
        let offers = match shape {
            Shape::LiteLlm => litellm::offers(text),
            Shape::OpenRouter => openrouter::offers(text),
        };
        let source = source.to_owned();
        match offers {
            Ok(offers) => Ok(Self { shape, source, offers }),
            Err(reason) => Err(ListError { source_name: source, reason }),
        }
    }

    /// What it says of a model of this name, exactly.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.id == name)
    }
}

impl Offer {
    /// This, and where it says nothing, what another says.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            id: self.id,
            price: self.price.over(other.price),
            deprecated: self.deprecated.or(other.deprecated),
            context: self.context.or(other.context),
            max_output: self.max_output.or(other.max_output),
            input: self.input.or_else(|| other.input.clone()),
            output: self.output.or_else(|| other.output.clone()),
            tools: self.tools.or(other.tools),
            parallel_tools: self.parallel_tools.or(other.parallel_tools),
            json_schema: self.json_schema.or(other.json_schema),
        }
    }
}

/// A number or a text as it is written, so that no digit of a price is lost on the way.
pub(super) fn written(value: &RawValue) -> &str {
    value.get().trim().trim_matches('"')
}

/// A number of tokens; lists write `128000`, `128000.0` and `"128,000"`.
pub(super) fn tokens(value: &RawValue) -> Option<u64> {
    let digits = written(value).replace(',', "");
    let whole = digits.strip_suffix(".0").unwrap_or(&digits);
    whole.parse::<u64>().ok().filter(|tokens| *tokens > 0)
}

/// What a list calls a kind of content; nothing for what no chat has.
pub(super) fn modality(name: &str) -> Option<Modality> {
    match name {
        "text" => Some(Modality::Text),
        "image" => Some(Modality::Image),
        "audio" => Some(Modality::Audio),
        "file" => Some(Modality::File),
        _ => None,
    }
}
