//! Which tier should answer: the caller's wish, or the vote of the nearest labelled examples. Pure.

mod decision;
mod snapshot;
mod solve;
mod space;
mod vote;

pub use decision::{Decision, Goal, Neighbour, Reading, Reason};
pub use snapshot::{Snapshot, UnknownModel, Wish};
pub use space::{Space, outlier};
pub use vote::{Tally, tally};

/// Decides for one conversation. Every way to fail ends in the default tier, with the reason said.
#[must_use]
pub fn decide(snapshot: &Snapshot, wish: &Wish, reading: &Reading) -> Decision {
    let features = match (wish, reading) {
        (Wish::Tier(tier), _) => return Decision::asked(tier),
        (Wish::Target(target), _) => return Decision::pinned(target),
        (Wish::Auto, Reading::Nothing) => {
            return Decision::fallback(snapshot.default_tier(), Reason::NothingToRead);
        }
        (Wish::Auto, Reading::Failed(error)) => {
            let reason = Reason::EmbedderFailed { error: error.to_string() };
            return Decision::fallback(snapshot.default_tier(), reason);
        }
        (Wish::Auto, Reading::Features(features)) => features,
    };
    let neighbours = snapshot.neighbours(features);
    let tally = tally(&neighbours, snapshot.vote());
    Decision::voted(snapshot.default_tier(), neighbours, tally)
}
