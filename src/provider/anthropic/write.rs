//! A request.

use serde_json::{Map, Number, Value, json};

use super::{format, others, thinking, tools, turns};
use crate::chat::{Conversation, Loss, Losses, Sampling};
use crate::provider::dialect::{Recipient, Unsayable, Written};

/// Tokens of an answer where neither the caller nor the catalogue says: the most that every model of this dialect can write.
const USUAL_TOKENS: u64 = 4_096;
/// Marks for a provider's cache that one request may have.
const CACHE_POINTS_MAX: usize = 4;

/// What is written so far.
pub(super) struct Draft<'a> {
    pub(super) to: Recipient<'a>,
    pub(super) body: Map<String, Value>,
    /// Blocks of `system`.
    pub(super) system: Vec<Value>,
    pub(super) losses: Losses,
}

impl Draft<'_> {
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.body.insert(name.to_owned(), value);
    }

    /// Adds a key to an object that several fields share.
    pub(super) fn set_in(&mut self, object: &str, key: &str, value: Value) {
        let fields = self.body.entry(object).or_insert_with(|| json!({}));
        if let Some(fields) = fields.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
    }

    pub(super) fn lose(&mut self, param: &str, loss: Loss) {
        self.losses.add(param, loss);
    }
}

/// Writes a request. `model` is the provider's own name.
///
/// # Errors
/// When nothing is left to be said.
pub(in crate::provider) fn write(
    conversation: &Conversation,
    to: &Recipient<'_>,
) -> Result<Written, Unsayable> {
    let mut draft =
        Draft { to: *to, body: Map::new(), system: Vec::new(), losses: Losses::default() };
    draft.set("model", json!(to.model));
    if conversation.stream {
        draft.set("stream", json!(true));
    }
    let messages = turns::write(&mut draft, &conversation.turns);
    if messages.is_empty() {
        let message = "`messages` says nothing that this provider can be told".to_owned();
        return Err(Unsayable { param: "messages".to_owned(), message });
    }
    max_tokens(&mut draft, conversation.max_tokens);
    let forced = tools::write(&mut draft, conversation, &messages);
    let forced = format::write(&mut draft, conversation, forced);
    let thinks = thinking::write(&mut draft, conversation, (&messages, forced));
    sampling(&mut draft, &conversation.sampling, thinks);
    draft.set("messages", Value::Array(messages));
    if !draft.system.is_empty() {
        let system = std::mem::take(&mut draft.system);
        draft.set("system", Value::Array(system));
    }
    others::write(&mut draft, &conversation.others);
    keep_last_cache_points(&mut draft.body);
    Ok(Written { body: draft.body, losses: draft.losses })
}

fn max_tokens(draft: &mut Draft<'_>, asked: Option<u64>) {
    let most = draft.to.max_output.unwrap_or(u64::MAX);
    let usual = draft.to.default_max_tokens.unwrap_or(USUAL_TOKENS);
    let tokens = asked.unwrap_or(usual);
    if asked.is_some_and(|asked| asked > most) {
        draft.lose("max_completion_tokens", Loss::Clamped);
    }
    draft.set("max_tokens", json!(tokens.min(most)));
}

/// Whether the model thinks, which goes with few other settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinks {
    Yes,
    No,
}

fn sampling(draft: &mut Draft<'_>, asked: &Sampling, thinks: Thinks) {
    let is_one = |number: &Number| number.as_f64() == Some(1.0);
    let thinking = thinks == Thinks::Yes;
    match &asked.temperature {
        None => {}
        // What it is anyway.
        Some(number) if thinking && is_one(number) => {}
        Some(_) if thinking => draft.lose("temperature", Loss::Dropped),
        Some(number) => temperature(draft, number),
    }
    // Newer models refuse to be given both, and all documentation advises against it.
    let is_alone = asked.temperature.is_none() && !thinking;
    match &asked.top_p {
        None => {}
        Some(number) if is_alone => draft.set("top_p", Value::Number(number.clone())),
        Some(number) if is_one(number) => {}
        Some(_) => draft.lose("top_p", Loss::Dropped),
    }
    match asked.top_k {
        None => {}
        Some(_) if thinking => draft.lose("top_k", Loss::Dropped),
        Some(top_k) => draft.set("top_k", json!(top_k)),
    }
    stop(draft, &asked.stop);
    let is_heard = |number: &Option<Number>| {
        number.as_ref().and_then(Number::as_f64).is_some_and(|number| number.abs() > 0.0)
    };
    for (name, is_lost) in [
        ("presence_penalty", is_heard(&asked.presence_penalty)),
        ("frequency_penalty", is_heard(&asked.frequency_penalty)),
        ("seed", asked.seed.is_some()),
        ("n", asked.choices.is_some_and(|choices| choices > 1)),
        ("logprobs", asked.logprobs == Some(true)),
        ("top_logprobs", asked.top_logprobs.is_some_and(|others| others > 0)),
    ] {
        if is_lost {
            draft.lose(name, Loss::Dropped);
        }
    }
}

fn temperature(draft: &mut Draft<'_>, asked: &Number) {
    let value = asked.as_f64().unwrap_or(1.0);
    if (0.0..=1.0).contains(&value) {
        draft.set("temperature", Value::Number(asked.clone()));
        return;
    }
    draft.lose("temperature", Loss::Clamped);
    draft.set("temperature", if value > 1.0 { json!(1) } else { json!(0) });
}

/// A text of spaces alone is refused.
fn stop(draft: &mut Draft<'_>, asked: &[String]) {
    let said: Vec<&String> = asked.iter().filter(|text| !text.trim().is_empty()).collect();
    if said.len() < asked.len() {
        draft.lose("stop", Loss::Dropped);
    }
    if !said.is_empty() {
        let said = json!(said);
        draft.set("stop_sequences", said);
    }
}

/// More marks are refused. The last ones cover what the others do.
fn keep_last_cache_points(body: &mut Map<String, Value>) {
    let too_many = marked(body).len().saturating_sub(CACHE_POINTS_MAX);
    for block in marked(body).into_iter().take(too_many) {
        block.remove("cache_control");
    }
}

/// In the order in which they are read.
fn marked(body: &mut Map<String, Value>) -> Vec<&mut Map<String, Value>> {
    let mut lists: Vec<(u8, &mut Vec<Value>)> = Vec::new();
    for (name, value) in body.iter_mut() {
        let place = match name.as_str() {
            "tools" => 0,
            "system" => 1,
            "messages" => 2,
            _ => continue,
        };
        let Some(list) = value.as_array_mut() else { continue };
        if place < 2 {
            lists.push((place, list));
            continue;
        }
        let contents = list.iter_mut().filter_map(|turn| turn.get_mut("content")?.as_array_mut());
        lists.extend(contents.map(|content| (place, content)));
    }
    lists.sort_by_key(|(place, _)| *place);
    let blocks = lists.into_iter().flat_map(|(_, list)| list);
    let blocks = blocks.filter_map(Value::as_object_mut);
    blocks.filter(|block| block.contains_key("cache_control")).collect()
}
