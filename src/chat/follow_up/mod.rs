//! Whether a turn can be judged alone, or leans on the one before it.
//!
//! "And in French?" has a route only together with what it continues. Signs for and against are counted in points; all of
//! them are in this folder and are words of the turn itself, apart from one: a definite "the poem" counts more when the
//! turn before spoke of a poem. Long turns need more points, because they say more themselves.

mod eastern;
mod lexicon;

use super::language::{Lang, language_of};
use lexicon::{Kinds, Lexicon};

/// Points from which a short turn is a follow-up.
const NEEDED: i8 = 3;
/// Longest turn that may be a follow-up.
const FOLLOW_UP_BYTES_MAX: usize = 280;
/// Words up to which `NEEDED` points are enough; further ones cost a point for each step.
const SHORT_WORDS: usize = 12;
/// Words in a step.
const STEP_WORDS: usize = 10;
/// What one plain sign is worth, enough by itself.
const PLAIN: i8 = 3;
/// What a sign is worth that needs another.
const FAINT: i8 = 2;
/// What a slight sign is worth.
const SLIGHT: i8 = 1;
/// What the words "on another topic" are worth; nothing outweighs them.
const TURNING: i8 = -12;
/// Words up to which a fragment is one: "in French", "a bit shorter".
const FRAGMENT_WORDS: usize = 6;
/// Words up to which what begins with a comparison is one: "same, but for a longer list".
const COMPARISON_WORDS: usize = 8;
/// Words up to which a change needs no article: "add type hints".
const CHANGE_WORDS: usize = 3;
/// Words among which a request has its verb.
const MAKING_WORDS: usize = 3;
/// Words up to which the line before a text only hands it over: "same for this one: ...".
const HANDOVER_WORDS: usize = 5;
/// Words up to which a turn without a topic of its own can do without one.
const BARE_WORDS: usize = 10;

/// How much a turn leans on the ones before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Lean {
    points: i8,
    needed: i8,
}

impl Lean {
    /// Signs for, less signs against.
    #[must_use]
    pub fn points(self) -> i8 {
        self.points
    }

    /// What a turn of this length needs.
    #[must_use]
    pub fn needed(self) -> i8 {
        self.needed
    }

    /// Whether the turn has to be judged together with the ones before it.
    #[must_use]
    pub fn is_follow_up(self) -> bool {
        self.needed > 0 && self.points >= self.needed
    }
}

/// How much `turn` leans on `earlier`, the person's turn before it.
pub(super) fn lean(turn: &str, earlier: &str) -> Lean {
    let turn = turn.trim();
    let head = turn.get(..turn.floor_char_boundary(FOLLOW_UP_BYTES_MAX)).unwrap_or_default();
    let language = language_of(head).or_else(|| language_of(earlier)).unwrap_or(Lang::English);
    let lexicon = Lexicon::of(language);
    let lower = head.to_lowercase().replace('’', "'");
    let judged = handover(&lower, lexicon).unwrap_or(&lower);
    if turn.is_empty() || (head.len() < turn.len() && judged.len() == lower.len()) {
        return Lean::default();
    }
    if let Some(points) = eastern::points(language, judged) {
        return Lean { points, needed: NEEDED };
    }
    let reading = Reading::new(lexicon, judged);
    let steps = reading.words.len().saturating_sub(SHORT_WORDS).div_ceil(STEP_WORDS);
    let needed = NEEDED + i8::try_from(steps).unwrap_or(i8::MAX / 2);
    Lean { points: reading.points(earlier), needed }
}

/// A line before a text that says nothing but "the next one": it is judged without the text.
fn handover(turn: &str, lexicon: Lexicon) -> Option<&str> {
    let end = turn
        .find([':', '\n'])
        .filter(|end| turn.get(end + 1..).is_some_and(|rest| !rest.trim().is_empty()))?;
    let line = turn.get(..end)?;
    let kinds: Vec<Kinds> = words(line).map(|word| lexicon.kinds(word)).collect();
    let is_bare =
        kinds.iter().all(|kinds| !kinds.is_topic() && !kinds.is_task() && !kinds.has(Kinds::ASKS));
    (is_bare && !kinds.is_empty() && kinds.len() <= HANDOVER_WORDS).then_some(line)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty())
}

/// A turn with the kinds of its words.
struct Reading<'a> {
    lexicon: Lexicon,
    /// The words with single spaces between and around them, so that phrases can be searched.
    line: String,
    words: Vec<&'a str>,
    kinds: Vec<Kinds>,
    /// Where the turn itself begins, behind "ok thanks, and now please".
    core: usize,
    is_question: bool,
    /// Words of the turn itself before its first question mark; all when it has none.
    asked_first: usize,
    /// Lines, or a colon with something behind it: the turn brings its own text along.
    brings_text: bool,
}

