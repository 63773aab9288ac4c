//! How much is spent on second tries and on asking two at a time: a share of the requests, so that trouble is not multiplied.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::health::Window;

/// Share of the requests of half a minute that may be hedged.
const HEDGES_SHARE: f32 = 0.05;
/// As many may be, however few requests there are.
const HEDGES_MIN: u32 = 3;
/// Share of the requests of half a minute whose target may be tried once more.
const RETRIES_SHARE: f32 = 0.2;
/// As many may be, however few requests there are.
const RETRIES_MIN: u32 = 10;

/// What was spent lately, shared by all requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<Mutex<Spent>>);

#[derive(Debug, Default)]
struct Spent {
    requests: Window,
    hedges: Window,
    retries: Window,
}

impl Budget {
    /// A request begins.
    pub(super) fn request(&self, now: Instant) {
        self.0.lock().requests.answered(now);
    }

    /// Takes a hedge, if there is one left.
    pub(super) fn hedge(&self, now: Instant) -> bool {
        let Spent { requests, hedges, .. } = &mut *self.0.lock();
        take(hedges, share(requests.sum(now).ok, HEDGES_SHARE).max(HEDGES_MIN), now)
    }

    /// Takes a second try, if there is one left.
    pub(super) fn retry(&self, now: Instant) -> bool {
        let Spent { requests, retries, .. } = &mut *self.0.lock();
        take(retries, share(requests.sum(now).ok, RETRIES_SHARE) + RETRIES_MIN, now)
    }
}

fn take(spent: &mut Window, most: u32, now: Instant) -> bool {
    let is_left = spent.sum(now).ok < most;
    if is_left {
        spent.answered(now);
    }
    is_left
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the requests of half a minute"
)]
fn share(requests: u32, share: f32) -> u32 {
    (requests as f32 * share) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_requests_have_three_hedges_and_many_have_a_share() {
        let (budget, now) = (Budget::default(), Instant::now());
        budget.request(now);
        assert_eq!((0..10).filter(|_| budget.hedge(now)).count(), 3);
        assert_eq!((0..20).filter(|_| budget.retry(now)).count(), 10);
        (0..999).for_each(|_| budget.request(now));
        assert_eq!((0..100).filter(|_| budget.hedge(now)).count(), 47);
        let later = now + Window::SPAN;
        assert_eq!((0..10).filter(|_| budget.hedge(later)).count(), 3);
    }
}
