//! Tools, and the choice among them.

use serde_json::{Map, Value, json};

use crate::chat::{Conversation, Loss, Losses, Takes, Tool, ToolChoice};

/// Tools that Google runs itself, as a caller may write them.
const HOSTED: [&str; 5] =
    ["googleSearch", "googleMaps", "codeExecution", "urlContext", "enterpriseWebSearch"];

/// Writes tools and the choice among them into a body.
pub(super) fn write(chat: &Conversation, body: &mut Map<String, Value>, losses: &mut Losses) {
    if chat.parallel_tools == Some(false) && !chat.tools.is_empty() {
        losses.add("parallel_tool_calls", Loss::Dropped);
    }
    let (mut functions, mut hosted) = (Vec::new(), Vec::new());
    for (at, tool) in chat.tools.iter().enumerate() {
        match &tool.takes {
            Takes::Object { schema, strict } => {
                if *strict == Some(true) {
                    losses.add(&format!("tools[{at}].function.strict"), Loss::Emulated);
                }
                functions.push((tool.name.as_str(), function(tool, schema.as_ref())));
            }
            Takes::Text(_) => {
                losses.add(&format!("tools[{at}]"), Loss::Emulated);
                functions.push((tool.name.as_str(), function(tool, Some(&input()))));
            }
            Takes::Hosted(whole) => match of_google(whole) {
                Some(theirs) => hosted.push(theirs),
                None => losses.add(&format!("tools[{at}]"), Loss::Dropped),
            },
        }
    }
    let choice = chat.tool_choice.as_ref();
    // There is no field for "some of them, if any": then the others are not offered.
    if let Some(ToolChoice::Among { names, required: false }) = choice {
        functions.retain(|(name, _)| names.iter().any(|kept| kept == name));
    }
    let has_functions = !functions.is_empty();
    let declared: Vec<Value> = functions.into_iter().map(|(_, written)| written).collect();
    let declared = has_functions.then(|| json!({"functionDeclarations": declared}));
    let tools: Vec<Value> = declared.into_iter().chain(hosted).collect();
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    match choice.map(mode) {
        Some(config) if has_functions => {
            body.insert("toolConfig".to_owned(), json!({"functionCallingConfig": config}));
        }
        Some(_) if matches!(choice, Some(ToolChoice::Required | ToolChoice::Named(_))) => {
            losses.add("tool_choice", Loss::Dropped);
        }
        Some(_) | None => {}
    }
}

fn function(tool: &Tool, schema: Option<&Value>) -> Value {
    let mut written = json!({"name": tool.name});
    if let Some(description) = &tool.description {
        written["description"] = json!(description);
    }
    if let Some(schema) = schema {
        written["parametersJsonSchema"] = schema.clone();
    }
    written
}

/// What a tool of free text takes instead; calls in a history are written alike, see [`crate::chat::Call::object`].
fn input() -> Value {
    json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]})
}

fn of_google(whole: &Value) -> Option<Value> {
    let fields = whole.as_object()?.iter();
    let known = fields.filter(|(name, _)| HOSTED.contains(&name.as_str()));
    let known: Map<String, Value> =
        known.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!known.is_empty()).then_some(Value::Object(known))
}

fn mode(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto | ToolChoice::Among { required: false, .. } => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
        ToolChoice::Among { names, required: true } => {
            json!({"mode": "ANY", "allowedFunctionNames": names})
        }
    }
}
