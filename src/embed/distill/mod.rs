//! Makes the static table from a transformer: one row for each entry of the vocabulary, out of how the model itself sees it.
//!
//! What was tried and what it gave stands in `models/README.md`. Two findings surprise. The model's embedding layer makes
//! better rows than any later layer, which has turned a lone token into a sentence of one word. And it helps more to weigh
//! tokens by how common they are when the axes are found than when rows are added up: what common words share is then
//! damped in every row, while the words that show the form of a prompt keep their voice.

mod pca;

use super::EmbedError;
use super::bert::Reference;
use super::manifest::Digest;
use super::table::{DIMENSIONS, Parts};
use super::wordpiece::WordPiece;
use pca::Axes;

/// Single characters stand in the order of their code points. On the whole they are as common as the 300th word.
const CHARACTER_WEIGHT: f64 = 1.0 / 300.0;

/// The bytes of a table. The same model gives the same bytes on the same machine.
///
/// # Errors
/// When the model fails.
pub fn distill(
    model: &Reference,
    vocabulary: &WordPiece,
    source: Digest,
) -> Result<Vec<u8>, EmbedError> {
    let entries: Vec<&str> = vocabulary.entries().collect();
    let ids: Vec<u32> = (0..).take(entries.len()).collect();
    let views = model.lone(&ids)?;
    let width = views.len() / entries.len();
    let points = views.chunks_exact(width);
    let weights = weights(&entries);
    let axes = Axes::of(width, weights.iter().copied().zip(points.clone()));
    let rows = weights.iter().zip(points).map(|(weight, point)| {
        if *weight > 0.0 { axes.project::<DIMENSIONS>(point) } else { [0.0; DIMENSIONS] }
    });
    let (factors, rows) = in_bytes(&rows.collect::<Vec<_>>());
    Ok(Parts { source, vocabulary: entries, factors, rows }.to_bytes())
}

/// How common each token is, by Zipf's law: the vocabulary lists single characters first and then words and pieces from the
/// commonest to the rarest. Nothing for marks such as `[CLS]` and `[unused7]`, which are never in a text.
fn weights(entries: &[&str]) -> Vec<f64> {
    let mut rank = 0.0;
    let weights = entries.iter().map(|entry| {
        if entry.chars().nth(1).is_none() {
            CHARACTER_WEIGHT
        } else if entry.starts_with('[') && entry.ends_with(']') {
            0.0
        } else {
            rank += 1.0;
            1.0 / rank
        }
    });
    weights.collect()
}

/// Rows as bytes, with one factor a dimension so that its largest component just fits.
fn in_bytes(rows: &[[f64; DIMENSIONS]]) -> ([f32; DIMENSIONS], Vec<[i8; DIMENSIONS]>) {
    let mut largest = [0.0_f64; DIMENSIONS];
    for row in rows {
        for (most, x) in largest.iter_mut().zip(row) {
            *most = most.max(x.abs());
        }
    }
    let steps = largest.map(|most| most / f64::from(i8::MAX));
    let bytes = rows.iter().map(|row| {
        let mut bytes = [0; DIMENSIONS];
        for ((byte, x), step) in bytes.iter_mut().zip(row).zip(steps) {
            *byte = if step > 0.0 { nearest_byte(x / step) } else { 0 };
        }
        bytes
    });
    (steps.map(narrowed), bytes.collect())
}

#[expect(clippy::cast_possible_truncation, reason = "rounded, and within -127 to 127")]
fn nearest_byte(x: f64) -> i8 {
    x.round() as i8
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a factor needs no more digits than a float has"
)]
fn narrowed(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_weigh_by_their_rank_and_marks_nothing() {
        let entries = ["[PAD]", "[unused0]", "[", "é", "the", "of", "##ing", "[x"];
        let (third, fourth) = (1.0 / 3.0, 1.0 / 4.0);
        let expected = [0.0, 0.0, CHARACTER_WEIGHT, CHARACTER_WEIGHT, 1.0, 0.5, third, fourth];
        assert!(weights(&entries).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn the_largest_component_of_each_dimension_just_fits() {
        let mut rows = [[0.0; DIMENSIONS]; 3];
        (rows[0][0], rows[1][0], rows[2][0]) = (-25.4, 12.7, 0.3);
        let (factors, bytes) = in_bytes(&rows);
        assert_eq!([bytes[0][0], bytes[1][0], bytes[2][0]], [-127, 64, 2]);
        assert!((factors[0] - 0.2).abs() < 1e-6 && factors[1].abs() < 1e-6);
    }
}
