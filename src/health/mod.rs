//! What happened to an attempt, what that says about its target, and whether the target may be tried now.
//!
//! `outcome` turns a status and a body into an [`Outcome`]; `breaker` is the state machine of one target; `table` holds one
//! breaker a target. The first two are pure and take `now` as an argument.

mod breaker;
mod outcome;
mod table;

pub use breaker::{Breaker, Entry, Event, Shut, Standing, Ticket};
pub use outcome::{Next, Outcome, Phase, ProviderError, classify, classify_in_band};
pub use table::{HealthTable, HealthView, Permit};
