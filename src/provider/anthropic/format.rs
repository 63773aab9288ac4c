//! The form of the answer.

use serde_json::{Value, json};

use super::SCHEMA_TOOL;
use super::schema::{self, Closed};
use super::tools::{Forced, input};
use super::write::Draft;
use crate::chat::{Conversation, Format, Loss, ToolChoice};
use crate::config::SchemaManner;

/// Asks for JSON where nothing binds the model to it.
const JSON_ALONE: &str =
    "Answer with one JSON object and nothing else: no other words, no code fence.";

/// Writes what the answer has to look like. Says whether a tool has to be called now.
pub(super) fn write(draft: &mut Draft<'_>, chat: &Conversation, forced: Forced) -> Forced {
    match &chat.format {
        Format::Text => forced,
        Format::Json => {
            instruct(draft, JSON_ALONE);
            forced
        }
        Format::Schema { description, schema, name: _, strict: _ } => {
            let mut schema = schema.clone();
            if let (Some(said), Some(fields)) = (description, schema.as_object_mut()) {
                fields.entry("description").or_insert_with(|| json!(said));
            }
            match draft.to.manner.schema {
                SchemaManner::Native => {
                    native(draft, schema);
                    forced
                }
                SchemaManner::Tool => tool(draft, chat, &schema, forced),
                SchemaManner::Object | SchemaManner::Words => {
                    words(draft, &schema);
                    forced
                }
            }
        }
    }
}

fn native(draft: &mut Draft<'_>, mut schema: Value) {
    if schema::close(&mut schema) == Closed::Looser {
        draft.lose("response_format", Loss::Emulated);
    }
    draft.set_in("output_config", "format", json!({"type": "json_schema", "schema": schema}));
}

/// A tool of which the arguments are the answer. Where the model may call others too, it may choose.
fn tool(draft: &mut Draft<'_>, chat: &Conversation, schema: &Value, forced: Forced) -> Forced {
    let is_object = schema.get("type").is_none_or(|kind| kind == "object");
    if forced == Forced::Yes || !is_object {
        // The caller's own tool comes first.
        words(draft, schema);
        return forced;
    }
    draft.lose("response_format", Loss::Emulated);
    let tool = json!({
        "name": SCHEMA_TOOL,
        "description": "Gives the answer. Call it once, with the whole answer, instead of answering in words.",
        "input_schema": input(Some(schema)),
    });
    let tools = draft.body.entry("tools").or_insert_with(|| json!([]));
    let is_only = tools.as_array().is_none_or(Vec::is_empty)
        || chat.tools.is_empty()
        || chat.tool_choice == Some(ToolChoice::None);
    if let Some(tools) = tools.as_array_mut() {
        tools.push(tool);
    }
    let choice =
        if is_only { json!({"type": "tool", "name": SCHEMA_TOOL}) } else { json!({"type": "any"}) };
    draft.set("tool_choice", choice);
    if is_only || chat.parallel_tools == Some(false) {
        draft.set_in("tool_choice", "disable_parallel_tool_use", json!(true));
    }
    Forced::Yes
}

fn words(draft: &mut Draft<'_>, schema: &Value) {
    instruct(draft, &format!("{JSON_ALONE} It follows this JSON schema:\n{schema}"));
}

fn instruct(draft: &mut Draft<'_>, words: &str) {
    draft.lose("response_format", Loss::Emulated);
    draft.system.push(json!({"type": "text", "text": words}));
}
