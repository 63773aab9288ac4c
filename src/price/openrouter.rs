//! OpenRouter's `GET /api/v1/models`: `{"data": [...]}`, with prices for one token as decimal text.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::offer::{Offer, modality, tokens, written};
use crate::config::{Modality, PartialPrice, Rate};

#[derive(Deserialize)]
struct Models {
    data: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    context_length: Option<Box<RawValue>>,
    #[serde(default)]
    architecture: Option<Architecture>,
    #[serde(default)]
    pricing: Option<Pricing>,
    #[serde(default)]
    top_provider: Option<TopProvider>,
    #[serde(default)]
    supported_parameters: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Architecture {
    input_modalities: Option<Vec<String>>,
    output_modalities: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Pricing {
    prompt: Option<Box<RawValue>>,
    completion: Option<Box<RawValue>>,
    input_cache_read: Option<Box<RawValue>>,
    input_cache_write: Option<Box<RawValue>>,
    internal_reasoning: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct TopProvider {
    max_completion_tokens: Option<Box<RawValue>>,
}

/// Every model.
pub(super) fn offers(text: &str) -> Result<Vec<Offer>, serde_json::Error> {
    let models: Models = serde_json::from_str(text)?;
    let read = models.data.iter().filter_map(|model| serde_json::from_str(model.get()).ok());
    Ok(read.map(offer).collect())
}

fn offer(model: Model) -> Offer {
    let said = |name: &str| {
        let names = model.supported_parameters.as_ref();
        names.is_some_and(|names| names.iter().any(|known| known == name)).then_some(true)
    };
    let (tools, parallel_tools) = (said("tools"), said("parallel_tool_calls"));
    let json_schema = said("structured_outputs");
    let architecture = model.architecture.as_ref();
    let input = architecture.and_then(|known| known.input_modalities.as_deref()).map(modalities);
    let output = architecture.and_then(|known| known.output_modalities.as_deref()).map(modalities);
    let longest = model.top_provider.and_then(|provider| provider.max_completion_tokens);
    Offer {
        id: model.id,
        price: model.pricing.map(|pricing| price(&pricing)).unwrap_or_default(),
        deprecated: None,
        context: model.context_length.and_then(|length| tokens(&length)),
        max_output: longest.and_then(|length| tokens(&length)),
        input,
        output,
        tools,
        parallel_tools,
        json_schema,
    }
}

fn modalities(names: &[String]) -> Vec<Modality> {
    names.iter().filter_map(|name| modality(name)).collect()
}

fn price(pricing: &Pricing) -> PartialPrice {
    let rate = |value: &Option<Box<RawValue>>| Rate::of_token(written(value.as_ref()?));
    // It writes 0 where there is no price of its own, and thoughts and writing to a cache are never free.
    let unless_free = |value| rate(value).filter(|rate| !rate.is_free());
    PartialPrice {
        input: rate(&pricing.prompt),
        output: rate(&pricing.completion),
        cache_read: unless_free(&pricing.input_cache_read),
        cache_write: unless_free(&pricing.input_cache_write),
        reasoning: unless_free(&pricing.internal_reasoning),
        long: None,
    }
}