impl<'a> Reading<'a> {
    fn new(lexicon: Lexicon, lower: &'a str) -> Self {
        let words: Vec<&str> = words(lower).collect();
        let kinds: Vec<Kinds> = words.iter().map(|word| lexicon.kinds(word)).collect();
        let core = kinds.iter().take_while(|kinds| kinds.has(Kinds::PREFACE)).count();
        let line = format!(" {} ", words.join(" "));
        let is_question = lower.ends_with(['?', '？']);
        let brings_text = lower.contains(": ") || lower.contains('\n');
        let first_question = lower.find(['?', '？']).and_then(|end| lower.get(..end));
        let asked_first = first_question
            .map_or(usize::MAX, |text| self::words(text).count().saturating_sub(core));
        Self { lexicon, line, words, kinds, core, is_question, asked_first, brings_text }
    }

    fn points(&self, earlier: &str) -> i8 {
        let (pronouns, parts) = (self.pronouns(), self.parts(earlier));
        // "Give him a dog" and "make the keeper a woman" bring nothing of their own.
        let own = self.own_topic(pronouns, parts);
        let turn = self.phrases() + self.opening() + self.fragment() + self.work();
        turn + pronouns + parts + self.addition() + self.statement() - own
    }

    fn core_kinds(&self) -> &[Kinds] {
        self.kinds.get(self.core..).unwrap_or_default()
    }

    fn core_len(&self) -> usize {
        self.core_kinds().len()
    }

    /// Words that say something by themselves.
    fn topics(kinds: &[Kinds]) -> usize {
        kinds.iter().filter(|kinds| kinds.is_topic()).count()
    }

