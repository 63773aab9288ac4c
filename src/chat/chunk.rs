//! The pieces in which an answer comes.

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::answer::{Answer, Event, Finish, Refused, Usage};
use super::losses::Losses;

/// How a piece of an answer is carried to its caller.
#[derive(Debug, Clone)]
pub enum Carried {
    /// In the caller's own dialect: one line of valid JSON, passed on as it is.
    Written(String),
    /// To be written in the caller's dialect.
    Events(Vec<Event>),
}

/// One event of a streamed answer, and what the program needs to know of it.
#[derive(Debug)]
pub struct Chunk {
    /// What it says.
    pub carried: Carried,
    /// Text, reasoning, a refusal or a piece of a tool call; not a role, not a comment, not an empty delta.
    pub has_content: bool,
    /// The text that it adds to the only choice; nothing where it says anything else, or several choices speak.
    pub text: Option<String>,
    /// Bytes of JSON of all that it says.
    pub said: usize,
    /// The choices that this event speaks of, one bit an index.
    pub choices: u128,
    /// Those of them that end in it.
    pub finished: u128,
    /// No choices at all: token counts, content-filter results, keep-alives.
    pub is_bare: bool,
    /// Token counts, when this event carries them.
    pub usage: Option<Usage>,
}

/// Why an event is not a piece of an answer.
#[derive(Debug, Error)]
pub enum ChunkError {
    /// The provider reports an error inside a stream that began well.
    #[error("the provider reported an error in its stream")]
    InBand {
        /// The event as it came.
        json: String,
    },
    /// Not JSON, or not an object with choices.
    #[error("an event is not a chat completion chunk")]
    Malformed(#[source] serde_json::Error),
}

impl Chunk {
    /// Reads the data of one event.
    ///
    /// # Errors
    /// When it is an error object, or no chunk at all.
    pub fn parse(data: String) -> Result<Self, ChunkError> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(default, borrow)]
            choices: Option<Vec<Choice<'a>>>,
            #[serde(default, borrow)]
            usage: Option<&'a RawValue>,
            #[serde(default, borrow)]
            error: Option<&'a RawValue>,
        }
        let wire: Wire<'_> = serde_json::from_str(&data).map_err(ChunkError::Malformed)?;
        let choices = wire.choices.unwrap_or_default();
        let ends = choices.iter().filter_map(|choice| choice.finish_reason);
        let ends = ends.map(|word| Finish::of(word).map(|end| (word, end)));
        let Ok(ends) = ends.collect::<Result<Vec<(&str, Finish)>, Refused>>() else {
            return Err(ChunkError::InBand { json: data });
        };
        let is_foreign = ends.iter().any(|(word, end)| *word != end.label() && *word != LEGACY);
        if says_something(wire.error) {
            return Err(ChunkError::InBand { json: data });
        }
        let has_content = choices.iter().any(Choice::has_content);
        let finished = choices.iter().filter(|choice| choice.finish_reason.is_some());
        let finished = finished.fold(0, |bits, choice| bits | choice.bit());
        let usage = wire.usage.and_then(|written| Usage::parse(written.get()));
        let is_bare = choices.is_empty();
        let said = choices.iter().map(Choice::said).sum();
        let text = match choices.as_slice() {
            [only] => only.text_alone(),
            _ => None,
        };
        let choices = choices.iter().fold(0, |bits, choice| bits | choice.bit());
        // JSON allows line breaks between its tokens; an event stream does not.
        let json = if data.contains(['\n', '\r']) { data.replace(['\n', '\r'], " ") } else { data };
        let json = if is_foreign { with_known_ends(&json).unwrap_or(json) } else { json };
        Ok(Self {
            carried: Carried::Written(json),
            has_content,
            text,
            said,
            choices,
            finished,
            is_bare,
            usage,
        })
    }
}

/// The end of an answer with a call in the older shape, which only who asked in that shape gets.
const LEGACY: &str = "function_call";

impl Chunk {
    /// A piece that has to be written in the caller's dialect.
    #[must_use]
    pub fn of(events: Vec<Event>) -> Self {
        let facts = Self::about(&events);
        Self { carried: Carried::Events(events), ..facts }
    }

