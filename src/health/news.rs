//! What is told of something that was shut.

use std::time::Duration;

use super::breaker::Shut;

/// Something was shut.
#[derive(Debug)]
pub(super) struct News {
    pub(super) scope: &'static str,
    pub(super) why: Shut,
    pub(super) lasts: Duration,
    /// Not as a probe that failed once more.
    pub(super) is_first: bool,
}

impl News {
    /// A key that is refused and an account without money need a person, once.
    pub(super) fn log(&self, target: &str) {
        let (scope, why) = (self.scope, self.why.label());
        let ms = u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX);
        let needs_a_person = match self.why {
            Shut::CredentialRefused | Shut::QuotaGone | Shut::ModelMissing => true,
            Shut::Failing | Shut::RateLimited | Shut::Exhausted => false,
        };
        match (self.is_first, needs_a_person) {
            (true, true) => {
                tracing::error!(target, scope, why, ms, "set aside until somebody mends it");
            }
            (true, false) => tracing::warn!(target, scope, why, ms, "set aside"),
            (false, _) => tracing::debug!(target, scope, why, ms, "still set aside"),
        }
    }
}
