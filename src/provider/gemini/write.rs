//! The body of a request.

use serde_json::{Map, Value, json};

use super::tools;
use super::turns::turns;
use crate::chat::{Conversation, Effort, Format, Loss, Losses};
use crate::config::{JsonManner, SchemaManner, ThinkingManner};
use crate::provider::dialect::{Recipient, Unsayable, Written};
use crate::provider::wording::{
    JSON_WORDS, described, effort_of, limit, own, schema_words, stops, unsaid, within,
};

/// Texts to stop at.
const STOPS_MAX: usize = 5;
/// Fields of its own that a caller may write in either spelling.
const OWN: [(&str, &str); 5] = [
    ("safety_settings", "safetySettings"),
    ("safetySettings", "safetySettings"),
    ("cached_content", "cachedContent"),
    ("cachedContent", "cachedContent"),
    ("labels", "labels"),
];
/// What `unsaid` need not note: it is said below.
const SAID: [&str; 8] =
    ["temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed", "stop", "n"];

/// Writes a request. `model` is not in the body, see [`super::path`].
///
/// # Errors
/// When nothing of the conversation is left to be said.
pub fn write(chat: &Conversation, to: &Recipient<'_>) -> Result<Written, Unsayable> {
    let mut losses = Losses::default();
    let mut said = turns(chat, to.manner, &mut losses);
    let mut config = sampling(chat, &mut losses);
    config.extend(limit(chat, to, &mut losses).map(|most| field("maxOutputTokens", most)));
    let words = format(chat, to, (&mut config, &mut losses));
    said.system.extend(words.map(|text| json!({"text": text})));
    if let Some(thinking) = thinking(chat, to, &mut losses) {
        config.insert("thinkingConfig".to_owned(), thinking);
    }
    let mut body = Map::new();
    // A request needs a turn; instructions alone are one.
    if said.contents.is_empty() && !said.system.is_empty() {
        losses.add("messages[0].role", Loss::Emulated);
        said.contents.push(json!({"role": "user", "parts": said.system}));
        said.system = Vec::new();
    }
    if said.contents.is_empty() {
        let message = "`messages` has nothing that this provider's dialect can say".to_owned();
        return Err(Unsayable { param: "messages".to_owned(), message });
    }
    body.insert("contents".to_owned(), Value::Array(said.contents));
    if !said.system.is_empty() {
        body.insert("systemInstruction".to_owned(), json!({"parts": said.system}));
    }
    tools::write(chat, &mut body, &mut losses);
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), Value::Object(config));
    }
    for (name, value) in own(chat, &OWN.map(|(name, _)| name), &mut losses) {
        let theirs = OWN.into_iter().find(|(ours, _)| *ours == name);
        body.extend(theirs.map(|(_, theirs)| (theirs.to_owned(), value.clone())));
    }
    Ok(Written { body, losses })
}

fn field(name: &str, value: impl Into<Value>) -> (String, Value) {
    (name.to_owned(), value.into())
}

fn sampling(chat: &Conversation, losses: &mut Losses) -> Map<String, Value> {
    let sampling = &chat.sampling;
    unsaid(sampling, &SAID, losses);
    let mut config = Map::new();
    for (param, name, number, range) in [
        ("temperature", "temperature", &sampling.temperature, 0.0..=2.0),
        ("top_p", "topP", &sampling.top_p, 0.0..=1.0),
        ("presence_penalty", "presencePenalty", &sampling.presence_penalty, -2.0..=2.0),
        ("frequency_penalty", "frequencyPenalty", &sampling.frequency_penalty, -2.0..=2.0),
    ] {
        let fit = number.as_ref().map(|number| within(number, &range, (param, losses)));
        config.extend(fit.map(|fit| field(name, Value::Number(fit))));
    }
    config.extend(sampling.top_k.map(|among| field("topK", among)));
    config.extend(sampling.seed.map(|seed| field("seed", narrow(seed, losses))));
    let choices = sampling.choices.filter(|choices| *choices > 1);
    config.extend(choices.map(|choices| field("candidateCount", choices)));
    let stop = stops(&sampling.stop, STOPS_MAX, losses);
    config.extend(stop.map(|texts| field("stopSequences", json!(texts))));
    config
}

