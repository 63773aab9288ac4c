//! What is known of targets at one moment, for planning.

use std::time::Duration;

use super::breaker::Standing;
use super::pace::{Figures, Tempo};

/// What is known of a target at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// Whether it may be tried.
    pub standing: Standing,
    /// Whether it is as fast as it used to be.
    pub tempo: Tempo,
    /// How fast that is.
    pub figures: Figures,
    /// The 95th percentile of its usual time until the first content, or until the whole answer.
    pub usual_p95: Option<Duration>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            standing: Standing::Ready,
            tempo: Tempo::Usual,
            figures: Figures::default(),
            usual_p95: None,
        }
    }
}

/// What is known of some targets at one moment, for planning.
#[derive(Debug, Default)]
pub struct HealthView {
    pub(super) known: Vec<(String, Known)>,
    pub(super) leader: Option<String>,
}

impl HealthView {
    /// What is known of a target; one that nobody has tried is ready.
    #[must_use]
    pub fn of(&self, target: &str) -> Known {
        let found = self.known.iter().find(|(id, _)| id == target);
        found.map_or_else(Known::default, |(_, known)| *known)
    }

    /// Who was planned first the last time.
    #[must_use]
    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    /// A view for tests of planning.
    #[cfg(test)]
    pub(crate) fn with(known: &[(&str, Known)], leader: Option<&str>) -> Self {
        let known = known.iter().map(|(id, known)| ((*id).to_owned(), *known)).collect();
        Self { known, leader: leader.map(str::to_owned) }
    }
}
