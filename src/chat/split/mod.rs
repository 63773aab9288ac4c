//! Where a turn is an instruction, and where it is text that was pasted for it to work on.
//!
//! A turn is taken apart only when a pasted block is plain to see *and* what remains tells somebody to do something: marks
//! alone are not enough, because people mark up their instructions too. Everything else stays whole. The pasted part is one
//! stretch, from the first mark to the last, so that the instruction is what stands before and behind it.

mod asking;
mod marks;

use asking::{asks, asks_about_a_text};

/// Turns below this many bytes are whole: they are read in one go anyway.
const TURN_MIN: usize = 60;
/// Least bytes of a pasted part.
const PAYLOAD_MIN: usize = 40;
/// Longest line that may be an instruction about the text before or behind it.
const LINE_MAX: usize = 400;

/// A turn taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split<'a> {
    /// The instruction, as far as it stands before the pasted part.
    pub(super) before: &'a str,
    /// What was pasted.
    pub(super) payload: &'a str,
    /// The instruction, as far as it stands behind it.
    pub(super) after: &'a str,
}

/// Takes a turn apart, if it has both parts.
pub(super) fn split(turn: &str) -> Option<Split<'_>> {
    let turn = turn.trim();
    if turn.len() < TURN_MIN {
        return None;
    }
    let marked = marks::ALL.iter().find_map(|find| {
        let (start, end) = find(turn)?;
        Split::at(turn, start, end).filter(|parts| asks(parts.before) || asks(parts.after))
    });
    marked.or_else(|| lines_around(turn))
}

impl<'a> Split<'a> {
    fn at(turn: &'a str, start: usize, end: usize) -> Option<Self> {
        let before = turn.get(..start)?.trim();
        let payload = turn.get(start..end)?.trim_start_matches([':', '：']).trim();
        let after = turn.get(end..)?.trim();
        (payload.len() >= PAYLOAD_MIN).then_some(Self { before, payload, after })
    }
}

/// Without marks: a first or last line that speaks of the text beside it.
fn lines_around(turn: &str) -> Option<Split<'_>> {
    let first_line = || turn.find('\n').filter(|&at| turn.get(..at).is_some_and(is_about));
    let first = marks::lead_in(turn).or_else(first_line);
    let start = first.unwrap_or(0);
    let end = last_line(turn).filter(|&at| at > start && turn.get(at..).is_some_and(is_about));
    if first.is_none() && end.is_none() {
        return None;
    }
    let parts = Split::at(turn, start, end.unwrap_or(turn.len()))?;
    // What is pasted is the larger part; otherwise the lines are simply paragraphs of one request.
    let is_most = parts.payload.len() >= parts.before.len() + parts.after.len();
    (is_most && !marks::is_list(parts.payload)).then_some(parts)
}

/// Where the last line begins.
fn last_line(turn: &str) -> Option<usize> {
    turn.rfind('\n').map(|at| at + 1)
}

fn is_about(line: &str) -> bool {
    line.len() <= LINE_MAX && asks_about_a_text(line)
}

#[cfg(test)]
mod tests;
