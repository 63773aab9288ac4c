//! What is known about providers beside their answers: health checks, probes and status feeds. A soft prior, never more.
//!
//! `feed` reads what a status page says, `prior` holds what follows from it for one provider, `pace` says when to ask again:
//! all three are pure. `priors` holds one prior a provider, `poll` asks. Nothing here can shut a target or have it skipped:
//! the strongest word is a [`Doubt`], for which a plan may put a target behind others. Every doubt runs out by itself, and
//! real answers overrule it.

mod feed;
mod pace;
mod poll;
mod prior;
mod priors;

pub use feed::{Condition, Document, Unreadable, read};
pub use poll::Watchers;
pub use prior::{Doubt, Observation, Prior, Seen, Source, Traffic};
pub use priors::Priors;
