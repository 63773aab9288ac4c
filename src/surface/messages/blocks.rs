//! Content blocks to parts.

use serde_json::Value;

use super::fields::{needed, text, wrong};
use crate::chat::{
    BadRequest, CacheTime, Call, Media, Part, Reasoning, Returned, Seal, Source, Vendor, base64,
};

/// A string, or an array of blocks.
pub(super) fn content(written: &Value, here: &str) -> Result<Vec<Part>, BadRequest> {
    match written {
        Value::String(words) if words.is_empty() => Ok(Vec::new()),
        Value::String(words) => Ok(vec![Part::Text(words.clone())]),
        Value::Array(blocks) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (at, block) in blocks.iter().enumerate() {
                let part = one(block, &format!("{here}.{at}"))?;
                // A block that is kept as it was written keeps its mark.
                let mark = cache_time(block).filter(|_| !matches!(part, Part::Other(_)));
                parts.extend(Some(part).filter(|part| !is_empty(part)));
                parts.extend(mark.map(Part::CachePoint));
            }
            Ok(parts)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(wrong(here, "Input should be a valid string or list of content blocks"))
        }
    }
}

fn is_empty(part: &Part) -> bool {
    matches!(part, Part::Text(words) if words.is_empty())
}

fn one(block: &Value, here: &str) -> Result<Part, BadRequest> {
    let owned = |key: &str| needed(block, here, key).map(str::to_owned);
    Ok(match needed(block, here, "type")? {
        "text" => Part::Text(owned("text")?),
        "image" => match media(block, here)? {
            Some(image) => Part::Image(image),
            None => Part::Other(block.clone()),
        },
        "document" => match media(block, here)? {
            Some(file) => Part::File(file),
            None => Part::Other(block.clone()),
        },
        "thinking" => Part::Reasoning(Reasoning {
            text: owned("thinking")?,
            seal: text(block, "signature").filter(|data| !data.is_empty()).map(|data| Seal {
                vendor: Vendor::Anthropic,
                is_whole: false,
                data: data.to_owned(),
            }),
        }),
        "redacted_thinking" => Part::Reasoning(Reasoning {
            text: String::new(),
            seal: Some(Seal { vendor: Vendor::Anthropic, is_whole: true, data: owned("data")? }),
        }),
        "tool_use" => Part::Call(Call {
            id: owned("id")?,
            name: owned("name")?,
            arguments: block
                .get("input")
                .filter(|input| input.is_object())
                .ok_or_else(|| wrong(&format!("{here}.input"), "Input should be a valid object"))?
                .to_string(),
            seal: None,
        }),
        "tool_result" => Part::Returned(Returned {
            id: owned("tool_use_id")?,
            parts: match block.get("content").filter(|content| !content.is_null()) {
                Some(inner) => content(inner, &format!("{here}.content"))?,
                None => Vec::new(),
            },
            is_error: block.get("is_error").and_then(Value::as_bool).unwrap_or(false),
        }),
        _ => Part::Other(block.clone()),
    })
}

/// A picture or a document; nothing where it is of a kind that only the vendor understands.
fn media(block: &Value, here: &str) -> Result<Option<Media>, BadRequest> {
    let place = format!("{here}.source");
    let source = block.get("source").ok_or_else(|| wrong(&place, "Field required"))?;
    let needed = |key: &str| needed(source, &place, key).map(str::to_owned);
    let (found, media_type) = match needed("type")?.as_str() {
        "base64" => (Source::Inline(needed("data")?), Some(needed("media_type")?)),
        "text" => {
            let words = needed("data")?;
            (Source::Inline(base64::encode(words.as_bytes())), Some("text/plain".to_owned()))
        }
        "url" => (Source::Link(needed("url")?), None),
        "file" => (Source::Stored(needed("file_id")?), None),
        _ => return Ok(None),
    };
    let name = text(block, "title").map(str::to_owned);
    Ok(Some(Media { source: found, media_type, detail: None, name }))
}

/// The mark that everything up to here may be kept.
pub(super) fn cache_time(marked: &Value) -> Option<CacheTime> {
    let mark = marked.get("cache_control").filter(|mark| mark.is_object())?;
    Some(if text(mark, "ttl") == Some("1h") { CacheTime::Hour } else { CacheTime::Usual })
}
