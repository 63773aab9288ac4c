//! How many tokens a conversation has, about: nobody here knows every provider's tokenizer.

use crate::chat::{Conversation, Needs, Part};

/// Tokens of a picture: the vendor counts a 750th of its pixels, and makes larger ones as small as this.
const PICTURE_TOKENS: u64 = 1_600;
/// Tokens of a document or a recording whose length is not known: two pages.
const DOCUMENT_TOKENS: u64 = 4_000;

/// Tokens to read, for `{"input_tokens": …}`.
#[must_use]
pub fn input_tokens(conversation: &Conversation) -> u64 {
    let parts = conversation.turns.iter().flat_map(|turn| &turn.parts);
    Needs::of_conversation(conversation).tokens + parts.map(media_tokens).sum::<u64>()
}

/// Of what has no words.
fn media_tokens(part: &Part) -> u64 {
    match part {
        Part::Image(_) => PICTURE_TOKENS,
        Part::Audio(_) | Part::File(_) => DOCUMENT_TOKENS,
        Part::Returned(result) => result.parts.iter().map(media_tokens).sum(),
        Part::Text(_)
        | Part::Refusal(_)
        | Part::Reasoning(_)
        | Part::Call(_)
        | Part::CachePoint(_)
        | Part::Other(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Media, Returned, Source, Speaker, Turn};

    #[test]
    fn words_and_pictures_count_wherever_they_stand() {
        let picture = || {
            let source = Source::Stored("file_1".to_owned());
            Part::Image(Media { source, media_type: None, detail: None, name: None })
        };
        let of = |parts| {
            let turns = vec![Turn::new(Speaker::User, parts)];
            input_tokens(&Conversation { turns, ..Conversation::default() })
        };
        let words = of(vec![Part::Text("four byte".to_owned())]);
        assert_eq!(words, 7);
        let result = Returned { id: "i".to_owned(), parts: vec![picture()], is_error: false };
        let all = vec![Part::Text("four byte".to_owned()), picture(), Part::Returned(result)];
        assert_eq!(of(all), words + 2 * PICTURE_TOKENS);
    }
}
