//! Parts of a turn to content blocks.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::media;
use super::write::Draft;
use crate::chat::{CacheTime, Call, Loss, Part, Reasoning, Returned, Vendor};

/// Where blocks stand, which decides what they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Words alone.
    System,
    /// Words, media and results.
    User,
    /// Words, thoughts and calls.
    Assistant,
    /// Words and media.
    Result,
}

/// Writes parts. `here` is their turn, such as `messages[3]`.
pub(super) fn write(
    draft: &mut Draft<'_>,
    (place, here): (Place, &str),
    parts: &[Part],
) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let param = format!("{here}.content[{at}]");
        match one(draft, (place, &param), part) {
            Block::Said(block) => blocks.push(block),
            Block::Mark(time) => mark(blocks.last_mut(), time),
            Block::Nothing => {}
            Block::Lost => draft.lose(&param, Loss::Dropped),
        }
    }
    blocks
}

enum Block {
    Said(Value),
    /// On the block before.
    Mark(CacheTime),
    /// Nothing that anybody would miss.
    Nothing,
    Lost,
}

fn one(draft: &mut Draft<'_>, (place, param): (Place, &str), part: &Part) -> Block {
    let of = |block: Option<Value>| block.map_or(Block::Lost, Block::Said);
    match (part, place) {
        // A block of spaces is refused.
        (Part::Text(words) | Part::Refusal(words), _) => {
            if words.trim().is_empty() && place != Place::Result {
                return Block::Nothing;
            }
            Block::Said(json!({"type": "text", "text": words}))
        }
        (Part::Image(image), Place::User | Place::Result) => of(media::image(draft, param, image)),
        (Part::File(file), Place::User | Place::Result) => of(media::document(file)),
        (Part::Reasoning(thought), Place::Assistant) => self::thought(thought),
        (Part::Call(call), Place::Assistant) => Block::Said(tool_use(call)),
        (Part::Returned(result), Place::User) => Block::Said(tool_result(draft, param, result)),
        (Part::CachePoint(time), _) => Block::Mark(*time),
        (Part::Other(value), _) if is_known(value) => Block::Said(value.clone()),
        (Part::Reasoning(_), Place::System | Place::User | Place::Result) => Block::Nothing,
        (
            Part::Image(_)
            | Part::Audio(_)
            | Part::File(_)
            | Part::Call(_)
            | Part::Returned(_)
            | Part::Other(_),
            _,
        ) => Block::Lost,
    }
}

fn mark(block: Option<&mut Value>, time: CacheTime) {
    // Thoughts cannot be marked.
    let takes_marks = |marked: &&mut Value| {
        !matches!(marked["type"].as_str(), Some("thinking" | "redacted_thinking"))
    };
    if let Some(block) = block.filter(takes_marks) {
        block["cache_control"] = cache_control(time);
    }
}

/// The vendor's mark for what it may keep.
pub(super) fn cache_control(time: CacheTime) -> Value {
    match time {
        CacheTime::Usual => json!({"type": "ephemeral"}),
        CacheTime::Hour => json!({"type": "ephemeral", "ttl": "1h"}),
    }
}

fn thought(thought: &Reasoning) -> Block {
    let Some(seal) = thought.seal.as_ref() else { return Block::Nothing };
    match (seal.vendor, seal.is_whole) {
        (Vendor::Anthropic, true) => {
            Block::Said(json!({"type": "redacted_thinking", "data": seal.data}))
        }
        (Vendor::Anthropic, false) => Block::Said(
            json!({"type": "thinking", "thinking": thought.text, "signature": seal.data}),
        ),
        (Vendor::Google | Vendor::OpenAi, _) => Block::Nothing,
    }
}

fn tool_use(call: &Call) -> Value {
    json!({"type": "tool_use", "id": plain(&call.id), "name": call.name, "input": call.object()})
}

fn tool_result(draft: &mut Draft<'_>, param: &str, result: &Returned) -> Value {
    let content = write(draft, (Place::Result, param), &result.parts);
    let mut block = json!({"type": "tool_result", "tool_use_id": plain(&result.id)});
    match content.as_slice() {
        [] => {}
        [only] if only["type"] == "text" && only.get("cache_control").is_none() => {
            block["content"] = only["text"].clone();
        }
        _ => block["content"] = Value::Array(content),
    }
    if result.is_error {
        block["is_error"] = json!(true);
    }
    block
}

/// Blocks of this vendor that have no neutral name.
fn is_known(value: &Value) -> bool {
    let kind = value["type"].as_str().unwrap_or_default();
    kind.ends_with("_tool_use")
        || kind.ends_with("_tool_result")
        || matches!(
            kind,
            "search_result"
                | "document"
                | "image"
                | "container_upload"
                | "compaction"
                | "mid_conv_system"
                | "tool_reference"
        )
}

/// Ids may have letters, digits, `_` and `-` only. The same id always gets the same other one, so that calls and results still
/// belong together.
fn plain(id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(is_plain) {
        return id.to_owned();
    }
    let hash = Sha256::digest(id.as_bytes());
    hash.iter().take(12).fold("toolu_".to_owned(), |so_far, byte| format!("{so_far}{byte:02x}"))
}
