//! OpenAI's completions, of before there were chats: a text to go on with. Any model that chats answers it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::About;
use crate::chat::{
    Answer, BadRequest, ChatRequest, Conversation, Event, Fields, Finish, Part, Speaker, Surface,
    Turn, Usage, model, text_of,
};

/// Tokens of an answer where the caller sets no limit: this surface's own default.
const TOKENS: u64 = 16;

/// Reads a body.
///
/// # Errors
/// The first thing that is wrong, naming the field.
pub fn parse(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let fields = Fields::read(body)?;
    let model = model(&fields)?;
    let mut read = Conversation { max_tokens: Some(TOKENS), ..Conversation::default() };
    for (name, written) in fields.iter().filter(|(_, written)| *written != "null") {
        let value: Value = serde_json::from_str(written)
            .map_err(|error| wrong(name, format!("`{name}` is not JSON: {error}")))?;
        let sampling = &mut read.sampling;
        match name {
            "model" | "stream_options" => {}
            "prompt" => read.turns = vec![prompt(&value)?],
            "stream" => read.stream = value == Value::Bool(true),
            "max_tokens" => read.max_tokens = value.as_u64(),
            "temperature" => sampling.temperature = value.as_number().cloned(),
            "top_p" => sampling.top_p = value.as_number().cloned(),
            "presence_penalty" => sampling.presence_penalty = value.as_number().cloned(),
            "frequency_penalty" => sampling.frequency_penalty = value.as_number().cloned(),
            "seed" => sampling.seed = value.as_i64(),
            "n" => sampling.choices = value.as_u64().and_then(|n| u32::try_from(n).ok()),
            "stop" => {
                let texts = value.as_array().map_or_else(|| vec![value.clone()], Clone::clone);
                let texts = texts.iter().filter_map(Value::as_str).map(str::to_owned);
                sampling.stop = texts.collect();
            }
            "echo" if value == Value::Bool(false) => {}
            "echo" | "suffix" | "best_of" | "logprobs" => {
                let message = format!("`{name}` cannot be had of models that chat; leave it out");
                return Err(wrong(name, message));
            }
            _ => read.others.push((name.to_owned(), value)),
        }
    }
    if read.turns.is_empty() {
        let message = "`prompt` is missing; write a text".to_owned();
        return Err(BadRequest { code: "missing_required_parameter", ..wrong("prompt", message) });
    }
    Ok(ChatRequest::new(Surface::Completions, (model, fields), read))
}

/// One text; a list of one counts as one.
fn prompt(value: &Value) -> Result<Turn, BadRequest> {
    let text = match value {
        Value::String(text) => Some(text),
        Value::Array(texts) => match texts.as_slice() {
            [Value::String(text)] => Some(text),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    let text = text.filter(|text| !text.is_empty());
    let wanted =
        || "`prompt` is not one text; send one request for each, as text and not as tokens";
    let text = text.ok_or_else(|| wrong("prompt", wanted().to_owned()))?;
    Ok(Turn::new(Speaker::User, vec![Part::Text(text.clone())]))
}

fn wrong(param: &str, message: String) -> BadRequest {
    BadRequest { message, param: Some(param.to_owned()), code: "invalid_value" }
}

/// A whole answer.
#[must_use]
pub fn whole(answer: &Answer, about: &About) -> Value {
    let choices = answer.choices.iter().enumerate().map(|(index, choice)| {
        let finish = choice.finish.unwrap_or(Finish::Stop);
        piece(index, &text_of(&choice.parts), Some(finish))
    });
    let mut written = head(about, &choices.collect::<Vec<Value>>());
    written["id"] = json!(answer.id.as_ref().unwrap_or(&about.id));
    written["model"] = json!(answer.model.as_ref().unwrap_or(&about.model));
    if let Some(counts) = &answer.usage {
        written["usage"] = super::chat::usage(counts);
    }
    written
}

fn head(about: &About, choices: &[Value]) -> Value {
    json!({
        "id": about.id,
        "object": "text_completion",
        "created": about.created,
        "model": about.model,
        "choices": choices,
    })
}

fn piece(index: usize, text: &str, finish: Option<Finish>) -> Value {
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish.map(Finish::label)})
}

/// Writes pieces as they come.
#[derive(Debug)]
pub struct Writer {
    about: About,
    wants_usage: bool,
    usage: Option<Usage>,
}

impl Writer {
    pub(super) fn new(about: About, chat: &ChatRequest) -> Self {
        let options =
            chat.written(Surface::Completions).and_then(|fields| fields.get("stream_options"));
        let options = options.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let wants_usage = options.is_some_and(|options| options["include_usage"] == json!(true));
        Self { about, wants_usage, usage: None }
    }

    pub(super) fn events(&mut self, events: &[Event], out: &mut String) {
        for event in events {
            match event {
                Event::Start { id, model } => {
                    self.about.id = id.clone().unwrap_or_else(|| self.about.id.clone());
                    self.about.model = model.clone().unwrap_or_else(|| self.about.model.clone());
                }
                Event::Text { choice, text } | Event::Refusal { choice, text } => {
                    self.send((*choice, text, None), out);
                }
                Event::Finish { choice, reason } => self.send((*choice, "", Some(*reason)), out),
                Event::Usage(counts) => self.usage = Some(*counts),
                // A text has no place for thoughts and calls.
                Event::Reasoning { .. }
                | Event::Sealed { .. }
                | Event::ToolStart { .. }
                | Event::ToolArguments { .. } => {}
            }
        }
    }

    pub(super) fn end(&mut self, out: &mut String) {
        if let Some(counts) = self.usage.take().filter(|_| self.wants_usage) {
            let mut last = head(&self.about, &[]);
            last["usage"] = super::chat::usage(&counts);
            let _written = write!(out, "data: {last}\n\n");
        }
        out.push_str("data: [DONE]\n\n");
    }

    pub(super) fn broken(&mut self, message: &str, out: &mut String) {
        let error = json!({"message": message, "type": "upstream_error", "param": null, "code": "stream_interrupted"});
        let mut last = head(&self.about, &[]);
        last["error"] = error;
        let _written = write!(out, "data: {last}\n\n");
    }

    fn send(&self, (choice, text, finish): (u32, &str, Option<Finish>), out: &mut String) {
        let choice = usize::try_from(choice).unwrap_or_default();
        let event = head(&self.about, &[piece(choice, text, finish)]);
        // Writing to a string cannot fail.
        let _written = write!(out, "data: {event}\n\n");
    }
}
