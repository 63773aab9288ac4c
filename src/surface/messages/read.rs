//! A request as every dialect can say it.
//!
//! What cannot be understood is refused by its place in this surface's words, such as `messages.0.content`; what is understood but
//! known to nobody else stays in `others`. Three things are said in another way than they were written: `metadata.user_id` is OpenAI's
//! `user`; `service_tier: standard_only` is OpenAI's `default`; `adaptive` thinking without an effort is a high one, the vendor's own
//! default.

use serde_json::{Value, json};

use super::blocks;
use super::fields::{number, text, whole, wrong};
use super::tools;
use crate::chat::{
    BadRequest, Conversation, Effort, Fields, Format, Speaker, Thinking, Turn, model,
};

/// Most messages of one conversation.
const MESSAGES_MAX: usize = 10_000;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An answer, for which `max_tokens` has to be said.
    Answer,
    /// Its tokens are to be counted.
    Count,
}

/// Reads a body's fields: the model, and the conversation with its wish to be streamed.
///
/// # Errors
/// The first thing that is wrong, naming the field.
pub fn read(fields: &Fields, purpose: Purpose) -> Result<(String, Conversation), BadRequest> {
    let model = model(fields)?;
    let mut chat = Conversation::default();
    let mut effort = None;
    let mut system = None;
    for (name, written) in Fields::iter(fields).filter(|(_, written)| *written != "null") {
        let value: Value = serde_json::from_str(written)
            .map_err(|error| wrong(name, &format!("Input should be valid JSON: {error}")))?;
        match name {
            "model" => {}
            "messages" => chat.turns = messages(&value)?,
            "system" => system = Some(blocks::content(&value, "system")?),
            "max_tokens" => chat.max_tokens = Some(whole(&value, name)?),
            "stream" => chat.stream = flag(&value, name)?,
            "temperature" => chat.sampling.temperature = Some(number(&value, name)?),
            "top_p" => chat.sampling.top_p = Some(number(&value, name)?),
            "top_k" => chat.sampling.top_k = Some(whole(&value, name)?),
            "stop_sequences" => chat.sampling.stop = stop(&value)?,
            "tools" => chat.tools = tools::tools(&value)?,
            "tool_choice" => tools::choice(&mut chat, &value)?,
            "thinking" => thinking(&mut chat, &value, &mut effort)?,
            "output_config" => output_config(&mut chat, &value, &mut effort)?,
            "output_format" => chat.format = format(&value, name)?,
            "metadata" => metadata(&mut chat, &value),
            "service_tier" if value == json!("standard_only") => {
                chat.others.push((name.to_owned(), json!("default")));
            }
            _ => chat.others.push((name.to_owned(), value)),
        }
    }
    // Whoever switches thinking off or counts its tokens has said more than an effort does.
    if chat.thinking == Thinking::default() {
        chat.thinking.effort = effort;
    }
    if let Some(parts) = system.filter(|parts| !parts.is_empty()) {
        chat.turns.insert(0, Turn::new(Speaker::System, parts));
    }
    required(fields, purpose)?;
    Ok((model, chat))
}

fn required(fields: &Fields, purpose: Purpose) -> Result<(), BadRequest> {
    let names: &[&str] = match purpose {
        Purpose::Answer => &["max_tokens", "messages"],
        Purpose::Count => &["messages"],
    };
    match names.iter().find(|name| fields.get(name).is_none()) {
        Some(name) => Err(wrong(name, "Field required")),
        None => Ok(()),
    }
}

fn messages(written: &Value) -> Result<Vec<Turn>, BadRequest> {
    let list = written.as_array();
    let list = list.ok_or_else(|| wrong("messages", "Input should be a valid list"))?;
    if list.is_empty() {
        return Err(wrong("messages", "at least one message is required"));
    }
    if list.len() > MESSAGES_MAX {
        return Err(wrong("messages", &format!("at most {MESSAGES_MAX} messages are allowed")));
    }
    list.iter().enumerate().map(|(at, message)| turn(message, &format!("messages.{at}"))).collect()
}