/// Google's seeds have 32 bits. The same long one always becomes the same short one.
fn narrow(seed: i64, losses: &mut Losses) -> i32 {
    i32::try_from(seed).unwrap_or_else(|_| {
        losses.add("seed", Loss::Clamped);
        i32::try_from(seed.rem_euclid(i64::from(i32::MAX))).unwrap_or_default()
    })
}

/// Sets the form of the answer; gives back what the instructions have to say of it.
fn format(
    chat: &Conversation,
    to: &Recipient<'_>,
    (config, losses): (&mut Map<String, Value>, &mut Losses),
) -> Option<String> {
    let mut is_json = false;
    let words = match (&chat.format, described(&chat.format)) {
        (Format::Text, _) => None,
        (Format::Json, _) | (Format::Schema { .. }, None) => match to.manner.json {
            JsonManner::Native | JsonManner::Word => {
                is_json = true;
                None
            }
            JsonManner::Words => Some(JSON_WORDS.to_owned()),
        },
        (Format::Schema { .. }, Some(schema)) => match to.manner.schema {
            SchemaManner::Native => {
                is_json = true;
                config.insert("responseJsonSchema".to_owned(), schema);
                None
            }
            SchemaManner::Object => {
                is_json = true;
                Some(schema_words(&schema))
            }
            SchemaManner::Tool | SchemaManner::Words => Some(schema_words(&schema)),
        },
    };
    if is_json {
        config.extend([field("responseMimeType", "application/json")]);
    }
    if words.is_some() {
        losses.add("response_format", Loss::Emulated);
    }
    words
}

/// By a word for models that know levels, by tokens for earlier ones; never by both, which is refused.
fn thinking(chat: &Conversation, to: &Recipient<'_>, losses: &mut Losses) -> Option<Value> {
    let asked = chat.thinking;
    let by_tokens = to.manner.thinking == ThinkingManner::Budget;
    if !by_tokens && to.manner.thinking != ThinkingManner::Effort {
        for (name, is_set) in [
            ("reasoning_effort", asked.effort.is_some()),
            ("thinking_budget", asked.budget_tokens.is_some()),
        ] {
            if is_set {
                losses.add(name, Loss::Dropped);
            }
        }
        return None;
    }
    if by_tokens {
        let tokens = asked.budget_tokens.or_else(|| asked.effort.map(|e| budget(e, losses)))?;
        return Some(json!({"thinkingBudget": tokens, "includeThoughts": tokens > 0}));
    }
    if asked.budget_tokens.is_some() {
        let loss = if asked.effort.is_some() { Loss::Dropped } else { Loss::Emulated };
        losses.add("thinking_budget", loss);
    }
    let effort = asked.effort.or_else(|| asked.budget_tokens.map(effort_of))?;
    let level = level(effort, losses);
    Some(json!({"thinkingLevel": level, "includeThoughts": effort != Effort::None}))
}

/// The levels that there are; nobody can tell these models not to think at all.
fn level(effort: Effort, losses: &mut Losses) -> &'static str {
    if matches!(effort, Effort::None | Effort::ExtraHigh | Effort::Max) {
        losses.add("reasoning_effort", Loss::Clamped);
    }
    match effort {
        Effort::None | Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::ExtraHigh | Effort::Max => "HIGH",
    }
}

/// The numbers by which Google's own OpenAI-compatible interface reads the words.
fn budget(effort: Effort, losses: &mut Losses) -> u64 {
    if matches!(effort, Effort::ExtraHigh | Effort::Max) {
        losses.add("reasoning_effort", Loss::Clamped);
    }
    match effort {
        Effort::None => 0,
        Effort::Minimal | Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High | Effort::ExtraHigh | Effort::Max => 24_576,
    }
}
