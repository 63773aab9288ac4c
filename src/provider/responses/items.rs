//! Turns to the items of an input.

use serde_json::{Value, json};

use crate::chat::{Loss, Losses, Media, Part, Reasoning, Returned, Source, Speaker, Turn, Vendor};

pub(super) fn items(turns: &[Turn], losses: &mut Losses) -> Vec<Value> {
    let mut items = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        let mut content = Vec::new();
        for (place, part) in turn.parts.iter().enumerate() {
            let said = match part {
                Part::Text(text) => Some(words(turn.speaker, text)),
                Part::Refusal(refusal) => Some(json!({"type": "refusal", "refusal": refusal})),
                Part::Image(image) => Some(picture(image)),
                Part::File(file) => Some(document(file)),
                Part::Call(_) | Part::Returned(_) | Part::Reasoning(_) | Part::Other(_) => None,
                Part::CachePoint(_) => continue,
                Part::Audio(_) => {
                    losses.add(&format!("messages[{at}].content[{place}]"), Loss::Dropped);
                    continue;
                }
            };
            match said {
                Some(said) => content.push(said),
                None => {
                    flush(&mut items, turn.speaker, &mut content);
                    items.extend(item(part));
                }
            }
        }
        flush(&mut items, turn.speaker, &mut content);
    }
    items
}

fn flush(items: &mut Vec<Value>, speaker: Speaker, content: &mut Vec<Value>) {
    if !content.is_empty() {
        let role = match speaker {
            Speaker::System => "developer",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        let content = std::mem::take(content);
        items.push(json!({"type": "message", "role": role, "content": content}));
    }
}

fn words(speaker: Speaker, text: &str) -> Value {
    match speaker {
        Speaker::Assistant => json!({"type": "output_text", "text": text}),
        Speaker::System | Speaker::User => json!({"type": "input_text", "text": text}),
    }
}

/// What stands beside messages.
fn item(part: &Part) -> Option<Value> {
    match part {
        Part::Call(call) => Some(json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": if call.arguments.is_empty() { "{}" } else { &call.arguments },
        })),
        Part::Returned(result) => Some(returned(result)),
        // Thoughts go back only under this vendor's own seal.
        Part::Reasoning(Reasoning { text, seal }) => {
            let seal = seal.as_ref().filter(|seal| seal.vendor == Vendor::OpenAi)?;
            let summary = if text.is_empty() {
                json!([])
            } else {
                json!([{"type": "summary_text", "text": text}])
            };
            Some(json!({"type": "reasoning", "summary": summary, "encrypted_content": seal.data}))
        }
        Part::Other(value) => Some(value.clone()),
        Part::Text(_)
        | Part::Refusal(_)
        | Part::Image(_)
        | Part::File(_)
        | Part::Audio(_)
        | Part::CachePoint(_) => None,
    }
}

fn returned(result: &Returned) -> Value {
    let is_text = |part: &Part| matches!(part, Part::Text(_));
    let output = if result.parts.iter().all(is_text) {
        json!(crate::chat::text_of(&result.parts))
    } else {
        let each = result.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(json!({"type": "input_text", "text": text})),
            Part::Image(image) => Some(picture(image)),
            Part::File(file) => Some(document(file)),
            Part::Audio(_)
            | Part::Refusal(_)
            | Part::Reasoning(_)
            | Part::Call(_)
            | Part::Returned(_)
            | Part::CachePoint(_)
            | Part::Other(_) => None,
        });
        Value::Array(each.collect())
    };
    json!({"type": "function_call_output", "call_id": result.id, "output": output})
}

fn picture(image: &Media) -> Value {
    let detail = image.detail.as_deref().unwrap_or("auto");
    match &image.source {
        Source::Stored(id) => json!({"type": "input_image", "file_id": id, "detail": detail}),
        Source::Inline(_) | Source::Link(_) => {
            json!({"type": "input_image", "image_url": image.link("image/png"), "detail": detail})
        }
    }
}

fn document(file: &Media) -> Value {
    let mut written = match &file.source {
        Source::Stored(id) => json!({"type": "input_file", "file_id": id}),
        Source::Link(link) => json!({"type": "input_file", "file_url": link}),
        Source::Inline(_) => {
            let name = file.name.as_deref().unwrap_or("document.pdf");
            let data = file.link("application/pdf");
            return json!({"type": "input_file", "filename": name, "file_data": data});
        }
    };
    if let Some(name) = &file.name {
        written["filename"] = json!(name);
    }
    written
}
