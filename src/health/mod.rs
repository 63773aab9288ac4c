//! What happened to an attempt, what that says about its target, and whether the target may be tried now.
//!
//! `verdict` reads what a provider answered against a table and names an [`Outcome`]; `breaker` is the state machine of one thing
//! that can fail, over the exact counts of `window`; `pace` notices slowness before it becomes failure; `limit` says how many requests it is given at once; `table` holds the health of
//! every target. All but the last are pure and take `now` as an argument.

mod board;
mod breaker;
mod limit;
mod news;
mod outcome;
mod pace;
mod permit;
mod silence;
mod table;
mod verdict;
mod view;
mod window;

pub use breaker::{Breaker, Entry, Event, Shut, Standing, Ticket};
pub use limit::Load;
pub use outcome::{Again, Events, Next, Outcome, Phase};
pub use pace::{Figures, Memory, Pace, Part, Sample, Size, Tempo};
pub use permit::Permit;
pub use table::HealthTable;
pub use verdict::{Evidence, OutcomeTable, Verdict};
pub use view::{HealthView, Known};
pub use window::{Counts, Window};
