//! Amazon's binary events, `application/vnd.amazon.eventstream`, read as bytes arrive.
//!
//! A message is a prelude (its length, the length of its headers, both 4 bytes, big end first, and a checksum of these 8), headers, a
//! payload, and a checksum of everything before it. Checksums are CRC-32. A stream with a wrong one is useless from there on: nothing
//! says where the next message begins.

use thiserror::Error;

use crate::provider::dialect::Frame;

/// Longest message, in bytes, the longest event that other streams may have.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest headers of a message, in bytes: Amazon's own limit.
const HEADER_BYTES_MAX: usize = 128 * 1024;
/// Both lengths and their checksum.
const PRELUDE: usize = 12;
/// A checksum.
const CHECKSUM: usize = 4;

/// Why a stream is useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Broken {
    /// A checksum does not fit.
    #[error("a checksum of the event stream is wrong")]
    Checksum,
    /// Lengths that cannot be.
    #[error("an event names a length that it cannot have")]
    Length,
    /// Longer than is allowed.
    #[error("an event is longer than {MESSAGE_BYTES_MAX} bytes")]
    Overflow,
    /// Headers that cannot be read.
    #[error("the headers of an event cannot be read")]
    Headers,
}

/// The state between two reads.
#[derive(Debug, Default)]
pub struct FrameReader {
    held: Vec<u8>,
    /// Bytes of `held` that have been read.
    done: usize,
}

