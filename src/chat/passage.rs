//! A piece of a conversation, cut down to what a model will read of it.

use std::fmt;
use std::sync::Arc;

/// Bytes kept from the beginning. The embedder reads 80 tokens from there, and no ordinary text has 15 bytes a token.
const HEAD_BYTES: usize = 1_200;
/// Bytes kept from the end, for 48 tokens. Instructions often follow a pasted text.
const TAIL_BYTES: usize = 720;
/// A word this long, without a space, is no word of any language written in ASCII.
const LONG_WORD: usize = 160;
/// From here on a word may be a key, a hash or encoded bytes.
const OPAQUE_MIN: usize = 32;
/// Bytes kept of an opaque word, enough to see what it is.
const STUB_BYTES: usize = 24;

/// A text with something visible in it, at most `HEAD_BYTES + TAIL_BYTES` and a line break long. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Passage(Arc<str>);

/// What people write does not get into a log by way of a value that holds it.
impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passage({} bytes)", self.0.len())
    }
}

impl Passage {
    /// Cuts a text before anything tokenizes it: tokenizers take time proportional to the whole text, or worse.
    /// Of a long one both ends stay, and of encoded bytes their beginning. Nothing is left of a text without a visible
    /// character.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        match ends(text) {
            Some((head, "")) => (!head.is_empty()).then(|| Self(head.into())),
            Some((head, tail)) => Some(Self(format!("{head}\n{tail}").trim().into())),
            None => Self::joined(&[text]),
        }
    }

    /// The same for parts that stand apart in a turn, as if each were on a line of its own.
    pub(super) fn joined(parts: &[&str]) -> Option<Self> {
        let parts: Vec<&str> = parts.iter().map(|part| part.trim()).collect();
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let mut pieces = parts.iter().enumerate().flat_map(|(at, part)| {
            let gap = if at == 0 { "" } else { "\n" };
            std::iter::once(Word { text: gap, is_opaque: false }).chain(words(part))
        });
        let mut kept = String::new();
        let was_all = fill(&mut kept, &mut pieces, HEAD_BYTES + TAIL_BYTES);
        if !was_all {
            kept.truncate(kept.floor_char_boundary(HEAD_BYTES));
            kept.push('\n');
            kept.push_str(&tail(&parts));
        }
        let kept = kept.trim();
        (!kept.is_empty()).then(|| Self(kept.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Both ends of a text, the first one all of it when it is short; nothing when an opaque word may stand there, so that the
/// text has to be read word by word.
fn ends(text: &str) -> Option<(&str, &str)> {
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return (!has_long_word(text)).then_some((text, ""));
    }
    let head = text.get(..text.floor_char_boundary(HEAD_BYTES))?;
    let tail = text.get(text.ceil_char_boundary(text.len() - TAIL_BYTES)..)?;
    let is_plain = !has_long_word(head) && !has_long_word(tail);
    (is_plain && !tail.trim().is_empty()).then_some((head, tail))
}

/// Whether enough bytes of ASCII follow each other without a space.
fn has_long_word(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        run = if byte.is_ascii_graphic() { run + 1 } else { 0 };
        run >= OPAQUE_MIN
    })
}

/// A word with the space behind it.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    is_opaque: bool,
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = Word<'_>> {
    let words = text.split_inclusive(|c: char| c.is_ascii_whitespace());
    words.map(|word| Word { text: word, is_opaque: is_opaque(word) })
}

/// Takes words until there are more than `most` bytes; says whether that were all.
fn fill<'a>(kept: &mut String, words: &mut impl Iterator<Item = Word<'a>>, most: usize) -> bool {
    let mut run = Run::default();
    for word in words {
        match run.keep(word) {
            Keep::Word(text) => {
                kept.push_str(text.get(..text.floor_char_boundary(most + 1)).unwrap_or_default());
            }
            Keep::Stub(stub) => {
                kept.push_str(stub);
                kept.push(' ');
            }
            Keep::Nothing => {}
        }
        if kept.len() > most {
            return false;
        }
    }
    true
}

/// The last words that fit into the tail.
fn tail(parts: &[&str]) -> String {
    let (mut backwards, mut length, mut run) = (Vec::new(), 0, Run::default());
    'parts: for part in parts.iter().rev() {
        for word in words(part).rev() {
            let kept = match run.keep(word) {
                Keep::Word(text) => text,
                Keep::Stub(stub) => {
                    backwards.push(" ");
                    stub
                }
                Keep::Nothing => continue,
            };
            // One word may be longer than the whole tail.
            let start = kept.ceil_char_boundary(kept.len().saturating_sub(TAIL_BYTES));
            backwards.push(kept.get(start..).unwrap_or_default());
            length += kept.len();
            if length >= TAIL_BYTES {
                break 'parts;
            }
        }
        backwards.push("\n");
    }
    let mut text: String = backwards.into_iter().rev().collect();
    text.drain(..text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES)));
    text
}

/// Encoded bytes come in lines; of a run of them one stub is kept.
#[derive(Default)]
struct Run {
    is_on: bool,
}