fn turn(message: &Value, here: &str) -> Result<Turn, BadRequest> {
    let role = format!("{here}.role");
    let speaker = match text(message, "role") {
        Some("user") => Speaker::User,
        Some("assistant") => Speaker::Assistant,
        // Newer models take instructions in the middle of a conversation.
        Some("system") => Speaker::System,
        Some(_) => return Err(wrong(&role, "Input should be 'user' or 'assistant'")),
        None => return Err(wrong(&role, "Field required")),
    };
    let place = format!("{here}.content");
    let content = message.get("content").filter(|content| !content.is_null());
    let content = content.ok_or_else(|| wrong(&place, "Field required"))?;
    Ok(Turn::new(speaker, blocks::content(content, &place)?))
}

fn flag(value: &Value, name: &str) -> Result<bool, BadRequest> {
    value.as_bool().ok_or_else(|| wrong(name, "Input should be a valid boolean"))
}

fn stop(value: &Value) -> Result<Vec<String>, BadRequest> {
    let texts = value.as_array().map(|list| list.iter().map(Value::as_str));
    let texts = texts.and_then(Iterator::collect::<Option<Vec<&str>>>);
    let texts =
        texts.ok_or_else(|| wrong("stop_sequences", "Input should be a list of strings"))?;
    Ok(texts.into_iter().map(str::to_owned).collect())
}

fn thinking(
    chat: &mut Conversation,
    value: &Value,
    effort: &mut Option<Effort>,
) -> Result<(), BadRequest> {
    match text(value, "type") {
        Some("enabled") => {
            let place = "thinking.budget_tokens";
            let tokens =
                value.get("budget_tokens").ok_or_else(|| wrong(place, "Field required"))?;
            chat.thinking.budget_tokens = Some(whole(tokens, place)?);
        }
        Some("disabled") => chat.thinking.effort = Some(Effort::None),
        Some("adaptive") => {
            effort.get_or_insert(Effort::High);
        }
        Some(_) | None => {
            let known = "Input should be 'enabled', 'disabled' or 'adaptive'";
            return Err(wrong("thinking.type", known));
        }
    }
    if let Some(display) = value.get("display") {
        chat.others.push(("thinking".to_owned(), json!({"display": display})));
    }
    Ok(())
}

/// What is known to others is taken out, and the rest is kept.
fn output_config(
    chat: &mut Conversation,
    value: &Value,
    effort: &mut Option<Effort>,
) -> Result<(), BadRequest> {
    let mut rest = value.as_object().cloned();
    let rest = rest.get_or_insert_default();
    if let Some(asked) = rest.remove("effort").filter(|asked| !asked.is_null()) {
        let known = asked.as_str().and_then(Effort::of);
        let place = "output_config.effort";
        let reason = "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'";
        *effort = Some(known.ok_or_else(|| wrong(place, reason))?);
    }
    if let Some(asked) = rest.remove("format").filter(|asked| !asked.is_null()) {
        chat.format = format(&asked, "output_config.format")?;
    }
    if !rest.is_empty() {
        let rest = Value::Object(std::mem::take(rest));
        chat.others.push(("output_config".to_owned(), rest));
    }
    Ok(())
}

fn format(value: &Value, here: &str) -> Result<Format, BadRequest> {
    if text(value, "type") != Some("json_schema") {
        return Err(wrong(&format!("{here}.type"), "Input should be 'json_schema'"));
    }
    let schema = value.get("schema").filter(|schema| schema.is_object());
    let schema = schema.ok_or_else(|| wrong(&format!("{here}.schema"), "Field required"))?;
    Ok(Format::Schema {
        name: "answer".to_owned(),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    })
}

fn metadata(chat: &mut Conversation, value: &Value) {
    let mut rest = value.as_object().cloned();
    let rest = rest.get_or_insert_default();
    if let Some(user) = rest.remove("user_id").filter(|user| !user.is_null()) {
        chat.others.push(("user".to_owned(), user));
    }
    if !rest.is_empty() {
        chat.others.push(("metadata".to_owned(), Value::Object(std::mem::take(rest))));
    }
}
