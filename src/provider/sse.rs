//! Server-sent events, read as bytes arrive: WHATWG HTML, "Server-sent events", section 9.2.6.
//!
//! Only `data` matters to the providers we read. Every kind of line end, a byte order mark, data over several lines and
//! characters split between two reads are handled; an event longer than the limit ends the stream.

use std::collections::VecDeque;

use thiserror::Error;

/// Longest event, in bytes; images come inline as base64.
const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a stream carries.
#[derive(Debug, PartialEq, Eq)]
pub enum SseItem {
    /// The data of one event, its lines joined by `\n`.
    Data(String),
    /// A comment: a sign of life without content.
    Comment,
}

/// An event is longer than the limit.
#[derive(Debug, Error)]
#[error("an event is longer than {EVENT_BYTES_MAX} bytes")]
pub struct Overflow;

/// The state between two reads.
#[derive(Debug, Default)]
pub struct EventReader {
    /// The current line, without its end.
    line: Vec<u8>,
    /// The data lines of the current event, joined.
    data: Option<Vec<u8>>,
    /// The last byte was a carriage return, so a line feed belongs to it.
    after_cr: bool,
    /// Something has been read, so a byte order mark is text.
    started: bool,
    ready: VecDeque<SseItem>,
}

impl EventReader {
    /// Takes what has arrived.
    ///
    /// # Errors
    /// When the current event grows beyond the limit; the stream is then useless.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Overflow> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, ending) = rest.split_at(at);
            let Some((end, after)) = ending.split_first() else { break };
            rest = after;
            let is_second_half = *end == b'\n' && self.after_cr && line.is_empty();
            self.after_cr = *end == b'\r';
            if is_second_half {
                continue;
            }
            self.line.extend_from_slice(line);
            self.end_of_line();
        }
        if !rest.is_empty() {
            self.after_cr = false;
            self.line.extend_from_slice(rest);
        }
        let held = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
        if held > EVENT_BYTES_MAX { Err(Overflow) } else { Ok(()) }
    }

    /// The next item that is complete.
    pub fn pop(&mut self) -> Option<SseItem> {
        self.ready.pop_front()
    }

    /// Says that nothing more will come. An event whose closing blank line is missing still counts: some servers omit it.
    pub fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_of_line();
        }
        self.end_of_event();
    }

    fn end_of_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if !self.started {
            self.started = true;
            if line.starts_with(b"\xEF\xBB\xBF") {
                line.drain(..3);
            }
        }
        if line.is_empty() {
            self.end_of_event();
        } else if line.starts_with(b":") {
            self.ready.push_back(SseItem::Comment);
        } else if let Some(value) = field(&line, b"data") {
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
    }

    fn end_of_event(&mut self) {
        if let Some(data) = self.data.take() {
            // Bytes that are not UTF-8 make the JSON inside invalid, which is where it is noticed.
            let text = String::from_utf8(data)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            self.ready.push_back(SseItem::Data(text));
        }
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    if value.is_empty() {
        return Some(value);
    }
    let value = value.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<SseItem> {
        let mut reader = EventReader::default();
        for piece in pieces {
            reader.push(piece).expect("short");
        }
        reader.finish();
        std::iter::from_fn(|| reader.pop()).collect()
    }

    fn check(text: &str, expected: &[&str]) {
        let expected: Vec<SseItem> = expected
            .iter()
            .map(|item| match *item {
                ":" => SseItem::Comment,
                data => SseItem::Data(data.to_owned()),
            })
            .collect();
        assert_eq!(read(&[text.as_bytes()]), expected, "{text:?}");
        for at in 0..text.len() {
            let (left, right) = text.as_bytes().split_at(at);
            assert_eq!(read(&[left, right]), expected, "{text:?} split at {at}");
        }
    }

    #[test]
    fn events_survive_every_split_and_every_line_end() {
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
        check("data:a\ndata: b\n\n", &["a\nb"]);
        check("\u{FEFF}data: a\n\n", &["a"]);
        check(": ping\n\ndata: a\n\n", &[":", "a"]);
        check("event: x\nid: 7\nretry: 1\ndata: a\n\n", &["a"]);
        check("event: x\n\n", &[]);
        check("data: é漢🙂\n\n", &["é漢🙂"]);
        check("data: a", &["a"]);
        check("data\n\n", &[""]);
        check("\n\n\n", &[]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut reader = EventReader::default();
        let piece = vec![b'a'; 1024 * 1024];
        assert!((0..9).any(|_| reader.push(&piece).is_err()));
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_split_make_it_panic_or_differ(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..300),
            cuts in proptest::collection::vec(0_usize..300, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            prop_assert_eq!(read(&pieces), read(&[&bytes]));
        }
    }
}
