//! The two shapes of a list of models: OpenAI's, with what is known beside it as OpenRouter writes it, and Anthropic's.

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::entry::{Answers, Entry};
use crate::config::{Abilities, Modality, Price, Rate, Sampling};

/// Nothing here knows when a model was made, and client libraries want a number.
const CREATED: u64 = 0;
/// The same as a moment.
const CREATED_AT: &str = "1970-01-01T00:00:00Z";
/// What every request to the Messages API carries, and no other.
const MESSAGES_VERSION: &str = "anthropic-version";

/// What the caller's library reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{"object": "list", "data": [...]}`.
    Completions,
    /// `{"data": [...], "has_more": ..., "first_id": ..., "last_id": ...}`.
    Messages,
}

impl Shape {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(MESSAGES_VERSION) { Self::Messages } else { Self::Completions }
    }

    pub(super) fn list(self, entries: &[Entry]) -> Value {
        let data: Vec<Value> = entries.iter().map(|entry| self.one(entry)).collect();
        match self {
            Self::Completions => json!({"object": "list", "data": data}),
            Self::Messages => {
                let id = |entry: Option<&Entry>| entry.map(|entry| entry.id.clone());
                let (first, last) = (id(entries.first()), id(entries.last()));
                json!({"data": data, "has_more": false, "first_id": first, "last_id": last})
            }
        }
    }

    pub(super) fn one(self, entry: &Entry) -> Value {
        match self {
            Self::Completions => Value::Object(of_completions(entry)),
            Self::Messages => json!({
                "type": "model",
                "id": entry.id,
                "display_name": entry.id,
                "created_at": CREATED_AT,
                "max_input_tokens": entry.answers.least(|can| can.context),
                "max_tokens": entry.answers.least(|can| can.max_output),
            }),
        }
    }
}

fn of_completions(entry: &Entry) -> Map<String, Value> {
    let mut model = Map::new();
    let mut set = |key: &str, value: Value| {
        if !value.is_null() {
            model.insert(key.to_owned(), value);
        }
    };
    set("id", json!(entry.id));
    set("object", json!("model"));
    set("created", json!(CREATED));
    set("owned_by", json!(entry.owner));
    set("alias_of", json!(entry.alias_of));
    if let Answers::OneOf(targets) = &entry.answers {
        let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
        set("targets", json!(ids));
    }
    set("context_length", json!(entry.answers.least(|can| can.context)));
    set("max_output_tokens", json!(entry.answers.least(|can| can.max_output)));
    let known = entry.answers.abilities().filter(|can| **can != Abilities::default());
    if let Some(can) = known {
        set("architecture", architecture(can));
        set("pricing", can.price.map_or(Value::Null, pricing));
        set("supported_parameters", json!(parameters(can)));
        set("capabilities", Value::Object(capabilities(can)));
        set("deprecated", json!(can.deprecated.map(|day| day.to_string())));
    }
    model
}

/// What it reads and answers in, as far as that is known.
fn architecture(can: &Abilities) -> Value {
    let read =
        [(Modality::Image, can.images), (Modality::Audio, can.audio), (Modality::File, can.files)];
    let said = read.iter().any(|(_, reads)| reads.is_some());
    let others =
        read.iter().filter(|(_, reads)| *reads == Some(true)).map(|(modality, _)| modality);
    let labels: Vec<&str> =
        std::iter::once(&Modality::Text).chain(others).map(|modality| modality.label()).collect();
    let output = can.output.as_ref();
    let output =
        output.map(|output| output.iter().map(|modality| modality.label()).collect::<Vec<_>>());
    if !said && output.is_none() {
        return Value::Null;
    }
    json!({"input_modalities": said.then_some(labels), "output_modalities": output})
}

/// US dollars for one token, as text: a float would not say 0.1 of a millionth.
fn pricing(price: Price) -> Value {
    let mut rates = Map::new();
    let mut set = |key: &str, rate: Option<Rate>| {
        if let Some(rate) = rate {
            rates.insert(key.to_owned(), json!(rate.for_token()));
        }
    };
    set("prompt", Some(price.input));
    set("completion", Some(price.output));
    set("input_cache_read", price.cache_read);
    set("input_cache_write", price.cache_write);
    set("internal_reasoning", price.reasoning);
    if let Some(long) = price.long {
        let (prompt, completion) = (long.input.for_token(), long.output.for_token());
        let long = json!({"above_tokens": long.above, "prompt": prompt, "completion": completion});
        rates.insert("long_context".to_owned(), long);
    }
    Value::Object(rates)
}

/// Parameters of a request that it is known to take.
fn parameters(can: &Abilities) -> Vec<&'static str> {
    let takes_sampling = match can.sampling {
        Some(Sampling::Any | Sampling::One | Sampling::WithoutReasoning) => true,
        Some(Sampling::Fixed) | None => false,
    };
    let thinks = can.reasoning.as_ref().is_some_and(|efforts| !efforts.is_empty());
    let rows: [(bool, &[&'static str]); 8] = [
        (true, &["max_tokens"]),
        (can.tools == Some(true), &["tools", "tool_choice"]),
        (can.parallel_tools == Some(true), &["parallel_tool_calls"]),
        (can.json_schema == Some(true), &["response_format", "structured_outputs"]),
        (takes_sampling, &["temperature", "top_p"]),
        (thinks, &["reasoning", "reasoning_effort"]),
        (can.logprobs == Some(true), &["logprobs", "top_logprobs"]),
        (can.choices.is_some_and(|most| most > 1), &["n"]),
    ];
    rows.iter().filter(|(takes, _)| *takes).flat_map(|(_, names)| names.iter().copied()).collect()
}

/// What is known, by the words of the configuration.
fn capabilities(can: &Abilities) -> Map<String, Value> {
    let efforts = can.reasoning.as_ref();
    let efforts = efforts.map(|all| all.iter().map(|effort| effort.label()).collect::<Vec<_>>());
    let rows = [
        ("images", json!(can.images)),
        ("audio", json!(can.audio)),
        ("files", json!(can.files)),
        ("tools", json!(can.tools)),
        ("parallel_tools", json!(can.parallel_tools)),
        ("json_schema", json!(can.json_schema)),
        ("prefill", json!(can.prefill)),
        ("reasoning", json!(efforts)),
        ("sampling", json!(can.sampling.map(Sampling::label))),
        ("logprobs", json!(can.logprobs)),
        ("choices", json!(can.choices)),
    ];
    let known = rows.into_iter().filter(|(_, value)| !value.is_null());
    known.map(|(key, value)| (key.to_owned(), value)).collect()
}
