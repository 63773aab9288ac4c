//! Reloads when the files of the rules change.
//!
//! Folders are watched and not files: editors and cluster managers put a new file, or a new link, in the place of the old one.
//! An event only says that something may have changed; whether it has, the files say.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::config::Sources;
use crate::http::App;

/// Quiet after a change, before anything is read: files are seldom written at once, and seldom alone.
const SETTLE: Duration = Duration::from_millis(300);
/// Longest wait for that quiet.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// Reloads whenever reading the `sources` again would give something else. They change with every reading, whoever wanted it.
pub(super) async fn reload_on_change(app: Arc<App>, mut sources: watch::Receiver<Sources>) {
    loop {
        let noted = Arc::new(sources.borrow_and_update().clone());
        let changes = Arc::new(Notify::new());
        // Something may have changed before anybody watched.
        changes.notify_one();
        // Made anew every time: a folder that was replaced is another folder, although it has the same name.
        let watcher = start(noted.places(), &changes);
        tokio::select! {
            read = sources.changed() => if read.is_err() { return },
            () = changed(&noted, &changes) => {
                // What came of it is in the log and on the status page.
                drop(app.reload("files").await);
            }
        }
        drop(watcher);
    }
}

/// Returns when reading again would give something else.
async fn changed(noted: &Arc<Sources>, changes: &Notify) {
    loop {
        settled(changes).await;
        let noted = Arc::clone(noted);
        let reading = tokio::task::spawn_blocking(move || noted.are_current());
        if !reading.await.unwrap_or(true) {
            return;
        }
    }
}

/// Returns some time after an event, when no further ones follow.
async fn settled(changes: &Notify) {
    changes.notified().await;
    let first = Instant::now();
    while first.elapsed() < SETTLE_MAX && timeout(SETTLE, changes.notified()).await.is_ok() {}
}

/// Watches folders until it is dropped.
fn start(places: BTreeSet<PathBuf>, changes: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let changes = Arc::clone(changes);
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is no change, and reading is what follows a change.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            changes.notify_one();
        }
    });
    let without = "changes of the rules are not noticed; ask for a reload instead";
    let mut watcher = made.map_err(|error| tracing::warn!(%error, "{without}")).ok()?;
    for place in places {
        if let Err(error) = watcher.watch(&place, RecursiveMode::NonRecursive) {
            // A folder that does not exist is a problem that loading reports.
            let (place, exists) = (place.display().to_string(), place.exists());
            if exists {
                tracing::warn!(place, %error, "{without}");
            }
        }
    }
    Some(watcher)
}
