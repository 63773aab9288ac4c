//! As much HTTP/1.1 as two ends that know each other need. Neither a client nor a server of a library can reset, hang and lie, or
//! tell a body that was cut from one that came whole.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Most of a head, a body or a chunk that is held.
const HELD_MAX: usize = 1024 * 1024;

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    arrived: Vec<u8>,
}

/// The head of a message.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) first_line: String,
    /// Names in lower case.
    fields: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let first_line = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { first_line, fields }
    }

    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Wire {
    pub(super) async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        Self::new(TcpStream::connect(address).await?)
    }

    pub(super) fn new(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, arrived: Vec::new() })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next head; nothing when the connection ends before it.
    pub(super) async fn head(&mut self) -> std::io::Result<Option<Head>> {
        loop {
            if let Some(end) = self.find(b"\r\n\r\n") {
                let head = Head::parse(&self.arrived[..end]);
                self.arrived.drain(..end + 4);
                return Ok(Some(head));
            }
            if self.more().await? == 0 {
                return if self.arrived.is_empty() { Ok(None) } else { Err(cut()) };
            }
        }
    }

    /// Adds the body behind a head. What came before an error stays.
    pub(super) async fn body(&mut self, head: &Head, into: &mut Vec<u8>) -> std::io::Result<()> {
        if head.field("transfer-encoding") != "chunked" {
            let length = head.field("content-length").parse().map_err(Error::other)?;
            return self.take(length, into).await;
        }
        loop {
            let line = self.line().await?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(Error::other)?;
            self.take(size, into).await?;
            // Behind a chunk, and behind the last one, there is an empty line.
            self.line().await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// Returns when the other end has closed the connection.
    pub(super) async fn hung_up(&mut self) {
        while matches!(self.more().await, Ok(read) if read > 0) {}
    }

    /// Closes the connection with a reset.
    pub(super) fn reset(self) -> std::io::Result<()> {
        self.stream.set_zero_linger()
    }

    async fn take(&mut self, length: usize, into: &mut Vec<u8>) -> std::io::Result<()> {
        let mut missing = length;
        loop {
            let here = missing.min(self.arrived.len());
            into.extend(self.arrived.drain(..here));
            missing -= here;
            if missing == 0 {
                return Ok(());
            }
            if self.more().await? == 0 {
                return Err(cut());
            }
        }
    }

    async fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(end) = self.find(b"\r\n") {
                let line = String::from_utf8_lossy(&self.arrived[..end]).into_owned();
                self.arrived.drain(..end + 2);
                return Ok(line);
            }
            if self.more().await? == 0 {
                return Err(cut());
            }
        }
    }

    fn find(&self, mark: &[u8]) -> Option<usize> {
        self.arrived.windows(mark.len()).position(|window| window == mark)
    }

    async fn more(&mut self) -> std::io::Result<usize> {
        if self.arrived.len() > HELD_MAX {
            return Err(Error::other("a message without an end"));
        }
        self.stream.read_buf(&mut self.arrived).await
    }
}

fn cut() -> Error {
    ErrorKind::UnexpectedEof.into()
}
