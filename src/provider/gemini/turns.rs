//! Turns to contents. The model speaks as `model`; results of tools are the user's, and name their function instead of their call.

use serde_json::{Value, json};

use super::{FOREIGN_SIGNATURE, MADE_ID};
use crate::chat::{
    Call, Conversation, Loss, Losses, Media, Part, Reasoning, Returned, Seal, Source, Speaker,
    Turn, Vendor, text_of,
};
use crate::config::{Links, Manner, ThinkingManner};
use crate::provider::wording::place;

/// What stands before a history that begins with the model's words: a history must begin with the user's.
const OPENING: &str = ".";
/// What a link says of what is behind it.
const ENDINGS: [(&str, &str); 12] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".webp", "image/webp"),
    (".gif", "image/gif"),
    (".heic", "image/heic"),
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
    (".mp3", "audio/mp3"),
    (".wav", "audio/wav"),
    (".mp4", "video/mp4"),
    (".webm", "video/webm"),
];

/// Turns as Google has them.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Parts of the instructions.
    pub(super) system: Vec<Value>,
    /// Who speaks changes from one to the next.
    pub(super) contents: Vec<Value>,
}

/// A call that was made so far.
struct Made<'a> {
    id: &'a str,
    name: &'a str,
    /// The id is Google's own, and comes back with the result.
    is_theirs: bool,
}

struct Writer<'a> {
    manner: &'a Manner,
    losses: &'a mut Losses,
    made: Vec<Made<'a>>,
}

pub(super) fn turns<'a>(
    chat: &'a Conversation,
    manner: &'a Manner,
    losses: &'a mut Losses,
) -> Said {
    let mut writer = Writer { manner, losses, made: Vec::new() };
    let mut system = Vec::new();
    let mut contents: Vec<(&str, Vec<Value>)> = Vec::new();
    for (at, turn) in chat.turns.iter().enumerate() {
        let (role, parts) = match turn.speaker {
            Speaker::System => {
                system.extend(writer.others(at, turn));
                continue;
            }
            Speaker::User => ("user", writer.user(at, turn)),
            Speaker::Assistant => ("model", writer.model(at, turn)),
        };
        if parts.is_empty() {
            continue;
        }
        match contents.last_mut().filter(|(before, _)| *before == role) {
            Some((_, before)) => before.extend(parts),
            None => contents.push((role, parts)),
        }
    }
    if contents.first().is_some_and(|(role, _)| *role == "model") {
        contents.insert(0, ("user", vec![json!({"text": OPENING})]));
    }
    let contents = contents.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts}));
    Said { system, contents: contents.collect() }
}

impl<'a> Writer<'a> {
    /// Results first, in the order of their calls: where ids are not said, the order tells which is which.
    fn user(&mut self, at: usize, turn: &'a Turn) -> Vec<Value> {
        let mut results: Vec<(usize, &Returned)> = Vec::new();
        for part in &turn.parts {
            if let Part::Returned(result) = part {
                let call = self.made.iter().rposition(|made| made.id == result.id);
                results.push((call.unwrap_or(usize::MAX), result));
            }
        }
        results.sort_by_key(|(call, _)| *call);
        let mut written = Vec::new();
        let mut media = Vec::new();
        for (call, result) in results {
            written.push(self.returned(at, call, result));
            media.extend(result.parts.iter().filter(|part| is_media(part)));
        }
        // An answer of a tool has words; what else it has stands beside it.
        for part in media {
            let here = format!("messages[{at}].content");
            self.losses.add(&here, Loss::Emulated);
            written.extend(self.part(&here, part));
        }
        written.extend(self.others(at, turn));
        written
    }

    fn returned(&mut self, at: usize, call: usize, result: &Returned) -> Value {
        let text = text_of(&result.parts);
        let Some(made) = self.made.get(call) else {
            // Nobody called for it, so there is no function that it could be the answer of.
            self.losses.add(&format!("messages[{at}]"), Loss::Emulated);
            return json!({"text": text});
        };
        let response = match serde_json::from_str(&text) {
            _ if result.is_error => json!({"error": text}),
            Ok(Value::Object(fields)) => Value::Object(fields),
            Ok(_) | Err(_) => json!({"result": text}),
        };
        let mut inner = json!({"name": made.name, "response": response});
        if made.is_theirs {
            inner["id"] = json!(made.id);
        }
        json!({"functionResponse": inner})
    }

