//! Turns to messages: the user and the model take turns strictly, and results of tools are the user's.

use serde_json::{Value, json};

use crate::chat::{
    CacheTime, Conversation, Loss, Losses, Media, Part, Reasoning, Returned, Source, Speaker, Turn,
    Vendor,
};
use crate::config::{CacheManner, Manner, ThinkingManner};
use crate::provider::wording::{place, plain_id};

/// What stands where words must stand and nobody said any.
const FILLER: &str = ".";
/// Pictures that can be sent.
const IMAGES: [&str; 4] = ["png", "jpeg", "gif", "webp"];
/// Documents that can be sent, by their media type.
const DOCUMENTS: [(&str, &str); 9] = [
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
];
/// Longest name of a document, in characters.
const DOCUMENT_NAME_MAX: usize = 200;

/// Turns as Bedrock has them.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Blocks of the instructions.
    pub(super) system: Vec<Value>,
    /// Who speaks changes from one to the next.
    pub(super) messages: Vec<Value>,
}

struct Writer<'a> {
    manner: &'a Manner,
    losses: &'a mut Losses,
    documents: usize,
}

pub(super) fn turns(chat: &Conversation, manner: &Manner, losses: &mut Losses) -> Said {
    let mut writer = Writer { manner, losses, documents: 0 };
    let mut system = Vec::new();
    let mut said: Vec<(&str, Vec<Value>)> = Vec::new();
    for (at, turn) in chat.turns.iter().enumerate() {
        let blocks = writer.turn(at, turn);
        let role = match turn.speaker {
            Speaker::System => {
                system.extend(blocks);
                continue;
            }
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        if blocks.is_empty() {
            continue;
        }
        match said.last_mut().filter(|(before, _)| *before == role) {
            Some((_, before)) => before.extend(blocks),
            None => said.push((role, blocks)),
        }
    }
    if said.first().is_some_and(|(role, _)| *role == "assistant") {
        said.insert(0, ("user", vec![json!({"text": FILLER})]));
    }
    let messages = said.into_iter().map(|(role, mut blocks)| {
        // A document is refused where nothing is said about it.
        let has = |kind: &str| blocks.iter().any(|block| block.get(kind).is_some());
        if has("document") && !has("text") {
            blocks.push(json!({"text": FILLER}));
        }
        json!({"role": role, "content": blocks})
    });
    Said { system, messages: messages.collect() }
}

/// The mark behind what is to be kept.
pub(super) fn cache_point(manner: &Manner, time: CacheTime) -> Option<Value> {
    let point = match time {
        CacheTime::Usual => json!({"type": "default"}),
        CacheTime::Hour => json!({"type": "default", "ttl": "1h"}),
    };
    (manner.cache == CacheManner::Marked).then(|| json!({"cachePoint": point}))
}

impl Writer<'_> {
    /// Results first: they answer what was said before.
    fn turn(&mut self, at: usize, turn: &Turn) -> Vec<Value> {
        let (mut results, mut others) = (Vec::new(), Vec::new());
        for (here, part) in turn.parts.iter().enumerate() {
            let here = place(at, here);
            match part {
                Part::Returned(result) => results.push(self.returned(&here, result)),
                Part::CachePoint(time) => {
                    let marked = if others.is_empty() { &mut results } else { &mut others };
                    // A mark without anything before it is refused.
                    let mark = cache_point(self.manner, *time).filter(|_| !marked.is_empty());
                    marked.extend(mark);
                }
                said => others.extend(self.part(&here, said)),
            }
        }
        results.extend(others);
        results
    }

    fn returned(&mut self, here: &str, result: &Returned) -> Value {
        let content = result.parts.iter().filter_map(|part| self.part(here, part));
        let mut content: Vec<Value> = content.collect();
        if content.is_empty() {
            content.push(json!({"json": {}}));
        }
        let mut inner = json!({"toolUseId": plain_id(&result.id), "content": content});
        if result.is_error {
            inner["status"] = json!("error");
        }
        json!({"toolResult": inner})
    }

    fn part(&mut self, here: &str, part: &Part) -> Option<Value> {
        match part {
            // A text without a letter is refused.
            Part::Text(text) | Part::Refusal(text) => {
                (!text.trim().is_empty()).then(|| json!({"text": text}))
            }
            Part::Image(image) => self.image(here, image),
            Part::File(file) => self.document(here, file),
            Part::Reasoning(thought) if self.manner.thinking != ThinkingManner::None => {
                reasoning(thought)
            }
            Part::Call(call) => Some(json!({
                "toolUse": {"toolUseId": plain_id(&call.id), "name": call.name, "input": call.object()},
            })),
            Part::Audio(_) | Part::Other(_) => {
                self.losses.add(here, Loss::Dropped);
                None
            }
            Part::Reasoning(_) | Part::Returned(_) | Part::CachePoint(_) => None,
        }
    }

    fn image(&mut self, here: &str, image: &Media) -> Option<Value> {
        if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.losses.add(&format!("{here}.image_url.detail"), Loss::Dropped);
        }
        let kind = image.media_type.as_deref().unwrap_or("image/png");
        let kind = if kind == "image/jpg" { "image/jpeg" } else { kind };
        let format = IMAGES.into_iter().find(|known| kind.strip_prefix("image/") == Some(known));
        let source = source(&image.source);
        let (Some(format), Some(source)) = (format, source) else {
            self.losses.add(here, Loss::Dropped);
            return None;
        };
        Some(json!({"image": {"format": format, "source": source}}))
    }

    fn document(&mut self, here: &str, file: &Media) -> Option<Value> {
        let kind = file.media_type.as_deref().unwrap_or("application/pdf");
        let format = DOCUMENTS.into_iter().find(|(known, _)| *known == kind);
        let (Some((_, format)), Some(source)) = (format, source(&file.source)) else {
            self.losses.add(here, Loss::Dropped);
            return None;
        };
        self.documents += 1;
        let name = file.name.as_deref().map(document_name).unwrap_or_default();
        // Names may not be missing, and not be the same.
        let name = format!("{name} {}", self.documents);
        Some(json!({"document": {"format": format, "name": name.trim(), "source": source}}))
    }
}

/// Bytes, or an object of Amazon's own store; it follows no other link.
fn source(source: &Source) -> Option<Value> {
    match source {
        Source::Inline(data) => Some(json!({"bytes": data})),
        Source::Link(uri) | Source::Stored(uri) => {
            uri.starts_with("s3://").then(|| json!({"s3Location": {"uri": uri}}))
        }
    }
}

/// Letters, digits, hyphens, brackets, and single spaces for whatever else a name has.
fn document_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(DOCUMENT_NAME_MAX).collect()
}

/// Anthropic's seals are the same at Bedrock. Thoughts without one are left out: they would be refused.
fn reasoning(Reasoning { text, seal }: &Reasoning) -> Option<Value> {
    let seal = seal.as_ref().filter(|seal| seal.vendor == Vendor::Anthropic)?;
    let inner = match seal.is_whole {
        true => json!({"redactedContent": seal.data}),
        false => json!({"reasoningText": {"text": text, "signature": seal.data}}),
    };
    Some(json!({"reasoningContent": inner}))
}
