//! Tools and the choice among them.

use serde_json::Value;

use super::blocks::cache_time;
use super::fields::{needed, text, wrong};
use crate::chat::{BadRequest, Conversation, Takes, Tool, ToolChoice};

pub(super) fn tools(written: &Value) -> Result<Vec<Tool>, BadRequest> {
    let list = written.as_array();
    let list = list.ok_or_else(|| wrong("tools", "Input should be a valid list"))?;
    list.iter().enumerate().map(|(at, tool)| one(tool, &format!("tools.{at}"))).collect()
}

fn one(tool: &Value, here: &str) -> Result<Tool, BadRequest> {
    let kind = text(tool, "type").unwrap_or("custom");
    if kind != "custom" {
        // The vendor runs it; its mark goes with it.
        return Ok(Tool {
            name: text(tool, "name").unwrap_or(kind).to_owned(),
            description: None,
            takes: Takes::Hosted(tool.clone()),
            cache: None,
        });
    }
    let place = format!("{here}.input_schema");
    let schema = tool.get("input_schema").ok_or_else(|| wrong(&place, "Field required"))?;
    if !schema.is_object() {
        return Err(wrong(&place, "Input should be a valid object"));
    }
    Ok(Tool {
        name: needed(tool, here, "name")?.to_owned(),
        description: text(tool, "description").map(str::to_owned),
        takes: Takes::Object {
            schema: Some(schema.clone()),
            strict: tool.get("strict").and_then(Value::as_bool),
        },
        cache: cache_time(tool),
    })
}

pub(super) fn choice(chat: &mut Conversation, written: &Value) -> Result<(), BadRequest> {
    chat.tool_choice = Some(match needed(written, "tool_choice", "type")? {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Named(needed(written, "tool_choice", "name")?.to_owned()),
        _ => {
            let known = "Input should be 'auto', 'any', 'tool' or 'none'";
            return Err(wrong("tool_choice.type", known));
        }
    });
    if written.get("disable_parallel_tool_use") == Some(&Value::Bool(true)) {
        chat.parallel_tools = Some(false);
    }
    Ok(())
}
