//! Which text stands for a conversation, and what its parts are.

use super::follow_up::{Lean, lean};
use super::language::{Lang, language_of};
use super::passage::Passage;
use super::split::split;
use super::{ChatRequest, Message, Role};

/// Turns that may stand behind a follow-up; who asks "and now?" a fifth time still means the first of them.
const EARLIER_MAX: usize = 4;
/// Bytes of a system prompt that are read, where that is asked for. Its first sentences say what the assistant is for.
const SYSTEM_BYTES_MAX: usize = 480;

/// What is read of a conversation to decide: its last user turn that has text, whole and in parts. Tool results,
/// answers, images and encoded bytes are not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prompt {
    /// The turn; behind the beginning of the system prompt where that is asked for.
    pub whole: Passage,
    /// What the person wants done; the turn itself when nothing in it is plainly pasted.
    pub instruction: Passage,
    /// What was pasted for it to be done to.
    pub payload: Option<Passage>,
    /// The turns before, from the one with which the matter began, when this one cannot be judged alone.
    pub earlier: Option<Passage>,
    /// How much the turn leans on the one before it.
    pub lean: Lean,
    /// The language of the instruction, where it can be told.
    pub language: Option<Lang>,
}

/// What to read of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// It decides.
    pub decides: Passage,
    /// It can only lead to a stricter tier.
    pub may_raise: Option<Passage>,
}

impl Prompt {
    /// A turn without a conversation around it. Nothing is read of a text without a visible character.
    #[must_use]
    pub fn new(turn: &str) -> Option<Self> {
        let whole = Passage::new(turn)?;
        let (instruction, payload) = match split(turn) {
            Some(parts) => {
                (Passage::joined(&[parts.before, parts.after]), Passage::new(parts.payload))
            }
            None => (None, None),
        };
        let instruction = instruction.unwrap_or_else(|| whole.clone());
        let language = language_of(instruction.as_str());
        Some(Self { whole, instruction, payload, earlier: None, lean: Lean::default(), language })
    }

    /// The turn, as it is read when it is read alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.whole.as_str()
    }

    /// A follow-up behind what it continues: the second way to read it.
    #[must_use]
    pub fn in_context(&self) -> Option<Passage> {
        let earlier = self.earlier.as_ref()?;
        Passage::joined(&[earlier.as_str(), self.instruction.as_str()])
    }

    /// What to read to decide. A follow-up stays where the matter began: "and in French?" says nothing alone. Of a turn with a
    /// pasted text the instruction decides.
    #[must_use]
    pub fn texts(&self) -> Texts {
        let (decides, may_raise) = match (&self.earlier, &self.payload) {
            (Some(earlier), _) => (earlier, self.in_context()),
            (None, Some(_)) => (&self.instruction, Some(self.whole.clone())),
            (None, None) => (&self.whole, None),
        };
        Texts { decides: decides.clone(), may_raise }
    }

    /// Finds what a turn continues among the turns before it, newest first.
    fn following<'a>(mut self, turn: &'a str, before: impl Iterator<Item = &'a str>) -> Self {
        let (mut turn, mut earlier) = (turn, Vec::new());
        for previous in before.take(EARLIER_MAX) {
            let leans = lean(turn, previous);
            if earlier.is_empty() {
                self.lean = leans;
            }
            if !leans.is_follow_up() {
                break;
            }
            earlier.push(previous);
            turn = previous;
        }
        earlier.reverse();
        self.earlier = Passage::joined(&earlier);
        self.language = self.language.or_else(|| language_of(self.earlier.as_ref()?.as_str()));
        self
    }

    /// Puts the beginning of the system prompt before the turn.
    fn under(mut self, system: Option<&Message>) -> Self {
        let system = system.map_or("", |message| message.text.trim());
        let system = system.get(..system.floor_char_boundary(SYSTEM_BYTES_MAX)).unwrap_or_default();
        if let Some(whole) = Passage::joined(&[system, self.whole.as_str()]) {
            self.whole = whole;
        }
        self
    }
}

/// What is read beside the person's turns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// The beginning of the system prompt, before the turn.
    pub system: bool,
}

/// Reads a conversation; nothing when the person has only sent images, or has not spoken.
#[must_use]
pub fn prompt_of(chat: &ChatRequest, reads: Reads) -> Option<Prompt> {
    let is_user = |message: &&Message| message.role == Role::User;
    let newest_first = chat.messages().iter().rev().filter(is_user);
    let mut turns = newest_first.map(|message| message.text.as_str());
    let (turn, prompt) = turns.find_map(|turn| Some((turn, Prompt::new(turn)?)))?;
    let prompt = prompt.following(turn, turns.filter(|before| !before.trim().is_empty()));
    if !reads.system {
        return Some(prompt);
    }
    let is_system = |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    Some(prompt.under(chat.messages().iter().find(is_system)))
}

#[cfg(test)]
mod tests;
