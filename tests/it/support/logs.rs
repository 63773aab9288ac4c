//! What the gateway logs while a test runs on one thread.

use std::io::{Result, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::LevelFilter;

/// Every line, down to the finest, from here until it is dropped.
#[derive(Debug)]
pub(crate) struct Logs {
    written: Written,
    _listens: DefaultGuard,
}

#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Logs {
    pub(crate) fn listen() -> Self {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self { written, _listens: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.0.lock()).into_owned()
    }

    /// Lines that want a person.
    pub(crate) fn alerts(&self) -> Vec<String> {
        self.text().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect()
    }
}
