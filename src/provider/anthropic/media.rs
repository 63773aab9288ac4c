//! Pictures and documents.

use serde_json::{Value, json};

use super::write::Draft;
use crate::chat::{Loss, Media, Source, base64};
use crate::config::Links;

/// Ids of files that are kept at this vendor begin like this.
const FILE_ID: &str = "file_";
/// How pictures begin in base64, and what they are: a wrong type is refused, and callers guess.
const BEGINNINGS: [(&str, &str); 4] = [
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
];

/// A picture; nothing where it cannot be shown.
pub(super) fn image(draft: &mut Draft<'_>, param: &str, image: &Media) -> Option<Value> {
    let source = match &image.source {
        Source::Inline(data) => {
            let kind = image_type(data, image.media_type.as_deref())?;
            json!({"type": "base64", "media_type": kind, "data": data})
        }
        Source::Link(url) => match draft.to.manner.links {
            Links::Fetched => json!({"type": "url", "url": url}),
            Links::Refused => return None,
        },
        Source::Stored(id) => stored(id)?,
    };
    if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
        draft.lose(&format!("{param}.image_url.detail"), Loss::Dropped);
    }
    Some(json!({"type": "image", "source": source}))
}

fn image_type(data: &str, said: Option<&str>) -> Option<&'static str> {
    let found = BEGINNINGS.iter().find(|(beginning, _)| data.starts_with(beginning));
    if let Some((_, kind)) = found {
        return Some(kind);
    }
    match said?.to_ascii_lowercase().as_str() {
        "image/jpg" => Some("image/jpeg"),
        kind => BEGINNINGS.iter().map(|(_, known)| *known).find(|known| *known == kind),
    }
}

/// A document; nothing where it is of a kind that is not read.
pub(super) fn document(file: &Media) -> Option<Value> {
    let kind = file.media_type.as_deref().unwrap_or("application/pdf");
    let source = match &file.source {
        Source::Inline(data) if kind == "application/pdf" => {
            json!({"type": "base64", "media_type": kind, "data": data})
        }
        Source::Inline(data) if kind.starts_with("text/") || kind == "application/json" => {
            let words = String::from_utf8(base64::decode(data)?).ok()?;
            json!({"type": "text", "media_type": "text/plain", "data": words})
        }
        Source::Inline(_) => return None,
        Source::Link(url) => json!({"type": "url", "url": url}),
        Source::Stored(id) => stored(id)?,
    };
    let mut block = json!({"type": "document", "source": source});
    if let Some(name) = &file.name {
        block["title"] = json!(name);
    }
    Some(block)
}

/// Files at other vendors are out of reach.
fn stored(id: &str) -> Option<Value> {
    id.starts_with(FILE_ID).then(|| json!({"type": "file", "file_id": id}))
}
