//! What the words of a turn do, by language.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::language::{Lang, is_small_word};

mod english;
mod european;

/// What a word may do; a word may do several things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u32);

impl Kinds {
    /// Stands before the request itself: "ok", "please", "and".
    pub(super) const PREFACE: Self = Self(1);
    /// Joins to what was said: "and", "but", "also".
    pub(super) const JOINS: Self = Self(1 << 1);
    /// Reacts to what was said: "ok", "hmm", "thanks".
    pub(super) const REACTS: Self = Self(1 << 2);
    /// Holds a sentence together.
    pub(super) const SMALL: Self = Self(1 << 3);
    /// Stands for something that was named: "it", "those".
    pub(super) const PRONOUN: Self = Self(1 << 4);
    /// Opens a question.
    pub(super) const ASKS: Self = Self(1 << 5);
    /// A preposition, or what else a fragment begins with.
    pub(super) const LINKS: Self = Self(1 << 6);
    /// Compares or counts: "shorter", "another", "second".
    pub(super) const COMPARES: Self = Self(1 << 7);
    /// A verb of work on a text that is there.
    pub(super) const WORKS: Self = Self(1 << 8);
    /// A verb that changes something that is there.
    pub(super) const CHANGES: Self = Self(1 << 9);
    /// A verb that makes or gets something new.
    pub(super) const MAKES: Self = Self(1 << 10);
    /// A part or form of an answer: "ending", "example", "version".
    pub(super) const PART: Self = Self(1 << 11);
    /// What an answer can be put into: languages, formats, tones, readers.
    pub(super) const FORM: Self = Self(1 << 12);
    /// "the" and the like.
    pub(super) const DEFINITE: Self = Self(1 << 13);
    /// "a" and the like.
    pub(super) const INDEFINITE: Self = Self(1 << 14);
    /// "my" and the like.
    pub(super) const OWNS: Self = Self(1 << 15);
    /// Adds to what was said: "too", "instead", "still".
    pub(super) const ADDS: Self = Self(1 << 16);
    /// Of the calendar.
    pub(super) const TIME: Self = Self(1 << 17);
    /// Begins a conversation.
    pub(super) const GREETS: Self = Self(1 << 18);

    /// A number in words.
    pub(super) const NUMBER: Self = Self(1 << 19);
    /// Is followed by a "that" which stands for nothing: "sure that", "know that".
    pub(super) const STATES: Self = Self(1 << 20);

    /// At the end of a turn stands for something: "there", "so".
    pub(super) const TRAILS: Self = Self(1 << 21);
    /// A preposition by which a thing says whose it is: "of".
    pub(super) const TIES: Self = Self(1 << 22);
    /// A verb that makes a sentence of what stands before it: "is", "needs".
    pub(super) const STATED: Self = Self(1 << 23);

    pub(super) fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }

    /// Whether a word says by itself what a turn is about.
    pub(super) fn is_topic(self) -> bool {
        self.0 == 0 || self == Self::TIME
    }

    /// Whether a word asks for work.
    pub(super) fn is_task(self) -> bool {
        [Self::WORKS, Self::CHANGES, Self::MAKES, Self::PART].iter().any(|kind| self.has(*kind))
    }

    /// Whether a word is more than glue.
    pub(super) fn is_content(self) -> bool {
        self.is_topic() || (self.has(Self::PART) && !self.has(Self::SMALL))
    }

    /// Whether a word may be a thing that a clause describes.
    pub(super) fn is_thing(self) -> bool {
        let is_verb = self.has(Self::WORKS) || self.has(Self::CHANGES) || self.has(Self::SMALL);
        self.is_topic() || (!is_verb && (self.has(Self::PART) || self.has(Self::FORM)))
    }

    /// Whether an indefinite article before this word brings a new thing; "a shorter ..." does not.
    pub(super) fn is_new_thing(self) -> bool {
        !self.has(Self::COMPARES) && self.is_thing()
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Words of a language by kind, and its phrases.
pub(super) struct Source {
    /// Kinds and their words.
    pub(super) words: &'static [(Kinds, &'static str)],
    /// Phrases that continue, with a space on either side.
    pub(super) continuing: &'static [&'static str],
    /// Phrases that turn to something else.
    pub(super) turning: &'static [&'static str],
    /// Words for the one who answers, at the head of a remark.
    pub(super) you: &'static [&'static str],
    /// Articles at the head of a remark.
    pub(super) the: &'static [&'static str],
    /// Words that compare with something which has to be known.
    pub(super) relative: &'static [&'static str],
}

/// What is known of one language.
#[derive(Clone, Copy)]
pub(super) struct Lexicon {
    language: Lang,
    words: Option<&'static HashMap<&'static str, Kinds>>,
    pub(super) continuing: &'static [&'static str],
    pub(super) turning: &'static [&'static str],
    pub(super) you: &'static [&'static str],
    pub(super) the: &'static [&'static str],
    pub(super) relative: &'static [&'static str],
}

const NO_PHRASES: &[&str] = &[];

const SOURCES: [(Lang, &Source); 7] = [
    (Lang::English, &english::SOURCE),
    (Lang::German, &european::GERMAN),
    (Lang::French, &european::FRENCH),
    (Lang::Spanish, &european::SPANISH),
    (Lang::Portuguese, &european::PORTUGUESE),
    (Lang::Italian, &european::ITALIAN),
    (Lang::Russian, &european::RUSSIAN),
];

static WORDS: LazyLock<HashMap<Lang, HashMap<&'static str, Kinds>>> = LazyLock::new(|| {
    let read = |source: &Source| {
        let mut words: HashMap<&'static str, Kinds> = HashMap::new();
        for (kind, list) in source.words {
            for word in list.split_whitespace() {
                let kinds = words.entry(word).or_default();
                *kinds = kinds.and(*kind);
            }
        }
        words
    };
    SOURCES.iter().map(|(language, source)| (*language, read(source))).collect()
});

impl Lexicon {
    /// A language without words of its own has its small words, and no phrases.
    pub(super) fn of(language: Lang) -> Self {
        let source =
            SOURCES.iter().find(|(known, _)| *known == language).map(|(_, source)| *source);
        Self {
            language,
            words: WORDS.get(&language),
            continuing: source.map_or(NO_PHRASES, |source| source.continuing),
            turning: source.map_or(NO_PHRASES, |source| source.turning),
            you: source.map_or(NO_PHRASES, |source| source.you),
            the: source.map_or(NO_PHRASES, |source| source.the),
            relative: source.map_or(NO_PHRASES, |source| source.relative),
        }
    }

    pub(super) fn kinds(&self, word: &str) -> Kinds {
        let known = self.words.and_then(|words| words.get(word)).copied().unwrap_or_default();
        // English has its small words sorted already.
        let is_small = self.language != Lang::English && is_small_word(self.language, word);
        if is_small { known.and(Kinds::SMALL) } else { known }
    }
}
