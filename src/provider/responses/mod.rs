//! OpenAI's responses, for models that can do some things only there.

mod items;
mod read;
mod stream;
mod write;

pub(super) use read::answer;
pub(super) use stream::Reading;
pub(super) use write::write;

#[cfg(test)]
mod tests;
