//! An answer as every dialect can say it, in pieces and whole.

use serde::Deserialize;

use super::conversation::{Call, Part, Reasoning, Seal};

/// Token counts as the provider reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub prompt_tokens: u64,
    /// Tokens written, reasoning included.
    pub completion_tokens: u64,
    /// Of those read, the ones that the provider had kept.
    pub cached_tokens: Option<u64>,
    /// Of those read, the ones that the provider keeps from now on.
    pub cache_write_tokens: Option<u64>,
    /// Of those written, the ones that nobody sees.
    pub reasoning_tokens: Option<u64>,
}

impl Usage {
    /// Reads OpenAI's `usage`. Counts that cannot be read are no reason to lose an answer.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        #[derive(Default, Deserialize)]
        struct Details {
            cached_tokens: Option<u64>,
            cache_write_tokens: Option<u64>,
            reasoning_tokens: Option<u64>,
        }
        #[derive(Deserialize)]
        struct Wire {
            prompt_tokens: Option<u64>,
            completion_tokens: Option<u64>,
            prompt_tokens_details: Option<Details>,
            completion_tokens_details: Option<Details>,
            // DeepSeek's own name for what it had kept.
            prompt_cache_hit_tokens: Option<u64>,
        }
        let wire: Wire = serde_json::from_str(written).ok()?;
        let read = wire.prompt_tokens_details.unwrap_or_default();
        let wrote = wire.completion_tokens_details.unwrap_or_default();
        Some(Self {
            prompt_tokens: wire.prompt_tokens.unwrap_or(0),
            completion_tokens: wire.completion_tokens.unwrap_or(0),
            cached_tokens: read.cached_tokens.or(wire.prompt_cache_hit_tokens),
            cache_write_tokens: read.cache_write_tokens,
            reasoning_tokens: wrote.reasoning_tokens,
        })
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It was complete, or came to one of the caller's stop texts.
    Stop,
    /// It had the length that was allowed.
    Length,
    /// Tools are to be called.
    ToolCalls,
    /// The provider or the model would not say it.
    Filtered,
}

/// A finish reason with which a provider says that it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

impl Finish {
    /// Reads the word of a provider that speaks OpenAI's dialect.
    ///
    /// # Errors
    /// When the word says that the answer failed: to take it for an end would make half an answer look whole.
    pub fn of(word: &str) -> Result<Self, Refused> {
        match word {
            "length" | "max_tokens" | "model_length" => Ok(Self::Length),
            "tool_calls" | "tool_use" | "function_call" => Ok(Self::ToolCalls),
            // GLM's word is the last one.
            "content_filter" | "refusal" | "sensitive" => Ok(Self::Filtered),
            // Aggregators, DeepSeek, GLM and engines that were stopped.
            "error" | "insufficient_system_resource" | "network_error" | "abort" => Err(Refused),
            // `stop`, `eos`, `eos_token`, `stop_sequence`, and whatever engines call the end.
            _ => Ok(Self::Stop),
        }
    }

    /// OpenAI's word.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::Filtered => "content_filter",
        }
    }
}

/// A piece of an answer. `choice` counts the answers that were asked for, from 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Who answers, as the provider names them.
    Start {
        /// The answer's id.
        id: Option<String>,
        /// The model.
        model: Option<String>,
    },
    /// Words.
    Text {
        /// Of which answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// What the model thinks.
    Reasoning {
        /// Of which answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// The vendor's seal on what the model thought up to here.
    Sealed {
        /// Of which answer.
        choice: u32,
        /// To be handed back in the next request.
        seal: Seal,
    },
    /// The model's reason not to answer.
    Refusal {
        /// Of which answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// A call of a tool begins.
    ToolStart {
        /// Of which answer.
        choice: u32,
        /// Counts the calls of an answer, from 0, without gaps.
        slot: u32,
        /// Of the call; made here where the provider gives none.
        id: String,
        /// The tool.
        name: String,
        /// What the vendor wants back with the call.
        seal: Option<Seal>,
    },
    /// A piece of a call's arguments.
    ToolArguments {
        /// Of which answer.
        choice: u32,
        /// Of which call.
        slot: u32,
        /// A piece of JSON.
        fragment: String,
    },
    /// An answer ends. Each that began ends once.
    Finish {
        /// Which one.
        choice: u32,
        /// Why.
        reason: Finish,
    },
    /// Token counts so far; the last ones count.
    Usage(Usage),
}

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// As the provider names it.
    pub id: Option<String>,
    /// As the provider names it.
    pub model: Option<String>,
    /// As many as were asked for.
    pub choices: Vec<Choice>,
    /// Token counts, when the provider reports them.
    pub usage: Option<Usage>,
}

/// One answer of several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// Reasoning, text, refusals and calls, in order.
    pub parts: Vec<Part>,
    /// Nothing while it goes on.
    pub finish: Option<Finish>,
}