impl FrameReader {
    /// Takes what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.done);
        self.done = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next event that is complete. Its name is that of the event or of the exception.
    ///
    /// # Errors
    /// When the stream is useless from here on.
    pub fn pop(&mut self) -> Result<Option<Frame>, Broken> {
        let rest = self.held.get(self.done..).unwrap_or_default();
        let Some((prelude, _)) = rest.split_at_checked(PRELUDE) else { return Ok(None) };
        let (lengths, checksum) = prelude.split_at(PRELUDE - CHECKSUM);
        if crc32fast::hash(lengths) != number(checksum) {
            return Err(Broken::Checksum);
        }
        let (whole, headers) = lengths.split_at(CHECKSUM);
        let whole = usize::try_from(number(whole)).unwrap_or(usize::MAX);
        let headers = usize::try_from(number(headers)).unwrap_or(usize::MAX);
        if whole > MESSAGE_BYTES_MAX || headers > HEADER_BYTES_MAX {
            return Err(Broken::Overflow);
        }
        if whole < PRELUDE + headers + CHECKSUM {
            return Err(Broken::Length);
        }
        let Some(message) = rest.get(..whole) else { return Ok(None) };
        let (said, last) = message.split_at(whole - CHECKSUM);
        if crc32fast::hash(said) != number(last) {
            return Err(Broken::Checksum);
        }
        let (headers, payload) = said.split_at(PRELUDE + headers);
        let name = name(headers.get(PRELUDE..).unwrap_or_default())?;
        let data = String::from_utf8_lossy(payload).into_owned();
        self.done += whole;
        Ok(Some(Frame { name, data }))
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// The name of the event among the headers.
fn name(mut rest: &[u8]) -> Result<Option<String>, Broken> {
    let mut name = None;
    while !rest.is_empty() {
        let key_length = take(&mut rest, 1)?[0];
        let key = take(&mut rest, usize::from(key_length))?;
        let kind = take(&mut rest, 1)?[0];
        let value = match kind {
            // True and false, which are their own values.
            0 | 1 => &[],
            2 => take(&mut rest, 1)?,
            3 => take(&mut rest, 2)?,
            4 => take(&mut rest, 4)?,
            // A long number, a moment.
            5 | 8 => take(&mut rest, 8)?,
            // Bytes, a text.
            6 | 7 => {
                let length = usize::try_from(number(take(&mut rest, 2)?)).unwrap_or(usize::MAX);
                take(&mut rest, length)?
            }
            // A UUID.
            9 => take(&mut rest, 16)?,
            _ => return Err(Broken::Headers),
        };
        let is_name = matches!(key, b":event-type" | b":exception-type" | b":error-code");
        if is_name && kind == 7 {
            name = Some(named(key, value));
        }
    }
    Ok(name)
}

/// Errors of the transport itself are exceptions as well, which is what readers look for.
fn named(key: &[u8], value: &[u8]) -> String {
    let mut name = String::from_utf8_lossy(value).into_owned();
    if key == b":error-code" && !name.ends_with("Exception") {
        name.push_str("Exception");
    }
    name
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Broken> {
    let (taken, after) = rest.split_at_checked(length).ok_or(Broken::Headers)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message with headers of texts.
    fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        for (key, value) in headers {
            written.push(u8::try_from(key.len()).expect("a short key"));
            written.extend_from_slice(key.as_bytes());
            written.push(7);
            written.extend(u16::try_from(value.len()).expect("a short value").to_be_bytes());
            written.extend_from_slice(value.as_bytes());
        }
        around(&written, payload)
    }

    fn around(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let size = |bytes: usize| u32::try_from(bytes).expect("short").to_be_bytes();
        let mut whole = size(PRELUDE + headers.len() + payload.len() + CHECKSUM).to_vec();
        whole.extend(size(headers.len()));
        whole.extend(crc32fast::hash(&whole).to_be_bytes());
        whole.extend_from_slice(headers);
        whole.extend_from_slice(payload);
        whole.extend(crc32fast::hash(&whole).to_be_bytes());
        whole
    }

    fn event(name: &str, payload: &str) -> Vec<u8> {
        let headers = [
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        message(&headers, payload.as_bytes())
    }

    fn read(pieces: &[&[u8]]) -> Result<Vec<Frame>, Broken> {
        let mut reader = FrameReader::default();
        let mut frames = Vec::new();
        for piece in pieces {
            reader.push(piece);
            while let Some(frame) = reader.pop()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn frame(name: Option<&str>, data: &str) -> Frame {
        Frame { name: name.map(str::to_owned), data: data.to_owned() }
    }

    /// The vectors that Amazon publishes with its own libraries.
    #[test]
    fn the_published_messages_are_read() {
        let hex = |text: &str| -> Vec<u8> {
            let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
            let byte = |pair: &[char]| {
                let pair: String = pair.iter().collect();
                u8::from_str_radix(&pair, 16).expect("hex")
            };
            digits.chunks(2).map(byte).collect()
        };
        let empty = hex("00000010 00000000 05c248eb 7d98c8ff");
        assert_eq!(read(&[&empty]), Ok(vec![frame(None, "")]));
        let payload = hex("0000001d 00000000 fd528c5a 7b27666f6f273a27626172277d c3653936");
        assert_eq!(read(&[&payload]), Ok(vec![frame(None, "{'foo':'bar'}")]));
    }

    #[test]
    fn events_survive_every_split() {
        let mut bytes = event("messageStart", r#"{"role":"assistant"}"#);
        let exception =
            [(":exception-type", "throttlingException"), (":message-type", "exception")];
        bytes.extend(message(&exception, br#"{"message":"m"}"#));
        bytes.extend(message(&[(":error-code", "InternalError")], b""));
        let expected = Ok(vec![
            frame(Some("messageStart"), r#"{"role":"assistant"}"#),
            frame(Some("throttlingException"), r#"{"message":"m"}"#),
            frame(Some("InternalErrorException"), ""),
        ]);
        for at in 0..=bytes.len() {
            let (left, right) = bytes.split_at(at);
            assert_eq!(read(&[left, right]), expected, "split at {at}");
        }
    }

    #[test]
    fn every_kind_of_header_is_passed_over() {
        let mut headers = Vec::new();
        for (kind, value) in [
            (0, &[][..]),
            (1, &[]),
            (2, &[1]),
            (3, &[0, 1]),
            (4, &[0; 4]),
            (5, &[0; 8]),
            (6, &[0, 2, 9, 9]),
            (8, &[0; 8]),
            (9, &[0; 16]),
            (7, &[0, 1, b'v']),
        ] {
            headers.extend([1, b'k', kind]);
            headers.extend_from_slice(value);
        }
        let key = b":event-type";
        headers.push(u8::try_from(key.len()).expect("short"));
        headers.extend_from_slice(key);
        headers.extend([7, 0, 1, b'e']);
        assert_eq!(read(&[&around(&headers, b"p")]), Ok(vec![frame(Some("e"), "p")]));
        assert_eq!(read(&[&around(&[1, b'k', 10], b"")]), Err(Broken::Headers));
        assert_eq!(read(&[&around(&[9, b'k'], b"")]), Err(Broken::Headers));
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let with = |whole: u32, headers: u32| {
            let mut prelude = whole.to_be_bytes().to_vec();
            prelude.extend(headers.to_be_bytes());
            prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
            read(&[&prelude])
        };
        assert_eq!(with(15, 0), Err(Broken::Length));
        assert_eq!(with(20, 5), Err(Broken::Length));
        assert_eq!(with(u32::MAX, 0), Err(Broken::Overflow));
        assert_eq!(with(200_000, 199_000), Err(Broken::Overflow));
        assert_eq!(with(8 * 1024 * 1024, 0), Ok(vec![]));
    }

    #[test]
    fn what_is_not_complete_is_known() {
        let mut reader = FrameReader::default();
        let bytes = event("e", "p");
        reader.push(&bytes[..bytes.len() - 1]);
        assert_eq!(reader.pop(), Ok(None));
        reader.push(&bytes[bytes.len() - 1..]);
        assert_eq!(reader.pop(), Ok(Some(frame(Some("e"), "p"))));
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_split_make_it_panic_or_differ(
            payloads in proptest::collection::vec("[a-z]{0,20}", 0..4),
            flipped in proptest::option::of((0_usize..300, 1_u8..)),
            cuts in proptest::collection::vec(0_usize..300, 0..6),
        ) {
            let mut bytes: Vec<u8> = payloads.iter().flat_map(|payload| event("e", payload)).collect();
            let is_damaged = flipped.is_some_and(|(at, mask)| {
                let byte = bytes.get_mut(at);
                let found = byte.is_some();
                byte.into_iter().for_each(|byte| *byte ^= mask);
                found
            });
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            let found = read(&pieces);
            prop_assert_eq!(&found, &read(&[&bytes]));
            if is_damaged {
                prop_assert!(found.is_err());
            } else {
                let expected: Vec<Frame> = payloads.iter().map(|payload| frame(Some("e"), payload)).collect();
                prop_assert_eq!(found, Ok(expected));
            }
        }

        #[test]
        fn no_noise_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), headers in proptest::collection::vec(any::<u8>(), 0..60)) {
            drop(read(&[&bytes]));
            drop(read(&[&around(&headers, &bytes)]));
        }
    }
}
