//! OpenAI's answers as every dialect can say them, for callers who speak another one.

use serde::Deserialize;
use serde_json::Value;

use crate::chat::{Answer, ChunkError, Event, Finish, Refused, Seal, Usage, Vendor};
use crate::provider::dialect::{Frame, Progress};

/// Reads a whole answer.
///
/// # Errors
/// When it is an error, or no answer.
pub(crate) fn answer(json: &str) -> Result<Answer, ChunkError> {
    let mut reading = Reading::default();
    let events = reading.events(json)?;
    let mut answer = Answer::default();
    events.into_iter().for_each(|event| answer.add(event));
    Ok(answer)
}

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Reading {
    has_begun: bool,
    /// Which call of an answer has which place, by answer and the provider's own number.
    slots: Vec<(u32, u32)>,
}

impl Reading {
    /// Reads the next event.
    ///
    /// # Errors
    /// When it is an error, or no piece of an answer.
    pub fn read(&mut self, frame: &Frame) -> Result<Progress, ChunkError> {
        if frame.data.starts_with("[DONE]") {
            return Ok(Progress::Done);
        }
        self.events(&frame.data).map(Progress::Events)
    }

    fn events(&mut self, json: &str) -> Result<Vec<Event>, ChunkError> {
        let wire: Wire = serde_json::from_str(json).map_err(ChunkError::Malformed)?;
        let in_band = || ChunkError::InBand { json: json.to_owned() };
        if wire.error.as_ref().is_some_and(is_said) {
            return Err(in_band());
        }
        let mut events = Vec::new();
        let is_empty = wire.choices.as_ref().is_none_or(Vec::is_empty);
        if !self.has_begun {
            // Azure's first piece names nobody.
            let said = |text: Option<String>| text.filter(|text| !text.is_empty());
            let (id, model) = (said(wire.id), said(wire.model));
            self.has_begun = id.is_some() || model.is_some() || !is_empty;
            if self.has_begun {
                events.push(Event::Start { id, model });
            }
        }
        for choice in wire.choices.unwrap_or_default() {
            let index = choice.index;
            if let Some(said) = choice.delta {
                self.said(&mut events, index, said);
            }
            match choice.finish_reason.as_deref().map(Finish::of) {
                Some(Ok(reason)) => events.push(Event::Finish { choice: index, reason }),
                Some(Err(Refused)) => return Err(in_band()),
                None => {}
            }
        }
        let usage = wire.usage.and_then(|usage| Usage::parse(&usage.to_string()));
        events.extend(usage.map(Event::Usage));
        Ok(events)
    }

    fn said(&mut self, events: &mut Vec<Event>, choice: u32, said: Said) {
        let thought = said.reasoning_content.or(said.reasoning);
        for text in thought.into_iter().filter(|text| !text.is_empty()) {
            events.push(Event::Reasoning { choice, text });
        }
        for block in said.thinking_blocks.into_iter().flatten() {
            events.extend(sealed(choice, &block));
        }
        match said.content {
            Some(Value::String(text)) if !text.is_empty() => {
                events.push(Event::Text { choice, text });
            }
            // Mistral's models that think answer in a list.
            Some(Value::Array(parts)) => {
                events.extend(parts.iter().filter_map(|part| of_list(choice, part)));
            }
            _ => {}
        }
        for text in said.refusal.into_iter().filter(|text| !text.is_empty()) {
            events.push(Event::Refusal { choice, text });
        }
        for (at, call) in (0..).zip(said.tool_calls.into_iter().flatten()) {
            self.call(events, (choice, call.index.unwrap_or(at)), call);
        }
    }

    fn call(&mut self, events: &mut Vec<Event>, place: (u32, u32), written: ToolCall) {
        let (choice, _) = place;
        let inner = written.function.or(written.custom).unwrap_or_default();
        let before = self.slots.iter().filter(|(other, _)| *other == choice);
        let slot = before.clone().position(|known| *known == place);
        let next = before.count();
        let slot = u32::try_from(slot.unwrap_or(next)).unwrap_or(u32::MAX);
        if !self.slots.contains(&place) {
            self.slots.push(place);
            let seal = written.extra_content.as_ref();
            let seal = seal.and_then(|extra| extra.pointer("/google/thought_signature")?.as_str());
            events.push(Event::ToolStart {
                choice,
                slot,
                id: written.id.unwrap_or_else(|| format!("call_{choice}_{slot}")),
                name: inner.name.unwrap_or_default(),
                seal: seal.map(|data| Seal {
                    vendor: Vendor::Google,
                    is_whole: false,
                    data: data.to_owned(),
                }),
            });
        }
        let fragment = match inner.arguments.or(inner.input) {
            Some(Value::String(text)) => text,
            Some(object @ Value::Object(_)) => object.to_string(),
            _ => String::new(),
        };
        if !fragment.is_empty() {
            events.push(Event::ToolArguments { choice, slot, fragment });
        }
    }
}

fn is_said(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

fn sealed(choice: u32, block: &Value) -> Option<Event> {
    let text = |key: &str| block.get(key).and_then(Value::as_str).map(str::to_owned);
    let (data, is_whole) = match text("data") {
        Some(data) => (data, true),
        None => (text("signature")?, false),
    };
    Some(Event::Sealed { choice, seal: Seal { vendor: Vendor::Anthropic, is_whole, data } })
}

fn of_list(choice: u32, part: &Value) -> Option<Event> {
    let text = |value: &Value| value.get("text").and_then(Value::as_str).map(str::to_owned);
    match part.get("type").and_then(Value::as_str)? {
        "text" => text(part).map(|text| Event::Text { choice, text }),
        "thinking" => {
            let inner = part.get("thinking")?;
            let pieces = inner.as_array().into_iter().flatten().filter_map(text);
            let words = inner.as_str().map_or_else(|| pieces.collect::<String>(), str::to_owned);
            (!words.is_empty()).then_some(Event::Reasoning { choice, text: words })
        }
        _ => None,
    }
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Option<Vec<WireChoice>>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct WireChoice {
    #[serde(default)]
    index: u32,
    #[serde(default, alias = "message")]
    delta: Option<Said>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    thinking_blocks: Option<Vec<Value>>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Called>,
    #[serde(default)]
    custom: Option<Called>,
    #[serde(default)]
    extra_content: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Called {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
    #[serde(default)]
    input: Option<Value>,
}
