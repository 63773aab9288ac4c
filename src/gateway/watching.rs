//! Starts what looks at providers beside real traffic.

use tokio_util::sync::CancellationToken;

use super::BuildError;
use crate::config::Config;
use crate::provider::Client;
use crate::watch::{Priors, Watchers};

/// Looks at the providers that a configuration has watched, until `cancel`; without any it does nothing. For another
/// configuration, cancel and call it again with the same `priors`.
///
/// # Errors
/// When the operating system's certificates cannot be read.
pub fn watch(
    config: &Config,
    priors: &Priors,
    cancel: &CancellationToken,
) -> Result<Watchers, BuildError> {
    if config.watched.is_empty() {
        return Ok(Watchers::none(priors));
    }
    let client = Client::without_pool(config.timers.connect)?;
    Ok(Watchers::start(&config.watched, &client, priors, cancel))
}