    fn has_phrase(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.line.contains(phrase))
    }

    /// Whole phrases that continue, and those that turn to something else.
    fn phrases(&self) -> i8 {
        // At the end, "by the way" turns to nothing.
        let goes_on = |at: usize, phrase: &str| at + phrase.len() < self.line.len();
        let mut turning = self.lexicon.turning.iter();
        if turning.any(|phrase| self.line.find(phrase).is_some_and(|at| goes_on(at, phrase))) {
            return TURNING;
        }
        if self.has_phrase(self.lexicon.continuing) { PLAIN } else { 0 }
    }

    /// "And ...", "also ...", "ok, but ...": a preface counts once, by its strongest word.
    fn opening(&self) -> i8 {
        let preface = self.kinds.get(..self.core).unwrap_or_default();
        if self.core_len() == 0 {
            return PLAIN;
        }
        let strongest = preface.iter().map(|kinds| match () {
            () if kinds.has(Kinds::JOINS) => PLAIN,
            () if kinds.has(Kinds::REACTS) => SLIGHT,
            () => 0,
        });
        strongest.max().unwrap_or(0)
    }

    /// Pronouns before anything that they could stand for.
    fn pronouns(&self) -> i8 {
        if self.brings_text {
            return 0;
        }
        for (at, kinds) in self.kinds.iter().enumerate() {
            if kinds.has(Kinds::PRONOUN) && self.stands_for_something(at) {
                let before = self.kinds.get(..self.last_antecedent(at)).unwrap_or_default();
                // What stands at the end, tied to the rest, was named in another turn: "do I need a scan for that".
                let is_last = at + 1 == self.kinds.len() && self.is_tied(at);
                // Unlike "it", a "this" is not said of what the same sentence names.
                let is_shown = kinds.has(Kinds::DEFINITE);
                let is_plain = is_shown || Self::topics(before) <= usize::from(is_last);
                return if is_plain { PLAIN } else { SLIGHT };
            }
        }
        0
    }

    /// Up to where a noun may stand that the pronoun stands for: before its verb, and before what a preposition ties it to,
    /// as in "a film about it".
    fn last_antecedent(&self, at: usize) -> usize {
        at.saturating_sub(if self.is_tied(at) { 2 } else { 1 })
    }

    fn is_tied(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.kinds.get(before));
        before.is_some_and(|kinds| kinds.has(Kinds::LINKS))
    }

    fn stands_for_something(&self, at: usize) -> bool {
        let is_calendar = self.kinds.get(at + 1).is_some_and(|next| next.has(Kinds::TIME));
        !is_calendar && !self.is_empty_it(at) && !self.is_relative(at)
    }

    /// "A poem that rhymes", "make sure that ...".
    fn is_relative(&self, at: usize) -> bool {
        let is_that = self.words.get(at) == Some(&"that") && at + 1 < self.words.len();
        let before = at.checked_sub(1).and_then(|before| self.kinds.get(before));
        // "Say that in other words" has it as an object.
        let ends_clause = self
            .kinds
            .get(at + 1)
            .is_some_and(|next| next.has(Kinds::LINKS) || next.has(Kinds::ADDS));
        let opens_clause = before.is_some_and(|kinds| kinds.is_thing() || kinds.has(Kinds::STATES));
        is_that && opens_clause && !ends_clause
    }

    /// "Is it safe to ...", "it is raining": an "it" that stands for nothing before.
    fn is_empty_it(&self, at: usize) -> bool {
        let is_it = self.words.get(at).is_some_and(|word| ["it", "it's"].contains(word));
        let after_verb = at.checked_sub(1).and_then(|before| self.words.get(before));
        let is_impersonal = after_verb
            .is_none_or(|word| ["is", "was", "would", "does", "will", "be"].contains(word));
        let rest = self.words.get(at + 1..).unwrap_or_default();
        let is_filled = rest.iter().position(|word| ["to", "that", "if", "when"].contains(word));
        let says_more = is_filled.is_some_and(|place| {
            Self::topics(self.kinds.get(at + 1 + place..).unwrap_or_default()) > 0
        });
        is_it && is_impersonal && says_more
    }

    /// What no sentence would leave out unless it was said before.
    fn fragment(&self) -> i8 {
        let (kinds, length) = (self.core_kinds(), self.core_len());
        let Some(first) = kinds.first() else { return 0 };
        if self.brings_text || kinds.iter().any(|kinds| kinds.has(Kinds::GREETS)) {
            return 0;
        }
        let asks = kinds.iter().rev().skip(1).any(|kinds| kinds.has(Kinds::ASKS));
        let topics = Self::topics(kinds);
        let is_bare = topics == 0 && length <= BARE_WORDS;
        let hangs = first.has(Kinds::LINKS) && length <= FRAGMENT_WORDS && !asks;
        let measures = first.has(Kinds::COMPARES) && length <= COMPARISON_WORDS;
        let asked = self.asked_first.min(length);
        let is_name = length == 1
            || ((1..=2).contains(&asked)
                && !kinds.iter().take(asked).any(|kinds| kinds.has(Kinds::ASKS)));
        // "Who can I complain to?", "is there anything cheaper nearby": to what, than what?
        let is_open = kinds.last().is_some_and(|kinds| kinds.has(Kinds::LINKS));
        let is_relative = self.words.iter().any(|word| self.lexicon.relative.contains(word))
            && !self.words.contains(&"than");
        let wants_more = (is_open || is_relative) && topics <= 1 && length <= FRAGMENT_WORDS;
        if is_bare || hangs || measures || is_name || wants_more {
            return PLAIN;
        }
        let compares = kinds.iter().any(|kinds| kinds.has(Kinds::COMPARES));
        if compares && topics <= 1 && length <= BARE_WORDS { FAINT } else { 0 }
    }

    /// "You forgot the lighthouse", "the chorus needs more of it": remarks on what was said.
    fn statement(&self) -> i8 {
        let (Some(first), Some(second)) = (self.words.first(), self.kinds.get(1)) else { return 0 };
        if self.is_question || self.brings_text {
            return 0;
        }
        // "You are a pirate" gives a role, and "the capital of Peru" is a search.
        let is_blame = self.lexicon.you.contains(first) && second.is_topic();
        let has_verb = self.kinds.iter().skip(2).take(3).any(|kinds| kinds.has(Kinds::STATED));
        let is_remark = self.lexicon.the.contains(first) && has_verb;
        if is_blame || is_remark { PLAIN } else { 0 }
    }

    /// Work without an object, and changes to something that exists.
    fn work(&self) -> i8 {
        let kinds = self.core_kinds();
        let Some(first) = kinds.first().filter(|_| !self.brings_text) else { return 0 };
        let second = kinds.get(1).copied().unwrap_or(Kinds::LINKS);
        let lacks_object =
            [Kinds::LINKS, Kinds::COMPARES, Kinds::PRONOUN].iter().any(|kind| second.has(*kind));
        let is_definite = kinds.iter().any(|kinds| kinds.has(Kinds::DEFINITE));
        match () {
            () if first.has(Kinds::WORKS) && lacks_object => PLAIN,
            () if first.has(Kinds::CHANGES) && is_definite && Self::topics(kinds) == 0 => PLAIN,
            () if first.has(Kinds::CHANGES)
                && !first.has(Kinds::MAKES)
                && kinds.len() <= CHANGE_WORDS =>
            {
                PLAIN
            }
            () if first.has(Kinds::CHANGES) => FAINT,
            // "Expand the storm scene", but not "explain the theory of relativity".
            () if first.has(Kinds::WORKS)
                && second.has(Kinds::DEFINITE)
                && kinds.len() <= FRAGMENT_WORDS =>
            {
                FAINT
            }
            () => 0,
        }
    }

    /// "The second paragraph", "step 3", and "the poem" after a turn about a poem.
    fn parts(&self, earlier: &str) -> i8 {
        if self.brings_text {
            return 0;
        }
        let earlier =
            earlier.get(..earlier.floor_char_boundary(FOLLOW_UP_BYTES_MAX)).unwrap_or_default();
        let earlier = earlier.to_lowercase();
        let earlier: Vec<&str> = words(&earlier).collect();
        let found = (0..self.words.len()).map(|at| self.part(at, &earlier)).max().unwrap_or(0);
        let mentions = self.kinds.iter().any(|kinds| kinds.has(Kinds::PART));
        let is_all =
            mentions && Self::topics(self.core_kinds()) == 0 && self.core_len() <= FRAGMENT_WORDS;
        found + if is_all { SLIGHT } else { 0 }
    }

    /// What the word at one place says about the turn before.
    fn part(&self, at: usize, earlier: &[&str]) -> i8 {
        let (word, here) = (self.words[at], self.kinds[at]);
        let before = self.kinds.get(at.saturating_sub(2)..at).unwrap_or_default();
        let is_definite = before.iter().any(|kinds| kinds.has(Kinds::DEFINITE));
        let is_named = here.is_content() && word.len() > 2 && earlier.contains(&word);
        let is_counted = before.last().is_some_and(|kinds| kinds.has(Kinds::PART))
            && (here.has(Kinds::NUMBER) || word.starts_with(|c: char| c.is_numeric()))
            && !self.kinds.get(at + 1).is_some_and(|next| next.is_topic());
        let is_counted_off = is_definite
            && here.has(Kinds::PART)
            && before.iter().any(|kinds| kinds.has(Kinds::COMPARES));
        // "The ending of Hamlet" says itself whose.
        let is_owned = self.kinds.get(at + 1).is_some_and(|next| next.has(Kinds::TIES))
            && Self::topics(self.kinds.get(at + 1..).unwrap_or_default()) > 0;
        match () {
            () if is_counted || is_counted_off || (is_definite && is_named) => PLAIN,
            () if is_definite && here.has(Kinds::PART) && !is_owned => FAINT,
            () if is_named => SLIGHT,
            () => 0,
        }
    }

    /// "... too?", "... instead", "... still ...".
    fn addition(&self) -> i8 {
        let ends = |kinds: &Kinds| kinds.has(Kinds::ADDS) || kinds.has(Kinds::TRAILS);
        let last_adds = self.core_len() > 1 && self.kinds.last().is_some_and(ends);
        let adds = self.core_kinds().iter().any(|kinds| kinds.has(Kinds::ADDS));
        match (last_adds, adds) {
            (true, _) => PLAIN,
            (false, true) => FAINT,
            (false, false) => 0,
        }
    }

    /// Signs that a turn brings its topic along: "write me a poem about rain", "my dog ...".
    fn own_topic(&self, pronouns: i8, parts: i8) -> i8 {
        let kinds = self.core_kinds();
        let made_at = kinds.iter().take(MAKING_WORDS).position(|kinds| kinds.has(Kinds::MAKES));
        let mut points = 0;
        for (at, pair) in kinds.windows(2).enumerate() {
            let is_new = made_at.is_some_and(|made_at| made_at < at)
                && pair[0].has(Kinds::INDEFINITE)
                && pair[1].is_new_thing();
            let is_own = pair[0].has(Kinds::OWNS) && pair[1].is_content();
            points = points.max(match () {
                () if is_new && pronouns.max(parts) < PLAIN => PLAIN,
                () if is_own && pronouns < PLAIN => FAINT,
                () => 0,
            });
        }
        let greets = kinds.iter().any(|kinds| kinds.has(Kinds::GREETS));
        points + if greets { FAINT } else { 0 } + if self.brings_text { FAINT } else { 0 }
    }
}

#[cfg(test)]
mod tests;