    /// A piece in the caller's own dialect, of which the events are known.
    #[must_use]
    pub fn passing(json: String, events: &[Event]) -> Self {
        Self { carried: Carried::Written(json), text: None, ..Self::about(events) }
    }

    /// Bytes that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.carried {
            Carried::Written(json) => json.len(),
            Carried::Events(events) => self.said + size_of_val(events.as_slice()),
        }
    }

    fn about(events: &[Event]) -> Self {
        let (mut said, mut choices, mut finished, mut usage) = (0, 0_u128, 0_u128, None);
        let mut spoken = |choice: &u32, bytes: usize| {
            choices |= bit(*choice);
            said += bytes;
        };
        for event in events {
            match event {
                Event::Start { .. } => {}
                Event::Text { choice, text }
                | Event::Reasoning { choice, text }
                | Event::Refusal { choice, text } => spoken(choice, text.len()),
                Event::Sealed { choice, seal } => spoken(choice, seal.data.len()),
                Event::ToolStart { choice, name, .. } => spoken(choice, name.len() + 1),
                Event::ToolArguments { choice, fragment, .. } => spoken(choice, fragment.len()),
                Event::Finish { choice, .. } => {
                    spoken(choice, 0);
                    finished |= bit(*choice);
                }
                Event::Usage(counts) => usage = Some(*counts),
            }
        }
        let text = match events {
            [Event::Text { choice: 0, text }] => Some(text.clone()),
            _ => None,
        };
        let carried = Carried::Written(String::new());
        let (has_content, is_bare) = (said > 0, choices == 0);
        Self { carried, has_content, text, said, choices, finished, is_bare, usage }
    }
}

/// A request may ask for 128 choices at most; one beyond them is not told apart from the first.
fn bit(choice: u32) -> u128 {
    1_u128.checked_shl(choice).unwrap_or(1)
}

/// The same piece with the words for an end that clients know.
fn with_known_ends(json: &str) -> Option<String> {
    let mut whole: serde_json::Value = serde_json::from_str(json).ok()?;
    for choice in whole.get_mut("choices")?.as_array_mut()? {
        let Some(word) = choice.get("finish_reason").and_then(serde_json::Value::as_str) else {
            continue;
        };
        let known = Finish::of(word).ok().filter(|_| word != LEGACY)?;
        choice["finish_reason"] = known.label().into();
    }
    Some(whole.to_string())
}

