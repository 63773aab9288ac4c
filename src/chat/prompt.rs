//! Which text stands for a conversation.

use super::{ChatRequest, Role};

/// Bytes kept from the beginning. The embedder reads 80 tokens from there, and no ordinary text has 15 bytes a token.
const HEAD_BYTES: usize = 1_200;
/// Bytes kept from the end, for 48 tokens. Instructions often follow a pasted text.
const TAIL_BYTES: usize = 720;

/// The text that is read to decide: the last thing the person said, with its middle cut out when it is long.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prompt(String);

impl Prompt {
    /// Cuts a text before anything tokenizes it: tokenizers take time proportional to the whole text, or worse.
    /// Nothing is left of a text without a visible character.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if text.len() <= HEAD_BYTES + TAIL_BYTES {
            return Some(Self(text.to_owned()));
        }
        let head = text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or_default();
        let tail_start = text.ceil_char_boundary(text.len() - TAIL_BYTES);
        let tail = text.get(tail_start..).unwrap_or_default();
        Some(Self(format!("{head}\n{tail}")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The last user turn that has text; nothing when the person has only sent images, or has not spoken.
#[must_use]
pub fn prompt_of(chat: &ChatRequest) -> Option<Prompt> {
    let mut users = chat.messages().iter().rev().filter(|message| message.role == Role::User);
    users.find_map(|message| Prompt::new(&message.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(messages: &str, expected: Option<&str>) {
        let body = format!(r#"{{"model":"auto","messages":{messages}}}"#);
        let chat = super::super::parse(body.as_bytes()).expect("a good body");
        assert_eq!(prompt_of(&chat).as_ref().map(Prompt::as_str), expected);
    }

    #[test]
    fn the_last_user_turn_with_text_stands_for_the_conversation() {
        check(r#"[{"role":"user","content":"a"}]"#, Some("a"));
        check(
            r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":" c "}]"#,
            Some("c"),
        );
        check(r#"[{"role":"user","content":"a"},{"role":"user","content":""}]"#, Some("a"));
        check(r#"[{"role":"system","content":"a"}]"#, None);
        check(r#"[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]"#, None);
    }

    #[test]
    fn a_long_text_keeps_both_ends_and_whole_characters() {
        for unit in ["a", "é", "漢", "🙂"] {
            let text = format!("start {} end", unit.repeat(9_000));
            let prompt = Prompt::new(&text).expect("visible text");
            assert!(prompt.as_str().len() <= HEAD_BYTES + TAIL_BYTES + 1);
            assert!(prompt.as_str().starts_with("start ") && prompt.as_str().ends_with(" end"));
        }
    }
}
