//! LiteLLM's `model_prices_and_context_window.json`: an object of models, with prices for one token as numbers.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::offer::{Offer, tokens, written};
use crate::config::{Date, LongPrice, Modality, PartialPrice, Rate};

/// An entry that explains the others.
const SAMPLE: &str = "sample_spec";
/// What a price for a long prompt is called: this, the length in thousands of tokens, and `SUFFIX`.
const ABOVE: &str = "input_cost_per_token_above_";
const SUFFIX: &str = "k_tokens";

type Fields = BTreeMap<String, Box<RawValue>>;

/// Every model that chats.
pub(super) fn offers(text: &str) -> Result<Vec<Offer>, serde_json::Error> {
    let models: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text)?;
    let read = models.into_iter().filter(|(id, _)| id != SAMPLE).filter_map(|(id, model)| {
        let fields: Fields = serde_json::from_str(model.get()).ok()?;
        let mode = fields.get("mode").map(|mode| written(mode));
        let chats = matches!(mode, None | Some("chat" | "responses"));
        chats.then(|| offer(id, &fields))
    });
    Ok(read.collect())
}

fn offer(id: String, fields: &Fields) -> Offer {
    let number = |key: &str| fields.get(key).and_then(|value| tokens(value));
    let is_true = |key: &str| fields.get(key).is_some_and(|value| written(value) == "true");
    let said = |key: &str| is_true(key).then_some(true);
    let seen = [
        (Modality::Text, true),
        (Modality::Image, is_true("supports_vision")),
        (Modality::Audio, is_true("supports_audio_input")),
        (Modality::File, is_true("supports_pdf_input")),
    ];
    let input: Vec<Modality> =
        seen.iter().filter(|(_, sees)| *sees).map(|(modality, _)| *modality).collect();
    Offer {
        price: price(fields),
        deprecated: fields.get("deprecation_date").and_then(|day| Date::parse(written(day))),
        context: number("max_input_tokens"),
        max_output: number("max_output_tokens"),
        // Text alone may mean that nobody has said more.
        input: Some(input).filter(|input| input.len() > 1),
        output: None,
        tools: said("supports_function_calling"),
        parallel_tools: said("supports_parallel_function_calling"),
        json_schema: said("supports_response_schema"),
        id,
    }
}

fn price(fields: &Fields) -> PartialPrice {
    let rate = |key: &str| fields.get(key).and_then(|value| Rate::of_token(written(value)));
    PartialPrice {
        input: rate("input_cost_per_token"),
        output: rate("output_cost_per_token"),
        cache_read: rate("cache_read_input_token_cost"),
        cache_write: rate("cache_creation_input_token_cost"),
        reasoning: rate("output_cost_per_reasoning_token"),
        long: long(fields, &rate),
    }
}

/// The first step above the usual price.
fn long(fields: &Fields, rate: &dyn Fn(&str) -> Option<Rate>) -> Option<LongPrice> {
    let lengths = fields
        .keys()
        .filter_map(|key| key.strip_prefix(ABOVE)?.strip_suffix(SUFFIX)?.parse::<u64>().ok());
    let thousands = lengths.min()?;
    let above = |key: &str| rate(&format!("{key}_above_{thousands}{SUFFIX}"));
    Some(LongPrice {
        above: thousands * 1_000,
        input: above("input_cost_per_token")?,
        output: above("output_cost_per_token")?,
        cache_read: above("cache_read_input_token_cost"),
        cache_write: above("cache_creation_input_token_cost"),
    })
}