fn says_something(value: Option<&RawValue>) -> bool {
    value.is_some_and(|value| !matches!(value.get(), "null" | r#""""# | "[]" | "{}" | "false"))
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(default, borrow, alias = "message")]
    delta: Option<Delta<'a>>,
    #[serde(default, borrow)]
    text: Option<&'a RawValue>,
    #[serde(default, borrow)]
    finish_reason: Option<&'a str>,
}

impl Choice<'_> {
    fn bit(&self) -> u128 {
        bit(self.index)
    }

    fn has_content(&self) -> bool {
        self.said() > 0
    }

    fn said(&self) -> usize {
        let text = self.text.filter(|text| says_something(Some(text)));
        self.delta.as_ref().map_or(0, Delta::said) + text.map_or(0, |text| text.get().len())
    }

    /// Its text, if it says nothing else.
    fn text_alone(&self) -> Option<String> {
        let delta = self.delta.as_ref().filter(|_| self.index == 0)?;
        let content = delta.content.filter(|content| says_something(Some(content)))?;
        if self.said() > content.get().len() {
            return None;
        }
        serde_json::from_str(content.get()).ok()
    }
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(default, borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(default, borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(default, borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(default, borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(default, borrow)]
    audio: Option<&'a RawValue>,
}

impl Delta<'_> {
    fn said(&self) -> usize {
        let parts = [
            self.content,
            self.tool_calls,
            self.refusal,
            self.reasoning_content,
            self.reasoning,
            self.function_call,
            self.audio,
        ];
        let said = parts.into_iter().flatten().filter(|part| says_something(Some(part)));
        said.map(|part| part.get().len()).sum()
    }
}

/// A whole answer, and what the program needs to know of it.
#[derive(Debug)]
pub struct Completion {
    /// What it says.
    pub body: Whole,
    /// At least one choice says something or names why it ended.
    pub has_answer: bool,
    /// Token counts, when the provider reports them.
    pub usage: Option<Usage>,
    /// What the provider was not told of the request.
    pub losses: Losses,
}

/// How a whole answer is carried to its caller.
#[derive(Debug)]
pub enum Whole {
    /// In the caller's own dialect: valid JSON, passed on as it is.
    Written(String),
    /// To be written in the caller's dialect.
    Answer(Answer),
}

impl Completion {
    /// Reads a whole answer in OpenAI's dialect.
    ///
    /// # Errors
    /// When it is an error object, or no completion at all.
    pub fn parse(data: String) -> Result<Self, ChunkError> {
        let chunk = Chunk::parse(data)?;
        let has_answer = chunk.has_content || chunk.finished != 0;
        let json = match chunk.carried {
            Carried::Written(json) => json,
            Carried::Events(_) => String::new(),
        };
        let (body, usage) = (Whole::Written(json), chunk.usage);
        Ok(Self { body, has_answer, usage, losses: Losses::default() })
    }

    /// An answer that has to be written in the caller's dialect.
    #[must_use]
    pub fn of(answer: Answer) -> Self {
        let (has_answer, usage) = (is_answer(&answer), answer.usage);
        Self { body: Whole::Answer(answer), has_answer, usage, losses: Losses::default() }
    }

    /// An answer in the caller's own dialect, of which it is known what it says.
    #[must_use]
    pub fn passing(json: String, answer: &Answer) -> Self {
        let (has_answer, usage) = (is_answer(answer), answer.usage);
        Self { body: Whole::Written(json), has_answer, usage, losses: Losses::default() }
    }
}

fn is_answer(answer: &Answer) -> bool {
    answer.choices.iter().any(|choice| choice.finish.is_some() || !choice.parts.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &str, expected: &str) {
        let chunk = Chunk::parse(data.to_owned()).expect(data);
        let found = [
            (chunk.has_content, "content"),
            (chunk.finished != 0, "finished"),
            (chunk.is_bare, "bare"),
        ];
        let found: Vec<&str> =
            found.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect();
        assert_eq!(found.join(" "), expected, "{data}");
    }

    #[test]
    fn content_is_what_a_person_or_a_tool_would_notice() {
        check(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, "");
        check(r#"{"choices":[{"delta":{"content":"a"}}]}"#, "content");
        check(r#"{"choices":[{"delta":{"content":null,"reasoning_content":"a"}}]}"#, "content");
        check(r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#, "content");
        check(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, "finished");
        check(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#, "bare");
        check(
            r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#,
            "content finished",
        );
    }

    #[test]
    fn every_choice_has_its_bit() {
        let data =
            r#"{"choices":[{"index":2,"delta":{}},{"index":5,"delta":{},"finish_reason":"stop"}]}"#;
        let chunk = Chunk::parse(data.to_owned()).expect("valid JSON");
        assert_eq!((chunk.choices, chunk.finished), (0b10_0100, 0b10_0000));
    }

    #[test]
    fn errors_inside_a_stream_are_told_from_noise() {
        let in_band = r#"{"error":{"message":"overloaded"}}"#.to_owned();
        assert!(matches!(Chunk::parse(in_band), Err(ChunkError::InBand { .. })));
        let gave_up = r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#.to_owned();
        assert!(matches!(Chunk::parse(gave_up), Err(ChunkError::InBand { .. })));
        assert!(matches!(Chunk::parse("{".to_owned()), Err(ChunkError::Malformed(_))));
        for harmless in [
            r#"{"error":null,"choices":[]}"#,
            r#"{"error":{},"choices":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":"many"}}"#,
        ] {
            assert!(Chunk::parse(harmless.to_owned()).is_ok(), "{harmless}");
        }
    }

    #[test]
    fn line_breaks_between_tokens_never_reach_the_event_stream() {
        let chunk = Chunk::parse("{\n\"choices\":\r\n[]}".to_owned()).expect("valid JSON");
        assert!(matches!(chunk.carried, Carried::Written(json) if json == "{ \"choices\":  []}"));
    }
}
