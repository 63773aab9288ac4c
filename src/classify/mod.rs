//! Which tier should answer: the caller's wish, or what examples say of the prompt. Pure.

mod bars;
mod blend;
mod classifier;
mod decision;
mod fit;
mod form;
mod matrix;
mod outlier;
mod poll;
mod ridge;
mod snapshot;
mod space;
mod taps;

pub use bars::Sides;
pub use classifier::{Classifier, Depth, Judgement};
pub use decision::{Decision, Goal, Neighbour, Reading, Reason};
pub use fit::{Examples, FIT_VERSION, Fit, Glanced};
pub use poll::votes;
pub use snapshot::{Glimpse, Snapshot, UnknownModel, Wish};

use crate::chat::Lang;

/// Decides for one conversation in some language. Every way to fail ends in the default tier, with the reason said.
#[must_use]
pub fn decide(
    snapshot: &Snapshot,
    wish: &Wish,
    reading: Reading,
    language: Option<Lang>,
) -> Decision {
    match (wish, reading) {
        (Wish::Tier(tier), _) => Decision::asked(tier),
        (Wish::Target(target), _) => Decision::pinned(target),
        (Wish::Auto, Reading::Nothing) => {
            Decision::fallback(snapshot.default_tier(), Reason::NothingToRead)
        }
        (Wish::Auto, Reading::Failed(error)) => {
            let reason = Reason::EmbedderFailed { error: error.to_string() };
            Decision::fallback(snapshot.default_tier(), reason)
        }
        (Wish::Auto, Reading::Judged(judgement)) => snapshot.decide(judgement, None, language),
        (Wish::Auto, Reading::Hurried(judgement, error)) => {
            snapshot.decide(judgement, Some(error.to_string()), language)
        }
    }
}
