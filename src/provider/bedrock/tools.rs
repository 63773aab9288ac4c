//! Tools, the choice among them, and the tool that stands in for a schema.

use serde_json::{Value, json};

use super::ANSWER_TOOL;
use super::turns::cache_point;
use crate::chat::{Conversation, Loss, Losses, Part, Takes, Tool, ToolChoice};
use crate::config::{Manner, SchemaManner};

/// Tools on their way into a body.
struct Offered {
    /// With the name that the choice knows each by.
    tools: Vec<(String, Value)>,
    choice: Option<Value>,
}

/// The `toolConfig`. `answer` is the schema of an answer that the model is held to by a tool.
pub(super) fn config(
    chat: &Conversation,
    manner: &Manner,
    answer: Option<&Value>,
    losses: &mut Losses,
) -> Option<Value> {
    if chat.parallel_tools == Some(false) && !chat.tools.is_empty() {
        losses.add("parallel_tool_calls", Loss::Dropped);
    }
    let mut offered = Offered { tools: declared(chat, manner, losses), choice: None };
    choose(chat, &mut offered, losses);
    if let Some(schema) = answer {
        let forced = match offered.tools.is_empty() {
            true => json!({"tool": {"name": ANSWER_TOOL}}),
            false => json!({"any": {}}),
        };
        offered.choice = Some(forced);
        let description = "Gives the answer. Call it instead of answering in words.";
        let spec = json!({"name": ANSWER_TOOL, "description": description, "inputSchema": {"json": schema}});
        offered.tools.push((ANSWER_TOOL.to_owned(), json!({"toolSpec": spec})));
    }
    if offered.tools.is_empty() {
        return None;
    }
    let mut tools: Vec<Value> = offered.tools.into_iter().map(|(_, written)| written).collect();
    let mark = chat.tools.iter().rev().find_map(|tool| tool.cache);
    tools.extend(mark.and_then(|time| cache_point(manner, time)));
    let mut config = json!({"tools": tools});
    if let Some(choice) = offered.choice {
        config["toolChoice"] = choice;
    }
    Some(config)
}

fn declared(chat: &Conversation, manner: &Manner, losses: &mut Losses) -> Vec<(String, Value)> {
    let mut tools = Vec::new();
    for (at, tool) in chat.tools.iter().enumerate() {
        let mut spec = match &tool.takes {
            Takes::Object { schema, .. } => spec(tool, schema.as_ref()),
            Takes::Text(_) => {
                losses.add(&format!("tools[{at}]"), Loss::Emulated);
                let input = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
                spec(tool, Some(&input))
            }
            Takes::Hosted(_) => {
                losses.add(&format!("tools[{at}]"), Loss::Dropped);
                continue;
            }
        };
        if matches!(tool.takes, Takes::Object { strict: Some(true), .. }) {
            // Models that are held to a schema are held to a tool's as well.
            match manner.schema {
                SchemaManner::Native => spec["strict"] = json!(true),
                SchemaManner::Tool | SchemaManner::Object | SchemaManner::Words => {
                    losses.add(&format!("tools[{at}].function.strict"), Loss::Emulated);
                }
            }
        }
        tools.push((tool.name.clone(), json!({"toolSpec": spec})));
    }
    // Calls in a history are refused where no tool is offered.
    if tools.is_empty() {
        let mut names: Vec<&str> = called(chat).collect();
        names.sort_unstable();
        names.dedup();
        let bare = names.into_iter().map(|name| {
            let spec = json!({"name": name, "inputSchema": {"json": {"type": "object"}}});
            (name.to_owned(), json!({"toolSpec": spec}))
        });
        tools.extend(bare);
    }
    tools
}

fn called(chat: &Conversation) -> impl Iterator<Item = &str> {
    let parts = chat.turns.iter().flat_map(|turn| &turn.parts);
    parts.filter_map(
        |part| if let Part::Call(call) = part { Some(call.name.as_str()) } else { None },
    )
}

fn spec(tool: &Tool, schema: Option<&Value>) -> Value {
    let open = || json!({"type": "object", "properties": {}});
    let mut schema = schema.cloned().unwrap_or_else(open);
    if let Some(fields) = schema.as_object_mut() {
        fields.entry("type").or_insert_with(|| json!("object"));
    }
    let mut spec = json!({"name": tool.name, "inputSchema": {"json": schema}});
    // An empty description is refused.
    if let Some(description) = tool.description.as_deref().filter(|words| !words.is_empty()) {
        spec["description"] = json!(description);
    }
    spec
}

fn choose(chat: &Conversation, offered: &mut Offered, losses: &mut Losses) {
    let Some(choice) = &chat.tool_choice else { return };
    let has_tools = chat.tools.iter().any(|tool| !matches!(tool.takes, Takes::Hosted(_)));
    offered.choice = match choice {
        ToolChoice::Auto => has_tools.then(|| json!({"auto": {}})),
        // There is no word for it: nothing is offered, or, where the history needs tools, all of them.
        ToolChoice::None => {
            if called(chat).next().is_none() {
                offered.tools.clear();
            } else if has_tools {
                losses.add("tool_choice", Loss::Dropped);
            }
            None
        }
        ToolChoice::Required | ToolChoice::Named(_) if !has_tools => {
            losses.add("tool_choice", Loss::Dropped);
            None
        }
        ToolChoice::Required => Some(json!({"any": {}})),
        ToolChoice::Named(name) => Some(json!({"tool": {"name": name}})),
        ToolChoice::Among { names, required } => {
            offered.tools.retain(|(name, _)| names.contains(name));
            let word = if *required { "any" } else { "auto" };
            (!offered.tools.is_empty()).then(|| json!({word: {}}))
        }
    };
}
