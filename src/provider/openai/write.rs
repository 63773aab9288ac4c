//! A conversation as OpenAI's chat JSON, for callers who speak another dialect.

use serde_json::{Map, Value, json};

use crate::chat::{
    CacheTime, Call, Conversation, Format, Loss, Losses, Media, Part, Reasoning, Returned, Source,
    Speaker, Takes, Tool, ToolChoice, Turn, Vendor,
};
use crate::provider::body::Body;

/// What of other surfaces' fields has the same name and form here.
const SAME: [&str; 15] = [
    "user",
    "metadata",
    "store",
    "service_tier",
    "verbosity",
    "prediction",
    "modalities",
    "audio",
    "web_search_options",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "moderation",
    "logit_bias",
];

/// Every field of a request but the model.
pub(super) fn body(chat: &Conversation, losses: &mut Losses) -> Body<'static> {
    let mut body = Body::default();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.set(name, &value);
        }
    };
    set("messages", Some(chat.turns.iter().flat_map(messages).collect()));
    set("max_completion_tokens", chat.max_tokens.map(Value::from));
    let sampling = &chat.sampling;
    set("temperature", sampling.temperature.clone().map(Value::Number));
    set("top_p", sampling.top_p.clone().map(Value::Number));
    set("top_k", sampling.top_k.map(Value::from));
    set("presence_penalty", sampling.presence_penalty.clone().map(Value::Number));
    set("frequency_penalty", sampling.frequency_penalty.clone().map(Value::Number));
    set("seed", sampling.seed.map(Value::from));
    set("n", sampling.choices.map(Value::from));
    set("logprobs", sampling.logprobs.map(Value::Bool));
    set("top_logprobs", sampling.top_logprobs.map(Value::from));
    set("stop", (!sampling.stop.is_empty()).then(|| json!(sampling.stop)));
    set("tools", (!chat.tools.is_empty()).then(|| chat.tools.iter().map(tool).collect()));
    set("tool_choice", chat.tool_choice.as_ref().map(choice));
    set("parallel_tool_calls", chat.parallel_tools.map(Value::Bool));
    set("response_format", format(&chat.format));
    set("reasoning_effort", chat.thinking.effort.map(|effort| json!(effort.label())));
    set("thinking_budget", chat.thinking.budget_tokens.map(Value::from));
    set("stream", chat.stream.then_some(Value::Bool(true)));
    for (name, value) in &chat.others {
        if SAME.contains(&name.as_str()) {
            set(name, Some(value.clone()));
        } else {
            losses.add(name, Loss::Dropped);
        }
    }
    body
}

/// A turn is one message; the results of tools are one each, before what else the turn says.
fn messages(turn: &Turn) -> Vec<Value> {
    let results = turn.parts.iter().filter_map(|part| match part {
        Part::Returned(result) => Some(returned(result)),
        Part::Text(_)
        | Part::Image(_)
        | Part::Audio(_)
        | Part::File(_)
        | Part::Refusal(_)
        | Part::Reasoning(_)
        | Part::Call(_)
        | Part::CachePoint(_)
        | Part::Other(_) => None,
    });
    let mut messages: Vec<Value> = results.collect();
    let is_said = |part: &&Part| !matches!(part, Part::Returned(_));
    let pictures = turn.parts.iter().flat_map(pictures);
    let said: Vec<&Part> = pictures.chain(turn.parts.iter().filter(is_said)).collect();
    if said.is_empty() && !messages.is_empty() {
        return messages;
    }
    let (role, mut message) = match turn.speaker {
        Speaker::System => ("system", Map::new()),
        Speaker::User => ("user", Map::new()),
        Speaker::Assistant => ("assistant", assistant(&said)),
    };
    message.insert("role".to_owned(), json!(role));
    let content = content(&said);
    let is_silent = content.is_null() && turn.speaker != Speaker::Assistant;
    message.insert("content".to_owned(), if is_silent { json!("") } else { content });
    if let Some(name) = &turn.name {
        message.insert("name".to_owned(), json!(name));
    }
    messages.push(Value::Object(message));
    messages
}

/// Pictures that a tool returned: a message of the role `tool` may only have words, so they follow as the user's.
fn pictures(part: &Part) -> impl Iterator<Item = &Part> {
    let returned = match part {
        Part::Returned(result) => result.parts.as_slice(),
        Part::Text(_)
        | Part::Image(_)
        | Part::Audio(_)
        | Part::File(_)
        | Part::Refusal(_)
        | Part::Reasoning(_)
        | Part::Call(_)
        | Part::CachePoint(_)
        | Part::Other(_) => &[],
    };
    returned.iter().filter(|each| is_media(each))
}

fn is_media(part: &Part) -> bool {
    matches!(part, Part::Image(_) | Part::Audio(_) | Part::File(_))
}

