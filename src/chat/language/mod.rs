//! In which language a text is, as far as a glance can tell.
//!
//! Scripts that belong to one language decide at once; Latin and Cyrillic text is told by its small words. Detectors made of
//! trigram tables were measured and left: 70 to 140 microseconds a text, and sure of themselves only from about ten words on,
//! while this one takes one to three and knows a turn of two words. What it cannot tell it does not guess: code, formulas and
//! names have no small words and therefore no language.

mod script;
mod small_words;

use script::{Scripts, scripts_of};
use small_words::{Languages, languages_of, letters_of};

/// Bytes that are looked at; a language shows in its first sentences.
const LOOKED_AT: usize = 1_024;
/// Points by which a word of one language alone counts, against one for a word that others have too.
const OWN_WORD: u32 = 2;
/// Points from which a language is believed.
const ENOUGH: u32 = 3;
/// Points that need no further reading when nobody has a third as many.
const CLEAR: u32 = 8;

/// A language that can be told; a few close relatives share an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "the names say it; the table of codes says which relatives are meant"
)]
pub enum Lang {
    English,
    German,
    French,
    Spanish,
    Portuguese,
    Italian,
    Dutch,
    Swedish,
    Danish,
    Finnish,
    Polish,
    Czech,
    Croatian,
    Hungarian,
    Romanian,
    Turkish,
    Indonesian,
    Vietnamese,
    Russian,
    Ukrainian,
    Chinese,
    Japanese,
    Korean,
    Arabic,
    Persian,
    Hebrew,
    Greek,
    Hindi,
    Bengali,
    Tamil,
    Telugu,
    Thai,
    Armenian,
    Georgian,
}

impl Lang {
    /// The code of ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
            Self::Italian => "it",
            Self::Dutch => "nl",
            Self::Swedish => "sv",
            // Norwegian too: short texts do not tell them apart.
            Self::Danish => "da",
            Self::Finnish => "fi",
            Self::Polish => "pl",
            // Slovak too.
            Self::Czech => "cs",
            // Serbian and Bosnian in Latin letters too.
            Self::Croatian => "hr",
            Self::Hungarian => "hu",
            Self::Romanian => "ro",
            Self::Turkish => "tr",
            // Malay too.
            Self::Indonesian => "id",
            Self::Vietnamese => "vi",
            // Other languages in Cyrillic letters, Ukrainian aside, too.
            Self::Russian => "ru",
            Self::Ukrainian => "uk",
            Self::Chinese => "zh",
            Self::Japanese => "ja",
            Self::Korean => "ko",
            Self::Arabic => "ar",
            Self::Persian => "fa",
            Self::Hebrew => "he",
            Self::Greek => "el",
            // Marathi and Nepali too.
            Self::Hindi => "hi",
            Self::Bengali => "bn",
            Self::Tamil => "ta",
            Self::Telugu => "te",
            Self::Thai => "th",
            Self::Armenian => "hy",
            Self::Georgian => "ka",
        }
    }
}

/// The language of a text; nothing when it cannot be told.
#[must_use]
pub fn language_of(text: &str) -> Option<Lang> {
    let text = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or_default();
    if text.is_ascii() {
        return by_words(text);
    }
    match scripts_of(text) {
        Scripts::Latin => by_words(text),
        Scripts::Other(language) => Some(language),
        // A foreign word in a sentence, or a sentence around foreign words: the small words know.
        Scripts::Mixed(language) => by_words(text).or(Some(language)),
    }
}

/// Whether a word, written small, is one of those that hold the language's sentences together.
pub(super) fn is_small_word(language: Lang, word: &str) -> bool {
    languages_of(word).is_some_and(|(_, languages)| languages.has(language))
}

/// Votes of the small words.
fn by_words(text: &str) -> Option<Lang> {
    let (mut points, mut words) = ([0_u32; Languages::COUNT], 0_u32);
    let (mut lower, mut seen) = (String::new(), Vec::new());
    if !text.is_ascii() {
        letters_of(text).each(|at| points[at] += 1);
        if text.contains(['¿', '¡']) {
            Languages::only(Lang::Spanish).each(|at| points[at] += OWN_WORD);
        }
    }
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        words += 1;
        lower.clear();
        lower.extend(word.chars().flat_map(char::to_lowercase));
        let Some((known, languages)) = languages_of(&lower) else { continue };
        // A variable's name comes again and again.
        if seen.contains(&known) {
            continue;
        }
        seen.push(known);
        let worth = match languages.count() {
            1 => OWN_WORD,
            _ => 1,
        };
        // The first word is the instruction's, whatever it speaks of.
        let worth = if words == 1 { worth + 1 } else { worth };
        languages.each(|at| points[at] += worth);
        if best(&points).is_some_and(|(_, most, second)| most >= CLEAR && most >= second * 3) {
            break;
        }
    }
    let (language, most, second) = best(&points)?;
    // One word of a short turn may be all there is: "warum?".
    let needed = if words <= 3 { OWN_WORD } else { ENOUGH };
    let is_clear = most >= needed && most * 2 >= second * 3;
    // A few small words of one language, scattered over many words of none, are names or code.
    (is_clear && most * 8 >= words).then_some(language)
}

/// The best language, its points and those of the next.
fn best(points: &[u32; Languages::COUNT]) -> Option<(Lang, u32, u32)> {
    let (mut at_best, mut most, mut second) = (0, 0, 0);
    for (at, &here) in points.iter().enumerate() {
        if here > most {
            (at_best, second, most) = (at, most, here);
        } else if here > second {
            second = here;
        }
    }
    (most > 0).then(|| Languages::name(at_best)).flatten().map(|language| (language, most, second))
}

#[cfg(test)]
mod tests;
