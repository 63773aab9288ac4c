//! The end of a gateway: nobody new, and everyone who is being answered to the end.

use std::io;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::signals::{Signals, Stop};
use crate::http::App;

/// Longest time that answers under way may take after the listener has closed.
const DRAIN_MAX: Duration = Duration::from_secs(600);
/// Until answers that are cut off have said so.
const CUT_MAX: Duration = Duration::from_secs(1);
/// With no request under way for so long, what is left are connections that have not finished a request, or callers who do not
/// read what was written.
const QUIET: Duration = Duration::from_secs(5);
/// Between two looks at the requests under way.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The listener of callers.
#[derive(Debug)]
pub(super) struct Callers {
    pub(super) task: JoinHandle<io::Result<()>>,
    /// Closes it.
    pub(super) stop: CancellationToken,
}

/// Returns when the process may end: every answer is complete, or somebody or the clock does not wait for that.
pub(super) async fn drain(
    app: &App,
    mut callers: Callers,
    first: Stop,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let linger = match first {
        // Who is behind a load balancer is still sent callers, until it has asked how this gateway is.
        Stop::Manager => app.linger(),
        Stop::Person => Duration::ZERO,
    };
    tokio::select! {
        () = sleep(linger) => callers.stop.cancel(),
        _second = signals.stop() => return Ok(()),
    }
    tokio::select! {
        served = &mut callers.task => {
            served.context("the listener's task ended")?.context("the listener failed")?;
        }
        () = quiet(app) => tracing::info!("connections without a request were left open"),
        () = sleep(DRAIN_MAX) => {
            tracing::warn!(cut_off = app.in_flight(), "the time for answers under way is up");
            app.cut_off();
            drop(timeout(CUT_MAX, callers.task).await);
        }
        _second = signals.stop() => {}
    }
    Ok(())
}

/// Returns when no request has been under way for a while.
async fn quiet(app: &App) {
    let mut last = Instant::now();
    while last.elapsed() < QUIET {
        sleep(LOOK_EVERY).await;
        if app.in_flight() > 0 {
            last = Instant::now();
        }
    }
}
