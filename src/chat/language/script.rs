//! Scripts: many of them belong to one language.

use super::Lang;

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scripts {
    /// Latin letters, or no letters at all.
    Latin,
    /// Mostly another script.
    Other(Lang),
    /// Mostly Latin letters, with a good part of another script.
    Mixed(Lang),
}

/// Letters that one ideograph stands for.
const IDEOGRAPH: usize = 3;

#[derive(Debug, Default)]
struct Counts {
    latin: usize,
    han: usize,
    kana: usize,
    cyrillic: usize,
    ukrainian: usize,
    arabic: usize,
    persian: usize,
    /// Of the scripts with one language, the one seen last and its letters.
    single: Option<Lang>,
    singles: usize,
}

/// Counts letters by script.
pub(super) fn scripts_of(text: &str) -> Scripts {
    let mut counts = Counts::default();
    text.chars().for_each(|letter| counts.add(letter));
    let Some((language, letters)) = counts.largest() else { return Scripts::Latin };
    if letters >= counts.latin {
        Scripts::Other(language)
    } else if letters * 3 >= counts.latin {
        Scripts::Mixed(language)
    } else {
        Scripts::Latin
    }
}

impl Counts {
    fn add(&mut self, letter: char) {
        match letter {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => {
                self.latin += 1;
            }
            '\u{0}'..='\u{bf}' => {}
            'і' | 'ї' | 'є' | 'ґ' | 'І' | 'Ї' | 'Є' | 'Ґ' => {
                self.cyrillic += 1;
                self.ukrainian += 1;
            }
            '\u{400}'..='\u{52f}' => self.cyrillic += 1,
            'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی' => {
                self.arabic += 1;
                self.persian += 1;
            }
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => self.arabic += 1,
            '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => self.kana += IDEOGRAPH,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}' => {
                self.han += IDEOGRAPH;
            }
            other => self.add_single(other),
        }
    }

    fn add_single(&mut self, letter: char) {
        let (language, letters) = match letter {
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => (Lang::Greek, 1),
            '\u{530}'..='\u{58f}' => (Lang::Armenian, 1),
            '\u{590}'..='\u{5ff}' => (Lang::Hebrew, 1),
            '\u{900}'..='\u{97f}' => (Lang::Hindi, 1),
            '\u{980}'..='\u{9ff}' => (Lang::Bengali, 1),
            '\u{b80}'..='\u{bff}' => (Lang::Tamil, 1),
            '\u{c00}'..='\u{c7f}' => (Lang::Telugu, 1),
            '\u{e00}'..='\u{e7f}' => (Lang::Thai, 1),
            '\u{10a0}'..='\u{10ff}' => (Lang::Georgian, 1),
            '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}' => {
                (Lang::Korean, IDEOGRAPH)
            }
            _ => return,
        };
        self.single = Some(language);
        self.singles += letters;
    }

    /// The language of the commonest script other than Latin, and its letters.
    fn largest(&self) -> Option<(Lang, usize)> {
        // Japanese mixes both; a kana or two inside a Chinese text are a quotation.
        let east = if self.kana * 10 >= self.han { Lang::Japanese } else { Lang::Chinese };
        let slavic = if self.ukrainian > 0 { Lang::Ukrainian } else { Lang::Russian };
        let arabic = if self.persian > 0 { Lang::Persian } else { Lang::Arabic };
        let found = [
            (east, self.han + self.kana),
            (slavic, self.cyrillic),
            (arabic, self.arabic),
            // Greek letters in formulas stand alone and stay below a third of the letters around them.
            (self.single.unwrap_or(Lang::Greek), self.singles),
        ];
        found.into_iter().filter(|(_, letters)| *letters > 0).max_by_key(|(_, letters)| *letters)
    }
}
