//! The events of a stream, however they are carried.

use super::bedrock::{Broken, FrameReader};
use super::{EventReader, Frame, Overflow, Response, SseItem};

/// Bytes to events.
#[derive(Debug)]
pub enum Events {
    /// Server-sent events.
    Text(EventReader),
    /// Amazon's binary ones.
    Binary(FrameReader),
}

impl Events {
    /// For the body of a response.
    #[must_use]
    pub fn of(response: &Response) -> Self {
        if response.is_binary() {
            Self::Binary(FrameReader::default())
        } else {
            Self::Text(EventReader::default())
        }
    }

    /// Takes what has arrived.
    ///
    /// # Errors
    /// When an event grows beyond the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Overflow> {
        match self {
            Self::Text(events) => events.push(bytes),
            Self::Binary(events) => {
                events.push(bytes);
                Ok(())
            }
        }
    }

    /// The next event that is complete; comments are none.
    ///
    /// # Errors
    /// When the stream is useless from here on.
    pub fn pop(&mut self) -> Result<Option<Frame>, Broken> {
        match self {
            Self::Text(events) => Ok(std::iter::from_fn(|| events.pop()).find_map(data)),
            Self::Binary(events) => events.pop(),
        }
    }

    /// Says that nothing more will come.
    pub fn finish(&mut self) {
        match self {
            Self::Text(events) => events.finish(),
            Self::Binary(_) => {}
        }
    }
}

fn data(item: SseItem) -> Option<Frame> {
    match item {
        SseItem::Data(data) => Some(Frame { name: None, data }),
        SseItem::Comment => None,
    }
}
