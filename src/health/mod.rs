//! What happened to an attempt, what that says about its target, and whether the target may be tried now.
//!
//! `verdict` reads what a provider answered against a table and names an [`Outcome`]; `breaker` is the state machine of one
//! target; `table` holds one breaker a target. The first two are pure; a breaker takes `now` as an argument.

mod breaker;
mod outcome;
mod table;
mod verdict;

pub use breaker::{Breaker, Entry, Event, Shut, Standing, Ticket};
pub use outcome::{Next, Outcome, Phase};
pub use table::{HealthTable, HealthView, Permit};
pub use verdict::{Evidence, OutcomeTable, Verdict};