impl Answer {
    /// Puts an answer together from its pieces.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Start { id, model } => {
                self.id = id.or_else(|| self.id.take());
                self.model = model.or_else(|| self.model.take());
            }
            Event::Text { choice, text } => match self.last(choice) {
                Some(Part::Text(before)) => before.push_str(&text),
                _ => self.parts(choice).push(Part::Text(text)),
            },
            Event::Refusal { choice, text } => match self.last(choice) {
                Some(Part::Refusal(before)) => before.push_str(&text),
                _ => self.parts(choice).push(Part::Refusal(text)),
            },
            Event::Reasoning { choice, text } => match self.last(choice) {
                Some(Part::Reasoning(Reasoning { text: before, seal: None })) => {
                    before.push_str(&text);
                }
                _ => self.parts(choice).push(Part::Reasoning(Reasoning { text, seal: None })),
            },
            Event::Sealed { choice, seal } => match self.last(choice) {
                Some(Part::Reasoning(Reasoning { seal: found @ None, .. })) => *found = Some(seal),
                _ => {
                    let sealed = Reasoning { text: String::new(), seal: Some(seal) };
                    self.parts(choice).push(Part::Reasoning(sealed));
                }
            },
            Event::ToolStart { choice, slot: _, id, name, seal } => {
                let call = Call { id, name, arguments: String::new(), seal };
                self.parts(choice).push(Part::Call(call));
            }
            Event::ToolArguments { choice, slot, fragment } => {
                if let Some(call) = self.call(choice, slot) {
                    call.arguments.push_str(&fragment);
                }
            }
            Event::Finish { choice, reason } => self.choice(choice).finish = Some(reason),
            Event::Usage(usage) => self.usage = Some(usage),
        }
    }

    /// Takes an answer apart into the pieces in which it might have come.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        let mut events = vec![Event::Start { id: self.id, model: self.model }];
        for (choice, said) in (0_u32..).zip(self.choices) {
            let mut slot = 0;
            for part in said.parts {
                push_part(&mut events, choice, &mut slot, part);
            }
            events.extend(said.finish.map(|reason| Event::Finish { choice, reason }));
        }
        events.extend(self.usage.map(Event::Usage));
        events
    }

    fn choice(&mut self, choice: u32) -> &mut Choice {
        let at = usize::try_from(choice.min(CHOICES_MAX)).unwrap_or_default();
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Choice::default);
        }
        // Just made long enough.
        &mut self.choices[at]
    }

    fn parts(&mut self, choice: u32) -> &mut Vec<Part> {
        &mut self.choice(choice).parts
    }

    fn last(&mut self, choice: u32) -> Option<&mut Part> {
        self.parts(choice).last_mut()
    }

    fn call(&mut self, choice: u32, slot: u32) -> Option<&mut Call> {
        let calls = self.parts(choice).iter_mut().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            Part::Text(_)
            | Part::Image(_)
            | Part::Audio(_)
            | Part::File(_)
            | Part::Refusal(_)
            | Part::Reasoning(_)
            | Part::Returned(_)
            | Part::CachePoint(_)
            | Part::Other(_) => None,
        });
        calls.into_iter().nth(usize::try_from(slot).ok()?)
    }
}

/// Highest number of an answer; a request may ask for 128.
const CHOICES_MAX: u32 = 127;

fn push_part(events: &mut Vec<Event>, choice: u32, slot: &mut u32, part: Part) {
    match part {
        Part::Text(text) if !text.is_empty() => events.push(Event::Text { choice, text }),
        Part::Refusal(text) if !text.is_empty() => events.push(Event::Refusal { choice, text }),
        Part::Reasoning(Reasoning { text, seal }) => {
            if !text.is_empty() {
                events.push(Event::Reasoning { choice, text });
            }
            events.extend(seal.map(|seal| Event::Sealed { choice, seal }));
        }
        Part::Call(Call { id, name, arguments, seal }) => {
            events.push(Event::ToolStart { choice, slot: *slot, id, name, seal });
            events.push(Event::ToolArguments { choice, slot: *slot, fragment: arguments });
            *slot += 1;
        }
        Part::Text(_)
        | Part::Refusal(_)
        | Part::Image(_)
        | Part::Audio(_)
        | Part::File(_)
        | Part::Returned(_)
        | Part::CachePoint(_)
        | Part::Other(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Vendor;

    fn seal() -> Seal {
        Seal { vendor: Vendor::Anthropic, is_whole: false, data: "s".to_owned() }
    }

    #[test]
    fn pieces_make_the_answer_that_gives_the_same_pieces() {
        let text = |text: &str| Event::Text { choice: 0, text: text.to_owned() };
        let start = Event::Start { id: Some("a".to_owned()), model: None };
        let pieces = vec![
            start,
            Event::Reasoning { choice: 0, text: "hm".to_owned() },
            Event::Sealed { choice: 0, seal: seal() },
            text("one"),
            Event::ToolStart {
                choice: 0,
                slot: 0,
                id: "c".to_owned(),
                name: "f".to_owned(),
                seal: None,
            },
            Event::ToolArguments { choice: 0, slot: 0, fragment: "{}".to_owned() },
            Event::Finish { choice: 0, reason: Finish::ToolCalls },
            Event::Usage(Usage { prompt_tokens: 1, ..Usage::default() }),
        ];
        let mut answer = Answer::default();
        pieces.iter().cloned().for_each(|piece| answer.add(piece));
        assert_eq!(answer.choices[0].parts.len(), 3);
        assert_eq!(answer.into_events(), pieces);
    }

    #[test]
    fn pieces_of_one_text_are_joined() {
        let mut answer = Answer::default();
        for text in ["a", "b"] {
            answer.add(Event::Text { choice: 1, text: text.to_owned() });
        }
        assert_eq!(answer.choices[1].parts, [Part::Text("ab".to_owned())]);
        assert!(answer.choices[0].parts.is_empty());
    }
}
