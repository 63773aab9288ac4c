//! A conversation as a request for a response. Nothing is left in the provider's store.

use serde_json::{Map, Value, json};

use super::items::items;
use crate::chat::{
    Conversation, Format, Loss, Speaker, Takes, Thinking, Tool, ToolChoice, text_of,
};
use crate::provider::dialect::{Recipient, Written};

/// Fewest tokens of an answer that may be asked for.
const TOKENS_MIN: u64 = 16;
/// Fields that have the same name and form here.
const SAME: [&str; 9] = [
    "user",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "moderation",
    "max_tool_calls",
];

/// Writes a request.
pub(in crate::provider) fn write(chat: &Conversation, to: &Recipient<'_>) -> Written {
    let mut written = Written::default();
    let mut set = |name: &str, value: Option<Value>| {
        written.body.extend(value.map(|value| (name.to_owned(), value)));
    };
    set("model", Some(json!(to.model)));
    set("store", Some(json!(false)));
    // What comes first of the application's own words has a field; later ones are items.
    let first = chat.turns.first().filter(|turn| turn.speaker == Speaker::System);
    set("instructions", first.map(|turn| json!(text_of(&turn.parts))));
    let rest = chat.turns.get(usize::from(first.is_some())..).unwrap_or_default();
    set("max_output_tokens", chat.max_tokens.map(|most| json!(most.max(TOKENS_MIN))));
    set("temperature", chat.sampling.temperature.clone().map(Value::Number));
    set("top_p", chat.sampling.top_p.clone().map(Value::Number));
    set("top_logprobs", chat.sampling.top_logprobs.map(Value::from));
    set("tools", (!chat.tools.is_empty()).then(|| chat.tools.iter().map(tool).collect()));
    set("tool_choice", chat.tool_choice.as_ref().map(choice));
    set("parallel_tool_calls", chat.parallel_tools.map(Value::Bool));
    set("text", text(chat));
    let budget = chat.thinking.budget_tokens;
    let effort = chat.thinking.effort.or_else(|| budget.map(Thinking::effort_of));
    set("reasoning", effort.map(|effort| json!({"effort": effort.label()})));
    set("stream", chat.stream.then_some(Value::Bool(true)));
    let wants_logprobs = chat.sampling.logprobs == Some(true);
    set("include", wants_logprobs.then(|| json!(["message.output_text.logprobs"])));
    for (name, value) in chat.others.iter().filter(|(name, _)| SAME.contains(&name.as_str())) {
        set(name, Some(value.clone()));
    }
    let input = items(rest, &mut written.losses);
    written.body.insert("input".to_owned(), Value::Array(input));
    lost(chat, &mut written);
    written
}

/// What this dialect has no field for.
fn lost(chat: &Conversation, written: &mut Written) {
    let sampling = &chat.sampling;
    let fields = [
        ("stop", !sampling.stop.is_empty()),
        ("n", sampling.choices.is_some_and(|choices| choices > 1)),
        ("seed", sampling.seed.is_some()),
        ("top_k", sampling.top_k.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
    ];
    let fields = fields.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name);
    let others = chat.others.iter().map(|(name, _)| name.as_str());
    let others =
        others.filter(|name| !SAME.contains(name) && *name != "verbosity" && *name != "store");
    for name in fields.chain(others) {
        written.losses.add(name, Loss::Dropped);
    }
    if chat.thinking.budget_tokens.is_some() && chat.thinking.effort.is_none() {
        written.losses.add("thinking_budget", Loss::Emulated);
    }
    if chat.max_tokens.is_some_and(|most| most < TOKENS_MIN) {
        written.losses.add("max_tokens", Loss::Clamped);
    }
}

fn tool(tool: &Tool) -> Value {
    let mut written = Map::new();
    written.insert("name".to_owned(), json!(tool.name));
    if let Some(description) = &tool.description {
        written.insert("description".to_owned(), json!(description));
    }
    match &tool.takes {
        Takes::Object { schema, strict } => {
            let open = || json!({"type": "object", "properties": {}});
            written.insert("type".to_owned(), json!("function"));
            written.insert("parameters".to_owned(), schema.clone().unwrap_or_else(open));
            // Here a tool is strict unless it says otherwise.
            written.insert("strict".to_owned(), json!(strict.unwrap_or(false)));
        }
        Takes::Text(format) => {
            written.insert("type".to_owned(), json!("custom"));
            written.extend(format.clone().map(|format| ("format".to_owned(), format)));
        }
        Takes::Hosted(whole) => return whole.clone(),
    }
    Value::Object(written)
}

fn choice(choice: &ToolChoice) -> Value {
    let function = |name: &String| json!({"type": "function", "name": name});
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => function(name),
        ToolChoice::Among { names, required } => {
            let mode = if *required { "required" } else { "auto" };
            let tools: Vec<Value> = names.iter().map(function).collect();
            json!({"type": "allowed_tools", "mode": mode, "tools": tools})
        }
    }
}

fn text(chat: &Conversation) -> Option<Value> {
    let format = match &chat.format {
        Format::Text => None,
        Format::Json => Some(json!({"type": "json_object"})),
        Format::Schema { name, description, schema, strict } => {
            let mut format = json!({"type": "json_schema", "name": name, "schema": schema});
            if let Some(description) = description {
                format["description"] = json!(description);
            }
            if let Some(strict) = strict {
                format["strict"] = json!(strict);
            }
            Some(format)
        }
    };
    let verbosity = chat.others.iter().find(|(name, _)| name == "verbosity");
    let mut text = Map::new();
    text.extend(format.map(|format| ("format".to_owned(), format)));
    text.extend(verbosity.cloned());
    (!text.is_empty()).then_some(Value::Object(text))
}