/// What only the model says.
fn assistant(said: &[&Part]) -> Map<String, Value> {
    let mut message = Map::new();
    let (mut calls, mut thoughts, mut blocks) = (Vec::new(), String::new(), Vec::new());
    for part in said {
        match part {
            Part::Call(call) => calls.push(tool_call(call)),
            Part::Reasoning(Reasoning { text, seal }) => {
                thoughts.push_str(text);
                blocks.extend(seal.as_ref().filter(|seal| seal.vendor == Vendor::Anthropic).map(
                    |seal| match seal.is_whole {
                        true => json!({"type": "redacted_thinking", "data": seal.data}),
                        false => {
                            json!({"type": "thinking", "thinking": text, "signature": seal.data})
                        }
                    },
                ));
            }
            Part::Refusal(refusal) => {
                message.insert("refusal".to_owned(), json!(refusal));
            }
            Part::Text(_)
            | Part::Image(_)
            | Part::Audio(_)
            | Part::File(_)
            | Part::Returned(_)
            | Part::CachePoint(_)
            | Part::Other(_) => {}
        }
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    if !thoughts.is_empty() {
        message.insert("reasoning_content".to_owned(), json!(thoughts));
    }
    if !blocks.is_empty() {
        message.insert("thinking_blocks".to_owned(), Value::Array(blocks));
    }
    message
}

/// One text is a string, which every server understands; anything else is a list of parts.
fn content(said: &[&Part]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut is_plain = true;
    for part in said {
        match part {
            Part::Text(text) => parts.push(json!({"type": "text", "text": text})),
            Part::Image(image) => parts.push(self::image(image)),
            Part::Audio(audio) => parts.push(self::audio(audio)),
            Part::File(file) => parts.push(self::file(file)),
            Part::Other(value) => parts.push(value.clone()),
            Part::CachePoint(time) => {
                if let Some(Value::Object(last)) = parts.last_mut() {
                    last.insert("cache_control".to_owned(), cache_control(*time));
                    is_plain = false;
                }
            }
            Part::Refusal(_) | Part::Reasoning(_) | Part::Call(_) | Part::Returned(_) => {}
        }
    }
    match parts.as_slice() {
        [] => Value::Null,
        [only] if is_plain && only["type"] == "text" => only["text"].clone(),
        _ => Value::Array(parts),
    }
}

/// Anthropic's mark, which aggregators pass on; where nobody knows it, it is taken out again.
pub(super) fn cache_control(time: CacheTime) -> Value {
    match time {
        CacheTime::Usual => json!({"type": "ephemeral"}),
        CacheTime::Hour => json!({"type": "ephemeral", "ttl": "1h"}),
    }
}

fn returned(result: &Returned) -> Value {
    let words = result.parts.iter().filter(|part| !is_media(part));
    let content = content(&words.collect::<Vec<&Part>>());
    let content = if content.is_null() { json!("") } else { content };
    json!({"role": "tool", "tool_call_id": result.id, "content": content})
}

fn tool_call(call: &Call) -> Value {
    let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    let function = json!({"name": call.name, "arguments": arguments});
    let mut written = json!({"id": call.id, "type": "function", "function": function});
    if let Some(seal) = call.seal.as_ref().filter(|seal| seal.vendor == Vendor::Google) {
        written["extra_content"] = json!({"google": {"thought_signature": seal.data}});
    }
    written
}

fn image(image: &Media) -> Value {
    let mut inner = json!({"url": image.link("image/png")});
    if let Some(detail) = &image.detail {
        inner["detail"] = json!(detail);
    }
    json!({"type": "image_url", "image_url": inner})
}

fn audio(audio: &Media) -> Value {
    let format = audio.media_type.as_deref().and_then(|kind| kind.split('/').nth(1));
    let data = match &audio.source {
        Source::Inline(text) | Source::Link(text) | Source::Stored(text) => text,
    };
    json!({"type": "input_audio", "input_audio": {"data": data, "format": format.unwrap_or("wav")}})
}

fn file(file: &Media) -> Value {
    let mut inner = match &file.source {
        Source::Stored(id) => json!({"file_id": id}),
        Source::Inline(_) | Source::Link(_) => {
            json!({"file_data": file.link("application/pdf")})
        }
    };
    if let Some(name) = &file.name {
        inner["filename"] = json!(name);
    }
    json!({"type": "file", "file": inner})
}

fn tool(tool: &Tool) -> Value {
    let mut inner = json!({"name": tool.name});
    if let Some(description) = &tool.description {
        inner["description"] = json!(description);
    }
    let mut written = match &tool.takes {
        Takes::Object { schema, strict } => {
            let open = || json!({"type": "object", "properties": {}});
            inner["parameters"] = schema.clone().unwrap_or_else(open);
            if let Some(strict) = strict {
                inner["strict"] = json!(strict);
            }
            json!({"type": "function", "function": inner})
        }
        Takes::Text(format) => {
            if let Some(format) = format {
                inner["format"] = format.clone();
            }
            json!({"type": "custom", "custom": inner})
        }
        Takes::Hosted(whole) => whole.clone(),
    };
    if let (Some(time), Some(fields)) = (tool.cache, written.as_object_mut()) {
        fields.insert("cache_control".to_owned(), cache_control(time));
    }
    written
}

fn choice(choice: &ToolChoice) -> Value {
    let function = |name: &String| json!({"type": "function", "function": {"name": name}});
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => function(name),
        ToolChoice::Among { names, required } => {
            let mode = if *required { "required" } else { "auto" };
            let tools: Vec<Value> = names.iter().map(function).collect();
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
        }
    }
}

fn format(format: &Format) -> Option<Value> {
    match format {
        Format::Text => None,
        Format::Json => Some(json!({"type": "json_object"})),
        Format::Schema { name, description, schema, strict } => {
            let mut inner = json!({"name": name, "schema": schema});
            if let Some(description) = description {
                inner["description"] = json!(description);
            }
            if let Some(strict) = strict {
                inner["strict"] = json!(strict);
            }
            Some(json!({"type": "json_schema", "json_schema": inner}))
        }
    }
}
