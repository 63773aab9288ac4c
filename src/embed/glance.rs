//! What is seen of a text before any model reads it.

use super::ngrams::ngrams;
use super::table::{DIMENSIONS, StaticTable};

/// What a text looks like at a glance: microseconds, no model, no thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// What its words mean together: a direction of length 1, or zeros where no word means anything.
    pub meaning: Vec<f32>,
    /// Its short character sequences: the number of each, below [`super::BUCKETS`], and how much of it there is.
    pub form: Vec<(u32, f32)>,
}

impl StaticTable {
    /// Glances at a text.
    #[must_use]
    pub fn glance(&self, text: &str) -> Glance {
        let meaning = self.embed(text).map_or_else(
            |_meaningless| vec![0.0; DIMENSIONS],
            |embedding| embedding.as_slice().to_vec(),
        );
        let mut form = Vec::new();
        ngrams(text, &mut form);
        Glance { meaning, form }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_glanced_at() {
        let table = StaticTable::builtin().expect("the table");
        for text in ["", " ", "\u{1F4A9}\u{10FFFF}", "hello", &"x y ".repeat(100_000)] {
            let Glance { meaning, form } = table.glance(text);
            let length: f32 = meaning.iter().map(|x| x * x).sum();
            assert!(meaning.len() == DIMENSIONS && (length < 1e-6 || (length - 1.0).abs() < 1e-3));
            assert_eq!(form.is_empty(), text.trim().is_empty());
        }
    }
}
