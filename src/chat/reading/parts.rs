//! The parts of a message's content.

use serde_json::Value;

use super::{text, wrong};
use crate::chat::conversation::{CacheTime, Media, Part, Source};
use crate::chat::request::BadRequest;

/// A string, or an array of parts.
pub(super) fn parts(content: &Value, here: &str) -> Result<Vec<Part>, BadRequest> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(words) if words.is_empty() => Ok(Vec::new()),
        Value::String(words) => Ok(vec![Part::Text(words.clone())]),
        Value::Array(written) => {
            let mut read = Vec::with_capacity(written.len());
            for (at, part) in written.iter().enumerate() {
                read.push(one(part, &format!("{here}[{at}]"))?);
                read.extend(cache_point(part));
            }
            read.retain(|part| !matches!(part, Part::Text(words) if words.is_empty()));
            Ok(read)
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(wrong(here, format!("`{here}` is not a string or an array of parts")))
        }
    }
}

fn one(part: &Value, here: &str) -> Result<Part, BadRequest> {
    let kind = text(part, "type").unwrap_or_default();
    let missing = |what: &str| {
        let param = format!("{here}.{what}");
        wrong(&param, format!("`{param}` is missing"))
    };
    Ok(match kind {
        "text" | "input_text" | "output_text" => {
            Part::Text(text(part, "text").ok_or_else(|| missing("text"))?.to_owned())
        }
        "refusal" => Part::Refusal(text(part, "refusal").unwrap_or_default().to_owned()),
        "image_url" => {
            let written = part.get("image_url").ok_or_else(|| missing("image_url"))?;
            // Some callers write the link where the object belongs.
            let link = written.as_str().or_else(|| text(written, "url"));
            let link = link.ok_or_else(|| missing("image_url.url"))?;
            let detail = text(written, "detail").map(str::to_owned);
            Part::Image(Media { detail, ..Media::of_link(link) })
        }
        "input_audio" => {
            let audio = part.get("input_audio").ok_or_else(|| missing("input_audio"))?;
            let data = text(audio, "data").ok_or_else(|| missing("input_audio.data"))?;
            let format = text(audio, "format").unwrap_or("wav");
            Part::Audio(Media {
                source: Source::Inline(data.to_owned()),
                media_type: Some(format!("audio/{format}")),
                detail: None,
                name: None,
            })
        }
        "file" => file(part.get("file").ok_or_else(|| missing("file"))?, here)?,
        "" => return Err(missing("type")),
        _ => Part::Other(part.clone()),
    })
}

fn file(file: &Value, here: &str) -> Result<Part, BadRequest> {
    let name = text(file, "filename").map(str::to_owned);
    if let Some(id) = text(file, "file_id") {
        let source = Source::Stored(id.to_owned());
        return Ok(Part::File(Media { source, media_type: None, detail: None, name }));
    }
    let Some(data) = text(file, "file_data") else {
        let param = format!("{here}.file");
        return Err(wrong(&param, format!("`{param}` has neither `file_id` nor `file_data`")));
    };
    Ok(Part::File(Media { name, ..Media::of_link(data) }))
}

/// Anthropic's mark, which many callers send through gateways.
pub(super) fn cache_point(part: &Value) -> Option<Part> {
    cache_time(part).map(Part::CachePoint)
}

pub(super) fn cache_time(marked: &Value) -> Option<CacheTime> {
    let mark = marked.get("cache_control").filter(|mark| mark.is_object())?;
    Some(if text(mark, "ttl") == Some("1h") { CacheTime::Hour } else { CacheTime::Usual })
}
