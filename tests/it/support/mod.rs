//! What tests of the whole gateway share: providers that misbehave on request, and a gateway in front of them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail like tests"
)]

mod act;
mod gateway;
mod logs;
mod upstream;

pub(crate) use act::{Act, Gate, Room};
pub(crate) use gateway::{Answer, DEADLY, Gateway, chat, streamed};
pub(crate) use logs::Logs;
pub(crate) use upstream::Upstream;

use std::time::Duration;

/// How long a test waits for what has to happen before it calls it missing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Within this time a provider has to learn that nobody wants its answer any more.
pub(crate) const PROMPTLY: Duration = Duration::from_secs(1);
