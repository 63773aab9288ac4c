//! Shows a download to whoever waits for it, on standard error.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

const BAR: &str = "{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const SPINNER: &str = "{spinner} {msg} {elapsed}";
const SPINNER_TICK: std::time::Duration = std::time::Duration::from_millis(200);

/// Receives the course of a fetch. One file is under way at a time: `start`, any number of
/// `advance`, then `finish`, or another `start` when the file begins again.
pub trait Progress {
    /// Work on `what` begins. The size is unknown while pip does the work.
    fn start(&self, what: &str, bytes: Option<u64>);
    /// So many more bytes have arrived.
    fn advance(&self, bytes: u64);
    /// The work named last is over; `how` says with what result.
    fn finish(&self, how: &str);
    /// Something happened that the reader should know.
    fn note(&self, text: &str);
}

/// Shows nothing.
impl Progress for () {
    fn start(&self, _what: &str, _bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self, _how: &str) {}
    fn note(&self, _text: &str) {}
}

/// Picks a bar for a terminal, and plain lines for a log.
pub fn on_stderr() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() {
        Box::new(Bar { bar: RefCell::new(ProgressBar::hidden()) })
    } else {
        Box::new(Lines)
    }
}

#[derive(Debug)]
struct Lines;

impl Lines {
    fn line(text: &str) {
        // A closed standard error must not stop the download.
        drop(writeln!(std::io::stderr(), "{text}"));
    }
}

impl Progress for Lines {
    fn start(&self, what: &str, bytes: Option<u64>) {
        let size = bytes.map(|n| format!(" ({})", HumanBytes(n))).unwrap_or_default();
        Self::line(&format!("fetching {what}{size}"));
    }
    fn advance(&self, _bytes: u64) {}
    fn finish(&self, how: &str) {
        Self::line(how);
    }
    fn note(&self, text: &str) {
        Self::line(text);
    }
}

#[derive(Debug)]
struct Bar {
    bar: RefCell<ProgressBar>,
}

impl Progress for Bar {
    fn start(&self, what: &str, bytes: Option<u64>) {
        let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = if bytes.is_some() { BAR } else { SPINNER };
        // A template is a constant of this file; if it were wrong, the default style still serves.
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| bar.style()));
        bar.set_message(what.to_owned());
        if bytes.is_none() {
            bar.enable_steady_tick(SPINNER_TICK);
        }
        self.bar.replace(bar).finish_and_clear();
    }
    fn advance(&self, bytes: u64) {
        self.bar.borrow().inc(bytes);
    }
    fn finish(&self, how: &str) {
        self.bar.borrow().finish_and_clear();
        Lines::line(how);
    }
    fn note(&self, text: &str) {
        self.bar.borrow().suspend(|| Lines::line(text));
    }
}
