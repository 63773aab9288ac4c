//! The earliest sign of a target that hangs: several requests wait for it much longer than usual, and none has had an answer since they
//! began to. Their own limits are far off then, but nobody else has to join them.

use std::collections::HashMap;

use tokio::time::Instant;

/// Requests that wait in vain from which on it is no chance.
const WAITING_MIN: usize = 3;

/// Who waits for a target.
#[derive(Debug, Default)]
pub(super) struct Silence {
    waiting: HashMap<u64, Waiting>,
    next: u64,
    answered: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Instant,
    expected_by: Instant,
}

impl Silence {
    /// Somebody waits; an answer is usually there by `expected_by`.
    pub(super) fn wait(&mut self, expected_by: Instant, now: Instant) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, Waiting { since: now, expected_by });
        self.next
    }

    /// Somebody waits no longer, perhaps because of an answer.
    pub(super) fn end(&mut self, waits: u64, answered: Option<Instant>) {
        self.waiting.remove(&waits);
        self.answered = self.answered.max(answered);
    }

    /// Whether several wait in vain.
    pub(super) fn is_suspicious(&self, now: Instant) -> bool {
        let in_vain = |waiting: &&Waiting| {
            now > waiting.expected_by && self.answered.is_none_or(|at| at < waiting.since)
        };
        self.waiting.values().filter(in_vain).count() >= WAITING_MIN
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn three_who_wait_in_vain_are_suspicious_until_somebody_is_answered() {
        let start = Instant::now();
        let mut silence = Silence::default();
        let late = start + Duration::from_secs(1);
        let waits: Vec<u64> = (0..3).map(|_| silence.wait(late, start)).collect();
        assert!(!silence.is_suspicious(late));
        let now = late + Duration::from_millis(1);
        assert!(silence.is_suspicious(now));
        let fourth = silence.wait(now + Duration::from_secs(1), now);
        silence.end(fourth, Some(now));
        assert!(!silence.is_suspicious(now), "one answer means that it lives");
        waits.into_iter().for_each(|waiting| silence.end(waiting, None));
        assert!(silence.waiting.is_empty());
    }
}
