//! Turns to messages. Results of tools are messages of their own, before what else the user says in that turn.

use serde_json::{Value, json};

use crate::chat::{Conversation, Loss, Losses, Media, Part, Source, Speaker, Turn};
use crate::config::{Links, Manner};
use crate::provider::wording::place;

struct Writer<'a> {
    manner: &'a Manner,
    losses: &'a mut Losses,
}

pub(super) fn turns(chat: &Conversation, manner: &Manner, losses: &mut Losses) -> Vec<Value> {
    let mut writer = Writer { manner, losses };
    let turns = chat.turns.iter().enumerate();
    turns.flat_map(|(at, turn)| writer.turn(at, turn)).collect()
}

impl Writer<'_> {
    fn turn(&mut self, at: usize, turn: &Turn) -> Vec<Value> {
        let mut messages = Vec::new();
        let (mut said, mut calls) = (Vec::new(), Vec::new());
        for (here, part) in turn.parts.iter().enumerate() {
            let here = place(at, here);
            match part {
                Part::Call(call) => calls.push(json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.object().to_string()},
                })),
                Part::Returned(result) => {
                    let mut words = Vec::new();
                    for inner in &result.parts {
                        match inner {
                            Part::Text(text) => words.push(text.as_str()),
                            // Its tools return words only: what can be shown is shown by the user.
                            other => said.extend(self.shown(&here, other)),
                        }
                    }
                    let words = words.join("\n");
                    let words = if result.is_error { format!("Error: {words}") } else { words };
                    messages
                        .push(json!({"role": "tool", "tool_call_id": result.id, "content": words}));
                }
                other => said.extend(self.part(&here, other)),
            }
        }
        let role = match turn.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        let mut message = json!({"role": role});
        if !calls.is_empty() {
            message["tool_calls"] = Value::Array(calls);
        } else if said.is_empty() {
            return messages;
        }
        match said.as_slice() {
            [] => {}
            // One text is a string.
            [only] if only["type"] == "text" => message["content"] = only["text"].clone(),
            _ => message["content"] = Value::Array(said),
        }
        messages.push(message);
        messages
    }

    /// What a tool returned beside words.
    fn shown(&mut self, here: &str, part: &Part) -> Option<Value> {
        let written = self.part(here, part);
        if written.is_some() {
            self.losses.add(here, Loss::Emulated);
        }
        written
    }

    fn part(&mut self, here: &str, part: &Part) -> Option<Value> {
        match part {
            Part::Text(text) | Part::Refusal(text) => {
                (!text.is_empty()).then(|| json!({"type": "text", "text": text}))
            }
            Part::Image(image) => self.image(here, image),
            Part::Audio(_) | Part::File(_) | Part::Other(_) => {
                self.losses.add(here, Loss::Dropped);
                None
            }
            // It has no seals, so that thoughts cannot be told from words that somebody made up.
            Part::Reasoning(_) | Part::CachePoint(_) | Part::Call(_) | Part::Returned(_) => None,
        }
    }

    fn image(&mut self, here: &str, image: &Media) -> Option<Value> {
        let url = match &image.source {
            Source::Inline(data) => {
                let kind = image.media_type.as_deref().unwrap_or("image/png");
                format!("data:{kind};base64,{data}")
            }
            Source::Link(link) if self.manner.links == Links::Fetched => link.clone(),
            Source::Link(_) | Source::Stored(_) => {
                self.losses.add(here, Loss::Dropped);
                return None;
            }
        };
        let mut inner = json!({"url": url});
        if let Some(detail) = &image.detail {
            inner["detail"] = json!(detail);
        }
        Some(json!({"type": "image_url", "image_url": inner}))
    }
}
