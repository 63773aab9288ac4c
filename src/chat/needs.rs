//! What a target has to be able to do to answer a conversation.

use serde::Deserialize;

use super::conversation::{Conversation, Format, Part, Speaker, Takes, Tool};
use super::request::{Message, Role};

/// Tokens that an answer is taken to have, where the caller sets no limit.
const ANSWER_TOKENS: u64 = 512;
/// Bytes of ASCII to a token: what the tokenizers of large models need for English and code, about.
const ASCII_BYTES: u64 = 4;
/// Tokens that a turn costs beside its text.
const TURN_TOKENS: u64 = 4;

/// What a target has to be able to do.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one question, and no two exclude each other"
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Tokens to read, estimated: nobody here knows every provider's tokenizer. Images are not counted.
    pub tokens: u64,
    /// Tokens to write: the caller's limit, or a usual answer.
    pub answer_tokens: u64,
    /// The answer's limit is the caller's own.
    pub is_limited: bool,
    /// See images.
    pub images: bool,
    /// Call tools.
    pub tools: bool,
    /// Answer in a JSON schema.
    pub json_schema: bool,
    /// Go on with an answer that the conversation ends with.
    pub prefill: bool,
    /// Give exactly one answer, in words alone.
    pub one_text: bool,
}

impl Needs {
    pub(super) fn of<'a>(messages: &[Message], field: &dyn Fn(&str) -> Option<&'a str>) -> Self {
        let of_tools = field("tools").or_else(|| field("functions"));
        let texts = messages.iter().map(|message| tokens_of(&message.text) + TURN_TOKENS);
        let tokens = texts.sum::<u64>() + of_tools.map_or(0, tokens_of);
        let number = |name| field(name).and_then(|text| text.parse::<u64>().ok());
        let limit = number("max_completion_tokens").or_else(|| number("max_tokens"));
        let tools = of_tools.is_some_and(|tools| tools != "[]");
        let json_schema = field("response_format").is_some_and(is_schema);
        let is_one = number("n").is_none_or(|choices| choices == 1);
        let logprobs = field("logprobs").is_some_and(|text| text == "true");
        Self {
            tokens,
            answer_tokens: limit.unwrap_or(ANSWER_TOKENS),
            is_limited: limit.is_some(),
            images: messages.iter().any(|message| message.has_image),
            tools,
            json_schema,
            prefill: messages.last().is_some_and(|last| last.role == Role::Assistant),
            one_text: is_one && !logprobs,
        }
    }
}

impl Needs {
    /// What a conversation needs that was read from any surface.
    #[must_use]
    pub fn of_conversation(conversation: &Conversation) -> Self {
        let turns = conversation.turns.iter();
        let parts = || conversation.turns.iter().flat_map(|turn| &turn.parts);
        let tools = conversation.tools.iter().map(tokens_of_tool).sum::<u64>();
        let tokens = turns.map(|turn| tokens_of_parts(&turn.parts) + TURN_TOKENS).sum::<u64>();
        let sampling = &conversation.sampling;
        Self {
            tokens: tokens + tools,
            answer_tokens: conversation.max_tokens.unwrap_or(ANSWER_TOKENS),
            is_limited: conversation.max_tokens.is_some(),
            images: parts().any(|part| matches!(part, Part::Image(_))),
            tools: !conversation.tools.is_empty(),
            json_schema: matches!(conversation.format, Format::Schema { .. }),
            prefill: conversation
                .turns
                .last()
                .is_some_and(|last| last.speaker == Speaker::Assistant),
            one_text: sampling.choices.is_none_or(|choices| choices == 1)
                && sampling.logprobs != Some(true),
        }
    }
}

fn tokens_of_parts(parts: &[Part]) -> u64 {
    let count = |part: &Part| match part {
        Part::Text(text) | Part::Refusal(text) => tokens_of(text),
        Part::Reasoning(thought) => tokens_of(&thought.text),
        Part::Call(call) => tokens_of(&call.name) + tokens_of(&call.arguments),
        Part::Returned(result) => tokens_of_parts(&result.parts),
        Part::Other(value) => tokens_of(&value.to_string()),
        Part::Image(_) | Part::Audio(_) | Part::File(_) | Part::CachePoint(_) => 0,
    };
    parts.iter().map(count).sum()
}

fn tokens_of_tool(tool: &Tool) -> u64 {
    let takes = match &tool.takes {
        Takes::Object { schema, .. } => schema.as_ref().map(ToString::to_string),
        Takes::Text(format) => format.as_ref().map(ToString::to_string),
        Takes::Hosted(whole) => Some(whole.to_string()),
    };
    let texts = [Some(&tool.name), tool.description.as_ref(), takes.as_ref()];
    texts.into_iter().flatten().map(|text| tokens_of(text)).sum()
}

fn is_schema(written: &str) -> bool {
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
    }
    serde_json::from_str::<Format<'_>>(written).is_ok_and(|format| format.kind == "json_schema")
}

/// A quarter of a token for a byte of ASCII, a whole one for any other character.
fn tokens_of(text: &str) -> u64 {
    let (mut ascii, mut others) = (0_u64, 0_u64);
    for byte in text.bytes() {
        ascii += u64::from(byte.is_ascii());
        // One byte of a character begins it; the rest have the form 10xxxxxx.
        others += u64::from(!byte.is_ascii() && byte & 0b1100_0000 != 0b1000_0000);
    }
    ascii.div_ceil(ASCII_BYTES) + others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Surface, parse};

    fn needs(fields: &str) -> Needs {
        let body = format!(r#"{{"model":"auto",{fields}}}"#);
        parse(body.as_bytes()).expect("a good body").needs()
    }

    #[test]
    fn what_is_needed_is_read_from_the_body() {
        let plain = needs(r#""messages":[{"role":"user","content":"four byte"}]"#);
        assert_eq!((plain.tokens, plain.answer_tokens, plain.is_limited), (7, 512, false));
        assert!(plain.one_text && !plain.images && !plain.tools && !plain.prefill);
        let all = needs(
            r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]},
               {"role":"assistant","content":"日本"}],"tools":[{}],"max_tokens":9,"n":2,
               "response_format":{"type":"json_schema"}"#,
        );
        assert!(all.images && all.tools && all.json_schema && all.prefill && !all.one_text);
        assert_eq!((all.tokens, all.answer_tokens), (11, 9));
        assert!(!needs(r#""messages":[{"role":"user","content":"x"}],"tools":[]"#).tools);
    }

    #[test]
    fn a_beginning_is_added_as_the_last_turn() {
        let body = r#"{"model":"auto","messages":[{"role":"user","content":"x"} ]}"#;
        let chat = parse(body.as_bytes()).expect("a good body");
        let longer = chat.with_beginning("a \"b\"").expect("an array of messages");
        let fields = longer.written(Surface::Chat).expect("still chat");
        let fields: Vec<(&str, &str)> = fields.iter().collect();
        let expected =
            r#"[{"role":"user","content":"x"} ,{"role":"assistant","content":"a \"b\""}]"#;
        assert_eq!(fields[1], ("messages", expected));
        assert!(longer.needs().prefill && !chat.needs().prefill);
    }
}
