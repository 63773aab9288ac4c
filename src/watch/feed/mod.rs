//! What a provider's status page says, as one word. Pure.
//!
//! A page that cannot be understood is an error and no condition: it says nothing, neither good nor bad.

mod entries;
mod statuspage;
mod syndication;

use std::time::Duration;

use thiserror::Error;

use crate::config::FeedKind;

/// How a provider is doing, by its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Nothing is wrong.
    Well,
    /// Slow, partly failing, recovering or under maintenance.
    Minor,
    /// An outage.
    Major,
}

/// A status page as it came.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its text.
    pub text: &'a str,
    /// Whether there was more of it.
    pub is_cut: bool,
    /// What the name of a component or the title of an incident must contain.
    pub component: Option<&'a str>,
}

/// Why a status page says nothing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    /// Not JSON, or of another shape.
    #[error("not a summary as Statuspage gives it")]
    NotASummary,
    /// None of the words that the format has.
    #[error("has a word that the format does not know")]
    UnknownWord,
    /// The configuration asks for a component that the page does not list.
    #[error("lists no component of that name")]
    NoSuchComponent,
    /// Not XML.
    #[error("not well-formed XML")]
    NotXml,
    /// XML, but neither RSS nor Atom.
    #[error("neither RSS nor Atom")]
    NotAFeed,
    /// It wants to define what its words stand for.
    #[error("has a document type, which no feed needs")]
    DocumentType,
    /// Nested deeper than any feed.
    #[error("nested too deep")]
    TooDeep,
    /// Longer than what is read of a page, and of a form that only makes sense as a whole.
    #[error("too long")]
    TooLong,
}

/// Reads a page. `now` is a time since 1970; it tells an incident of today from a forgotten one.
///
/// # Errors
/// When the page says nothing.
pub fn read(
    kind: FeedKind,
    document: Document<'_>,
    now: Duration,
) -> Result<Condition, Unreadable> {
    match kind {
        FeedKind::Statuspage => statuspage::read(document),
        FeedKind::Rss => Ok(entries::condition(&syndication::entries(document)?, document, now)),
    }
}

/// Whether a text contains another one, whatever the case of either.
fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

#[cfg(test)]
mod tests;
