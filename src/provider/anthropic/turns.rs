//! Turns: instructions to `system`, and the others so that user and model take turns.

use serde_json::{Value, json};

use super::blocks::{self, Place};
use super::write::Draft;
use crate::chat::{Loss, Speaker, Turn};
use crate::config::PrefillManner;

/// What the user is taken to have said where the conversation begins with somebody else: it says nothing, but it is refused to say
/// nothing at all.
const OPENING: &str = ".";
/// Asks a model that refuses to go on with a turn of its own to do so.
const GO_ON: &str =
    "Go on with your last message exactly where it ends. Repeat nothing of it and add no preface.";

/// Writes the turns. `system` is filled in the draft.
pub(super) fn write(draft: &mut Draft<'_>, turns: &[Turn]) -> Vec<Value> {
    let mut messages: Vec<(Speaker, Vec<Value>)> = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        let mut content = content(draft, at, turn);
        if content.is_empty() {
            continue;
        }
        if turn.speaker == Speaker::System && messages.is_empty() {
            draft.system.extend(content);
            continue;
        }
        let speaker = match turn.speaker {
            Speaker::System => {
                draft.lose(&format!("messages[{at}]"), Loss::Emulated);
                content = content.into_iter().map(tagged).collect();
                Speaker::User
            }
            said @ (Speaker::User | Speaker::Assistant) => said,
        };
        if messages.is_empty() && speaker == Speaker::Assistant {
            messages.push((Speaker::User, vec![text(OPENING)]));
        }
        match messages.last_mut().filter(|(last, _)| *last == speaker) {
            Some((_, before)) => before.extend(content),
            None => messages.push((speaker, content)),
        }
    }
    if messages.is_empty() && !draft.system.is_empty() {
        messages.push((Speaker::User, vec![text(OPENING)]));
    }
    end(draft, turns.len(), &mut messages);
    let written = messages.into_iter().map(|(speaker, mut content)| {
        // Results are refused behind anything else.
        content.sort_by_key(|block| block["type"] != "tool_result");
        let role = if speaker == Speaker::Assistant { "assistant" } else { "user" };
        json!({"role": role, "content": content})
    });
    written.collect()
}

/// An end that the provider takes.
fn end(draft: &mut Draft<'_>, turns: usize, messages: &mut Vec<(Speaker, Vec<Value>)>) {
    let Some((Speaker::Assistant, content)) = messages.last_mut() else { return };
    // A beginning that ends with space is refused.
    if let Some(Value::String(words)) = content.last_mut().and_then(|last| last.get_mut("text")) {
        words.truncate(words.trim_end().len());
    }
    match draft.to.manner.prefill {
        PrefillManner::Plain | PrefillManner::Marked => {}
        PrefillManner::Refused => {
            let last = turns.saturating_sub(1);
            draft.lose(&format!("messages[{last}]"), Loss::Emulated);
            messages.push((Speaker::User, vec![text(GO_ON)]));
        }
    }
}

fn content(draft: &mut Draft<'_>, at: usize, turn: &Turn) -> Vec<Value> {
    let place = match turn.speaker {
        Speaker::System => Place::System,
        Speaker::User => Place::User,
        Speaker::Assistant => Place::Assistant,
    };
    blocks::write(draft, (place, &format!("messages[{at}]")), &turn.parts)
}

/// Instructions in the middle of a conversation, told from what the user says.
fn tagged(mut block: Value) -> Value {
    if let Some(Value::String(words)) = block.get_mut("text") {
        *words = format!("<system>\n{words}\n</system>");
    }
    block
}

fn text(words: &str) -> Value {
    json!({"type": "text", "text": words})
}
