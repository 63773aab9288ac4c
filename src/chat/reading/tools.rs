//! Tools and the choice among them, in the present shape and the older one.

use serde_json::Value;

use super::parts::cache_time;
use super::{text, wrong};
use crate::chat::conversation::{Conversation, Takes, Tool, ToolChoice};
use crate::chat::request::BadRequest;

pub(super) fn tools(written: &Value) -> Result<Vec<Tool>, BadRequest> {
    let written = written.as_array().map(Vec::as_slice).unwrap_or_default();
    written.iter().enumerate().map(|(at, tool)| one(tool, &format!("tools[{at}]"))).collect()
}

fn one(tool: &Value, here: &str) -> Result<Tool, BadRequest> {
    let cache = cache_time(tool);
    match text(tool, "type").unwrap_or("function") {
        "function" => {
            // Some callers leave the wrapper out.
            let function = tool.get("function").unwrap_or(tool);
            Ok(Tool { cache, ..function_tool(function, here)? })
        }
        "custom" => {
            let custom = tool.get("custom").unwrap_or(tool);
            let takes = Takes::Text(custom.get("format").cloned());
            Ok(Tool { takes, cache, ..function_tool(custom, here)? })
        }
        kind => Ok(Tool {
            name: text(tool, "name").unwrap_or(kind).to_owned(),
            description: None,
            takes: Takes::Hosted(tool.clone()),
            cache,
        }),
    }
}

fn function_tool(function: &Value, here: &str) -> Result<Tool, BadRequest> {
    let param = format!("{here}.function.name");
    let name = text(function, "name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| wrong(&param, format!("`{param}` is missing")))?;
    let schema = function.get("parameters").filter(|schema| schema.is_object()).cloned();
    Ok(Tool {
        name: name.to_owned(),
        description: text(function, "description").map(str::to_owned),
        takes: Takes::Object { schema, strict: function.get("strict").and_then(Value::as_bool) },
        cache: None,
    })
}

pub(super) fn choice(written: &Value) -> Result<ToolChoice, BadRequest> {
    let name = |tool: &Value| {
        let inner = tool.get("function").or_else(|| tool.get("custom")).unwrap_or(tool);
        text(inner, "name").map(str::to_owned)
    };
    let found = match written {
        Value::String(word) => match word.as_str() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            // Mistral's word for it.
            "required" | "any" => Some(ToolChoice::Required),
            _ => None,
        },
        Value::Object(_) => match written.get("allowed_tools") {
            Some(allowed) => {
                let tools = allowed.get("tools").and_then(Value::as_array);
                let names = tools.into_iter().flatten().filter_map(name).collect();
                let required = text(allowed, "mode") == Some("required");
                Some(ToolChoice::Among { names, required })
            }
            None => name(written).map(ToolChoice::Named),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    };
    found.ok_or_else(|| {
        let known = "auto, none, required, or an object that names a function";
        wrong("tool_choice", format!("`tool_choice` is {written}; known here: {known}"))
    })
}

/// What the older shape says in fields of its own.
pub(super) fn legacy(to: &mut Conversation, name: &str, written: &Value) -> Result<(), BadRequest> {
    match name {
        "functions" => {
            let functions = written.as_array().map(Vec::as_slice).unwrap_or_default();
            for (at, function) in functions.iter().enumerate() {
                to.tools.push(function_tool(function, &format!("functions[{at}]"))?);
            }
        }
        "function_call" => to.tool_choice = Some(choice(written)?),
        _ => {}
    }
    Ok(())
}
