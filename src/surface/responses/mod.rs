//! OpenAI's responses, without their store.

mod items;
mod read;
mod stream;
mod whole;

pub use read::parse;
pub use stream::Writer;
pub use whole::whole;

#[cfg(test)]
mod tests;
