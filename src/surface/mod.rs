//! How callers speak and are answered.

pub mod messages;
