//! Prices as others publish them, and how they come into the catalogue: pure, from texts to a text.

mod edit;
mod fact;
mod litellm;
mod merge;
mod offer;
mod openrouter;

pub use edit::{EditError, apply};
pub use fact::{Fact, price as written};
pub use merge::{Change, FieldChange, merge};
pub use offer::{List, ListError, Offer, Shape};