enum Keep<'a> {
    Word(&'a str),
    Stub(&'a str),
    Nothing,
}

impl Run {
    fn keep<'a>(&mut self, word: Word<'a>) -> Keep<'a> {
        let was_on = self.is_on;
        self.is_on = word.is_opaque || (was_on && word.text.trim_ascii().is_empty());
        match (was_on, self.is_on) {
            (_, false) => Keep::Word(word.text),
            (false, true) => Keep::Stub(word.text.get(..STUB_BYTES).unwrap_or_default()),
            (true, true) => Keep::Nothing,
        }
    }
}

/// Whether a word is encoded bytes, a hash, minified code or the like: nothing a model of language could read.
fn is_opaque(word: &str) -> bool {
    if word.len() < OPAQUE_MIN {
        return false;
    }
    let bytes = word.trim_ascii().as_bytes();
    // Scripts without spaces write whole sentences as one word.
    if bytes.len() < OPAQUE_MIN || !bytes.is_ascii() {
        return false;
    }
    if bytes.len() >= LONG_WORD || word.contains(";base64,") {
        return true;
    }
    let is_code = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    let inner = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).as_bytes();
    if inner.len() < OPAQUE_MIN || !inner.iter().all(is_code) {
        return false;
    }
    // Encoded bytes jump between digits, small and capital letters; names of any making do not.
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0_u8,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let jumps = inner.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count();
    let digits = inner.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits * 16 >= inner.len() && jumps * 3 >= inner.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> String {
        Passage::new(text).map_or_else(String::new, |passage| passage.as_str().to_owned())
    }

    #[test]
    fn a_long_text_keeps_both_ends_and_whole_characters() {
        for unit in ["a ", "é", "漢", "🙂", "word "] {
            let text = format!("start {} end", unit.repeat(9_000));
            let kept = cut(&text);
            assert!(kept.len() <= HEAD_BYTES + TAIL_BYTES + 1, "{}", kept.len());
            assert!(kept.starts_with("start ") && kept.ends_with(" end"), "{kept}");
        }
    }

    #[test]
    fn a_short_text_stays_as_it_is() {
        for text in ["a", "two words", "  spaces  inside\n\n and lines "] {
            assert_eq!(cut(text), text.trim());
        }
        assert_eq!(Passage::new(" \n\t "), None);
        let full = "word ".repeat((HEAD_BYTES + TAIL_BYTES) / 5);
        assert_eq!(cut(&full), full.trim());
    }

    #[test]
    fn encoded_bytes_are_cut_to_their_beginning() {
        let line = "iVBORw0KGgoAAAANSUhEUgAAAAUA0dHBhYVlZ7AAAFCAYAAACNbyblAAAAHElEQVQI12P4";
        let lines = format!("{line}\n").repeat(500);
        for (text, expected) in [
            (format!("What is this? {line}"), "What is this? iVBORw0KGgoAAAANSUhEUgAA"),
            (
                format!("data:image/png;base64,{line} What is in it?"),
                "data:image/png;base64,iV What is in it?",
            ),
            (format!("Decode\n{lines}please"), "Decode\niVBORw0KGgoAAAANSUhEUgAA please"),
            (format!("Shorten a({})", "b,".repeat(5_000_000)), "Shorten a(b,b,b,b,b,b,b,b,b,b,b,"),
        ] {
            assert_eq!(cut(&text), expected);
        }
        let between = format!("{}{lines}{}", "one ".repeat(500), "two ".repeat(20));
        let kept = cut(&between);
        assert!(
            kept.contains("one iVBORw0KGgoAAAANSUhEUgAA two") && kept.ends_with("two"),
            "{kept}"
        );
    }

    #[test]
    fn what_can_be_read_is_not_opaque() {
        for word in [
            "AbstractSingletonProxyFactoryBeanDefinition",
            "test_that_a_long_name_with_2_digits_is_kept",
            "Donaudampfschifffahrtsgesellschaftskapitän",
            "3.14159265358979323846264338327950288419716939937510",
            "https://example.org/a/path/2024/05/17/index.html?q=1",
            "写一首关于春天的诗写一首关于春天的诗写一首关于春天的诗",
        ] {
            assert!(!is_opaque(word), "{word}");
        }
        for word in [
            "550e8400-e29b-41d4-a716-446655440000",
            "d41d8cd98f00b204e9800998ecf8427e",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        ] {
            assert!(is_opaque(word), "{word}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_cut_to_its_limit(parts in prop::collection::vec("(?s).{0,900}", 1..4)) {
            let borrowed: Vec<&str> = parts.iter().map(String::as_str).collect();
            let visible = parts.iter().any(|part| !part.trim().is_empty());
            let passage = Passage::joined(&borrowed);
            prop_assert_eq!(passage.is_some(), visible);
            if let Some(passage) = passage {
                prop_assert!(passage.as_str().len() <= HEAD_BYTES + TAIL_BYTES + 1);
                prop_assert_eq!(passage.as_str().trim(), passage.as_str());
            }
        }
    }
}
