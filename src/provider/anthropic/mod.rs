//! Anthropic's messages: what a conversation becomes, and how answers are read.
//!
//! | neutral | here |
//! |---|---|
//! | instructions before the first turn | `system`; later ones stand in the user's turn between `<system>` tags |
//! | turns | merged until the speakers take turns, the user first; results of tools before what else the user says |
//! | thoughts | blocks, if they carry this vendor's seal; others are left out |
//! | `max_tokens` | required here: the caller's, else the target's usual number, else [`write`]'s own |
//! | a schema | `output_config.format`, or a tool that has to be called, whose arguments are read back as text |
//! | effort, budget | `output_config.effort` with adaptive thinking, or `thinking.budget_tokens`, by the target's manner |

mod blocks;
mod format;
mod media;
mod others;
mod read;
mod schema;
mod stream;
mod thinking;
mod tools;
mod turns;
mod write;

#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod write_tests;

pub(super) use read::answer;
pub(super) use stream::Reading;
pub(super) use write::write;

/// The tool by which an older model is held to a schema. What is written into it is the answer, not a call.
const SCHEMA_TOOL: &str = "semroute_answer";
