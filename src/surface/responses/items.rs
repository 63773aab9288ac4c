//! The items of an input to turns. Calls stand beside messages here; in a conversation they belong to the turn that made them.

use serde_json::Value;

use super::read::wrong;
use crate::chat::{
    BadRequest, Call, Media, Part, Reasoning, Returned, Seal, Source, Speaker, Turn, Vendor,
};

pub(super) fn turns(input: &Value) -> Result<Vec<Turn>, BadRequest> {
    match input {
        Value::String(text) => Ok(vec![Turn::new(Speaker::User, vec![Part::Text(text.clone())])]),
        Value::Array(items) => {
            let mut turns: Vec<Turn> = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                let (speaker, parts) = one(item, &format!("input[{at}]"))?;
                match turns.last_mut() {
                    Some(last) if joins(last, speaker, &parts) => last.parts.extend(parts),
                    Some(_) | None => turns.push(Turn::new(speaker, parts)),
                }
            }
            Ok(turns)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(wrong("input", "`input` is not a string or a list of items".to_owned()))
        }
    }
}

/// What a model says, thinks and calls in a row is one turn, and so is what its tools return.
fn joins(last: &Turn, speaker: Speaker, parts: &[Part]) -> bool {
    let is_result = |part: &Part| matches!(part, Part::Returned(_));
    last.speaker == speaker
        && match speaker {
            Speaker::Assistant => true,
            Speaker::User => last.parts.iter().all(is_result) && parts.iter().all(is_result),
            Speaker::System => false,
        }
}

fn one(item: &Value, here: &str) -> Result<(Speaker, Vec<Part>), BadRequest> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let need = |key: &str| {
        let param = format!("{here}.{key}");
        text(key).ok_or_else(|| wrong(&param, format!("`{param}` is missing")))
    };
    // A message may leave its type out.
    let kind = text("type").unwrap_or("message");
    Ok(match kind {
        "message" => {
            let role = need("role")?;
            let speaker = match role {
                "system" | "developer" => Speaker::System,
                "user" => Speaker::User,
                "assistant" => Speaker::Assistant,
                _ => {
                    let param = format!("{here}.role");
                    return Err(wrong(&param, format!("`{param}` is `{role}`, which is no role")));
                }
            };
            (speaker, parts(item.get("content"), &format!("{here}.content"))?)
        }
        "function_call" | "custom_tool_call" => {
            let arguments = text("arguments").or_else(|| text("input")).unwrap_or_default();
            let call = Call {
                id: need("call_id")?.to_owned(),
                name: need("name")?.to_owned(),
                arguments: arguments.to_owned(),
                seal: None,
            };
            (Speaker::Assistant, vec![Part::Call(call)])
        }
        "function_call_output" | "custom_tool_call_output" => {
            let parts = parts(item.get("output"), &format!("{here}.output"))?;
            let id = need("call_id")?.to_owned();
            (Speaker::User, vec![Part::Returned(Returned { id, parts, is_error: false })])
        }
        "reasoning" => (Speaker::Assistant, vec![Part::Reasoning(thought(item))]),
        "item_reference" => {
            let message = format!("`{here}` names an item that is kept elsewhere; send it whole");
            return Err(wrong(here, message));
        }
        _ => (Speaker::Assistant, vec![Part::Other(item.clone())]),
    })
}

fn thought(item: &Value) -> Reasoning {
    let summary = item.get("summary").and_then(Value::as_array).into_iter().flatten();
    let texts = summary.filter_map(|part| part.get("text").and_then(Value::as_str));
    let seal = item.get("encrypted_content").and_then(Value::as_str);
    let seal =
        seal.map(|data| Seal { vendor: Vendor::OpenAi, is_whole: false, data: data.to_owned() });
    Reasoning { text: texts.collect::<Vec<&str>>().join("\n"), seal }
}

fn parts(content: Option<&Value>, here: &str) -> Result<Vec<Part>, BadRequest> {
    match content {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text(text.clone())]),
        Some(Value::Array(list)) => {
            let each = list.iter().enumerate();
            each.map(|(at, part)| content_part(part, &format!("{here}[{at}]"))).collect()
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err(wrong(here, format!("`{here}` is not a string or a list of parts")))
        }
    }
}

fn content_part(part: &Value, here: &str) -> Result<Part, BadRequest> {
    let text = |key: &str| part.get(key).and_then(Value::as_str);
    let missing = |key: &str| {
        let param = format!("{here}.{key}");
        wrong(&param, format!("`{param}` is missing"))
    };
    let stored = |key: &str| match text("file_id") {
        Some(id) => {
            let source = Source::Stored(id.to_owned());
            Ok(Media { source, media_type: None, detail: None, name: None })
        }
        None => Err(missing(key)),
    };
    Ok(match text("type").unwrap_or_default() {
        "input_text" | "output_text" | "text" => {
            Part::Text(text("text").ok_or_else(|| missing("text"))?.to_owned())
        }
        "refusal" => Part::Refusal(text("refusal").unwrap_or_default().to_owned()),
        "input_image" => {
            let media = text("image_url").map(Media::of_link);
            let detail = text("detail").map(str::to_owned);
            Part::Image(Media { detail, ..media.map_or_else(|| stored("image_url"), Ok)? })
        }
        "input_file" => {
            let media = text("file_data").or_else(|| text("file_url")).map(Media::of_link);
            let name = text("filename").map(str::to_owned);
            Part::File(Media { name, ..media.map_or_else(|| stored("file_data"), Ok)? })
        }
        "" => return Err(missing("type")),
        _ => Part::Other(part.clone()),
    })
}
