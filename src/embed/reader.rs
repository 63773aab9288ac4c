//! The thread that owns the model, the queue in front of it and the memory of recent prompts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::{mpsc, oneshot};

use super::{EmbedError, Embedder, Features};
use crate::chat::Passage;

/// Prompts remembered; at 384 dimensions and up to 2 KB of text each, 4,096 are at most 15 MB.
const REMEMBERED: u64 = 4_096;
/// Prompts that wait for the model. At 15 ms each the last one waits a second; more waiting helps nobody.
const QUEUE: usize = 64;

/// How long a prompt may take.
#[derive(Debug, Clone, Copy)]
pub struct ReaderLimits {
    /// From asking to the vector; past it the answer is [`EmbedError::Late`].
    pub deadline: Duration,
}

/// Is shown what was read so far, and may end the reading there.
pub type Enough = Box<dyn FnMut(&[f32]) -> bool + Send>;

/// What was read of a prompt.
#[derive(Debug, Clone)]
pub struct Read {
    /// As deep as was enough.
    pub features: Features,
    /// It had been read before.
    pub remembered: bool,
}

/// A handle to the embedder; clones share one model and one memory.
#[derive(Clone)]
pub struct Reader {
    embedder: Arc<dyn Embedder>,
    queue: mpsc::Sender<Job>,
    recent: Cache<Passage, Features>,
    /// Length of what is read to the end.
    full: usize,
    limits: ReaderLimits,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.embedder.fingerprint();
        f.debug_struct("Reader").field("embedder", &fingerprint).finish_non_exhaustive()
    }
}

struct Job {
    text: Passage,
    enough: Enough,
    answer: oneshot::Sender<Result<Features, EmbedError>>,
}

impl Reader {
    /// Gives a model a thread of its own, which ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn start(embedder: impl Embedder, limits: ReaderLimits) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let full = embedder.stops().last().copied().unwrap_or_default();
        let embedder: Arc<dyn Embedder> = Arc::new(embedder);
        let reading = Arc::clone(&embedder);
        let thread = std::thread::Builder::new().name("embedder".to_owned());
        thread.spawn(move || run(&*reading, jobs))?;
        Ok(Self { embedder, queue, recent: Cache::new(REMEMBERED), full, limits })
    }

    /// A handle to the same model and the same memory with limits of its own.
    #[must_use]
    pub fn with_limits(&self, limits: ReaderLimits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// The model itself, for what reads many texts at once and never on an async thread.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder {
        &*self.embedder
    }

    /// What the model sees in a text, as deep as is enough. Equal texts that arrive together are read once.
    ///
    /// # Errors
    /// When the queue is full, the deadline passes or the model fails; the caller then routes without a vector.
    pub async fn read(&self, text: &Passage, mut enough: Enough) -> Result<Read, EmbedError> {
        if let Some(features) = self.recent.get(text).await {
            // What was enough for the rules of then may be too little for those of now.
            if features.len() >= self.full || enough(features.as_slice()) {
                return Ok(Read { features, remembered: true });
            }
            self.recent.invalidate(text).await;
        }
        let asked = self.recent.try_get_with_by_ref(text, self.ask(text.clone(), enough));
        let late = EmbedError::Late { deadline_ms: self.limits.deadline.as_millis() };
        match tokio::time::timeout(self.limits.deadline, asked).await {
            Ok(Ok(features)) => Ok(Read { features, remembered: false }),
            Ok(Err(error)) => Err((*error).clone()),
            Err(_elapsed) => Err(late),
        }
    }

    /// Whether the thread that owns the model still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.queue.is_closed()
    }

    async fn ask(&self, text: Passage, enough: Enough) -> Result<Features, EmbedError> {
        let (answer, wait) = oneshot::channel();
        self.queue.try_send(Job { text, enough, answer }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => EmbedError::Busy { waiting: QUEUE },
            mpsc::error::TrySendError::Closed(_) => EmbedError::Stopped,
        })?;
        wait.await.unwrap_or(Err(EmbedError::Stopped))
    }
}