    fn model(&mut self, at: usize, turn: &'a Turn) -> Vec<Value> {
        let is_google = turn.parts.iter().any(|part| match part {
            Part::Call(call) => own_seal(call.seal.as_ref()).is_some(),
            _ => false,
        });
        // Models that know levels of thinking are those that check seals. One seal is enough for calls that were made together.
        let is_checked = self.manner.thinking == ThinkingManner::Effort;
        let mut foreign = is_checked.then_some(FOREIGN_SIGNATURE);
        let mut written = Vec::new();
        for (here, part) in turn.parts.iter().enumerate() {
            if let Part::Call(call) = part {
                let is_theirs = is_google && !call.id.starts_with(MADE_ID);
                self.made.push(Made { id: &call.id, name: &call.name, is_theirs });
                let mut calling = calling(call, foreign.take());
                if is_theirs {
                    calling["functionCall"]["id"] = json!(call.id);
                }
                written.push(calling);
            } else {
                written.extend(self.part(&place(at, here), part));
            }
        }
        written
    }

    /// Everything of a turn but results of tools.
    fn others(&mut self, at: usize, turn: &Turn) -> Vec<Value> {
        let parts = turn.parts.iter().enumerate();
        parts.filter_map(|(here, part)| self.part(&place(at, here), part)).collect()
    }

    fn part(&mut self, place: &str, part: &Part) -> Option<Value> {
        match part {
            Part::Text(text) | Part::Refusal(text) => {
                (!text.is_empty()).then(|| json!({"text": text}))
            }
            Part::Image(media) => self.media(place, media, "image/png"),
            Part::Audio(media) => self.media(place, media, "audio/wav"),
            Part::File(media) => self.media(place, media, "application/pdf"),
            Part::Reasoning(thought) => reasoning(thought),
            Part::Other(_) => {
                self.losses.add(place, Loss::Dropped);
                None
            }
            // Calls and results have their own ways; Google keeps what it has read without being told.
            Part::Call(_) | Part::Returned(_) | Part::CachePoint(_) => None,
        }
    }

    fn media(&mut self, place: &str, media: &Media, usual: &str) -> Option<Value> {
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.losses.add(&format!("{place}.image_url.detail"), Loss::Dropped);
        }
        let kind_or = |guess: Option<&str>| -> String {
            media.media_type.as_deref().or(guess).unwrap_or(usual).to_owned()
        };
        let linked = |uri: &str| {
            let end = uri.split(['?', '#']).next().unwrap_or(uri).to_ascii_lowercase();
            let guess = ENDINGS.iter().find(|(ending, _)| end.ends_with(ending));
            let kind = kind_or(guess.map(|(_, known)| *known));
            json!({"fileData": {"mimeType": kind, "fileUri": uri}})
        };
        match &media.source {
            Source::Inline(data) => {
                Some(json!({"inlineData": {"mimeType": kind_or(None), "data": data}}))
            }
            Source::Link(uri) if self.manner.links == Links::Fetched => Some(linked(uri)),
            // Google's ids of stored files are addresses; anything else is another vendor's.
            Source::Stored(id) if id.contains("://") || id.starts_with("files/") => {
                Some(linked(id))
            }
            Source::Link(_) | Source::Stored(_) => {
                self.losses.add(place, Loss::Dropped);
                None
            }
        }
    }
}

/// A call with its own seal, or the one that stands for another vendor's.
fn calling(call: &Call, foreign: Option<&str>) -> Value {
    let mut written = json!({"functionCall": {"name": call.name, "args": call.object()}});
    if let Some(signature) = own_seal(call.seal.as_ref()).or(foreign) {
        written["thoughtSignature"] = json!(signature);
    }
    written
}

/// Google's own seal.
fn own_seal(seal: Option<&Seal>) -> Option<&str> {
    seal.filter(|seal| seal.vendor == Vendor::Google).map(|seal| seal.data.as_str())
}

/// What the model thought, only with its seal: without, it would be taken for words that were said. A seal without words belongs to
/// what was said before it, and an empty text carries it.
fn reasoning(Reasoning { text, seal }: &Reasoning) -> Option<Value> {
    let signature = own_seal(seal.as_ref())?;
    let mut written = json!({"text": text, "thoughtSignature": signature});
    if !text.is_empty() {
        written["thought"] = json!(true);
    }
    Some(written)
}

fn is_media(part: &Part) -> bool {
    matches!(part, Part::Image(_) | Part::Audio(_) | Part::File(_))
}
