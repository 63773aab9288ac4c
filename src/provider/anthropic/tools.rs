//! Tools and the choice among them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::blocks::cache_control;
use super::schema;
use super::write::Draft;
use crate::chat::{Conversation, Loss, Takes, Tool, ToolChoice};
use crate::config::SchemaManner;

/// Whether a tool has to be called, which goes with few other settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forced {
    Yes,
    No,
}

/// Writes `tools` and `tool_choice`.
pub(super) fn write(draft: &mut Draft<'_>, chat: &Conversation, messages: &[Value]) -> Forced {
    let mut tools = Vec::with_capacity(chat.tools.len());
    for (at, tool) in chat.tools.iter().enumerate() {
        let param = format!("tools[{at}]");
        if is_left_out(tool, chat.tool_choice.as_ref()) {
            continue;
        }
        match one(draft, &param, tool) {
            Some(written) => tools.push(written),
            None => draft.lose(&param, Loss::Dropped),
        }
    }
    if tools.is_empty() {
        choice_without_tools(draft, chat, messages);
        return Forced::No;
    }
    let named = |name: &str| tools.iter().any(|tool| tool["name"] == name);
    let (choice, forced) = match &chat.tool_choice {
        None | Some(ToolChoice::Auto) => (json!({"type": "auto"}), Forced::No),
        Some(ToolChoice::None) => (json!({"type": "none"}), Forced::No),
        Some(ToolChoice::Required) => (json!({"type": "any"}), Forced::Yes),
        Some(ToolChoice::Named(name)) if named(name) => {
            (json!({"type": "tool", "name": name}), Forced::Yes)
        }
        Some(ToolChoice::Named(_)) => {
            draft.lose("tool_choice", Loss::Dropped);
            (json!({"type": "auto"}), Forced::No)
        }
        Some(ToolChoice::Among { required: true, .. }) => (json!({"type": "any"}), Forced::Yes),
        Some(ToolChoice::Among { required: false, .. }) => (json!({"type": "auto"}), Forced::No),
    };
    draft.set("tools", Value::Array(tools));
    let is_one_at_a_time = chat.parallel_tools == Some(false) && choice["type"] != "none";
    if chat.tool_choice.is_some() || is_one_at_a_time {
        draft.set("tool_choice", choice);
    }
    if is_one_at_a_time {
        draft.set_in("tool_choice", "disable_parallel_tool_use", json!(true));
    }
    forced
}

/// There is no list of the tools that may be called: the others are not offered.
fn is_left_out(tool: &Tool, choice: Option<&ToolChoice>) -> bool {
    match choice {
        Some(ToolChoice::Among { names, .. }) => !names.contains(&tool.name),
        Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Required | ToolChoice::Named(_))
        | None => false,
    }
}

fn one(draft: &mut Draft<'_>, param: &str, tool: &Tool) -> Option<Value> {
    let mut written = match &tool.takes {
        Takes::Object { schema, strict } => {
            let mut written = json!({"name": tool.name, "input_schema": input(schema.as_ref())});
            if let Some(description) = &tool.description {
                written["description"] = json!(description);
            }
            match (strict, draft.to.manner.schema) {
                (Some(true), SchemaManner::Native) => {
                    written["strict"] = json!(true);
                    if schema::close(&mut written["input_schema"]) == schema::Closed::Looser {
                        draft.lose(&format!("{param}.function.strict"), Loss::Emulated);
                    }
                }
                (Some(true), SchemaManner::Tool | SchemaManner::Object | SchemaManner::Words) => {
                    draft.lose(&format!("{param}.function.strict"), Loss::Dropped);
                }
                (Some(false) | None, _) => {}
            }
            written
        }
        Takes::Text(_) => return None,
        Takes::Hosted(whole) if is_own(whole) => whole.clone(),
        Takes::Hosted(_) => return None,
    };
    if let Some(time) = tool.cache {
        written["cache_control"] = cache_control(time);
    }
    Some(written)
}

/// Arguments are always an object.
pub(super) fn input(schema: Option<&Value>) -> Value {
    let mut input = schema.filter(|schema| schema.is_object()).cloned();
    let input = input.get_or_insert_with(|| json!({"properties": {}}));
    if input.get("type").is_none() {
        input["type"] = json!("object");
    }
    input.take()
}

/// This vendor's own tools carry a date, such as `web_search_20250305`.
fn is_own(whole: &Value) -> bool {
    let kind = whole["type"].as_str().unwrap_or_default();
    let date = kind.rsplit('_').next().unwrap_or_default();
    kind == "mcp_toolset" || date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit())
}

/// A conversation in which tools were called is refused unless they are named again.
fn choice_without_tools(draft: &mut Draft<'_>, chat: &Conversation, messages: &[Value]) {
    match &chat.tool_choice {
        None | Some(ToolChoice::Auto | ToolChoice::None) => {}
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Among { .. }) => {
            draft.lose("tool_choice", Loss::Dropped);
        }
    }
    let blocks = messages.iter().filter_map(|turn| turn["content"].as_array()).flatten();
    let calls = blocks.filter(|block| block["type"] == "tool_use");
    let names: BTreeSet<&str> = calls.filter_map(|call| call["name"].as_str()).collect();
    if !names.is_empty() {
        let tool = |name: &&str| json!({"name": name, "input_schema": input(None)});
        draft.set("tools", names.iter().map(tool).collect());
        draft.set("tool_choice", json!({"type": "none"}));
    }
}