fn run(embedder: &dyn Embedder, mut jobs: mpsc::Receiver<Job>) {
    while let Some(mut job) = jobs.blocking_recv() {
        // Nobody waits any more: the deadline passed or the caller left.
        if job.answer.is_closed() {
            continue;
        }
        drop(job.answer.send(embedder.read(job.text.as_str(), &mut job.enough)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc as gate;

    use parking_lot::Mutex;

    use super::super::Embedding;
    use super::*;

    /// Waits for a permission before each answer, so that tests decide the order of events.
    struct Gated {
        gate: Mutex<gate::Receiver<()>>,
        calls: Arc<AtomicUsize>,
    }

    impl Embedder for Gated {
        fn stops(&self) -> &[usize] {
            &[2]
        }

        fn read(
            &self,
            text: &str,
            _: &mut dyn FnMut(&[f32]) -> bool,
        ) -> Result<Features, EmbedError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.gate.lock().recv().map_err(|_closed| EmbedError::Stopped)?;
            assert_ne!(text, "panic", "asked to");
            Ok(Embedding::new(vec![1.0, 2.0])?.into())
        }

        fn fingerprint(&self) -> &'static str {
            "gated"
        }
    }

    fn start(deadline_ms: u64) -> (Reader, gate::Sender<()>, Arc<AtomicUsize>) {
        let (open, gate) = gate::channel();
        let calls = Arc::new(AtomicUsize::new(0));
        let embedder = Gated { gate: Mutex::new(gate), calls: Arc::clone(&calls) };
        let limits = ReaderLimits { deadline: Duration::from_millis(deadline_ms) };
        (Reader::start(embedder, limits).expect("a thread"), open, calls)
    }

    async fn read(reader: &Reader, text: &str) -> Result<Read, EmbedError> {
        reader.read(&passage(text), Box::new(|_features| false)).await
    }

    fn passage(text: &str) -> Passage {
        Passage::new(text).expect("visible text")
    }

    #[tokio::test]
    async fn a_prompt_is_read_once_and_then_remembered() {
        let (reader, open, calls) = start(10_000);
        open.send(()).expect("the thread waits");
        let first = read(&reader, "a").await.expect("a vector");
        let second = read(&reader, "a").await.expect("from memory");
        assert_eq!(first.features, second.features);
        assert!(second.remembered && !first.remembered);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_slow_model_is_late_and_abandoned_jobs_are_dropped() {
        let (reader, open, calls) = start(20);
        assert!(matches!(read(&reader, "a").await, Err(EmbedError::Late { .. })));
        assert!(matches!(read(&reader, "b").await, Err(EmbedError::Late { .. })));
        // "a" is being read, "b" was given up while it waited: only "c" is read next.
        open.send(()).expect("the thread waits");
        open.send(()).expect("the thread waits");
        let third = read(&reader, "c").await;
        assert!(third.is_ok(), "{third:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let (reader, _open, _calls) = start(10_000);
        let waiting: Vec<_> = (0..=QUEUE)
            .map(|number| {
                let reader = reader.clone();
                tokio::spawn(async move { read(&reader, &number.to_string()).await })
            })
            .collect();
        while reader.queue.capacity() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = read(&reader, "one more").await;
        assert!(matches!(refused, Err(EmbedError::Busy { waiting: QUEUE })), "{refused:?}");
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_model_that_panics_is_an_error_for_everyone_after() {
        let (reader, open, _calls) = start(10_000);
        open.send(()).expect("the thread waits");
        let failed = read(&reader, "panic").await;
        assert!(matches!(failed, Err(EmbedError::Stopped)), "{failed:?}");
        let after = read(&reader, "a").await;
        assert!(matches!(after, Err(EmbedError::Stopped)), "{after:?}");
    }
}
