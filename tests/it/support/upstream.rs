//! An OpenAI-compatible provider on a raw socket, so that it can reset, stall and lie; it writes down what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::act::{Act, Played};
use super::{PATIENCE, PROMPTLY};

/// Connections that the kernel completes for a listener that never accepts, and some more.
const BACKLOG_FILLERS: usize = 16;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Everything in one text, for a search for what must not be in it.
    pub(crate) fn text(&self) -> String {
        format!("{} {:?} {}", self.path, self.headers, self.body)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Seen {
    calls: Vec<Call>,
    connections: usize,
    /// Requests whose client closed the connection before the script was over.
    abandoned: usize,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<VecDeque<Act>>,
    default: Mutex<Act>,
    seen: watch::Sender<Seen>,
}

/// A provider. Its model is `model-<name>`, its key `key-of-<name>`, and unless told otherwise it answers `<name> answers`.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Kept, so that nobody else gets the port.
    _held: Vec<Held>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held until the end, never read")]
enum Held {
    Socket(TcpSocket),
    Listener(TcpListener),
    Stream(TcpStream),
}

impl Upstream {
    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self::new(name, listener.local_addr().unwrap(), Vec::new());
        let shared = Arc::clone(&upstream.shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.seen.send_modify(|seen| seen.connections += 1);
                let shared = Arc::clone(&shared);
                // A client that leaves is noted in `Seen`; there is nothing else to do about it.
                tokio::spawn(async move { drop(shared.serve(stream).await) });
            }
        });
        upstream
    }

    /// Plays the same script for every request.
    pub(crate) async fn always(name: &'static str, act: Act) -> Self {
        let upstream = Self::start(name).await;
        *upstream.shared.default.lock() = act;
        upstream
    }

    /// Nobody listens at its port.
    pub(crate) fn refusing(name: &'static str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap();
        Self::new(name, address, vec![Held::Socket(socket)])
    }

    /// Its machine drops the packets that ask for a connection: nobody accepts, and the backlog is full.
    pub(crate) async fn silent(name: &'static str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = vec![Held::Listener(listener)];
        let connect =
            || tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address));
        while let Ok(connected) = connect().await {
            assert!(held.len() < BACKLOG_FILLERS, "this kernel's backlog has no end");
            held.push(Held::Stream(connected.unwrap()));
        }
        Self::new(name, address, held)
    }

    fn new(name: &'static str, address: SocketAddr, held: Vec<Held>) -> Self {
        let default = Mutex::new(Act::answer(&format!("{name} answers")));
        let (queue, seen) = (Mutex::default(), watch::Sender::default());
        let shared = Arc::new(Shared { queue, default, seen });
        Self { name, address, shared, _held: held }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn key(&self) -> String {
        format!("key-of-{}", self.name)
    }

    pub(crate) fn target(&self) -> String {
        format!("{0}/model-{0}", self.name)
    }

    /// For the next requests, one each; afterwards the default.
    pub(crate) fn next(&self, acts: impl IntoIterator<Item = Act>) {
        self.shared.queue.lock().extend(acts);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.seen.borrow().calls.clone()
    }

    pub(crate) fn call_count(&self) -> usize {
        self.shared.seen.borrow().calls.len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.seen.borrow().connections
    }

    /// The only request that came.
    pub(crate) fn only_call(&self) -> Call {
        let calls = self.calls();
        let [call] = calls.as_slice() else { panic!("{} calls instead of one", calls.len()) };
        call.clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn until_called(&self, times: usize) {
        self.until(PATIENCE, "calls", |seen| seen.calls.len() >= times).await;
    }

    /// Waits until so many requests have been given up by their client. That has to be noticed soon.
    pub(crate) async fn until_abandoned(&self, times: usize) {
        self.until(PROMPTLY, "hang-ups", |seen| seen.abandoned >= times).await;
    }

    /// The same for what need not be noticed as soon.
    pub(crate) async fn until_abandoned_within(&self, wait: Duration, times: usize) {
        self.until(wait, "hang-ups", |seen| seen.abandoned >= times).await;
    }

    async fn until(&self, wait: Duration, what: &str, is_so: impl Fn(&Seen) -> bool) {
        let mut seen = self.shared.seen.subscribe();
        let waited = tokio::time::timeout(wait, seen.wait_for(|seen| is_so(seen))).await;
        let name = self.name;
        assert!(waited.is_ok(), "{name} waits for {what}: {:?}", self.shared.seen.borrow());
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut arrived = Vec::new();
        while let Some(call) = read_call(&mut stream, &mut arrived).await? {
            self.seen.send_modify(|seen| seen.calls.push(call.clone()));
            let queued = self.queue.lock().pop_front();
            let act = queued.unwrap_or_else(|| self.default.lock().clone());
            let (mut read, mut write) = stream.split();
            let played = tokio::select! {
                played = act.play(&call, &mut write) => played,
                () = hung_up(&mut read) => Err(std::io::ErrorKind::BrokenPipe.into()),
            };
            match played {
                Ok(Played::Complete) => {}
                Ok(Played::Close) => return Ok(()),
                Ok(Played::Reset) => return stream.set_zero_linger(),
                Err(error) => {
                    self.seen.send_modify(|seen| seen.abandoned += 1);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Returns when the client has closed the connection.
async fn hung_up(read: &mut (impl AsyncRead + Unpin)) {
    let mut byte = [0];
    while matches!(read.read(&mut byte).await, Ok(1)) {}
}

/// The next request of a connection; nothing at its end.
async fn read_call(stream: &mut TcpStream, arrived: &mut Vec<u8>) -> std::io::Result<Option<Call>> {
    let head_end = loop {
        if let Some(at) = arrived.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(arrived).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&arrived[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut asked = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (asked.next().unwrap_or_default(), asked.next().unwrap_or_default());
    let fields = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut call = Call { method, path, headers, body: String::new() };
    let length: usize = call.header("content-length").map_or(0, |length| length.parse().unwrap());
    let end = head_end + 4 + length;
    while arrived.len() < end {
        if stream.read_buf(arrived).await? == 0 {
            return Ok(None);
        }
    }
    let rest = arrived.split_off(end);
    call.body = String::from_utf8_lossy(&arrived[head_end + 4..]).into_owned();
    *arrived = rest;
    Ok(Some(call))
}
