//! Marks that people and programs put around pasted text.

use super::asking::{asks_about_a_text, is_label, is_question_label, orders};
use super::{LINE_MAX, last_line};

/// A way to find a marked stretch: from where to where.
type Find = fn(&str) -> Option<(usize, usize)>;

/// From the plainest mark to the faintest.
pub(super) const ALL: [Find; 5] = [fenced, tagged, labelled, cited, quoted];

/// Tags looked at; each costs a search through the rest of the turn.
const TAGS_MAX: usize = 16;
/// Longest tag, attributes included.
const TAG_BYTES_MAX: usize = 120;
/// Lines searched for a label.
const LABEL_LINES_MAX: usize = 24;
/// Longest label, its colon and its Markdown included.
const LABEL_BYTES_MAX: usize = 36;
/// Least bytes between quotation marks; shorter ones are names and examples.
const QUOTE_MIN: usize = 60;
/// Where a first line may turn into the pasted text, such as `Translate into French: ...`.
const LEAD_IN_MAX: usize = 200;
/// Fences by their letter.
const FENCES: [(char, &str); 3] = [('`', "```"), ('~', "~~~"), ('"', "\"\"\"")];
/// Tags around an instruction rather than around a text.
const INSTRUCTION_TAGS: [&str; 10] = [
    "task",
    "instruction",
    "instructions",
    "query",
    "question",
    "user_query",
    "prompt",
    "request",
    "user_message",
    "feedback",
];

/// From the first fence to the last; an open one goes to the end.
fn fenced(turn: &str) -> Option<(usize, usize)> {
    let starts = FENCES.iter().filter_map(|(mark, fence)| {
        // One letter is found many times faster than three.
        let mut marks = turn.match_indices(*mark).map(|(at, _)| at);
        let first = marks.find(|&at| turn.get(at..).is_some_and(|rest| rest.starts_with(fence)))?;
        Some((first, *fence))
    });
    let (first, fence) = starts.min()?;
    // A doc string inside code is no fence.
    let line_before = turn.get(..first)?.trim_end().rsplit('\n').next()?;
    let is_free = fence != "\"\"\"" || !line_before.contains('(');
    let last = turn.rfind(fence).filter(|&last| last > first);
    let end = last.map_or(turn.len(), |last| last + fence.len());
    is_free.then_some((first, end))
}

/// From the first tag that is closed to the end of the last one.
fn tagged(turn: &str) -> Option<(usize, usize)> {
    let (mut at, mut found) = (0, None);
    for _ in 0..TAGS_MAX {
        let Some(step) = turn.get(at..).and_then(|rest| rest.find('<')) else { break };
        let open = at + step;
        at = open + 1;
        let rest = turn.get(open..).unwrap_or_default();
        let Some(name) = tag_name(rest) else { continue };
        let closing = format!("</{name}>");
        let Some(length) = rest.find(&closing) else { continue };
        let end = open + length + closing.len();
        if INSTRUCTION_TAGS.contains(&name) {
            // What stands in it is read; a text may stand in a tag inside.
            continue;
        }
        found = Some((found.map_or(open, |(start, _)| start), end));
        at = end;
    }
    found
}

/// The name of the tag that begins here.
fn tag_name(text: &str) -> Option<&str> {
    let inside = text.get(1..text.floor_char_boundary(TAG_BYTES_MAX))?.split(['>', '\n']).next()?;
    let is_closed = text.as_bytes().get(inside.len() + 1) == Some(&b'>');
    let name = inside.split(' ').next()?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (is_closed && is_name).then_some(name)
}

/// Behind a line such as `Text:`, up to the question about it.
fn labelled(turn: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    for line in turn.split_inclusive('\n').take(LABEL_LINES_MAX) {
        let start_of_line =
            line.get(..line.floor_char_boundary(LABEL_BYTES_MAX)).unwrap_or_default();
        let label = start_of_line.split_once([':', '：']).map(|(label, _)| label);
        if let Some(label) = label.filter(|label| is_label(label)) {
            let start = at + label.len();
            return Some((start, question_behind(turn, start).unwrap_or(turn.len())));
        }
        at += line.len();
    }
    None
}

/// Where the question about a labelled text begins: a last line that asks.
fn question_behind(turn: &str, start: usize) -> Option<usize> {
    let at = last_line(turn).filter(|&at| at > start)?;
    let line = turn.get(at..).filter(|line| line.len() <= LINE_MAX)?;
    let label = line.split_once(':').is_some_and(|(label, _)| is_question_label(label));
    (label || line.ends_with(['?', '？']) || asks_about_a_text(line)).then_some(at)
}

/// Lines that begin with `>`, as in mail.
fn cited(turn: &str) -> Option<(usize, usize)> {
    let opens_line = |at: &usize| *at == 0 || turn.as_bytes().get(at - 1) == Some(&b'\n');
    let first = turn.match_indices('>').map(|(at, _)| at).find(opens_line)?;
    let last = turn.rmatch_indices('>').map(|(at, _)| at).find(opens_line)?;
    let end = turn.get(last..)?.find('\n').map_or(turn.len(), |step| last + step);
    Some((first, end))
}

/// One long quotation.
fn quoted(turn: &str) -> Option<(usize, usize)> {
    for (open, close) in [('"', '"'), ('“', '”'), ('«', '»'), ('„', '“'), ('「', '」')]
    {
        let Some(start) = turn.find(open) else { continue };
        let Some(end) = turn.rfind(close).filter(|&end| end > start) else { continue };
        let inside = turn.get(start + open.len_utf8()..end).unwrap_or_default();
        // Several quotations are examples or speech.
        let is_most = inside.len() * 2 >= turn.len();
        if inside.len() >= QUOTE_MIN && is_most && !inside.contains([open, close]) {
            return Some((start, end + close.len_utf8()));
        }
    }
    None
}

/// Behind the colon of a first line that goes on with the pasted text.
pub(super) fn lead_in(turn: &str) -> Option<usize> {
    let head = turn.get(..turn.floor_char_boundary(LEAD_IN_MAX))?;
    let (before, after) = head.split('\n').next()?.split_once([':', '：'])?;
    let end = before.len() + head.get(before.len()..)?.chars().next()?.len_utf8();
    // `12:30`, `https://` and "five books: a green one, ..." are no lead-ins.
    let goes_on = after.starts_with(char::is_whitespace) || !after.is_ascii();
    (goes_on && !before.contains(['.', '(', '!']) && orders(before)).then_some(end)
}

/// Whether a list of choices or points begins here: part of a question, not a text to work on.
pub(super) fn is_list(text: &str) -> bool {
    let start = text.trim_start().trim_start_matches(['(', '[']);
    let mut letters = start.chars();
    let is_number = letters.next().is_some_and(|c| c.is_ascii_alphanumeric());
    start.starts_with(['-', '*', '•'])
        || (is_number && matches!(letters.next(), Some('.' | ')' | ']')))
}
