//! What the entries of a feed mean: which of them are troubles that go on.
//!
//! Neither RSS nor Atom has a word for it, so it is read from the text, as the makers of status pages write it: a state in bold
//! before each update (`<strong>Resolved</strong> - ...`), a line `Status: Resolved`, a state between dashes, or one in brackets
//! in the title. Some list every update as an entry of its own. Where the text leaves it open, nothing is wrong.

use std::time::Duration;

use super::{Condition, Document};
use crate::provider::moment;

/// An entry older than this is over, whatever it says: somebody forgot it. Status pages renew the date with each update.
const INCIDENT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// An entry of RSS or Atom.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) title: String,
    /// Description, summary and content, mostly HTML.
    pub(super) says: String,
    pub(super) id: String,
    pub(super) link: String,
    pub(super) updated: String,
    pub(super) published: String,
}

/// How far an incident is. The later ones win: once an update says that it is over, it is, wherever that update stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// A maintenance that has not begun.
    Planned,
    /// Somebody works on it.
    Open,
    /// Mended, as far as anybody knows.
    Watched,
    Over,
}

/// The worst of what goes on now.
pub(super) fn condition(entries: &[Entry], document: Document<'_>, now: Duration) -> Condition {
    let read: Vec<Read<'_>> = entries.iter().map(|entry| Read::of(entry, now)).collect();
    let ended = |each: &Read<'_>| read.iter().any(|other| other.ends(each));
    let going_on = read.iter().filter(|each| each.is_recent && !ended(each));
    let about = |each: &&Read<'_>| document.component.is_none_or(|name| each.is_about(name));
    going_on.filter(about).map(Read::condition).max().unwrap_or(Condition::Well)
}

/// An entry, understood.
struct Read<'a> {
    title: String,
    lines: Vec<String>,
    /// One that all updates of an incident have in common, where there is one.
    id: &'a str,
    state: Option<State>,
    /// A maintenance.
    is_planned: bool,
    at: Option<Duration>,
    is_recent: bool,
}

impl<'a> Read<'a> {
    fn of(entry: &'a Entry, now: Duration) -> Self {
        // `Resolved: ...` is as good as `[Resolved] ...`.
        let headline = segments(&entry.title.replace(": ", "\n"));
        let lines = segments(&entry.says);
        let states: Vec<State> =
            headline.iter().chain(&lines).filter_map(|part| state(part)).collect();
        let words = headline.into_iter().filter(|part| state(part).is_none());
        let title = words.collect::<Vec<String>>().join(" ");
        let is_planned = states.contains(&State::Planned) || title.contains("maintenance");
        let state = states.into_iter().max();
        let at = moment(&entry.updated).or_else(|| moment(&entry.published));
        // A time to come is when a maintenance begins.
        let is_recent = at.is_none_or(|at| at <= now && now.saturating_sub(at) <= INCIDENT_AGE_MAX);
        let id = if entry.id.trim().is_empty() { &entry.link } else { &entry.id };
        let id = id.split('#').next().unwrap_or_default().trim();
        Self { title, lines, id, state, is_planned, at, is_recent }
    }

    /// Whether this is the entry that says of another one that it is over. Of incidents with one title the later may go on.
    fn ends(&self, other: &Self) -> bool {
        let is_same = self.id == other.id && !self.id.is_empty() || self.title == other.title;
        self.state == Some(State::Over) && is_same && self.at >= other.at
    }

    /// Whether it names the component, and does not only list it as `Component (Operational)`.
    fn is_about(&self, component: &str) -> bool {
        let component = component.to_lowercase();
        let naming = self.lines.iter().filter(|line| line.contains(&component));
        let (listed, said): (Vec<&String>, Vec<&String>) =
            naming.partition(|line| line.ends_with(')'));
        let is_hit = if listed.is_empty() {
            !said.is_empty()
        } else {
            listed.iter().any(|line| !line.ends_with("(operational)"))
        };
        self.title.contains(&component) || is_hit
    }

    fn condition(&self) -> Condition {
        const OUTAGE: [&str; 4] = ["outage", "unavailable", "is down", "are down"];
        const TROUBLE: [&str; 10] = [
            "degrad", "disrupt", "error", "incident", "issue", "latency", "problem", "slow",
            "fail", "timeout",
        ];
        const PAST: [&str; 4] = ["resolved", "recovered", "restored", "back to normal"];
        let says = |words: &[&str], text: &str| words.iter().any(|word| text.contains(word));
        let is_listed_as_out = self.lines.iter().any(|line| line.ends_with(" outage)"));
        let is_out = says(&OUTAGE, &self.title) || is_listed_as_out;
        let goes_on = || !self.lines.iter().any(|line| says(&PAST, line));
        match self.state {
            Some(State::Planned | State::Over) => Condition::Well,
            Some(State::Watched) => Condition::Minor,
            Some(State::Open) if is_out && !self.is_planned => Condition::Major,
            Some(State::Open) => Condition::Minor,
            // A feed without states: an entry is a trouble if its title says so and nothing says that it is over.
            None if self.is_planned || !goes_on() => Condition::Well,
            None if is_out => Condition::Major,
            None if says(&TROUBLE, &self.title) => Condition::Minor,
            None => Condition::Well,
        }
    }
}

/// Text without tags, in lower case, parted where a state may stand alone: at tags, brackets, dashes and ends of lines.
fn segments(html: &str) -> Vec<String> {
    let mut text = String::with_capacity(html.len());
    let mut in_tag = false;
    let mut characters = html.chars().peekable();
    while let Some(character) = characters.next() {
        let begins_tag = |next: &char| next.is_ascii_alphabetic() || ['/', '!'].contains(next);
        match character {
            '<' if characters.peek().is_some_and(begins_tag) => {
                in_tag = true;
                text.push('\n');
            }
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            '[' | ']' => text.push('\n'),
            _ => text.extend(character.to_lowercase()),
        }
    }
    let dashed = text.split('\n').flat_map(|line| line.split(" - "));
    let parts = dashed.flat_map(|part| part.split(" – "));
    let is_edge = |c: char| c.is_whitespace() || c == '-';
    let trimmed = parts.map(|part| part.trim_matches(is_edge));
    trimmed.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A segment that is a state and nothing else.
fn state(segment: &str) -> Option<State> {
    let word = segment.strip_prefix("status:").unwrap_or(segment);
    match word.trim().trim_end_matches([':', '.']) {
        "scheduled" | "planned" => Some(State::Planned),
        "investigating" | "identified" | "update" | "in progress" => Some(State::Open),
        "monitoring" | "verifying" => Some(State::Watched),
        "resolved" | "completed" | "postmortem" | "canceled" | "cancelled" => Some(State::Over),
        _ => None,
    }
}
