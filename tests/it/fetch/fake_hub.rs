//! A hub on loopback that misbehaves on request.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub does with one request for a file's content.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// Sends what was asked for.
    Serve,
    /// Sends as many bytes, then closes.
    CutAfter(usize),
    /// Sends as many bytes, then nothing, with the connection open.
    StallAfter(usize),
    /// Sends the right number of wrong bytes.
    Garble,
}

/// One request as it arrived. hf-hub asks for one byte first to learn about the file.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) file: String,
    pub(super) range: String,
    pub(super) authorization: Option<String>,
}

impl Asked {
    pub(super) fn is_content(&self) -> bool {
        self.range != "bytes=0-0"
    }
}

#[derive(Debug, Default)]
struct State {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// For the next requests for content; afterwards the hub serves.
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Asked>>,
    held: Mutex<Vec<TcpStream>>,
    etag: Mutex<Option<String>>,
    is_over: AtomicBool,
}

#[derive(Debug)]
pub(super) struct FakeHub {
    address: SocketAddr,
    state: Arc<State>,
}

impl FakeHub {
    pub(super) fn start(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        state.files.lock().extend(files);
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                // The client may leave at any time; that is its right.
                drop(shared.answer(stream));
            }
        });
        Self { address, state }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn next(&self, acts: &[Act]) {
        self.state.acts.lock().extend(acts);
    }

    pub(super) fn forget(&self, file: &str) -> Option<Vec<u8>> {
        self.state.files.lock().remove(file)
    }

    pub(super) fn offer(&self, file: &str, content: &[u8]) {
        self.state.files.lock().insert(file.to_owned(), content.to_vec());
    }

    pub(super) fn claim_etag(&self, etag: &str) {
        *self.state.etag.lock() = Some(etag.to_owned());
    }

    /// Closes the connections that stalled.
    pub(super) fn hang_up(&self) {
        self.state.held.lock().clear();
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().clone()
    }

    /// The ranges in which the content of one file was asked for.
    pub(super) fn ranges(&self, file: &str) -> Vec<String> {
        let content = |asked: &Asked| asked.is_content() && asked.file == file;
        self.asked().into_iter().filter(content).map(|asked| asked.range).collect()
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let Some(asked) = read_request(&stream)? else { return Ok(()) };
        self.asked.lock().push(asked.clone());
        let Some(content) = self.files.lock().get(&asked.file).cloned() else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        };
        let (first, last) = asked.range.trim_start_matches("bytes=").split_once('-').unwrap();
        let first: usize = first.parse().unwrap();
        let end = last.parse().map_or(content.len(), |last: usize| last + 1);
        let Some(mut piece) = content.get(first..end).map(<[u8]>::to_vec) else {
            return stream.write_all(b"HTTP/1.1 416 Out Of Range\r\nContent-Length: 0\r\n\r\n");
        };
        let etag = self.etag.lock().clone().unwrap_or_else(|| format!("etag-of-{}", asked.file));
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nETag: \"{etag}\"\r\n\
             X-Repo-Commit: {COMMIT}\r\nContent-Length: {}\r\n\
             Content-Range: bytes {first}-{}/{}\r\n\r\n",
            piece.len(),
            end - 1,
            content.len(),
        )?;
        let act = if asked.is_content() { self.acts.lock().pop_front() } else { None };
        match act.unwrap_or(Act::Serve) {
            Act::Serve => {}
            Act::CutAfter(n) => piece.truncate(n),
            Act::StallAfter(n) => {
                piece.truncate(n);
                self.held.lock().push(stream.try_clone()?);
            }
            Act::Garble => piece.fill(b'?'),
        }
        stream.write_all(&piece)
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Option<Asked>> {
    let mut lines = BufReader::new(stream).lines();
    // A mere test whether the port is open sends nothing.
    let Some(first) = lines.next().transpose()? else { return Ok(None) };
    let path = first.split(' ').nth(1).unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut asked = Asked { file, range: "bytes=0-".to_owned(), authorization: None };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = value.trim().to_owned(),
            "authorization" => asked.authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Ok(Some(asked))
}
