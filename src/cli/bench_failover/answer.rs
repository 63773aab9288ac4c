//! What is asked, what each provider answers, and what is to be said of an answer that came. Computes only.

use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::PROVIDERS;

/// The providers' names. A provider's one model is called after it.
pub(super) const NAMES: [&str; PROVIDERS] = ["north", "east", "south", "west"];
/// Words of an answer after the ones that say whose it is.
const WORDS: u32 = 12;
/// Tokens that the first provider says to have read; every further one says one more, so that counts tell whose they are.
const TOKENS_READ: u64 = 100;

/// One request of the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) number: u32,
    pub(super) is_streamed: bool,
}

impl Question {
    /// As a chat request.
    pub(super) fn body(self, model: &str) -> String {
        let Self { number, is_streamed } = self;
        let messages = json!([{"role": "user", "content": format!("request {number}")}]);
        if is_streamed {
            let options = json!({"include_usage": true});
            return json!({"model": model, "messages": messages, "stream": true, "stream_options": options})
                .to_string();
        }
        json!({"model": model, "messages": messages}).to_string()
    }
}

pub(super) fn name(who: usize) -> &'static str {
    NAMES.get(who).copied().unwrap_or_default()
}

pub(super) fn model(who: usize) -> String {
    format!("model-{}", name(who))
}

pub(super) fn target(who: usize) -> String {
    format!("{}/{}", name(who), model(who))
}

/// Nobody else says this, and not to another question.
pub(super) fn text(who: usize, number: u32) -> String {
    let name = name(who);
    let words: String = (1..=WORDS).map(|word| format!(" {name}-{word}")).collect();
    format!("{name} answers request {number}:{words}")
}

pub(super) fn usage(who: usize) -> Value {
    let (read, written) = (tokens_read(who), u64::from(WORDS));
    json!({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written})
}

fn tokens_read(who: usize) -> u64 {
    TOKENS_READ + u64::try_from(who).unwrap_or_default()
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Who answered, as the gateway says.
    pub(super) target: String,
    /// How many targets were asked, as the gateway says.
    pub(super) attempts: u32,
    pub(super) body: String,
    /// The body came to the end that HTTP gives it.
    pub(super) is_whole: bool,
}

/// What is to be said of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Served,
    /// No answer, or it broke before its first word.
    Dropped,
    /// An answer that lacks its end, whether it says so or not.
    Truncated,
    /// The model, the header, the tokens and the words do not agree on who answered what.
    Mislabelled,
}

impl Verdict {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Dropped => "dropped",
            Self::Truncated => "truncated",
            Self::Mislabelled => "mislabelled",
        }
    }
}

/// Without a reply the connection failed or the time was up.
pub(super) fn judge(question: Question, reply: Option<&Reply>) -> Verdict {
    let Some(reply) = reply.filter(|reply| (200..300).contains(&reply.status)) else {
        return Verdict::Dropped;
    };
    let told =
        if question.is_streamed { Told::streamed(&reply.body) } else { Told::whole(&reply.body) };
    if !reply.is_whole || !told.has_ended || told.has_error {
        return if told.text.is_empty() { Verdict::Dropped } else { Verdict::Truncated };
    }
    let number = question.number;
    let said_by = (0..PROVIDERS).find(|who| text(*who, number) == told.text);
    let Some(who) = said_by else {
        if told.was_taken_over(number, &reply.target) {
            return Verdict::Served;
        }
        let is_part = (0..PROVIDERS).any(|who| text(who, number).starts_with(&told.text));
        return if is_part { Verdict::Truncated } else { Verdict::Mislabelled };
    };
    let is_labelled = reply.target == target(who)
        && told.tokens_read == Some(tokens_read(who))
        && told.pieces.iter().all(|(named, _)| *named == model(who))
        && !told.pieces.is_empty();
    if is_labelled { Verdict::Served } else { Verdict::Mislabelled }
}

/// An answer taken apart.
#[derive(Debug, Default)]
struct Told {
    text: String,
    /// The model that each piece names, and its words.
    pieces: Vec<(String, String)>,
    tokens_read: Option<u64>,
    /// With a finish reason, and streamed with the sentinel behind it.
    has_ended: bool,
    has_error: bool,
}

#[derive(Debug, Deserialize)]
struct Piece {
    #[serde(default)]
    model: String,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(alias = "message")]
    delta: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Said {
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    prompt_tokens: u64,
}

impl Told {
    fn whole(body: &str) -> Self {
        let mut told = Self::default();
        told.has_ended = told.hear(body);
        told
    }

    fn streamed(body: &str) -> Self {
        let (mut told, mut is_finished) = (Self::default(), false);
        for line in body.lines() {
            match line.strip_prefix("data:").map(str::trim) {
                Some("[DONE]") => told.has_ended = is_finished,
                Some(data) => is_finished |= told.hear(data),
                // Comments and the empty lines between events.
                None => {}
            }
        }
        told
    }

    /// Adds a piece, and says whether it is finished with it. What cannot be read is an error.
    fn hear(&mut self, json: &str) -> bool {
        let Ok(piece) = serde_json::from_str::<Piece>(json) else {
            self.has_error = true;
            return false;
        };
        self.has_error |= piece.error.is_some();
        self.tokens_read = piece.usage.map(|usage| usage.prompt_tokens).or(self.tokens_read);
        let (mut is_finished, mut words) = (false, String::new());
        for choice in piece.choices {
            words.push_str(&choice.delta.and_then(|said| said.content).unwrap_or_default());
            is_finished |= choice.finish_reason.is_some();
        }
        self.text.push_str(&words);
        self.pieces.push((piece.model, words));
        is_finished
    }

    /// Whether the one that the header names began and another one went on: its header had left by then, so the words decide. Every
    /// piece names who said its words, the words of both make one answer without a gap, and the tokens are the last one's.
    fn was_taken_over(&self, number: u32, header: &str) -> bool {
        let Some(first) = (0..PROVIDERS).find(|who| target(*who) == header) else { return false };
        let begun = self.pieces.iter().take_while(|(named, _)| *named == model(first)).count();
        let (begun, gone_on) = self.pieces.split_at(begun);
        let Some(last) = (0..PROVIDERS).find(|who| self.tokens_read == Some(tokens_read(*who)))
        else {
            return false;
        };
        let words = |pieces: &[(String, String)]| {
            pieces.iter().map(|(_, words)| words.as_str()).collect::<String>()
        };
        let (head, tail) = (words(begun), words(gone_on));
        let count = |text: &str| text.split_whitespace().count();
        first != last
            && gone_on.iter().all(|(named, _)| *named == model(last))
            && text(first, number).starts_with(&head)
            && text(last, number).ends_with(&tail)
            && !head.is_empty()
            && count(&head) + count(&tail) == count(&text(last, number))
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
