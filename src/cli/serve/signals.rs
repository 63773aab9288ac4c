//! Signals to the process.

use std::io;
use std::sync::Arc;

use tokio::signal;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind};

use crate::http::App;

/// Who asks the process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A process manager, behind which a load balancer may still send callers.
    #[cfg_attr(not(unix), expect(dead_code, reason = "no such signal there"))]
    Manager,
    /// Somebody at a terminal.
    Person,
}

/// The signals to stop. What comes while nobody waits is not lost.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

impl Signals {
    /// From now on a signal does not end the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self {
            terminate: signal::unix::signal(SignalKind::terminate())?,
            interrupt: signal::unix::signal(SignalKind::interrupt())?,
        });
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next one.
    pub(super) async fn stop(&mut self) -> Stop {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => Stop::Manager,
            _ = self.interrupt.recv() => Stop::Person,
        }
        #[cfg(not(unix))]
        match signal::ctrl_c().await {
            Ok(()) => Stop::Person,
            Err(_) => std::future::pending().await,
        }
    }
}

/// The signal with which daemons are told to read their files again.
#[derive(Debug)]
pub(super) struct Hangups {
    #[cfg(unix)]
    hangup: Signal,
}

impl Hangups {
    /// From now on the signal does not end the process.
    pub(super) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self { hangup: signal::unix::signal(SignalKind::hangup())? });
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn next(&mut self) -> Option<()> {
        #[cfg(unix)]
        return self.hangup.recv().await;
        #[cfg(not(unix))]
        None
    }
}

/// Reloads whenever the signal comes.
pub(super) async fn reload_on_hangup(app: Arc<App>, mut hangups: Hangups) {
    while hangups.next().await.is_some() {
        // What came of it is in the log and on the status page.
        drop(app.reload("SIGHUP").await);
    }
}
